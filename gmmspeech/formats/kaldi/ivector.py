"""Kaldi i-vector extractors (``final.ie``), and posteriors of frames.

Kaldi's i-vectors w have a prior with mean (o, 0, 0, ...), with offset o, and the means of the mixture are M_k w. After
subtracting the offset, as Kaldi's programs also do, w has a standard normal prior, and the means are o times the
first column of M_k, plus M_k w.
"""

from __future__ import annotations

import os
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from gmmspeech.arguments import checked
from gmmspeech.checks import all_finite, as_matrix, check_at_least, finite
from gmmspeech.errors import DataError, ModelError, counted, one_line, shown
from gmmspeech.formats.kaldi.ark import is_binary, read_exactly, text_line
from gmmspeech.formats.kaldi.objects import Reader, Writer, read_marked
from gmmspeech.formats.kaldi.tables import read_objects
from gmmspeech.gmm.stats import GMMStats
from gmmspeech.speaker.ivector import IVectorExtractor

_EXTRACTOR = "an i-vector extractor of Kaldi (final.ie)"
_OFFSET = 1e4  # of an extractor whose means are no column of its matrix: their column varies by so little
_SAME = 1e-9  # relative difference of means from their column


@checked
def read_kaldi_extractor(path: str | os.PathLike[str]) -> IVectorExtractor:
    """Read a Kaldi i-vector extractor, binary or text.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    IVectorExtractor
        With full covariances; its i-vectors are those of ``ivector-extract``, with the offset subtracted.

    Raises
    ------
    DataError
        The file is missing, truncated, of another kind, or has invalid numbers; weights that depend on the i-vector.

    Examples
    --------
    >>> import tempfile, numpy as np, gmmspeech as gs
    >>> path = tempfile.mkdtemp() + "/final.ie"
    >>> extractor = gs.speaker.IVectorExtractor(np.ones(1), np.ones((1, 2)), np.ones((1, 2)), np.ones((1, 2, 1)))
    >>> gs.formats.write_kaldi_extractor(path, extractor)
    >>> gs.formats.read_kaldi_extractor(path).rank
    1
    """
    reader = Reader(path, _EXTRACTOR)
    reader.expect("<IvectorExtractor>")
    reader.expect("<w>")
    if reader.named_array("w", 2, empty=True).size:
        raise reader.error("found weights that depend on the i-vector, expected those of the background model")
    reader.expect("<w_vec>")
    weights = reader.named_array("w_vec", 1)
    reader.expect("<M>")
    count = reader.integer()
    if count != len(weights) or not count:
        raise reader.error(
            f"found {counted(count, 'component')} with {counted(len(weights), 'weight')}, expected as many"
        )
    matrices = [reader.named_array(f"M of component {k}", 2) for k in range(count)]
    reader.expect("<SigmaInv>")
    precisions = [reader.symmetric(f"SigmaInv of component {k}") for k in range(count)]
    reader.expect("<IvectorOffset>")
    offset = reader.real()
    reader.expect("</IvectorExtractor>")
    reader.end()
    dim = len(precisions[0])
    if len({matrix.shape for matrix in matrices} | {(dim, matrices[0].shape[1])}) > 1:
        raise reader.error(f"found matrices of different shapes, expected ({dim}, R) for each component")
    if {len(precision) for precision in precisions} != {dim} or not np.isfinite(offset):
        raise reader.error(
            f"found covariances of different sizes, or offset {offset}, expected {dim} for each component"
        )
    matrix, precision = np.stack(matrices), np.stack(precisions)
    try:
        root: NDArray[np.float64] = np.linalg.cholesky(precision).transpose(0, 2, 1).astype(np.float64)
        variances = np.diagonal(np.linalg.inv(precision), axis1=1, axis2=2)
        total = weights.sum()
        weights = weights if abs(total - 1) < 1e-5 else weights / total
        return IVectorExtractor(weights, offset * matrix[:, :, 0], variances.copy(), matrix, whitening=root)
    except (np.linalg.LinAlgError, ModelError) as error:
        raise reader.error(f"SigmaInv: {one_line(error)}, expected covariances, and weights that sum to 1") from error


@checked
def write_kaldi_extractor(path: str | os.PathLike[str], extractor: IVectorExtractor, *, binary: bool = True) -> None:
    """Write an i-vector extractor for Kaldi, atomically, in float64.

    If the means are not a multiple of a column of the matrix, as for extractors trained here, they become an additional
    first column. Kaldi's i-vectors then have a first dimension of about 0 (within some 1e-4), followed by the
    dimensions of the i-vectors here.

    Parameters
    ----------
    path : path-like
    extractor : IVectorExtractor
    binary : bool
        Write text if False.

    Raises
    ------
    DataError
        The file can't be written.

    Examples
    --------
    >>> from gmmspeech.formats import read_kaldi_extractor, write_kaldi_extractor
    >>> from gmmspeech.speaker import IVectorExtractor
    >>> import tempfile, numpy as np
    >>> path = tempfile.mkdtemp() + "/final.ie"
    >>> write_kaldi_extractor(path, IVectorExtractor(np.ones(1), np.eye(2)[:1], np.ones((1, 2)), np.ones((1, 2, 1))))
    >>> read_kaldi_extractor(path).rank
    2
    """
    matrix, offset = _with_means(extractor)
    if extractor.whitening is None:
        precisions = np.stack([np.diag(1 / variances) for variances in extractor.variances])
    else:
        precisions = extractor.whitening.transpose(0, 2, 1) @ extractor.whitening
    writer = Writer(binary=binary)
    writer.token("<IvectorExtractor>", "<w>")
    writer.parts.append(b"DM \4\0\0\0\0\4\0\0\0\0" if binary else b" [ ]\n")
    writer.token("<w_vec>")
    writer.array(extractor.weights)
    writer.token("<M>")
    writer.integer(len(matrix))
    for each in matrix:
        writer.array(each)
    writer.token("<SigmaInv>")
    for each in precisions:
        writer.symmetric(each)
    writer.token("<IvectorOffset>")
    writer.real(offset, double=True)
    writer.token("</IvectorExtractor>")
    writer.save(path)


