"""Labels: start and end of phones or words, in seconds and in frames.

Labels are in seconds; frames have an index. Two conventions define the time of a frame. They differ by half a window
(12.5 ms for the usual 25 ms), which is more than many aligners differ from each other:

- ``"center"``, the default everywhere: frame t is at ``t * frame_shift + frame_length / 2``, the middle of its samples.
  Frames that are centered at the middle of their own shift (Kaldi's ``snip_edges=False``) have this time with
  ``frame_length=frame_shift``.
- ``"start"``: frame t is at ``t * frame_shift``. Most aligners write times in this convention.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmmspeech.arguments import checked
from gmmspeech.checks import check_at_least
from gmmspeech.errors import ConfigError, DataError, shown

FrameTimes = Literal["center", "start"]

END_TOLERANCE = 0.010  # s: one frame, as aligners end the last label where the last whole frame ends
UNKNOWN_FRAMES = (10.0, 25.0)  # ms, shift and length where no front end is known
OVERLAP_TOLERANCE = 0.001  # s: files round a start and a duration apart
_SAME = 1e-6  # frames: far more than the rounding of float64 seconds, far less than a sample


class Label(NamedTuple):
    """A phone or a word with its times.

    Parameters
    ----------
    start, end : float
        In seconds; the time `end` itself belongs to the next label.
    name : str
        Never empty: unlabeled stretches have no label.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> gs.phones.Label(0.25, 0.5, "AH").end
    0.5
    """

    start: float
    end: float
    name: str


@dataclass(frozen=True)
class FrameClock:
    """Times of the boundaries between frames, in seconds from the start of the audio.

    Examples
    --------
    >>> FrameClock(10.0, 25.0).time(3), FrameClock(10.0, 25.0, "start").time(3)
    (0.0375, 0.03)
    """

    frame_shift: float = 10.0
    frame_length: float = 25.0
    times: FrameTimes = "center"

    def __post_init__(self) -> None:
        if self.times not in ("center", "start"):
            raise ConfigError(f"times: found {self.times!r}, expected 'center' or 'start'")
        if not 0 < self.frame_shift < math.inf:
            raise ConfigError(f"frame_shift: found {self.frame_shift!r}, expected milliseconds above 0")
        if not 0 <= self.frame_length < math.inf:
            raise ConfigError(f"frame_length: found {self.frame_length!r}, expected milliseconds from 0")

    @classmethod
    def of(
        cls,
        front_end: str | None,
        frame_shift: float | None = None,
        frame_length: float | None = None,
        times: FrameTimes = "center",
    ) -> FrameClock:
        """Times of the frames of a front end, given as JSON text; explicit arguments take precedence.

        Without a front end, frames are 25 ms long and 10 ms apart. The length is that of the window. If windows begin
        before the audio, it is the length that gives the right first center: the shift for Kaldi's
        ``snip_edges=False``, 0 for librosa's centered frames.

        Examples
        --------
        >>> import gmmspeech as gs
        >>> FrameClock.of(gs.FrontEnd(features={"type": "mfcc", "frame_shift": 5.0, "snip_edges": False}).to_json())
        FrameClock(frame_shift=5.0, frame_length=5.0, times='center')
        """
        shift, length = UNKNOWN_FRAMES if front_end is None else _frames_of(front_end)
        return cls(
            shift if frame_shift is None else frame_shift, length if frame_length is None else frame_length, times
        )

    @property
    def first(self) -> float:
        """Time of frame 0 in milliseconds."""
        return self.frame_length / 2 if self.times == "center" else 0.0

    @property
    def edge_of_first(self) -> float:
        """Time of the boundary before frame 0 in milliseconds; it may precede the audio."""
        return self.first - self.frame_shift / 2 if self.times == "center" else 0.0

    def edge(self, frame: float) -> float:
        """Time of the boundary before a frame: midway between two centers, or the frame's start."""
        return max(0.0, round((frame * self.frame_shift + self.edge_of_first) / 1000, 9))

    def time(self, frame: float) -> float:
        """Time of the boundary before a frame; for the first frame, the start of the audio."""
        return self.edge(frame) if frame else 0.0

    def times_of(self, frames: NDArray[np.number], *, digits: int = 9) -> list[float]:
        """Times of the boundaries before frames, (n,), as from `time`, rounded to the given decimal digits.

        Examples
        --------
        >>> FrameClock(10.0, 25.0).times_of(np.array([0, 3]))
        [0.0, 0.0375]
        """
        edges = np.round((frames * self.frame_shift + self.edge_of_first) / 1000, digits)
        return np.where(frames == 0, 0.0, np.maximum(edges, 0.0)).tolist()


