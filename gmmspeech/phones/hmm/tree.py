"""Decision trees for states in context: questions about the neighboring phones, with states as leaves.

Each position of each phone has its own tree (Young, Odell and Woodland 1994), so that a state belongs to one position
of one phone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gmmspeech.arguments import set_fields, told
from gmmspeech.checks import real_array
from gmmspeech.errors import ModelError, counted
from gmmspeech.files.saving import State, from_fields

Contexts = Literal["cross-word", "word-internal"]

Variant = tuple[list[int], list[int], NDArray[np.intp]]
"""Neighbors to the left, to the right, and the states between any two of them."""


@dataclass(frozen=True, eq=False)
class ContextTree:
    """Binary trees over the phones left and right of a phone, with the states of a model as leaves.

    Parameters
    ----------
    questions : ndarray of bool, shape (Q, P)
        Sets of phones, by their index in the model.
    root_offsets : ndarray of int, shape (P + 1,)
        First root of each phone; a phone has one for each of its positions, in order.
    roots : ndarray of int, shape (R,)
        Root nodes of the trees.
    question : ndarray of int, shape (M,)
        Index of the question of each node; -1 for a leaf.
    right : ndarray of bool, shape (M,)
        Whether the question is about the next phone, or about the previous one.
    yes, no : ndarray of int, shape (M,)
        Nodes that the answers lead to, after the node itself; -1 for a leaf.
    state : ndarray of int, shape (M,)
        State of each leaf, each once; -1 for other nodes.
    word_internal : bool
        Whether phones of other words count as silence, so that contexts do not cross word boundaries.

    Raises
    ------
    ModelError
        Arrays that don't match, or a node that is not after the one that leads to it.

    Examples
    --------
    >>> tree = ContextTree.untied([3, 3])
    >>> tree.num_states, tree.states(1, left=0, right=0).tolist()
    (6, [3, 4, 5])
    """

    questions: NDArray[np.bool_]
    root_offsets: NDArray[np.intp]
    roots: NDArray[np.intp]
    question: NDArray[np.intp]
    right: NDArray[np.bool_]
    yes: NDArray[np.intp]
    no: NDArray[np.intp]
    state: NDArray[np.intp]
    word_internal: bool = False

    def __post_init__(self) -> None:
        for name in ("root_offsets", "roots", "question", "yes", "no", "state"):
            numbers = real_array(getattr(self, name), f"ContextTree: {name}", ModelError)
            if numbers.ndim != 1 or not (numbers == np.trunc(numbers)).all():
                raise ModelError(f"ContextTree: {name}: found {told(numbers)}, expected a row of whole numbers")
            set_fields(self, **{name: numbers.astype(np.intp)})
        for name in ("questions", "right"):
            set_fields(self, **{name: np.asarray(getattr(self, name)).astype(np.bool_)})
        self._check()

    @classmethod
    def untied(cls, positions: list[int]) -> ContextTree:
        """Trees that ask nothing: each position of each phone is a state, in order."""
        total = sum(positions)
        nothing = np.full(total, -1)
        return cls(
            questions=np.zeros((0, len(positions)), dtype=np.bool_),
            root_offsets=np.cumsum([0, *positions]),
            roots=np.arange(total),
            question=nothing,
            right=np.zeros(total, dtype=np.bool_),
            yes=nothing,
            no=nothing,
            state=np.arange(total),
        )

    @property
    def num_states(self) -> int:
        """S, the number of leaves."""
        return int((self.state >= 0).sum())

    @cached_property
    def positions(self) -> NDArray[np.intp]:
        """Number of states that each phone goes through, shape (P,)."""
        return np.diff(self.root_offsets)

    @property
    def num_phones(self) -> int:
        """P."""
        return len(self.root_offsets) - 1

    @classmethod
    def from_state(cls, state: State) -> ContextTree:
        """Make a tree of its saved fields; contexts of files of before do not end where words do."""
        return from_fields(cls, {"word_internal": False, **state})

    @property
    def contexts(self) -> Contexts:
        """Name of the contexts: whether they end where words do."""
        return "word-internal" if self.word_internal else "cross-word"

    def describe(self) -> str:
        """Tell in one line how many leaves there are, and of what contexts."""
        sizes = np.bincount(self.root_of_state)
        leaves = f"{counted(len(sizes), 'position')} of phones with {sizes.min()} to {sizes.max()} leaves each"
        return f"{leaves}, {counted(len(self.questions), 'question')}, {self.contexts} contexts"

    @cached_property
    def root_of_state(self) -> NDArray[np.intp]:
        """Root, by its index in `roots`, of the tree that each state is a leaf of, shape (S,)."""
        root = np.full(len(self.state), -1)
        root[self.roots] = np.arange(len(self.roots))
        for node in np.flatnonzero(self.question >= 0):  # which its answers lie behind
            root[[self.yes[node], self.no[node]]] = root[node]
        leaves = np.flatnonzero(self.state >= 0)
        found = np.empty(len(leaves), dtype=np.intp)
        found[self.state[leaves]] = root[leaves]
        return found

    @cached_property
    def phone_of_state(self) -> NDArray[np.intp]:
        """Index of the phone that each state belongs to, shape (S,)."""
        return np.repeat(np.arange(self.num_phones), self.positions)[self.root_of_state]

    @cached_property
    def _tables(self) -> dict[int, NDArray[np.int32]]:
        return {}

    def table(self, phone: int) -> NDArray[np.int32]:
        """Give a phone's states in every context, shape (positions, P, P): by position, phone before, phone behind."""
        if phone not in self._tables:
            roots = self.roots[self.root_offsets[phone] : self.root_offsets[phone + 1]]
            grid = np.ones((self.num_phones, self.num_phones), dtype=np.bool_)
            table = np.empty((len(roots), *grid.shape), np.int32)
            for position, root in enumerate(roots.tolist()):
                pending = [(root, grid)]
                while pending:
                    node, here = pending.pop()
                    if self.question[node] < 0:
                        table[position][here] = self.state[node]
                        continue
                    asked = self.questions[self.question[node]]
                    said_yes = asked if self.right[node] else asked[:, None]
                    pending += [(int(self.yes[node]), here & said_yes), (int(self.no[node]), here & ~said_yes)]
            self._tables[phone] = table
        return self._tables[phone]

    @cached_property
    def _known_variants(self) -> dict[tuple[int, frozenset[int], frozenset[int]], list[Variant]]:
        return {}

    def variants(self, phone: int, before: frozenset[int], behind: frozenset[int]) -> list[Variant]:
        """Group the phones that may stand before and behind a phone by the states that it has between them."""
        asked = phone, before, behind
        if asked not in self._known_variants:
            self._known_variants[asked] = _variants(self.table(phone), sorted(before), sorted(behind))
        return self._known_variants[asked]

    def states(self, phone: int, left: int, right: int) -> NDArray[np.intp]:
        """Give the states of a phone between two others, one for each position."""
        return self.table(phone)[:, left, right].astype(np.intp)

    def mapped(self, sources: Sequence[int | None], positions: int) -> ContextTree:
        """Give trees of other phones, each with a copy of a phone's; one without a source has a state a position.

        A copy's states stand in the same order as those of its source, and it is in the same questions.
        """
        nodes: list[tuple[int, bool, int, int, int]] = []
        roots: list[int] = []
        root_offsets, states = [0], 0

        def copied(node: int, first: int) -> int:
            place = len(nodes)
            question, state = int(self.question[node]), int(self.state[node])
            nodes.append((question, bool(self.right[node]), -1, -1, states + state - first))
            if question >= 0:
                yes, no = copied(int(self.yes[node]), first), copied(int(self.no[node]), first)
                nodes[place] = (question, bool(self.right[node]), yes, no, -1)
            return place

        for source in sources:
            if source is None:
                roots += range(len(nodes), len(nodes) + positions)
                nodes += [(-1, False, -1, -1, states + i) for i in range(positions)]
                states += positions
            else:
                its = self.roots[self.root_offsets[source] : self.root_offsets[source + 1]].tolist()
                own = np.flatnonzero(self.phone_of_state == source)
                roots += [copied(root, int(own[0])) for root in its]
                states += len(own)
            root_offsets.append(len(roots))
        question, right, yes, no, state = (np.array(column) for column in zip(*nodes, strict=True))
        asked = np.zeros((len(self.questions), len(sources)), dtype=np.bool_)
        for i, source in enumerate(sources):
            if source is not None:
                asked[:, i] = self.questions[:, source]
        return ContextTree(
            *(asked, np.array(root_offsets), np.array(roots), question, right, yes, no, state, self.word_internal)
        )

    def _check(self) -> None:
        nodes, roots = len(self.state), len(self.roots)
        for name in ("question", "right", "yes", "no"):
            if getattr(self, name).shape != (nodes,):
                raise ModelError(f"ContextTree: {name}: found {len(getattr(self, name))}, expected one for each node")
        if self.questions.ndim != 2 or len(self.root_offsets) < 2 or self.questions.shape[1] != self.num_phones:
            found = f"questions of shape {self.questions.shape} and {counted(len(self.root_offsets), 'offset')}"
            raise ModelError(f"ContextTree: found {found}, expected (Q, P) and P + 1")
        if self.root_offsets[0] != 0 or self.root_offsets[-1] != roots or (np.diff(self.root_offsets) < 1).any():
            raise ModelError(f"ContextTree: root_offsets: expected rising numbers from 0 to {roots}")
        leaf = self.question < 0
        if (np.sort(self.state[leaf]) != np.arange(leaf.sum())).any() or (self.state[~leaf] != -1).any():
            raise ModelError(f"ContextTree: state: expected 0 to {leaf.sum() - 1} once each in the {leaf.sum()} leaves")
        inner = np.flatnonzero(~leaf)
        if (self.question[inner] >= len(self.questions)).any():
            raise ModelError(f"ContextTree: question: expected less than {len(self.questions)}")
        reached = np.concatenate([self.roots, self.yes[inner], self.no[inner]])
        behind = (self.yes[inner] > inner).all() and (self.no[inner] > inner).all()
        if not behind or (np.sort(reached) != np.arange(nodes)).any():
            raise ModelError(f"ContextTree: expected each of {nodes} nodes once behind another, or among the roots")


def same_tree(one: ContextTree | None, other: ContextTree | None) -> bool:
    """Say whether two trees are the same, or there is none of both."""
    if one is None or other is None:
        return one is other
    return all(np.array_equal(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))


def _variants(table: NDArray[np.int32], left: list[int], right: list[int]) -> list[Variant]:
    """Group neighbors between which a phone has the same states."""
    part = table[:, left][:, :, right]
    lefts = _alike(left, [part[:, i].tobytes() for i in range(len(left))])
    rights = _alike(right, [part[:, :, i].tobytes() for i in range(len(right))])
    return [(these, those, table[:, these[0], those[0]].astype(np.intp)) for these in lefts for those in rights]


def _alike(phones: list[int], keys: list[bytes]) -> list[list[int]]:
    groups: dict[bytes, list[int]] = defaultdict(list)
    for phone, key in zip(phones, keys, strict=True):
        groups[key].append(phone)
    return list(groups.values())
