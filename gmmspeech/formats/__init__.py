"""Files of other systems, read and written: Kaldi, HTK, Praat, lhotse, bob, SIDEKIT."""
