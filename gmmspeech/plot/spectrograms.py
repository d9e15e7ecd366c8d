"""Plots of speech and of its frames: spectrograms with labels, and features over time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import ShortTimeFFT
from scipy.signal.windows import gaussian

from gmmspeech.arguments import NOTHING, any_of, check, checked, real
from gmmspeech.audio import sample_at
from gmmspeech.checks import as_vector, check_frames, check_positive
from gmmspeech.errors import ConfigError, DataError
from gmmspeech.gmm.frames import as_table
from gmmspeech.phones.decoding.alignment import Alignment
from gmmspeech.phones.labels.labels import Label
from gmmspeech.plot.style import MAP, drawing_on, stacked
from gmmspeech.plot.tiers import LONGEST, TIER, check_tiers, draw_lines, draw_tiers, tiers_of, width_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WINDOW, DEVIATION, SHIFT = 0.012, 0.0025, 0.002  # s: wide-band, so that bursts and boundaries are sharp
MAX_FREQUENCY = 8000.0  # Hz
RANGE = 60.0  # dB below the loudest that are still drawn
HEIGHT = 2.6  # inches
OUTLIERS = 0.5  # percent of the values on each side, which the colors leave out


def spectrogram(
    signal: ArrayLike,
    rate: int,
    *,
    labels: Sequence[Label] | Mapping[str, Sequence[Label]] | Alignment | None = None,
    start: float = 0.0,
    end: float | None = None,
    ax: Axes | Figure | None = None,
) -> Axes:
    """Plot a wide-band spectrogram of a range of speech, with labels below it and lines at their boundaries.

    Parameters
    ----------
    signal : array_like, shape (n,)
    rate : int
        Sampling rate in Hz.
    labels : sequence of Label, mapping of str to those, or Alignment, optional
        Labels in seconds, several tiers of labels by name, or the result of `gmmspeech.align_file`.
    start, end : float
        Range to draw, in seconds; by default ten seconds, or to the end.
    ax : matplotlib.axes.Axes or empty Figure, optional
        Where to draw; by default a new pyplot figure.

    Returns
    -------
    matplotlib.axes.Axes
        With labels, its ``ax.child_axes`` are the spectrogram and the tiers.

    Raises
    ------
    ConfigError
        matplotlib is not installed, or an argument is invalid.
    DataError
        No signal in the range, or more tiers than can be drawn.

    Examples
    --------
    >>> import gmmspeech as gs, numpy as np
    >>> tiers = {"mine": [gs.phones.Label(0.0, 0.4, "SIL"), gs.phones.Label(0.4, 1.0, "AA")]}
    >>> axes = gs.plot.spectrogram(np.sin(np.arange(16000.0)), 16000, labels=tiers, start=0.2, end=0.8)
    >>> [text.get_text() for text in axes.child_axes[1].texts]
    ['SIL', 'AA']
    """
    check_positive(rate=rate)
    x = as_vector(signal, "signal")
    piece, last = cut(x, float(rate), start, end, "signal")
    start = float(start)
    tiers = {} if labels is None else check_tiers(tiers_of(labels))
    with drawing_on(ax, width_of(last - start), HEIGHT + 0.6 + TIER * len(tiers)) as ax:
        above, *below = stacked(ax, [HEIGHT, *[TIER] * len(tiers)]) if tiers else [ax]
        draw_spectrogram(above, piece, float(rate), start)
        draw_lines(above, tiers, (start, last))
        draw_tiers(below, tiers, (start, last))
        ax.set(xlabel="s", xlim=(start, last))
    return ax


@checked
def features(
    frames: ArrayLike, *, frame_length: float = 25.0, frame_shift: float = 10.0, ax: Axes | Figure | None = None
) -> Axes:
    """Plot features over time: a column for each frame, the first feature at the bottom, larger values brighter.

    Parameters
    ----------
    frames : array_like, shape (T, D)
    frame_length, frame_shift : float
        In milliseconds, for the times of the frames.
    ax : matplotlib.axes.Axes or empty Figure, optional
        Where to draw; by default a new pyplot figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ConfigError
        matplotlib is not installed, or an argument is invalid.
    FeatureError
        Frames that are not a matrix of finite numbers, or no frames.

    Examples
    --------
    >>> import gmmspeech as gs, numpy as np
    >>> axes = gs.plot.features(gs.mfcc(np.sin(np.arange(16000.0)), 16000))
    >>> axes.images[0].get_array().shape
    (13, 98)
    """
    check_positive(frame_length=frame_length, frame_shift=frame_shift)
    x = check_frames(as_table(frames))
    low, high = np.percentile(x, [OUTLIERS, 100 - OUTLIERS])
    first = (frame_length - frame_shift) / 2000  # where frame 0, drawn as long as the shift, begins
    last = first + len(x) * frame_shift / 1000
    with drawing_on(ax, width_of(last - first), 3.0) as ax:
        extent = (first, last, -0.5, x.shape[1] - 0.5)
        picture = ax.imshow(x.T, origin="lower", aspect="auto", extent=extent, cmap=MAP, vmin=low, vmax=high)
        picture.set_interpolation("nearest")
        ax.set(xlabel="s", ylabel="feature")
        ax.figure.colorbar(picture, ax=ax, label="value", extend="both", pad=0.02)
    return ax


def cut(
    x: NDArray[np.float64], rate: float, start: float, end: float | None, owner: str
) -> tuple[NDArray[np.float64], float]:
    """Give the samples from a start to an end, or to that of the signal, and the time at which they end."""
    check(real(least=0, below=math.inf), start=start)
    check(any_of(real(above=0, below=math.inf), NOTHING), end=end)
    start = float(start)  # sums with an int8 would overflow
    last = start + LONGEST if end is None else float(end)
    if last <= start:
        raise ConfigError(f"end: found {last:g}, expected one after the start, {start:g}")
    piece = x[sample_at(start, rate) : sample_at(last, rate)]
    if not len(piece):
        raise DataError(f"{owner}: found {len(x) / rate:.6g} s, expected some after {start:g} s")
    if len(piece) / rate < WINDOW:
        raise DataError(f"{owner}: found {len(piece) / rate:.6g} s, expected {WINDOW:g} s or more")
    return piece, start + len(piece) / rate


def draw_spectrogram(ax: Axes, x: NDArray[np.float64], rate: float, start: float) -> None:
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
    ax.imshow(shown, origin="lower", aspect="auto", extent=extent, cmap="Greys")
    ax.set(ylabel="kHz")
