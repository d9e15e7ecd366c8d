"""The front end from waveforms to frames: a frozen configuration that can be called."""

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
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, Field, ValidationError, model_validator

from gmmspeech.arguments import checked
from gmmspeech.described import Described
from gmmspeech.errors import ConfigError, FeatureError, naming
from gmmspeech.features import conf_files
from gmmspeech.features.cqcc import CqccOptions, cqcc_of_samples
from gmmspeech.features.normalization import cmvn, cmvn_by_first
from gmmspeech.features.options import MAX_RATE, MfccOptions, Section
from gmmspeech.features.resampling import Resampler, resampled
from gmmspeech.features.sections import (
    SECTIONS,
    CmvnOptions,
    DeltaOptions,
    FeatureOptions,
    RastaOptions,
    ShiftedDeltaOptions,
    SlidingCmvnOptions,
    SpeakerCmvnOptions,
    StaticCmvnOptions,
    UtteranceCmvnOptions,
    VadOptions,
    WarpOptions,
    describe_cmvn,
    describe_features,
    describe_frames,
    describe_vad,
    without_later_defaults,
)
from gmmspeech.features.spectra import dither_seed
from gmmspeech.features.static import framed_features
from gmmspeech.features.window import INT16_SCALE, checked_signal, utterance_prefix
from gmmspeech.features.wrong_options import explain
from gmmspeech.files.text import parse_object, read_text


