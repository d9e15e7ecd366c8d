"""Damage to bytes: flips, cuts, insertions, repetitions, runs of zeros, and numbers of headers that lie."""

from __future__ import annotations

import struct

import numpy as np

_LIES = (0, 1, -1, 2**31 - 1, -(2**31), 2**30, 0x7FFFFFF0, 255, 65535, 10**6)
_HEAD = 160  # bytes in which binary formats say how large they are


def flip(content: bytes, rng: np.random.Generator) -> bytes:
    """Turn over a single bit."""
    changed = bytearray(content)
    changed[rng.integers(len(changed))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def flips(content: bytes, rng: np.random.Generator) -> bytes:
    """Replace up to eight bytes."""
    changed = bytearray(content)
    for _ in range(rng.integers(1, 9)):
        changed[rng.integers(len(changed))] = rng.integers(256)
    return bytes(changed)


def cut(content: bytes, rng: np.random.Generator) -> bytes:
    """Leave the end away."""
    return content[: rng.integers(len(content))]


def delete(content: bytes, rng: np.random.Generator) -> bytes:
    """Leave a piece away."""
    at, length = rng.integers(len(content)), rng.integers(1, 65)
    return content[:at] + content[at + length :]


def insert(content: bytes, rng: np.random.Generator) -> bytes:
    """Put in random bytes."""
    at = rng.integers(len(content) + 1)
    return content[:at] + rng.bytes(rng.integers(1, 65)) + content[at:]


def duplicate(content: bytes, rng: np.random.Generator) -> bytes:
    """Repeat a piece."""
    first, last = np.sort(rng.integers(len(content) + 1, size=2))
    return content[:last] + content[first:last] * int(rng.integers(1, 4)) + content[last:]


def zeros(content: bytes, rng: np.random.Generator) -> bytes:
    """Make a piece zero, as a disk that failed leaves it."""
    at, length = rng.integers(len(content)), int(rng.integers(1, 513))
    return content[:at] + bytes(min(length, len(content) - at)) + content[at + length :]


def extend(content: bytes, rng: np.random.Generator) -> bytes:
    """Go on behind the end: zeros, noise, or the whole again."""
    return content + (bytes(4096), rng.bytes(999), content)[rng.integers(3)]


def lie(content: bytes, rng: np.random.Generator) -> bytes:
    """Write another whole number into the head, of 16 or 32 bits, in either byte order."""
    number, order = int(rng.choice(_LIES)), "<>"[rng.integers(2)]
    width = int(rng.choice([2, 4]))
    packed = struct.pack(f"{order}{'H' if width == 2 else 'I'}", number % (1 << 8 * width))
    at = int(rng.integers(max(1, min(_HEAD, len(content)) - width)))
    return content[:at] + packed + content[at + width :]


def nothing(content: bytes, rng: np.random.Generator) -> bytes:
    """Leave nothing, or next to nothing."""
    return content[: rng.integers(4)]


BYTES = {f.__name__: f for f in (flip, flips, cut, delete, insert, duplicate, zeros, extend, nothing)}
BINARY = {**BYTES, "lie": lie}
