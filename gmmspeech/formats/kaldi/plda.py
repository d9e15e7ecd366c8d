"""Kaldi PLDA (``plda``), the steps before it (``mean.vec``, ``transform.mat``), and archives of vectors.

Kaldi keeps the transform A and the variances ψ with A W Aᵀ = I and A B Aᵀ = diag(ψ), for the covariances W within
speakers and B between speakers.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import checked
from gmmspeech.checks import all_finite, real_array
from gmmspeech.errors import DataError, GmmSpeechWarning, ModelError, counted, one_line, shown
from gmmspeech.files.table_places import Output
from gmmspeech.files.text import is_field
from gmmspeech.formats.kaldi.objects import Reader, Writer, read_array_file, write_array_file
from gmmspeech.formats.kaldi.tables import read_table, write_table
from gmmspeech.speaker.backend import BackEnd
from gmmspeech.speaker.plda import PLDA
from gmmspeech.speaker.transforms import AffineTransform

_EXPECTED = "PLDA of Kaldi"
_BEGIN = "<Plda>"
_MEAN, _TRANSFORM = "mean.vec", "transform.mat"


@checked
def read_kaldi_plda(path: str | os.PathLike[str]) -> PLDA:
    """Read a Kaldi PLDA model, binary or text.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    PLDA

    Raises
    ------
    DataError
        The file is missing, truncated, of another kind, or has invalid numbers.

    Examples
    --------
    >>> import tempfile, numpy as np, gmmspeech as gs
    >>> path = tempfile.mkdtemp() + "/plda"
    >>> gs.formats.write_kaldi_plda(path, gs.speaker.PLDA(np.zeros(2), np.eye(2), np.eye(2)))
    >>> gs.formats.read_kaldi_plda(path).between
    array([[1., 0.],
           [0., 1.]])
    """
    reader = Reader(path, _EXPECTED)
    reader.expect(_BEGIN)
    mean, transform = reader.named_array("mean", 1), reader.named_array("transform", 2)
    psi = reader.named_array("psi", 1)
    reader.expect("</Plda>")
    reader.end()
    dim = len(mean)
    if transform.shape != (dim, dim) or psi.shape != (dim,) or not (psi >= 0).all():
        shapes = f"{mean.shape}, {transform.shape}, {psi.shape}"
        raise reader.error(
            f"found mean, transform, psi of shapes {shapes}, expected (R,), (R, R), (R,), psi of 0 or more"
        )
    try:
        inverse = np.linalg.inv(transform).astype(np.float64)
        factors: NDArray[np.float64] = inverse * np.sqrt(psi)
        return PLDA(mean, factors, inverse @ inverse.T)
    except (np.linalg.LinAlgError, ModelError) as error:
        raise reader.error(f"transform: {one_line(error)}, expected one with an inverse") from error


@checked
def write_kaldi_plda(path: str | os.PathLike[str], plda: PLDA, *, binary: bool = True) -> None:
    """Write a PLDA model for Kaldi, atomically, in float64.

    Parameters
    ----------
    path : path-like
    plda : PLDA
    binary : bool
        Write text if False.

    Raises
    ------
    DataError
        The file can't be written.

    Examples
    --------
    >>> import tempfile, numpy as np, gmmspeech as gs
    >>> path = tempfile.mkdtemp() + "/plda"
    >>> gs.formats.write_kaldi_plda(path, gs.speaker.PLDA(np.zeros(1), np.eye(1), np.eye(1)), binary=False)
    >>> open(path).read().split()
    ['<Plda>', '[', '0.0', ']', '[', '1.0', ']', '[', '1.0', ']', '</Plda>']
    """
    transform, psi = (array[::-1] for array in plda.diagonal)  # what tells most first
    signs = np.ones((len(psi), 1))
    signs[: plda.factors.shape[1], 0][np.diagonal(transform @ plda.factors) < 0] = -1  # as those of Kaldi's factors
    writer = Writer(binary=binary)
    writer.token(_BEGIN)
    for array in (plda.mean, signs * transform, psi):
        writer.array(np.asarray(array, np.float64))
    writer.token("</Plda>")
    writer.save(path)


def read_kaldi_backend(path: str | os.PathLike[str]) -> BackEnd:
    """Read PLDA of Kaldi's with ``mean.vec`` and ``transform.mat`` beside it, where they are; without
    ``mean.vec`` a warning says that i-vectors are taken as they are.

    Vectors are centered, transformed, and brought to the length √R, as Kaldi's recipes have it.
    """
    plda, folder = read_kaldi_plda(path), Path(path).parent
    matrix, dim = np.eye(len(plda.mean)), len(plda.mean)
    if (folder / _TRANSFORM).exists():
        matrix = read_array_file(folder / _TRANSFORM, "a matrix")
    mean = np.zeros(matrix.shape[-1])
    if (folder / _MEAN).exists():
        mean = read_array_file(folder / _MEAN, "a vector")
    else:
        found = f"found no {_MEAN} beside it, with the mean of i-vectors"
        warnings.warn(f"{os.fspath(path)}: {found}: they are taken as they are", GmmSpeechWarning)
    if matrix.ndim == 2 and mean.ndim == 1 and matrix.shape[1] == len(mean) + 1:  # the last column is added
        offset, matrix = matrix[:, -1], matrix[:, :-1]
        mean = mean - np.linalg.pinv(matrix) @ offset
    if matrix.ndim != 2 or matrix.shape != (dim, *mean.shape):
        found = f"{_TRANSFORM} of shape {matrix.shape} and {_MEAN} of {mean.shape} beside it"
        raise DataError(f"{os.fspath(path)}: found {found}, expected {dim} rows, and columns as the mean has")
    scale = AffineTransform(np.zeros(dim), np.sqrt(dim) * np.eye(dim))
    return BackEnd((AffineTransform(mean, matrix, unit_length=True), scale), plda)


def write_kaldi_backend(path: str | os.PathLike[str], backend: BackEnd, *, binary: bool = True) -> None:
    """Write a back end as PLDA of Kaldi's, with ``mean.vec`` and ``transform.mat`` beside it.

    Vectors must be brought to one length last, before PLDA, or never be: Kaldi's have the length √R there.
    """
    name, folder, plda = os.fspath(path), Path(path).parent, backend.plda
    if plda is None:
        raise DataError(f"{name}: found a back end without PLDA, expected one with it")
    lengths = [i for i, transform in enumerate(backend.transforms) if transform.unit_length]
    if len(lengths) != 1:
        found = f"{counted(len(lengths), 'step')} to length 1"
        raise DataError(f"{name}: found {found}, expected one, behind all others, as Kaldi has it")
    matrix, moved = _composed(backend.transforms[: lengths[0] + 1])
    size = 1.0
    for transform in backend.transforms[lengths[0] + 1 :]:
        factor = float(transform.matrix[0, 0])
        if transform.mean.any() or not factor > 0 or not np.allclose(transform.matrix, factor * np.eye(len(matrix))):
            raise DataError(
                f"{name}: found a transform behind the one to length 1, expected that last, as Kaldi has it"
            )
        size *= factor
    factor = np.sqrt(len(matrix)) / size  # from the length that vectors have here to that which they have there
    mean = -np.linalg.pinv(matrix) @ moved
    for place, array in ((_MEAN, mean), (_TRANSFORM, matrix)):
        write_array_file(folder / place, array, binary=binary)
    write_kaldi_plda(path, PLDA(factor * plda.mean, factor * plda.factors, factor**2 * plda.within), binary=binary)


def _composed(transforms: Sequence[AffineTransform]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Matrix A and offset b of A x + b, of transforms one after the other."""
    matrix = np.eye(len(transforms[0].mean))
    offset = np.zeros(len(matrix))
    for transform in transforms:
        matrix, offset = transform.matrix @ matrix, transform.matrix @ (offset - transform.mean)
    return matrix, offset


