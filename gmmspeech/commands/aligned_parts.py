"""Alignment of large folders part by part: what is done is kept beside the output until all is, for the next run.

A part is some hours of whole speakers, to whom alone frames are adapted. Features and parts are files that are named
after a digest of everything that decides what is in them, so that a later run takes exactly the matching ones.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gmmspeech.commands.phone_features import FEATURES
from gmmspeech.commands.shard_folder import check_shard_folder, clear_shard_folder
from gmmspeech.commands.shards import audio_bytes
from gmmspeech.errors import GmmSpeechWarning
from gmmspeech.files.atomic import one_run_at_a_time, remove_leftovers, write_lines
from gmmspeech.files.saving import nested_state
from gmmspeech.formats.datadir import DataDir, utterances_of
from gmmspeech.phones.decoding.adapting import with_phones
from gmmspeech.phones.decoding.alignment import AlignedCorpus, Alignment, align
from gmmspeech.phones.decoding.boundaries import Chain
from gmmspeech.phones.hmm.adapted_system import AdaptedSystem
from gmmspeech.phones.hmm.graph import Pronunciations, pronunciations
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.labels.dictionary import probability_of
from gmmspeech.phones.labels.labels import Label
from gmmspeech.phones.labels.word_positions import has_positions, with_positions
from gmmspeech.progress import progress_bar
from gmmspeech.stores.features import FeatureStore

PART_BYTES = 2**28  # of audio, some five hours of FLAC: what a killed run loses the work on
VERSION = 2  # of what an alignment is, given all else: a part of another one is not taken


class Kept(NamedTuple):
    """A folder to keep parts in, and the utterances of each."""

    place: Path
    parts: Sequence[Sequence[str]]


@contextmanager
def kept_beside(out: Path | None, data: DataDir) -> Iterator[Kept | None]:
    """Give what is kept beside an output, or None where the work is small; all of it goes if the block ends well."""
    parts = [] if out is None else _parts(data)
    if out is None or len(parts) < 2:
        yield None
        return
    place = _place(out.resolve())
    with one_run_at_a_time(place):
        check_shard_folder(place)
        place.mkdir(parents=True, exist_ok=True)
        try:
            yield Kept(place, parts)
            clear_shard_folder(place / f"{Path(FEATURES).stem}.shards")
            for path in (place / FEATURES, *place.glob("part-*.json")):
                remove_leftovers(path)
                path.unlink(missing_ok=True)
        finally:
            with suppress(OSError):  # there is something in it
                place.rmdir()


def _place(out: Path) -> Path:
    """Folder beside an output, or in one whose folder nobody may write to, as that of a mounted disk."""
    inside = out.exists() and not os.access(out.parent, os.W_OK)
    return out / ".unfinished" if inside else out.with_name(f".{out.name}.unfinished")


def _parts(data: DataDir) -> list[list[str]]:
    """Utterances of speakers whose audio comes to so many bytes, or of one who has more."""
    speakers = list(utterances_of({u: data.utt2spk[u] for u in data.utterances}).values())
    number = np.cumsum(audio_bytes([(data, own) for own in speakers])) // PART_BYTES
    return [list(chain.from_iterable(own for own, n in zip(speakers, number, strict=True) if n == part))
            for part in np.unique(number)]  # fmt: skip


def align_in_parts(
    kept: Kept | None,
    model: PhoneHMM | AdaptedSystem,
    store: FeatureStore,
    words: Mapping[str, Sequence[str]],
    dictionary: Pronunciations,
    *,
    utt2spk: Mapping[str, str] | None,
    n_jobs: int | None,
    **options: Any,
) -> AlignedCorpus:
    """Align what no earlier run has aligned, and give all of it, as `align` does; all at once if nothing is kept."""
    if kept is None:
        return align(model, store, words, dictionary, utt2spk=utt2spk, n_jobs=n_jobs, **options)
    entries = {w: pronunciations(dictionary, w, optional=True) for w in dict.fromkeys(chain(*words.values()))}
    model = _with_phones_of(model, entries)
    of_model = _digest(nested_state(model))
    shards = sorted(path.name for path in kept.place.glob("*.shards/*.h5"))
    alignments: dict[str, Alignment] = {}
    skipped: dict[str, str] = {}
    for names in progress_bar("aligning", "part")(kept.parts):
        said = {name: words[name] for name in names if name in words}
        own = {word: entries[word] for word in dict.fromkeys(chain(*said.values()))}
        likely = [[*map(probability_of, entries[word])] for word in own]
        who = None if utt2spk is None else {name: utt2spk[name] for name in said}
        path = kept.place / f"part-{_digest(VERSION, of_model, shards, said, own, likely, who, options)}.json"
        part = _read_part(path)
        if part is None:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "pronunciations: ", GmmSpeechWarning)  # told of all of them
                done = align(model, store, said, own, utt2spk=who, n_jobs=n_jobs, progress=False, **options)
            each = ([name, vars(found)] for name, found in done.alignments.items())
            part = done.skipped, done.alignments
            first = [done.skipped, len(done.alignments)]
            write_lines(path, (json.dumps(line, default=_plain) for line in chain([first], each)))
        skipped |= part[0]
        alignments |= part[1]
    found = {name: alignments[name] for name in words if name in alignments}
    return AlignedCorpus(found, {name: skipped[name] for name in words if name in skipped}, Counter())


def _read_part(path: Path) -> tuple[dict[str, str], dict[str, Alignment]] | None:
    """Utterances of a part that were skipped, and alignments of the others; None if it isn't there, or not whole."""
    with suppress(OSError, ValueError):
        (skipped, number), *lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
        if len(lines) == number:
            return skipped, {name: _alignment(**fields) for name, fields in lines}
    return None


def _with_phones_of(model: PhoneHMM | AdaptedSystem, entries: Pronunciations) -> PhoneHMM | AdaptedSystem:
    """Give a model all phones that it lacks at once, which parts would do differently, and tell of again."""
    named = with_positions(entries, model.phones) if has_positions(model.phones) else entries
    return with_phones(model, dict.fromkeys(chain.from_iterable(chain.from_iterable(named.values()))))


def _digest(*decides: Any) -> str:
    """Tell apart text, numbers and arrays in lists and mappings."""
    return hashlib.sha256(json.dumps(decides, default=_plain).encode()).hexdigest()[:16]


def _plain(value: Any) -> Any:
    """Give what JSON holds in place of states and numbers of NumPy."""
    return vars(value) if isinstance(value, Chain) else value.tolist()


def _alignment(words: Any, phones: Any, chain: Any, **fields: Any) -> Alignment:
    """Give the alignment that `_plain` made JSON of."""
    arrays = {name: np.array(value, np.float64) for name, value in fields.items() if isinstance(value, list)}
    states = chain and Chain(np.array(chain["state"], np.intp), np.array(chain["entry"], np.intp), chain["num_frames"])
    labels = {"words": [Label(*each) for each in words], "phones": [Label(*each) for each in phones]}
    return Alignment(**{**fields, **arrays, **labels, "chain": states})
