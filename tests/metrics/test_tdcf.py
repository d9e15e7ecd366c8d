"""The tandem detection cost against a plain evaluation of the formulas that the evaluations publish."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from gmmspeech.errors import ConfigError, DataError
from gmmspeech.metrics.tdcf import asv_error_rates, min_tdcf

PTAR, PNON, PSPOOF = 0.95 * 0.99, 0.95 * 0.01, 0.05


def published_curve(bonafide, spoof):
    """Rates when the sorted trials are rejected one after the other, bona fide ones first in a tie."""
    trials = sorted([(s, 0) for s in bonafide] + [(s, 1) for s in spoof], key=lambda trial: trial[0])
    misses, passed = 0, len(spoof)
    curve = [(0.0, 1.0, trials[0][0] - 0.001)]
    for score, kind in trials:
        misses, passed = misses + (kind == 0), passed - (kind == 1)
        curve.append((misses / len(bonafide), passed / len(spoof), score))
    return curve


def published_asv(targets, nontargets, spoofs):
    """Rates at the threshold of the EER: misses below it, false alarms at or above."""
    threshold = min(published_curve(targets, nontargets), key=lambda point: abs(point[0] - point[1]))[2]
    return (
        sum(s < threshold for s in targets) / len(targets),
        sum(s >= threshold for s in nontargets) / len(nontargets),
        sum(s >= threshold for s in spoofs) / len(spoofs),
    )


def published_2019(bonafide, spoof, miss, fa, fa_spoof):
    miss_spoof = 1 - fa_spoof
    c1 = PTAR * (1 - 1 * miss) - PNON * 10 * fa
    c2 = 10 * PSPOOF * (1 - miss_spoof)
    return min(c1 * m + c2 * f for m, f, _ in published_curve(bonafide, spoof)) / min(c1, c2)


def published_2021(bonafide, spoof, miss, fa, fa_spoof):
    c0 = PTAR * 1 * miss + PNON * 10 * fa
    c1 = PTAR * 1 - (PTAR * 1 * miss + PNON * 10 * fa)
    c2 = PSPOOF * 10 * fa_spoof
    return min(c0 + c1 * m + c2 * f for m, f, _ in published_curve(bonafide, spoof)) / (c0 + min(c1, c2))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), ties=st.booleans(), shift=st.floats(0.0, 3.0))
def test_equals_the_published_formulas(seed, ties, shift):
    rng = np.random.default_rng(seed)
    draw = lambda mean, count: rng.normal(mean, 1, count).round(1 if ties else 12)  # noqa: E731
    asv = draw(2.5, 60), draw(0, 80), draw(1.5, 70)
    rates = asv_error_rates(*asv)
    assert rates == pytest.approx(published_asv(*asv), abs=1e-12)
    bonafide, spoof = draw(shift, 50), draw(0, 90)
    assert min_tdcf(bonafide, spoof, rates) == pytest.approx(published_2021(bonafide, spoof, *rates), abs=1e-9)
    legacy = min_tdcf(bonafide, spoof, rates, form="2019")
    assert legacy == pytest.approx(published_2019(bonafide, spoof, *rates), abs=1e-9)


def test_ends():
    rates = (0.02, 0.03, 0.5)
    assert min_tdcf([2.0, 3.0], [0.0, 1.0], rates, form="2019") == 0
    best = 0.95 * (0.99 * 0.02 + 0.1 * 0.03)
    assert min_tdcf([2.0, 3.0], [0.0, 1.0], rates) == pytest.approx(best / (best + 0.05 * 10 * 0.5), abs=1e-12)
    assert min_tdcf([0.0, 0.0], [0.0, 0.0], rates) == pytest.approx(1)
    assert min_tdcf([2.0, 3.0], [0.0, 1.0], tuple(np.float32([0.5, 0.25, 0.5])), form="2019") == 0
    assert asv_error_rates([3.0], [1.0], [2.0], threshold=2.0) == (0, 0, 1)
    assert asv_error_rates([1.0, 1.0], [1.0, 1.0], [1.0]) == pytest.approx(published_asv([1.0] * 2, [1.0] * 2, [1.0]))


def test_what_makes_no_sense():
    scores = [1.0, 2.0], [0.0, 1.5]
    with pytest.raises(ConfigError, match="form: found '2020'"):
        min_tdcf(*scores, (0.1, 0.1, 0.1), form="2020")
    with pytest.raises(ConfigError, match=r"asv: found \(0\.1, 0\.1, 1\.1\), expected three rates from 0 to 1"):
        min_tdcf(*scores, (0.1, 0.1, 1.1))
    with pytest.raises(ConfigError, match="asv: found no spoof accepted, expected some"):
        min_tdcf(*scores, (0.1, 0.1, 0.0))
    with pytest.raises(ConfigError, match=r"asv: found errors that cost .*, expected less than rejecting everybody"):
        min_tdcf(*scores, (1.0, 1.0, 0.5))
    with pytest.raises(ConfigError, match="p_spoof: found"):
        min_tdcf(*scores, (0.1, 0.1, 0.1), p_spoof=1.5)
    with pytest.raises(DataError, match="bona fide scores: found 1 NaN"):
        min_tdcf([1.0, np.nan], [0.0], (0.1, 0.1, 0.1))
    with pytest.raises(DataError, match="spoof scores: found 1 NaN"):
        asv_error_rates(*scores, [np.nan])
