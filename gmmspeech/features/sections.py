"""Sections of a front end's configuration other than the static features, with short descriptions."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gmmspeech.features.cqcc import CqccOptions
from gmmspeech.features.deltas import add_deltas, shifted_deltas
from gmmspeech.features.normalization import cmvn, rasta, sliding_cmvn
from gmmspeech.features.options import (
    MAX_FRAMES,
    DeltaConvention,
    FbankOptions,
    LfccOptions,
    MfccOptions,
    PlpOptions,
    Section,
)
from gmmspeech.features.vad import energy_vad, relative_energy_vad, two_gaussian_vad
from gmmspeech.features.warping import feature_warp

_LATER_SECTIONS = ("rasta", "sdc", "warp")
_LATER_OPTIONS: tuple[tuple[str, str, Any], ...] = (  # with their defaults
    ("vad", "above_noise_db", None),
    ("features", "n_fft", None),
    ("features", "vtln_warp", 1.0),
    ("features", "vtln_low", 100.0),
    ("features", "vtln_high", -500.0),
    ("deltas", "convention", "kaldi"),
    ("deltas", "static", True),
    ("cmvn", "static", False),
)


class RastaOptions(Section):
    """[rasta]: options of `rasta`."""

    pole: float = Field(default=0.98, ge=0, lt=1)

    def __call__(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Do it to the frames of an utterance."""
        return rasta(frames, **self.model_dump())


