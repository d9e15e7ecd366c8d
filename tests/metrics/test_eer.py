"""Equal error rates against their definitions, by other routes."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from sklearn.isotonic import IsotonicRegression

from gmmspeech.errors import ConfigError, DataError
from gmmspeech.metrics.det import det_curve
from gmmspeech.metrics.eer import eer, eer_threshold

tied_scores = st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=25)
any_scores = tied_scores | st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=25)


def worst_prior_error(targets, nontargets):
    """Minimum Bayes error at the worst prior: the highest point of the lower envelope of one line for each threshold.

    The envelope is concave, so its top lies where two of the lines cross, or at the ends (where it is 0).
    """
    p_miss, p_fa, _ = det_curve(targets, nontargets)
    lines = np.unique(np.column_stack([p_miss, p_fa]), axis=0)
    slope, offset = lines[:, 0] - lines[:, 1], lines[:, 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        crossings = (offset[:, None] - offset) / (slope - slope[:, None])
    priors = crossings[(crossings >= 0) & (crossings <= 1)]
    return (slope[:, None] * priors + offset[:, None]).min(axis=0).max()


def kaldi_compute_eer(targets, nontargets):
    """The search of Kaldi's compute-eer, as a walk."""
    targets, nontargets = sorted(targets), sorted(nontargets)
    i = 0
    while i < len(targets) - 1:
        above = int(len(nontargets) * i * 1.0 / len(targets))
        if nontargets[max(len(nontargets) - 1 - above, 0)] < targets[i]:
            break
        i += 1
    return i / len(targets)


@given(any_scores, any_scores)
def test_rocch_is_the_error_at_the_worst_prior(targets, nontargets):
    """Brümmer and de Villiers' characterization, with no hull computed."""
    assert eer(targets, nontargets) == pytest.approx(worst_prior_error(targets, nontargets), abs=1e-12)


@pytest.mark.parametrize("separation", [-1.0, 0.0, 1.0, 2.5])
def test_rocch_by_isotonic_regression(separation):
    """scikit-learn's isotonic regression gives calibrated posteriors; the hull's corners are where they change."""
    rng = np.random.default_rng(3)
    targets, nontargets = rng.normal(separation, 1, 400).round(2), rng.normal(0, 1, 1500).round(2)
    labels = np.repeat([1.0, 0.0], [400, 1500])
    posteriors = IsotonicRegression().fit_transform(np.concatenate([targets, nontargets]), labels)
    p_miss, p_fa = np.array(
        [
            [(posteriors[labels == 1] < p).mean(), (posteriors[labels == 0] >= p).mean()]
            for p in [*np.unique(posteriors), 2.0]
        ]
    ).T
    diagonal = np.interp(0.0, p_miss - p_fa, p_miss)
    assert eer(targets, nontargets) == pytest.approx(diagonal, abs=1e-12)


@given(any_scores, any_scores)
def test_kaldi_is_kaldis_walk(targets, nontargets):
    """Bit for bit."""
    assert eer(targets, nontargets, method="kaldi") == kaldi_compute_eer(targets, nontargets)


def test_kaldi_on_many_trials():
    """Sizes at which floor(i N / T) takes many values."""
    rng = np.random.default_rng(4)
    for num_targets, num_nontargets in [(80, 6320), (997, 1009), (1000, 3)]:
        targets, nontargets = rng.normal(1.5, 1, num_targets), rng.normal(0, 1, num_nontargets)
        assert eer(targets, nontargets, method="kaldi") == kaldi_compute_eer(targets, nontargets)


@given(tied_scores, tied_scores)
def test_any_rising_transform_leaves_the_eer_alone(targets, nontargets):
    """Only the order of scores counts."""
    moved = np.exp(np.array(targets)) - 7, np.exp(np.array(nontargets)) - 7
    for method in ("rocch", "kaldi"):
        assert eer(targets, nontargets, method=method) == eer(*moved, method=method)


@given(any_scores, any_scores)
def test_rocch_is_symmetric_and_at_most_a_half(targets, nontargets):
    """Exchanging the two kinds and the sign of the scores changes nothing; a coin is always at hand."""
    value = eer(targets, nontargets)
    assert 0 <= value <= 0.5
    assert eer(-np.array(nontargets), -np.array(targets)) == pytest.approx(value, abs=1e-12)


def test_separable_and_reversed():
    """The two ends of the scale."""
    assert eer([2.0, 3.0], [0.0, 1.0]) == 0
    assert eer([2.0, 3.0], [0.0, 1.0], method="kaldi") == 0
    assert eer([0.0, 1.0], [2.0, 3.0]) == 0.5
    assert eer([0.0, 1.0], [2.0, 3.0], method="kaldi") == 0.5
    assert eer([1.0] * 5, [1.0] * 7) == 0.5


def test_gaussian_scores_have_the_eer_of_their_distributions():
    """Two normal densities d apart have an EER of Phi(-d / 2): 2.275 % at d = 4."""
    rng = np.random.default_rng(5)
    targets, nontargets = rng.normal(4, 1, 100_000), rng.normal(0, 1, 400_000)
    for method in ("rocch", "kaldi"):
        assert eer(targets, nontargets, method=method) == pytest.approx(0.02275, abs=0.001)


@given(any_scores, any_scores)
def test_threshold_has_the_closest_rates(targets, nontargets):
    """No other threshold brings misses and false alarms closer."""
    p_miss, p_fa, _ = det_curve(targets, nontargets)
    threshold = eer_threshold(targets, nontargets)
    gap = np.mean(np.array(targets) < threshold) - np.mean(np.array(nontargets) >= threshold)
    assert abs(gap) == pytest.approx(np.abs(p_miss - p_fa).min(), abs=1e-12)


def test_threshold_lies_in_the_middle_of_the_gap():
    """Also where the sum of the two scores, or the middle, is out of float64's reach."""
    assert eer_threshold([2.0, 3.0], [0.0, 1.0]) == 1.5
    assert eer_threshold([1.7e308], [1.6e308]) == pytest.approx(1.65e308)
    assert eer_threshold([np.nextafter(1.0, 2.0)], [1.0]) == np.nextafter(1.0, 2.0)
    assert eer_threshold([1.0], [1.0]) == 1.0


def test_bad_input_is_refused():
    """Wrong methods and scores that are no scores."""
    with pytest.raises(ConfigError, match=r"^method: found 'hull', expected rocch or kaldi$"):
        eer([1.0], [0.0], method="hull")
    for method in ("rocch", "kaldi"):
        with pytest.raises(DataError, match=r"^target scores: found 1 NaN and 0 infinite among 2"):
            eer([1.0, np.nan], [0.0], method=method)
    with pytest.raises(DataError, match=r"^nontarget scores: found an array of shape"):
        eer_threshold([1.0], [])
