"""devPAV against lir, and against an integral by small steps over a search for the best rising calibration."""

import math
import warnings

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from gmmspeech.errors import DataError
from gmmspeech.metrics.devpav import devpav


def ratios(seed):
    """Scores of any quality and number, some with ties."""
    rng = np.random.default_rng(seed)
    t, n = rng.integers(5, 300, 2)
    gap, spread = rng.uniform(0.3, 4), rng.uniform(0.5, 1.5)
    targets, nontargets = rng.normal(gap, gap * spread, t), rng.normal(-gap, gap * spread, n)
    return (targets.round(1), nontargets.round(1)) if seed % 4 == 0 else (targets, nontargets)


def naive_devpav(targets, nontargets):
    """Mean gap of the interpolated calibration at many points."""
    scores = np.concatenate([targets, nontargets])
    labels = np.r_[np.ones(len(targets)), np.zeros(len(nontargets))]
    weights = np.where(labels == 1, 1 / len(targets), 1 / len(nontargets))
    share = IsotonicRegression().fit(scores, labels, sample_weight=weights).predict(scores)
    inside = (share > 0) & (share < 1)
    x, y = scores[inside] / math.log(10), np.log10(share[inside] / (1 - share[inside]))
    order = np.argsort(x)
    points = np.linspace(x.min(), x.max(), 400_001)
    return np.abs(np.interp(points, x[order], y[order]) - points).mean()


@pytest.mark.parametrize("seed", range(40))
def test_devpav_is_that_of_lir(seed):
    """The reference implementation, which counts in powers of ten."""
    from lir.metrics.devpav import devpav as reference

    targets, nontargets = ratios(seed)
    labels = np.r_[np.ones(len(targets)), np.zeros(len(nontargets))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = float(np.ravel(reference(np.concatenate([targets, nontargets]) / math.log(10), labels))[0])
    assert devpav(targets, nontargets) == pytest.approx(expected, abs=1e-6, nan_ok=True)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_devpav_is_an_integral(seed):
    """As its definition says, of scores without ties."""
    targets, nontargets = ratios(seed)
    assert devpav(targets, nontargets) == pytest.approx(naive_devpav(targets, nontargets), abs=1e-4)


def test_devpav_of_the_ends():
    """Nothing to measure where a threshold separates the kinds; one bin; bad input."""
    assert math.isnan(devpav([1.0, 2.0], [-1.0]))
    assert devpav([2.0], [2.0]) == pytest.approx(2 / math.log(10))
    assert devpav([0.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 1.0]) == pytest.approx(
        np.abs([np.log10(1 / 3), np.log10(3) - np.log10(math.e)]) @ [0.5, 0.5], abs=0.2
    )
    with pytest.raises(DataError, match=r"^target scores: found 1 NaN"):
        devpav([np.nan], [0.0])
