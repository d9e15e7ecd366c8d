"""Nobody is on both sides."""

import functools
import warnings
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from gmmspeech import eer, min_dcf
from gmmspeech.errors import ConfigError, DataError, GmmSpeechWarning
from gmmspeech.metrics.cllr import cllr
from gmmspeech.scoring.calibration import fit_calibration, fit_pav
from gmmspeech.scoring.folds import cross_calibrate, fold_ratios, speaker_folds


def crossed(num_speakers, separation=4.0, seed=0):
    """Every speaker against every one, with a few who are tested only."""
    models, tests = (axis.ravel() for axis in np.indices((num_speakers, num_speakers + 3)))
    is_target = models == tests
    scores = np.random.default_rng(seed).normal(np.where(is_target, separation, 0.0), 1.0)
    return scores, is_target, [f"s{m}" for m in models], np.array([f"s{t}" for t in tests])


@given(st.integers(5, 25), st.integers(4, 12), st.integers(0, 100))
@settings(max_examples=25, deadline=None)
def test_no_speaker_is_on_both_sides(num_speakers, n_folds, seed):
    """Every trial is held out exactly once, and what is learned from has all speakers but those held out."""
    _, is_target, models, tests = crossed(num_speakers)
    held_out_times = np.zeros(len(is_target), int)
    for train, held_out in speaker_folds(is_target, models, tests, n_folds=n_folds, random_state=seed):
        learned = {name for column in (models, tests) for name in np.array(column)[train]}
        kept = {name for column in (models, tests) for name in np.array(column)[held_out]}
        assert not learned & kept
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
    """Each trial's ratio is that of the calibration of its split, for any calibrator."""
    scores, is_target, models, tests = crossed(15)
    for values, fit in [
        (scores, fit_calibration),
        (scores, functools.partial(fit_calibration, p_target=0.1, ridge=1.0)),
        (scores, fit_pav),
    ]:
        found = cross_calibrate(values, is_target, models, tests, fit=fit, n_folds=4)
        for train, held_out in speaker_folds(is_target, models, tests, n_folds=4):
            calibration = fit(values[train & is_target], values[train & ~is_target])
            np.testing.assert_array_equal(found[held_out], calibration.apply(values[held_out]))


@dataclass
class Scaled:
    """A calibration that is right but for a scale and an offset of its own, drawn anew for every fold."""

    scale: float
    offset: float

    def apply(self, scores):
        return self.scale * np.asarray(scores).reshape(len(scores), -1).mean(axis=1) + self.offset


def test_a_scale_of_each_fold_leaves_fused_systems_as_they_are():
    """The sum of two systems, with any scale and offset in every fold, has the minDCF and EER of the sum itself."""
    scores, is_target, models, tests = crossed(40, 3.0)
    two = np.column_stack([scores, crossed(40, 3.0, seed=1)[0]])
    rng = np.random.default_rng(0)
    drawn = []

    def fit(targets, nontargets):
        drawn.append(Scaled(rng.uniform(0.2, 5.0), rng.uniform(-8.0, 8.0)))
        return drawn[-1]

    found = cross_calibrate(two, is_target, models, tests, fit=fit)
    total = two.mean(axis=1)
    for figure in (functools.partial(min_dcf, p_target=0.01), functools.partial(min_dcf, p_target=0.5), eer):
        expected = figure(total[is_target], total[~is_target])
        assert figure(found[is_target], found[~is_target]) == pytest.approx(expected, abs=1e-12)
    scale, offset = np.mean([one.scale for one in drawn]), np.mean([one.offset for one in drawn])
    np.testing.assert_allclose(found, scale * total + offset, rtol=1e-9)
    pooled, on_one_scale = fold_ratios(total, is_target, models, tests, fit=fit)
    assert eer(pooled[is_target], pooled[~is_target]) > 2 * eer(total[is_target], total[~is_target])
    assert eer(on_one_scale[is_target], on_one_scale[~is_target]) == pytest.approx(
        eer(total[is_target], total[~is_target]), abs=1e-12
    )


def test_few_speakers_of_several_systems_are_told_of():
    scores, is_target, models, tests = crossed(12)
    with pytest.warns(GmmSpeechWarning, match=r"^fusion: found 12 speakers with target trials, expected 30 or more"):
        cross_calibrate(np.column_stack([scores, -scores]), is_target, models, tests, n_folds=4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one = cross_calibrate(scores, is_target, models, tests, n_folds=4)
        np.testing.assert_array_equal(cross_calibrate(scores[:, None], is_target, models, tests, n_folds=4), one)


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
    with pytest.raises(
        DataError, match=r"^trial 3: found a target trial of a model of speaker b and a test of speaker c"
    ):
        cross_calibrate([1.0, 0.0, 0.0, 1.0], [True, False, False, True], list("aabb"), list("abac"))
    with pytest.raises(DataError, match=r"^(non)?target scores: found nan"):
        cross_calibrate(np.where(np.arange(54) == 7, np.nan, scores), is_target, models, tests)
