"""Streaming front end: frames of a signal that comes in blocks, with the same bits as for the whole signal.

Each step of a front end has a counterpart here that keeps the state for its next frames and returns the finished ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import checked
from gmmspeech.errors import ConfigError, FeatureError, counted
from gmmspeech.features.cqcc import CqccOptions
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.features.normalization import (
    normalized_by_windows,
    rasta_from,
    rasta_state,
    running_sums,
    window_bounds,
)
from gmmspeech.features.options import ASVSPOOF, FbankOptions, MfccOptions, StaticOptions
from gmmspeech.features.sections import EnergyVadOptions, SlidingCmvnOptions
from gmmspeech.features.spectra import LANES, add_dither, dither_seed
from gmmspeech.features.static import frame_features, sample_scale
from gmmspeech.features.vad import energy_vad
from gmmspeech.features.warping import warped
from gmmspeech.features.window import checked_signal, frame_layout, framed, least_samples, utterance_prefix

NO_END = np.iinfo(np.intp).max // 2  # frames of an utterance whose end isn't known


class FrontEndStream:
    """Front end for a signal that comes in blocks, with the same bits as for the whole signal at once.

    Call `push` with samples and `flush` at the end; both return the frames that are finished. Deltas, sliding windows
    and feature warping look ahead, so they delay frames by that time.

    Parameters
    ----------
    front : FrontEnd
    rate : float
        Sampling rate in Hz.
    utterance : str
        Name for messages, and the seed of the dither.

    Raises
    ------
    ConfigError
        A step needs the whole utterance: voice activity detection by the mean or maximum energy; utterance, static or
        speaker CMVN; librosa's decibels; resampling.

    Examples
    --------
    >>> import gmmspeech as gs, numpy as np
    >>> front, signal = gs.FrontEnd(deltas={}), np.sin(np.arange(8000.0))
    >>> stream = gs.features.FrontEndStream(front, 16000)
    >>> blocks = [stream.push(signal[:3000]), stream.push(signal[3000:]), stream.flush()]
    >>> [len(frames) for frames in blocks]
    [13, 31, 4]
    >>> np.array_equal(np.concatenate(blocks), front(signal, 16000))
    True
    """

    @checked
    def __init__(self, front: FrontEnd, rate: float, utterance: str = "") -> None:
        _check_streamable(front)
        if rate != front.sample_frequency:
            if front.resample:
                raise ConfigError("resample: found true, expected false in a stream: resample the signal before")
            raise FeatureError(f"{utterance_prefix(utterance)}found {rate:g} Hz, expected {front.sample_frequency} Hz")
        self._who = utterance_prefix(utterance)
        assert not isinstance(front.features, CqccOptions)  # refused above
        self._static = _Static(front.features, front.sample_frequency, dither_seed(utterance))
        self._steps = _steps(front)
        self._vad = _vad_step(front)
        self._frames = np.zeros((0, front.dim), dtype=np.float32)
        self._voiced = np.zeros(0, dtype=np.bool_)
        self._any_voiced, self._ended = False, False

    @checked
    def push(self, samples: ArrayLike) -> NDArray[np.float32]:
        """Process the next samples and return the frames that they complete.

        Parameters
        ----------
        samples : array_like, shape (n,)
            As for calling the front end; all blocks floating point, or all integers.

        Returns
        -------
        ndarray, shape (T, dim), float32
            T may be 0.

        Raises
        ------
        FeatureError
            Not a single channel of finite numbers, or the signal has ended; the message names the utterance.
        """
        if self._ended:
            raise FeatureError(f"{self._who}found samples after the end of the signal")
        try:
            return self._settled(*self._static.push(*checked_signal(samples, whole=False, owner=self._who)), end=False)
        except FeatureError as error:
            raise FeatureError(f"{self._who}{error}") from None

    def flush(self) -> NDArray[np.float32]:
        """End the signal and return its remaining frames.

        Returns
        -------
        ndarray, shape (T, dim), float32

        Raises
        ------
        FeatureError
            The whole signal is shorter than a frame, or has no voiced frame; the message names the utterance.
        """
        self._ended = True
        given = self._static.flush()
        if not self._static.num_frames:
            least = least_samples(self._static.rate, self._static.options)
            raise FeatureError(
                f"{self._who}found {counted(self._static.num_samples, 'sample')} at "
                f"{self._static.rate:g} Hz, expected at least"
                f" {least}, one frame"
            )
        settled = self._settled(*given, end=True)
        if not self._any_voiced:
            raise FeatureError(
                f"{self._who}found no voiced frame among {self._static.num_frames} (silence?), expected at least one"
            )
        return settled

    def _settled(
        self, frames: NDArray[np.float32], log_energy: NDArray[np.float32], *, end: bool
    ) -> NDArray[np.float32]:
        for step in self._steps:
            frames = _through(step, frames, end)
        voiced = np.ones(len(log_energy), dtype=np.bool_)
        if self._vad:
            voiced = _through(self._vad, log_energy[:, None], end).reshape(-1).astype(np.bool_)
        if len(frames):
            self._frames = np.concatenate([self._frames, frames])
        self._voiced = np.concatenate([self._voiced, voiced])
        count = min(len(self._frames), len(self._voiced))
        settled, self._frames = self._frames[:count], self._frames[count:]
        voiced, self._voiced = self._voiced[:count], self._voiced[count:]
        self._any_voiced = self._any_voiced or bool(voiced.any())
        return settled if voiced.all() else settled[voiced]


def _check_streamable(front: FrontEnd) -> None:
    """Raise a ConfigError that names the step that needs the whole utterance."""
    if front.cmvn and not isinstance(front.cmvn, SlidingCmvnOptions):
        raise ConfigError(
            f"[cmvn] method: found {front.cmvn.method!r}, which needs the whole utterance, expected 'sliding' or none"
            " in a stream"
        )
    if isinstance(front.vad, EnergyVadOptions):
        if front.vad.vad_energy_mean_scale:
            raise ConfigError(
                f"[vad] vad_energy_mean_scale: found {front.vad.vad_energy_mean_scale:g}, which needs the mean of the"
                " whole utterance, expected 0 in a stream"
            )
    elif front.vad:
        raise ConfigError(
            f"[vad] method: found {front.vad.method!r}, which needs the whole utterance, expected 'energy' or none in a"
            " stream"
        )
    if isinstance(front.features, CqccOptions):
        found = "found 'cqcc', whose spectrum is that of the whole utterance"
        raise ConfigError(f"[features] type: {found}, expected another in a stream")
    logarithm = isinstance(front.features, MfccOptions) or (
        isinstance(front.features, FbankOptions) and front.features.use_log_fbank
    )
    if front.features.convention == "librosa" and logarithm:
        raise ConfigError(
            "[features] convention: found 'librosa', whose decibels are relative to the loudest of the whole utterance,"
            " expected 'kaldi' or 'htk' in a stream"
        )
    if front.features.convention in ASVSPOOF:
        found = f"found {front.features.convention!r}, whose pre-emphasis and last frame are of the whole utterance"
        raise ConfigError(f"[features] convention: {found}, expected 'kaldi' or 'htk' in a stream")


def _steps(front: FrontEnd) -> list[Step]:
    steps: list[Step] = []
    if front.rasta:
        steps.append(_Rasta(front.rasta.pole))
    if front.deltas:
        reach = front.deltas.order * front.deltas.window
        steps.append(_Local(front.deltas, reach, reach))
    if front.sdc:
        ahead = (front.sdc.num_blocks - 1) * front.sdc.block_shift
        steps.append(_Local(front.sdc, front.sdc.window, front.sdc.window + ahead))
    if isinstance(front.cmvn, SlidingCmvnOptions):
        steps.append(_SlidingCmvn(front.cmvn))
    if front.warp:
        steps.append(_Warp(front.warp.window))
    return steps


def _vad_step(front: FrontEnd) -> _Local | None:
    if not front.vad:
        return None
    options = front.vad.model_dump(exclude={"method"})
    context = options["vad_frames_context"]
    return _Local(lambda x: energy_vad(x, **options), context, context)


class Step(Protocol):
    """A step from frames to frames, block by block."""

    def push(self, frames: NDArray[np.float32], end: bool) -> NDArray[Any]:
        """Process at least one more frame, the last ones if `end`, and return the finished frames."""


def _through(step: Step, frames: NDArray[np.float32], end: bool) -> NDArray[Any]:
    return step.push(frames, end) if len(frames) or end else frames[:0]


class _Static:
    """Samples to static features and log energies."""

    def __init__(self, options: StaticOptions, rate: float, seed: int) -> None:
        self.options, self.rate = options, rate
        self.num_samples, self.num_frames = 0, 0
        self.length, self.shift, _ = options.frame_sizes(rate)
        self.first = frame_layout(0, rate, options)[1]
        self.kept = np.zeros(0, dtype=np.float32)
        self.kept_from: int | None = None  # sample at which `kept` begins; None until the start has been mirrored
        self.full_scale: float | None = None
        self.noise = np.random.default_rng(seed) if options.dither else None
        self.lanes = np.zeros((0, self.length), dtype=np.float32)  # frames since the last multiple of LANES

    def push(self, samples: NDArray[np.float32], full_scale: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        if self.full_scale not in (None, full_scale):
            raise FeatureError("found integers beside floating point, expected blocks of one kind")
        self.full_scale = full_scale
        self.kept = np.concatenate([self.kept, samples])
        self.num_samples += len(samples)
        whole = (self.num_samples - self.length - self.first) // self.shift + 1  # frames that lie before the end
        return self._up_to(min(whole, frame_layout(self.num_samples, self.rate, self.options)[0]))

    def flush(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        count, first = frame_layout(self.num_samples, self.rate, self.options)
        if self.kept_from is None:
            return self._features(framed(self.kept, self.rate, self.options))
        beyond = first + (count - 1) * self.shift + self.length - self.num_samples
        if beyond > 0:
            self.kept = np.pad(self.kept, (0, beyond), mode=self._edge())
        return self._up_to(count)

    def _edge(self) -> Any:
        return "constant" if self.options.convention == "librosa" else "symmetric"

    def _up_to(self, count: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        if count <= self.num_frames:
            return self._features(np.zeros((0, self.length), dtype=np.float32))
        if self.kept_from is None:
            self.kept_from = min(0, self.first)
            self.kept = np.pad(self.kept, (-self.kept_from, 0), mode=self._edge())
        start = self.first + self.num_frames * self.shift - self.kept_from
        frames = sliding_window_view(self.kept, self.length)[start :: self.shift][: count - self.num_frames]
        given = self._features(frames)
        # What the next frame begins with, and what may be mirrored at the end.
        keep = min(self.first + self.num_frames * self.shift, self.num_samples - self.length)
        if keep > self.kept_from:
            self.kept, self.kept_from = self.kept[keep - self.kept_from :], keep
        return given

    def _features(self, frames: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        scale = sample_scale(self.options, self.full_scale or 1.0)
        if self.noise and len(frames):
            frames = frames.copy()
            add_dither(frames, self.options, scale, self.noise)
        again = len(self.lanes)
        frames = np.concatenate([self.lanes, frames]) if again else frames
        self.num_frames += len(frames) - again
        self.lanes = frames[len(frames) - len(frames) % LANES :].copy()
        features, log_energy = frame_features(frames, self.rate, self.options, scale=scale)
        return features[again:], log_energy[again:]


class _Rasta:
    def __init__(self, pole: float) -> None:
        self.pole = pole
        self.state: NDArray[np.float64] | None = None

    def push(self, frames: NDArray[np.float32], end: bool) -> NDArray[np.float32]:
        if not len(frames):
            return frames
        if self.state is None:
            self.state = rasta_state(frames, self.pole)
        filtered, self.state = rasta_from(self.state, frames, self.pole)
        return filtered


class _Kept:
    """Frames from some place on; `done` of all have been given."""

    def __init__(self) -> None:
        self.frames: NDArray[np.float32] | None = None
        self.start, self.done = 0, 0

    @property
    def count(self) -> int:
        return self.start + (0 if self.frames is None else len(self.frames))

    def add(self, frames: NDArray[np.float32]) -> None:
        self.frames = frames if self.frames is None else np.concatenate([self.frames, frames])

    def drop_before(self, place: int) -> None:
        if self.frames is not None and place > self.start:
            self.frames, self.start = self.frames[place - self.start :], place


class _Local(_Kept):
    """A function of frames, each of whose results depends on those up to some `before` and `after` it."""

    def __init__(self, function: Callable[[NDArray[np.float32]], NDArray[Any]], before: int, after: int) -> None:
        super().__init__()
        self.function, self.before, self.after = function, before, after

    def push(self, frames: NDArray[np.float32], end: bool) -> NDArray[Any]:
        self.add(frames)
        assert self.frames is not None
        ready = max(self.done, self.count if end else self.count - self.after)
        if ready == self.done:
            return self.function(self.frames[:0])
        given = self.function(self.frames)[self.done - self.start : ready - self.start]
        self.done = ready
        self.drop_before(ready - self.before)
        return given


class _Windowed(_Kept):
    """Frames with windows of `window_bounds`."""

    def __init__(self, cmn_window: int, min_cmn_window: int, center: bool) -> None:
        super().__init__()
        self.options = cmn_window, min_cmn_window, center

    def bounds(self, end: bool) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
        """Frames that are settled, the first of their windows, and the one after the last."""
        cmn_window, min_cmn_window, center = self.options
        least = cmn_window if center else min_cmn_window
        ready = self.count
        if not end:
            ready = self.count - (cmn_window - cmn_window // 2 - 1 if center else 0) if self.count >= least else 0
        t = np.arange(self.done, max(self.done, ready))
        self.done = max(self.done, ready)
        return t, *window_bounds(t, self.count if end else NO_END, *self.options)


class _SlidingCmvn(_Windowed):
    def __init__(self, options: SlidingCmvnOptions) -> None:
        super().__init__(options.cmn_window, options.min_cmn_window, options.center)
        self.norm_vars = options.norm_vars
        self.reference = np.zeros(0, dtype=np.float32)
        self.sums = np.zeros(0)
        self.sums_start = 0

    def push(self, frames: NDArray[np.float32], end: bool) -> NDArray[np.float32]:
        if not self.count and len(frames):
            self.reference = frames[0]
            self.sums = running_sums(frames[:0].astype(np.float64))
        if len(frames):
            more = running_sums(frames.astype(np.float64) - self.reference, self.sums[-1])
            self.sums = np.concatenate([self.sums, more[1:]])
        self.add(frames)
        assert self.frames is not None
        t, first, last = self.bounds(end)
        given = normalized_by_windows(
            self.frames[t - self.start],
            first - self.sums_start,
            last - self.sums_start,
            self.sums,
            self.norm_vars,
            self.reference,
        )
        self.drop_before(self.done)
        keep = max(self.sums_start, self.done - self.options[0])
        self.sums, self.sums_start = self.sums[keep - self.sums_start :], keep
        return given


class _Warp(_Windowed):
    def __init__(self, window: int) -> None:
        super().__init__(window, 1, True)

    def push(self, frames: NDArray[np.float32], end: bool) -> NDArray[np.float32]:
        self.add(frames)
        assert self.frames is not None
        t, first, last = self.bounds(end)
        if not len(t):
            return self.frames[:0]
        given = warped(self.frames[t - self.start], first - self.start, last - self.start, self.frames)
        self.drop_before(self.done - self.options[0])
        return given
