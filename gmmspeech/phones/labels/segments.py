"""Segments: frames of phones with known boundaries, parts of segments, sums and vectors over them."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.checks import as_names, real_array
from gmmspeech.errors import DataError, FeatureError, GmmSpeechWarning, counted, shown
from gmmspeech.features.compatibility import front_end_of
from gmmspeech.files.text import look_alike
from gmmspeech.phones.labels.labels import FrameClock, FrameTimes, Label, check_labels, label_frames

DURATION_VARIANCE_FLOOR = 0.01  # of log durations: a tenth of a segment's length either way

Edges = Sequence[tuple[int, int]]


def as_ranges(ranges: ArrayLike, num_frames: int) -> NDArray[np.int64]:
    """Rows of segments, shape (S, 2), each of one or more of the frames, or a `DataError`."""
    rows = real_array(ranges, "ranges", DataError)
    if rows.size and (rows.dtype.kind not in "iu" or rows.shape[1:] != (2,)):
        found = f"{rows.dtype} of shape {rows.shape}"
        raise DataError(f"ranges: found {found}, expected integers (S, 2), the first row and the one after the last")
    rows = rows.astype(np.int64, copy=False).reshape(-1, 2)
    bad = (rows[:, 0] < 0) | (rows[:, 1] <= rows[:, 0]) | (rows[:, 1] > num_frames)
    if bad.any():
        i = int(bad.argmax())
        raise DataError(
            f"segment {i}: found rows {rows[i].tolist()}, expected one or more of {counted(num_frames, 'frame')}"
        )
    return rows


def ends_of(lengths: ArrayLike | None, num_frames: int) -> NDArray[np.int64]:
    """Where utterances of some lengths end among all frames, or a `DataError`; None is one of all of them."""
    counts = real_array([num_frames] if lengths is None else lengths, "lengths", DataError)
    if counts.ndim != 1 or counts.dtype.kind not in "iu" or (counts < 0).any() or counts.sum() != num_frames:
        found = f"{counted(counts.sum(), 'frame')} in all" if counts.dtype.kind in "iu" else str(counts.dtype)
        raise DataError(f"lengths: found {found}, expected {num_frames} in whole numbers")
    return np.cumsum(counts)


def trainable(names: NDArray[np.str_], inventory: Sequence[str] | None) -> tuple[str, ...]:
    """Phones that have segments, sorted, of an inventory where that is given; a warning names those without."""
    present = set(names.tolist())
    wanted = present if inventory is None else set(as_names(inventory, "inventory").tolist())
    for phone in sorted(wanted - present):
        warnings.warn(f"phone {phone}: found no training segment, left out", GmmSpeechWarning, stacklevel=3)
    if not wanted & present:
        raise DataError(f"found no segment of {counted(len(wanted), 'phone')} to train, expected one or more")
    return tuple(sorted(wanted & present))


@dataclass(frozen=True, eq=False)
class LabeledFrames:
    """Frames of utterances in one array, and the segments in them.

    Parameters
    ----------
    frames : ndarray, shape (N, D)
        Of all utterances, one after the other.
    ranges : ndarray, shape (S, 2), int64
        Rows of each segment: the first, and the one after the last. No segment is empty.
    phones : ndarray, shape (S,), str
        Phone of each segment.
    offsets : ndarray, shape (U + 1,), int64
        Row at which each utterance begins, and N.
    speakers, utterances : ndarray, shape (U,), str
        Speaker and name of each utterance.
    """

    frames: NDArray[np.floating]
    ranges: NDArray[np.int64]
    phones: NDArray[np.str_]
    offsets: NDArray[np.int64]
    speakers: NDArray[np.str_]
    utterances: NDArray[np.str_]

    def with_frames(self, frames: NDArray[np.floating]) -> Self:
        """Give other frames to the same segments."""
        if len(frames) != len(self.frames):
            raise FeatureError(
                f"found {counted(len(frames), 'frame')}, expected {len(self.frames)}, as the segments are of"
            )
        return replace(self, frames=frames)

    def map_utterances(self, function: Callable[[NDArray[np.floating]], NDArray[np.floating]]) -> Self:
        """Put each utterance's frames, shape (T, D), through a function that gives as many."""
        return self.with_frames(np.concatenate([function(self.frames[rows]) for rows in self.utterance_rows()]))

    def utterance_rows(self) -> Iterator[slice]:
        """Rows of each utterance, in order."""
        for first, stop in itertools.pairwise(self.offsets.tolist()):
            yield slice(first, stop)

    def frame_speakers(self) -> NDArray[np.str_]:
        """Speaker of each frame, shape (N,)."""
        return np.repeat(self.speakers, np.diff(self.offsets))

    def segment_utterances(self) -> NDArray[np.intp]:
        """Place of each segment's utterance, shape (S,)."""
        return np.searchsorted(self.offsets, self.ranges[:, 0], side="right") - 1


