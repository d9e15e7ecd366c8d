"""Gaussian-mixture acoustic modeling: features, diagonal GMMs, MAP adaptation, likelihood-ratio scoring.

>>> import numpy as np, gmmspeech as gs
>>> frames = gs.mfcc(np.random.default_rng(0).standard_normal(16000).astype("float32") / 10, 16000)
>>> frames.shape
(98, 13)
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
