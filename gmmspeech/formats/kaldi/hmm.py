"""Kaldi acoustic models (``final.mdl``): a transition model and a mixture for each pdf of the tree.

A state here is a Kaldi transition state (a phone, one of its HMM states and a pdf), with the Gaussians of its mixture:
phones that share a mixture have a copy each.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmspeech.arguments import checked
from gmmspeech.errors import DataError, ModelError, counted, one_line, shown
from gmmspeech.files.atomic import write_lines
from gmmspeech.files.text import parse_whole
from gmmspeech.formats.datadir import read_map
from gmmspeech.formats.kaldi.models import read_components, write_mixture
from gmmspeech.formats.kaldi.objects import Reader, Writer
from gmmspeech.formats.kaldi.transitions import (
    NO_PDF,
    Entry,
    Transitions,
    Tuple,
    read_count,
    read_transitions,
    write_topology,
)
from gmmspeech.formats.kaldi.tree import Node, answers, check_answers, context_tree, read_tree, write_tree
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.topology import Topology
from gmmspeech.phones.labels.phone_sets import is_silence

_EXPECTED = "an acoustic model of Kaldi (final.mdl)"
_SELF_LOOP = 0.75  # of the topology that is written, which training begins with


@checked
def read_kaldi_hmm(
    path: str | os.PathLike[str],
    *,
    tree: str | os.PathLike[str] | None = None,
    phones: str | os.PathLike[str] | None = None,
    silence: str | None = None,
) -> PhoneHMM:
    """Read a Kaldi acoustic model, ``final.mdl``, binary or text, as phone HMMs.

    Monophones and triphones are supported. Beyond the ends of an utterance Kaldi has no phone; here there is silence.
    Writing the model back by `write_kaldi_hmm` gives the same bytes.

    Parameters
    ----------
    path : path-like
    tree : path-like, optional
        The decision tree; by default ``tree`` beside the model.
    phones : path-like, optional
        Names of the phones; by default ``phones.txt`` beside the model.
    silence : str, optional
        The silence phone; by default SIL, or the only phone with a name for silence.

    Returns
    -------
    PhoneHMM

    Raises
    ------
    DataError
        A file that is missing, truncated, damaged or of another kind; a topology that phone HMMs here can't represent:
        non-emitting states within a phone, two mixtures for a state, states without a self-loop.

    Examples
    --------
    >>> import tempfile, gmmspeech as gs
    >>> folder = tempfile.mkdtemp()
    >>> gs.formats.write_kaldi_hmm(folder, gs.phones.PhoneHMM.from_phones(["SIL", "AA"], mean=[0.0], variance=[1.0]))
    >>> gs.formats.read_kaldi_hmm(folder + "/final.mdl").phones
    ('SIL', 'AA')
    """
    name, folder = os.fspath(path), Path(path).parent
    reader = Reader(path, _EXPECTED)
    transitions = read_transitions(reader)
    mixtures = _read_mixtures(reader)
    reader.end()
    names = _names(folder / "phones.txt" if phones is None else Path(phones), transitions.topology)
    tree_file = folder / "tree" if tree is None else Path(tree)
    try:
        return _phone_hmm(name, transitions, mixtures, names, tree_file, tree is not None, silence)
    except ModelError as error:
        raise DataError(f"{name}: {error}") from error


def _phone_hmm(
    name: str,
    transitions: Transitions,
    mixtures: Sequence[Sequence[NDArray[np.float64]]],
    names: Mapping[int, str],
    tree_file: Path,
    tree_is_given: bool,
    silence: str | None,
) -> PhoneHMM:
    """Put together what was read."""
    phones = sorted(transitions.topology)
    pdfs_of: dict[tuple[int, int], list[int]] = {}
    for phone, state, pdf in transitions.tuples:
        pdfs_of.setdefault((phone, state), []).append(pdf)
    positions = [[state for state, (kind, _) in enumerate(transitions.topology[p]) if kind != NO_PDF] for p in phones]
    lacking = [p for p, states in zip(phones, positions, strict=True) if any((p, s) not in pdfs_of for s in states)]
    if lacking:
        raise DataError(f"{name}: found no mixture of phone {names[lacking[0]]}, expected one or more for each state")
    alone = all(len(pdfs) == 1 for pdfs in pdfs_of.values())
    tree, states = None, [Tuple(p, s, pdfs_of[p, s][0]) for p, own in zip(phones, positions, strict=True) for s in own]
    if not alone or tree_is_given or tree_file.exists():
        trees = _trees(name, tree_file, transitions, phones, positions, pdfs_of)
        if not alone:
            kaldi, roots = trees
            tree, pdfs = context_tree(kaldi, phones, roots)  # type: ignore[arg-type]
            where = [(p, s) for p, own in zip(phones, positions, strict=True) for s in own]
            roots_of = [where[root] for root in tree.root_of_state.tolist()]
            states = [Tuple(p, s, pdf) for (p, s), pdf in zip(roots_of, pdfs, strict=True)]
    known = dict(transitions.arcs())
    beyond = max(state.pdf for state in states)
    if beyond >= len(mixtures):
        raise DataError(f"{name}: found {counted(len(mixtures), 'mixture')}, expected mixture {beyond} among them")
    self_loop, topology = _probabilities(name, states, known)
    own_mixtures = [mixtures[state.pdf] for state in states]
    numbers = [p for p, _, _ in states]
    return PhoneHMM(
        phones=tuple(names[p] for p in phones),
        state_offsets=np.searchsorted(numbers, [*phones, phones[-1] + 1]),
        self_loop=self_loop,
        mixture_offsets=np.cumsum([0, *(len(mixture[0]) for mixture in own_mixtures)]),
        weights=np.concatenate([mixture[0] for mixture in own_mixtures]),
        means=np.concatenate([mixture[1] for mixture in own_mixtures]),
        variances=np.concatenate([mixture[2] for mixture in own_mixtures]),
        silence=_silence(name, list(names.values()), silence),
        tree=tree,
        topology=topology,
        pdfs=np.array([state.pdf for state in states]),
    )


def _trees(
    name: str,
    file: Path,
    transitions: Transitions,
    phones: Sequence[int],
    positions: Sequence[Sequence[int]],
    pdfs_of: Mapping[tuple[int, int], Sequence[int]],
) -> tuple[object, list[list[Node]]]:
    """Read the tree, and give what it has for each position of each phone."""
    kaldi = read_tree(os.fspath(file))
    roots: list[list[Node]] = []
    for phone, states in zip(phones, positions, strict=True):
        own: list[Node] = []
        for state in states:
            try:
                own.append(kaldi.of_state(phone, transitions.topology[phone][state][0]))
            except ValueError as error:
                place = f"{name}: {file}: phone {phone}, state {state}"
                raise DataError(f"{place}: found {error}, expected a mixture") from error
            check_answers(f"{name}: {file}", answers(own[-1]), set(pdfs_of[phone, state]))
        roots.append(own)
    return kaldi, roots


def _probabilities(
    name: str, states: Sequence[Tuple], known: Mapping[Tuple, list[tuple[int, float]]]
) -> tuple[NDArray[np.float64], Topology | None]:
    """Probabilities to stay in each state, and where states lead that lead elsewhere than to the next."""
    self_loop, rows = np.zeros(len(states)), []
    for i, state in enumerate(states):
        arcs = known[state]
        stays = [p for target, p in arcs if target == state.state]
        if len(stays) != 1 or not stays[0] < 0 or len(arcs) < 2:
            found = f"state {state.state} of phone {state.phone} with {counted(len(stays), 'self-loop')}"
            raise DataError(f"{name}: found {found}, expected one, and a way on")
        self_loop[i] = np.exp(stays[0])
        leave = np.log1p(-self_loop[i])
        onward = [(target, p) for target, p in arcs if target != state.state]
        if onward != [(state.state + 1, np.float32(leave))]:  # also where Kaldi's is a digit apart, to have it again
            rows += [(i, target, np.exp(p - leave)) for target, p in onward]
    if not rows:
        return self_loop, None
    return self_loop, Topology(*(np.array(column) for column in zip(*rows, strict=True)))


def _silence(name: str, phones: Sequence[str], silence: str | None) -> str:
    """Which of some phones is silence."""
    likely = [phone for phone in phones if phone == "SIL"] or [phone for phone in phones if is_silence(phone)]
    if silence is None and len(likely) != 1:
        found = f"{' and '.join(likely) or 'none'} of {shown(' '.join(phones), 100)}"
        raise DataError(f"{name}: found {found} called as silence is, expected one, or silence= of read_kaldi_hmm")
    return likely[0] if silence is None else silence


def _names(file: Path, topology: Mapping[int, Entry]) -> dict[int, str]:
    """Names of the phones of a topology, out of a table of symbols."""
    numbers: dict[int, str] = {}
    for symbol, text in read_map(file).items():
        try:
            numbers[parse_whole(text)] = symbol
        except ValueError as error:
            raise DataError(f"{file}: {shown(symbol)}: {error}") from error
    lacking = [phone for phone in topology if phone not in numbers]
    if lacking:
        raise DataError(f"{file}: found no name for phone {lacking[0]}, expected one for each phone of the model")
    return {phone: numbers[phone] for phone in sorted(topology)}


def _read_mixtures(reader: Reader) -> list[tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]]:
    """Read an AmDiagGmm: weights, means and variances of each mixture."""
    reader.expect("<DIMENSION>")
    dim = reader.integer()
    reader.expect("<NUMPDFS>")
    found = []
    for number in range(read_count(reader, "mixtures")):
        weights, means, variances = read_components(reader)
        if means.shape[1] != dim:
            raise reader.error(f"mixture {number}: found {counted(means.shape[1], 'dimension')}, expected {dim}")
        total = weights.sum()
        if not np.isfinite(weights).all() or not (weights >= 0).all() or abs(total - 1) > 1e-3:
            raise reader.error(f"mixture {number}: found weights that sum to {total:.6g}, expected 1")
        found.append((weights if abs(total - 1) < 1e-5 else weights / total, means, variances))
    return found


@checked
def write_kaldi_hmm(folder: str | os.PathLike[str], model: PhoneHMM, *, binary: bool = True) -> None:
    """Write phone HMMs as a Kaldi model: ``final.mdl``, ``tree`` and ``phones.txt`` in a folder.

    Parameters
    ----------
    folder : path-like
        Created if it does not exist.
    model : PhoneHMM
        Monophones or cross-word triphones; rounded to float32. Phones are numbered from 1 in the model's order.
    binary : bool
        If False, write text, with as many digits as float32 needs.

    Raises
    ------
    DataError
        A file can't be written, or a number exceeds float32; word-internal contexts, which Kaldi trees don't have.

    Examples
    --------
    >>> from gmmspeech.formats import write_kaldi_hmm
    >>> from gmmspeech.phones import PhoneHMM
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> write_kaldi_hmm(folder, PhoneHMM.from_phones(["SIL", "AA"], mean=[0.0], variance=[1.0]), binary=False)
    >>> open(folder + "/phones.txt").read().split()
    ['<eps>', '0', 'SIL', '1', 'AA', '2']
    """
    place = Path(folder)
    if model.tree is not None and model.tree.word_internal:
        raise DataError(f"{place}: found word-internal contexts, expected cross-word ones, which trees of Kaldi have")
    try:
        place.mkdir(exist_ok=True)
    except (OSError, ValueError) as error:
        raise DataError(f"{shown(place)}: can't be made ({one_line(error)}), expected a folder to write to") from error
    pdfs = _pdfs(model)
    offsets = model.position_offsets.tolist()
    writer = Writer(binary=binary)
    _write_transitions(writer, model, pdfs)
    writer.token("<DIMENSION>")
    writer.integer(model.dim)
    writer.token("<NUMPDFS>", end="")
    first = {pdf: state for state, pdf in reversed(list(enumerate(pdfs)))}
    writer.integer(len(first))
    for pdf in sorted(first):
        here = slice(*model.mixture_offsets[first[pdf] : first[pdf] + 2])
        write_mixture(writer, os.fspath(place), model.weights[here], model.means[here], model.variances[here])
    write_lines(place / "phones.txt", [f"{name} {i}" for i, name in enumerate(("<eps>", *model.phones))])
    write_tree(os.fspath(place / "tree"), pdfs, offsets, model.tree, binary=binary)
    writer.save(place / "final.mdl")


def _pdfs(model: PhoneHMM) -> list[int]:
    """Number of each state's mixture: those that are known, where they are still of the same Gaussians."""
    if model.pdfs is None or not _is_shared(model, model.pdfs):
        return list(range(model.num_states))
    return [int(pdf) for pdf in model.pdfs]