class FrontEnd(Described, Section):
    """Front end from waveform to frames: static features, voice activity detection, deltas, normalization.

    The steps are, in order: static features and log energies in one pass; voice activity detection; over all frames
    RASTA, static CMVN, deltas or shifted deltas, sliding CMVN and feature warping; selection of the voiced frames;
    utterance or speaker CMVN on those.

    Leave out a section to skip its step. Configurations are frozen and compare by value; feature stores and models
    keep them as the text of `to_json`.

    Parameters
    ----------
    sample_frequency : int
        Sampling rate in Hz.
    resample : bool or {"down", "up"}
        Convert other sampling rates instead of refusing them: all, only higher or only lower ones. Kaldi's
        ``--allow-downsample`` is "down", ``--allow-upsample`` is "up".
    resampler : {"soxr", "kaldi"}
        Resampling method: soxr (HQ), or Kaldi's, which Kaldi configurations that allow resampling use.
    features : mapping or options
        ``type`` ("mfcc", "fbank", "plp", "lfcc" or "cqcc") and the options of the function of that name.
    rasta : mapping or options, optional
        ``pole``; see `rasta`.
    deltas : mapping or options, optional
        ``order``, ``window`` and ``convention`` of `add_deltas`; ``static`` false leaves out the static features.
    sdc : mapping or options, optional
        ``window``, ``num_blocks`` and ``block_shift`` of `shifted_deltas`, instead of deltas.
    vad : mapping or options, optional
        ``method`` "energy" (options of `energy_vad`), "relative" (of `relative_energy_vad`) or "two_gaussians" (of
        `two_gaussian_vad`). All use the frame's log energy at the scale of 16-bit samples, whether or not it is among
        the features. With `use_energy` it is Kaldi's column 0.
    cmvn : mapping or options, optional
        ``method`` "utterance" (options of `cmvn`), "speaker" (``norm_vars``, ``static``; see `of_speaker`), "sliding"
        (options of `sliding_cmvn`) or "static" (subtract the mean of the static features, except the energy, before
        deltas: HTK's _Z).
    warp : mapping or options, optional
        ``window``; see `feature_warp`.

    Raises
    ------
    ConfigError
        An unknown key or an invalid value.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> front = gs.FrontEnd(sample_frequency=8000, features={"type": "mfcc", "num_ceps": 20}, deltas={"order": 1})
    >>> front(np.sin(np.arange(8000.0)), 8000).shape
    (98, 40)
    >>> front.describe()
    '20 MFCC + Δ, 25/10 ms, no VAD, no CMVN'
    """

    sample_frequency: int = Field(default=16000, ge=1, le=MAX_RATE)
    resample: bool | Literal["down", "up"] = False
    resampler: Resampler = "soxr"
    features: Annotated[FeatureOptions, Field(discriminator="type")] = MfccOptions.model_validate({})
    rasta: RastaOptions | None = None
    deltas: DeltaOptions | None = None
    sdc: ShiftedDeltaOptions | None = None
    vad: Annotated[VadOptions, Field(discriminator="method")] | None = None
    cmvn: Annotated[CmvnOptions, Field(discriminator="method")] | None = None
    warp: WarpOptions | None = None

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
        if self.deltas and self.sdc:
            raise ConfigError("[sdc] found beside [deltas], expected one of them")
        if self.deltas and not self.deltas.static and isinstance(self.cmvn, SpeakerCmvnOptions) and self.cmvn.static:
            raise ConfigError("[cmvn] static: found true where deltas stand alone, expected false")
        return self

    @model_validator(mode="before")
    @classmethod
    def _no_deltas(cls, given: dict[str, Any]) -> dict[str, Any]:
        deltas = given.get("deltas")
        if isinstance(deltas, Mapping) and deltas.get("order") == 0 and deltas.get("static") is False:
            raise ConfigError("[deltas] static: found false without deltas, expected true, or an order of 1 or more")
        return {**given, "deltas": None} if isinstance(deltas, Mapping) and deltas.get("order") == 0 else given

    @classmethod
    @checked
    def from_toml(cls, path: str | Path) -> FrontEnd:
        """Read a TOML file, or an included configuration by its name, such as "mfcc_sre".

        Raises
        ------
        ConfigError
            The file is missing, isn't TOML, or has an unknown key or an invalid value; the message names file, section
            and key.

        Examples
        --------
        >>> import gmmspeech as gs
        >>> gs.FrontEnd.from_toml("mfcc_sre").describe()
        '20 MFCC + Δ + ΔΔ, 25/10 ms, energy VAD 5.5 + 0.5 mean, sliding CMN 300'
        """
        file = conf_files.find(path)
        try:
            sections = tomllib.loads(read_text(file, expected="TOML", kind=ConfigError))
        except (ValueError, RecursionError) as error:
            if isinstance(error, ConfigError):
                raise
            raise ConfigError(f"{file}: not readable as TOML: {error}") from None
        return cls._from_conf(file, sections)

    @classmethod
    @checked
    def from_kaldi_conf(
        cls, path: str | Path, kind: str | None = None, *, vad: str | Path | None = None, **sections: Any
    ) -> FrontEnd:
        """Read a configuration file of Kaldi's compute-mfcc-feats, compute-fbank-feats or compute-plp-feats.

        Options that the file leaves out have Kaldi's defaults, including a dither of 1.

        Parameters
        ----------
        path : str or Path
            Lines such as ``--num-ceps=20``.
        kind : {"mfcc", "fbank", "plp"}, optional
            Type of features that the options are for; by default the file's name tells it, as in ``plp.conf`` or
            ``fbank_40.conf``, or options that the other types lack, such as ``--use-log-fbank``; with options for
            cepstra and none for PLP only, it is MFCC.
        vad : str or Path, optional
            A configuration file of compute-vad.
        **sections
            Further sections of the front end, such as ``deltas={"window": 3}``; in Kaldi these are separate programs.

        Raises
        ------
        ConfigError
            The file is missing, or an option is unknown, invalid or not supported (the message names file and line), or
            nothing tells the type.

        Examples
        --------
        >>> import pathlib, tempfile, gmmspeech as gs
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     conf = pathlib.Path(folder, "mfcc.conf")
        ...     _ = conf.write_text("--num-ceps=20  # as in sre10")
        ...     gs.FrontEnd.from_kaldi_conf(conf, deltas={}).describe()
        '20 MFCC + Δ + ΔΔ, 25/10 ms, no VAD, no CMVN'
        """
        file = Path(path)
        found = conf_files.read_kaldi_features(file, conf_files.kind_of_kaldi(file) if kind is None else kind)
        if vad is not None:
            found["vad"] = conf_files.read_kaldi_vad(Path(vad))
        return cls._from_conf(path, found | sections)

    @classmethod
    @checked
    def from_htk_conf(cls, path: str | Path, *, sample_frequency: int | None = None, **sections: Any) -> FrontEnd:
        """Read a configuration file of HTK's HCopy.

        Options that the file leaves out have HTK's defaults. TARGETKIND is MFCC, PLP, FBANK or MELSPEC with the
        qualifiers _E or _0, _D, _A, _T and _Z.

        Parameters
        ----------
        path : str or Path
            Lines such as ``NUMCEPS = 12``.
        sample_frequency : int, optional
            Sampling rate in Hz, if the file has no SOURCERATE.
        **sections
            Further sections of the front end, such as ``vad={"method": "relative"}``.

        Raises
        ------
        ConfigError
            The file is missing, or an option is unknown, invalid or not supported; the message names file and line.

        Examples
        --------
        >>> import pathlib, tempfile, gmmspeech as gs
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     conf = pathlib.Path(folder, "hcopy.conf")
        ...     _ = conf.write_text("SOURCERATE = 625\\nTARGETKIND = PLP_0_D\\nTARGETRATE = 100000\\n")
        ...     gs.FrontEnd.from_htk_conf(conf).describe()
        '13 PLP + Δ, 25.56/10 ms, no VAD, no CMVN'
        """
        return cls._from_conf(path, conf_files.read_hcopy(Path(path), sample_frequency) | sections)

    @classmethod
    @checked
    def from_file(cls, path: str | Path, *, sample_frequency: int | None = None) -> FrontEnd:
        """Read a TOML file, an included configuration by its name, or a ``.conf`` file of Kaldi or HTK.

        The first option tells Kaldi files from HTK files.

        Parameters
        ----------
        path : str or Path
        sample_frequency : int, optional
            Sampling rate of the recordings in Hz, for an HTK configuration without SOURCERATE.

        Raises
        ------
        ConfigError
            As for `from_toml`, `from_kaldi_conf` and `from_htk_conf`.

        Examples
        --------
        >>> import gmmspeech as gs
        >>> gs.FrontEnd.from_file("mfcc_kaldi") == gs.FrontEnd.from_toml("mfcc_kaldi")
        True
        """
        file = Path(path)
        if file.suffix != ".conf":
            return cls.from_toml(path)
        if not conf_files.is_kaldi(file):
            return cls.from_htk_conf(file, sample_frequency=sample_frequency)
        return cls.from_kaldi_conf(file)

    @classmethod
    def _from_conf(cls, path: str | Path, sections: Mapping[str, Any]) -> FrontEnd:
        with naming(path, ConfigError):
            return cls(**sections)

    @classmethod
    @checked
    def from_json(cls, text: str) -> FrontEnd:
        """Rebuild a front end from the result of `to_json`.

        Raises
        ------
        ConfigError
            The text is not a front end.

        Examples
        --------
        >>> import gmmspeech as gs
        >>> front = gs.FrontEnd(deltas={"window": 3})
        >>> gs.FrontEnd.from_json(front.to_json()) == front
        True
        """
        try:
            sections = parse_object(text)
        except ValueError as error:
            raise ConfigError(f"front end: {error}") from None
        if "stored" in sections:
            raise ConfigError("front end: found one over stored features, expected one of waveforms")
        return cls(**sections)

    def to_json(self) -> str:
        """Return one line of JSON with all options and sorted keys; equal configurations give the same line."""
        sections = self.model_dump()
        return json.dumps(without_later_defaults(sections), sort_keys=True)

    def to_toml(self) -> str:
        """Return the text of a TOML file with all options, defaults included.

        Examples
        --------
        >>> import gmmspeech as gs
        >>> print(gs.FrontEnd(warp={"window": 301}).to_toml().rpartition("\\n\\n")[2])
        [warp]
        window = 301
        """
        options = self.model_dump(exclude_none=True)
        sections = {name: options.pop(name) for name in list(options) if isinstance(options[name], dict)}
        parts = ["\n".join(f"{key} = {json.dumps(value)}" for key, value in options.items())]
        for name, section in sections.items():
            parts.append("\n".join([f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in section.items())]))
        return "\n\n".join(parts)

    @cached_property
    def fingerprint(self) -> str:
        """Return twelve hexadecimal digits that identify the configuration."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:12]

    @property
    def dim(self) -> int:
        """Number of columns of the frames."""
        if self.sdc:
            return self.features.dim * (1 + self.sdc.num_blocks)
        return self.features.dim * (self.deltas.order + self.deltas.static if self.deltas else 1)

    def _lines(self) -> list[str]:
        rate = f"{self.sample_frequency} Hz{', others are resampled' if self.resample is True else ''}"
        return [self.describe(), f"rate: {rate}", f"columns: {self.dim}", f"fingerprint: {self.fingerprint}"]

    def describe(self) -> str:
        """Describe it in one line of plain text."""
        options = self.features
        static = "RASTA " + describe_features(options) if self.rasta else describe_features(options)
        parts = ["Δ" * order for order in range(1, 1 + (self.deltas.order if self.deltas else 0))]
        if self.deltas and not self.deltas.static:
            parts[-1] += f" of {static}"
        else:
            parts.insert(0, static)
        if self.sdc:
            parts.append(f"SDC {self.sdc.window}-{self.sdc.block_shift}-{self.sdc.num_blocks}")
        steps = [describe_frames(options, self.sample_frequency), describe_vad(self.vad), describe_cmvn(self.cmvn)]
        return ", ".join([" + ".join(parts), *steps, *([f"warping {self.warp.window}"] if self.warp else [])])

    @checked
    def __call__(
        self, signal: ArrayLike, rate: float, utterance: str = "", *, voiced: ArrayLike | None = None
    ) -> NDArray[np.float32]:
        """Compute the frames of a waveform; with voice activity detection, only the voiced ones.

        Parameters
        ----------
        signal : array_like, shape (n,)
            Integers at their own scale, floats in [-1, 1].
        rate : float
            Sampling rate in Hz.
        utterance : str
            Name for messages; it also seeds the dither.
        voiced : array_like of bool, shape (T of all frames,), optional
            Frames to keep instead of those found by voice activity detection.

        Returns
        -------
        ndarray, shape (T, dim), float32

        Raises
        ------
        FeatureError
            The signal is not a single channel of finite numbers, is shorter than a frame, has another rate without
            resampling, or has no voiced frame; or `voiced` does not have one value per frame.
        """
        return self.of_speaker([self.unnormalized(signal, rate, utterance, voiced=voiced)])[0]

    @checked
    def unnormalized(
        self, signal: ArrayLike, rate: float, utterance: str = "", *, voiced: ArrayLike | None = None
    ) -> NDArray[np.float32]:
        """Compute frames without utterance or speaker CMVN; parameters and errors as for calling the front end."""
        static, log_energy = self._static(signal, rate, utterance)
        selects = bool(self.vad) or voiced is not None
        voiced = self._voiced(log_energy) if voiced is None else np.asarray(voiced)
        if voiced.dtype != np.bool_ or voiced.shape != log_energy.shape:
            raise FeatureError(
                f"{utterance_prefix(utterance)}voiced: found {voiced.dtype} of shape {voiced.shape}, expected bool of"
                f" shape {log_energy.shape}, one for each frame"
            )
        if not voiced.any():
            raise FeatureError(
                f"{utterance_prefix(utterance)}found no voiced frame among {len(voiced)} (silence?), expected at least"
                " one"
            )
        frames = self.rasta(static) if self.rasta else static
        if isinstance(self.cmvn, StaticCmvnOptions):
            frames = self._zero_mean(frames)
        sliding = self.cmvn if isinstance(self.cmvn, SlidingCmvnOptions) else None
        for step in (self.deltas, self.sdc, sliding, self.warp):
            frames = step(frames) if step else frames
        return frames[voiced] if selects else frames

    def _zero_mean(self, static: NDArray[np.float32]) -> NDArray[np.float32]:
        normalized = cmvn(static)
        if not isinstance(self.features, CqccOptions) and self.features.use_energy:
            column = -1 if self.features.htk_compat else 0
            normalized[:, column] = static[:, column]
        return normalized

    @checked
    def log_energies(self, signal: ArrayLike, rate: float, utterance: str = "") -> NDArray[np.float32]:
        """Natural log energy of each frame at the scale of 16-bit samples, shape (T,), as used by the VADs.

        Parameters and errors, except the one for silence, are as for calling the front end.
        """
        return self._at_int16_scale(self._static(signal, rate, utterance)[1])

    @checked
    def of_speaker(self, utterances: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """Apply utterance or speaker CMVN to the frames of a speaker's utterances.

        Calling the front end with one waveform treats that utterance as all the data of its speaker. With ``static``,
        deltas are those of normalized static features, as in Kaldi.

        Parameters
        ----------
        utterances : sequence of ndarray, shape (T, dim)
            Frames from `unnormalized`.
        """
        if isinstance(self.cmvn, SpeakerCmvnOptions):
            frames = np.concatenate(utterances)
            dim = self.features.dim if self.cmvn.static else frames.shape[1]
            together = cmvn_by_first(frames, dim, norm_vars=self.cmvn.norm_vars)
            return np.split(together, np.cumsum([len(frames) for frames in utterances])[:-1])
        if isinstance(self.cmvn, UtteranceCmvnOptions):
            return [self.cmvn(frames) for frames in utterances]
        return list(utterances)

    @checked
    def voiced(self, signal: ArrayLike, rate: float, utterance: str = "") -> NDArray[np.bool_]:
        """Voice activity decision for each frame of a waveform, shape (T,); all True without voice activity detection.

        Parameters and errors, except the one for silence, are as for calling the front end.
        """
        return self._voiced(self._static(signal, rate, utterance)[1])

    def _static(
        self, signal: ArrayLike, rate: float, utterance: str
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Static features (T, features.dim) and log energies (T,), in the dither that the utterance's name seeds."""
        owner, wanted = utterance_prefix(utterance), self.sample_frequency
        try:
            samples, full_scale = checked_signal(signal, owner=owner)
            if rate != wanted:
                samples, full_scale = resampled(samples, full_scale, rate, wanted, self.resampler, self.resample)
            if isinstance(self.features, CqccOptions):
                return cqcc_of_samples(samples, full_scale, wanted, self.features)
            seed = dither_seed(utterance)
            return framed_features(samples, full_scale, wanted, self.features, random_state=seed)
        except FeatureError as error:
            raise FeatureError(f"{owner}{error}") from None

    def _voiced(self, log_energy: NDArray[np.float32]) -> NDArray[np.bool_]:
        if self.vad is None:
            return np.ones(len(log_energy), dtype=np.bool_)
        return self.vad.voiced(self._at_int16_scale(log_energy))

    def _at_int16_scale(self, log_energy: NDArray[np.float32]) -> NDArray[np.float32]:
        if not isinstance(self.features, CqccOptions) and self.features.full_scale_is_one:
            return log_energy + np.float32(2 * np.log(INT16_SCALE))
        return log_energy


_MODELS: Mapping[tuple[str, ...], type[BaseModel]] = MappingProxyType({(): FrontEnd, **SECTIONS})
