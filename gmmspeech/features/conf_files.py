"""Configuration files of Kaldi's feature programs and of HTK's HCopy, as sections of a front end."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gmmspeech.errors import ConfigError, shown
from gmmspeech.features.options import MAX_RATE, FbankOptions, MfccOptions, PlpOptions, StaticOptions
from gmmspeech.features.sections import EnergyVadOptions
from gmmspeech.features.wrong_options import explain, nearest
from gmmspeech.files.text import BLANKS, parse_number, read_text, split_fields

SHIPPED = Path(__file__).resolve().parent.parent / "conf"
KALDI_KINDS = ("mfcc", "fbank", "plp")
_KALDI_OPTIONS: Mapping[str, type[StaticOptions]] = {"mfcc": MfccOptions, "fbank": FbankOptions, "plp": PlpOptions}
Place = str  # "file: line 3: " as messages begin


def is_kaldi(path: Path) -> bool:
    """Whether the first option of a file is written as Kaldi has it."""
    return any(line.startswith("--") for _, line in list(_lines(path))[:1])


def kind_of_kaldi(path: Path) -> str:
    """Of which program a configuration of Kaldi's is: its name tells, or the options that only one of them has."""
    named = [kind for kind in KALDI_KINDS if kind in re.split("[^a-z]+", path.stem.lower())]
    named = named or [kind for kind in KALDI_KINDS if path.name.startswith(kind)]
    if len(named) == 1:
        return named[0]
    given = {name for _, name, _ in _kaldi_options(path)}
    fitting = [kind for kind in KALDI_KINDS if given <= _kaldi_types(kind).keys() | _KALDI_SHARED | _KALDI_ONLY.keys()]
    if len(fitting) > 1 and "fbank" not in fitting:  # of cepstra, where nothing is of PLP alone
        fitting = ["mfcc"]
    if len(fitting) == 1 or not fitting:
        return fitting[0] if fitting else "mfcc"  # which names what it does not know
    expected = "a name that tells, such as fbank.conf, mfcc.conf, plp.conf (or kind= of FrontEnd.from_kaldi_conf)"
    raise ConfigError(f"{path}: found options that {', '.join(fitting)} all have, expected {expected}")


def _kaldi_types(kind: str) -> dict[str, Callable[[str, Place, str], Any]]:
    """What parses the value of each option that a kind of features has of its own."""
    types = {name: _type_of(field.annotation) for name, field in _KALDI_OPTIONS[kind].model_fields.items()}
    for ours in ("type", "convention", "mel_floor"):  # Kaldi has no such options
        types.pop(ours)
    if kind != "fbank":
        types.pop("use_power")
    return types


def read_kaldi_features(path: Path, kind: str) -> dict[str, Any]:
    """Sections of a front end out of a configuration of compute-{mfcc,fbank,plp}-feats."""
    if kind not in _KALDI_OPTIONS:
        raise ConfigError(f"kind: found {kind!r}, expected {', '.join(map(repr, _KALDI_OPTIONS))}")
    types = _kaldi_types(kind)
    features: dict[str, Any] = {"type": kind, "dither": 1.0}
    sections: dict[str, Any] = {"features": features}
    directions: dict[str, bool] = {}
    for place, name, text in _kaldi_options(path):
        if name == "sample_frequency":
            sections["sample_frequency"] = _whole(_number(text, place, name), place, name)
        elif name in ("allow_downsample", "allow_upsample"):
            directions[name.removeprefix("allow_").removesuffix("sample")] = _boolean(text, place, name)
        elif name == "subtract_mean":
            if _boolean(text, place, name):
                sections["cmvn"] = {"method": "utterance"}
        elif name in _KALDI_ONLY:
            _refuse_unless(text, _KALDI_ONLY[name], place, name)
        else:
            _check_known(name, types, place, dashes=True)
            features[name] = types[name](text, place, name)
    allowed = [direction for direction, value in directions.items() if value]
    if allowed:
        sections |= {"resample": True if len(allowed) == 2 else allowed[0], "resampler": "kaldi"}
    return sections


def kaldi_conf_lines(sections: Mapping[str, Any]) -> list[str]:
    """Give the lines from which `read_kaldi_features` reads such sections, as far as Kaldi has options for them."""
    options: dict[str, Any] = {"sample_frequency": sections["sample_frequency"]}
    if sections.get("resample") and sections["resampler"] == "kaldi":
        allowed = ("down", "up") if sections["resample"] is True else (sections["resample"],)
        options |= {f"allow_{direction}sample": True for direction in allowed}
    features = sections["features"]
    options |= {name: features[name] for name in _kaldi_types(features["type"]) if name in features}
    words = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in options.items()}
    return [f"--{name.replace('_', '-')}={word}" for name, word in words.items()]