class DeltaOptions(Section):
    """[deltas]: options of `add_deltas`, and whether the static features stay before them."""

    order: int = Field(default=2, ge=0, le=10)
    window: int = Field(default=2, ge=1, le=1000)
    convention: DeltaConvention = "kaldi"
    static: bool = True

    def __call__(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Frames with their deltas, or these alone, (T, columns)."""
        together = add_deltas(frames, **self.model_dump(exclude={"static"}))
        return together if self.static else together[:, frames.shape[1] :]


class ShiftedDeltaOptions(Section):
    """[sdc]: options of `shifted_deltas`."""

    window: int = Field(default=1, ge=1, le=100)
    num_blocks: int = Field(default=7, ge=1, le=100)
    block_shift: int = Field(default=3, ge=1, le=100)

    def __call__(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Do it to the frames of an utterance."""
        return shifted_deltas(frames, **self.model_dump())


class WarpOptions(Section):
    """[warp]: options of `feature_warp`."""

    window: int = Field(default=301, ge=1, le=MAX_FRAMES)

    def __call__(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Do it to the frames of an utterance."""
        return feature_warp(frames, **self.model_dump())


class EnergyVadOptions(Section):
    """[vad] with method = "energy": options of `energy_vad`."""

    method: Literal["energy"] = "energy"
    vad_energy_threshold: float = 5.0
    vad_energy_mean_scale: float = 0.5
    vad_frames_context: int = Field(default=0, ge=0, le=MAX_FRAMES)
    vad_proportion_threshold: float = Field(default=0.6, gt=0, le=1)

    def voiced(self, log_energy: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which frames are voiced, by their log energies at the scale of 16-bit samples, (T,)."""
        return energy_vad(log_energy[:, None], **self.model_dump(exclude={"method"}))


class RelativeVadOptions(Section):
    """[vad] with method = "relative": options of `relative_energy_vad`."""

    method: Literal["relative"] = "relative"
    range_db: float = Field(default=50.0, ge=0)
    context: int = Field(default=2, ge=0, le=MAX_FRAMES)
    above_noise_db: float | None = Field(default=None, ge=0)

    def voiced(self, log_energy: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which frames are voiced, by their log energies at the scale of 16-bit samples, (T,)."""
        return relative_energy_vad(log_energy, **self.model_dump(exclude={"method"}))


class TwoGaussianVadOptions(Section):
    """[vad] with method = "two_gaussians": options of `two_gaussian_vad`."""

    method: Literal["two_gaussians"] = "two_gaussians"
    smoothing_window: int = Field(default=10, ge=1, le=MAX_FRAMES)
    max_iter: int = Field(default=10, ge=1, le=MAX_FRAMES)
    tol: float = Field(default=5e-4, ge=0)
    variance_floor: float = Field(default=5e-4, gt=0, le=1)

    def voiced(self, log_energy: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which frames are voiced, by their log energies at the scale of 16-bit samples, (T,)."""
        return two_gaussian_vad(log_energy, **self.model_dump(exclude={"method"}))


class UtteranceCmvnOptions(Section):
    """[cmvn] with method = "utterance": options of `cmvn`."""

    method: Literal["utterance"] = "utterance"
    norm_vars: bool = False
    mean_scale: float = 1.0

    def __call__(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Do it to the frames of an utterance."""
        return cmvn(frames, **self.model_dump(exclude={"method"}))


class SpeakerCmvnOptions(Section):
    """[cmvn] with method = "speaker": `cmvn` over all utterances of a speaker, before deltas if static."""

    method: Literal["speaker"] = "speaker"
    norm_vars: bool = False
    static: bool = False


class StaticCmvnOptions(Section):
    """[cmvn] with method = "static": `cmvn` of all frames before deltas, the energy left as it is: HTK's _Z."""

    method: Literal["static"] = "static"


class SlidingCmvnOptions(Section):
    """[cmvn] with method = "sliding": options of `sliding_cmvn`."""

    method: Literal["sliding"] = "sliding"
    norm_vars: bool = False
    cmn_window: int = Field(default=600, ge=1, le=MAX_FRAMES)
    min_cmn_window: int = Field(default=100, ge=1, le=MAX_FRAMES)
    center: bool = False

    def __call__(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Do it to the frames of an utterance."""
        return sliding_cmvn(frames, **self.model_dump(exclude={"method"}))


FeatureOptions = MfccOptions | FbankOptions | PlpOptions | LfccOptions | CqccOptions
VadOptions = EnergyVadOptions | RelativeVadOptions | TwoGaussianVadOptions
CmvnOptions = UtteranceCmvnOptions | SpeakerCmvnOptions | StaticCmvnOptions | SlidingCmvnOptions


SECTIONS: Mapping[tuple[str, ...], type[Section]] = MappingProxyType(
    {
        ("features", "mfcc"): MfccOptions,
        ("features", "fbank"): FbankOptions,
        ("features", "plp"): PlpOptions,
        ("features", "lfcc"): LfccOptions,
        ("features", "cqcc"): CqccOptions,
        ("rasta",): RastaOptions,
        ("deltas",): DeltaOptions,
        ("sdc",): ShiftedDeltaOptions,
        ("vad", "energy"): EnergyVadOptions,
        ("vad", "relative"): RelativeVadOptions,
        ("vad", "two_gaussians"): TwoGaussianVadOptions,
        ("cmvn", "utterance"): UtteranceCmvnOptions,
        ("cmvn", "speaker"): SpeakerCmvnOptions,
        ("cmvn", "static"): StaticCmvnOptions,
        ("cmvn", "sliding"): SlidingCmvnOptions,
        ("warp",): WarpOptions,
    }
)
"""The model of each section by its place, and its type or method where it has one."""


def describe_features(options: FeatureOptions) -> str:
    """As in "13 MFCC"."""
    if isinstance(options, FbankOptions):
        return f"{options.num_mel_bins} mel bands"
    return f"{options.dim} {options.type.upper()}"


def describe_frames(options: FeatureOptions, rate: float) -> str:
    """As in "25/10 ms"; frames of CQCC have no one length."""
    if isinstance(options, CqccOptions):
        return f"{options.shift(rate):.3g} ms"
    length, shift, _ = options.frame_sizes(rate)
    return f"{length * 1000 / rate:.4g}/{shift * 1000 / rate:.4g} ms"


def describe_vad(vad: VadOptions | None) -> str:
    """As in "relative VAD 50 dB"."""
    if vad is None:
        return "no VAD"
    if isinstance(vad, RelativeVadOptions):
        noise = "" if vad.above_noise_db is None else f", {vad.above_noise_db:g} dB above noise"
        return f"relative VAD {vad.range_db:g} dB{noise}"
    if isinstance(vad, TwoGaussianVadOptions):
        return "two-Gaussian VAD"
    return f"energy VAD {vad.vad_energy_threshold:g} + {vad.vad_energy_mean_scale:g} mean"


def describe_cmvn(normalization: CmvnOptions | None) -> str:
    """As in "sliding CMN 300"."""
    if normalization is None:
        return "no CMVN"
    if isinstance(normalization, StaticCmvnOptions):
        return "static CMN"
    name = "CMVN" if normalization.norm_vars else "CMN"
    if isinstance(normalization, SlidingCmvnOptions):
        return f"sliding {name} {normalization.cmn_window}"
    if isinstance(normalization, SpeakerCmvnOptions):
        return f"speaker {name}"
    scale = "" if normalization.mean_scale == 1 else f" x {normalization.mean_scale:g}"
    return f"utterance {name}{scale}"


def without_later_defaults(sections: dict[str, dict[str, Any] | None]) -> dict[str, dict[str, Any] | None]:
    """Leave out what came later, where it is off: the text of a front end without it is the same as before."""
    kept = {name: options for name, options in sections.items() if name not in _LATER_SECTIONS or options is not None}
    if kept.get("resampler") == "soxr":
        del kept["resampler"]
    for section, name, default in _LATER_OPTIONS:
        options = kept[section]
        if options and name in options and options[name] == default:
            kept[section] = {other: value for other, value in options.items() if other != name}
    return kept
