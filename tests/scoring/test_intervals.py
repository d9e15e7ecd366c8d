"""Intervals of a case's ratio cover what other speakers would have given."""

import numpy as np
import pytest

from gmmspeech.errors import DataError
from gmmspeech.scoring.calibration import fit_calibration
from gmmspeech.scoring.intervals import llr_interval


def trials(seed, speakers=20):
    """Scores of normal distributions, with a speaker's own level in them: the true ratio of s is known."""
    rng = np.random.default_rng(seed)
    models, tests = (axis.ravel() for axis in np.indices((speakers, speakers)))
    return rng.normal(4.0 * (models == tests), 1.0), models == tests, models, tests


def test_value_is_the_calibration_of_all():
    scores, *who = trials(0)
    found = llr_interval(3.0, scores, *who, n_resamples=20)
    assert found.value == fit_calibration(scores[who[0]], scores[~who[0]]).apply([3.0])[0]
    assert found.low < found.value < found.high
    two = llr_interval([3.0, 1.0], np.column_stack([scores, scores[::-1]]), *who, n_resamples=20)
    assert two.low < two.value < two.high


def test_intervals_cover_the_ratio_of_many_speakers():
    """Three in four of them at least, with a nominal 95 %: so few draws and speakers are too sure."""
    scores, is_target, *_ = trials(100, speakers=300)
    right = fit_calibration(scores[is_target], scores[~is_target]).apply([3.0])[0]
    spans = [llr_interval(3.0, *trials(seed), n_resamples=30) for seed in range(12)]
    assert sum(span.low <= right <= span.high for span in spans) >= 9


def test_bad_trials_are_refused():
    scores, is_target, models, tests = trials(0, 4)
    with pytest.raises(DataError, match=r"^scores: found scores of shape .*, expected those of the same systems"):
        llr_interval([1.0, 2.0], scores, is_target, models, tests)
    with pytest.raises(DataError, match="expected targets and nontargets"):
        llr_interval(1.0, scores, np.zeros(16, bool), models, tests)
    with pytest.raises(DataError, match="expected one of each"):
        llr_interval(1.0, scores[1:], is_target, models, tests)
