import numpy as np
import pytest
from hypothesis import given, strategies as st
from said import fails

from gmmspeech.errors import DataError
from gmmspeech.files.text import BLANKS, normal_form
from gmmspeech.formats.score_files import read_score_blocks
from gmmspeech.formats.trials import (
    read_labeled_trials,
    read_scores,
    read_speakers,
    read_trials,
    write_scores,
    write_trials,
)
from gmmspeech.scoring.trials import Scores, TrialList


@pytest.mark.parametrize("is_target", [None, np.array([True, False, True])])
def test_trials_come_back_as_written(tmp_path, is_target):
    write_trials(tmp_path / "trials", TrialList(["ann", "bob", "é"], ["u2", "u1", "u1"], is_target))
    found = read_trials(tmp_path / "trials")
    assert list(found.models) == ["ann", "bob", "é"]
    assert list(found.tests) == ["u2", "u1", "u1"]
    np.testing.assert_array_equal(found.is_target, is_target)


def test_trials_of_the_test_corpora(corpus):
    found = read_trials(corpus("librispeech-mini") / "data/sv80/trials")
    assert len(found) == 6400
    assert found.is_target is not None
    assert found.is_target.sum() == 80


def test_lists_of_voxceleb(tmp_path):
    path = tmp_path / "trials"
    path.write_text("1 id1/x/00001.wav id1/y/00002.wav\n0 id1/x/00001.wav id2/z/00001.wav\n1 a/b u\n")
    found = read_trials(path)
    assert found.models == ["id1-x-00001", "id1-x-00001", "a/b"]
    assert found.tests == ["id1-y-00002", "id2-z-00001", "u"]
    assert found.is_target.tolist() == [True, False, True]
    path.write_text("1 u target\n0 u nontarget\n")  # of models 1 and 0
    assert read_trials(path).models == ["1", "0"]
    path.write_text("1 u\n0 u\n")
    assert read_trials(path).models == ["1", "0"]


def test_what_comes_again_counts_again(tmp_path):
    for text in ("a u target\nb u nontarget\na u target\n", "1 a u\n0 b u\n1 a u\n"):
        (tmp_path / "trials").write_text(text)
        (tmp_path / "scores").write_text("a u 2\nb u 1\na u 2.0\n")
        found = read_trials(tmp_path / "trials")
        target, nontarget = read_scores(tmp_path / "scores").split(found)
        assert (target.tolist(), nontarget.tolist()) == ([2, 2], [1])
    (tmp_path / "trials").write_text("a u\na u\n")
    assert read_scores(tmp_path / "scores").align(read_trials(tmp_path / "trials")).tolist() == [2, 2]


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1))
def test_float32_scores_come_back_bit_for_bit(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("scores") / "scores"
    models = [f"m{i}" for i in range(len(values))]
    write_scores(path, Scores(models, ["u"] * len(values), np.array(values)))
    np.testing.assert_array_equal(read_scores(path).values.astype(np.float32), np.array(values, np.float32))


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("a u target\na v imposter\n", ":2: found 'imposter', expected model test target or nontarget"),
        ("a u target\na v\n", ":2: found 2 fields, expected model test target or nontarget$"),
        ("a u\na v target\n", ":2: found 'target', expected .* or model test on every line"),
        ("a\n", ":1: found 1 field"),
        ("a u target x\n", ":1: found 4 fields"),
        ("a u target\n\na v target\n", ":2: found an empty line"),
        ("a u target\n a v target\n", ":2: found a blank before a"),
        ("a u target\nb u target\na u nontarget\n", r":3: found model a, test u again, .* \(it is in line 1\)"),
        (
            "1 a u\n0 b u\n0 a u\n",
            ":3: found model a, test u again, with nontarget, expected target",
        ),
        ("1 a u\n2 b u\n", ":2: found 2 b u, expected 1 or 0, model and test, as before"),
        ("1 a u\n0 b\n", ":2: found 0 b, expected 1 or 0"),
        ("", "found 0 bytes"),
    ],
)
def test_malformed_trial_lists(tmp_path, content, match):
    (tmp_path / "trials").write_text(content)
    fails(match, read_trials, tmp_path / "trials")


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("a u 1.5\na v high\n", ":2: found 'high', expected a number"),
        ("a u nan\n", ":1: found 'nan', expected a number"),
        ("a u\n", ":1: found 2 fields, expected 3"),
        ("a u 1\na u 2\n", ":2: found model a, test u again"),
    ],
)
def test_malformed_scores(tmp_path, content, match):
    (tmp_path / "scores").write_text(content)
    fails(match, read_scores, tmp_path / "scores")


