"""Kaldi's decision trees: what is left of them for a state, and what is wrong with bad ones."""

import numpy as np
import pytest

from gmmspeech.errors import DataError
from gmmspeech.formats.kaldi.tree import answers, context_tree, read_tree, write_tree

TEXT = """ContextDependency 3 1 ToPdf SE 1 [ 1 2 ]
{ SE -1 [ 0 ]
{ CE 0 CE 1 } TE 1 3 ( NULL NULL SE 0 [ 1 3 ] { CE 2 CE 3 } ) } EndContextDependency
"""


def test_questions_of_the_phone_and_the_class_are_answered(tmp_path):
    path = tmp_path / "tree"
    path.write_text(TEXT.replace("SE 1 [ 1 2 ]\n{ SE -1", "SE 1 [ 1 ]\n{ SE -1"))
    tree = read_tree(str(path))
    assert [tree.of_state(1, state) for state in (0, 1)] == [0, 1]
    assert tree.of_state(2, 0) == (0, frozenset({1, 3}), 2, 3)
    assert answers(tree.of_state(2, 1)) == {2, 3}
    with pytest.raises(ValueError, match="no answer"):
        tree.of_state(3, 0)
    made, pdfs = context_tree(tree, [1, 2], [[0, 1], [tree.of_state(2, 0)]])
    assert pdfs == [0, 1, 2, 3]
    assert [made.states(1, left, 0).tolist() for left in (0, 1)] == [[2], [3]]
    for binary in (True, False):
        write_tree(str(path), pdfs, made.root_offsets.tolist(), made, binary=binary)
        again = read_tree(str(path))
        assert again.of_state(2, 0) == (0, frozenset({1}), 2, 3)
        assert again.of_state(1, 1) == 1


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("3 1 ToPdf", "5 2 ToPdf", "found contexts of 5 phones around place 2"),
        ("CE 0", "XX 0", "found 'XX'"),
        ("CE 0", "NULL", "question without an answer"),
        ("{ CE 2", "( CE 2", "expected {"),
        (" } EndContextDependency", "", "cut short"),
        ("[ 1 3 ]", "[ 1 x ]", "expected . whole numbers"),
        ("EndContextDependency", "EndContextDependency more", "expected the end"),
    ],
)
def test_bad_trees(tmp_path, old, new, match):
    path = tmp_path / "tree"
    path.write_text(TEXT.replace(old, new))
    with pytest.raises(DataError, match=f"tree: .*{match}"):
        read_tree(str(path))


def test_a_question_may_ask_for_nothing_here(tmp_path):
    path = tmp_path / "tree"
    path.write_text(TEXT)
    tree = read_tree(str(path))
    made, _ = context_tree(tree, [2], [[(0, frozenset({1, 3}), 2, 3)]])
    assert not made.questions.any()
    assert np.array_equal(made.states(0, 0, 0), [1])
