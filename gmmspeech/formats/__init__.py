"""Reading and writing files of other systems: Kaldi, HTK, Praat, lhotse, bob, SIDEKIT."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
