"""Picture of speech and its labels: whose boundary is right is seen best over a spectrogram."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import ShortTimeFFT
from scipy.signal.windows import gaussian

from gmmspeech.arguments import checked
from gmmspeech.audio import sample_at
from gmmspeech.checks import as_vector, check_positive
from gmmspeech.errors import DataError
from gmmspeech.phones.labels.labels import Label
from gmmspeech.plot.plots import INK, MUTED, NONTARGETS, TARGETS, THIRD, drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WINDOW, DEVIATION, SHIFT = 0.012, 0.0025, 0.002  # s: wide-band, so that bursts and boundaries are sharp
MAX_FREQUENCY = 8000.0  # Hz
RANGE = 60.0  # dB below the loudest that are still drawn
INCHES_A_SECOND = 5.0
LEAST_WRITTEN = 0.02  # s: the name of a shorter label would run over others


@checked
def plot_labels(
    signal: ArrayLike, rate: int, tiers: Mapping[str, Sequence[Label]], start: float, end: float, *, title: str = ""
) -> Figure:
    """Wide-band spectrogram of a stretch of speech, with the labels of one or more tiers beneath it.

    Parameters
    ----------
    signal : array_like, shape (n,)
    rate : int
        Samples a second.
    tiers : mapping of str to sequence of Label
        Name of each tier (who made its labels), and labels in seconds; one to three tiers.
    start, end : float
        Stretch to draw, in seconds; what lies beyond the end of the signal is left out.
    title : str

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ConfigError
        matplotlib is not installed.
    DataError
        No signal in the stretch, or another number of tiers.

    Examples
    --------
    >>> tiers = {"mine": [Label(0.0, 0.4, "SIL"), Label(0.4, 1.0, "AA")]}
    >>> figure = plot_labels(np.sin(np.arange(16000.0)), 16000, tiers, 0.2, 0.8)
    >>> len(figure.axes), [text.get_text() for text in figure.axes[1].texts]
    (2, ['SIL', 'AA'])
    """
    check_positive(rate=rate)
    x = as_vector(signal, "signal")
    end = min(end, len(x) / rate)
    if not 0 <= start < end:
        raise DataError(f"{title or 'signal'}: found {len(x) / rate:.6g} s, expected some after {start:g} s")
    if (end - start) * rate < WINDOW * rate:
        raise DataError(f"{title or 'signal'}: found {end - start:.6g} s, expected {WINDOW:g} s or more")
    if not 1 <= len(tiers) <= 3:
        raise DataError(f"tiers: found {len(tiers)}, expected 1 to 3")
    with drawing():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(1 + INCHES_A_SECOND * (end - start), 3.0 + 0.35 * len(tiers)))
        axes = figure.subplots(1 + len(tiers), sharex=True, height_ratios=[6, *[1] * len(tiers)])
        draw_spectrogram(axes[0], x[sample_at(start, rate) : sample_at(end, rate)], rate, start)
        colors = (NONTARGETS, TARGETS, THIRD)
        reach = np.linspace(0, 1, len(tiers) + 1)  # of each tier's lines, so that none hides another
        for i, (below, (name, labels)) in enumerate(zip(axes[1:], tiers.items(), strict=True)):
            shown = [label for label in labels if label.start < end and label.end > start]
            _draw_tier(below, name, shown, (start, end), colors[i])
            for label in shown:
                if label.start > start:
                    axes[0].axvline(label.start, reach[i], reach[i + 1], color=colors[i], linewidth=1.0)
        axes[-1].set(xlabel="s", xlim=(start, end))
        if title:
            axes[0].set_title(title, loc="left")
    return figure


def draw_spectrogram(axes: Axes, x: NDArray[np.float64], rate: int, start: float) -> None:
    """Draw the wide-band spectrogram of a signal that begins at a time."""
    window = gaussian(max(round(WINDOW * rate), 1), DEVIATION * rate)
    transform = ShortTimeFFT(window, max(round(SHIFT * rate), 1), rate, mfft=1 << max(9, len(window).bit_length()))
    # a first difference lifts what is weak at high frequencies
    power = transform.spectrogram(np.diff(x, prepend=x[:1]), p1=transform.upper_border_begin(len(x))[1])
    decibels = 10 * np.log10(power + 1e-12)
    low = transform.f <= MAX_FREQUENCY
    loudest = float(decibels[low].max())
    shown = np.clip(decibels[low], loudest - RANGE, loudest)
    extent = (start, start + len(x) / rate, 0.0, float(transform.f[low][-1]) / 1000)
    axes.imshow(shown, origin="lower", aspect="auto", extent=extent, cmap="Greys")
    axes.set(ylabel="kHz")


def _draw_tier(axes: Axes, name: str, labels: Sequence[Label], limits: tuple[float, float], color: str) -> None:
    for label in labels:
        first, last = max(label.start, limits[0]), min(label.end, limits[1])
        axes.axvline(label.start, color=color, linewidth=1.0)
        if last - first >= LEAST_WRITTEN:
            axes.text((first + last) / 2, 0.5, label.name, ha="center", va="center", color=INK, fontsize=8)
    axes.set(yticks=[], ylim=(0, 1))
    axes.spines["left"].set_visible(False)
    axes.set_ylabel(name, rotation=0, ha="right", va="center", color=color)
    axes.tick_params(color=MUTED)
