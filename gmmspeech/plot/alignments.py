"""Plot of an alignment: waveform, spectrogram and tiers, with lines at the boundaries of labels."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import NOTHING, any_of, check, instance, listed, one_of, whole
from gmmspeech.audio import read_audio
from gmmspeech.audio.samples import Channel
from gmmspeech.checks import as_vector, check_positive
from gmmspeech.errors import ConfigError, DataError, counted, shown
from gmmspeech.formats.labels.labels import read_labels
from gmmspeech.formats.labels.praat_symbols import tiers_shown_by_praat
from gmmspeech.formats.labels.tables import is_tiers_of_mfa, read_tiers_of_mfa
from gmmspeech.formats.labels.textgrid import read_textgrid
from gmmspeech.formats.labels.tiers import COUNTING, OF_SPEAKER, PHONES, WORDS, by_file, in_time_of, read_tiers
from gmmspeech.formats.recordings import SAME_LENGTH, path_of_id
from gmmspeech.phones.decoding.alignment import Alignment
from gmmspeech.phones.labels.labels import Label
from gmmspeech.plot.spectrograms import HEIGHT, cut, draw_spectrogram
from gmmspeech.plot.style import INK, drawing_on, stacked
from gmmspeech.plot.tiers import TIER, check_tiers, draw_lines, draw_tiers, tiers_of, width_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WAVEFORM = 1.1  # inches
_TABLES = ("csv", "json")


def alignment(
    audio: str | os.PathLike[str] | tuple[ArrayLike, int],
    labels: str | os.PathLike[str] | Alignment | Sequence[Label] | Mapping[str, Sequence[Label]],
    *,
    start: float = 0.0,
    end: float | None = None,
    channel: Channel = "mix",
    tiers: Sequence[str] = (),
    ax: Axes | Figure | None = None,
) -> Axes:
    """Plot a recording and its labels: waveform, wide-band spectrogram, and tiers with their boundaries.

    Parameters
    ----------
    audio : path-like or (waveform, rate)
    labels : path-like, Alignment, sequence of Label, or mapping of str to sequence of Label
        A TextGrid (or another label file of the recording, such as ``alignment.csv``), the result of
        `gmmspeech.align_file`, labels, or tiers by name. Samples in ``.phn`` and ``.wrd`` are at 16 kHz, as in TIMIT,
        or at the recording's rate, whichever ends closer to its end.
    start, end : float
        Range to draw, in seconds; by default ten seconds, or to the end.
    channel : int or "mix"
        Channel of a recording with several, or the mean of all.
    tiers : sequence of str
        Tiers to draw, in this order; ``words`` includes those of all speakers (``ann - words``). All by default.
    ax : matplotlib.axes.Axes or empty Figure, optional
        Where to draw; by default a new pyplot figure.

    Returns
    -------
    matplotlib.axes.Axes
        Its ``ax.child_axes`` are waveform, spectrogram and tiers.

    Raises
    ------
    ConfigError
        matplotlib is not installed, or an argument is invalid.
    AudioError
        The recording can't be read.
    DataError
        The labels can't be read or are of a longer recording, or the recording has no sound in the range.

    Examples
    --------
    >>> from gmmspeech.phones import Label
    >>> import gmmspeech as gs, numpy as np
    >>> tiers = {"words": [Label(0.1, 0.9, "ah")], "phones": [Label(0.1, 0.4, "AA"), Label(0.4, 0.9, "HH")]}
    >>> axes = gs.plot.alignment((np.sin(np.arange(16000.0)), 16000), tiers)
    >>> [text.get_text() for part in axes.child_axes for text in part.texts]
    ['ah', 'AA', 'HH']
    """
    check(any_of(whole(), one_of("mix"), NOTHING), channel=channel)
    x, rate = _read_sound(audio, channel)
    piece, last = cut(x, rate, start, end, "audio")
    start, duration = float(start), len(x) / rate
    drawn = _chosen(_tiers(labels, audio, rate, duration), tiers)
    latest = max((label.end for found in drawn.values() for label in found), default=0.0)
    if latest > duration + SAME_LENGTH:
        raise DataError(f"labels: found some up to {latest:.3f} s, expected those of a recording of {duration:.3f} s")
    heights = [WAVEFORM, HEIGHT, *[TIER] * len(drawn)]
    with drawing_on(ax, width_of(last - start), sum(heights) + 0.6) as ax:
        waveform, spectrogram, *below = stacked(ax, heights)
        _draw_waveform(waveform, piece, rate, start)
        draw_spectrogram(spectrogram, piece, rate, start)
        for part in (waveform, spectrogram):
            draw_lines(part, drawn, (start, last))
        draw_tiers(below, drawn, (start, last))
        ax.set(xlabel="s", xlim=(start, last))
    return ax


def _tiers(labels: object, audio: object, rate: float, duration: float) -> dict[str, list[Label]]:
    """Tiers by name, of whatever holds them."""
    if isinstance(labels, (str, os.PathLike)):
        place = "" if isinstance(audio, tuple) else os.path.abspath(audio)  # type: ignore[call-overload]
        return _read(Path(labels), place, rate, duration)
    return tiers_of(labels, "a file, an Alignment, labels, or tiers by name")


def _chosen(tiers: dict[str, list[Label]], names: Sequence[str]) -> dict[str, list[Label]]:
    """Tiers of some names, of each speaker; all without any names."""
    check(listed(instance(str), "a list of names"), tiers=names)
    found: dict[str, list[Label]] = {}
    for name in map(str.strip, names):
        own = [name] if name in tiers else [tier for tier in tiers if tier.endswith(OF_SPEAKER + name)]
        if not own:
            raise DataError(f"tiers: found no {shown(name)}, expected some of {shown(', '.join(tiers), 300)}")
        found |= {tier: tiers[tier] for tier in own}
    return check_tiers(found if names else tiers)


def _read(path: Path, audio: str, rate: float, duration: float) -> dict[str, list[Label]]:
    """Read tiers of a file: a TextGrid's, or the labels of its only recording, or of the one that is called so."""
    suffix = path.suffix.removeprefix(".").lower()
    if suffix == "textgrid":
        return tiers_shown_by_praat(read_textgrid(path))
    if suffix in _TABLES and is_tiers_of_mfa(path):
        return read_tiers_of_mfa(path)
    if suffix in _TABLES:
        return _read_table(path, audio)
    found = read_labels(path)
    labels = found[_recording_of(path, found, audio)]
    return {suffix: in_time_of(rate, duration, labels) if suffix in COUNTING else labels}


