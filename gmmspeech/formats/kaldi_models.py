"""Kaldi's diagonal mixtures (``DiagGmm``) and lists of each frame's best components (gselect).

A DiagGmm holds ``<WEIGHTS>``, ``<MEANS_INVVARS>`` (means over variances) and ``<INV_VARS>`` in float32, and
``<GCONSTS>``, which follow from these and are written but not trusted. See https://kaldi-asr.org/doc/model.html.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import checked
from gmmspeech.checks import all_finite
from gmmspeech.errors import DataError, ModelError, counted, shown
from gmmspeech.files.atomic import atomic_path, write_lines
from gmmspeech.files.text import is_field, parse_whole, read_bytes, split_fields
from gmmspeech.formats.datadir import read_map
from gmmspeech.formats.kaldi_ark import parse_matrix
from gmmspeech.gmm.mixture import DiagonalGMM

_BINARY = b"\0B"
_FIELDS = ("GCONSTS", "WEIGHTS", "MEANS_INVVARS", "INV_VARS")
_TYPES = {b"FV ": ("<f4", 1), b"DV ": ("<f8", 1), b"FM ": ("<f4", 2), b"DM ": ("<f8", 2)}
_BEGIN, _END = ("DiagGMM", "DiagGMMBegin"), ("/DiagGMM", "DiagGMMEnd")
_TOKEN = re.compile(rb"\s*<(/?\w+)>\s?")
_MOST_COMPONENTS = 2**31 - 1  # Kaldi's int32
_EXPECTED = "a DiagGmm of Kaldi, in binary or text"
_WEIGHT_ROUNDING = 1e-5  # by how much thousands of float32 weights, or of 7 digits each, may miss a sum of 1


def is_kaldi_gmm(head: bytes) -> bool:
    """Say whether a file that begins with these bytes is, or means to be, a model of Kaldi's."""
    return re.match(rb"\s*<(DiagGMM|FullGMM|TransitionModel)", head.removeprefix(_BINARY)) is not None


@checked
def read_kaldi_gmm(path: str | os.PathLike[str]) -> DiagonalGMM:
    """Read a DiagGmm such as ``final.dubm``, binary or text, of any version of Kaldi.

    Written again by `write_kaldi_gmm`, it has the same float32 numbers.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    DiagonalGMM

    Raises
    ------
    DataError
        The file is missing, something else (full covariances: Kaldi's ``fgmm-global-to-gmm`` converts them), cut
        short or damaged; or a weight, mean or variance makes no sense. The message names the field.

    Examples
    --------
    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/final.dubm"
    >>> write_kaldi_gmm(path, DiagonalGMM.from_parameters([0.5, 0.5], [[0.0], [1.0]], [[1.0], [0.25]]))
    >>> read_kaldi_gmm(path).covariances_
    array([[1.  ],
           [0.25]])
    """
    name = os.fspath(path)
    content = read_bytes(path, expected=_EXPECTED)
    fields = _read_fields(name, content)
    weights, scaled_means, precisions = (fields[field] for field in _FIELDS[1:])
    if weights.ndim != 1 or scaled_means.ndim != 2 or scaled_means.shape != precisions.shape:
        found = ", ".join(f"{field} {fields[field].shape}" for field in _FIELDS[1:])
        raise DataError(f"{name}: found shapes {found}, expected (K,), (K, D), (K, D)")
    bad = np.argwhere(~(np.isfinite(precisions) & (precisions > 0)))
    if len(bad):
        k, d = bad[0]
        raise DataError(f"{name}: INV_VARS: component {k}: found {precisions[k, d]}, expected a number above 0")
    try:
        gmm = DiagonalGMM.from_parameters(weights, scaled_means / precisions, 1 / precisions)
    except ModelError as error:
        raise DataError(f"{name}: {error}") from error
    if abs(weights.sum() - 1) < _WEIGHT_ROUNDING:
        gmm.weights_ = weights  # not divided by their sum, so that they can be written as they were
    return gmm


