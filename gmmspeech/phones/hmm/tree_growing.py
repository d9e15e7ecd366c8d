"""Growing of decision trees: questions from clusters of phones, and splits by their gain in likelihood.

A set of contexts is modeled by one Gaussian, so that the likelihood of its frames depends only on their count and
variance (Young, Odell and Woodland 1994). The split with the largest gain is made first, until there are enough leaves.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmspeech.phones.hmm.context_statistics import ContextStats
from gmmspeech.phones.hmm.tree import ContextTree

LEAST_VARIANCE = 0.01  # relative to that of all frames, in what a split is worth


def phone_questions(stats: ContextStats, root_offsets: NDArray[np.intp], whole: Sequence[int]) -> NDArray[np.bool_]:
    """Sets of phones that sound alike, (Q, P): each phone alone, and all clusters on the way to one of all.

    The two clusters whose union costs the least likelihood are joined, again and again, by the frames of the middle
    position of each phone. Phones that are not tied themselves, such as silence, are in no cluster.
    """
    middle = root_offsets[:-1] + (np.diff(root_offsets) - 1) // 2
    moments = np.stack([stats.moments[stats.root == root].sum(axis=0) for root in middle])
    floor = _floor(stats)
    seen = [p for p in range(len(middle)) if p not in whole and moments[p, 0] > 0]
    clusters = {p: frozenset([p]) for p in seen}
    found = [frozenset([p]) for p in range(len(middle))]
    sums = {p: moments[p] for p in seen}
    while len(clusters) > 2:  # the last question but one: all but one cluster is that one's question anew
        names = list(clusters)
        rows = np.stack([sums[p] for p in names])
        own = _log_likelihoods(rows, floor)
        a, b = np.triu_indices(len(names), 1)
        loss = own[a] + own[b] - _log_likelihoods(rows[a] + rows[b], floor)
        best = int(np.argmin(loss))
        one, other = names[a[best]], names[b[best]]
        clusters[one] |= clusters.pop(other)
        sums[one] = sums[one] + sums.pop(other)
        found.append(clusters[one])
    questions = np.zeros((len(found), len(middle)), dtype=np.bool_)
    for question, members in zip(questions, found, strict=True):
        question[list(members)] = True
    return questions


def grow_tree(
    stats: ContextStats,
    questions: NDArray[np.bool_],
    root_offsets: NDArray[np.intp],
    *,
    num_leaves: int,
    whole: Sequence[int] = (),
    min_occupancy: float = 100.0,
    min_gain: float = 0.0,
    word_internal: bool = False,
) -> ContextTree:
    """Grow trees for all positions of all phones together.

    Parameters
    ----------
    stats : ContextStats
    questions : ndarray of bool, shape (Q, P)
    root_offsets : ndarray of int, shape (P + 1,)
        First position of each phone.
    num_leaves : int
        Of all trees; fewer where no split is left that is allowed.
    whole : sequence of int
        Phones that are the same in every context, such as silence.
    min_occupancy : float
        Frames that each leaf must have.
    min_gain : float
        Nats that a split must add to the log-likelihood of all its frames.
    word_internal : bool
        Whether contexts of the statistics end where words do.
    """
    grower = _Grower(stats, questions, min_occupancy)
    kept = {root for p in whole for root in range(root_offsets[p], root_offsets[p + 1])}
    order, starts = np.argsort(stats.root, kind="stable"), np.arange(root_offsets[-1] + 1)
    edges = np.searchsorted(stats.root[order], starts)
    nodes = [_Node(order[edges[root] : edges[root + 1]], root) for root in range(root_offsets[-1])]
    queue: list[tuple[float, int, int, bool]] = []

    def offer(node: int) -> None:
        gain, question, right = grower.best_split(nodes[node].rows)
        if question >= 0 and gain > min_gain:
            heapq.heappush(queue, (-gain, node, question, right))

    for root in range(len(nodes)):
        if root not in kept:
            offer(root)
    leaves = len(nodes)
    while queue and leaves < num_leaves:
        _, node, question, right = heapq.heappop(queue)
        answered = grower.answers(nodes[node].rows, question, right)
        nodes[node].question, nodes[node].right = question, right
        nodes[node].yes, nodes[node].no = len(nodes), len(nodes) + 1
        for rows in (nodes[node].rows[answered], nodes[node].rows[~answered]):
            nodes.append(_Node(rows, nodes[node].root))
        offer(len(nodes) - 2)
        offer(len(nodes) - 1)
        leaves += 1
    in_order = sorted((node.root, i) for i, node in enumerate(nodes) if node.question < 0)
    state = np.full(len(nodes), -1)
    state[[i for _, i in in_order]] = np.arange(len(in_order))
    return ContextTree(
        questions=questions,
        root_offsets=root_offsets,
        roots=np.arange(root_offsets[-1]),
        question=np.array([node.question for node in nodes]),
        right=np.array([node.right for node in nodes]),
        yes=np.array([node.yes for node in nodes]),
        no=np.array([node.no for node in nodes]),
        state=state,
        word_internal=word_internal,
    )


@dataclass(eq=False)
class _Node:
    rows: NDArray[np.intp]  # of the statistics
    root: int
    question: int = -1
    right: bool = False
    yes: int = -1
    no: int = -1


class _Grower:
    """Statistics and questions, and which question splits rows of the statistics best."""

    def __init__(self, stats: ContextStats, questions: NDArray[np.bool_], min_occupancy: float) -> None:
        self.moments, self.floor = stats.moments, _floor(stats)
        self.sides = (stats.left, stats.right)
        self.questions, self.min_occupancy = questions, min_occupancy

    def answers(self, rows: NDArray[np.intp], question: int, right: bool) -> NDArray[np.bool_]:
        return self.questions[question][self.sides[right][rows]]

    def best_split(self, rows: NDArray[np.intp]) -> tuple[float, int, bool]:
        """Gain in nats, question and side; -1 where none leaves enough frames on either side."""
        moments = self.moments[rows]
        total = moments.sum(axis=0)
        if not len(rows) or total[0] < 2 * self.min_occupancy:
            return 0.0, -1, False
        asked = np.concatenate([self.questions[:, side[rows]] for side in self.sides])
        yes = asked.astype(np.float64) @ moments
        no = total - yes
        allowed = np.minimum(yes[:, 0], no[:, 0]) >= self.min_occupancy
        if not allowed.any():
            return 0.0, -1, False
        gain = np.full(len(asked), -np.inf)
        gain[allowed] = _log_likelihoods(yes[allowed], self.floor) + _log_likelihoods(no[allowed], self.floor)
        best = int(np.argmax(gain))
        found = float(gain[best] - _log_likelihoods(total[None], self.floor)[0])
        return found, best % len(self.questions), best >= len(self.questions)


def _floor(stats: ContextStats) -> NDArray[np.float64]:
    total = stats.n.sum()
    mean = stats.sum_x.sum(axis=0) / total
    return np.maximum(LEAST_VARIANCE * (stats.sum_xx.sum(axis=0) / total - mean**2), np.finfo(np.float64).tiny)


def _log_likelihoods(moments: NDArray[np.float64], floor: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-likelihoods of sets of frames under a Gaussian each, but for a constant a frame; shape (sets,)."""
    n, dim = moments[:, :1], (moments.shape[1] - 1) // 2
    variances = np.maximum(moments[:, 1 + dim :] / n - (moments[:, 1 : 1 + dim] / n) ** 2, floor)
    return -0.5 * n[:, 0] * np.log(variances).sum(axis=1)