def lacks_rate(path: Path) -> bool:
    """Whether a file is a configuration of HCopy's that leaves the sampling rate to the recordings."""
    if path.suffix != ".conf" or is_kaldi(path):
        return False
    return not any(_htk_name(line) == "SOURCERATE" for _, line in _lines(path))


def _htk_name(line: str) -> str:
    """Name of the option that a line of HCopy's sets: HPARM: NUMCEPS = 12 is for that module."""
    return line.partition("=")[0].rpartition(":")[2].strip(BLANKS).upper()


def read_kaldi_vad(path: Path) -> dict[str, Any]:
    """Section [vad] out of a configuration of compute-vad; errors as of `read_kaldi_features`."""
    fields = EnergyVadOptions.model_fields
    types = {name: _type_of(field.annotation) for name, field in fields.items() if name != "method"}
    section: dict[str, Any] = {"method": "energy"}
    for place, name, text in _kaldi_options(path):
        _check_known(name, types, place, dashes=True)
        section[name] = types[name](text, place, name)
        try:
            EnergyVadOptions(**{name: section[name]})
        except ValidationError as error:
            raise ConfigError(f"{place}{explain(error)}") from error
    return section


def read_kaldi_options(path: Path, types: Mapping[str, type]) -> dict[str, Any]:
    """Options that scripts put behind a program, several in a line: ``cmvn_opts``; errors as of the other readers."""
    found: dict[str, Any] = {}
    for number, line in _lines(path):
        for field in split_fields(line):
            place, name, text = _kaldi_option(f"{path}: line {number}: ", field)
            _check_known(name, types, place, dashes=True)
            found[name] = _type_of(types[name])(text, place, name)
    return found


def read_hcopy(path: Path, sample_frequency: int | None = None) -> dict[str, Any]:
    """Sections of a front end out of a configuration of HCopy."""
    found: dict[str, tuple[str, Place]] = {}
    for number, line in _lines(path):
        place = f"{path}: line {number}: "
        name, (_, equals, text) = _htk_name(line), line.partition("=")
        text = text.strip(BLANKS)
        if not equals or not name or not text:
            raise ConfigError(f"{place}found {shown(repr(line))}, expected NAME = VALUE")
        found[name] = text.strip("\"'"), place
    for name, (text, place) in found.items():
        _check_known(name, _HTK_NAMES, place)
        if name in _HTK_ONLY:
            _refuse_unless(text.upper(), _HTK_ONLY[name], place, name)
    if "TARGETKIND" not in found:
        raise ConfigError(f"{path}: found no TARGETKIND, expected one such as MFCC_0_D_A")
    kind, qualifiers, sections = _target_kind(*found["TARGETKIND"])
    features: dict[str, Any] = {**sections["features"], "frame_length": 25.6, "num_mel_bins": 20, "use_power": False}
    for name, (option, convert, kinds) in _HTK_OPTIONS.items():
        if name in found and kind in kinds:
            features[option] = convert(*found[name], name)
    if "num_ceps" in features:
        features["num_ceps"] += 1  # with the energy or c0
    if found.get("ENORMALISE", ("T", ""))[0].upper() not in ("F", "FALSE") and "E" in qualifiers:
        place = found["ENORMALISE"][1] if "ENORMALISE" in found else f"{path}: "
        raise ConfigError(f"{place}ENORMALISE: found T, its default, expected F: energies stay as they are here")
    if "TARGETRATE" not in found:
        raise ConfigError(f"{path}: found no TARGETRATE, expected one such as 100000, 10 ms")
    if "deltas" in sections:
        windows = []
        for name in _HTK_WINDOWS[: sections["deltas"]["order"]]:
            text, place = found.get(name, ("2", f"{path}: "))
            windows.append(_integer(text, place, name))
            if windows[-1] != windows[0]:
                raise ConfigError(f"{place}{name}: found {windows[-1]}, expected DELTAWINDOW's {windows[0]}")
        sections["deltas"]["window"] = windows[0]
    if "SOURCERATE" in found:
        text, place = found["SOURCERATE"]
        period = _number(text, place, "SOURCERATE")
        if not period > 0:
            raise ConfigError(f"{place}SOURCERATE: found {shown(text)}, expected more than 0 (units of 100 ns)")
        if not 1 <= 1e7 / period <= MAX_RATE:
            raise ConfigError(f"{place}SOURCERATE: found {shown(text)}, expected units of 100 ns such as 625, 16000 Hz")
        sample_frequency = round(1e7 / period)
    if sample_frequency is None:
        raise ConfigError(f"{path}: found no SOURCERATE, expected one such as 625, 16000 Hz, or sample_frequency=")
    return {**sections, "features": features, "sample_frequency": sample_frequency}


