"""Check whether two sets of frames have the same front end."""

from __future__ import annotations

from typing import Any

from gmmspeech.errors import FeatureError
from gmmspeech.files.text import parse_object

_SHIFT = "frame_shift"  # of stored features that tell nothing else


def check_same_front_end(expected: str | None, found: str | None, *, model: str, frames: str) -> None:
    """Raise a `FeatureError` that names the first difference between two front ends."""
    difference = first_difference(expected, found)
    if difference is not None:
        key, a, b = difference
        held = f"without {key}" if b is None else f"with {key} = {b}"
        wanted = "none" if a is None else f"{key} = {a}"
        raise FeatureError(f"{frames}: found frames {held}, expected {wanted} as {model} was trained on")


def front_end_of(frames: object) -> str | None:
    """Front end, as JSON text, of frames in a store that knows it; None of frames in a dict."""
    return getattr(frames, "front_end", None) or None


def timed_front_end(model: str | None, frames: object) -> str | None:
    """Front end that tells when frames come: theirs if it does, else a model's, as JSON text."""
    own = front_end_of(frames)
    waveforms, stored = _parts(own) if own else ({}, {})
    return own if own and (not model or waveforms or _SHIFT in stored) else model


def first_difference(a: str | None, b: str | None) -> tuple[str, Any, Any] | None:
    """Give the first key in which two front ends (JSON, or None where one isn't known) differ, and its values."""
    if not a or not b or a == b:
        return None
    (waveforms_a, stored_a), (waveforms_b, stored_b) = _parts(a), _parts(b)
    # of Kaldi's archives only the steps behind may be known
    known = bool(waveforms_a or not stored_a) and bool(waveforms_b or not stored_b)
    flat_a = _flat(waveforms_a) if known else {}
    flat_b = _flat(waveforms_b) if known else {}
    if known or (stored_a and stored_b):
        flat_a, flat_b = flat_a | _flat(stored_a, "stored."), flat_b | _flat(stored_b, "stored.")
    for key in sorted(
        (flat_a.keys() | flat_b.keys()) - {"resample", "resampler"}
    ):  # whichever rates were converted to theirs
        if key == f"stored.{_SHIFT}" and not (key in flat_a and key in flat_b):
            continue  # it is known of one alone
        if flat_a.get(key) != flat_b.get(key):
            return key, flat_a.get(key), flat_b.get(key)
    return None


def _parts(front_end: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """How waveforms became features, and what was done to these when they were stored."""
    options = _options(front_end)
    stored = options.pop("stored", {})
    return options, stored


def _options(front_end: str) -> dict[str, Any]:
    try:
        return parse_object(front_end)
    except ValueError as error:
        raise FeatureError(f"front end: {error}") from None


def _flat(nested: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(nested, dict):
        return {prefix.removesuffix("."): nested}
    out: dict[str, Any] = {}
    for key, value in nested.items():
        out |= _flat(value, f"{prefix}{key}.")
    return out


def describe_front_end(front_end: str | None) -> str:
    """Tell a front end, given as JSON text, in one line."""
    if not front_end:
        return "unknown"
    from gmmspeech.features.stored import split_front_end

    front, stored = split_front_end(front_end)
    told = [f"{front.describe()}, {front.sample_frequency} Hz ({front.fingerprint})"] if front else []
    return "; ".join(told + ([stored.describe()] if stored else []))


def told_shift(front_end: str | None) -> float | None:
    """Milliseconds from frame to frame, where a front end, given as JSON text, tells one for all recordings."""
    if not front_end:
        return None
    from gmmspeech.features.cqcc import CqccOptions
    from gmmspeech.features.stored import split_front_end

    front, stored = split_front_end(front_end)
    if front is None:
        return stored.frame_shift if stored else None
    if isinstance(front.features, CqccOptions):
        return None
    return front.features.frame_sizes(front.sample_frequency)[1] * 1000 / front.sample_frequency
