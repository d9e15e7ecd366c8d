"""Tied triphones: phone HMMs whose states depend on the phones beside them, trained from an alignment."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from gmmspeech.phones.hmm.context_statistics import ContextStats, phone_contexts
from gmmspeech.phones.hmm.forward_backward import StatePosteriors
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.tree import ContextTree


def tied_model(model: PhoneHMM, tree: ContextTree, stats: ContextStats, center: NDArray[np.float64]) -> PhoneHMM:
    """One Gaussian a leaf of a tree, of the frames that lead to it; a leaf that has none is as all of its position."""
    leaf = leaves_of(tree, stats)
    count = tree.num_states
    moments = np.concatenate([stats.n[:, None], stats.sum_x, stats.sum_xx], axis=1)
    sums = np.zeros((count, moments.shape[1]))
    np.add.at(sums, leaf, moments)
    of_root = np.zeros((len(tree.roots), moments.shape[1]))
    np.add.at(of_root, stats.root, moments)
    sums = np.where(sums[:, :1] > 0, sums, of_root[tree.root_of_state])
    everything = moments.sum(axis=0)
    sums = np.where(sums[:, :1] > 0, sums, everything)
    n, dim = sums[:, :1], model.dim
    means = sums[:, 1 : 1 + dim] / n
    total = everything[1 + dim :] / everything[0] - (everything[1 : 1 + dim] / everything[0]) ** 2
    variances = np.maximum(sums[:, 1 + dim :] / n - means**2, 0.01 * total)
    stay = np.add.reduceat(model.self_loop, np.searchsorted(model.position_of_state, np.arange(len(tree.roots))))
    stay = stay / np.bincount(model.position_of_state, minlength=len(tree.roots))
    phone = np.repeat(np.arange(tree.num_phones), tree.positions)[tree.root_of_state]
    return PhoneHMM(
        phones=model.phones,
        state_offsets=np.searchsorted(phone, np.arange(tree.num_phones + 1)),
        self_loop=stay[tree.root_of_state],
        mixture_offsets=np.arange(count + 1),
        weights=np.ones(count),
        means=means + center,
        variances=variances,
        silence=model.silence,
        front_end=model.front_end,
        tree=tree,
    )


def leaves_of(tree: ContextTree, stats: ContextStats) -> NDArray[np.intp]:
    """State that each context of some statistics leads to."""
    return _leaves(tree, stats.root, stats.left, stats.right)


def in_states_of(tied: PhoneHMM, model: PhoneHMM, posteriors: StatePosteriors) -> StatePosteriors:
    """Give an alignment by one model in the states that a tied one has in the same positions."""
    known = phone_contexts(model, posteriors)
    assert tied.tree is not None
    state = _leaves(tied.tree, known.root, known.left, known.right)
    return StatePosteriors(
        frame=known.frame,
        state=state,
        weight=np.ones(len(state)),
        stays=np.bincount(state[known.stays], minlength=tied.num_states).astype(np.float64),
        log_likelihood=posteriors.log_likelihood,
    )


def _leaves(
    tree: ContextTree, root: NDArray[np.intp], left: NDArray[np.intp], right: NDArray[np.intp]
) -> NDArray[np.intp]:
    phone = np.searchsorted(tree.root_offsets, root, side="right") - 1
    found = np.empty(len(root), dtype=np.intp)
    for p in np.unique(phone):
        here = phone == p
        found[here] = tree.table(p)[root[here] - tree.root_offsets[p], left[here], right[here]]
    return found
