"""The options of the static features, and the defaults that each convention gives them."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Literal, TypeVar, get_args

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gmmspeech.arguments import POSITIVE, told
from gmmspeech.errors import ConfigError, counted
from gmmspeech.features.wrong_options import explain

Convention = Literal["kaldi", "htk", "librosa"]
KaldiOrHtk = Literal["kaldi", "htk"]
LfccConvention = Literal["kaldi", "htk", "asvspoof2019", "asvspoof2021"]
DeltaConvention = Literal["kaldi", "htk", "rastamat"]
ASVSPOOF = ("asvspoof2019", "asvspoof2021")
WindowType = Literal["povey", "hamming", "hanning", "blackman", "rectangular", "sine"]

FLT_EPSILON = float(np.finfo(np.float32).eps)

_KALDI: dict[str, Any] = {
    "frame_length": 25.0,
    "frame_shift": 10.0,
    "snip_edges": True,
    "dither": 0.0,
    "window_type": "povey",
    "blackman_coeff": 0.42,
    "preemphasis_coefficient": 0.97,
    "remove_dc_offset": True,
    "round_to_power_of_two": True,
    "num_mel_bins": 23,
    "low_freq": 20.0,
    "high_freq": 0.0,
    "use_power": True,
    "mel_floor": FLT_EPSILON,
    "use_energy": True,
    "raw_energy": True,
    "energy_floor": 0.0,
    "htk_compat": False,
    "num_ceps": 13,
    "cepstral_lifter": 22.0,
    "use_log_fbank": True,
    "lpc_order": 12,
    "compress_factor": 0.33333,
    "cepstral_scale": 1.0,
}
_HTK = {
    "window_type": "hamming",
    "remove_dc_offset": False,
    "low_freq": 0.0,
    "mel_floor": 1.0,
    "htk_compat": True,
    "compress_factor": 0.33,
}
_LIBROSA = {
    "frame_length": None,  # 2048 samples at any rate
    "frame_shift": None,  # 512 samples at any rate
    "snip_edges": False,
    "window_type": "hanning",
    "preemphasis_coefficient": 0.0,
    "remove_dc_offset": False,
    "num_mel_bins": 128,
    "low_freq": 0.0,
    "mel_floor": 1e-10,
    "use_energy": False,
    "num_ceps": 20,
    "cepstral_lifter": 0.0,
}
_ASVSPOOF2019 = {
    "frame_length": 20.0,
    "snip_edges": False,
    "window_type": "hamming",
    "remove_dc_offset": False,
    "n_fft": 512,
    "num_mel_bins": 20,
    "low_freq": 0.0,
    "mel_floor": float(np.finfo(np.float64).eps),
    "use_energy": False,
    "num_ceps": 20,
    "cepstral_lifter": 0.0,
}
_ASVSPOOF2021 = _ASVSPOOF2019 | {
    "frame_length": 30.0,
    "frame_shift": 15.0,
    "snip_edges": True,
    "preemphasis_coefficient": 0.0,
    "n_fft": 1024,
    "num_mel_bins": 70,
    "high_freq": 4000.0,
    "mel_floor": 2.2204e-16,  # as it is written there: in digital silence, the digits of MATLAB's eps would be seen
}
DEFAULTS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "kaldi": MappingProxyType(_KALDI),
        "htk": MappingProxyType(_KALDI | _HTK),
        "librosa": MappingProxyType(_KALDI | _LIBROSA),
    }
)
"""Defaults of a convention. `use_energy` is for MFCC; filter banks have False everywhere, as in Kaldi."""
_OF_ASVSPOOF = {
    "asvspoof2019": MappingProxyType(_KALDI | _ASVSPOOF2019),
    "asvspoof2021": MappingProxyType(_KALDI | _ASVSPOOF2021),
}


# What a configuration may ask for, so that a slip or malice in one takes no time and memory without bound.
MAX_SAMPLES = 1 << 18  # of a frame: 16 s at 16 kHz
MAX_TIME = 1e300  # ms, of which samples are finite; they have bounds of their own
MAX_BINS = 10_000
MAX_FILTERS = 1 << 25  # numbers in the filters of all bins: 128 MiB
MAX_ORDER = 200
MAX_RATE = 10_000_000
_LEAST_LIKELY_RATE = 1000  # Hz: below it kHz were meant
MAX_FRAMES = 1_000_000  # that are looked at around one: 3 hours


def _plain(given: Mapping[str, Any]) -> dict[str, Any]:
    return {key: v.item() if isinstance(v, np.generic) else v for key, v in given.items() if v is not None}


class Section(BaseModel):
    """A frozen group of options that knows no others; numpy scalars count as numbers, and None as not given."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _normalize(cls, given: Any) -> Any:
        return _plain(given) if isinstance(given, Mapping) else given


