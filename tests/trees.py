"""Random trees of contexts, models that have them, and what they answer, one question after the other."""

import numpy as np

from gmmspeech.linear.fmllr import FMLLRStats
from gmmspeech.phones.hmm.adaptation import SplicedTransform
from gmmspeech.phones.hmm.adapted_system import AdaptedSystem
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.tree import ContextTree


def grown(rng: np.random.Generator, positions: list[int], num_leaves: int) -> ContextTree:
    """Trees with random questions and splits, states in the order of their positions."""
    phones, roots = len(positions), sum(positions)
    questions = rng.random((5, phones)) < 0.5
    question, right, yes, no, root = [-1] * roots, [False] * roots, [-1] * roots, [-1] * roots, list(range(roots))
    for _ in range(num_leaves - roots):
        node = int(rng.choice([i for i, q in enumerate(question) if q < 0]))
        question[node], right[node] = int(rng.integers(5)), bool(rng.integers(2))
        yes[node], no[node] = len(question), len(question) + 1
        for column, value in ((question, -1), (right, False), (yes, -1), (no, -1), (root, root[node])):
            column += [value, value]
    order = sorted((root[i], i) for i, q in enumerate(question) if q < 0)
    state = np.full(len(question), -1)
    state[[i for _, i in order]] = np.arange(len(order))
    return ContextTree(
        questions, np.cumsum([0, *positions]), np.arange(roots), question, np.array(right), yes, no, state
    )


def descended(tree: ContextTree, phone: int, left: int, right: int) -> list[int]:
    """States by answering one question after the other."""
    found = []
    for root in tree.roots[tree.root_offsets[phone] : tree.root_offsets[phone + 1]].tolist():
        node = root
        while tree.question[node] >= 0:
            asked = right if tree.right[node] else left
            node = int((tree.yes if tree.questions[tree.question[node], asked] else tree.no)[node])
        found.append(int(tree.state[node]))
    return found


def model_of(tree: ContextTree, phones: tuple[str, ...]) -> PhoneHMM:
    """Phone HMMs with such a tree, one Gaussian a state, whose mean is the state's number."""
    count = tree.num_states
    return PhoneHMM(
        phones=phones,
        state_offsets=np.searchsorted(tree.phone_of_state, np.arange(len(phones) + 1)),
        self_loop=np.full(count, 0.5),
        mixture_offsets=np.arange(count + 1),
        weights=np.ones(count),
        means=np.arange(float(count))[:, None],
        variances=np.ones((count, 1)),
        tree=tree,
    )


def system_of(model: PhoneHMM, rng: np.random.Generator) -> AdaptedSystem:
    """A system whose two models are this one."""
    dim = model.dim
    prior = FMLLRStats(9.0, rng.normal(size=(dim, dim + 1)), rng.normal(size=(dim, dim + 1, dim + 1)))
    return AdaptedSystem(SplicedTransform(1, rng.normal(size=(dim, 6))), model, model, prior, 100.0)
