"""The command `show` for Kaldi files other than features and models: their type and counts."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from gmmspeech.errors import DataError, counted
from gmmspeech.files.table_places import parse_place
from gmmspeech.files.text import parse_whole
from gmmspeech.formats.datadir import read_map
from gmmspeech.formats.kaldi.alignments import read_kaldi_alignments
from gmmspeech.formats.kaldi.ivector import read_kaldi_posteriors
from gmmspeech.formats.kaldi.models import read_gselect
from gmmspeech.formats.kaldi.objects import Reader, read_array_file
from gmmspeech.formats.kaldi.tables import read_table
from gmmspeech.formats.kaldi.transitions import NO_PDF, read_topology
from gmmspeech.formats.kaldi.tree import answers, read_tree

_PLACE = re.compile(r"\S.*:[0-9]+(\[[0-9:,]*\])?")  # of an archive, in a script file
_FIRST_SYMBOL = "<eps>"


def describe_kaldi(path: str) -> str | None:
    """Describe a table of Kaldi's of anything but features, or a file of one object; None where it is none of these."""
    is_table = bool(parse_place(path).kind)
    if not is_table and _is_script(path):
        raise DataError(f"{path}: found a script file, expected scp:{path}")
    for describe in (_arrays, _components, _posteriors, _alignments):  # the last takes the two before for its own
        with suppress(DataError, ValueError):
            return describe(path)
    if not is_table or path.startswith("ark:"):
        for describe in (_symbols, _topology, _tree, _prior, _array):
            with suppress(DataError, ValueError):
                return describe(path.removeprefix("ark:"))  # standard input may be such a file
    return None


def _is_script(path: str) -> bool:
    """Say whether each line of a file tells where in an archive something is."""
    with suppress(DataError):
        places = read_map(path, rest_of_line=True)
        return bool(places) and all(map(_PLACE.fullmatch, places.values()))
    return False


def _symbols(path: str) -> str:
    table = read_map(path)
    if next(iter(table)) != _FIRST_SYMBOL:
        raise ValueError("no table of symbols")
    numbers = [parse_whole(number) for number in table.values()]
    return f"table of symbols: {counted(len(numbers), 'symbol')}, {_span(numbers)}"


def _topology(path: str) -> str:
    reader = Reader(path, "a topology of Kaldi")
    topology = read_topology(reader)
    reader.end()
    states = [sum(kind != NO_PDF for kind, _ in entry) for entry in topology.values()]
    return f"topology: {counted(len(topology), 'phone')} of {_span(states, 'state')}"


def _tree(path: str) -> str:
    tree = read_tree(path)
    width = "phones alone" if tree.width == 1 else f"contexts of {counted(tree.width, 'phone')}"
    return f"decision tree: {width}, {counted(len(answers(tree.root)), 'mixture')}"


def _prior(path: str) -> str:
    from gmmspeech.formats.kaldi.folder import read_prior  # with which come HMMs and front ends

    prior, frames = read_prior(path)
    size = f"{counted(prior.k.shape[1] - 1, 'column')}, which count as {counted(round(frames), 'frame')}"
    return f"prior of speakers for fMLLR: statistics of {size}"


def _arrays(path: str) -> str | None:
    """Describe vectors, or statistics of CMVN; None for matrices of other kinds, which are features."""
    table = read_table(path)
    _, first = next(table)
    shapes = [first.shape, *(array.shape for _, array in table)]
    if first.ndim == 1:
        sizes = [shape[0] for shape in shapes]
        return f"table of vectors: {counted(len(sizes), 'vector')} of {_span(sizes, 'number')}"
    if {shape[0] for shape in shapes} == {2} and first[1, -1] == 0:
        return f"statistics of CMVN: {counted(len(shapes), 'entry')} of {counted(first.shape[1] - 1, 'column')}"
    return None


def _alignments(path: str) -> str:
    rows = read_kaldi_alignments(path)
    if max(map(len, rows.values())) <= 1:
        raise ValueError("a list, such as of words, or utt2spk of numbers")
    return _of_frames("alignments", rows, "transitions")


def _components(path: str) -> str:
    found = read_gselect(path)
    each = next(iter(found.values())).shape[1]
    return _of_frames("best components", found, f"{each} of each, components")


def _posteriors(path: str) -> str:
    found = read_kaldi_posteriors(path)
    components = [k for rows in found.values() for row in rows for k, _ in row]
    if not components:
        raise ValueError("a list of words, or an alignment of zeros")
    counts = f"{counted(len(found), 'utterance')}, {counted(sum(map(len, found.values())), 'frame')}"
    return f"posteriors of components: {counts}, components {_span(components)}"


def _array(path: str) -> str:
    array = read_array_file(path, "a vector or matrix")
    if array.ndim == 1:
        return f"vector of {counted(len(array), 'number')}"
    return f"matrix of {counted(len(array), 'row')} and {counted(array.shape[1], 'column')}"


def _of_frames(name: str, rows: Mapping[str, NDArray], what: str) -> str:
    counts = f"{counted(len(rows), 'utterance')}, {counted(sum(map(len, rows.values())), 'frame')}"
    return f"{name}: {counts}, {what} {_span(itertools.chain.from_iterable(x.ravel().tolist() for x in rows.values()))}"


def _span(numbers: Iterable[int], what: str = "") -> str:
    """From the least to the greatest of some numbers, and of what they are."""
    found = np.fromiter(numbers, np.int64)
    low, high = int(found.min(initial=found.max(initial=0))), int(found.max(initial=0))
    if not what:
        return f"{low} to {high}"
    return counted(high, what) if low == high else f"{low} to {counted(high, what)}"
