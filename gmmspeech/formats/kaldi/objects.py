"""Kaldi's objects, one a file: tokens, numbers, lists of whole numbers, vectors and matrices, in binary or text.

A binary file begins with ``\\0B``. There a whole number is the byte 4 and four bytes, a float the byte 4 or 8 and as
many. Two letters tell what a vector or matrix is of: FV, DV, FM, DM, or FP, DP for half of a symmetric matrix.
"""

from __future__ import annotations

import io
import math
import os
import re
import struct
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.errors import DataError, counted, shown
from gmmspeech.files.atomic import atomic_path
from gmmspeech.files.text import read_bytes
from gmmspeech.formats.kaldi.ark import ITEM_SIZE, parse_matrix, read_exactly, read_shape

BINARY = b"\0B"
_MARKED = np.dtype([("mark", "u1"), ("number", "<i4")])  # a whole number behind the number of its bytes
_LARGEST = 1 << 33  # bytes: an extractor of i-vectors of 2,048 components has half a gigabyte
_PACKED = {b"FP ": "<f4", b"DP ": "<f8"}
_TOKEN = re.compile(rb"\s*(\S+)(?:\s|$)")
_ANGLES = re.compile(rb"\s*<(/?\w+)>\s?")
_ARRAY = re.compile(rb"\s*\[([^\]<]*)\]")
_WHOLE = re.compile(rb"\s*([-+]?[0-9]{1,18})(?=\s|$)")
_REAL = re.compile(rb"\s*([-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?|[-+]?(?:inf|nan))(?=\s|$)")


def marked(numbers: ArrayLike) -> bytes:
    """Give whole numbers of 32 bits as an archive has them in binary, each behind the number of its bytes."""
    found = np.asarray(numbers)
    rows = np.empty(found.size, _MARKED)
    rows["mark"], rows["number"] = 4, found.ravel()
    return rows.tobytes()


def read_marked(archive: BinaryIO, count: int) -> NDArray[np.int32]:
    """Read so many of them; ValueError for what is none."""
    rows = np.frombuffer(read_exactly(archive, count * _MARKED.itemsize), _MARKED)
    if (rows["mark"] != 4).any():
        raise ValueError("found bytes that are no whole numbers of 32 bits")
    return rows["number"].astype(np.int32)


