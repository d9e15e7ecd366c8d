"""Phone models included in the package."""

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
    """Return the included English phone HMMs (16 kHz): ARPAbet without stress, SIL, and SPN for unknown words.

    Trained on 42 minutes of LibriSpeech (CC BY 4.0) by ``recipes/english_model``; see its `card` for details.

    Parameters
    ----------
    contexts : bool
        If False, monophones, which `gmmspeech align` uses and other languages start from. If True, tied triphones of
        the same Gaussians, one percentage point closer to the labels of their corpus and slower by a third.

    Returns
    -------
    PhoneHMM

    Examples
    --------
    >>> import gmmspeech as gs
    >>> model = gs.phones.english_model()
    >>> len(model.phones), model.silence, "SPN" in model.phones
    (41, 'SIL', True)
    >>> model.num_states == 123 < gs.phones.english_model(contexts=True).num_states
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