def _target_kind(text: str, place: Place) -> tuple[str, set[str], dict[str, Any]]:
    kind, *letters = text.upper().split("_")
    qualifiers = set(letters)
    types = {"MFCC": "mfcc", "PLP": "plp", "FBANK": "fbank", "MELSPEC": "fbank"}
    if kind not in types:
        raise ConfigError(f"{place}TARGETKIND: found {shown(kind)}, expected {', '.join(types)}")
    unknown = qualifiers - set("E0DATZCK")  # C and K are about how a file is written
    if unknown:
        raise ConfigError(
            f"{place}TARGETKIND: found qualifier _{shown(min(unknown), 20)}, expected _E, _0, _D, _A, _T, _Z"
        )
    cepstra = kind in ("MFCC", "PLP")
    if cepstra and len(qualifiers & {"E", "0"}) != 1:
        raise ConfigError(f"{place}TARGETKIND: found {shown(text)}, expected one of _E and _0")
    if not cepstra and "0" in qualifiers:
        raise ConfigError(f"{place}TARGETKIND: found {shown(text)}, expected no _0 without cepstra")
    order = next((3 - i for i, letter in enumerate("TAD") if letter in qualifiers), 0)
    if not set("DAT"[:order]) <= qualifiers:
        raise ConfigError(f"{place}TARGETKIND: found {shown(text)}, expected _D before _A before _T")
    features = {"type": types[kind], "convention": "htk", "use_energy": "E" in qualifiers}
    if not cepstra:
        features["use_log_fbank"] = kind == "FBANK"
    sections: dict[str, Any] = {"features": features}
    if order:
        sections["deltas"] = {"order": order, "convention": "htk"}
    if "Z" in qualifiers:
        sections["cmvn"] = {"method": "static"}
    return types[kind], qualifiers, sections