class StaticOptions(Section):
    """Options that all static features share. `mfcc` explains each option."""

    defaults: ClassVar[Mapping[str, Mapping[str, Any]]] = DEFAULTS
    specific: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    scale: ClassVar[Literal["mel", "linear"]] = "mel"  # axis on which the filters have equal distances
    warps: ClassVar[bool] = True  # whether filters may be warped to a length of the vocal tract
    of_kaldi: ClassVar[bool] = True  # what Kaldi computes, so that its roundings are wanted

    convention: Convention = Field(
        default="kaldi",
        description='Program to reproduce. "htk": columns c1 ... cN, then energy or c0 as HTK scales it. "librosa": '
        "decibels instead of natural logarithms, at most 80 dB below the utterance's maximum.",
    )
    frame_length: float | None = Field(
        default=None, gt=0, le=MAX_TIME, description="Milliseconds: 25; librosa's is 2048 samples at any rate."
    )
    frame_shift: float | None = Field(
        default=None, gt=0, le=MAX_TIME, description="Milliseconds: 10; librosa's is 512 samples at any rate."
    )
    snip_edges: bool = Field(
        description="Only frames that lie within the signal: True / True / False. If False, a frame for every shift, "
        "with samples mirrored at the ends; for librosa centered frames with zeros beyond the ends."
    )
    dither: float = Field(ge=0, le=1e6, description="Deviation of the noise added to the samples, at their scale: 0.")
    window_type: WindowType = Field(description="povey / hamming / hanning.")
    blackman_coeff: float = Field(description="Of the Blackman window: 0.42.")
    preemphasis_coefficient: float = Field(ge=0, le=1, description="0.97 / 0.97 / 0.")
    remove_dc_offset: bool = Field(description="Subtract the mean of each frame: True / False / False.")
    round_to_power_of_two: bool = Field(description="Lengthen the FFT to a power of two: True.")
    num_mel_bins: int = Field(ge=3, le=MAX_BINS, description="Filters: 23 / 23 / 128.")
    low_freq: float = Field(ge=0, description="Lower edge of the filters in Hz: 20 / 0 / 0.")
    high_freq: float = Field(
        description="Upper edge of the filters in Hz; 0 or less counts from the Nyquist frequency: 0."
    )
    use_power: bool = Field(
        description="Filter the power, not the magnitude: True. HTK's own default, USEPOWER = F, is False."
    )
    mel_floor: float = Field(gt=0, description="Smallest filter output before the logarithm: 1.19e-7 / 1 / 1e-10.")
    use_energy: bool = Field(description="Log energy instead of c0: True / True / False.")
    raw_energy: bool = Field(description="Take the energy before pre-emphasis and window: True.")
    energy_floor: float = Field(ge=0, description="Smallest energy before the logarithm: 0 (which leaves 1.19e-7).")
    htk_compat: bool = Field(
        description="Put energy or c0 last, and multiply c0 of MFCC by sqrt(2): False / True / False."
    )

    vtln_warp: float = Field(
        default=1.0,
        gt=0.5,
        lt=2,
        description="Warping factor of the filters' frequencies for the length of the vocal tract, as in Kaldi: 1. "
        "Below 1 for short tracts, as of most women, above 1 for long ones; for Kaldi's MFCC and filter banks.",
    )
    vtln_low: float = Field(
        default=100.0, gt=0, description="Hz, below which the warp bends to leave the lowest frequency as it is: 100."
    )
    vtln_high: float = Field(
        default=-500.0,
        description="Hz, above which it bends to leave the highest as it is; below 0 counts from the Nyquist "
        "frequency: -500.",
    )

    @model_validator(mode="after")
    def _check_warp(self) -> StaticOptions:
        if self.vtln_warp != 1 and not (self.warps and self.convention == "kaldi"):
            raise ValueError(f"vtln_warp: found {self.vtln_warp:g}, expected 1 with these features and convention")
        return self

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        given = _plain(given)
        defaults = cls.defaults.get(str(given.get("convention", "kaldi")), DEFAULTS["kaldi"])
        return {key: v for key, v in {**defaults, **cls.specific}.items() if key in cls.model_fields} | given

    @property
    def dim(self) -> int:
        """Number of columns."""
        raise NotImplementedError

    def frame_sizes(self, rate: float) -> tuple[int, int, int]:
        """Samples in a frame, samples from one frame to the next, and points of the FFT."""
        length = 2048 if self.frame_length is None else int(rate * 0.001 * self.frame_length)
        shift = 512 if self.frame_shift is None else int(rate * 0.001 * self.frame_shift)
        points = 1 << (length - 1).bit_length() if self.round_to_power_of_two else length
        return length, shift, points

    @property
    def full_scale_is_one(self) -> bool:
        """Whether samples are in [-1, 1], not at the scale of 16-bit integers."""
        return self.convention in ("librosa", *ASVSPOOF)

    def band(self, rate: float) -> tuple[float, float]:
        """Lowest and highest frequency of the filters in Hz; `high_freq` <= 0 counts from the Nyquist frequency."""
        return self.low_freq, self.high_freq if self.high_freq > 0 else rate / 2 + self.high_freq

    def warp(self, rate: float) -> tuple[float, float, float] | None:
        """Factor of the filters' frequencies and where it ends at both sides, in Hz; None for none."""
        if self.vtln_warp == 1:
            return None
        return self.vtln_warp, self.vtln_low, self.vtln_high if self.vtln_high > 0 else rate / 2 + self.vtln_high

    def check_rate(self, rate: float) -> None:
        """Raise ConfigError where the options make no sense at a sampling rate."""
        check_rate(rate)
        length, shift, points = self.frame_sizes(rate)
        for name, found, least in (("frame_length", length, 2), ("frame_shift", shift, 1)):
            if not least <= found <= MAX_SAMPLES:
                expected = f"{least} or more" if found < least else f"at most {MAX_SAMPLES}"
                unit = "rates are in Hz, not kHz" if rate < _LEAST_LIKELY_RATE else "times are in milliseconds"
                samples = f"{counted(found, 'sample', 'g')} at {rate:g} Hz"
                raise ConfigError(f"{name}: found {samples}, expected {expected}; {unit}")
        if points * self.num_mel_bins > 2 * MAX_FILTERS:
            many = f"{counted(self.num_mel_bins, 'filter')} of a spectrum of {counted(points, 'point')}"
            raise ConfigError(f"num_mel_bins: found {many}, expected fewer, or a shorter frame_length")
        low, high = self.band(rate)
        if high > rate / 2:
            raise ConfigError(f"high_freq: found {high:g} Hz, expected at most {rate / 2:g} Hz, half the sampling rate")
        if low >= high:
            raise ConfigError(f"low_freq: found {low:g} Hz, expected less than the highest frequency, {high:g} Hz")
        if (found_warp := self.warp(rate)) is not None:
            factor, first, last = found_warp
            if not low < first * max(1, factor) < last * min(1, factor) < high:
                told_edges = f"vtln_low: found {first:g} and vtln_high {last:g} Hz"
                raise ConfigError(f"{told_edges}, expected both within {low:g} to {high:g} Hz, apart at any warp")


