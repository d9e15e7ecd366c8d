"""Kaldi alignments (``ali.ark``): for each frame the number of a transition of the model.

In Kaldi's order, the first frame of a state has the transition by which the state is left, the others its self-loop.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import BinaryIO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import checked, told
from gmmspeech.checks import real_array
from gmmspeech.errors import DataError, shown
from gmmspeech.files.table_places import Output
from gmmspeech.files.text import is_field, parse_whole, split_fields
from gmmspeech.formats.kaldi.ark import is_binary, text_line, write_archive
from gmmspeech.formats.kaldi.hmm import tuples_of, ways_of
from gmmspeech.formats.kaldi.objects import BINARY, marked, read_marked
from gmmspeech.formats.kaldi.tables import read_objects
from gmmspeech.formats.kaldi.transitions import Tuple
from gmmspeech.phones.decoding.boundaries import Chain
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.labels.labels import FrameClock, FrameTimes, Label

_EXPECTED = "an archive of Kaldi's alignments"
_MOST = 2**31


@checked
def read_kaldi_alignments(path: str | os.PathLike[str]) -> dict[str, NDArray[np.int32]]:
    """Read an archive of integers, binary or text: ``ali.ark``.

    Parameters
    ----------
    path : path-like
        The archive; or ``ark:PATH``, also compressed (``ark:ali.1.gz``) or from standard input (``ark:-``); or
        ``scp:PATH`` for its script file. With the option ``p``, as in ``ark,p:PATH``, unreadable entries are left out
        with a warning.

    Returns
    -------
    dict of str to ndarray, shape (T,), int32
        Transitions of the frames of each utterance.

    Raises
    ------
    DataError
        The file is missing, truncated, of another kind, or has an utterance twice.

    Examples
    --------
    >>> import tempfile, gmmspeech as gs
    >>> path = tempfile.mkdtemp() + "/ali.ark"
    >>> gs.formats.write_kaldi_alignments(path, {"u1": [4, 16, 15]})
    >>> gs.formats.read_kaldi_alignments(path)
    {'u1': array([ 4, 16, 15], dtype=int32)}
    """
    return read_objects(os.fspath(path), _row, _EXPECTED)


@checked
def write_kaldi_alignments(
    path: str | os.PathLike[str],
    alignments: Mapping[str, ArrayLike],
    *,
    scp: str | os.PathLike[str] | None = None,
    text: bool = False,
) -> None:
    """Write an archive of integers, and optionally its script file, atomically: ``ali.ark``.

    Parameters
    ----------
    path : path-like
    alignments : mapping of str to array_like of int, shape (T,)
    scp : path-like, optional
        The script file; it refers to the archive by `path` as given.
    text : bool
        Write text, one line per utterance, instead of binary.

    Raises
    ------
    DataError
        An id with a blank, numbers that are not integers or beyond 32 bits, no utterance, or a file that can't be
        written.

    Examples
    --------
    >>> import tempfile, gmmspeech as gs
    >>> path = tempfile.mkdtemp() + "/ali.txt"
    >>> gs.formats.write_kaldi_alignments(path, {"u1": [4, 16, 15]}, text=True)
    >>> open(path).read()
    'u1 4 16 15 \\n'
    """
    name = os.fspath(path)
    rows = ((utterance, _encoded(name, utterance, row, text=text)) for utterance, row in alignments.items())
    write_archive(Output("ark", name, None if scp is None else os.fspath(scp)), rows)


def _encoded(path: str, utterance: str, given: ArrayLike, *, text: bool) -> bytes:
    """Whole numbers of an utterance as an archive has them behind its id."""
    numbers = real_array(given, f"utterance {shown(utterance)}", DataError)
    whole = numbers.ndim == 1 and (numbers.dtype.kind in "iu" or not numbers.size)
    if not is_field(utterance) or not whole or (numbers.size and np.abs(numbers).max() >= _MOST):
        found = f"{shown(repr(utterance))} with {numbers.dtype} of shape {numbers.shape}"
        raise DataError(f"{path}: can't hold {found}, expected an id without blanks, integers (T,)")
    if text:
        return f"{''.join(f'{n} ' for n in numbers.tolist())}\n".encode()
    return BINARY + marked(len(numbers)) + marked(numbers)


@checked
def kaldi_alignment(model: PhoneHMM, chain: Chain) -> NDArray[np.int32]:
    """Convert a path through the states of a model to Kaldi's transition numbers.

    Parameters
    ----------
    model : PhoneHMM
    chain : Chain
        Path from `align`: consecutive states, and the first frame of each.

    Returns
    -------
    ndarray, shape (T,), int32

    Raises
    ------
    DataError
        States that don't follow each other in the model.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> from gmmspeech.phones.decoding.boundaries import Chain
    >>> model = gs.phones.PhoneHMM.from_phones(["SIL"], mean=[0.0], variance=[1.0], num_states=2)
    >>> gs.formats.kaldi_alignment(model, Chain(np.array([0, 1]), np.array([0, 2]), 5))
    array([2, 1, 4, 3, 3], dtype=int32)
    """
    tuples, first = _numbered(model)
    found = np.empty(chain.num_frames, np.int32)
    states = chain.state.tolist()
    bounds = [*chain.entry.tolist(), chain.num_frames]
    for i, state in enumerate(states):
        own = tuples[state]
        ways = _targets(model, state)
        follows = tuples[states[i + 1]].state if i + 1 < len(states) else 0
        count = int(np.diff(model.position_offsets)[own.phone - 1])
        target = follows or count  # what comes first is of another phone
        if target not in ways:
            raise DataError(f"{model.state_name(state)}: found state {follows + 1} behind it, expected one it leads to")
        found[bounds[i] : bounds[i + 1]] = first[own] + ways.index(own.state)
        found[bounds[i]] = first[own] + ways.index(target)
    return found


@checked
def phones_of_kaldi_alignment(
    model: PhoneHMM, transitions: ArrayLike, *, frame_shift: float = 10.0, times: FrameTimes = "center"
) -> list[Label]:
    """Convert a Kaldi alignment to phones with times.

    Parameters
    ----------
    model : PhoneHMM
        Model whose transitions the numbers are of.
    transitions : array_like of int, shape (T,)
    frame_shift : float
        In milliseconds.
    times : {"center", "start"}
        As for `align`, with frames of 25 ms; "start" gives the times of Kaldi's ``ali-to-phones --ctm-output``.

    Returns
    -------
    list of Label

    Raises
    ------
    DataError
        A number that is not a transition of the model, or a phone without its beginning.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> model = gs.phones.PhoneHMM.from_phones(["SIL", "AA"], mean=[0.0], variance=[1.0], num_states=1)
    >>> gs.formats.phones_of_kaldi_alignment(model, [2, 1, 1, 4, 3], times="start")
    [Label(start=0.0, end=0.03, name='SIL'), Label(start=0.03, end=0.05, name='AA')]
    """
    phones, edges = phones_and_edges(model)(transitions, "alignment")
    return timed_phones(model, phones, edges, FrameClock.of(None, frame_shift, 25.0, times))


def timed_phones(model: PhoneHMM, phones: Sequence[int], edges: Sequence[int], clock: FrameClock) -> list[Label]:
    """Give what `phones_and_edges` finds its names and times."""
    seconds = [round(clock.time(edge), 9) for edge in edges]
    names = [model.phones[phone] for phone in phones]
    return [Label(*each) for each in zip(seconds, seconds[1:], names, strict=False)]


def phones_and_edges(model: PhoneHMM) -> Callable[[ArrayLike, str], tuple[list[int], list[int]]]:
    """Give what finds the phones of an alignment, which messages call so, and the frames that they begin and end in.

    The tables of a model's transitions are made once.
    """
    tuples, first = _numbered(model)
    state_of = {each: state for state, each in reversed(list(enumerate(tuples)))}
    ways = [(each, target) for each in sorted(first) for target in _targets(model, state_of[each])]
    phone_of = np.array([each.phone - 1 for each, _ in ways])
    begins = np.array([each.state == 0 != target for each, target in ways])

    def found(transitions: ArrayLike, owner: str) -> tuple[list[int], list[int]]:
        numbers = real_array(transitions, owner, DataError)
        whole = numbers.ndim == 1 and (numbers == np.trunc(numbers)).all()
        expected = f"expected transitions from 1 to {len(ways)}"
        if not whole:
            raise DataError(f"{owner}: found {told(numbers)}, {expected}")
        wrong = np.flatnonzero((numbers < 1) | (numbers > len(ways)))
        if len(wrong):
            raise DataError(f"{owner}: found {numbers[wrong[0]]} in frame {wrong[0]}, {expected}")
        taken = numbers.astype(np.intp) - 1
        starts = np.flatnonzero(begins[taken])
        if starts[:1].tolist() != [0]:
            raise DataError(f"{owner}: found no beginning of a phone, expected one in the first frame")
        phones, edges = phone_of[taken[starts]], [*starts.tolist(), len(numbers)]
        other = np.flatnonzero(phone_of[taken] != np.repeat(phones, np.diff(edges)))
        if len(other):
            there = f"phone {shown(model.phones[phone_of[taken[other[0]]]])} in frame {other[0]} without its beginning"
            raise DataError(f"{owner}: found {there}, expected an alignment by this model")
        return phones.tolist(), edges

    return found


def _numbered(model: PhoneHMM) -> tuple[list[Tuple], dict[Tuple, int]]:
    """Transition state of each state, and the number of the first transition of each."""
    tuples = tuples_of(model)
    state_of = {each: state for state, each in reversed(list(enumerate(tuples)))}
    counts = {each: len(_targets(model, state_of[each])) for each in sorted(state_of)}
    starts = np.cumsum([1, *counts.values()]).tolist()
    return tuples, dict(zip(counts, starts, strict=False))


def _targets(model: PhoneHMM, state: int) -> list[int]:
    """Places in its phone that a state's transitions lead to, in order."""
    place = int(model.position_of_state[state] - model.position_offsets[model.phone_of_state[state]])
    return [target for target, _ in ways_of(model, state, place)]


def _row(archive: BinaryIO) -> NDArray[np.int32]:
    """Whole numbers of an utterance; ValueError for what is none."""
    if is_binary(archive):
        (count,) = read_marked(archive, 1)
        return read_marked(archive, count)
    numbers = np.array([parse_whole(field) for field in split_fields(text_line(archive))])
    if numbers.size and np.abs(numbers).max() >= _MOST:
        raise ValueError(f"found {np.abs(numbers).max()}")
    return numbers.astype(np.int32)