# ---- lines and values ----


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines that have more than a comment, and their numbers."""
    text = read_text(path, expected="a configuration", kind=ConfigError)
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.partition("#")[0].strip(BLANKS)
        if line:
            yield number, line


def _kaldi_options(path: Path) -> Iterator[tuple[Place, str, str]]:
    for number, line in _lines(path):
        yield _kaldi_option(f"{path}: line {number}: ", line)


def _kaldi_option(place: Place, option: str) -> tuple[Place, str, str]:
    """Place, name and value of an option."""
    name, equals, text = option.partition("=")
    if not option.startswith("--") or len(split_fields(name)) != 1:
        raise ConfigError(f"{place}found {shown(repr(option))}, expected --name=value")
    return place, name[2:].strip(BLANKS).lower().replace("-", "_"), text.strip(BLANKS) if equals else "true"


def _check_known(name: str, known: Collection[str], place: Place, *, dashes: bool = False) -> None:
    if name in known:
        return

    def written(names: Iterable[str]) -> str:
        return ", ".join("--" + each.replace("_", "-") if dashes else each for each in names)

    near = nearest(name, sorted(known))
    expected = f", expected one of {shown(written(sorted(known)), 180)}"
    hint = expected if near is None else f"; the nearest known one is {written([near])}"
    raise ConfigError(f"{place}unknown option {shown(written([name]))}{hint}")


def _refuse_unless(text: str, allowed: Collection[str] | None, place: Place, name: str) -> None:
    if allowed is not None and text not in allowed:
        raise ConfigError(f"{place}{name}: found {shown(text)}, expected {' or '.join(allowed)}, all there is here")


def _number(text: str, place: Place, name: str) -> float:
    try:
        return parse_number(text)
    except ValueError:
        raise ConfigError(f"{place}{name}: found {shown(repr(text))}, expected a number") from None


def _whole(value: float, place: Place, name: str) -> int:
    if value != int(value):
        raise ConfigError(f"{place}{name}: found {value:g}, expected a whole number")
    return int(value)


def _integer(text: str, place: Place, name: str) -> int:
    return _whole(_number(text, place, name), place, name)


def _boolean(text: str, place: Place, name: str) -> bool:
    truth = {"true": True, "t": True, "1": True, "": True, "false": False, "f": False, "0": False}
    if text.lower() not in truth:
        raise ConfigError(f"{place}{name}: found {shown(repr(text))}, expected true or false")
    return truth[text.lower()]


def _word(text: str, place: Place, name: str) -> str:
    return text


def _type_of(annotation: Any) -> Callable[[str, Place, str], Any]:
    if annotation is bool:
        return _boolean
    if annotation is int:
        return _integer
    return _number if annotation in (float, float | None) else _word


def _milliseconds(text: str, place: Place, name: str) -> float:
    return _number(text, place, name) / 1e4  # from units of 100 ns


def _edge(text: str, place: Place, name: str) -> float:
    return max(0.0, _number(text, place, name))  # -1 is HTK's way to leave it open


def _window(text: str, place: Place, name: str) -> str:
    return "hamming" if _boolean(text, place, name) else "rectangular"


_KALDI_SHARED = {"sample_frequency", "allow_downsample", "allow_upsample", "subtract_mean"}
_KALDI_ONLY: Mapping[str, Collection[str] | None] = {  # values of no effect here, None for any
    **dict.fromkeys(("verbose", "print_args", "debug_mel", "max_feature_vectors", "write_utt2dur"), None),
    "channel": ("-1", "0"),
    "min_duration": ("0", "0.0"),
    "output_format": ("kaldi",),
}
_CEPSTRA, _ALL = ("mfcc", "plp"), ("mfcc", "plp", "fbank")
_HTK_OPTIONS: Mapping[str, tuple[str, Callable[[str, Place, str], Any], Collection[str]]] = {
    "TARGETRATE": ("frame_shift", _milliseconds, _ALL),
    "WINDOWSIZE": ("frame_length", _milliseconds, _ALL),
    "NUMCHANS": ("num_mel_bins", _integer, _ALL),
    "LOFREQ": ("low_freq", _edge, _ALL),
    "HIFREQ": ("high_freq", _edge, _ALL),
    "USEPOWER": ("use_power", _boolean, _ALL),
    "USEHAMMING": ("window_type", _window, _ALL),
    "PREEMCOEF": ("preemphasis_coefficient", _number, _ALL),
    "ZMEANSOURCE": ("remove_dc_offset", _boolean, _ALL),
    "RAWENERGY": ("raw_energy", _boolean, _ALL),
    "NUMCEPS": ("num_ceps", _integer, _CEPSTRA),
    "CEPLIFTER": ("cepstral_lifter", _number, _CEPSTRA),
    "LPCORDER": ("lpc_order", _integer, ("plp",)),
    "COMPRESSFACT": ("compress_factor", _number, ("plp",)),
    "CEPSCALE": ("cepstral_scale", _number, ("plp",)),
}
_HTK_WINDOWS = ("DELTAWINDOW", "ACCWINDOW", "THIRDWINDOW")  # in the order of the derivatives
_NO = ("F", "FALSE")
_HTK_ONLY: Mapping[str, Collection[str] | None] = {
    **dict.fromkeys(("SOURCEFORMAT", "TARGETFORMAT", "BYTEORDER", "NATURALREADORDER", "NATURALWRITEORDER"), None),
    **dict.fromkeys(
        ("SAVEWITHCRC", "SAVECOMPRESSED", "TRACE", "ESCALE", "SILFLOOR", "WARPLCUTOFF", "WARPUCUTOFF"), None
    ),
    **dict.fromkeys(("SIMPLEDIFFS", "DOUBLEFFT", "USESILDET", "V1COMPAT"), _NO),
    "SOURCEKIND": ("WAVEFORM",),
    "WARPFREQ": ("1", "1.0"),
    "ADDDITHER": ("0", "0.0"),
}
_HTK_NAMES = {*_HTK_OPTIONS, *_HTK_ONLY, *_HTK_WINDOWS, "SOURCERATE", "TARGETKIND", "ENORMALISE"}


def find(path: str | Path) -> Path:
    """File of a path, or of the bare name of a configuration that comes with this package."""
    file = Path(path)
    if os.path.isfile(file):  # unlike Path.is_file, of any name
        return file
    if len(file.parts) == 1:
        shipped = SHIPPED / f"{file.name.removesuffix('.toml')}.toml"
        if os.path.isfile(shipped):
            return shipped
    names = ", ".join(sorted(conf.stem for conf in SHIPPED.glob("*.toml")))
    raise ConfigError(
        f"{shown(path, 300)}: no such file, nor one of the configurations that come with this package: {names}"
    )
