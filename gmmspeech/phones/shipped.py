"""The phone models that come with the package."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from gmmspeech.arguments import checked
from gmmspeech.files.saving import load
from gmmspeech.phones.hmm.mapping import without_contexts
from gmmspeech.phones.hmm.model import PhoneHMM

ENGLISH = Path(__file__).parent.parent / "data" / "english.h5"


@checked
def english_model(*, contexts: bool = False) -> PhoneHMM:
    """Give the phone HMMs of English that come along: ARPAbet without stress, SIL, and SPN for unknown words; 16 kHz.

    Trained on 42 minutes of LibriSpeech (CC BY 4.0) by ``recipes/english_model``; its `card` tells more.

    Parameters
    ----------
    contexts : bool
        As phones that are the same between any others, which `gmmspeech align` takes and other languages begin with; or
        as the tied triphones of the same Gaussians, nearer to their corpus' labels by a point and slower by a third.

    Returns
    -------
    PhoneHMM

    Examples
    --------
    >>> model = english_model()
    >>> len(model.phones), model.silence, "SPN" in model.phones
    (41, 'SIL', True)
    >>> model.num_states == 123 < english_model(contexts=True).num_states
    True
    """
    return _model(contexts)


@cache
def _model(contexts: bool) -> PhoneHMM:
    """Read the model once, as English or as other languages take it."""
    if contexts:
        model: PhoneHMM = load(ENGLISH, PhoneHMM)
        return model
    return without_contexts(_model(True))