def _with_means(extractor: IVectorExtractor) -> tuple[NDArray[np.float64], float]:
    """Matrix whose first column, times an offset, is the means."""
    first, means = extractor.matrix[:, :, 0], extractor.means
    square = float((first * first).sum())
    offset = float((first * means).sum()) / square if square > 0 else 0.0
    if np.abs(means - offset * first).max() <= _SAME * np.abs(means).max(initial=0):
        return extractor.matrix, offset
    return np.concatenate([means[:, :, None] / _OFFSET, extractor.matrix], axis=2), _OFFSET


@checked
def read_kaldi_posteriors(path: str | os.PathLike[str]) -> dict[str, list[list[tuple[int, float]]]]:
    """Read posteriors of frames, as written by ``gmm-global-get-post``, from a binary or text archive.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    dict of str to list of list of (int, float)
        For each utterance and frame, the components and their posteriors; `stats_of_posteriors` sums them.

    Raises
    ------
    DataError
        The file is missing, truncated, of another kind, or has an utterance twice.

    Examples
    --------
    >>> import tempfile, gmmspeech as gs
    >>> path = tempfile.mkdtemp() + "/post"
    >>> with open(path, "w") as file:
    ...     _ = file.write("u1 [ 3 0.75 1 0.25 ] [ 3 1 ] \\n")
    >>> gs.formats.read_kaldi_posteriors(path)
    {'u1': [[(3, 0.75), (1, 0.25)], [(3, 1.0)]]}
    """
    return read_objects(os.fspath(path), _posteriors, "an archive of Kaldi's posteriors")


def _posteriors(archive: BinaryIO) -> list[list[tuple[int, float]]]:
    if not is_binary(archive):
        return _text_posteriors(text_line(archive))
    (frames,) = read_marked(archive, 1).tolist()
    if frames < 0:
        raise ValueError(f"found {frames} frames, expected 0 or more")
    return [_pairs(archive, *read_marked(archive, 1).tolist()) for _ in range(frames)]


def _pairs(archive: BinaryIO, count: int) -> list[tuple[int, float]]:
    pairs = np.frombuffer(
        read_exactly(archive, 10 * count), [("a", "u1"), ("component", "<i4"), ("b", "u1"), ("weight", "<f4")]
    )
    if (pairs["a"] != 4).any() or (pairs["b"] != 4).any() or not np.isfinite(pairs["weight"]).all():
        raise ValueError("found bytes that are no pairs of a component and its posterior")
    return list(zip(pairs["component"].tolist(), pairs["weight"].astype(float).tolist(), strict=True))


def _text_posteriors(line: str) -> list[list[tuple[int, float]]]:
    frames = [frame.replace("[", " ").split() for frame in line.strip().split("]")]
    if frames.pop() or line.count("[") != line.count("]") or any(len(frame) % 2 for frame in frames):
        raise ValueError(f"found {shown(repr(line[:30]))}, expected [ component posterior ... ] for each frame")
    return [[(int(k), float(p)) for k, p in zip(frame[::2], frame[1::2], strict=True)] for frame in frames]


@checked
def stats_of_posteriors(frames: NDArray, posteriors: list[list[tuple[int, float]]], num_components: int) -> GMMStats:
    """Sum the statistics of an utterance (counts, and sums of frames) with given posteriors.

    Parameters
    ----------
    frames : ndarray, shape (T, D)
    posteriors : list of list of (int, float)
        From `read_kaldi_posteriors`.
    num_components : int

    Returns
    -------
    GMMStats
        Includes sums of squares, but no log-likelihood.

    Raises
    ------
    DataError
        Posteriors of another number of frames, or of a component that does not exist.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> gs.formats.stats_of_posteriors(np.ones((2, 1)), [[(0, 0.75), (1, 0.25)], [(1, 1.0)]], 2).n
    array([0.75, 1.25])
    """
    check_at_least(1, num_components=num_components)
    x = finite(as_matrix(frames)).astype(np.float64)
    try:
        pairs = [(t, *pair) for t, row in enumerate(posteriors) for pair in row]
        table = np.array(pairs, dtype=np.float64).reshape(-1, 3)
        count = len(posteriors)
    except (TypeError, ValueError) as error:
        raise DataError(f"posteriors: {one_line(error)}, expected pairs of a component and its posterior") from None
    if len(x) != count:
        raise DataError(f"posteriors: found {counted(count, 'frame')}, expected {len(x)} as the features have")
    time, component = table[:, 0].astype(np.intp), table[:, 1]
    wrong = component[~((component >= 0) & (component < num_components) & (component == np.trunc(component)))]
    if len(wrong) or not all_finite(table):
        found = f"component {wrong[0]:g}" if len(wrong) else "posteriors that are not finite"
        raise DataError(f"posteriors: found {found}, expected 0 to {num_components - 1}")
    weights = np.zeros((len(x), num_components))
    np.add.at(weights, (time, component.astype(np.intp)), table[:, 2])
    return GMMStats(weights.sum(axis=0), weights.T @ x, weights.T @ x**2, 0.0, len(x))
