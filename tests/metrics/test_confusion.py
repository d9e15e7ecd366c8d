"""Confusion counts against scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix as sklearn_confusion, precision_recall_fscore_support

from gmmspeech.errors import DataError
from gmmspeech.metrics.confusion import accuracy, confusion_matrix, precision_recall

LABELS = ["AA", "B", "S", "ZH"]


def test_as_scikit_learn():
    rng = np.random.default_rng(0)
    truth, found = rng.choice(LABELS[:3], 200), rng.choice(LABELS[:2], 200)  # S is never found, ZH never said
    counts = confusion_matrix(truth, found, LABELS)
    np.testing.assert_array_equal(counts, sklearn_confusion(truth, found, labels=LABELS))
    precision, recall = precision_recall(counts)
    expected = precision_recall_fscore_support(truth, found, labels=LABELS, zero_division=0)
    np.testing.assert_allclose(precision, expected[0])
    np.testing.assert_allclose(recall, expected[1])
    assert accuracy(counts) == pytest.approx(np.mean(truth == found))


def test_of_nothing_never_nan():
    counts = confusion_matrix([], [], LABELS)
    assert counts.shape == (4, 4)
    assert accuracy(counts) == 0
    assert np.array_equal(precision_recall(counts), np.zeros((2, 4)))


def test_what_is_refused():
    with pytest.raises(DataError, match="found class 'SPN', expected one of AA B S ZH"):
        confusion_matrix(["AA"], ["SPN"], LABELS)
    with pytest.raises(DataError, match=r"found shapes \(2,\) and \(1,\)"):
        confusion_matrix(["AA", "B"], ["AA"], LABELS)
