"""Anything that an argument may be given in place of what is right, and whether a call copes with it."""

import dataclasses
import datetime
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

import gmmspeech as gs

ANYTHING = {
    "None": None, "True": True, "1.5": 1.5, "-1": -1, "0": 0, "nan": np.nan, "inf": np.inf, "3j": 3j, "'4'": "4",
    "text": "abc", "empty text": "", "bytes": b"x", "path": Path("nowhere/a.wav"), "object": object(), "class": int,
    "function": len, "dict": {}, "dict of text": {"a": "b"}, "dict of None": {"u1": None, "u2": None}, "set": {1, 2},
    "list": [], "list of None": [None], "list of text": ["a", "b"], "ragged": [[1.0], [1.0, 2.0]],
    "list of numbers": [1.0, 2.0], "NA": pd.NA, "NaT": pd.NaT, "date": datetime.date(2020, 1, 1),
    "generator": (i for i in ()), "0-d": np.array(3.0), "int8": np.int8(3),
}  # fmt: skip


def spoiled(good):
    """What is nearly right for an argument: the same in another container, of another type, with one thing wrong."""
    if isinstance(good, (bool, np.bool_)):
        yield from {"int": int(good), "word": "yes", "array": np.array([good])}.items()
    elif isinstance(good, (int, float, np.number)):
        yield from {"float": float(good), "text": str(good), "list": [good], "NaN": np.nan, "negative": -good}.items()
        yield from {"complex": complex(good), "huge": 1e300 if isinstance(good, float) else -(10**30)}.items()
    if isinstance(good, (list, tuple, np.ndarray)) and len(good):
        yield "tuple", tuple(good)
        yield "a set", set(map(str, good))
        yield "dict", dict(enumerate(good))
        yield "one less", good[:-1]
        yield "none", good[:0]
    array = None if not isinstance(good, (list, tuple, np.ndarray)) else np.asarray(good, dtype=object)
    if array is not None and array.size and all(isinstance(x, (int, float, np.number)) for x in array.flat):
        x = np.array(good, dtype=float)
        first = (0,) * x.ndim
        nan, missing = x.copy(), x.astype(object)
        nan[first], missing[first] = np.nan, pd.NA
        mask = np.zeros(x.shape, bool)
        mask[first] = True
        yield from {"NaN inside": nan, "NA inside": missing, "masked": np.ma.masked_array(x, mask)}.items()
        yield from {"complex": x + 1j, "text": x.astype(str), "object": x.astype(object)}.items()
        yield from {"list": x.tolist(), "dates": np.array(x, "datetime64[s]"), "bools": x > 0}.items()
        yield from {"float16": x.astype(np.float16), "longdouble": x.astype(np.longdouble)}.items()
        yield from {"transposed": x.T, "3-d": x[None], "numbers as text": x.astype(str).tolist()}.items()
        if x.ndim == 2:
            yield "sparse", sparse.csr_matrix(x)
            yield "table", pd.DataFrame(x, columns=[f"c{i}" for i in range(x.shape[1])])
        if x.ndim == 1:
            yield "series", pd.Series(x, index=range(5, 5 + len(x)))


def finite(found, seen=()):
    """Whether a result has no NaN anywhere that it can be seen."""
    if isinstance(found, (float, np.floating, np.ndarray)):
        return np.asarray(found).dtype.kind not in "fc" or not np.isnan(found).any()
    if isinstance(found, Mapping):
        return all(map(finite, found.values()))
    if isinstance(found, (list, tuple)):
        return all(map(finite, found))
    if hasattr(found, "get_params") or dataclasses.is_dataclass(found):
        return all(map(finite, vars(found).values()))
    return True


def failures(call, good, fixed=()):
    """Arguments and values for which a call neither works nor says what is wrong."""
    found = []
    for argument, value in good.items():
        for kind, bad in [*ANYTHING.items(), *spoiled(value)] if argument not in fixed else ():
            try:
                result = call(**{**good, argument: bad})
            except gs.GmmSpeechError as error:
                if "\n" in str(error).strip() or len(str(error)) > 1000 or not str(error):
                    found.append(f"{argument} = {kind}: {error!r}")
            except Exception as error:
                found.append(f"{argument} = {kind}: {type(error).__name__}: {error}")
            else:
                if not finite(result):
                    found.append(f"{argument} = {kind}: NaN")
    return found
