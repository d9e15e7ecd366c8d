"""Picture of an alignment: waveform over spectrogram over tiers, with lines where labels begin and end."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import NOTHING, TEXT, any_of, check, instance, listed, mapped, one_of, real, whole
from gmmspeech.audio import read_audio, sample_at
from gmmspeech.audio.reading import Channel
from gmmspeech.checks import as_vector, check_positive
from gmmspeech.errors import ConfigError, DataError, counted, shown
from gmmspeech.formats.labels import read_labels
from gmmspeech.formats.recordings import SAME_LENGTH, path_of_id
from gmmspeech.formats.textgrid import read_textgrid
from gmmspeech.formats.tiers import COUNTING, in_time_of
from gmmspeech.phones.decoding.alignment import Alignment
from gmmspeech.phones.labels.labels import Label
from gmmspeech.plot.plots import INK, MUTED, NONTARGETS, TARGETS, THIRD, drawing
from gmmspeech.plot.spectrogram import WINDOW, draw_spectrogram

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LONGEST = 10.0  # seconds that are drawn where no end is given
MOST_TIERS = 12
INCHES_A_SECOND, NARROWEST, WIDEST = 4.0, 6.0, 28.0
LETTER = 0.0095  # inches of a letter's width, for a point of its size
LARGEST, SMALLEST = 10.0, 5.5  # points
NO_LINES = "confidence"  # the tier whose boundaries are those of another one


def alignment(
    audio: str | os.PathLike[str] | tuple[ArrayLike, int],
    labels: str | os.PathLike[str] | Alignment | Mapping[str, Sequence[Label]],
    *,
    start: float = 0.0,
    end: float | None = None,
    channel: Channel = "mix",
    title: str = "",
) -> Figure:
    """Draw a recording and its labels: waveform, wide-band spectrogram, and tiers with their boundaries.

    Parameters
    ----------
    audio : path-like or (waveform, rate)
    labels : path-like, Alignment, or mapping of str to sequence of Label
        A TextGrid (or another file with the labels of the recording), what `gmmspeech.align` found, or tiers by name.
        Samples in ``.phn`` and ``.wrd`` are those of 16 kHz, as in TIMIT, or the recording's: which end nearer to its
        end.
    start, end : float
        Stretch to draw, in seconds; ten seconds, or to the end, by default.
    channel : int or "mix"
        Which channel of a recording with several, or the mean of all.
    title : str

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ConfigError
        matplotlib is not installed, or an argument makes no sense.
    AudioError
        The recording can't be read.
    DataError
        The labels can't be read or are of a longer recording, or this one has no sound in the stretch.

    Examples
    --------
    >>> tiers = {"words": [Label(0.1, 0.9, "ah")], "phones": [Label(0.1, 0.4, "AA"), Label(0.4, 0.9, "HH")]}
    >>> figure = alignment((np.sin(np.arange(16000.0)), 16000), tiers)
    >>> [text.get_text() for axes in figure.axes for text in axes.texts]
    ['ah', 'AA', 'HH']
    """
    check(real(least=0, below=math.inf), start=start)
    check(any_of(real(above=0, below=math.inf), NOTHING), end=end)
    check(any_of(whole(), one_of("mix"), NOTHING), channel=channel)
    check(TEXT, title=title)
    start = float(start)  # sums with an int8 would overflow
    last = start + LONGEST if end is None else float(end)
    if last <= start:
        raise ConfigError(f"end: found {last:g}, expected one after the start, {start:g}")
    x, rate, duration = _stretch(audio, start, last, channel)
    tiers = _tiers(labels, audio, rate, duration)
    latest = max((label.end for found in tiers.values() for label in found), default=0.0)
    if latest > duration + SAME_LENGTH:
        raise DataError(f"labels: found some up to {latest:.3f} s, expected those of a recording of {duration:.3f} s")
    last = start + len(x) / rate
    if last - start < WINDOW:
        raise DataError(f"{title or 'audio'}: found {last - start:.6g} s, expected {WINDOW:g} s or more")
    with drawing():
        from matplotlib.figure import Figure

        width = float(np.clip(INCHES_A_SECOND * (last - start), NARROWEST, WIDEST))
        heights = [1.1, 2.6, *[0.42] * len(tiers)]
        figure = Figure(figsize=(width + 1.0, sum(heights) + 0.9))
        figure.get_layout_engine().set(h_pad=0.01, hspace=0.0)  # type: ignore[union-attr, call-arg]
        axes = figure.subplots(len(heights), sharex=True, height_ratios=heights)
        _draw_waveform(axes[0], x, rate, start)
        draw_spectrogram(axes[1], x, rate, start)
        colors = dict(zip(tiers, cycle((INK, TARGETS, NONTARGETS, THIRD)), strict=False))
        for below, (name, found) in zip(axes[2:], tiers.items(), strict=True):
            _draw_tier(below, name, found, (start, last), colors[name], width / (last - start))
        for name in _with_lines(tiers):
            times = _boundaries(tiers[name], start, last)
            for above in axes[:2]:
                above.vlines(
                    times, 0, 1, transform=above.get_xaxis_transform(), color=TARGETS, linewidth=0.8, alpha=0.8
                )
        axes[-1].set(xlabel="s", xlim=(start, last))
        for each in axes[:-1]:
            each.tick_params(bottom=False, labelbottom=False)
        if title:
            axes[0].set_title(title.replace("$", r"\$"), loc="left")
    return figure


def _tiers(labels: object, audio: object, rate: int, duration: float) -> dict[str, list[Label]]:
    """Tiers by name, of whatever holds them."""
    if isinstance(labels, Alignment):
        return {"words": labels.words, "phones": labels.phones}
    if isinstance(labels, Mapping):
        check(mapped(listed(instance(Label), "a list of Label")), labels=labels)
        tiers = {str(name): list(found) for name, found in labels.items()}
    elif isinstance(labels, (str, os.PathLike)):
        name = "" if isinstance(audio, tuple) else Path(audio).stem  # type: ignore[arg-type]
        tiers = _read(Path(labels), name, rate, duration)
    else:
        raise ConfigError(f"labels: found {type(labels).__name__}, expected a file, an Alignment, or tiers by name")
    if not 1 <= len(tiers) <= MOST_TIERS:
        raise DataError(f"labels: found {counted(len(tiers), 'tier')}, expected 1 to {MOST_TIERS}")
    return tiers


def _read(path: Path, name: str, rate: int, duration: float) -> dict[str, list[Label]]:
    """Read tiers of a file: a TextGrid's, or the labels of its only recording, or of the one that is called so."""
    if path.suffix.lower() == ".textgrid":
        return read_textgrid(path)
    found = read_labels(path)
    own = [key for key in found if len(found) == 1 or path_of_id(key.rpartition("/")[2]) == name]
    if len(own) != 1:
        which = f", {len(own)} of them called {shown(name)}" if name else ""
        raise DataError(f"{path}: found labels of {counted(len(found), 'recording')}{which}, expected those of one")
    labels, suffix = found[own[0]], path.suffix.removeprefix(".").lower()
    return {suffix: in_time_of(rate, duration, labels) if suffix in COUNTING else labels}


