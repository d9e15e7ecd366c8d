"""Damage to text: fields lost, doubled and moved, numbers that are none, other blanks and line ends, depth, length."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
from fuzz.mutations_of_bytes import BYTES

_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_NUMBERS = (
    *(
        "nan",
        "NaN",
        "inf",
        "-inf",
        "Infinity",
        "1e999",
        "-1",
        "0",
        "-0.0",
        "1e-400",
        "1_0",
        "0x10",
        "٣",
        "１２",
        "½",
        "²",
    ),
    *(
        str(2**31),
        str(2**63),
        str(-(2**63)),
        "1" * 5000,
        "1e308",
        "1e12",
        "",
        "1,5",
        "--1",
        "1e",
        "None",
        "true",
        '"1"',
    ),
)
_BLANKS = ("\u00a0", "\u2028", "\u3000", "\t", "  ", "\x0b", "\x0c", "\x1c", "\x85", "\u200b", "")
_LONG = ("x" * 10**6, "9" * 10**5, "é" * 10**5, "\x1b[31m" * 100, "a b " * 10**5, "\u202e" * 50)
_OPEN = ("[", "{", "(", '{"a":', "[[", "<", '"', "item [1]:\n", "[a.", "'", '"""')
_WORDS = (
    "\x00",
    "../../../etc/passwd",
    "/dev/zero",
    "|",
    "cat /etc/passwd |",
    "-",
    "ark:-",
    "'",
    '"',
    "\\",
    "#",
    ";;",
    "%s",
    "{0}",
)

Change = Callable[[str, np.random.Generator], str]


def number(text: str, rng: np.random.Generator) -> str:
    """Replace a number by one that is none, or none of that kind."""
    return _replaced(_NUMBER, text, rng, lambda: str(rng.choice(_NUMBERS)))


def numbers(text: str, rng: np.random.Generator) -> str:
    """Replace all numbers by the same."""
    return _NUMBER.sub(str(rng.choice(_NUMBERS[:24])), text)


def field(text: str, rng: np.random.Generator) -> str:
    """Leave a field away, double it, or exchange two of a line."""
    lines = text.split("\n")
    at = int(rng.integers(len(lines)))
    fields = lines[at].split(" ")
    one, other = rng.integers(len(fields), size=2)
    way = rng.integers(3)
    if way == 0:
        del fields[one]
    elif way == 1:
        fields.insert(int(other), fields[one])
    else:
        fields[one], fields[other] = fields[other], fields[one]
    lines[at] = " ".join(fields)
    return "\n".join(lines)


def line(text: str, rng: np.random.Generator) -> str:
    """Leave a line away, double it, exchange two, or put in an empty one."""
    lines = text.split("\n")
    one, other = (int(i) for i in rng.integers(len(lines), size=2))
    way = rng.integers(4)
    if way == 0:
        del lines[one]
    elif way == 1:
        lines.insert(other, lines[one])
    elif way == 2:
        lines[one], lines[other] = lines[other], lines[one]
    else:
        lines.insert(one, "")
    return "\n".join(lines)


def blank(text: str, rng: np.random.Generator) -> str:
    """Replace a blank, or all, by another character that may pass for one."""
    other = str(rng.choice(_BLANKS))
    return text.replace(" ", other) if rng.integers(2) else _replaced(re.compile(" "), text, rng, lambda: other)


def ends(text: str, rng: np.random.Generator) -> str:
    """Write other line ends, or none at the end."""
    return (text.replace("\n", "\r\n"), text.replace("\n", "\r"), text.rstrip("\n"), text.replace("\n", "\u2028"))[
        rng.integers(4)
    ]


def word(text: str, rng: np.random.Generator) -> str:
    """Replace a word by one that means something to a program."""
    return _replaced(re.compile(r"\S+"), text, rng, lambda: str(rng.choice(_WORDS)))


def long(text: str, rng: np.random.Generator) -> str:
    """Put in, or in place of a field, a very long one."""
    there = str(rng.choice(_LONG))
    return _replaced(re.compile(r"\S+"), text, rng, lambda: there) if rng.integers(2) else _inserted(text, rng, there)


def deep(text: str, rng: np.random.Generator) -> str:
    """Open brackets and quotes, many of them or one, and close none."""
    return _inserted(text, rng, str(rng.choice(_OPEN)) * int(rng.choice([1, 100, 10**5])))


def many(text: str, rng: np.random.Generator) -> str:
    """Repeat lines until there are thousands of them."""
    lines = text.split("\n")
    at = int(rng.integers(len(lines)))
    return "\n".join([*lines[:at], *lines[at : at + 1] * 20000, *lines[at:]])


def case(text: str, rng: np.random.Generator) -> str:
    """Write all in capitals, or none."""
    return text.upper() if rng.integers(2) else text.lower()


def mark(text: str, rng: np.random.Generator) -> str:
    """Put a byte-order mark in front, inside, or twice."""
    return ("\ufeff" + text, "\ufeff\ufeff" + text, _inserted(text, rng, "\ufeff"))[rng.integers(3)]


def null(text: str, rng: np.random.Generator) -> str:
    """Put in a null or another control character."""
    return _inserted(text, rng, str(rng.choice(["\x00", "\x1a", "\x07", "\x1b[2J", "\x7f", "\ud7ff", "\x9b"])))


def utf16(content: bytes, rng: np.random.Generator) -> bytes:
    """Write in another encoding."""
    text = content.decode("utf-8", "replace")
    return text.encode(str(rng.choice(["utf-16", "utf-16-le", "utf-32", "latin-1", "utf-7"])), "replace")


def surrogate(content: bytes, rng: np.random.Generator) -> bytes:
    """Put in bytes that are no UTF-8."""
    at = int(rng.integers(len(content) + 1))
    return content[:at] + (b"\xff", b"\xed\xa0\x80", b"\xc0\x80", b"\xe9")[rng.integers(4)] + content[at:]


def _replaced(pattern: re.Pattern[str], text: str, rng: np.random.Generator, other: Callable[[], str]) -> str:
    found = list(pattern.finditer(text))
    if not found:
        return text + other()
    one = found[rng.integers(len(found))]
    return text[: one.start()] + other() + text[one.end() :]


def _inserted(text: str, rng: np.random.Generator, other: str) -> str:
    at = int(rng.integers(len(text) + 1))
    return text[:at] + other + text[at:]


def _on_bytes(change: Change) -> Callable[[bytes, np.random.Generator], bytes]:
    def changed(content: bytes, rng: np.random.Generator) -> bytes:
        return change(content.decode("utf-8", "surrogateescape"), rng).encode("utf-8", "surrogateescape")

    return changed


_CHANGES: tuple[Change, ...] = (number, numbers, field, line, blank, ends, word, long, deep, many, case, mark, null)
TEXT = {
    **{f"text {f.__name__}": _on_bytes(f) for f in _CHANGES},
    "text utf16": utf16,
    "text surrogate": surrogate,
    **BYTES,
}