@checked
def read_kaldi_vectors(path: str | os.PathLike[str], *, same_dim: bool = True) -> dict[str, NDArray[np.float64]]:
    """Read an archive of vectors, binary or text, or a script file of one: ``ivector.scp``.

    Parameters
    ----------
    path : path-like
        ``scp:PATH``, or ``ark:PATH`` or plain ``PATH`` for an archive; with options, compressed, or ``ark:-``, as for
        `FeatureStore`.
    same_dim : bool
        Whether all vectors must have the same dimension; voice activity decisions have one number per frame.

    Returns
    -------
    dict of str to ndarray, shape (R,), float64

    Raises
    ------
    DataError
        A file that is missing, truncated or of another kind; vectors of different dimensions, or not finite.

    Examples
    --------
    >>> import tempfile, gmmspeech as gs
    >>> path = tempfile.mkdtemp() + "/ivector"
    >>> gs.formats.write_kaldi_vectors(path + ".ark", {"u1": [0.5, 1.0]}, scp=path + ".scp")
    >>> gs.formats.read_kaldi_vectors(f"scp:{path}.scp")
    {'u1': array([0.5, 1. ])}
    """
    found: dict[str, NDArray[np.float64]] = {}
    name = os.fspath(path)
    for utterance, array in read_table(name):
        vector = np.asarray(array, np.float64)
        if vector.ndim != 1 or not vector.size or not all_finite(vector):
            what = f"shape {vector.shape}" if vector.ndim != 1 or not vector.size else "numbers that are not finite"
            raise DataError(f"{name}: utterance {shown(utterance)}: found {what}, expected a finite vector")
        first = next(iter(found.values()), vector)
        if len(vector) != len(first) and same_dim:
            size = counted(len(vector), "dimension")
            raise DataError(f"{name}: utterance {shown(utterance)}: found {size}, expected {len(first)} as others have")
        found[utterance] = vector
    return found


@checked
def write_kaldi_vectors(
    path: str | os.PathLike[str],
    vectors: Mapping[str, ArrayLike],
    *,
    scp: str | os.PathLike[str] | None = None,
    text: bool = False,
) -> None:
    """Write an archive of vectors for Kaldi, and optionally its script file, atomically, in float32.

    Parameters
    ----------
    path : path-like
    vectors : mapping of str to array_like, shape (R,)
    scp : path-like, optional
        The script file; it refers to the archive by `path` as given.
    text : bool
        Write text instead of binary.

    Raises
    ------
    DataError
        An id with a blank, an entry that is not a vector or not finite in float32; a file that can't be written.

    Examples
    --------
    >>> import tempfile, gmmspeech as gs
    >>> path = tempfile.mkdtemp() + "/ivector.ark"
    >>> gs.formats.write_kaldi_vectors(path, {"u1": [0.5, 1.0]}, text=True)
    >>> open(path).read().split()
    ['u1', '[', '0.5', '1', ']']
    """
    name = os.fspath(path)

    def checked_vectors() -> Iterator[tuple[str, NDArray[np.float32]]]:
        for utterance, given in vectors.items():
            with np.errstate(over="ignore"):
                vector = real_array(given, f"utterance {shown(utterance)}", DataError).astype(np.float32)
            if not is_field(utterance) or vector.ndim != 1 or not vector.size or not all_finite(vector):
                found = f"{shown(repr(utterance))} with shape {vector.shape}"
                raise DataError(f"{name}: can't hold {found}, expected an id without blanks, a finite vector (R,)")
            yield utterance, vector

    write_table(Output("ark", name, None if scp is None else os.fspath(scp), text), checked_vectors())