class Reader:
    """Goes through a file's objects; what is wrong is a `DataError` that names the file and the byte."""

    def __init__(self, path: str | os.PathLike[str], expected: str) -> None:
        self.name, self.expected = os.fspath(path), expected
        self.content = read_bytes(path, expected=expected, most=_LARGEST)
        self.binary = self.content.startswith(BINARY)
        self.position = 2 if self.binary else 0

    def error(self, reason: str) -> DataError:
        """Make the error for what is wrong at the place that was reached."""
        return DataError(f"{self.name}: {reason}")

    def angles(self) -> str:
        """Read a token in angle brackets; give what is between them."""
        return self._matched(_ANGLES, "<...>").decode("ascii", "replace")

    def token(self) -> str:
        """Read a token of any form."""
        return self._matched(_TOKEN, "a token").decode("ascii", "replace")

    def expect(self, token: str) -> None:
        """Read a token that must be there."""
        found = self.token()
        if found != token:
            raise self.error(f"found {shown(found)} at byte {self.position}, expected {token}")

    def comes(self, token: str) -> bool:
        """Say whether a token is next, without reading it."""
        found = _TOKEN.match(self.content, self.position)
        return found is not None and found[1] == token.encode()

    def integer(self) -> int:
        """Read a whole number, of 32 bits."""
        if not self.binary:
            return int(self._matched(_WHOLE, "a whole number"))
        marked = self._bytes(5)
        if marked[0] not in (4, 252):  # 252 marks those without a sign
            raise self.error(f"found {marked!r} at byte {self.position - 5}, expected a whole number of 32 bits")
        return int(struct.unpack("<i", marked[1:])[0])

    def real(self) -> float:
        """Read a float of 32 or 64 bits."""
        if not self.binary:
            return float(self._matched(_REAL, "a number"))
        size = self._bytes(1)[0]
        if size not in (4, 8):
            raise self.error(f"found {size} at byte {self.position - 1}, expected 4 or 8, the size of a float")
        return float(np.frombuffer(self._bytes(size), f"<f{size}")[0])

    def integers(self) -> list[int]:
        """Read a list of whole numbers."""
        if not self.binary:
            body = self._matched(_ARRAY, "[ whole numbers ]").split()
            if not all(re.fullmatch(rb"[-+]?[0-9]{1,18}", field) for field in body):
                raise self.error(f"found {shown(repr(b' '.join(body[:5])))}, expected [ whole numbers ]")
            return [int(field) for field in body]
        size, count = self._bytes(1)[0], int(struct.unpack("<i", self._bytes(4))[0])
        if size != 4 or count < 0:
            raise self.error(
                f"found size {size} and {count} at byte {self.position}, expected whole numbers of 32 bits"
            )
        return [int(number) for number in np.frombuffer(self._bytes(4 * count), "<i4")]

    def array(self, *, empty: bool = False) -> NDArray[np.float64]:
        """Read a vector or matrix, in float64; ValueError for what is none, so that the caller may name it."""
        find = _binary_array if self.binary else _text_array
        array, self.position = find(self.content, self.position, empty)
        return array

    def named_array(self, name: str, ndim: int, *, empty: bool = False) -> NDArray[np.float64]:
        """Read a vector (1) or matrix (2) that errors call by a name; one without numbers if it may be empty."""
        try:
            array = self.array(empty=empty)
        except ValueError as error:
            raise self.error(f"{name}: {error}") from error
        if array.ndim != ndim and array.size:
            raise self.error(f"{name}: found {counted(array.ndim, 'dimension')}, expected {ndim}")
        if not np.isfinite(array).all():
            raise self.error(f"{name}: found numbers that are not finite, expected finite ones")
        return array

    def symmetric(self, name: str) -> NDArray[np.float64]:
        """Read a symmetric matrix, of which the lower half is there."""
        packed = self._packed(name)
        dim = round((np.sqrt(8 * len(packed) + 1) - 1) / 2)
        if dim * (dim + 1) // 2 != len(packed) or not dim:
            raise self.error(f"{name}: found {counted(len(packed), 'number')}, expected half of a symmetric matrix")
        if not np.isfinite(packed).all():
            raise self.error(f"{name}: found numbers that are not finite, expected finite ones")
        matrix = np.zeros((dim, dim))
        matrix[np.tril_indices(dim)] = packed
        return matrix + np.tril(matrix, -1).T

    def end(self) -> None:
        """See that nothing follows."""
        rest = self.content[self.position :]
        if rest.strip(b" \n\t\r"):
            raise self.error(f"found {shown(repr(rest[:20]))} at byte {self.position}, expected the end of the file")

    def _packed(self, name: str) -> NDArray[np.float64]:
        if not self.binary:
            body = self._matched(_ARRAY, f"[ numbers ] of {name}")
            try:
                return parse_matrix(b" ".join(body.split()), np.float64)
            except ValueError as error:
                raise self.error(f"{name}: {error}") from error
        kind = self._bytes(3)
        if kind not in _PACKED:
            raise self.error(f"{name}: found {kind!r}, expected half of a symmetric matrix (FP or DP)")
        dim = self.integer()
        count = max(dim, 0) * (dim + 1) // 2
        return np.frombuffer(self._bytes(count * int(_PACKED[kind][-1])), _PACKED[kind]).astype(np.float64)

    def _bytes(self, count: int) -> bytes:
        found = self.content[self.position : self.position + count]
        if len(found) < count:
            what = f"found {counted(len(found), 'byte')} at byte {self.position}, expected {count}"
            raise self.error(f"{what} of {self.expected} (is it cut short?)")
        self.position += count
        return found

    def _matched(self, pattern: re.Pattern[bytes], what: str) -> bytes:
        found = pattern.match(self.content, self.position)
        if found is None:
            rest = self.content[self.position : self.position + 20]
            place = f"found {rest!r} at byte {self.position}"
            raise self.error(f"{place}, expected {what} of {self.expected} (is it cut short?)")
        self.position = found.end()
        return found[1]


