"""The background models that come with the package."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from gmmspeech.arguments import checked
from gmmspeech.errors import ConfigError
from gmmspeech.files.saving import load
from gmmspeech.gmm.mixture import DiagonalGMM

RATES = (16000, 8000)

_DATA = Path(__file__).parent.parent / "data"


@checked
def open_background(rate: int) -> DiagonalGMM:
    """Give a background model of some two hundred speakers of open corpora, as many women as men, to adapt from.

    Where one's own speakers are few, a model of theirs knows them by heart, or lacks the voices of a sex: strangers
    are better then. Each speaker counts alike, and a third of what they say is in noise: where recordings are noisy, a
    model that knows quiet rooms alone takes noise for the speaker. ``recipes/background`` trains it, and tells of which
    corpora; the front end is in `front_end_`.

    Parameters
    ----------
    rate : {16000, 8000}
        Hz, of the recordings.

    Returns
    -------
    DiagonalGMM
        128 components of 24 cepstra, deltas and their deltas.

    Raises
    ------
    ConfigError
        Another rate.

    See Also
    --------
    gmmspeech.scoring.with_pitch : single words are told apart better with their pitch, most of all in noise.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> ubm = open_background(16000)
    >>> ubm.means_.shape
    (128, 72)
    >>> front_end = gs.FrontEnd.from_json(ubm.front_end_)
    >>> verifier = gs.SpeakerVerifier(ubm, relevance_factor=10.0, scoring="symmetric")
    """
    return _read(background_file(rate))


def background_file(rate: int) -> Path:
    """Where the file of `open_background` is."""
    if rate not in RATES:
        raise ConfigError(f"rate: found {rate}, expected {RATES[0]} or {RATES[1]}")
    return _DATA / f"background_{rate}.h5"


@cache
def _read(path: Path) -> DiagonalGMM:
    model: DiagonalGMM = load(path, DiagonalGMM)
    return model