def _is_shared(model: PhoneHMM, pdfs: NDArray[np.intp]) -> bool:
    """Say whether states of the same number have the same Gaussians, and all numbers are there."""
    if set(pdfs.tolist()) != set(range(len(set(pdfs.tolist())))):
        return False
    first: dict[int, int] = {}
    offsets = model.mixture_offsets
    for state, pdf in enumerate(pdfs.tolist()):
        other = first.setdefault(pdf, state)
        one, two = slice(*offsets[state : state + 2]), slice(*offsets[other : other + 2])
        parts = (model.weights, model.means, model.variances)
        if other != state and not all(np.array_equal(part[one], part[two]) for part in parts):
            return False
    return True


def tuples_of(model: PhoneHMM) -> list[Tuple]:
    """Transition state of each state of a model, as it is written."""
    first = model.position_offsets[model.phone_of_state]
    places = (model.position_of_state - first).tolist()
    phones = (model.phone_of_state + 1).tolist()
    return [Tuple(phone, place, pdf) for phone, place, pdf in zip(phones, places, _pdfs(model), strict=True)]


def ways_of(model: PhoneHMM, state: int, place: int) -> list[tuple[int, float]]:
    """Transitions of a state in order, and their log probabilities."""
    stay = float(np.float32(np.log(model.self_loop[state])))  # so that what is read gives the same numbers again
    leave = np.log1p(-np.exp(stay))
    onward = [(place + 1, 0.0)] if model.topology is None else model.topology.onward(state, place)
    return sorted([(place, stay), *((target, float(leave + p)) for target, p in onward)])