@checked
def write_kaldi_gmm(path: str | os.PathLike[str], gmm: DiagonalGMM, *, binary: bool = True) -> None:
    """Write a mixture as a DiagGmm of Kaldi, atomically.

    Parameters
    ----------
    path : path-like
    gmm : DiagonalGMM
        Rounded to float32.
    binary : bool
        Text if False, with as many digits as float32 needs.

    Raises
    ------
    DataError
        The file can't be written, or a number is beyond float32.

    Examples
    --------
    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/final.dubm"
    >>> write_kaldi_gmm(path, DiagonalGMM.from_parameters([1.0], [[0.0]], [[1.0]]), binary=False)
    >>> open(path).read().split()[0]
    '<DiagGMM>'
    """
    weights, means, variances = gmm.parameters()
    with np.errstate(over="ignore", divide="ignore"):
        constants = np.log(weights) - 0.5 * np.sum(np.log(2 * np.pi * variances) + means**2 / variances, axis=1)
        arrays = [array.astype("<f4") for array in (constants, weights, means / variances, 1 / variances)]
    for field, array in zip(_FIELDS[1:], arrays[1:], strict=True):
        if not all_finite(array) or (field == "INV_VARS" and not (array > 0).all()):
            raise DataError(f"{os.fspath(path)}: {field}: found numbers beyond float32, expected none")
    with atomic_path(path) as temporary:
        temporary.write_bytes(_binary(arrays) if binary else _text(arrays))


@checked
def read_gselect(path: str | os.PathLike[str]) -> dict[str, NDArray[np.int32]]:
    """Read which components were best for each frame, as Kaldi's ``gmm-gselect`` writes them in text.

    Parameters
    ----------
    path : path-like
        Lines of ``utterance 5 8 13 ; 5 13 8 ;``, a group for each frame, its best component first.

    Returns
    -------
    dict of str to ndarray, shape (T, C), int32

    Raises
    ------
    DataError
        The file is missing or malformed, or an utterance's frames have different numbers of components.

    Examples
    --------
    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/gselect"
    >>> write_gselect(path, {"u1": [[5, 8], [5, 13]]})
    >>> read_gselect(path)
    {'u1': array([[ 5,  8],
           [ 5, 13]], dtype=int32)}
    """
    selected = {}
    for utterance, line in read_map(path, rest_of_line=True).items():
        groups = [split_fields(group) for group in line.split(";")]
        if not line or groups.pop() or len({len(group) for group in groups}) > 1 or not groups[0]:
            expected = "as many components for every frame, and ; after each frame"
            raise DataError(f"{os.fspath(path)}: utterance {utterance}: found {line[:30]!r} ..., expected {expected}")
        try:
            found = np.array([[parse_whole(component) for component in group] for group in groups])
            if not ((found >= 0) & (found <= _MOST_COMPONENTS)).all():
                raise ValueError(f"found components {found.min()} to {found.max()}")
            selected[utterance] = found.astype(np.int32)
        except ValueError as error:
            expected = f"whole numbers from 0 to {_MOST_COMPONENTS}"
            raise DataError(f"{os.fspath(path)}: utterance {utterance}: {error}, expected {expected}") from error
    return selected


@checked
def write_gselect(path: str | os.PathLike[str], selected: Mapping[str, ArrayLike]) -> None:
    """Write the best components of each frame, atomically, as text that Kaldi reads as ``ark,t:``.

    Parameters
    ----------
    path : path-like
    selected : mapping of str to array_like, shape (T, C)
        Such as `DiagonalGMM.top_components` gives.

    Raises
    ------
    DataError
        An id has a blank, the components are not (T, C), or the file can't be written.

    Examples
    --------
    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/gselect"
    >>> write_gselect(path, {"u1": [[5, 8], [5, 13]]})
    >>> open(path).read()
    'u1 5 8 ; 5 13 ...\\n'
    """
    lines = []
    for utterance, components in selected.items():
        array = np.asarray(components)
        if not is_field(utterance) or array.ndim != 2 or not np.issubdtype(array.dtype, np.integer):
            found = f"{shown(repr(utterance))} with {array.dtype} of shape {array.shape}"
            raise DataError(f"{os.fspath(path)}: can't hold {found}, expected an id without blanks, integers (T, C)")
        lines.append(f"{utterance} " + " ".join(" ".join(map(str, frame)) + " ;" for frame in array.tolist()) + " ")
    write_lines(path, lines)


