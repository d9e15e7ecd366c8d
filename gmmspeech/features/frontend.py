"""How a waveform becomes frames: one frozen configuration that can be called."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

import numpy as np
import soxr
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, Field, ValidationError, model_validator

from gmmspeech.errors import ConfigError, FeatureError
from gmmspeech.features.deltas import add_deltas
from gmmspeech.features.normalization import cmvn, sliding_cmvn
from gmmspeech.features.options import FbankOptions, MfccOptions, Section, explain
from gmmspeech.features.static import static_features
from gmmspeech.features.vad import energy_vad, relative_energy_vad
from gmmspeech.features.window import INT16_SCALE, checked_signal, frame_layout, least_samples

SHIPPED = Path(__file__).resolve().parent.parent / "conf"


class DeltaOptions(Section):
    """[deltas]: options of `add_deltas`."""

    order: int = Field(default=2, ge=0)
    window: int = Field(default=2, ge=1)


class EnergyVadOptions(Section):
    """[vad] with method = "energy": options of `energy_vad`."""

    method: Literal["energy"] = "energy"
    vad_energy_threshold: float = 5.0
    vad_energy_mean_scale: float = 0.5
    vad_frames_context: int = Field(default=0, ge=0)
    vad_proportion_threshold: float = Field(default=0.6, gt=0, le=1)


class RelativeVadOptions(Section):
    """[vad] with method = "relative": options of `relative_energy_vad`."""

    method: Literal["relative"] = "relative"
    range_db: float = Field(default=50.0, ge=0)
    context: int = Field(default=2, ge=0)


class UtteranceCmvnOptions(Section):
    """[cmvn] with method = "utterance": options of `cmvn`."""

    method: Literal["utterance"] = "utterance"
    norm_vars: bool = False
    mean_scale: float = 1.0


class SpeakerCmvnOptions(Section):
    """[cmvn] with method = "speaker": `cmvn` over all utterances of a speaker."""

    method: Literal["speaker"] = "speaker"
    norm_vars: bool = False


class SlidingCmvnOptions(Section):
    """[cmvn] with method = "sliding": options of `sliding_cmvn`."""

    method: Literal["sliding"] = "sliding"
    norm_vars: bool = False
    cmn_window: int = Field(default=600, ge=1)
    min_cmn_window: int = Field(default=100, ge=1)
    center: bool = False


class FrontEnd(Section):
    """Waveform to frames: static features, voice activity, deltas, normalisation.

    The order of work: static features and log energies in one pass; which frames are voiced; deltas over all frames;
    sliding CMVN over all frames; selection of the voiced frames; utterance or speaker CMVN on those.

    A section that is absent is a step that is left out. Configurations are frozen, compare by value, and are
    written into feature stores and models as `to_json` gives them.

    Parameters
    ----------
    sample_frequency : int
        Hz; 16000.
    resample : bool
        Convert other rates (soxr, HQ) instead of refusing them.
    features : mapping or options
        ``type`` "mfcc" or "fbank", and the options of `mfcc` or `fbank`.
    deltas : mapping or options, optional
        ``order`` and ``window``.
    vad : mapping or options, optional
        ``method`` "energy" (options of `energy_vad`) or "relative" (of `relative_energy_vad`). Both look at the
        frame's log energy at the scale of 16-bit samples, whether or not it is among the features. It is Kaldi's
        column 0 where `use_energy` is on.
    cmvn : mapping or options, optional
        ``method`` "utterance" (options of `cmvn`), "speaker" (``norm_vars``; see `of_speaker`) or "sliding" (options
        of `sliding_cmvn`).

    Raises
    ------
    ConfigError
        An unknown key, or a value that makes no sense.

    Examples
    --------
    >>> import numpy as np
    >>> front = FrontEnd(sample_frequency=8000, features={"type": "mfcc", "num_ceps": 20}, deltas={"order": 1})
    >>> front(np.sin(np.arange(8000.0)), 8000).shape
    (98, 40)
    >>> front.describe()
    '20 MFCC + Δ, 25/10 ms, no VAD, no CMVN'
    """

    sample_frequency: int = Field(default=16000, ge=1)
    resample: bool = False
    features: Annotated[MfccOptions | FbankOptions, Field(discriminator="type")] = MfccOptions.model_validate({})
    deltas: DeltaOptions | None = None
    vad: Annotated[EnergyVadOptions | RelativeVadOptions, Field(discriminator="method")] | None = None
    cmvn: (
        Annotated[UtteranceCmvnOptions | SpeakerCmvnOptions | SlidingCmvnOptions, Field(discriminator="method")] | None
    ) = None

    def __init__(self, **sections: Any) -> None:
        try:
            super().__init__(**sections)
        except ValidationError as error:
            raise ConfigError(explain(error, _MODELS)) from None

    @model_validator(mode="after")
    def _check(self) -> FrontEnd:
        try:
            self.features.check_rate(self.sample_frequency)
        except ConfigError as error:
            raise ConfigError(f"[features] {error}") from None
        return self

    @model_validator(mode="before")
    @classmethod
    def _no_deltas(cls, given: dict[str, Any]) -> dict[str, Any]:
        deltas = given.get("deltas")
        return {**given, "deltas": None} if isinstance(deltas, Mapping) and deltas.get("order") == 0 else given

    @classmethod
    def from_toml(cls, path: str | Path) -> FrontEnd:
        """Read a TOML file, or a configuration of this package by its bare name, such as "mfcc_sre".

        Raises
        ------
        ConfigError
            The file is missing, isn't TOML, or holds an unknown key or a bad value; names file, section and key.

        Examples
        --------
        >>> FrontEnd.from_toml("mfcc_sre").describe()
        '20 MFCC + Δ + ΔΔ, 25/10 ms, energy VAD 5.5 + 0.5 mean, sliding CMN 300'
        """
        file = _find(path)
        try:
            return cls(**tomllib.loads(file.read_text(encoding="utf-8")))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
            raise ConfigError(f"{file}: not readable as TOML: {error}") from None
        except ConfigError as error:
            raise ConfigError(f"{file}: {error}") from None

    @classmethod
    def from_json(cls, text: str) -> FrontEnd:
        """Read what `to_json` gave.

        Raises
        ------
        ConfigError
            The text isn't a front end.

        Examples
        --------
        >>> front = FrontEnd(deltas={"window": 3})
        >>> FrontEnd.from_json(front.to_json()) == front
        True
        """
        try:
            sections = json.loads(text)
        except json.JSONDecodeError as error:
            raise ConfigError(f"front end: not readable as JSON: {error}") from None
        if not isinstance(sections, dict):
            raise ConfigError(f"front end: found JSON of {type(sections).__name__}, expected an object")
        return cls(**sections)

    def to_json(self) -> str:
        """One line with every option spelled out and keys sorted: the same for equal configurations."""
        return json.dumps(self.model_dump(), sort_keys=True)

    @cached_property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that differ between different configurations."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:12]

    @property
    def dim(self) -> int:
        """Columns of the frames."""
        return self.features.dim * (1 + (self.deltas.order if self.deltas else 0))

    def describe(self) -> str:
        """One line for people."""
        options = self.features
        kind = f"{options.dim} MFCC" if isinstance(options, MfccOptions) else f"{options.num_mel_bins} mel bands"
        orders = range(1, 1 + (self.deltas.order if self.deltas else 0))
        length, shift, _ = options.frame_sizes(self.sample_frequency)
        scale = 1000 / self.sample_frequency
        return ", ".join(
            [
                " + ".join([kind, *("Δ" * order for order in orders)]),
                f"{length * scale:.4g}/{shift * scale:.4g} ms",
                _describe_vad(self.vad),
                _describe_cmvn(self.cmvn),
            ]
        )

    def __call__(self, signal: ArrayLike, rate: float, utterance: str = "") -> NDArray[np.float32]:
        """Frames of a waveform; only the voiced ones where voice activity detection is on.

        Parameters
        ----------
        signal : array_like, shape (n,)
            One channel; floating point in [-1, 1], or integers as 16-bit samples.
        rate : float
            Hz.
        utterance : str
            Name for messages, and the seed of the dither.

        Returns
        -------
        ndarray, shape (T, dim), float32

        Raises
        ------
        FeatureError
            Another sampling rate, fewer samples than a frame has, no voiced frame, or not one channel of finite
            numbers; names the utterance.
        """
        return self.of_speaker([self.unnormalised(signal, rate, utterance)])[0]

    def unnormalised(self, signal: ArrayLike, rate: float, utterance: str = "") -> NDArray[np.float32]:
        """Frames of a waveform before utterance or speaker CMVN; parameters and errors as of calling the front end."""
        static, log_energy = self._static(signal, rate, utterance)
        voiced = self._voiced(log_energy)
        if not voiced.any():
            raise FeatureError(
                f"{_who(utterance)}found no voiced frame among {len(voiced)} (silence?), expected at least one"
            )
        frames = static
        if self.deltas:
            frames = add_deltas(frames, **self.deltas.model_dump())
        if isinstance(self.cmvn, SlidingCmvnOptions):
            frames = sliding_cmvn(frames, **self.cmvn.model_dump(exclude={"method"}))
        return frames[voiced] if self.vad else frames

    def of_speaker(self, utterances: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """Give the frames of a speaker's utterances the CMVN that needs all frames of an utterance, or of the speaker.

        A front end that is called with one waveform takes its utterance for all that there is of the speaker.

        Parameters
        ----------
        utterances : sequence of ndarray, shape (T, dim)
            As `unnormalised` gives them.
        """
        if isinstance(self.cmvn, SpeakerCmvnOptions):
            together = cmvn(np.concatenate(utterances), norm_vars=self.cmvn.norm_vars)
            return np.split(together, np.cumsum([len(frames) for frames in utterances])[:-1])
        if isinstance(self.cmvn, UtteranceCmvnOptions):
            options = self.cmvn.model_dump(exclude={"method"})
            return [cmvn(frames, **options) for frames in utterances]
        return list(utterances)

    def voiced(self, signal: ArrayLike, rate: float, utterance: str = "") -> NDArray[np.bool_]:
        """Which frames of a waveform are voiced, shape (T,); all of them where voice activity detection is off.

        Parameters, and errors but the one for silence, are those of calling the front end.
        """
        return self._voiced(self._static(signal, rate, utterance)[1])

    def _static(
        self, signal: ArrayLike, rate: float, utterance: str
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        try:
            samples = self._at_rate(signal, rate)
            if frame_layout(len(samples), self.sample_frequency, self.features)[0] == 0:
                least = least_samples(self.sample_frequency, self.features)
                raise FeatureError(
                    f"found {len(samples)} samples at {self.sample_frequency} Hz, expected at least {least}, one frame"
                )
            seed = int.from_bytes(hashlib.sha256(utterance.encode()).digest()[:8])
            return static_features(samples, self.sample_frequency, self.features, seed=seed)
        except FeatureError as error:
            raise FeatureError(f"{_who(utterance)}{error}") from None

    def _at_rate(self, signal: ArrayLike, rate: float) -> NDArray:
        samples, full_scale = checked_signal(signal)
        if rate == self.sample_frequency:
            return np.asarray(signal)
        if not self.resample:
            raise FeatureError(
                f"found {rate:g} Hz, expected {self.sample_frequency} Hz; set resample = true to convert, or"
                f" sample_frequency = {rate:g}"
            )
        return soxr.resample(samples / np.float32(full_scale), rate, self.sample_frequency, quality="HQ")

    def _voiced(self, log_energy: NDArray[np.float32]) -> NDArray[np.bool_]:
        if self.vad is None:
            return np.ones(len(log_energy), dtype=np.bool_)
        if self.features.convention == "librosa":  # whose samples are in [-1, 1]
            log_energy = log_energy + np.float32(2 * np.log(INT16_SCALE))
        options = self.vad.model_dump(exclude={"method"})
        if isinstance(self.vad, RelativeVadOptions):
            return relative_energy_vad(log_energy, **options)
        return energy_vad(log_energy[:, None], **options)


_MODELS: Mapping[tuple[str, ...], type[BaseModel]] = MappingProxyType(
    {
        (): FrontEnd,
        ("features", "mfcc"): MfccOptions,
        ("features", "fbank"): FbankOptions,
        ("deltas",): DeltaOptions,
        ("vad", "energy"): EnergyVadOptions,
        ("vad", "relative"): RelativeVadOptions,
        ("cmvn", "utterance"): UtteranceCmvnOptions,
        ("cmvn", "speaker"): SpeakerCmvnOptions,
        ("cmvn", "sliding"): SlidingCmvnOptions,
    }
)


def _who(utterance: str) -> str:
    return f"utterance {utterance}: " if utterance else ""


def _find(path: str | Path) -> Path:
    file = Path(path)
    if file.is_file():
        return file
    if len(file.parts) == 1:
        shipped = SHIPPED / f"{file.name.removesuffix('.toml')}.toml"
        if shipped.is_file():
            return shipped
    names = ", ".join(sorted(conf.stem for conf in SHIPPED.glob("*.toml")))
    raise ConfigError(f"{path}: no such file, nor one of the configurations that come with this package: {names}")


def _describe_vad(vad: EnergyVadOptions | RelativeVadOptions | None) -> str:
    if vad is None:
        return "no VAD"
    if isinstance(vad, RelativeVadOptions):
        return f"relative VAD {vad.range_db:g} dB"
    return f"energy VAD {vad.vad_energy_threshold:g} + {vad.vad_energy_mean_scale:g} mean"


def _describe_cmvn(normalisation: UtteranceCmvnOptions | SpeakerCmvnOptions | SlidingCmvnOptions | None) -> str:
    if normalisation is None:
        return "no CMVN"
    name = "CMVN" if normalisation.norm_vars else "CMN"
    if isinstance(normalisation, SlidingCmvnOptions):
        return f"sliding {name} {normalisation.cmn_window}"
    if isinstance(normalisation, SpeakerCmvnOptions):
        return f"speaker {name}"
    scale = "" if normalisation.mean_scale == 1 else f" x {normalisation.mean_scale:g}"
    return f"utterance {name}{scale}"
