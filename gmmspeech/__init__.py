"""Gaussian-mixture acoustic modeling: features, diagonal GMMs, MAP adaptation, likelihood-ratio scoring.

>>> import numpy as np, gmmspeech as gs
>>> frames = gs.mfcc(np.random.default_rng(0).standard_normal(16000).astype("float32") / 10, 16000)
>>> frames.shape
(98, 13)
"""

import lazy_loader

_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    """Load a name when it is asked for; say where it is if a namespace has it."""
    if name == "__version__":  # looked up on demand: it takes longer than importing the rest
        from importlib.metadata import version

        return version(__name__)
    try:
        return _load(name)
    except AttributeError:
        for room in __all__ if not name.startswith("_") else ():
            if hasattr(_load(room), "__path__") and name in _load(room).__all__:
                raise AttributeError(f"module {__name__!r} has no attribute {name!r}: it is gs.{room}.{name}") from None
        raise
