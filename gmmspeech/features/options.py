"""The options of the static features, and the defaults that each convention gives them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gmmspeech.errors import ConfigError

Convention = Literal["kaldi", "htk", "librosa"]
KaldiOrHtk = Literal["kaldi", "htk"]
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
DEFAULTS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "kaldi": MappingProxyType(_KALDI),
        "htk": MappingProxyType(_KALDI | _HTK),
        "librosa": MappingProxyType(_KALDI | _LIBROSA),
    }
)
"""Defaults of a convention. `use_energy` is for MFCC; filter banks have False everywhere, as in Kaldi."""


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
    """What all static features have in common. `mfcc` explains each option."""

    specific: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    scale: ClassVar[Literal["mel", "linear"]] = "mel"  # axis on which the filters have equal distances
    of_kaldi: ClassVar[bool] = True  # what Kaldi computes, so that its roundings are wanted

    convention: Convention = "kaldi"
    frame_length: float | None = Field(default=None, gt=0)
    frame_shift: float | None = Field(default=None, gt=0)
    snip_edges: bool
    dither: float = Field(ge=0)
    window_type: WindowType
    blackman_coeff: float
    preemphasis_coefficient: float = Field(ge=0, le=1)
    remove_dc_offset: bool
    round_to_power_of_two: bool
    num_mel_bins: int = Field(ge=3)
    low_freq: float = Field(ge=0)
    high_freq: float
    use_power: bool
    mel_floor: float = Field(gt=0)
    use_energy: bool
    raw_energy: bool
    energy_floor: float = Field(ge=0)
    htk_compat: bool

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        given = _plain(given)
        defaults = DEFAULTS.get(str(given.get("convention", "kaldi")), DEFAULTS["kaldi"])
        return {key: v for key, v in {**defaults, **cls.specific}.items() if key in cls.model_fields} | given

    @property
    def dim(self) -> int:
        """Columns."""
        raise NotImplementedError

    def frame_sizes(self, rate: float) -> tuple[int, int, int]:
        """Samples in a frame, samples from one frame to the next, and points of the FFT."""
        length = 2048 if self.frame_length is None else int(rate * 0.001 * self.frame_length)
        shift = 512 if self.frame_shift is None else int(rate * 0.001 * self.frame_shift)
        points = 1 << (length - 1).bit_length() if self.round_to_power_of_two else length
        return length, shift, points

    def band(self, rate: float) -> tuple[float, float]:
        """Lowest and highest frequency of the filters in Hz; `high_freq` <= 0 counts from the Nyquist frequency."""
        return self.low_freq, self.high_freq if self.high_freq > 0 else rate / 2 + self.high_freq

    def check_rate(self, rate: float) -> None:
        """Raise ConfigError where the options make no sense at a sampling rate."""
        if not rate > 0:
            raise ConfigError(f"sampling rate: found {rate} Hz, expected more than 0")
        length, shift, _ = self.frame_sizes(rate)
        if length < 2:
            raise ConfigError(f"frame_length: found {length} samples at {rate:g} Hz, expected 2 or more")
        if shift < 1:
            raise ConfigError(f"frame_shift: found {shift} samples at {rate:g} Hz, expected 1 or more")
        low, high = self.band(rate)
        if high > rate / 2:
            raise ConfigError(f"high_freq: found {high:g} Hz, expected at most {rate / 2:g} Hz, half the sampling rate")
        if low >= high:
            raise ConfigError(f"low_freq: found {low:g} Hz, expected less than the highest frequency, {high:g} Hz")


class MfccOptions(StaticOptions):
    """Options of `mfcc`."""

    type: Literal["mfcc"] = "mfcc"
    num_ceps: int = Field(ge=1)
    cepstral_lifter: float = Field(ge=0)

    @model_validator(mode="after")
    def _check(self) -> MfccOptions:
        if self.num_ceps > self.num_mel_bins:
            raise ValueError(f"num_ceps: found {self.num_ceps}, expected at most num_mel_bins, {self.num_mel_bins}")
        return self

    @property
    def dim(self) -> int:
        """Columns."""
        return self.num_ceps


class LfccOptions(MfccOptions):
    """Options of `lfcc`."""

    scale: ClassVar[Literal["mel", "linear"]] = "linear"
    of_kaldi: ClassVar[bool] = False

    type: Literal["lfcc"] = "lfcc"  # type: ignore[assignment]
    convention: KaldiOrHtk = "kaldi"


class PlpOptions(StaticOptions):
    """Options of `plp`."""

    type: Literal["plp"] = "plp"
    convention: KaldiOrHtk = "kaldi"
    num_ceps: int = Field(ge=1)
    lpc_order: int = Field(ge=1)
    compress_factor: float = Field(gt=0, le=1)
    cepstral_lifter: float = Field(ge=0)
    cepstral_scale: float = Field(gt=0)

    @model_validator(mode="after")
    def _check(self) -> PlpOptions:
        if self.num_ceps > self.lpc_order + 1:
            raise ValueError(f"num_ceps: found {self.num_ceps}, expected at most lpc_order + 1, {self.lpc_order + 1}")
        return self

    @property
    def dim(self) -> int:
        """Columns."""
        return self.num_ceps


class FbankOptions(StaticOptions):
    """Options of `fbank`."""

    specific: ClassVar[Mapping[str, Any]] = MappingProxyType({"use_energy": False})

    type: Literal["fbank"] = "fbank"
    use_log_fbank: bool

    @property
    def dim(self) -> int:
        """Columns."""
        return self.num_mel_bins + self.use_energy


Options = TypeVar("Options", bound=StaticOptions)


def validated(kind: type[Options], given: Mapping[str, Any]) -> Options:
    """Options out of keyword arguments; None stands for the convention's default. ConfigError on a bad value."""
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        raise ConfigError(explain(error)) from None


def explain(error: ValidationError, known: Mapping[tuple[str, ...], type[BaseModel]] = MappingProxyType({})) -> str:
    """One line for the first thing that is wrong: where, what was found and what was expected."""
    first = error.errors()[0]
    place = [str(part) for part in first["loc"]]
    if first["type"] == "extra_forbidden":
        model = known.get(tuple(place[:-1]))
        nearest = difflib.get_close_matches(place[-1], model.model_fields, n=1, cutoff=0) if model else []
        hint = f"; the nearest known key is {nearest[0]!r}" if nearest else ""
        return f"{_section(place)}unknown key {place[-1]!r}{hint}"
    if first["type"] == "value_error":
        return _section([*place, ""]) + str(first["ctx"]["error"])
    if first["type"].startswith("union_tag"):
        key = first["ctx"]["discriminator"].strip("'")
        found = first["ctx"].get("tag")
        choices = " or ".join(repr(tag) for path in known if list(path[:1]) == place for tag in path[1:])
        return f"{_section([*place, ''])}{key}: {f'found {found!r}' if found else 'missing'}, expected {choices}"
    if first["type"] in ("model_type", "model_attributes_type"):
        return f"{place[-1]}: found {first['input']!r}, expected a section of options"
    expected = first["msg"].replace("Input should be ", "expected ")
    return f"{_section(place)}{place[-1]}: found {first['input']!r}, {expected}"


def _section(place: list[str]) -> str:
    return f"[{place[0]}] " if len(place) > 1 else ""