def _frames_of(front_end: str) -> tuple[float, float]:
    """Shift of a front end's frames in milliseconds, and twice the time of the first one's center."""
    from gmmspeech.features.cqcc import CqccOptions
    from gmmspeech.features.stored import split_front_end
    from gmmspeech.features.window import frame_layout

    front, stored = split_front_end(front_end)
    if (stored and stored.vad) or (front and front.vad):
        raise ConfigError(
            "front end: found voice activity detection, which leaves frames out, expected one without it, "
            "as frames are counted for their times"
        )
    if front is None:
        shift, length = UNKNOWN_FRAMES
        return (stored and stored.frame_shift) or shift, length
    if front.deltas and not front.deltas.static:
        raise ConfigError("front end: found deltas without static features, expected both for phones")
    if isinstance(front.features, CqccOptions):
        raise ConfigError("front end: found CQCC, whose shift differs between recordings, expected frames of one shift")
    length, shift, _ = front.features.frame_sizes(front.sample_frequency)
    first = frame_layout(0, front.sample_frequency, front.features)[1]
    scale = 1000 / front.sample_frequency
    return shift * scale, (length + 2 * first) * scale


def check_labels(labels: Sequence[Label], *, owner: str, duration: float | None = None) -> None:
    """Check that labels follow each other in time and within the audio. Gaps between them are allowed."""
    for before, label in zip([None, *labels], labels, strict=False):
        start, end = label.start, label.end
        if not (0 <= start < math.inf and 0 <= end < math.inf):
            raise DataError(f"{owner}: found {_shown(label)}, expected times that are numbers from 0")
        if end < start:
            raise DataError(f"{owner}: found {_shown(label)}, expected it to end after it starts")
        if before is not None and start < before.end - OVERLAP_TOLERANCE:
            rule = "go backwards" if start < before.start else "overlap"
            raise DataError(f"{owner}: found {_shown(label)} after {_shown(before)}, expected labels that don't {rule}")
        if duration is not None and end > duration + END_TOLERANCE + _SAME / 1000:
            expected = f"an end within the audio of {duration:.6g} s (or {1000 * END_TOLERANCE:g} ms after it)"
            raise DataError(f"{owner}: found {_shown(label)}, expected {expected}")


def label_frames(
    labels: Sequence[Label],
    num_frames: int,
    *,
    frame_length: float = 25.0,
    frame_shift: float = 10.0,
    times: FrameTimes = "center",
) -> NDArray[np.int64]:
    """Return the frames of each label, (len(labels), 2): first and stop, at the nearest boundaries of frames.

    By centers, these are the frames with their center in the label; also by starts, if labels are of whole frames.
    """
    edge_of_first = FrameClock(frame_shift, frame_length, times).edge_of_first
    seconds = np.array([(label.start, label.end) for label in labels], dtype=np.float64).reshape(-1, 2)
    frames = np.ceil((1000 * seconds - edge_of_first) / frame_shift - 0.5 - _SAME)
    ranges = np.clip(frames, 0, num_frames).astype(np.int64)
    ranges[:-1, 1] = np.minimum(ranges[:-1, 1], ranges[1:, 0])  # where rounded times overlap a little
    ranges[:, 1] = np.maximum(ranges[:, 0], ranges[:, 1])
    return ranges


@checked
def frame_labels(
    labels: Sequence[Label],
    num_frames: int,
    *,
    frame_length: float = 25.0,
    frame_shift: float = 10.0,
    times: FrameTimes = "center",
) -> NDArray[np.str_]:
    """Assign each frame the name of its label: the one at its center, or over most of its shift.

    Parameters
    ----------
    labels, num_frames, frame_length, frame_shift, times
        As for `label_frames`, which gives the same frames to each label.

    Returns
    -------
    ndarray, shape (num_frames,), str
        "" for frames without a label.

    Raises
    ------
    ConfigError
        If `times`, `frame_shift` or `frame_length` is invalid.
    DataError
        Labels that overlap, go backwards, or end before they start.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> gs.phones.frame_labels([gs.phones.Label(0.0, 0.05, "SIL"), gs.phones.Label(0.05, 0.08, "AH")], 8).tolist()
    ['SIL', 'SIL', 'SIL', 'SIL', 'AH', 'AH', 'AH', '']
    """
    check_at_least(0, num_frames=num_frames)
    check_labels(labels, owner="labels")
    ranges = label_frames(labels, num_frames, frame_length=frame_length, frame_shift=frame_shift, times=times)
    width = max((len(label.name) for label in labels), default=1)
    names = np.full(num_frames, "", dtype=f"<U{width}")
    for label, (first, stop) in zip(labels, ranges.tolist(), strict=True):
        names[first:stop] = label.name
    return names


def _shown(label: Label) -> str:
    return f"{shown(label.name)} ({label.start:.6g} to {label.end:.6g} s)"
