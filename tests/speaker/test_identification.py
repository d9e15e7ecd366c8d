"""The best model, or nobody."""

import numpy as np
import pytest

from gmmspeech.errors import DataError
from gmmspeech.speaker.identification import UNKNOWN, identify


def test_closed_and_open_sets():
    scores = np.random.default_rng(0).normal(size=(5, 40))
    closed, opened = identify(scores), identify(scores, threshold=1.0)
    for test in range(40):
        column = scores[:, test].tolist()
        assert closed[test] == column.index(max(column))
        assert opened[test] == (closed[test] if max(column) >= 1 else UNKNOWN)
    assert 0 < (opened == UNKNOWN).sum() < 40
    np.testing.assert_array_equal(identify(scores, threshold=-np.inf), closed)


def test_ties_no_tests_and_infinite_scores():
    np.testing.assert_array_equal(identify([[1.0, -np.inf], [1.0, np.inf]]), [0, 1])
    assert identify(np.empty((2, 0)), threshold=0.0).shape == (0,)


def test_bad_scores():
    with pytest.raises(DataError, match=r"scores: found shape \(0, 3\)"):
        identify(np.empty((0, 3)))
    with pytest.raises(DataError, match=r"scores: found shape \(3,\)"):
        identify([1.0, 2.0, 3.0])
    with pytest.raises(DataError, match="found NaN for model 1, test 0"):
        identify([[0.0, 1.0], [np.nan, 1.0]])
