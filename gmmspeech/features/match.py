"""Whether two sets of frames were made alike."""

from __future__ import annotations

import json
from typing import Any

from gmmspeech.errors import FeatureError


def check_same_front_end(expected: str | None, found: str | None, *, model: str, frames: str) -> None:
    """Raise a `FeatureError` that names the first difference between two front ends.

    Parameters
    ----------
    expected, found : str or None
        Canonical JSON of the model's and the frames' front end; None where it isn't known, which fits anything.
    model, frames : str
        What to call them in the message.

    Examples
    --------
    >>> check_same_front_end('{"num_ceps": 13}', '{"num_ceps": 20}', model="ubm.h5", frames="feats.h5")
    Traceback (most recent call last):
    gmmspeech.errors.FeatureError: feats.h5: found frames with num_ceps = 20, expected num_ceps = 13 as ubm.h5 ...
    """
    if not expected or not found or expected == found:
        return
    a, b = _flat(json.loads(expected)), _flat(json.loads(found))
    for key in sorted(a.keys() | b.keys()):
        if a.get(key) != b.get(key):
            raise FeatureError(
                f"{frames}: found frames with {key} = {b.get(key)}, "
                f"expected {key} = {a.get(key)} as {model} was trained on"
            )


def _flat(nested: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(nested, dict):
        return {prefix.removesuffix("."): nested}
    out: dict[str, Any] = {}
    for key, value in nested.items():
        out |= _flat(value, f"{prefix}{key}.")
    return out
