"""Acoustic models of the Montreal Forced Aligner: an archive with a Kaldi model and a description of its features.

Members are ``final.mdl``, ``tree`` and ``phones.txt``, ``final.alimdl`` and ``lda.mat`` for an adapted system, and
``meta.json`` (version 2 and later) or ``meta.yaml``, at the top or in one folder. They are unpacked in Kaldi's layout
and read like a Kaldi model.
"""

from __future__ import annotations

import itertools
import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from gmmspeech.errors import DataError, GmmSpeechError, counted, one_line, shown
from gmmspeech.files.atomic import temporary_folder
from gmmspeech.files.regular import open_regular
from gmmspeech.formats.kaldi.folder import load_kaldi_model
from gmmspeech.phones.hmm.adapted_system import AdaptedSystem
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.labels.phone_sets import is_silence

_PLACES = {
    "final.mdl": "final.mdl",
    "tree": "tree",
    "final.alimdl": "final.alimdl",
    "lda.mat": "final.mat",
    "phones.txt": "phones.txt",
    "meta.json": "meta.json",
    "meta.yaml": "meta.yaml",
}
_LARGEST = 1 << 30  # bytes of a member
_DEFAULTS = {"use_energy": False, "low_frequency": 20, "high_frequency": 7800, "dither": 0}
_OF_MFCC = {
    "use_energy": "use-energy",
    "raw_energy": "raw-energy",
    "energy_floor": "energy-floor",
    "frame_shift": "frame-shift",
    "frame_length": "frame-length",
    "snip_edges": "snip-edges",
    "sample_frequency": "sample-frequency",
    "dither": "dither",
    "low_frequency": "low-freq",
    "high_frequency": "high-freq",
    "num_coefficients": "num-ceps",
    "num_mel_bins": "num-mel-bins",
    "cepstral_lifter": "cepstral-lifter",
    "preemphasis_coefficient": "preemphasis-coefficient",
}
_OLD_NAMES = {"type": "feature_type", "deltas": "uses_deltas", "fmllr": "uses_speaker_adaptation", "pitch": "use_pitch"}
_OF_FRAMES = ("feature_type", "uses_cmvn", "uses_deltas", "splice_left_context", "splice_right_context")
_NO_MATTER = {  # what the files tell, what training was like, and what is of pitch
    *("uses_splices", "uses_speaker_adaptation", "speaker_independent", "fmllr_update_type", "silence_weight"),
    *("allow_downsample", "allow_upsample", "min_f0", "max_f0", "delta_pitch", "penalty_factor"),
    *("normalize_pitch", "adaptive_pitch_range"),
}
_NOT_HERE = ("use_pitch", "use_voicing", "use_delta_pitch", "uses_voiced")
_POSITIONS = ("_B", "_E", "_I", "_S")
_SILENCES = ("sil", "sp", "spn")  # of version 1


def read_mfa_model(path: str) -> PhoneHMM | AdaptedSystem:
    """Read an acoustic model of the Montreal Forced Aligner, ``NAME.zip``.

    A DataError names what is missing, damaged, or of features that can't be computed here: pitch.
    """
    with temporary_folder() as folder:
        _extract(path, folder)
        meta = _meta(path, folder)
        features = _features(path, meta)
        _lay_out(path, folder, meta, features)
        alone = (folder / "final.alimdl").exists() and not (folder / "final.mat").exists()  # of speakers, with deltas
        try:
            return load_kaldi_model(
                folder / ("final.alimdl" if alone else "final.mdl"), silence=_silence(path, folder, meta)
            )
        except GmmSpeechError as error:
            raise type(error)(str(error).replace(f"{folder}/", f"{path}: ")) from None


def _extract(path: str, folder: Path) -> None:
    """Put the members of an archive that matter where Kaldi has them."""
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            for member in archive.infolist():
                place = _PLACES.get(PurePosixPath(member.filename).name)
                if place is None:
                    continue
                if member.file_size > _LARGEST or (folder / place).exists():
                    raise DataError(f"{path}: found {shown(member.filename)} twice or too large, expected one model")
                (folder / place).write_bytes(archive.read(member))
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        raise DataError(f"{path}: can't be read ({one_line(error)}), expected an acoustic model of MFA") from error
    for name in ("final.mdl", "tree"):
        if not (folder / name).exists():
            raise DataError(f"{path}: found no {name}, expected an acoustic model of MFA")