def label_utterances(
    frames: Mapping[str, NDArray[np.floating]],
    labels: Mapping[str, Sequence[Label]],
    speakers: Mapping[str, str],
    *,
    frame_length: float | None = None,
    frame_shift: float | None = None,
    times: FrameTimes = "center",
    skip_bad: bool = False,
) -> LabeledFrames:
    """Put utterances together with their labels.

    A segment too short to hold the time of a frame, or after the last frame, is left out; a warning counts them. Frames
    are as long and as far apart as the front end of a `FeatureStore` has them, where nothing else is given.
    """
    clock = FrameClock.of(front_end_of(frames), frame_shift, frame_length, times)
    kept, ranges, phones, empty, start = [], [], [], [], 0
    for name, x in frames.items():
        try:
            if name not in labels:
                alike = look_alike(name, labels)
                raise DataError(f"{shown(name)}: found no labels, expected those of every utterance{alike}")
            if name not in speakers:
                alike = look_alike(name, speakers)
                raise DataError(f"{shown(name)}: found no speaker, expected that of every utterance{alike}")
            # the signal is shorter than one more frame would need
            lasting = (len(x) * clock.frame_shift + clock.frame_length) / 1000
            check_labels(labels[name], owner=name, duration=lasting)
        except DataError as error:
            if not skip_bad:
                raise
            warnings.warn(f"skipped: {error}", GmmSpeechWarning, stacklevel=2)
            continue
        found = label_frames(labels[name], len(x), **asdict(clock))
        for label, (first, stop) in zip(labels[name], found.tolist(), strict=True):
            if first == stop:
                empty.append(f"{label.name} at {label.start:.6g} s of {name}")
                continue
            ranges.append((start + first, start + stop))
            phones.append(label.name)
        kept.append(name)
        start += len(x)
    if empty:
        warnings.warn(f"left out {counted(len(empty), 'segment')} without a frame, first {empty[0]}", GmmSpeechWarning)
    if not ranges:
        raise DataError(f"found no segment with a frame in {counted(len(frames), 'utterance')}, expected one or more")
    return LabeledFrames(
        np.concatenate([frames[name] for name in kept]),
        np.array(ranges, dtype=np.int64),
        np.array(phones),
        np.cumsum([0, *(len(frames[name]) for name in kept)]),
        np.array([speakers[name] for name in kept]),
        np.array(kept),
    )


