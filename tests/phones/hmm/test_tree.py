"""Trees of contexts: which state a phone has between which others."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from trees import descended, grown, model_of

from gmmspeech.errors import ModelError
from gmmspeech.formats.loading import load
from gmmspeech.phones.hmm.tree import ContextTree, same_tree


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(7, 25))
def test_states_are_those_that_the_answers_lead_to(seed, leaves):
    tree = grown(np.random.default_rng(seed), [1, 3, 2, 1], leaves)
    for phone in range(4):
        for left in range(4):
            for right in range(4):
                assert tree.states(phone, left, right).tolist() == descended(tree, phone, left, right)
    assert tree.root_of_state.tolist() == sorted(tree.root_of_state.tolist())
    assert tree.num_states == leaves


def own_states(tree: ContextTree, phone: int) -> list[int]:
    """States of all contexts of a phone."""
    first, end = tree.root_offsets[phone : phone + 2]
    return np.flatnonzero((tree.root_of_state >= first) & (tree.root_of_state < end)).tolist()


def test_copies_have_the_states_of_their_source_in_the_same_contexts():
    tree = grown(np.random.default_rng(3), [1, 3, 2, 1], 20)
    sources = [0, 2, 1, None, 2]
    copied = tree.mapped(sources, positions=2)
    known = [new for new, old in enumerate(sources) if old is not None]
    assert own_states(copied, 3) == copied.states(3, 0, 0).tolist()  # two, in any context
    for new in known:
        ours, theirs = own_states(copied, new), own_states(tree, sources[new])
        assert len(ours) == len(theirs)
        for left in known:
            for right in known:
                expected = tree.states(sources[new], sources[left], sources[right])
                assert (copied.states(new, left, right) - ours[0]).tolist() == (expected - theirs[0]).tolist()


def test_model_with_a_tree_comes_back_from_its_file(tmp_path):
    model = model_of(grown(np.random.default_rng(1), [1, 3, 2, 1], 15), ("SIL", "A", "B", "C"))
    model.save(tmp_path / "phones.h5")
    loaded = load(tmp_path / "phones.h5")
    assert [s.tolist() for s in loaded.states_of(["A", "B", "C"])] == [
        s.tolist() for s in model.states_of(["A", "B", "C"])
    ]
    assert "15 tied triphone states" in loaded.describe()[0]
    contexts = int((model.tree.root_of_state == 6).sum())
    assert loaded.state_name(14) == f"phone C, state 1 of 1, context {contexts}"


def test_contexts_are_kept_and_told(tmp_path):
    tree = dataclasses.replace(grown(np.random.default_rng(1), [1, 3, 2, 1], 15), word_internal=True)
    model_of(tree, ("SIL", "A", "B", "C")).save(tmp_path / "phones.h5")
    loaded = load(tmp_path / "phones.h5")
    assert loaded.tree.word_internal
    told = [line for line in loaded.describe() if line.startswith("trees: ")]
    sizes = np.bincount(tree.root_of_state)
    leaves = f"{min(sizes)} to {max(sizes)} leaves each"
    assert told == [f"trees: 7 positions of phones with {leaves}, 5 questions, word-internal contexts"]
    assert tree.mapped([0, 2, 1], positions=2).word_internal
    assert not same_tree(tree, dataclasses.replace(tree, word_internal=False))


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("state", [0, 0, 2, 3, 4, 5, 6], "once each"),
        ("question", [9, -1, -1, -1, -1, -1, -1], "state"),
        ("root_offsets", [0, 1, 4, 6, 8], "rising numbers"),
        ("roots", [0, 1, 2, 3, 4, 5], "root_offsets"),
        ("questions", np.zeros((1, 3), bool), r"expected \(Q, P\)"),
        ("yes", [0, 1], "one for each node"),
        ("state", [0.5, 1, 2, 3, 4, 5, 6], "whole numbers"),
    ],
)
def test_arrays_that_are_no_tree_are_refused(name, value, expected):
    tree = ContextTree.untied([1, 3, 2, 1])
    with pytest.raises(ModelError, match=f"ContextTree: .*{expected}"):
        dataclasses.replace(tree, **{name: np.array(value)})


def test_node_that_leads_back_is_refused():
    tree = grown(np.random.default_rng(0), [1, 1], 4)
    yes = tree.yes.copy()
    yes[np.flatnonzero(tree.question >= 0)[-1]] = 0
    with pytest.raises(ModelError, match="behind another"):
        dataclasses.replace(tree, yes=yes)


def test_tree_of_another_model_is_refused():
    tree = ContextTree.untied([1, 1, 2])
    model = model_of(tree, ("SIL", "A", "B"))
    with pytest.raises(ModelError, match="found a tree of 4 phones and 5 states, expected 3 and 4"):
        dataclasses.replace(model, tree=ContextTree.untied([1, 1, 2, 1]))
    with pytest.raises(ModelError, match="beside each other"):
        dataclasses.replace(model, tree=ContextTree.untied([1, 2, 1]))


def test_trees_are_compared():
    one, two = (grown(np.random.default_rng(seed), [1, 3, 2, 1], 20) for seed in (1, 2))
    assert same_tree(one, dataclasses.replace(one))
    assert same_tree(None, None)
    assert not same_tree(one, two)
    assert not same_tree(one, None)
