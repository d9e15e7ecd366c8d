"""The summary agrees with the single functions."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from gmmspeech.errors import ConfigError, DataError
from gmmspeech.metrics.cllr import cllr, min_cllr
from gmmspeech.metrics.dcf import actual_dcf, bayes_threshold, min_dcf
from gmmspeech.metrics.eer import eer, eer_threshold
from gmmspeech.metrics.summary import summarize

any_scores = st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=25) | st.lists(
    st.floats(-1e6, 1e6), min_size=1, max_size=25
)


@given(any_scores, any_scores)
def test_figures_are_those_of_the_single_functions(targets, nontargets):
    """And the rates of every point are those one counts at its threshold."""
    summary = summarize(targets, nontargets, p_targets=(0.01, 0.3), c_miss=2.0, c_fa=5.0)
    assert (summary.num_targets, summary.num_nontargets) == (len(targets), len(nontargets))
    assert summary.eer_rocch == eer(targets, nontargets)
    assert summary.eer_kaldi == eer(targets, nontargets, method="kaldi")
    assert summary.eer_point.threshold == eer_threshold(targets, nontargets)
    assert [cost.p_target for cost in summary.costs] == [0.01, 0.3]
    for cost in summary.costs:
        options = {"p_target": cost.p_target, "c_miss": 2.0, "c_fa": 5.0}
        assert cost.min_dcf == min_dcf(targets, nontargets, **options)
        assert cost.actual_dcf == actual_dcf(targets, nontargets, **options)
        assert cost.bayes_point.threshold == bayes_threshold(**options)
    assert summary.cllr == pytest.approx(cllr(targets, nontargets), rel=1e-12)
    assert summary.min_cllr == min_cllr(targets, nontargets)
    points = [point for cost in summary.costs for point in (cost.point, cost.bayes_point)]
    for point in (summary.eer_point, *points):
        assert point.p_miss == np.mean(np.array(targets) < point.threshold)
        assert point.p_fa == np.mean(np.array(nontargets) >= point.threshold)


def test_rows_name_both_definitions():
    """What the command line prints."""
    rows = dict(summarize([1.0, 3.0, 4.0], [0.0, 2.0]).rows())
    assert rows["target trials"] == "3"
    assert rows["EER (ROC convex hull)"] == "20.00 %"
    assert rows["EER (Kaldi's compute-eer)"] == "33.33 %"
    assert rows["minDCF (p_target = 0.01)"] == "0.3333"
    assert "minDCF (p_target = 0.05)" in rows
    assert dict(summarize([0.0], [1.0]).rows())["threshold at minDCF (p_target = 0.01)"] == "none: reject all"


def test_rows_tell_costs_that_are_not_1():
    """And what they make of a threshold."""
    rows = dict(summarize([1.0, 3.0, 4.0], [0.0, 2.0], p_targets=(0.5,), c_miss=10.0, c_fa=1.0).rows())
    assert rows["actual DCF (p_target = 0.5, c_miss = 10, c_fa = 1)"] == "1.0000"
    assert rows["Bayes threshold (p_target = 0.5, c_miss = 10, c_fa = 1)"] == "-2.303"
    assert set(rows) > {"Cllr", "minCllr"}


def test_bad_input_is_refused():
    """Scores and priors."""
    with pytest.raises(DataError, match=r"^target scores: found an array of shape"):
        summarize([], [0.0])
    with pytest.raises(ConfigError, match=r"^p_target: found 1, expected"):
        summarize([1.0], [0.0], p_targets=(1,))