def part_edges(ranges: NDArray[np.int64], parts: int) -> NDArray[np.int64]:
    """Cut segments into parts as equal as frames allow; of fewer frames than parts, some are empty, (S, parts + 1)."""
    lengths = np.diff(ranges, axis=1)
    return ranges[:, :1] + (lengths * np.arange(parts + 1) + parts // 2) // parts


def part_of_frames(
    ranges: NDArray[np.int64], phone_indices: NDArray[np.integer], num_frames: int, parts: int
) -> NDArray[np.int64]:
    """Part that each frame belongs to: ``phone * parts + part``, or -1 in no segment (or one of phone -1)."""
    edges = part_edges(ranges, parts)
    codes = np.where(phone_indices[:, None] < 0, -1, phone_indices[:, None] * parts + np.arange(parts))
    lengths = np.diff(edges, axis=1).ravel()
    of_frames = np.full(num_frames, -1, dtype=np.int64)
    of_frames[rows_of(np.stack([edges[:, :-1].ravel(), edges[:, 1:].ravel()], axis=1))] = np.repeat(
        codes.ravel(), lengths
    )
    return of_frames


def frames_of_parts(frames: NDArray, codes: NDArray[np.int64], num_phones: int, parts: int) -> Iterator[NDArray]:
    """Yield the frames of each part of each phone, which `part_of_frames` gave codes.

    Where all of a phone's segments are too short to have a part, it gets those of the whole phone.
    """
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(num_phones * parts + 1))
    for code, (first, stop) in enumerate(itertools.pairwise(starts)):
        if first == stop:
            first, stop = starts[code // parts * parts], starts[(code // parts + 1) * parts]
        yield frames[order[first:stop]]


def rows_of(ranges: NDArray[np.int64]) -> NDArray[np.int64]:
    """Numbers of all rows of segments, one segment after the other."""
    lengths = np.diff(ranges, axis=1).ravel()
    ends = np.cumsum(lengths)
    return np.arange(lengths.sum()) + np.repeat(ranges[:, 0] - ends + lengths, lengths)


def segment_sums(values: NDArray[np.floating], ranges: NDArray[np.int64]) -> NDArray[np.float64]:
    """Sum rows over each segment, (S, C)."""
    padded = np.concatenate([values, np.zeros_like(values[:1])]).astype(np.float64, copy=False)
    sums = np.add.reduceat(padded, ranges.ravel(), axis=0)[::2] if len(ranges) else np.empty((0, values.shape[1]))
    return np.where((ranges[:, 1] > ranges[:, 0])[:, None], sums, 0.0)


def log_durations(ranges: NDArray[np.int64]) -> NDArray[np.float64]:
    """Natural logarithm of each segment's number of frames, shape (S,)."""
    return np.log(np.diff(ranges, axis=1)[:, 0])


def duration_moments(logs: NDArray[np.float64], indices: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """Mean and floored variance of each phone's log durations, shape (P, 2)."""
    moments = np.empty((count, 2))
    for i in range(count):
        own = logs[indices == i]
        moments[i] = own.mean(), max(own.var(), DURATION_VARIANCE_FLOOR)
    return moments


def segment_vectors(
    frames: NDArray[np.floating],
    ranges: NDArray[np.int64],
    *,
    parts: int = 3,
    edges: Edges = ((0, 2), (2, 6)),
) -> NDArray[np.float32]:
    """One vector a segment: averages of its parts, of its surroundings, and its log duration."""
    first, stop = ranges[:, :1], ranges[:, 1:]
    bad = ((first < 0) | (stop <= first) | (stop > len(frames))).ravel()
    if bad.any():
        i = int(bad.argmax())
        raise DataError(
            f"segment {i}: found rows {ranges[i].tolist()}, expected one or more of {counted(len(frames), 'frame')}"
        )
    cuts = part_edges(ranges, parts)
    starts = [np.minimum(cuts[:, :-1], stop - 1)]
    stops = [np.maximum(cuts[:, 1:], starts[0] + 1)]
    near, far = np.array(edges, dtype=np.int64).reshape(-1, 2).T
    # windows slide inwards only as far as they lie beyond the ends
    starts += [np.clip(first - far, 0, None), np.minimum(stop + near, len(frames) - 1)]
    stops += [np.maximum(first - near, starts[1] + 1), np.clip(stop + far, starts[2] + 1, len(frames))]
    begin, end = np.concatenate(starts, axis=1), np.concatenate(stops, axis=1)
    sums = segment_sums(frames, np.stack([begin.ravel(), end.ravel()], axis=1)).reshape(*begin.shape, -1)
    means = sums / (end - begin)[:, :, None]
    return np.column_stack([means.reshape(len(ranges), -1), log_durations(ranges)]).astype(np.float32)
