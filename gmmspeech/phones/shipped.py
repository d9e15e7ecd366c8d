"""The phone models that come with the package."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from gmmspeech.files.saving import load
from gmmspeech.phones.hmm.model import PhoneHMM

ENGLISH = Path(__file__).parent.parent / "data" / "english.h5"


@lru_cache(maxsize=1)
def english_model() -> PhoneHMM:
    """Give the phone HMMs of English that come along: ARPAbet without stress, SIL, and SPN for unknown words; 16 kHz.

    Trained on 42 minutes of LibriSpeech (CC BY 4.0) by ``recipes/english_model``; its `card` tells more.

    Returns
    -------
    PhoneHMM

    Examples
    --------
    >>> model = english_model()
    >>> len(model.phones), model.silence, "SPN" in model.phones
    (41, 'SIL', True)
    """
    model: PhoneHMM = load(ENGLISH, PhoneHMM)
    return model