class MfccOptions(StaticOptions):
    """Options of `mfcc`."""

    type: Literal["mfcc"] = "mfcc"
    num_ceps: int = Field(
        ge=1,
        description="Columns, including energy or c0: 13 / 13 / 20. HTK's NUMCEPS = 12 with _E or _0 is 13.",
    )
    cepstral_lifter: float = Field(ge=0, description="22 / 22 / 0; 0 for none.")

    @model_validator(mode="after")
    def _check(self) -> MfccOptions:
        if self.num_ceps > self.num_mel_bins:
            raise ValueError(f"num_ceps: found {self.num_ceps}, expected at most num_mel_bins, {self.num_mel_bins}")
        return self

    @property
    def dim(self) -> int:
        """Number of columns."""
        return self.num_ceps


class LfccOptions(MfccOptions):
    """Options of `lfcc`."""

    defaults: ClassVar[Mapping[str, Mapping[str, Any]]] = MappingProxyType({**DEFAULTS, **_OF_ASVSPOOF})
    scale: ClassVar[Literal["mel", "linear"]] = "linear"
    warps: ClassVar[bool] = False
    of_kaldi: ClassVar[bool] = False

    type: Literal["lfcc"] = "lfcc"  # type: ignore[assignment]
    convention: LfccConvention = Field(  # type: ignore[assignment]
        default="kaldi",
        description="Program whose defaults and order of columns to use; Kaldi and HTK have no LFCC of their own. "
        '"asvspoof2019" and "asvspoof2021": what the MATLAB baseline of ASVspoof 2019 and the Python baseline of 2021 '
        "compute, in float64: pre-emphasis over the whole signal, decimal logarithms of the filters' outputs to which "
        "`mel_floor` is added; filters of 2021 begin and end at bins of the FFT.",
    )
    frame_length: float | None = Field(
        default=None, gt=0, le=MAX_TIME, description="Milliseconds: 25 / 25; asvspoof2019 20, asvspoof2021 30."
    )
    frame_shift: float | None = Field(
        default=None, gt=0, le=MAX_TIME, description="Milliseconds: 10 / 10; asvspoof2019 10, asvspoof2021 15."
    )
    snip_edges: bool = Field(
        description="Only frames that lie within the signal: True / True; asvspoof2019 False, which pads the last "
        "frame with zeros, asvspoof2021 True. For kaldi and htk False mirrors samples at the ends."
    )
    n_fft: int | None = Field(
        default=None,
        ge=2,
        le=MAX_SAMPLES,
        description="FFT length, at least a frame's samples; None follows `round_to_power_of_two`. "
        "asvspoof2019 512, asvspoof2021 1024.",
    )

    def frame_sizes(self, rate: float) -> tuple[int, int, int]:
        """Samples in a frame, samples from one frame to the next, and points of the FFT."""
        length, shift, points = super().frame_sizes(rate)
        return length, shift, self.n_fft or points

    def check_rate(self, rate: float) -> None:
        """Raise ConfigError where the options make no sense at a sampling rate."""
        super().check_rate(rate)
        length = self.frame_sizes(rate)[0]
        if self.n_fft and self.n_fft < length:
            frame = f"a frame of {counted(length, 'sample')} at {rate:g} Hz"
            raise ConfigError(f"n_fft: found {self.n_fft}, expected at least {frame}")


