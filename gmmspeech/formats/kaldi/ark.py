"""Kaldi archives of matrices (ark) and their script files (scp): binary, text, and compressed, through kaldiio.

kaldiio trusts its input, would unpickle, and reads and writes text one number at a time. Here the sizes in a header are
first compared with the bytes present, and text is read and written as a whole, strictly.
"""

from __future__ import annotations

import io
import math
import os
import re
import struct
import warnings
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from typing import BinaryIO, TypeVar

import kaldiio
import numpy as np
from kaldiio.matio import read_matrix_or_vector
from numpy.typing import ArrayLike, DTypeLike, NDArray

from gmmspeech.arguments import checked
from gmmspeech.checks import frames_to_store, named
from gmmspeech.errors import DataError, GmmSpeechWarning, counted, one_line, shown
from gmmspeech.files.atomic import atomic_path
from gmmspeech.files.regular import open_regular
from gmmspeech.files.table_places import Output
from gmmspeech.files.text import is_field

Entry = TypeVar("Entry")

_PLACE = re.compile(r"(?::(?P<offset>[0-9]{1,18}))?(?:\[(?P<range>[0-9:,]*)\])?")
_RANGE = re.compile(r"(?P<first>[0-9]{1,18})(?::(?P<last>[0-9]{1,18}))?")
_SPARE_ROWS = 3  # that a range may go beyond the end, as in Kaldi: times of segments are rounded
ITEM_SIZE = {"FM": 4, "DM": 8, "FV": 4, "DV": 8}
_COMPRESSED = {"CM": (8, 1), "CM2": (0, 2), "CM3": (0, 1)}  # bytes of a column's header, of a number
_OF_NUMBERS = b"-+.0123456789eEinfatyINFATY \t\n\r\v\f"  # what has a place among numbers, infinities and NaN
_NO_NUMBER = re.compile(b"[^%s]" % re.escape(_OF_NUMBERS))
_BLOCK = 1 << 16
_EXPECTED = "an archive of Kaldi's"
_LONGEST_KEY = 4096
_LONGEST_LINE = 1 << 27  # bytes
_HDF5 = b"\x89HDF"
_AUTOMATIC = 1  # Kaldi's compression: a byte a number, with quantiles of each column, or two bytes in up to 8 rows


def read_matrix(file: str, where: str = "", *, as_rows: bool = False) -> NDArray:
    """Read the matrix, or vector, at a place in an archive.

    In text, a vector is written as a matrix of one row may be: with `as_rows` it is taken for that, as Kaldi does where
    a matrix is asked for.
    """
    place = _PLACE.fullmatch(where)
    if place is None:
        raise ValueError(f"found {shown(repr(where))}, expected :OFFSET and perhaps [first:last]")
    offset = int(place["offset"] or 0)
    with open_regular(file) as archive:
        archive.seek(offset)
        if is_binary(archive):
            _skip_binary(archive)
            archive.seek(offset)
            matrix = read_matrix_or_vector(archive)
        else:
            matrix = parse_matrix(_text_body(archive), np.float32)
            if as_rows:
                matrix = np.atleast_2d(matrix)
    return matrix if place["range"] is None else _cut(matrix, place["range"], file + where)


def ark_places(path: str, dropped: dict[str, str] | None = None) -> dict[str, tuple[str, str]]:
    """Find file and ``":OFFSET"`` of what an archive has, without decoding it; for damage see `read_archive`."""

    def place(archive: BinaryIO) -> tuple[str, str]:
        offset = archive.tell()
        (_skip_binary if is_binary(archive) else _text_body)(archive)
        return path, f":{offset}"

    return read_archive(path, place, _EXPECTED, dropped)


def _reason(error: Exception) -> str:
    """Say why a file can't be read, or what is wrong in it."""
    if isinstance(error, OSError) and error.strerror:
        return f"can't be read ({error.strerror})"
    return one_line(error) or "cut short"


def told_with(expected: str, error: Exception) -> str:
    """Say what is wrong, and what was expected unless that is said."""
    reason = _reason(error)
    return reason if ", expected " in reason else f"{reason}, expected {expected}"