def _read_table(path: Path, audio: str) -> dict[str, list[Label]]:
    """Words and phones of a recording in a table of `align`, of each speaker where there are several."""
    kinds = {kind: by_file(read_tiers(path, kind)) for kind in (WORDS, PHONES)}
    file = _recording_of(path, list(kinds[PHONES]), audio)
    spoken = {speaker: speaker + OF_SPEAKER if speaker else "" for speaker in kinds[PHONES][file]}
    tiers = {lead + kind: own.get(file, {}).get(who, []) for who, lead in spoken.items() for kind, own in kinds.items()}
    return {name: labels for name, labels in tiers.items() if labels}


def _recording_of(path: Path, names: Collection[str], audio: str) -> str:
    """Which of the recordings that a file has labels of an audio file is: the only one, or the one that is called so.

    Where several are, in other folders, it is the one whose folders are the last ones of the audio file too.
    """
    called = "" if not audio else Path(audio).stem
    own = [name for name in names if len(names) == 1 or path_of_id(name.rpartition("/")[2]) == called]
    if len(own) > 1:
        place = Path(audio).with_suffix("").as_posix()
        own = [name for name in own if place.endswith("/" + path_of_id(name))] or own
    if len(own) != 1:
        which = f", {len(own)} of them called {shown(called)}" if called else ""
        raise DataError(f"{path}: found labels of {counted(len(names), 'recording')}{which}, expected those of one")
    return own[0]


def _read_sound(audio: object, channel: Channel) -> tuple[NDArray[np.float64], float]:
    """Give the waveform and its rate."""
    if not isinstance(audio, tuple):
        found, rate = read_audio(audio, channel=channel)  # type: ignore[arg-type]
        return found.astype(np.float64), float(rate)
    if len(audio) != 2:
        raise ConfigError(f"audio: found {len(audio)} in a tuple, expected the waveform and its rate")
    check_positive(rate=audio[1])
    return as_vector(audio[0], "audio"), float(audio[1])


def _draw_waveform(ax: Axes, x: NDArray[np.float64], rate: float, start: float) -> None:
    """Draw the waveform, or the extremes of its pieces where it has more samples than the picture has dots."""
    size = max(1, len(x) // 6000)
    pieces = np.append(x, np.full(-len(x) % size, x[-1])).reshape(-1, size)
    seconds = start + np.arange(len(pieces)) * size / rate
    if size == 1:
        ax.plot(seconds, x, color=INK, linewidth=0.5)
    else:
        ax.fill_between(seconds, pieces.min(axis=1), pieces.max(axis=1), color=INK, linewidth=0.3)
    largest = float(np.abs(x).max()) or 1.0
    ax.set(yticks=[], ylim=(-1.05 * largest, 1.05 * largest))
    ax.spines[["left", "bottom"]].set_visible(False)