def _meta(path: str, folder: Path) -> Mapping[str, Any]:
    """What the archive tells of its model; nothing in the oldest."""
    text, meta = folder / "meta.json", folder / "meta.yaml"
    try:
        if text.exists():
            found = json.loads(text.read_text(encoding="utf-8"))
        elif meta.exists():
            import yaml  # of older models alone

            found = yaml.safe_load(meta.read_text(encoding="utf-8"))
        else:
            found = {}
    except Exception as error:  # yaml's own errors are of no class that is known before it is imported
        raise DataError(f"{path}: meta: can't be read ({one_line(error)}), expected JSON or YAML") from error
    if not isinstance(found, Mapping):
        raise DataError(f"{path}: meta: found {shown(repr(found))}, expected names and values")
    return found


def _features(path: str, meta: Mapping[str, Any]) -> dict[str, Any]:
    """Options of the features under their names of today."""
    given = meta.get("features", {})
    if given == "mfcc+deltas":
        given = {}
    if not isinstance(given, Mapping):
        raise DataError(f"{path}: meta: features: found {shown(repr(given))}, expected names and values")
    named = {str(name): value for name, value in given.items()}
    features: dict[str, Any] = _DEFAULTS | {_OLD_NAMES.get(name, name): value for name, value in named.items()}
    if (kind := features.get("feature_type", "mfcc")) != "mfcc":
        raise DataError(f"{path}: meta: feature_type: found {shown(str(kind))}, expected mfcc")
    for name, value in features.items():
        if name in _NOT_HERE and value:
            raise DataError(f"{path}: meta: features: found {name}, expected a model of cepstra alone")
        if name not in {*_OF_MFCC, *_OF_FRAMES, *_NOT_HERE} | _NO_MATTER:
            raise DataError(f"{path}: meta: features: found {shown(name)}, expected options of MFA's")
    return features


def _lay_out(path: str, folder: Path, meta: Mapping[str, Any], features: Mapping[str, Any]) -> None:
    """Write what lies beside a model of Kaldi's: options of its features, and names of its phones."""
    options = {_OF_MFCC[name]: value for name, value in features.items() if name in _OF_MFCC}
    _write(folder / "mfcc.conf", options)
    _write(folder / "cmvn_opts", {"norm-means": features.get("uses_cmvn", True)})
    if (folder / "final.mat").exists():
        sides = ("left", "right")
        _write(folder / "splice_opts", {f"{s}-context": features.get(f"splice_{s}_context", 3) for s in sides})
    elif not features.get("uses_deltas", True):
        _write(folder / "delta_opts", {"delta-order": 0})
    if not (folder / "phones.txt").exists():
        names = meta.get("phone_mapping") or _numbered(path, meta)
        (folder / "phones.txt").write_text("".join(f"{name} {i}\n" for name, i in names.items()), encoding="utf-8")


def _write(place: Path, options: Mapping[str, Any]) -> None:
    """Write options as Kaldi's programs read them."""
    told = ((name, str(value).lower() if isinstance(value, bool) else value) for name, value in options.items())
    place.write_text("".join(f"--{name}={value}\n" for name, value in told), encoding="utf-8")


def _numbered(path: str, meta: Mapping[str, Any]) -> dict[str, int]:
    """Numbers of the phones of version 1, by the place in a word: silences first, in the order of their names."""
    phones = meta.get("phones")
    if not phones or not all(isinstance(phone, str) for phone in phones):
        raise DataError(f"{path}: found no phones.txt and no phones in meta, expected the names of its phones")
    spoken = sorted(set(phones) - set(_SILENCES))
    silent = [[name, *(name + place for place in _POSITIONS)] for name in _SILENCES]
    said = [[name + place for place in _POSITIONS] for name in spoken]
    return {name: i for i, name in enumerate(["<eps>", *itertools.chain(*silent, *said)])}


def _silence(path: str, folder: Path, meta: Mapping[str, Any]) -> str | None:
    """Name of silence: what is told, or the only one; None where the model's reader says what is wrong."""
    names = [line.split()[0] for line in (folder / "phones.txt").read_text(encoding="utf-8").splitlines() if line]
    told = meta.get("optional_silence_phone", "sil")
    if told in names:
        return str(told)
    if "optional_silence_phone" in meta:
        raise DataError(
            f"{path}: optional_silence_phone: found {shown(str(told))}, expected one of the "
            f"{counted(len(names), 'phone')} in phones.txt"
        )
    silent = [name for name in names if is_silence(name) and name != "<eps>"]
    return silent[0] if len(silent) == 1 else None