@checked
def write_kaldi_ark(
    ark: str | os.PathLike[str],
    items: Iterable[tuple[str, ArrayLike]],
    *,
    scp: str | os.PathLike[str] | None = None,
    text: bool = False,
    compress: bool = False,
) -> None:
    """Write frames as a Kaldi archive, and optionally its script file, atomically.

    Parameters
    ----------
    ark : path-like
        The archive; the script file refers to it by this path.
    items : iterable of (str, array_like (T, D))
        Utterance id and frames, stored as float32; read one at a time.
    scp : path-like, optional
        The script file.
    text : bool
        Write text instead of binary.
    compress : bool
        Use one byte per number, or two in up to 8 frames, with some loss, like Kaldi's ``copy-feats --compress=true``.

    Raises
    ------
    DataError
        An id is empty, has a blank or occurs twice; there are no utterances; text and compression are combined; or a
        file can't be written. Nothing is left in that case.
    FeatureError
        Frames are not (T, D), or not finite in float32.

    Examples
    --------
    >>> import tempfile, gmmspeech as gs, numpy as np
    >>> folder = tempfile.mkdtemp()
    >>> gs.formats.write_kaldi_ark(f"{folder}/feats.ark", [("u1", np.ones((3, 2)))], scp=f"{folder}/feats.scp")
    >>> gs.FeatureStore(f"scp:{folder}/feats.scp")["u1"].shape
    (3, 2)
    """
    name = os.fspath(ark)
    if text and compress:
        raise DataError(f"{name}: found both text and compression, expected one of them")
    place = Output("ark", name, None if scp is None else os.fspath(scp), text)
    frames_of = ((key, frames_to_store(frames, f"utterance {key}")) for key, frames in named(items, "item"))
    write_archive(place, ((key, encoded_array(x, text=text, compress=compress)) for key, x in frames_of))


def write_archive(place: Output, items: Iterable[tuple[str, bytes]]) -> int:
    """Write what stands behind ids as an archive, and perhaps a script file of it, atomically; give their number."""
    lines: dict[str, str] = {}
    with ExitStack() as files:
        script = None if place.script is None else files.enter_context(atomic_path(place.script))
        with atomic_path(place.path) as temporary, open(temporary, "wb") as archive:
            for key, content in items:
                if not is_field(key) or key in lines:
                    found = f"can't hold the id {shown(repr(key))}"
                    raise DataError(f"{place.path}: {found}, expected each once, without blanks")
                archive.write(f"{key} ".encode())
                lines[key] = f"{key} {place.path}:{archive.tell()}\n"
                archive.write(content)
            if not lines:
                raise DataError(f"{place.path}: found no utterance to write, expected one or more")
        if script is not None:
            script.write_text("".join(lines.values()), encoding="utf-8", newline="\n")
    return len(lines)


def encoded_array(array: NDArray, *, text: bool, compress: bool = False) -> bytes:
    """Give a vector or matrix as it stands in an archive behind its id."""
    if not text:
        with io.BytesIO() as file:
            kaldiio.save_ark(file, {"": array}, compression_method=_AUTOMATIC if compress else None)
            return file.getvalue()[1:]  # behind a blank
    number = "%.9g " if array.dtype == np.float32 else "%.17g "  # digits that bring the same number back
    row = number * array.shape[-1]
    form = f" [ {row}]\n" if array.ndim == 1 else " [" + f"\n  {row}" * len(array) + "]\n"
    return (form % tuple(array.ravel().tolist())).encode()


def read_archive(
    path: str, read: Callable[[BinaryIO], Entry], expected: str, dropped: dict[str, str] | None = None
) -> dict[str, Entry]:
    """Read an archive by a function for what stands behind an utterance id, which raises ValueError where it is bad.

    Given what is dropped, the first damage is added to it and ends the archive, and of ids that come again the first
    stays.
    """
    found: dict[str, Entry] = {}
    key = ""
    try:
        with open_regular(path) as archive:
            while name := read_key(archive):
                key = name
                if key in found and dropped is None:
                    raise ValueError("found it twice")
                found.setdefault(key, read(archive))
    except (OSError, ValueError) as error:
        owner = f"{path}: utterance {shown(key)}" if key else path
        if dropped is None or isinstance(error, OSError):
            raise DataError(f"{owner}: {told_with(expected, error)}") from error
        there = shown(f"what follows {key}" if key in found else key) or "its beginning"
        dropped[there] = f"{there}: {_reason(error)}"
    if not found and not dropped:
        raise DataError(f"{path}: found no utterance, expected {expected}")
    return found


