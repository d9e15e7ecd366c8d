"""Kaldi's transition models: the topology of each phone's HMM states, and log probabilities of their transitions.

A transition state is a phone, one of its HMM states and a mixture; its transitions are numbered consecutively, starting
from 1 for the first state. Kaldi's alignments consist of these numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmmspeech.errors import counted, shown
from gmmspeech.formats.kaldi.objects import Reader, Writer

NO_PDF = -1  # of a state that emits nothing: the last of a phone

Entry = list[tuple[int, list[tuple[int, float]]]]
"""HMM states of a phone: the class of each, and where its transitions lead with which probabilities."""


class Tuple(NamedTuple):
    """A transition state: phone, HMM state and mixture."""

    phone: int
    state: int
    pdf: int


@dataclass(frozen=True, eq=False)
class Transitions:
    """A transition model: topology by phone, transition states in order, log probabilities of transitions from 1 on."""

    topology: dict[int, Entry]
    tuples: list[Tuple]
    log_probs: NDArray[np.float64]

    def arcs(self) -> Iterator[tuple[Tuple, list[tuple[int, float]]]]:
        """Each transition state, and where its transitions lead with which log probabilities."""
        first = 1
        for each in self.tuples:
            targets = [target for target, _ in self.topology[each.phone][each.state][1]]
            yield each, list(zip(targets, self.log_probs[first : first + len(targets)].tolist(), strict=True))
            first += len(targets)


def read_transitions(reader: Reader) -> Transitions:
    reader.expect("<TransitionModel>")
    topology = read_topology(reader)
    kind = reader.token()
    if kind not in ("<Triples>", "<Tuples>"):
        raise reader.error(f"found {shown(kind)}, expected <Triples> or <Tuples>")
    tuples = []
    for _ in range(read_count(reader, "transition states")):
        phone, state, pdf = reader.integer(), reader.integer(), reader.integer()
        if kind == "<Tuples>" and (other := reader.integer()) != pdf:
            raise reader.error(f"found mixtures {pdf} and {other} for one state of phone {phone}, expected the same")
        entry = topology.get(phone, [])
        if not 0 <= state < len(entry) or entry[state][0] == NO_PDF or pdf < 0:
            raise reader.error(f"found state {state} of phone {phone} with mixture {pdf}, expected one of the topology")
        tuples.append(Tuple(phone, state, pdf))
    reader.expect(kind.replace("<", "</"))
    reader.expect("<LogProbs>")
    log_probs = reader.named_array("LogProbs", 1).astype(np.float32).astype(np.float64)
    reader.expect("</LogProbs>")
    reader.expect("</TransitionModel>")
    expected = 1 + sum(len(topology[each.phone][each.state][1]) for each in tuples)
    if len(log_probs) != expected or len(set(tuples)) < len(tuples) or not tuples:
        found = f"{counted(len(log_probs), 'log probability')} of {counted(len(set(tuples)), 'transition state')}"
        raise reader.error(f"found {found}, expected {expected} of {len(tuples)}")
    return Transitions(topology, tuples, log_probs)


def read_count(reader: Reader, what: str) -> int:
    count = reader.integer()
    if not 0 <= count <= len(reader.content):
        raise reader.error(f"found {count} {what}, expected as many as the file holds")
    return count


def read_topology(reader: Reader) -> dict[int, Entry]:
    """Read the topology of all phones, by phone."""
    reader.expect("<Topology>")
    found = _binary_topology(reader) if reader.binary else _text_topology(reader)
    if not found:
        raise reader.error("found a topology of no phones, expected some")
    for phone, entry in found.items():
        silent = [state for state, (kind, _) in enumerate(entry) if kind == NO_PDF]
        targets = [target for _, arcs in entry for target, _ in arcs]
        if silent != [len(entry) - 1] or entry[-1][1] or not all(0 <= target < len(entry) for target in targets):
            raise reader.error(f"found a topology of phone {phone} without one last state, expected all others to emit")
        for state, (_, arcs) in enumerate(entry[:-1]):
            order = [target for target, _ in arcs]
            if order != sorted(set(order)) or (0 in order and state != 0):
                found_ways = f"ways {order} from state {state} of phone {phone}"
                raise reader.error(f"found {found_ways}, expected them in order, once each, none back to the first")
        stuck = set(range(len(entry))) - _leading_out(entry)
        if stuck:
            found_state = f"no way from state {min(stuck)} of phone {phone} to the last"
            raise reader.error(f"found {found_state}, expected a topology by which phones can be left")
    return found


def _leading_out(entry: Entry) -> set[int]:
    """States from which ways lead to the last."""
    out = {len(entry) - 1}
    while more := {i for i, (_, arcs) in enumerate(entry) if i not in out and out & {target for target, _ in arcs}}:
        out |= more
    return out


def _binary_topology(reader: Reader) -> dict[int, Entry]:
    phones, index = reader.integers(), reader.integers()
    count = read_count(reader, "entries") if (first := reader.integer()) == -1 else first
    entries: list[Entry] = []
    for _ in range(count):
        entry: Entry = []
        for _ in range(read_count(reader, "states")):
            kind = reader.integer()
            if first == -1 and (other := reader.integer()) != kind:
                raise reader.error(f"found classes {kind} and {other} for one state, expected the same")
            arcs = [(reader.integer(), reader.real()) for _ in range(read_count(reader, "transitions"))]
            entry.append((kind, arcs))
        entries.append(entry)
    reader.expect("</Topology>")
    places = {phone: index[phone] if 0 <= phone < len(index) else -1 for phone in phones}
    wrong = [phone for phone, place in places.items() if not 0 <= place < len(entries)]
    if wrong:
        raise reader.error(f"found no topology of phone {wrong[0]}, expected one of {len(entries)}")
    return {phone: entries[place] for phone, place in places.items()}


def _text_topology(reader: Reader) -> dict[int, Entry]:
    found: dict[int, Entry] = {}
    while (token := reader.token()) == "<TopologyEntry>":
        reader.expect("<ForPhones>")
        phones = []
        while not reader.comes("</ForPhones>"):
            phones.append(reader.integer())
        reader.expect("</ForPhones>")
        entry: Entry = []
        while (token := reader.token()) == "<State>":
            if (number := reader.integer()) != len(entry):
                raise reader.error(f"found state {number} in a topology, expected {len(entry)}")
            entry.append(_text_state(reader))
        if token != "</TopologyEntry>":
            raise reader.error(f"found {shown(token)}, expected </TopologyEntry>")
        found |= dict.fromkeys(phones, entry)
    if token != "</Topology>":
        raise reader.error(f"found {shown(token)}, expected </Topology>")
    return found


def _text_state(reader: Reader) -> tuple[int, list[tuple[int, float]]]:
    """Class and transitions of a state of a topology in text, its number having been read."""
    kinds: list[int] = []
    arcs: list[tuple[int, float]] = []
    while (token := reader.token()) != "</State>":
        if token in ("<PdfClass>", "<ForwardPdfClass>", "<SelfLoopPdfClass>"):
            kinds.append(reader.integer())
        elif token == "<Transition>":
            arcs.append((reader.integer(), reader.real()))
        else:
            raise reader.error(f"found {shown(token)} in a state, expected <PdfClass>, <Transition> or </State>")
    if len(set(kinds)) > 1:
        raise reader.error(f"found classes {kinds} for one state, expected one")
    return (kinds[0] if kinds else NO_PDF), arcs


def write_topology(writer: Writer, topology: Mapping[int, Entry]) -> None:
    entries: list[Entry] = []
    for entry in topology.values():
        if entry not in entries:
            entries.append(entry)
    entries.sort(key=lambda entry: -sum(entry == other for other in topology.values()))
    writer.token("<Topology>", end="\n")
    if writer.binary:
        writer.integers(list(topology))
        writer.integers([-1, *(entries.index(entry) for entry in topology.values())])
        writer.integer(len(entries))
    for entry in entries:
        if writer.binary:
            writer.integer(len(entry))
        else:
            phones = [phone for phone, own in topology.items() if own == entry]
            writer.token("<TopologyEntry>", end="\n")
            writer.token("<ForPhones>", end="\n")
            writer.integer(*phones)
            writer.token(end="\n")
            writer.token("</ForPhones>", end="\n")
        for number, (kind, arcs) in enumerate(entry):
            _write_state(writer, number, kind, arcs)
        if not writer.binary:
            writer.token("</TopologyEntry>", end="\n")
    writer.token("</Topology>", end="\n")


def _write_state(writer: Writer, number: int, kind: int, arcs: Sequence[tuple[int, float]]) -> None:
    if writer.binary:
        writer.integer(kind, len(arcs))
        for target, probability in arcs:
            writer.integer(target)
            writer.real(probability)
        return
    writer.token("<State>")
    writer.integer(number)
    if kind != NO_PDF:
        writer.token("<PdfClass>")
        writer.integer(kind)
    for target, probability in arcs:
        writer.token("<Transition>")
        writer.integer(target)
        writer.real(probability)
    writer.token("</State>", end="\n")