class PlpOptions(StaticOptions):
    """Options of `plp`."""

    warps: ClassVar[bool] = False

    type: Literal["plp"] = "plp"
    convention: KaldiOrHtk = Field(
        default="kaldi", description='Program to reproduce. "htk": columns c1 ... cN, then energy or c0.'
    )
    num_ceps: int = Field(
        ge=1,
        description="Columns, including energy or c0: 13; at most `lpc_order` + 1. HTK's NUMCEPS = 12 with _E or _0 is "
        "13.",
    )
    use_energy: bool = Field(
        description="Log energy instead of c0: True. Otherwise c0 is the logarithm of the prediction error, which "
        "Kaldi floors at 0."
    )
    lpc_order: int = Field(ge=1, le=MAX_ORDER, description="Order of the linear predictor: 12.")
    compress_factor: float = Field(gt=0, le=1, description="Exponent from intensity to loudness: 0.33333 / 0.33.")
    cepstral_lifter: float = Field(ge=0, description="22; 0 for none.")
    cepstral_scale: float = Field(gt=0, description="Factor of the cepstra, but not of the energy: 1.")

    @model_validator(mode="after")
    def _check(self) -> PlpOptions:
        if self.num_ceps > self.lpc_order + 1:
            raise ValueError(f"num_ceps: found {self.num_ceps}, expected at most lpc_order + 1, {self.lpc_order + 1}")
        return self

    @property
    def dim(self) -> int:
        """Number of columns."""
        return self.num_ceps


