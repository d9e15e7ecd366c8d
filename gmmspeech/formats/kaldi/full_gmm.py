"""Kaldi mixtures with full covariances (``FullGmm``, such as ``final.ubm``), in binary and text.

A FullGmm holds ``<WEIGHTS>``, ``<MEANS_INVCOVARS>`` (precisions times means) and ``<INV_COVARS>``, the lower half of
each precision, in float32, and ``<GCONSTS>``, which follow from these and are written but not trusted.
"""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

from gmmspeech.arguments import checked
from gmmspeech.checks import all_finite
from gmmspeech.errors import DataError, ModelError, shown
from gmmspeech.formats.kaldi.models import with_weights_kept
from gmmspeech.formats.kaldi.objects import Reader, Writer
from gmmspeech.gmm.covariance_types import as_kind, expanded
from gmmspeech.gmm.full import GMM

_EXPECTED = "a FullGmm of Kaldi (final.ubm)"


@checked
def read_kaldi_full_gmm(path: str | os.PathLike[str]) -> GMM:
    """Read a Kaldi mixture with full covariances, ``final.ubm``, binary or text.

    Writing it back by `write_kaldi_full_gmm` gives the same bytes, except for the last digit of its constants.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    GMM

    Raises
    ------
    DataError
        The file is missing, truncated, of another kind, or has invalid numbers.

    Examples
    --------
    >>> import tempfile, gmmspeech as gs
    >>> path = tempfile.mkdtemp() + "/final.ubm"
    >>> gs.formats.write_kaldi_full_gmm(path, gs.GMM.from_parameters([1.0], [[0.0, 0.0]], [[[1.0, 0.5], [0.5, 1.0]]]))
    >>> gs.formats.read_kaldi_full_gmm(path).covariances_.round(6)
    array([[[1. , 0.5],
            [0.5, 1. ]]])
    """
    reader = Reader(path, _EXPECTED)
    begin = reader.angles()
    if begin not in ("FullGMM", "FullGMMBegin"):
        raise reader.error(f"found <{shown(begin)}>, expected {_EXPECTED}")
    if reader.comes("<GCONSTS>"):
        reader.expect("<GCONSTS>")
        reader.named_array("GCONSTS", 1)
    reader.expect("<WEIGHTS>")
    weights = reader.named_array("WEIGHTS", 1)
    reader.expect("<MEANS_INVCOVARS>")
    scaled = reader.named_array("MEANS_INVCOVARS", 2)
    reader.expect("<INV_COVARS>")
    halves = [reader.symmetric(f"INV_COVARS of component {k}") for k in range(len(weights))]
    if reader.angles() not in ("/FullGMM", "FullGMMEnd"):
        raise reader.error(f"found no </FullGMM>, expected {_EXPECTED}")
    reader.end()
    shapes = {half.shape for half in halves} | {(scaled.shape[1], scaled.shape[1])}
    if len(scaled) != len(weights) or len(shapes) > 1 or not (weights >= 0).all() or abs(weights.sum() - 1) > 1e-3:
        raise reader.error(
            f"found {weights.shape} weights that sum to {weights.sum():.6g}, expected 1, and shapes that fit"
        )
    try:
        np.linalg.cholesky(np.stack(halves))
    except np.linalg.LinAlgError as error:
        raise reader.error("INV_COVARS: found a matrix that is not positive definite, expected covariances") from error
    covariances = _inverse(np.stack(halves))
    means = np.einsum("kde,ke->kd", covariances, scaled)
    try:
        gmm = GMM.from_parameters(weights / weights.sum(), means, covariances)
    except ModelError as error:
        raise reader.error(str(error)) from error
    return with_weights_kept(gmm, weights)


@checked
def write_kaldi_full_gmm(path: str | os.PathLike[str], gmm: GMM, *, binary: bool = True) -> None:
    """Write a mixture as a Kaldi FullGmm, atomically.

    Parameters
    ----------
    path : path-like
    gmm : GMM
        Covariances of any type are written as full ones, one per component, rounded to float32.
    binary : bool
        If False, write text, with as many digits as float32 needs.

    Raises
    ------
    DataError
        The file can't be written, or a number exceeds float32.

    Examples
    --------
    >>> import tempfile, gmmspeech as gs
    >>> path = tempfile.mkdtemp() + "/final.ubm"
    >>> gs.formats.write_kaldi_full_gmm(path, gs.GMM.from_parameters([1.0], [[0.5]], [[[0.25]]]), binary=False)
    >>> open(path).read().split()[-9:]
    ['<MEANS_INVCOVARS>', '[', '2.0', ']', '<INV_COVARS>', '[', '4.0', ']', '</FullGMM>']
    """
    weights, means, found = gmm.parameters()
    parameters = weights, means, expanded(gmm.covariance_type, found, means.shape)
    inverse = _inverse(as_kind("full", parameters)[2])
    with np.errstate(over="ignore"):
        precisions, kept = inverse.astype(np.float32), weights.astype(np.float32)
        scaled = np.einsum("kde,ke->kd", inverse, means).astype(np.float32)
    for field, array in (("MEANS_INVCOVARS", scaled), ("INV_COVARS", precisions)):
        if not all_finite(array):
            raise DataError(f"{os.fspath(path)}: {field}: found numbers beyond float32, expected none")
    writer = Writer(binary=binary)
    writer.token("<FullGMM>", end="\n")
    for field, array in (
        ("GCONSTS", _constants(kept, scaled, precisions)),
        ("WEIGHTS", kept),
        ("MEANS_INVCOVARS", scaled),
    ):
        writer.token(f"<{field}>")
        writer.array(array)
    writer.token("<INV_COVARS>")
    for precision in precisions:
        writer.symmetric(precision)
    writer.token("</FullGMM>", end="\n")
    writer.save(path)


def _inverse(matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give inverses of symmetric matrices (K, D, D), symmetric as they are."""
    found = np.linalg.inv(matrices)
    return (found + found.transpose(0, 2, 1)) / 2


def _constants(
    weights: NDArray[np.float32], scaled: NDArray[np.float32], precisions: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Give a component's log-likelihood without the terms that depend on the frame, of numbers as they are kept."""
    matrices, vectors = precisions.astype(np.float64), scaled.astype(np.float64)
    determinants = np.linalg.slogdet(matrices)[1]
    squares = np.einsum("kd,kd->k", vectors, np.linalg.solve(matrices, vectors[:, :, None])[:, :, 0])
    with np.errstate(divide="ignore"):
        logs = np.log(weights.astype(np.float64))
    constants = logs + 0.5 * (determinants - vectors.shape[1] * np.log(2 * np.pi) - squares)
    return constants.astype(np.float32)
