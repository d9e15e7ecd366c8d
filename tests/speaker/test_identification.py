"""The best model, or nobody."""

import numpy as np
import pytest

from gmmspeech.errors import DataError
from gmmspeech.gmm.adapt import map_adapt
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.scoring.linear import linear_score
from gmmspeech.scoring.llr import log_likelihood_ratios
from gmmspeech.scoring.statistics import statistics_llr
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


@pytest.mark.parametrize("speakers", [[2, 0, 1, 1, 0], [1, 2]])
@pytest.mark.parametrize("top_c", [None, 2])
def test_every_matrix_of_scores_names_the_right_speakers(speakers, top_c):
    """Rows are models and columns tests, with more and with fewer tests than models."""
    rng = np.random.default_rng(0)
    ubm = DiagonalGMM.from_parameters([0.5, 0.5], [[-1.0, 0.0], [1.0, 0.0]], np.full((2, 2), 4.0))
    voices = np.array([[-3.0, 0.0], [0.0, 3.0], [3.0, 0.0]])
    models = [map_adapt(ubm, voice + rng.normal(0, 1, (200, 2)), relevance_factor=4.0) for voice in voices]
    tests = [voices[speaker] + rng.normal(0, 1, (50, 2)) for speaker in speakers]
    stats = [ubm.accumulate(test) for test in tests]
    for scores in (
        log_likelihood_ratios(models, ubm, tests, top_c=top_c),
        statistics_llr(models, ubm, stats),
        linear_score(models, ubm, stats),
    ):
        assert scores.shape == (3, len(speakers))
        assert identify(scores).tolist() == speakers


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