class Writer:
    """Collects a file's objects, in binary or text."""

    def __init__(self, *, binary: bool = True) -> None:
        self.binary = binary
        self.parts: list[bytes] = [BINARY] if binary else []

    def token(self, *tokens: str, end: str = "") -> None:
        """Add tokens, and in text what comes after them."""
        self.parts += [f"{token} ".encode() for token in tokens]
        if end and not self.binary:
            self.parts.append(end.encode())

    def integer(self, *numbers: int, unsigned: bool = False) -> None:
        """Add whole numbers."""
        mark = b"\xfc" if unsigned else b"\4"
        self.parts += [mark + struct.pack("<i", n) if self.binary else f"{n} ".encode() for n in numbers]

    def real(self, number: float, *, double: bool = False) -> None:
        """Add a float."""
        kind = "<f8" if double else "<f4"
        packed = bytes([int(kind[-1])]) + np.array(number, kind).tobytes()
        self.parts.append(packed if self.binary else f"{np.array(number, kind)[()]} ".encode())

    def integers(self, numbers: Sequence[int]) -> None:
        """Add a list of whole numbers."""
        if self.binary:
            self.parts.append(b"\4" + struct.pack("<i", len(numbers)) + np.array(numbers, "<i4").tobytes())
        else:
            self.parts.append(("[ " + "".join(f"{n} " for n in numbers) + "]\n").encode())

    def array(self, array: NDArray[np.floating]) -> None:
        """Add a vector or matrix, of float32 or float64 as it is."""
        letter = b"D" if array.dtype == np.float64 else b"F"
        if self.binary:
            sizes = b"".join(b"\4" + struct.pack("<i", size) for size in array.shape)
            self.parts.append(letter + (b"V " if array.ndim == 1 else b"M ") + sizes + _plain(array).tobytes())
        else:
            rows = [" ".join(map(str, row)) for row in np.atleast_2d(array)]
            self.parts.append(_text_rows(rows, vector=array.ndim == 1))

    def symmetric(self, matrix: NDArray[np.floating]) -> None:
        """Add the lower half of a symmetric matrix, of float32 or float64 as it is."""
        if self.binary:
            half = _plain(matrix[np.tril_indices(len(matrix))])
            letter = b"D" if matrix.dtype == np.float64 else b"F"
            self.parts.append(letter + b"P \4" + struct.pack("<i", len(matrix)) + half.tobytes())
        else:
            rows = [" ".join(map(str, row[: i + 1])) for i, row in enumerate(matrix)]
            self.parts.append(_text_rows(rows, vector=False))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all of it to a file, atomically."""
        with atomic_path(path) as temporary:
            temporary.write_bytes(b"".join(self.parts))


def _plain(array: NDArray[np.floating]) -> NDArray[np.floating]:
    """The same numbers in a row of memory, little-endian."""
    return np.ascontiguousarray(array, array.dtype.newbyteorder("<"))


def _text_rows(rows: Sequence[str], *, vector: bool) -> bytes:
    if vector:
        return f" [ {rows[0]} ]\n".encode()
    return "".join([" [", *(f"\n  {row} " for row in rows), "]\n"]).encode()


def _binary_array(content: bytes, position: int, empty: bool) -> tuple[NDArray[np.float64], int]:
    """Give a binary vector or matrix at a place, and the place behind it; ValueError for what is none."""
    stream = io.BytesIO(content)  # which takes no copy
    stream.seek(position)
    kind, shape = read_shape(stream)
    if kind not in ITEM_SIZE or min(shape) < (0 if empty else 1):
        raise ValueError(f"found {kind} of shape {tuple(shape)}, expected a vector or matrix (FV, DV, FM or DM)")
    begin, count = stream.tell(), math.prod(shape)
    array = np.frombuffer(content, f"<f{ITEM_SIZE[kind]}", count, begin).reshape(shape).astype(np.float64)
    return array, begin + count * ITEM_SIZE[kind]


def _text_array(content: bytes, position: int, empty: bool) -> tuple[NDArray[np.float64], int]:
    """Give a vector or matrix in text at a place, and the place behind it; ValueError for what is none."""
    found = _ARRAY.match(content, position)
    if found is None:
        raise ValueError(f"found {content[position : position + 20]!r}, expected [ numbers ] (is the file cut short?)")
    if empty and not found[1].strip():
        return np.zeros(0), found.end()
    return parse_matrix(found[1], np.float64), found.end()


def read_array_file(path: str | os.PathLike[str], expected: str) -> NDArray[np.float64]:
    """Read a file that is one vector or matrix: ``mean.vec``, ``final.mat``."""
    reader = Reader(path, expected)
    try:
        array = reader.array()
    except ValueError as error:
        raise reader.error(f"{error}") from error
    reader.end()
    if not array.size or not np.isfinite(array).all():
        raise reader.error(f"found shape {array.shape} or numbers that are not finite, expected {expected}")
    return array


def write_array_file(path: str | os.PathLike[str], array: NDArray[np.floating], *, binary: bool = True) -> None:
    """Write a file that is one vector or matrix, in float32."""
    writer = Writer(binary=binary)
    writer.array(array.astype(np.float32))
    writer.save(path)
