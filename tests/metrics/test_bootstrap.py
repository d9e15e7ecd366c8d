"""Resamples against trials that are really copied, intervals against their formula, and what they promise."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.stats import norm

from gmmspeech.errors import ConfigError, DataError
from gmmspeech.metrics.bootstrap import (
    _FIGURES,
    _Options,
    _Trials,
    bootstrap_ci,
    bootstrap_systems,
    paired_test,
    speaker_codes,
)
from gmmspeech.metrics.cllr import cllr, min_cllr
from gmmspeech.metrics.dcf import actual_dcf, min_dcf
from gmmspeech.metrics.eer import eer

POINT = {"p_target": 0.2, "c_miss": 2.0, "c_fa": 1.0}
FIGURES = {
    "eer": eer,
    "min_dcf": lambda t, n: min_dcf(t, n, **POINT),
    "actual_dcf": lambda t, n: actual_dcf(t, n, **POINT),
    "cllr": cllr,
    "min_cllr": min_cllr,
}


def crossed(num_speakers=25, separation=3.0, seed=0, utterances=2):
    """Every speaker's model against every speaker's tests; some models and tests are easier to mistake than others."""
    rng = np.random.default_rng(seed)
    models, tests = np.indices((num_speakers, num_speakers * utterances))
    tests = tests // utterances
    is_target = models == tests
    scores = rng.normal(np.where(is_target, separation, -separation), 1.5)
    scores += rng.normal(0, 1, num_speakers)[models] + rng.normal(0, 1, num_speakers)[tests]
    return scores.ravel(), is_target.ravel(), models.ravel(), tests.ravel()


def copied(scores, is_target, models, tests, multiplicity):
    """Scores of the trials, each as often as its speakers (one or two) say."""
    copies = [
        multiplicity[m] if m == t else multiplicity[m] * multiplicity[t] for m, t in zip(models, tests, strict=True)
    ]
    again = np.repeat(np.arange(len(scores)), copies)
    return scores[again][is_target[again]], scores[again][~is_target[again]]


@given(st.integers(0, 10**6), st.sampled_from([0, 1, 9]))
@settings(max_examples=60, deadline=None)
def test_weights_are_copies(seed, decimals):
    """Figures of weighted trials are those of trials written down many times, to the last bits, ties and all."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(2, 8))
    scores, is_target, models, tests = crossed(count, rng.normal(1, 1), seed)
    scores = scores.round(decimals)
    kept = rng.random(len(scores)) < 0.7
    extra = models == tests
    kept[np.flatnonzero(extra)[0]] = kept[np.flatnonzero(~extra)[0]] = True
    scores, is_target, models, tests = scores[kept], is_target[kept], models[kept], tests[kept]
    is_target &= rng.random(len(scores)) < 0.9  # a nontarget trial may be of one speaker: another phrase, say
    is_target[np.flatnonzero(models == tests)[0]] = True
    trials = _Trials(is_target, models, tests)
    order = list(dict.fromkeys([*models.tolist(), *tests.tolist()]))  # the speakers' numbers
    multiplicity = rng.multinomial(trials.num_speakers, np.full(trials.num_speakers, 1 / trials.num_speakers))
    by_name = np.zeros(count, int)
    by_name[order] = multiplicity
    targets, nontargets = copied(scores, is_target, models, tests, by_name)
    resample = trials.system(scores).resample(np.append(multiplicity, 1))
    if not len(targets) or not len(nontargets):
        assert resample is None
        return
    options = _Options(tuple(FIGURES), **POINT)
    for name, figure in FIGURES.items():
        assert _FIGURES[name](resample, options) == pytest.approx(figure(targets, nontargets), rel=1e-11, abs=1e-13)


def test_interval_is_the_bias_corrected_percentile():
    """By a loop over the same draws of speakers, and scipy's normal distribution."""
    scores, is_target, models, tests = crossed()
    found = bootstrap_ci(scores, is_target, models, tests, metrics=list(FIGURES), n_resamples=60, **POINT)
    rng = np.random.default_rng(0)
    draws = [rng.multinomial(25, np.full(25, 1 / 25)) for _ in range(60)]
    for name, figure in FIGURES.items():
        value = figure(scores[is_target], scores[~is_target])
        assert found[name].value == pytest.approx(value, rel=1e-12)
        replicates = np.array([figure(*copied(scores, is_target, models, tests, m)) for m in draws])
        share = (np.sum(replicates < value - 1e-12) + np.sum(abs(replicates - value) <= 1e-12) / 2 + 0.5) / 61
        ends = norm.cdf(2 * norm.ppf(share) + norm.ppf([0.025, 0.975]))
        np.testing.assert_allclose([found[name].low, found[name].high], np.quantile(replicates, ends), rtol=1e-9)


def test_intervals_hold_what_they_promise():
    """The width is the spread that other speakers show, for Cllr, where hardly any bias disturbs."""
    values, widths = [], []
    for seed in range(60):
        trials = crossed(40, seed=seed, utterances=1)
        found = bootstrap_ci(*trials, metrics=["cllr"], n_resamples=60, confidence=0.68)["cllr"]
        values.append(found.value)
        widths.append((found.high - found.low) / 2)
    assert np.mean(widths) == pytest.approx(np.std(values), rel=0.25)


def test_names_seeds_and_order_of_metrics():
    """Speakers may be strings; the same seed gives the same bits; one metric does not disturb another."""
    scores, is_target, models, tests = crossed(10)
    names = [f"spk{m}" for m in models], [f"spk{t}" for t in tests]
    first = bootstrap_ci(scores, is_target, models, tests, n_resamples=30)
    assert bootstrap_ci(scores.tolist(), is_target.tolist(), *names, n_resamples=30) == first
    alone = bootstrap_ci(scores, is_target, models, tests, metrics=["cllr"], n_resamples=30)
    assert alone == {"cllr": first["cllr"]}
    assert bootstrap_ci(scores, is_target, models, tests, n_resamples=30, random_state=1) != first