def _stretch(audio: object, start: float, end: float, channel: Channel) -> tuple[NDArray[np.float64], int, float]:
    """Samples from a start to an end, or the end of the recording; their rate, and the recording's seconds."""
    if isinstance(audio, tuple):
        if len(audio) != 2:
            raise ConfigError(f"audio: found {len(audio)} in a tuple, expected the waveform and its rate")
        x, rate = as_vector(audio[0], "audio"), audio[1]
        check_positive(rate=rate)
        rate = float(rate)
    else:
        found, rate = read_audio(audio, channel=channel)  # type: ignore[arg-type]
        x = found.astype(np.float64)
    piece = x[sample_at(start, rate) : sample_at(end, rate)]
    if not len(piece):
        raise DataError(f"audio: found {len(x) / rate:.6g} s, expected some after {start:g} s")
    return piece, round(rate), len(x) / rate


def _with_lines(tiers: Mapping[str, Sequence[Label]]) -> list[str]:
    """Tiers whose boundaries go through the pictures: those of phones if there are any, else all."""
    phones = [name for name in tiers if name.lower().endswith("phones")]
    return phones or [name for name in tiers if not name.endswith(NO_LINES)]


def _boundaries(labels: Sequence[Label], start: float, end: float) -> list[float]:
    """Starts and ends of labels in a stretch, each once."""
    times = {round(time, 6) for label in labels for time in label[:2]}
    return sorted(time for time in times if start < time < end)


def _draw_waveform(axes: Axes, x: NDArray[np.float64], rate: int, start: float) -> None:
    """Draw the waveform, or the extremes of its pieces where it has more samples than the picture has dots."""
    size = max(1, len(x) // 6000)
    pieces = np.append(x, np.full(-len(x) % size, x[-1])).reshape(-1, size)
    seconds = start + np.arange(len(pieces)) * size / rate
    if size == 1:
        axes.plot(seconds, x, color=INK, linewidth=0.5)
    else:
        axes.fill_between(seconds, pieces.min(axis=1), pieces.max(axis=1), color=INK, linewidth=0.3)
    largest = float(np.abs(x).max()) or 1.0
    axes.set(yticks=[], ylim=(-1.05 * largest, 1.05 * largest))
    axes.spines[["left", "bottom"]].set_visible(False)


def _draw_tier(
    axes: Axes, name: str, labels: Sequence[Label], limits: tuple[float, float], color: str, inches: float
) -> None:
    """Draw a tier's boundaries, and the names that have room, as large as they can be."""
    start, end = limits
    axes.vlines(_boundaries(labels, start, end), 0, 1, color=color, linewidth=1.0)
    for label in labels:
        first, last = max(label.start, start), min(label.end, end)
        size = min(LARGEST, 0.94 * (last - first) * inches / (LETTER * max(len(label.name), 1)))
        if last > first and size >= SMALLEST:
            text = label.name.replace("$", r"\$")
            axes.text((first + last) / 2, 0.47, text, ha="center", va="center", color=INK, fontsize=size)
    axes.set(yticks=[], ylim=(0, 1))
    axes.spines["left"].set_visible(False)
    axes.spines["bottom"].set_color(MUTED)
    axes.set_ylabel(name.replace("$", r"\$"), rotation=0, ha="right", va="center", color=color)