class FbankOptions(StaticOptions):
    """Options of `fbank`."""

    specific: ClassVar[Mapping[str, Any]] = MappingProxyType({"use_energy": False})

    type: Literal["fbank"] = "fbank"
    use_log_fbank: bool = Field(description="Logarithms, not the filters' outputs themselves: True.")
    use_energy: bool = Field(description="Log energy as one more column, first, or last with `htk_compat`: False.")

    @property
    def dim(self) -> int:
        """Number of columns."""
        return self.num_mel_bins + self.use_energy


def check_rate(rate: float) -> None:
    """Raise ConfigError for a sampling rate that is none."""
    if not POSITIVE(rate):
        return
    raise ConfigError(f"sampling rate: found {told(rate)} Hz, expected a number, more than 0")


Options = TypeVar("Options", bound=Section)


def validated(kind: type[Options], given: Mapping[str, Any]) -> Options:
    """Options out of keyword arguments; None stands for the convention's default. ConfigError on a bad value."""
    if "type" in given:  # which is how a section of a front end says what it is
        raise ConfigError(f"unknown key 'type': it is {kind.model_fields['type'].default} already")
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        raise ConfigError(explain(error, {(): kind})) from None


Function = TypeVar("Function", bound=Callable[..., Any])


def with_options_of(kind: type[StaticOptions]) -> Callable[[Function], Function]:
    """Give a function of (signal, rate, random_state, **options) the signature and the documentation of its options."""
    table = {name: field for name, field in kind.model_fields.items() if name != "type"}
    table = {"convention": table.pop("convention"), **table}

    def decorate(function: Function) -> Function:
        own = inspect.signature(function).parameters
        keywords = [
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=field.default if name == "convention" else None
            )
            for name, field in table.items()
        ]
        function.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [own["signal"], own["rate"], *keywords, own["random_state"]], return_annotation=np.ndarray
        )
        text = "\n".join(
            f"{name} : {_type(field.annotation)}\n{_indented(field.description)}" for name, field in table.items()
        )
        function.__doc__ = (function.__doc__ or "").replace("    **options\n", textwrap.indent(text, "    ") + "\n")
        return function

    return decorate


def _type(annotation: Any) -> str:
    """How numpydoc writes a type."""
    if isinstance(annotation, type):
        return annotation.__name__
    choices = [choice for choice in get_args(annotation) if choice is not type(None)]
    return choices[0].__name__ if isinstance(choices[0], type) else "{" + ", ".join(f'"{c}"' for c in choices) + "}"


def _indented(text: str | None) -> str:
    return textwrap.fill(text or "", 110, initial_indent="    ", subsequent_indent="    ")
