import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from gmmspeech.errors import DataError
from gmmspeech.formats.trials import write_scores, write_trials
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
        (["u", "v"], ["a", "b"], "model u, test a: found no score .* models: are the columns swapped"),
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
    with pytest.raises(DataError, match="1 trial: found no labels"):
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


PAIRS = ["a", "b"], ["u", "v"]


@pytest.mark.parametrize("kind", [list, tuple, np.array, pd.Series, lambda x: np.array(x, object)])
def test_columns_of_any_kind_become_lists_and_arrays(kind, tmp_path):
    """What is written of them comes back; integers are numbers too."""
    scores = Scores(*map(kind, PAIRS), kind([1, -2]))
    assert scores.values.dtype == np.float64
    trials = TrialList(*map(kind, PAIRS), kind([True, False]))
    assert trials.is_target.dtype == np.bool_
    assert {type(name) for pairs in (scores, trials) for name in (*pairs.models, *pairs.tests)} == {str}
    assert [found.tolist() for found in scores.split(trials)] == [[1.0], [-2.0]]
    write_scores(tmp_path / "scores", scores)
    write_trials(tmp_path / "trials", trials)
    assert (tmp_path / "scores").read_text() == "a u 1\nb v -2\n"
    assert (tmp_path / "trials").read_text() == "a u target\nb v nontarget\n"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Scores(*PAIRS, ["1", "2"]), r"^Scores: values: found something that is no number \(text\)"),
        (lambda: Scores(*PAIRS, None), r"^Scores: values: found something that is no number \(None\)"),
        (lambda: Scores(*PAIRS, np.zeros((2, 1))), r"^Scores: values: found ndarray of shape \(2, 1\), expected one"),
        (lambda: Scores(*PAIRS, 1.0), r"^Scores: values: found array.1\.., expected one number for each pair$"),
        (lambda: Scores(*PAIRS, np.ma.array([1, 2], mask=[1, 0])), r"^Scores: values: found 1 masked"),
        (lambda: Scores(*PAIRS, [1.0, np.nan]), r"^score of model b, test v: found nan, expected a number$"),
        (lambda: Scores("ab", ["u", "v"], [1, 2]), r"^Scores: models: found 'ab', expected a list of labels$"),
        (lambda: Scores([1, 2], ["u", "v"], [1, 2]), r"^Scores: models: found .*1.*, expected text$"),
        (lambda: Scores(["a", "b"], ["u", None], [1, 2]), r"^Scores: tests: found None, expected text"),
        (lambda: Scores([["a"], ["b"]], ["u", "v"], [1, 2]), r"^Scores: models: found .*, expected names in a row$"),
        (lambda: Scores(["a"], ["u", "v"], [1, 2]), r"^scores: found columns of lengths"),
        (lambda: TrialList(*PAIRS, ["target", "nontarget"]), r"^TrialList: is_target: found something that is no"),
        (lambda: TrialList(*PAIRS, [2, 0]), r"^TrialList: is_target: found .*, expected True and False in a row$"),
        (lambda: TrialList(*PAIRS, [[True, False]]), r"^TrialList: is_target: found .*, expected True and False"),
        (lambda: TrialList({"a": 1, "b": 2}, ["u", "v"]), r"^TrialList: models: found .*, expected a list of labels$"),
        (lambda: TrialList(["a", np.nan], ["u", "v"]), r"^TrialList: models: found nan, expected text"),
    ],
)
def test_other_columns_are_refused_by_name(make, message):
    with pytest.raises(DataError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
