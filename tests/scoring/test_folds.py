"""Nobody is on both sides."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmmspeech.errors import ConfigError, DataError
from gmmspeech.metrics.cllr import cllr
from gmmspeech.scoring.calibration import fit_calibration, fit_pav
from gmmspeech.scoring.folds import cross_calibrate, speaker_folds


def crossed(num_speakers, separation=4.0, seed=0):
    """Every speaker against every one, with a few who are tested only."""
    models, tests = (axis.ravel() for axis in np.indices((num_speakers, num_speakers + 3)))
    is_target = models == tests
    scores = np.random.default_rng(seed).normal(np.where(is_target, separation, 0.0), 1.0)
    return scores, is_target, [f"s{m}" for m in models], np.array([f"s{t}" for t in tests])


@given(st.integers(5, 25), st.integers(4, 12), st.integers(0, 100))
@settings(max_examples=25, deadline=None)
def test_no_speaker_is_on_both_sides(num_speakers, n_folds, seed):
    """Every trial is held out exactly once, and what is learnt from has all speakers but those held out."""
    _, is_target, models, tests = crossed(num_speakers)
    held_out_times = np.zeros(len(is_target), int)
    for train, held_out in speaker_folds(is_target, models, tests, n_folds=n_folds, random_state=seed):
        learnt = {name for column in (models, tests) for name in np.array(column)[train]}
        kept = {name for column in (models, tests) for name in np.array(column)[held_out]}
        assert not learnt & kept
        assert is_target[train].any()
        assert not is_target[train].all()
        held_out_times += held_out
    assert (held_out_times == 1).all()


def test_folds_are_even():
    """Speakers with target trials are dealt out first, so that every fold has its share of them."""
    _, is_target, models, tests = crossed(20)
    splits = list(speaker_folds(is_target, models, tests, n_folds=5))
    assert len(splits) == 15
    own = [held_out for _, held_out in splits if is_target[held_out].any()]
    assert [int(is_target[held_out].sum()) for held_out in own] == [4] * 5


def test_calibration_by_those_who_know_nothing_of_the_trial():
    """Each trial's ratio is that of the calibration of its split, for any calibrator, and for several systems."""
    scores, is_target, models, tests = crossed(15)
    two = np.column_stack([scores, scores**2])
    for values, fit in [
        (scores, fit_calibration),
        (scores, functools.partial(fit_calibration, p_target=0.1, ridge=1.0)),
        (scores, fit_pav),
        (two, fit_calibration),
    ]:
        found = cross_calibrate(values, is_target, models, tests, fit=fit, n_folds=4)
        for train, held_out in speaker_folds(is_target, models, tests, n_folds=4):
            calibration = fit(values[train & is_target], values[train & ~is_target])
            np.testing.assert_array_equal(found[held_out], calibration.apply(values[held_out]))


def test_almost_separable_folds_do_not_explode():
    """What plain logistic regression can't do, or at a cost of many bits."""
    scores, is_target, models, tests = crossed(40, 7.0)
    llrs = cross_calibrate(scores, is_target, models, tests)
    assert cllr(llrs[is_target], llrs[~is_target]) < 0.05


def test_bad_input_is_refused():
    """Too few folds or speakers, columns that don't fit."""
    scores, is_target, models, tests = crossed(6)
    with pytest.raises(ConfigError, match=r"^n_folds: found 2, expected 3 or more"):
        list(speaker_folds(is_target, models, tests, n_folds=2))
    with pytest.raises(DataError, match=r"^trials: found 2 model speakers, 54 test speakers, labels of shape \(54,\)"):
        list(speaker_folds(is_target, models[:2], tests))
    with pytest.raises(DataError, match=r"^scores: found 3, expected one for each of the 54 trials$"):
        cross_calibrate(scores[:3], is_target, models, tests)
    with pytest.raises(
        DataError, match=r"folds of 2 speakers: found no nontarget trials without the speakers held out"
    ):
        cross_calibrate([1.0, 0.0, 0.0, 1.0], [True, False, False, True], list("aabb"), list("abab"))
    with pytest.raises(DataError, match=r"^trials: found 0 targets among 2, expected targets and nontargets$"):
        cross_calibrate([1.0, 0.0], [False, False], ["a", "b"], ["b", "a"])
    with pytest.raises(DataError, match=r"^(non)?target scores: found nan"):
        cross_calibrate(np.where(np.arange(54) == 7, np.nan, scores), is_target, models, tests)
