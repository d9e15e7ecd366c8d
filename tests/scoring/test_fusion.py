"""Fusion is kept where it is better, and never hurts what it is made of."""

import numpy as np
import pytest

import gmmspeech as gs
from gmmspeech.errors import DataError, GmmSpeechWarning
from gmmspeech.metrics.bootstrap import paired_test
from gmmspeech.scoring.calibration import fit_calibration
from gmmspeech.scoring.folds import FEW_SPEAKERS, cross_calibrate, speaker_folds
from gmmspeech.scoring.fusion import cross_fuse


def trials(seed, num_speakers, qualities, per_speaker=1, speaker_effect=1.0):
    """Scores of systems, (n, S), whose targets lie as far off as `qualities` says, speakers being easy or hard."""
    rng = np.random.default_rng(seed)
    models, tests = (axis.ravel() for axis in np.indices((num_speakers, num_speakers * per_speaker)))
    tests //= per_speaker
    target = models == tests
    hard = speaker_effect * rng.normal(size=(num_speakers, len(qualities)))
    scores = target[:, None] * np.array(qualities) + hard[models] + rng.normal(size=(len(target), len(qualities)))
    return scores, target, models, tests


def each_by_its_fold(scores, target, models, tests):
    """Ratios of all folds, each as its own map makes it."""
    llrs = np.empty(len(target))
    for train, held_out in speaker_folds(target, models, tests):
        llrs[held_out] = fit_calibration(scores[train & target], scores[train & ~target]).apply(scores[held_out])
    return llrs


def min_dcf(scores, target):
    return gs.min_dcf(scores[target], scores[~target], p_target=0.01)


def eer(scores, target):
    return gs.eer(scores[target], scores[~target])


@pytest.mark.filterwarnings("ignore:fusion. found")
@pytest.mark.parametrize(("num_speakers", "seed"), [(8, 2), (10, 2), (12, 3)])
def test_few_speakers_never_make_a_fusion_that_hurts(num_speakers, seed):
    scores, target, *who = trials(seed, num_speakers, (3.0, 6.0), per_speaker=4)
    found = cross_fuse(scores, target, *who, n_resamples=100)
    least = min(min_dcf(column, target) for column in scores.T)
    pooled = each_by_its_fold(scores, target, *who)
    assert min_dcf(found.scores, target) <= least
    assert min_dcf(pooled, target) > least + 0.03  # what ratios of all folds together have
    if found.kept is not None:
        np.testing.assert_array_equal(found.scores, scores[:, found.kept])
        np.testing.assert_array_equal(found.llrs, cross_calibrate(scores[:, found.kept], target, *who))
    else:
        np.testing.assert_array_equal(found.llrs, pooled)


def test_a_fusion_that_helps_is_kept():
    scores, target, *who = trials(0, 60, (3.0, 3.0), speaker_effect=0.3)
    found = cross_fuse(scores, target, *who, n_resamples=200)
    assert found.kept is None
    assert found.gain.low > 0
    assert eer(found.scores, target) < min(eer(column, target) for column in scores.T)
    np.testing.assert_array_equal(found.llrs, each_by_its_fold(scores, target, *who))
    np.testing.assert_array_equal(found.scores, cross_calibrate(scores, target, *who))
    parts = [cross_calibrate(column, target, *who) for column in scores.T]
    costs = [gs.cllr(part[target], part[~target]) for part in parts]
    better = parts[int(np.argmin(costs))]
    told = paired_test(better, found.llrs, target, *who, metrics=["cllr"], n_resamples=200)["cllr"]
    assert found.gain == told.difference
    assert np.corrcoef(found.scores, found.llrs)[0, 1] > 0.99


def test_a_system_that_says_nothing_is_left_out():
    scores, target, *who = trials(1, 40, (4.0, 0.0))
    found = cross_fuse(scores, target, *who, n_resamples=200)
    assert found.kept == 0
    assert found.gain.low <= 0
    swapped = cross_fuse(scores[:, ::-1], target, *who, n_resamples=200)
    assert swapped.kept == 1


@pytest.mark.parametrize("qualities", [(3.0, 3.0), (4.0, 0.0)])
def test_units_change_no_decision(qualities):
    scores, target, *who = trials(2, 30, qualities, speaker_effect=0.3)
    here, *there = (cross_fuse(scores * [unit, 1.0], target, *who, n_resamples=100) for unit in (1.0, 1e-6, 1e6))
    for found in there:
        assert here.kept == found.kept
        np.testing.assert_allclose(found.llrs, here.llrs, rtol=1e-4, atol=1e-4)


def test_few_speakers_are_told_of():
    scores, target, *who = trials(3, FEW_SPEAKERS - 1, (3.0, 3.0))
    with pytest.warns(GmmSpeechWarning, match=r"^fusion: found 29 speakers with target trials, expected 30 or more: "):
        cross_fuse(scores, target, *who, n_resamples=10)
    with pytest.raises(DataError, match=r"fusion: found scores of shape \(841,\), expected \(trials, systems\)"):
        cross_fuse(scores[:, 0], target, *who)
