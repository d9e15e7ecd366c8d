"""One-line messages about invalid options."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ValidationError

from gmmspeech.errors import shown

ELSEWHERE = {
    **dict.fromkeys(("n_mfcc", "numcep", "num_cep", "NUMCEPS"), "num_ceps"),
    **dict.fromkeys(("n_mels", "nfilt", "NUMCHANS"), "num_mel_bins"),
    **dict.fromkeys(("hop_length", "winstep", "TARGETRATE"), "frame_shift"),
    **dict.fromkeys(("win_length", "winlen", "n_fft", "WINDOWSIZE"), "frame_length"),
    **dict.fromkeys(("fmin", "f_min", "LOFREQ"), "low_freq"),
    **dict.fromkeys(("fmax", "f_max", "HIFREQ"), "high_freq"),
    **dict.fromkeys(("ceplifter", "lifter", "CEPLIFTER"), "cepstral_lifter"),
}
"""What librosa, torchaudio, python_speech_features and HTK call our keys."""


def explain(error: ValidationError, known: Mapping[tuple[str, ...], type[BaseModel]] = MappingProxyType({})) -> str:
    """One line for the first thing that is wrong: where, what was found and what was expected."""
    first = error.errors()[0]
    place = [str(part) for part in first["loc"]]
    if first["type"] == "extra_forbidden":
        keys = _keys(place[:-1], known)
        hint = ""
        if keys:
            key = nearest(place[-1], keys)
            known_ones = shown(", ".join(f"{name!r}{where}" for name, where in keys.items()), 180)
            hint = f"; the nearest known key is {key!r}{keys[key]}" if key else f", expected one of {known_ones}"
        return f"{_section(place)}unknown key {shown(repr(place[-1]))}{hint}"
    if first["type"] == "value_error":
        return _section([*place, ""]) + str(first["ctx"]["error"])
    if first["type"].startswith("union_tag"):
        key = first["ctx"]["discriminator"].strip("'")
        tag = first["ctx"].get("tag")
        found = f"found {shown(repr(tag))}" if tag else "missing"
        choices = " or ".join(repr(tag) for path in known if list(path[:1]) == place for tag in path[1:])
        return f"{_section([*place, ''])}{key}: {found}, expected {choices}"
    if first["type"] in ("model_type", "model_attributes_type"):
        return f"{shown(place[-1])}: found {_repr(first['input'])}, expected a section of options"
    expected = first["msg"].replace("Input should be ", "expected ")
    return f"{_section(place)}{shown(place[-1])}: found {_repr(first['input'])}, {shown(expected, 200)}"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Give the known name that other packages call so, or else the one that looks most like it, if any does."""
    known = list(known)
    named = ELSEWHERE.get(name)
    return named if named in known else next(iter(difflib.get_close_matches(name[:100], known, n=1)), None)


def _repr(value: Any) -> str:
    return shown(repr(value)) if isinstance(value, str) else shown(value)


def _keys(place: list[str], known: Mapping[tuple[str, ...], type[BaseModel]]) -> dict[str, str]:
    """Keys that a section knows, and those of the sections in it, with the words for where they are."""
    found: dict[str, str] = {}
    for path, model in sorted(known.items(), key=lambda item: len(item[0])):
        if list(path[: len(place)]) == place:
            where = f" of [{path[0]}]" if len(path) > len(place) else ""
            found = {**dict.fromkeys(model.model_fields, where), **found}
    return found


def _section(place: list[str]) -> str:
    return f"[{shown(place[0])}] " if len(place) > 1 else ""
