"""Labels with times: CTM, HTK, TIMIT, Buckeye, Audacity, Praat, and tables of them."""
