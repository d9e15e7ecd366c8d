"""Confusion matrices: counts, accuracy, precision and recall of classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.errors import DataError


def confusion_matrix(truth: ArrayLike, found: ArrayLike, labels: Sequence[str]) -> NDArray[np.int64]:
    """Count how often each class was taken for each.

    Shapes: `truth` (N,), `found` (N,); gives (C, C).
    """
    said, recognized = np.asarray(truth, np.str_), np.asarray(found, np.str_)
    if said.ndim != 1 or said.shape != recognized.shape:
        raise DataError(f"found shapes {said.shape} and {recognized.shape} of true and found classes, expected (N,)")
    place = {label: i for i, label in enumerate(labels)}
    unknown = sorted({*said.tolist(), *recognized.tolist()} - set(place))
    if unknown:
        raise DataError(f"found class {unknown[0]!r}, expected one of {' '.join(labels)}")
    rows, columns = (np.array([place[name] for name in names.tolist()], np.intp) for names in (said, recognized))
    counts = np.zeros((len(place), len(place)), np.int64)
    np.add.at(counts, (rows, columns), 1)
    return counts


def accuracy(counts: ArrayLike) -> float:
    """Share of the diagonal of a confusion matrix; 0 where nothing was counted."""
    matrix = np.asarray(counts)
    return float(np.trace(matrix) / max(matrix.sum(), 1))


def precision_recall(counts: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Precision and recall of every class.

    Shapes: `counts` (C, C); gives `precision` (C,), `recall` (C,).
    """
    matrix = np.asarray(counts)
    right = np.diagonal(matrix)
    return right / np.maximum(matrix.sum(axis=0), 1), right / np.maximum(matrix.sum(axis=1), 1)