def _read_fields(name: str, content: bytes) -> dict[str, NDArray[np.float64]]:
    binary = content.startswith(_BINARY)
    begin, position = _token(name, content, 2 if binary else 0)
    if begin not in _BEGIN:
        hints = {"FullGMM": "full covariances; fgmm-global-to-gmm converts them", "TransitionModel": "acoustic model"}
        reason = next((f" ({hint})" for kind, hint in hints.items() if begin.startswith(kind)), "")
        raise DataError(f"{name}: found <{shown(begin)}>{reason}, expected {_EXPECTED}")
    fields: dict[str, NDArray[np.float64]] = {}
    while True:
        token, position = _token(name, content, position)
        if token in _END:
            break
        if token not in _FIELDS or token in fields:
            raise DataError(f"{name}: found <{shown(token)}>, expected one each of {', '.join(_FIELDS)}")
        try:
            fields[token], position = (_binary_array if binary else _text_array)(content, position)
        except ValueError as error:
            raise DataError(f"{name}: {token}: {error}") from error
    missing = [field for field in _FIELDS[1:] if field not in fields]  # GCONSTS came with later versions
    if missing:
        raise DataError(f"{name}: found no {missing[0]}, expected {_EXPECTED}")
    return fields


def _token(name: str, content: bytes, position: int) -> tuple[str, int]:
    found = _TOKEN.match(content, position)
    if found is None:
        rest = content[position : position + 20]
        raise DataError(f"{name}: found {rest!r} at byte {position}, expected <...> of {_EXPECTED} (is it cut short?)")
    return found[1].decode("ascii", "replace"), found.end()


def _binary_array(content: bytes, position: int) -> tuple[NDArray[np.float64], int]:
    kind = content[position : position + 3]
    if kind not in _TYPES:
        raise ValueError(f"found {kind!r}, expected a vector or matrix (FV, DV, FM or DM)")
    dtype, ndim = _TYPES[kind]
    position += 3
    shape = []
    for _ in range(ndim):
        marked = content[position : position + 5]
        if len(marked) < 5 or marked[0] != 4:
            raise ValueError(f"found {marked!r} for a size, expected an int32 (is the file cut short?)")
        shape.append(struct.unpack("<i", marked[1:])[0])
        position += 5
    count = int(np.prod(shape, dtype=object))
    size, there = count * np.dtype(dtype).itemsize, len(content) - position
    if min(shape) < 1 or size > there:
        other = _other_order(shape, np.dtype(dtype).itemsize, there)
        raise ValueError(f"found {counted(there, 'byte')} for shape {tuple(shape)}, expected {size} ({other})")
    array = np.frombuffer(content, dtype, count, position).reshape(shape).astype(np.float64)
    return array, position + size


def _other_order(shape: list[int], itemsize: int, there: int) -> str:
    """Guess what is wrong with sizes that don't fit into the bytes there are."""
    swapped = [int.from_bytes(size.to_bytes(4, "little", signed=True), "big", signed=True) for size in shape]
    fits = min(swapped) >= 1 and int(np.prod(swapped, dtype=object)) * itemsize <= there
    return "written in the other byte order?" if fits else "cut short?"


def _text_array(content: bytes, position: int) -> tuple[NDArray[np.float64], int]:
    found = re.compile(rb"\s*\[([^\]<]*)\]").match(content, position)
    if found is None:
        raise ValueError(f"found {content[position : position + 20]!r}, expected [ numbers ] (is the file cut short?)")
    return parse_matrix(found[1], np.float64), found.end()


def _binary(arrays: list[NDArray[np.float32]]) -> bytes:
    return b"".join([_BINARY, b"<DiagGMM> ", *_binary_fields(arrays), b"</DiagGMM> "])


def _binary_fields(arrays: list[NDArray[np.float32]]) -> Iterator[bytes]:
    for field, array in zip(_FIELDS, arrays, strict=True):
        yield f"<{field}> ".encode() + (b"FV " if array.ndim == 1 else b"FM ")
        yield b"".join(b"\4" + struct.pack("<i", size) for size in array.shape)
        yield array.tobytes()


def _text(arrays: list[NDArray[np.float32]]) -> bytes:
    lines = ["<DiagGMM> "]
    for field, array in zip(_FIELDS, arrays, strict=True):
        rows = [" ".join(map(str, row)) for row in np.atleast_2d(array)]
        lines += [f"<{field}>  [ {rows[0]} ]"] if array.ndim == 1 else [f"<{field}>  ["]
        if array.ndim == 2:
            lines += [*(f"  {row} " for row in rows[:-1]), f"  {rows[-1]} ]"]
    return ("\n".join([*lines, "</DiagGMM> "]) + "\n").encode()