def test_what_could_not_be_read_back_is_not_written(tmp_path):
    path = tmp_path / "out"
    for name in ("a b", "", "a\n"):
        fails("can't hold the id", write_trials, path, TrialList([name], ["u"]))
        fails("can't hold the id", write_scores, path, Scores(["a"], [name], np.zeros(1)))
    fails("nothing to write", write_scores, path, Scores([], [], np.zeros(0)))
    assert list(tmp_path.iterdir()) == []
    fails("can't be read", read_scores, path)


def test_labels_that_are_needed(tmp_path):
    path = tmp_path / "trials"
    for text, message in (
        ("ann u1\n", "trials: found no labels, expected target or nontarget"),
        ("ann u1 target\n", "trials: found no nontarget trials among 1"),
        ("ann u1 nontarget\nbob u1 nontarget\n", "trials: found no target trials among 2"),
    ):
        path.write_text(text)
        fails(message, read_labeled_trials, path)
    path.write_text("ann u1 target\nbob u1 nontarget\n")
    assert read_labeled_trials(path).is_target.tolist() == [True, False]


def test_speakers_from_several_files(tmp_path):
    """Names that are no speaker's own are those of the files, and a file may repeat another."""
    first, second = tmp_path / "utt2spk", tmp_path / "models"
    first.write_text("u1 ann\nu2 bob\n")
    second.write_text("u1 ann\nann-model ann\nbob bob-senior\n")
    expected = {"u1": "ann", "u2": "bob", "ann": "ann", "ann-model": "ann", "bob": "bob-senior"}
    assert read_speakers([first, second]) == {**expected, "bob-senior": "bob-senior"}
    second.write_text("u2 ann\n")
    with pytest.raises(DataError, match=r"models: found u2 of speaker ann, expected bob as in another file"):
        read_speakers([first, second])


def test_ids_that_look_alike_are_told(tmp_path):
    composed, decomposed = "ren\u00e9", "rene\u0301"
    path = tmp_path / "trials"
    path.write_text(f"{composed} u target\n{decomposed} v nontarget\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"trials: found .* twice, in two Unicode normalization forms"):
        read_trials(path)
    path.write_text(f"{decomposed} u target\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"found no score .*looks alike, in another Unicode normalization form"):
        Scores([composed], ["u"], np.array([1.0])).align(read_trials(path))


IDS = st.text(st.characters(exclude_characters=BLANKS + "\0\ufeff", exclude_categories=["Cs"]), min_size=1)


@given(st.lists(st.tuples(IDS, IDS, st.floats(width=32, allow_nan=False)), min_size=1))
def test_scores_of_any_ids_come_back(tmp_path_factory, rows):
    models, tests = ({normal_form(row[i]): row[i] for row in rows} for i in (0, 1))  # one of those that look alike
    once = {(models[normal_form(m)], tests[normal_form(t)]): value for m, t, value in rows}
    names, values = list(zip(*once, strict=True)), np.array(list(once.values()))
    path = tmp_path_factory.mktemp("scores") / "scores"
    write_scores(path, Scores(*names, values))
    found = read_scores(path)
    assert [tuple(found.models), tuple(found.tests)] == names
    np.testing.assert_array_equal(found.values.astype(np.float32), values.astype(np.float32))


@pytest.mark.parametrize("value", ["1_0", "١", "0x1p3", "nan", "1e999", "1,5", "infinit", "9" * 10**5 + "x"])
def test_what_is_no_score(tmp_path, value):
    (tmp_path / "scores").write_text(f"a u 1\nb u {value}\n", encoding="utf-8")
    for read in (read_scores, lambda path: list(read_score_blocks(path))):
        with pytest.raises(DataError, match=r"scores:2: found '.*, expected a number as the score") as raised:
            read(tmp_path / "scores")
        assert len(str(raised.value)) < 400
