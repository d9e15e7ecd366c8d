import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmmspeech.errors import DataError
from gmmspeech.scoring.trials import Scores, TrialList

pairs = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("uvwx")), min_size=1, unique=True)


@given(scored=pairs, data=st.data())
def test_split_is_what_a_dictionary_gives(scored, data):
    chosen = data.draw(st.lists(st.sampled_from(scored), min_size=1, unique=True))
    is_target = np.array(data.draw(st.lists(st.booleans(), min_size=len(chosen), max_size=len(chosen))))
    values = np.random.default_rng(0).normal(size=len(scored))
    by_pair = dict(zip(scored, values, strict=True))
    expected = np.array([by_pair[pair] for pair in chosen])
    trials = TrialList([m for m, _ in chosen], [t for _, t in chosen], is_target)
    scores = Scores([m for m, _ in scored], [t for _, t in scored], values)
    target, nontarget = scores.split(trials)
    np.testing.assert_array_equal(target, expected[is_target])
    np.testing.assert_array_equal(nontarget, expected[~is_target])
    np.testing.assert_array_equal(scores.align(trials), expected)


@pytest.mark.parametrize(
    ("models", "tests", "match"),
    [
        (["a", "b"], ["u", "v"], r"trial of model b, test v: found no score \(1 such of 2\)"),
        (["z", "z"], ["u", "v"], r"trial of model z, test u: found no score \(2 such of 2\)"),
        (["a", "a"], ["u", "z"], "trial of model a, test z: found no score"),
        (["a", "a"], ["u", "u"], "trial of model a, test u: found more than once"),
    ],
)
def test_trials_that_can_not_be_joined(models, tests, match):
    scores = Scores(["a", "b", "a"], ["u", "u", "v"], np.arange(3.0))
    with pytest.raises(DataError, match=match):
        scores.split(TrialList(models, tests, np.array([True, False])))


def test_scores_that_can_not_be_joined():
    trials = TrialList(["a"], ["u"], np.array([True]))
    with pytest.raises(DataError, match="score of model b, test u: found more than once"):
        Scores(["b", "a", "b"], ["u", "u", "u"], np.arange(3.0)).split(trials)
    with pytest.raises(DataError, match="model a, test u: found no score"):
        Scores([], [], np.zeros(0)).split(trials)
    with pytest.raises(DataError, match="1 trials: found no labels"):
        Scores(["a"], ["u"], np.zeros(1)).split(TrialList(["a"], ["u"]))


def test_columns_must_fit_and_scores_be_numbers():
    with pytest.raises(DataError, match=r"trials: found columns of lengths .*'tests': 2"):
        TrialList(["a"], ["u", "v"])
    with pytest.raises(DataError, match=r"trials: found columns of lengths .*'is_target': 2"):
        TrialList(["a"], ["u"], np.array([True, False]))
    with pytest.raises(DataError, match="scores: found columns of lengths"):
        Scores(["a"], ["u"], np.zeros(2))
    with pytest.raises(DataError, match="score of model b, test v: found nan"):
        Scores(["a", "b"], ["u", "v"], np.array([np.inf, np.nan]))