def read_key(archive: BinaryIO) -> str:
    """Read an utterance id and the blank after it, which a line's end is too but stays; nothing at the file's end."""
    key = bytearray()
    while (byte := archive.read(1)) not in (b" ", b"\t", b"") and (byte != b"\n" or not key):
        key += byte.strip(b"\n")
        if len(key) > _LONGEST_KEY or byte == b"\0":
            raise ValueError(f"found {shown(repr(bytes(key[:20])))} for an utterance id")
    if key.startswith(_HDF5):
        raise ValueError("found HDF5, which is read by the name of its file alone")
    if byte == b"\n":
        archive.seek(-1, os.SEEK_CUR)
    name = key.decode("utf-8")  # UnicodeDecodeError is a ValueError
    if name and not byte:
        raise ValueError(f"found {shown(repr(bytes(key[:20])))} and then nothing")
    if byte and not is_field(name):
        raise ValueError(f"found {shown(repr(name))} for an utterance id")
    return name


def is_binary(archive: BinaryIO) -> bool:
    """Say whether what follows is binary, and go behind the mark of it."""
    begin = archive.tell()
    if archive.read(2) == b"\0B":
        return True
    archive.seek(begin)
    return False


def text_line(archive: BinaryIO) -> str:
    """Read the rest of a line of text; ValueError where it has no end."""
    line = archive.readline(_LONGEST_LINE)
    if not line.endswith(b"\n"):
        raise ValueError("found no end of the line (is it cut short?)")
    if not line.isascii():
        raise ValueError(f"found {shown(repr(line[:20]))}, expected a line of text, or \\0B and what is binary")
    return line.decode("ascii")


def read_exactly(archive: BinaryIO, count: int) -> bytes:
    """Read so many bytes; a ValueError, before memory is taken for them, where fewer are left."""
    left = os.fstat(archive.fileno()).st_size - archive.tell()
    if not 0 <= count <= left:
        raise ValueError(f"found {counted(left, 'byte')}, expected {count} (is it cut short?)")
    return archive.read(count)


def _skip_binary(archive: BinaryIO) -> None:
    """Go behind a binary matrix, from behind its ``\\0B``; ValueError if it can't be whole."""
    archive.seek(_num_bytes(*read_shape(archive)), os.SEEK_CUR)


def read_shape(archive: BinaryIO) -> tuple[str, list[int]]:
    """Read kind and sizes of a binary vector or matrix up to its numbers; ValueError if these can't all be there."""
    kind = b""
    while len(kind) < 4 and not kind.endswith(b" "):
        kind += archive.read(1) or b" "
    name = kind.decode("latin-1").strip()
    if name in _COMPRESSED:
        sizes = _sizes(archive.read(16)[8:], 2, b"")  # behind the least value and the range
    elif name in ITEM_SIZE:
        count = 2 if name.endswith("M") else 1
        sizes = _sizes(archive.read(5 * count), count, b"\4")
    else:
        raise ValueError(f"found {shown(repr(name))}, expected a matrix (FM, DM or CM)")
    start, size = archive.tell(), _num_bytes(name, sizes)
    there = archive.seek(0, os.SEEK_END) - start
    if min(sizes) < 0 or size > there:
        swapped = [struct.unpack(">i", struct.pack("<i", n))[0] for n in sizes]
        fits = min(swapped) >= 0 and _num_bytes(name, swapped) <= there
        reason = "is it written in the other byte order?" if fits else "is it cut short?"
        what = f"a matrix of {' x '.join(map(str, sizes))} numbers"
        raise ValueError(f"found {counted(there, 'byte')} for {what}, expected {size} ({reason})")
    archive.seek(start)
    return name, sizes