def _write_transitions(writer: Writer, model: PhoneHMM, pdfs: Sequence[int]) -> None:
    state_of = {each: state for state, each in reversed(list(enumerate(tuples_of(model))))}
    tuples = sorted(state_of)
    ways = {each: ways_of(model, state_of[each], each.state) for each in tuples}
    writer.token("<TransitionModel>", end="\n")
    write_topology(writer, _entries(model, {(t.phone, t.state): [w for w, _ in ways[t]] for t in tuples}))
    writer.token("<Triples>")
    writer.integer(len(tuples))
    writer.token(end="\n")
    for each in tuples:
        writer.integer(*each)
        writer.token(end="\n")
    writer.token("</Triples>", end="\n")
    writer.token("<LogProbs>", end="\n")
    writer.array(np.array([0.0, *(p for each in tuples for _, p in ways[each])], np.float32))
    writer.token("</LogProbs>", end="\n")
    writer.token("</TransitionModel>", end="\n")


def _entries(model: PhoneHMM, targets: Mapping[tuple[int, int], list[int]]) -> dict[int, Entry]:
    """Topology by phone: of a chain with Kaldi's 0.75 to stay, else with equally likely ways."""
    found: dict[int, Entry] = {}
    for phone, count in enumerate(np.diff(model.position_offsets).tolist(), 1):
        entry: Entry = []
        for place in range(count):
            ways = targets[phone, place]
            chain = ways == [place, place + 1]
            shares = [_SELF_LOOP, 1 - _SELF_LOOP] if chain else [1 / len(ways)] * len(ways)
            entry.append((place, list(zip(ways, shares, strict=True))))
        found[phone] = [*entry, (NO_PDF, [])]
    return found