def test_no_errors_no_width():
    """As documented."""
    scores, is_target, models, tests = crossed(10, 50.0)
    found = bootstrap_ci(scores, is_target, models, tests, n_resamples=20)
    assert (found["eer"].low, found["eer"].high) == (0, 0)


def test_paired_test_of_equal_systems():
    """A system does not differ from itself, nor from one that ranks alike."""
    trials = crossed()
    found = paired_test(trials[0], trials[0], *trials[1:], n_resamples=50)
    for difference in found.values():
        assert difference.first == difference.second
        assert difference.difference.value == difference.difference.low == difference.difference.high == 0
        assert difference.p_value == 1
    assert paired_test(trials[0], 3 * trials[0] + 1, *trials[1:], n_resamples=50)["eer"].p_value == 1


def test_paired_test_tells_what_intervals_can_not():
    """A system that is a little worse on every trial differs for certain, though the intervals overlap."""
    scores, is_target, models, tests = crossed(60, 2.0)
    worse = scores - np.where(is_target, 0.3, 0.0)
    apart = [
        bootstrap_ci(s, is_target, models, tests, metrics=["eer"], n_resamples=200)["eer"] for s in (worse, scores)
    ]
    assert apart[0].low < apart[1].high
    found = paired_test(worse, scores, is_target, models, tests, metrics=["eer"], n_resamples=200)["eer"]
    assert 0 < found.difference.low < found.difference.value < found.difference.high
    assert found.p_value < 0.05
    swapped = paired_test(scores, worse, is_target, models, tests, metrics=["eer"], n_resamples=200)["eer"]
    assert swapped.difference.value == -found.difference.value
    assert swapped.p_value == pytest.approx(found.p_value)


def test_p_value_fits_the_interval():
    """The interval of confidence 1 - p ends at 0."""
    scores, is_target, models, tests = crossed(30, 1.5)
    other = scores + np.random.default_rng(1).normal(0, 1, scores.shape)
    found = paired_test(other, scores, is_target, models, tests, metrics=["cllr"], n_resamples=400)["cllr"]
    assert 0.01 < found.p_value < 0.99
    edge = paired_test(
        other, scores, is_target, models, tests, metrics=["cllr"], n_resamples=400, confidence=1 - found.p_value
    )["cllr"]
    width = edge.difference.high - edge.difference.low
    assert min(abs(edge.difference.low), abs(edge.difference.high)) < 0.05 * width


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"scores": [1.0, 0.0, 1.0]}, DataError, r"^scores: found shape \(3,\), expected one score for each of the 4"),
        ({"scores": [1.0, 0.0, np.nan, 1.0]}, DataError, r"^nontarget scores: found 1 NaN"),
        ({"is_target": [False] * 4}, DataError, r"^target scores: found an array of shape \(0,\)"),
        ({"test_speakers": ["a", "b", "c"]}, DataError, r"^trials: found \(4,\), \(4,\), \(3,\) entries"),
        (
            {"is_target": [True, True, False, True]},
            DataError,
            r"^trial 1: found a target trial of a model of speaker a",
        ),
        ({"metrics": ["eer", "f1"]}, ConfigError, r"^metrics: found 'f1', expected some of eer, min_dcf"),
        ({"n_resamples": 0}, ConfigError, r"^n_resamples: found 0"),
        ({"confidence": 95}, ConfigError, r"^confidence: found 95, expected a probability"),
        ({"p_target": 2}, ConfigError, r"^p_target: found 2"),
    ],
)
def test_bad_input_is_refused(change, error, message):
    """One line that says what is wrong."""
    good = {
        "scores": [1.0, 0.0, 0.5, 1.0],
        "is_target": [True, False, False, True],
        "model_speakers": ["a", "a", "b", "b"],
        "test_speakers": ["a", "b", "a", "b"],
        "n_resamples": 5,
    }
    with pytest.raises(error, match=message) as caught:
        bootstrap_ci(**{**good, **change})
    assert "\n" not in str(caught.value)


def test_several_systems_and_points_at_once_are_as_one_by_one():
    _, *trials = crossed(12)
    scores = [crossed(12, seed=seed)[0] for seed in range(3)]
    points = [(("eer", "cllr"), POINT), (("min_dcf",), POINT | {"p_target": 0.5})]
    options = {"n_resamples": 50, "random_state": 4}
    found = bootstrap_systems(scores, *trials, points, **options)
    for system, of_points in zip(scores, found, strict=True):
        for (metrics, costs), (intervals, differences) in zip(points, of_points, strict=True):
            one = {"metrics": metrics, **costs, **options}
            assert intervals == bootstrap_ci(system, *trials, **one)
            assert differences == ({} if system is scores[0] else paired_test(scores[0], system, *trials, **one))


def test_speakers_are_numbered_in_their_order_of_coming():
    first, second = speaker_codes(["b", "a", "b"], np.array(["c", "a"]))
    assert (first.tolist(), second.tolist()) == ([0, 1, 0], [2, 1])


def test_few_speakers():
    """Resamples without trials of one kind are drawn again; the scores of each system are checked."""
    found = bootstrap_ci([1.0, 0.0], [True, False], ["a", "b"], ["a", "c"], n_resamples=50)
    assert found["eer"].value == found["eer"].high == 0
    with pytest.raises(DataError, match=r"^second scores: found shape \(1,\)"):
        paired_test([1.0, 0.0], [1.0], [True, False], ["a", "a"], ["a", "b"])