def _sizes(content: bytes, count: int, mark: bytes) -> list[int]:
    width = len(mark) + 4
    pieces = [content[i * width : (i + 1) * width] for i in range(count)]
    if not all(len(piece) == width and piece.startswith(mark) for piece in pieces):
        raise ValueError("found no size of a matrix (is it cut short?)")
    return [struct.unpack("<i", piece[-4:])[0] for piece in pieces]


def _num_bytes(kind: str, sizes: list[int]) -> int:
    if kind in ITEM_SIZE:
        return math.prod(sizes) * ITEM_SIZE[kind]
    per_column, per_number = _COMPRESSED[kind]
    return sizes[1] * (per_column + sizes[0] * per_number)


def _text_body(archive: BinaryIO) -> bytes:
    """Read a matrix in text to the end of the line of its closing bracket; give what is between the brackets."""
    begin, length = archive.tell(), 0
    pieces: list[bytes] = []
    while True:
        piece = archive.read(_BLOCK)
        if not pieces and piece.strip() and not piece.lstrip().startswith(b"["):
            raise ValueError(f"found {shown(repr(piece[:20]))}, no matrix there")
        if not piece:
            raise ValueError("found no ] (is it cut short?)")
        end = piece.find(b"]")
        pieces.append(piece if end < 0 else piece[:end])
        length += len(pieces[-1])
        if end >= 0:
            break
    archive.seek(begin + length + 1)
    after = archive.readline(_BLOCK)
    if after.strip():
        raise ValueError(f"found {shown(repr(after[:20]))} beside [ ... ]")
    return b"".join(pieces).lstrip()[1:]


def parse_matrix(body: bytes, dtype: DTypeLike) -> NDArray:
    """Parse what stands between the brackets of a matrix or vector in text; ValueError for what is no number."""
    if not body.strip():
        raise ValueError("found a matrix without numbers")
    if not body.translate(None, _OF_NUMBERS):
        with suppress(ValueError), np.errstate(over="ignore"):
            matrix = np.loadtxt(io.BytesIO(body), dtype, comments=None, ndmin=2)
            return matrix if b"\n" in body else matrix[0]  # a matrix opens with a line end
    return parse_lines(body, dtype)


def parse_lines(body: bytes, dtype: DTypeLike) -> NDArray:
    """Do as `parse_matrix`, more slowly, and say what is wrong."""
    found = _NO_NUMBER.search(body)
    if found is not None:
        near = body[max(found.start() - 20, 0) : found.end() + 20]
        raise ValueError(f"found {shown(repr(near))}, expected numbers")
    lines = [line for line in body.split(b"\n") if line.strip()]
    with np.errstate(over="ignore"):  # of numbers beyond float32, which are infinite then
        rows = [np.array([float(number) for number in line.split()], dtype) for line in lines]
    if len({len(row) for row in rows}) > 1:
        raise ValueError(f"found rows of {shown(sorted({len(row) for row in rows}))} numbers, expected one length")
    return np.stack(rows) if b"\n" in body else rows[0]


def _cut(matrix: NDArray, ranges: str, owner: str) -> NDArray:
    """Rows and columns of a matrix from first to last, the last included."""
    parts = ranges.split(",")
    if len(parts) > matrix.ndim:
        raise ValueError(f"found [{shown(ranges)}] of {counted(matrix.ndim, 'dimension')}")
    slices = []
    for axis, (part, size) in enumerate(zip(parts, matrix.shape, strict=False)):
        found = _RANGE.fullmatch(part)
        first = int(found["first"]) if found else 0
        stop = int(found["last"] or first) + 1 if found else size
        if not (found or part in ("", ":")) or not first < stop <= size + _SPARE_ROWS * (axis == 0) or first >= size:
            raise ValueError(f"found [{shown(ranges)}], expected a range inside {matrix.shape}")
        if stop > size:
            warnings.warn(
                f"{owner}: found [{ranges}] of {counted(size, 'row')}, cut to those there are", GmmSpeechWarning
            )
        slices.append(slice(first, stop))
    return matrix[tuple(slices)]
