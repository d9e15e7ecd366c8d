"""What became of a file that was read: refused well or badly, or taken, and then whether it makes sense."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import traceback
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from gmmspeech.errors import GmmSpeechError
from gmmspeech.scoring.trials import Scores

GOOD = ("ok", "refused", "usage")
BAD = ("traceback", "hang", "died", "memory", "message", "unnamed", "other file", "nonsense", "changed")
LONGEST = 1000  # characters of a message beside the names of files
_NO_MEMORY = re.compile(r"unable to allocate|MemoryError|cannot allocate|can't allocate|out of memory", re.IGNORECASE)
_NAMED = re.compile(r"\b(utterance|model|test|recording|speaker|class|word|phone|tier) \S|^[\w-]+: found ")
CANARY = b"CANARY@@"  # of which the file of secrets is made, again and again; an ordinary number in float64
SECRET_NUMBER = 7654.321  # all that the HDF5 file of secrets holds
_SECRETS = (
    SECRET_NUMBER,
    float(np.frombuffer(CANARY, "<f8")[0]),
    *np.frombuffer(CANARY, "<f4").astype(float).tolist(),
)
_TOLD_NAN = re.compile(r"(?<![\w-])[-+]?nan(?![\w-])", re.IGNORECASE)
_DEPTH = 12


class Refused(Exception):
    """A command ended with a line on stderr."""


class Judged(NamedTuple):
    """A verdict, and what it is based on."""

    verdict: str
    told: str = ""


class Whole(NamedTuple):
    """What is known of what was read before a file was damaged: digests by name, and names of what is not finite."""

    digests: dict[str, str]
    senseless: list[str]


def examine(read: Callable[[], Any], names: list[str], whole: Whole | None = None, *, sealed: bool = False) -> Judged:
    """Read a file and judge how that went.

    Parameters
    ----------
    read : callable
        Reads, and gives what it has found.
    names : list of str
        Names of files, of which a message has to tell one.
    whole : Whole, optional
        What was read before the file was damaged: what is not finite there may be so here.
    sealed : bool
        Whether the file has a checksum, so that nothing else than the whole may be taken.
    """
    try:
        leaves = leaves_of(read())
    except (GmmSpeechError, Refused) as error:
        return judge_message(str(error), names)
    except MemoryError as error:
        return Judged("memory", _place(error))
    except BaseException as error:
        return Judged("traceback", f"{type(error).__name__}: {str(error)[:200]} {_place(error)}")
    return judge_found(leaves, whole, sealed)


def judge_message(message: str, names: list[str]) -> Judged:
    """Say whether a message is one line of bounded length, of characters that can be seen, and names a file."""
    if message.startswith("usage: "):
        return Judged("usage" if len(message) < 2 * LONGEST else "message", message[:300])
    if message.startswith("unexpected "):
        return Judged("traceback", message[:300])
    if _NO_MEMORY.search(message):
        return Judged("memory", message[:300])
    rest = message
    for name in names:
        rest = rest.replace(name, "")
    seen = all(unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp", "Cf") for character in message)
    if not seen or len(rest) > LONGEST or not rest.strip():
        return Judged("message", f"{len(message)} characters: {message[:150]!r} ... {message[-80:]!r}")
    if not any(name in message for name in names) and not _NAMED.search(message):
        return Judged("unnamed", message[:300])
    return Judged("refused", message[:300])


def judge_found(leaves: Mapping[str, Any], whole: Whole | None, sealed: bool) -> Judged:
    """Say whether what was taken makes sense."""
    if secret := _secret(leaves):
        return Judged("other file", secret)
    found = whole_of(leaves)
    senseless = [name for name in found.senseless if whole is None or name not in whole.senseless]
    if senseless:
        return Judged("nonsense", f"{senseless[:3]} of {list(leaves)[:20]}")
    if sealed and whole is not None and found.digests != whole.digests:
        either = {**whole.digests, **found.digests}
        names = [name for name in either if whole.digests.get(name) != found.digests.get(name)]
        return Judged("changed", f"{names[:5]} differ from the whole file's")
    return Judged("ok")


def whole_of(leaves: Mapping[str, Any]) -> Whole:
    """Give what is to be known of text and numbers."""
    digests = {name: hashlib.sha256(_bytes(leaf)).hexdigest() for name, leaf in leaves.items()}
    return Whole(digests, list(_senseless(leaves)))


def leaves_of(value: Any) -> dict[str, Any]:
    """All text and numbers of what was read, by name."""
    return dict(_leaves(value, "", 0))


def _leaves(value: Any, name: str, depth: int) -> Iterator[tuple[str, Any]]:
    if depth > _DEPTH or value is None:
        return
    if isinstance(value, str | bytes | bool | int | float | np.ndarray | np.generic):
        yield name, value
    elif isinstance(value, Mapping):
        for key in list(value)[:1000]:
            yield from _leaves(value[key], f"{name}.{key}", depth + 1)
    elif hasattr(value, "to_state"):
        yield from _leaves(value.to_state(), name, depth + 1)
    elif isinstance(value, Scores):  # which may be infinite: a trial can be impossible
        yield from _leaves({"models": value.models, "tests": value.tests, "score": value.values}, name, depth + 1)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from _leaves(getattr(value, field.name), f"{name}.{field.name}", depth + 1)
    elif isinstance(value, list | tuple):
        yield f"{name}.len", len(value)
        for i, item in enumerate(value[:1000]):
            yield from _leaves(item, f"{name}.{i}", depth + 1)
    elif hasattr(value, "__dict__"):
        yield from _leaves({k: v for k, v in vars(value).items() if not k.startswith("_")}, name, depth + 1)


def _senseless(leaves: Mapping[str, Any]) -> Iterator[str]:
    """Names of numbers that are not finite, and of parameters out of their range."""
    for name, leaf in leaves.items():
        last = name.rpartition(".")[2]
        if isinstance(leaf, str):
            if last == "told" and _TOLD_NAN.search(leaf):
                yield name
            continue
        array = np.asarray(leaf)
        if array.dtype.kind not in "fciu":
            continue
        if (
            not (np.isfinite(array) | (np.isinf(array) & (last == "score"))).all()
            or (last in ("variances", "covariances_") and (array <= 0).any())
            or (last in ("n", "num_frames", "priors", "priors_") and (array < 0).any())
            or (last in ("priors", "priors_") and array.size and abs(array.sum() - 1) > 1e-3)
        ):
            yield name


def _secret(leaves: Mapping[str, Any]) -> str:
    """Name of what holds bytes or numbers of a file of secrets."""
    for name, leaf in leaves.items():
        if isinstance(leaf, str | bytes):
            content = leaf if isinstance(leaf, bytes) else leaf.encode("utf-8", "replace")
            if CANARY in content or str(SECRET_NUMBER).encode() in content:
                return name
            continue
        array = np.asarray(leaf)
        if array.dtype.kind == "f" and array.size:
            numbers = array.astype(np.float64).reshape(-1)
            if any(np.isclose(numbers, secret, rtol=1e-5, atol=0).any() for secret in _SECRETS):
                return name
        elif CANARY in array.tobytes():
            return name
    return ""


def _bytes(leaf: Any) -> bytes:
    if isinstance(leaf, str):
        return leaf.encode("utf-8", "surrogatepass")
    return leaf if isinstance(leaf, bytes) else np.asarray(leaf).tobytes()


def _place(error: BaseException) -> str:
    """Where an error was raised: the last two places, and the last of the package."""
    frames = [(f.filename, f.lineno) for f in traceback.extract_tb(error.__traceback__)]
    own = [frame for frame in frames if "/gmmspeech/" in frame[0]][-1:]
    return " < ".join(f"{name.rpartition('/')[2]}:{line}" for name, line in [*own, *frames[-1:]])
