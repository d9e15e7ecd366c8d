"""Empirical bounds against lir, and against the definition as a loop."""

import math

import numpy as np
import pytest

from gmmspeech.errors import DataError
from gmmspeech.metrics.elub import elub_bounds


def naive_bounds(targets, nontargets):
    """Go from 0 outwards in hundredths of a power of ten, as long as deciding by the ratios costs no more."""

    def helps(power):
        odds = 10.0**power
        missed = (sum(x / math.log(10) <= power for x in targets) + 1) / (len(targets) + 1)
        accepted = (sum(x / math.log(10) > power for x in nontargets) + 1) / (len(nontargets) + 1)
        return missed + odds * accepted <= min(1.0, odds)

    highest = min(max(*targets, *nontargets) / math.log(10), math.log10(len(nontargets) + 1))
    lowest = max(min(*targets, *nontargets) / math.log(10), -math.log10(len(targets) + 1))
    upper = 0
    while upper / 100 < highest and helps((upper + 1) / 100):
        upper += 1
    lower = 0
    while lower / 100 > lowest and helps((lower - 1) / 100):
        lower -= 1
    if not helps(0.0):
        return 0.0, 0.0
    return lower * math.log(10) / 100, upper * math.log(10) / 100


def ratios(seed):
    """Scores of any quality and number, some with ties, some far too large."""
    rng = np.random.default_rng(seed)
    t, n = rng.integers(5, 300, 2)
    gap, spread = rng.uniform(0.3, 6), rng.uniform(0.5, 1.5)
    targets, nontargets = rng.normal(gap, gap * spread, t), rng.normal(-gap, gap * spread, n)
    if seed % 4 == 0:
        targets, nontargets = targets.round(), nontargets.round()
    return (5 * targets, 5 * nontargets) if seed % 7 == 0 else (targets, nontargets)


@pytest.mark.parametrize("seed", range(60))
def test_bounds_are_those_of_lir(seed):
    """The reference implementation, which counts in powers of ten."""
    from lir.algorithms.bayeserror import elub

    targets, nontargets = ratios(seed)
    labels = np.r_[np.ones(len(targets)), np.zeros(len(nontargets))]
    expected = elub(np.concatenate([targets, nontargets]) / math.log(10), labels)
    assert np.array(elub_bounds(targets, nontargets)) / math.log(10) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("seed", [1, 2, 3, 5, 6, 9])
def test_bounds_are_their_definition(seed):
    """A walk outwards from 0."""
    targets, nontargets = ratios(seed)
    assert elub_bounds(targets, nontargets) == pytest.approx(naive_bounds(targets, nontargets), abs=1e-9)


def test_bounds_that_are_equal_are_equal_to_the_last_bit():
    """Ratios that calibrations of several folds set to a bound are ties: a hair between them would rank them."""
    found = [bound for seed in range(60) for bound in elub_bounds(*ratios(seed))]
    assert len(set(found)) == len({round(100 * bound / math.log(10)) for bound in found})


def test_bounds_of_the_ends():
    """Ratios that say nothing or mislead support nothing; more trials support more."""
    assert elub_bounds([0.0], [0.0]) == (0.0, 0.0)
    with pytest.warns(UserWarning, match="swapped"):
        assert elub_bounds([-5.0] * 9, [5.0] * 9) == (0.0, 0.0)
    few, many = elub_bounds([1e4] * 10, [-1e4] * 10), elub_bounds([1e4] * 1000, [-1e4] * 1000)
    assert -math.log(11) <= few[0] < -1.9
    assert many[1] > few[1] > 1.9
    with pytest.raises(DataError, match=r"^target scores: found 1 NaN"):
        elub_bounds([np.nan], [0.0])
