"""Growing of trees: splits that add most to the likelihood, as counted from the frames themselves."""

import itertools

import numpy as np
import pytest

from gmmspeech.phones.hmm.context_statistics import ContextStats
from gmmspeech.phones.hmm.tree_growing import grow_tree, phone_questions

ROOTS = np.array([0, 1, 3, 4, 5])  # SIL has one position, A two, B and C one


def speech(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Frames with their root, left and right phone: A's first position hears what is before it, C what is behind."""
    rng = np.random.default_rng(seed)
    root, left, right = rng.integers(0, 5, 4000), rng.integers(0, 4, 4000), rng.integers(0, 4, 4000)
    mean = root * 5.0 + 3.0 * ((root == 1) & (left >= 2)) + 2.0 * ((root == 4) & (right == 1))
    return rng.normal(mean[:, None] + [0.0, 1.0], 1.0), root, left, right


def statistics(frames, root, left, right) -> ContextStats:
    """Sums of each context, one after the other."""
    key = (root * 4 + left) * 4 + right
    keys = np.unique(key)
    parts = [frames[key == k] for k in keys]
    sums = ([len(x) for x in parts], [x.sum(0) for x in parts], [(x**2).sum(0) for x in parts])
    return ContextStats(keys, *(np.array(s, np.float64) for s in sums), 4)


def gaussian(frames: np.ndarray) -> float:
    """Log-likelihood of frames under their own Gaussian."""
    variance = frames.var(axis=0)
    return float(-0.5 * (np.log(2 * np.pi * variance) + (frames - frames.mean(0)) ** 2 / variance).sum())


QUESTIONS = np.array([list(q) for q in itertools.product([False, True], repeat=4)][1:-1])


def test_splits_are_those_that_add_most_to_the_likelihood():
    frames, root, left, right = speech(0)
    tree = grow_tree(statistics(frames, root, left, right), QUESTIONS, ROOTS, num_leaves=7, whole=[0])
    gains = {
        (r, q, side): gaussian(x[yes]) + gaussian(x[~yes]) - gaussian(x)
        for r in range(1, 5)
        for q in range(len(QUESTIONS))
        for side, beside in enumerate((left, right))
        for x, yes in [(frames[root == r], QUESTIONS[q][beside][root == r])]
    }
    best = {r: max(gain for (of, _, _), gain in gains.items() if of == r) for r in (1, 4)}
    split = [node for node in range(5) if tree.question[node] >= 0]
    assert split == [1, 4]  # where a neighbor is heard, and not twice
    for node in split:
        assert gains[node, int(tree.question[node]), int(tree.right[node])] == pytest.approx(best[node], rel=1e-9)
    assert tree.right[split].tolist() == [False, True]


def test_leaves_keep_enough_frames_and_silence_whole():
    frames, root, left, right = speech(1)
    tree = grow_tree(
        statistics(frames, root, left, right), QUESTIONS, ROOTS, num_leaves=500, whole=[0], min_occupancy=150
    )
    phone = np.searchsorted(ROOTS, root, side="right") - 1
    state = np.array([tree.states(p, a, b)[r - ROOTS[p]] for p, r, a, b in zip(phone, root, left, right, strict=True)])
    assert np.bincount(state, minlength=tree.num_states).min() >= 150
    assert tree.question[0] == -1
    assert 5 < tree.num_states < 500


def test_splits_must_add_what_is_asked_for():
    stats = statistics(*speech(2))
    assert grow_tree(stats, QUESTIONS, ROOTS, num_leaves=500, min_gain=1e9).num_states == 5
    some, many = (grow_tree(stats, QUESTIONS, ROOTS, num_leaves=500, min_gain=gain).num_states for gain in (50.0, 0.0))
    assert 7 <= some < many


def test_questions_are_clusters_of_phones_that_sound_alike():
    rng = np.random.default_rng(0)
    roots = np.array([0, 3, 6, 9, 12, 15])  # SIL and four phones of three positions
    middle = {0: -9.0, 1: 0.0, 2: 0.5, 3: 8.0, 4: 8.4}
    root = np.repeat(np.arange(15), 200)
    mean = np.array([middle[r // 3] if r % 3 == 1 else rng.normal(0, 9) for r in range(15)])  # edges tell nothing
    frames = rng.normal(mean[root][:, None], 1.0)
    keys = np.arange(15) * 25
    parts = [frames[root == r] for r in range(15)]
    stats = ContextStats(
        keys, np.full(15, 200.0), np.array([x.sum(0) for x in parts]), np.array([(x**2).sum(0) for x in parts]), 5
    )
    found = {frozenset(np.flatnonzero(q).tolist()) for q in phone_questions(stats, roots, whole=[0])}
    assert found == {frozenset([p]) for p in range(5)} | {frozenset([1, 2]), frozenset([3, 4])}
