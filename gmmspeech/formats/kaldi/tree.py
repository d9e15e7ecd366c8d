"""Kaldi's decision trees (``tree``): from a phone, its neighbors and the class of a state to the number of a mixture.

A tree consists of event maps: tables (TE), questions (SE) and answers (CE). They ask for a key: -1 is the class of the
state; 0 to N - 1 are the phones of a context of N, in which position P is the phone itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gmmspeech.errors import DataError
from gmmspeech.formats.kaldi.objects import Reader, Writer
from gmmspeech.phones.hmm.tree import ContextTree

CLASS = -1  # the key of the class of a state
_DEEPEST = 900  # questions of one another: Python's own calls end at a thousand

Answer = int
Asked = tuple[int, frozenset[int], "Node", "Node"]
"""A question: its key, the values that it says yes to, and what follows on yes and on no."""
Table = tuple[int, tuple["Node | None", ...]]
"""A table: its key, and what follows for each value."""
Node = Answer | Asked | Table


@dataclass(frozen=True)
class KaldiTree:
    """A decision tree, over contexts of so many phones of which one is the phone itself."""

    width: int
    center: int
    root: Node

    def of_state(self, phone: int, state_class: int) -> Node:
        """Give what is left of the tree for a state of a phone: questions about neighbors."""
        return _without(self.root, {self.center: phone, CLASS: state_class})


def read_tree(path: str) -> KaldiTree:
    """Read a file ``tree``."""
    reader = Reader(path, "a decision tree of Kaldi")
    reader.expect("ContextDependency")
    width, center = reader.integer(), reader.integer()
    if (width, center) not in ((1, 0), (3, 1)):
        raise reader.error(
            f"found contexts of {width} phones around place {center}, expected 3 around 1, or 1 around 0"
        )
    reader.expect("ToPdf")
    root = _read(reader, 0)
    reader.expect("EndContextDependency")
    reader.end()
    if root is None:
        raise reader.error("found an empty tree, expected one that leads to mixtures")
    return KaldiTree(width, center, root)


def _read(reader: Reader, depth: int) -> Node | None:
    """Read an event map; None where there is none."""
    kind = reader.token()
    if depth > _DEEPEST:
        raise reader.error(f"found more than {_DEEPEST} questions one behind another, expected fewer")
    if kind == "NULL":
        return None
    if kind == "CE":
        return reader.integer()
    if kind == "TE":
        key, size = reader.integer(), reader.integer()
        reader.expect("(")
        rows = tuple(_read(reader, depth + 1) for _ in range(size))
        reader.expect(")")
        return key, rows
    if kind != "SE":
        raise reader.error(f"found {kind[:20]!r} at byte {reader.position}, expected CE, SE, TE or NULL")
    key, values = reader.integer(), frozenset(reader.integers())
    reader.expect("{")
    yes, no = _read(reader, depth + 1), _read(reader, depth + 1)
    reader.expect("}")
    if yes is None or no is None:
        raise reader.error(f"found a question without an answer at byte {reader.position}, expected two")
    return key, values, yes, no


def _without(node: Node | None, known: Mapping[int, int]) -> Node:
    """Give what is left of a tree where some keys have known values."""
    if node is None:
        raise ValueError("no answer for it")
    if isinstance(node, int):
        return node
    if len(node) == 2:
        key, rows = node
        if key not in known:
            raise ValueError("a table of a phone's neighbors, which is not known here")
        if not 0 <= known[key] < len(rows):
            raise ValueError("no answer for it")
        return _without(rows[known[key]], known)
    key, values, yes, no = node
    if key in known:
        return _without(yes if known[key] in values else no, known)
    return key, values, _without(yes, known), _without(no, known)


def answers(node: Node | None) -> set[int]:
    """Mixtures that a tree leads to."""
    if node is None or isinstance(node, int):
        return set() if node is None else {node}
    return {number for child in (node[1] if len(node) == 2 else node[2:]) for number in answers(child)}


def context_tree(
    tree: KaldiTree, phones: Sequence[int], roots: Sequence[Sequence[Node]]
) -> tuple[ContextTree, list[int]]:
    """Make our tree of what a Kaldi tree has for the states of phones, and give the mixture of each of its states."""
    sets: dict[frozenset[int], int] = {}
    nodes: list[list[int]] = []  # question, right, yes, no, state
    pdfs: list[int] = []

    def added(node: Node) -> int:
        place = len(nodes)
        nodes.append([-1, 0, -1, -1, -1])
        if isinstance(node, int):
            nodes[place][4] = len(pdfs)
            pdfs.append(node)
        else:
            key, values, yes, no = node  # type: ignore[misc]
            asked = sets.setdefault(values & known, len(sets))
            nodes[place][:2] = [asked, int(key > tree.center)]
            nodes[place][2] = added(yes)
            nodes[place][3] = added(no)
        return place

    known = frozenset(phones)
    places = [[added(root) for root in own] for own in roots]
    question, right, yes, no, state = (np.array(column) for column in zip(*nodes, strict=True))
    questions = np.array([[phone in asked for phone in phones] for asked in sets], dtype=np.bool_)
    made = ContextTree(
        questions=questions.reshape(len(sets), len(phones)),
        root_offsets=np.cumsum([0, *map(len, places)]),
        roots=np.array([root for own in places for root in own]),
        question=question,
        right=right.astype(np.bool_),
        yes=yes,
        no=no,
        state=state,
    )
    return made, pdfs


def write_tree(
    path: str, pdfs: Sequence[int], offsets: Sequence[int], tree: ContextTree | None, *, binary: bool = True
) -> None:
    """Write the tree of phones 1, 2, ... whose positions begin at offsets, given the mixture of each state."""
    writer = Writer(binary=binary)
    width, center = (1, 0) if tree is None else (3, 1)
    writer.token("ContextDependency")
    writer.integer(width, center)
    writer.token("ToPdf")

    def leaves(position: int) -> None:
        if tree is None:
            writer.token("CE")
            writer.integer(pdfs[position])
            return
        _write_questions(writer, tree, int(tree.roots[position]), pdfs)

    def phone(number: int) -> None:
        if number == 0:
            writer.token("NULL")
            return
        first, stop = offsets[number - 1], offsets[number]
        _write_table(writer, CLASS, stop - first, lambda place: leaves(first + place))

    _write_table(writer, center, len(offsets), phone)
    writer.token("EndContextDependency")
    writer.save(path)


def _write_table(writer: Writer, key: int, size: int, row: Callable[[int], None]) -> None:
    writer.token("TE")
    writer.integer(key)
    writer.integer(size, unsigned=True)
    writer.token("(", end="\n")
    for value in range(size):
        row(value)
    writer.token(")", end="\n")


def _write_questions(writer: Writer, tree: ContextTree, node: int, pdfs: Sequence[int]) -> None:
    if tree.question[node] < 0:
        writer.token("CE")
        writer.integer(pdfs[int(tree.state[node])])
        return
    writer.token("SE")
    writer.integer(2 if tree.right[node] else 0)
    writer.integers([int(phone) + 1 for phone in np.flatnonzero(tree.questions[tree.question[node]])])
    writer.token("{", end="\n")
    _write_questions(writer, tree, int(tree.yes[node]), pdfs)
    _write_questions(writer, tree, int(tree.no[node]), pdfs)
    writer.token("}", end="\n")


def check_answers(name: str, found: set[int], expected: set[int]) -> None:
    """Raise a `DataError` where a tree leads to other mixtures of a state than a transition model has."""
    if found != expected:
        told = f"mixtures {sorted(found)[:5]} of a state that the model has {sorted(expected)[:5]} for"
        raise DataError(f"{name}: found {told}, expected the tree that the model was trained with")
