"""Kaldi's diagonal mixtures (``DiagGmm``) and lists of each frame's best components (gselect).

A DiagGmm holds ``<WEIGHTS>``, ``<MEANS_INVVARS>`` (means over variances) and ``<INV_VARS>`` in float32, and
``<GCONSTS>``, which follow from these and are written but not trusted. See https://kaldi-asr.org/doc/model.html.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import BinaryIO, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import checked
from gmmspeech.checks import all_finite
from gmmspeech.errors import DataError, ModelError, shown
from gmmspeech.files.table_places import Output
from gmmspeech.files.text import is_field, parse_whole, split_fields
from gmmspeech.formats.kaldi.ark import is_binary, text_line, write_archive
from gmmspeech.formats.kaldi.objects import BINARY, Reader, Writer, marked, read_marked
from gmmspeech.formats.kaldi.tables import read_objects
from gmmspeech.gmm.base import Mixture
from gmmspeech.gmm.mixture import DiagonalGMM

AnyMixture = TypeVar("AnyMixture", bound=Mixture)

_FIELDS = ("GCONSTS", "WEIGHTS", "MEANS_INVVARS", "INV_VARS")
_BEGIN, _END = ("DiagGMM", "DiagGMMBegin"), ("/DiagGMM", "DiagGMMEnd")
_MOST_COMPONENTS = 2**31 - 1  # Kaldi's int32
_EXPECTED = "a DiagGmm of Kaldi, in binary or text"
_WEIGHT_ROUNDING = 1e-5  # by how much thousands of float32 weights, or of 7 digits each, may miss a sum of 1


@checked
def read_kaldi_gmm(path: str | os.PathLike[str]) -> DiagonalGMM:
    """Read a DiagGmm such as ``final.dubm``, binary or text, of any version of Kaldi.

    Writing it back by `write_kaldi_gmm` gives the same bytes.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    DiagonalGMM

    Raises
    ------
    DataError
        The file is missing, of another kind (full covariances: Kaldi's ``fgmm-global-to-gmm`` converts them), truncated
        or damaged; or a weight, mean or variance is invalid. The message names the field.

    Examples
    --------
    >>> import tempfile, gmmspeech as gs
    >>> path = tempfile.mkdtemp() + "/final.dubm"
    >>> gs.formats.write_kaldi_gmm(path, gs.DiagonalGMM.from_parameters([0.5, 0.5], [[0.0], [1.0]], [[1.0], [0.25]]))
    >>> gs.formats.read_kaldi_gmm(path).covariances_
    array([[1.  ],
           [0.25]])
    """
    reader = Reader(path, _EXPECTED)
    weights, means, variances = read_components(reader)
    try:
        gmm = DiagonalGMM.from_parameters(weights, means, variances)
    except ModelError as error:
        raise reader.error(str(error)) from error
    return with_weights_kept(gmm, weights)


@checked
def write_kaldi_gmm(path: str | os.PathLike[str], gmm: DiagonalGMM, *, binary: bool = True) -> None:
    """Write a mixture as a Kaldi DiagGmm, atomically.

    Parameters
    ----------
    path : path-like
    gmm : DiagonalGMM
        Rounded to float32.
    binary : bool
        If False, write text, with as many digits as float32 needs.

    Raises
    ------
    DataError
        The file can't be written, or a number exceeds float32.

    Examples
    --------
    >>> import tempfile, gmmspeech as gs
    >>> path = tempfile.mkdtemp() + "/final.dubm"
    >>> gs.formats.write_kaldi_gmm(path, gs.DiagonalGMM.from_parameters([1.0], [[0.0]], [[1.0]]), binary=False)
    >>> open(path).read().split()[0]
    '<DiagGMM>'
    """
    writer = Writer(binary=binary)
    write_mixture(writer, os.fspath(path), *gmm.parameters())
    writer.save(path)


@checked
def read_gselect(path: str | os.PathLike[str]) -> dict[str, NDArray[np.int32]]:
    """Read the best components of each frame, as written by Kaldi's ``gmm-gselect``, binary or text.

    Parameters
    ----------
    path : path-like
        An archive, or ``ark:PATH``, or ``scp:PATH`` for its script file, as for `read_kaldi_alignments`. In text, lines
        of ``utterance 5 8 13 ; 5 13 8 ;`` have a group for each frame, with the best component first.

    Returns
    -------
    dict of str to ndarray, shape (T, C), int32

    Raises
    ------
    DataError
        The file is missing or malformed, or an utterance's frames have different numbers of components.

    Examples
    --------
    >>> import tempfile, gmmspeech as gs
    >>> path = tempfile.mkdtemp() + "/gselect"
    >>> gs.formats.write_gselect(path, {"u1": [[5, 8], [5, 13]]})
    >>> gs.formats.read_gselect(path)
    {'u1': array([[ 5,  8],
           [ 5, 13]], dtype=int32)}
    """
    return read_objects(os.fspath(path), _components, "an archive of components")


def _components(archive: BinaryIO) -> NDArray[np.int32]:
    """Components of the frames of an utterance; ValueError for what is none."""
    found = _binary_components(archive) if is_binary(archive) else _text_components(text_line(archive).strip())
    if not ((found >= 0) & (found <= _MOST_COMPONENTS)).all():
        expected = f"whole numbers from 0 to {_MOST_COMPONENTS}"
        raise ValueError(f"found components {found.min()} to {found.max()}, expected {expected}")
    return found.astype(np.int32)


def _text_components(line: str) -> NDArray:
    groups = [split_fields(group) for group in line.split(";")]
    if not line or groups.pop() or len({len(group) for group in groups}) > 1 or not groups[0]:
        expected = "as many components for every frame, and ; after each frame"
        raise ValueError(f"found {line[:30]!r} ..., expected {expected}")
    return np.array([[parse_whole(component) for component in group] for group in groups])


def _binary_components(archive: BinaryIO) -> NDArray:
    """Components of an utterance: the number of frames, and of each that of its components, and these."""
    rows = int(read_marked(archive, 1)[0])
    begin = archive.tell()
    columns = int(read_marked(archive, 1)[0])
    if rows < 1 or columns < 1:
        raise ValueError("found no numbers of frames and components")
    archive.seek(begin)
    numbers = read_marked(archive, rows * (columns + 1)).reshape(rows, columns + 1)
    if (numbers[:, 0] != columns).any():
        raise ValueError("found frames of different numbers of components")
    return numbers[:, 1:]


@checked
def write_gselect(
    path: str | os.PathLike[str],
    selected: Mapping[str, ArrayLike],
    *,
    scp: str | os.PathLike[str] | None = None,
    binary: bool = False,
) -> None:
    """Write the best components of each frame atomically, in the format of Kaldi's ``gmm-gselect``.

    Parameters
    ----------
    path : path-like
    selected : mapping of str to array_like, shape (T, C)
        For example from `DiagonalGMM.top_components`.
    scp : path-like, optional
        Script file of the archive.
    binary : bool
        Write binary, as Kaldi's ``ark:``; if False, text, as ``ark,t:``.

    Raises
    ------
    DataError
        An id has a blank, the components are not (T, C), there are no utterances, or the file can't be written.

    Examples
    --------
    >>> import tempfile, gmmspeech as gs
    >>> path = tempfile.mkdtemp() + "/gselect"
    >>> gs.formats.write_gselect(path, {"u1": [[5, 8], [5, 13]]})
    >>> open(path).read()
    'u1 5 8 ; 5 13 ...\\n'
    """
    name = os.fspath(path)
    rows = ((utterance, _gselect_row(name, utterance, given, binary)) for utterance, given in selected.items())
    write_archive(Output("ark", name, None if scp is None else os.fspath(scp), not binary), rows)


def _gselect_row(path: str, utterance: str, given: ArrayLike, binary: bool) -> bytes:
    """Components of an utterance as an archive has them behind its id."""
    array = np.asarray(given)
    if not is_field(utterance) or array.ndim != 2 or not np.issubdtype(array.dtype, np.integer):
        found = f"{shown(repr(utterance))} with {array.dtype} of shape {array.shape}"
        raise DataError(f"{path}: can't hold {found}, expected an id without blanks, integers (T, C)")
    if not binary:
        return (" ".join(" ".join(map(str, frame)) + " ;" for frame in array.tolist()) + " \n").encode()
    return BINARY + marked(len(array)) + marked(np.insert(array.astype(np.int64), 0, array.shape[1], axis=1))


def with_weights_kept(gmm: AnyMixture, weights: NDArray[np.float64]) -> AnyMixture:
    """Give a mixture weights that are not divided by their sum, so that they can be written as they were."""
    if abs(weights.sum() - 1) < _WEIGHT_ROUNDING:
        gmm.weights_ = weights
    return gmm


def read_components(reader: Reader) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Read weights, means and variances of the DiagGmm that comes next in a file."""
    name, fields = reader.name, _read_fields(reader)
    weights, scaled_means, precisions = (fields[field] for field in _FIELDS[1:])
    if scaled_means.shape != precisions.shape or scaled_means.ndim != 2 or weights.shape != scaled_means.shape[:1]:
        found = ", ".join(f"{field} {fields[field].shape}" for field in _FIELDS[1:])
        raise DataError(f"{name}: found shapes {found}, expected (K,), (K, D), (K, D)")
    bad = np.argwhere(~(np.isfinite(precisions) & (precisions > 0)))
    if len(bad):
        k, d = bad[0]
        raise DataError(f"{name}: INV_VARS: component {k}: found {precisions[k, d]}, expected a number above 0")
    return weights, scaled_means / precisions, 1 / precisions


def write_mixture(
    writer: Writer,
    name: str,
    weights: NDArray[np.float64],
    means: NDArray[np.float64],
    variances: NDArray[np.float64],
) -> None:
    """Add a DiagGmm to a file of that name."""
    with np.errstate(over="ignore", divide="ignore"):
        arrays = [array.astype(np.float32) for array in (weights, means / variances, 1 / variances)]
    for field, array in zip(_FIELDS[1:], arrays, strict=True):
        if not all_finite(array) or (field == "INV_VARS" and not (array > 0).all()):
            raise DataError(f"{name}: {field}: found numbers beyond float32, expected none")
    writer.token("<DiagGMM>", end="\n")
    for field, array in zip(_FIELDS, [_constants(*arrays), *arrays], strict=True):
        writer.token(f"<{field}>")
        writer.array(array)
    writer.token("</DiagGMM>", end="\n")


def _constants(
    weights: NDArray[np.float32], scaled: NDArray[np.float32], precisions: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Constants of a DiagGmm, rounded after every dimension as Kaldi does, so that they are the same numbers."""
    with np.errstate(divide="ignore"):
        logs = [np.log(array.astype(np.float64)).astype(np.float32) for array in (weights, precisions)]
    found = logs[0] + np.float32(-0.5 * np.log(2 * np.pi) * precisions.shape[1])
    squares = scaled.astype(np.float64) ** 2 / precisions
    for term in (0.5 * logs[1].astype(np.float64) - 0.5 * squares).T:
        found = (found + term).astype(np.float32)
    return found


def _read_fields(reader: Reader) -> dict[str, NDArray[np.float64]]:
    name, begin = reader.name, reader.angles()
    if begin not in _BEGIN:
        hints = {"FullGMM": "full covariances; fgmm-global-to-gmm converts them", "TransitionModel": "acoustic model"}
        reason = next((f" ({hint})" for kind, hint in hints.items() if begin.startswith(kind)), "")
        raise DataError(f"{name}: found <{shown(begin)}>{reason}, expected {_EXPECTED}")
    fields: dict[str, NDArray[np.float64]] = {}
    while (token := reader.angles()) not in _END:
        if token not in _FIELDS or token in fields:
            raise DataError(f"{name}: found <{shown(token)}>, expected one each of {', '.join(_FIELDS)}")
        try:
            fields[token] = reader.array()
        except ValueError as error:
            raise DataError(f"{name}: {token}: {error}") from error
    missing = [field for field in _FIELDS[1:] if field not in fields]  # GCONSTS came with later versions
    if missing:
        raise DataError(f"{name}: found no {missing[0]}, expected {_EXPECTED}")
    return fields
