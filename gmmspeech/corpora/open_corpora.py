"""Open corpora that are fetched from their official origins.

The folder ``data/`` of this project has, for each corpus, which utterances are used, and how. What a rule says (all
pairs of models and tests, takes of a digit) is not listed but made here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from gmmspeech.corpora.fetch import Archive, OpenCorpus, Part, fetch
from gmmspeech.corpora.layouts import Listing, by_speaker
from gmmspeech.errors import ConfigError
from gmmspeech.formats.datadir import read_fields, read_list_map, read_map

LISTS = Path(__file__).resolve().parent.parent / "data"
GROUP = 5  # Arabic words that are scored as one

CC_BY = "CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/)"
CC_BY_SA = "CC BY-SA 4.0 (https://creativecommons.org/licenses/by-sa/4.0/)"
OPENSLR = "https://www.openslr.org/resources/12"
LIBRISPEECH = f"LibriSpeech, V. Panayotov, G. Chen, D. Povey, S. Khudanpur and the LibriVox readers, {CC_BY}"
GITHUB = "https://github.com"
FSDD_COMMIT = "26eb9aaf76e81b692f806f9140c2d2777410d7a1"


def fetch_corpus(name: str, *, cache: Path | None = None) -> Path:
    """Fetch one of `CORPORA` and write its data directories, unless that is done.

    Parameters
    ----------
    name : str
    cache : Path, optional
        In place of `gmmspeech.corpora.download.cache_folder`.

    Returns
    -------
    Path
        Folder with ``audio`` and ``data``.

    Raises
    ------
    ConfigError
        If there is no such corpus.
    DataError
        As `gmmspeech.corpora.fetch.fetch`.
    """
    if name not in CORPORA:
        raise ConfigError(f"{name}: no such corpus to fetch, expected one of {', '.join(CORPORA)}")
    return fetch(name, CORPORA[name], LISTS / name, cache=cache)


def _listed_parts(listing: Listing, lists: Path) -> dict[str, Part]:
    """Parts of LibriSpeech: a folder each, with `utterances` or `segments`, and perhaps `enroll_spk2utt`."""
    parts = {}
    for folder in sorted(path for path in lists.iterdir() if path.is_dir()):
        utterances, segments, enrollment = (folder / name for name in ("utterances", "segments", "enroll_spk2utt"))
        parts[folder.name] = Part(
            [fields[0] for _, fields in read_fields(utterances)] if utterances.exists() else (),
            [" ".join(fields) for _, fields in read_fields(segments)] if segments.exists() else (),
            read_list_map(enrollment) if enrollment.exists() else {},
        )
    return parts


def _listed_recordings(lists: Path) -> set[str]:
    """Recordings of all parts."""
    names = [(folder / "utterances", 0) for folder in lists.iterdir()]
    names += [(folder / "segments", 1) for folder in lists.iterdir()]
    return {fields[column] for file, column in names if file.exists() for _, fields in read_fields(file)}


def _dev_clean_parts(listing: Listing, _: Path) -> dict[str, Part]:
    """Every other speaker is trained on, ten utterances each; of the others, three enroll and seven are tests."""
    first = {speaker: utterances[:10] for speaker, utterances in sorted(by_speaker(listing.utt2spk).items())}
    background, tested = list(first)[::2], list(first)[1::2]
    train = [u for speaker in background for u in first[speaker]]
    return {
        "background": Part(train),
        "ubm": Part(train),
        "dev-clean": Part(
            [u for speaker in tested for u in first[speaker]],
            enrollment={speaker: first[speaker][:3] for speaker in tested},
        ),
    }


def _fsdd_parts(listing: Listing, lists: Path) -> dict[str, Part]:
    """Takes 0 to 4 are tests, as its authors say; models of speakers are made of takes 5 and 6."""
    takes = {u: int(u.rpartition("-")[2]) for u in read_map(lists / "checksums")}
    speakers = sorted({u.partition("-")[0] for u in takes})
    train, test = [u for u in takes if takes[u] >= 5], [u for u in takes if takes[u] < 5]
    enroll = [u for u in train if takes[u] in (5, 6)]
    enrollment = {speaker: [u for u in enroll if u.startswith(f"{speaker}-")] for speaker in speakers}
    return {
        "all": Part(list(takes)),
        "train": Part(train),
        "test": Part(test),
        "verify": Part(sorted([*test, *enroll]), enrollment=enrollment),
        "whole": Part(list(listing.recordings)),
    }


def _arabic_parts(_: Listing, lists: Path) -> dict[str, Part]:
    """Every second word, takes 1 and 2, makes a model; the other words' takes 3 and 4 are tests, alone and by fives."""
    names = {u: u.split("-") for u in read_map(lists / "checksums")}  # speaker, word, take
    tested = {fields[0] for _, fields in read_fields(lists / "eval_speakers")}
    words = sorted({word for _, word, _ in names.values()})
    evaluated = [u for u, (speaker, _, _) in names.items() if speaker in tested]

    def of(chosen: Sequence[str], takes: Sequence[str]) -> dict[str, list[str]]:
        uses = {u for u, (_, word, take) in names.items() if word in chosen and take in takes}
        return {speaker: [u for u in evaluated if u in uses and names[u][0] == speaker] for speaker in sorted(tested)}

    tests = words[1::2]
    groups = {
        f"{speaker}-g{number // GROUP}{int(take)}": utterances
        for take in ("03", "04")
        for number in range(0, len(tests), GROUP)
        for speaker, utterances in of(tests[number : number + GROUP], [take]).items()
    }
    return {
        "all": Part(list(names)),
        "ubm": Part([u for u in names if u not in set(evaluated)]),
        "eval": Part(
            evaluated,
            enrollment=of(words[::2], ["01", "02"]),
            tests=[u for utterances in of(tests, ["03", "04"]).values() for u in utterances],
            groups=groups,
        ),
    }


def _everything(_: Path) -> None:
    return None


def _with_checksums(lists: Path) -> set[str]:
    return set(read_map(lists / "checksums"))


CORPORA: Mapping[str, OpenCorpus] = {
    "librispeech-mini": OpenCorpus(
        LIBRISPEECH,
        (
            Archive(f"{OPENSLR}/train-clean-100.tar.gz", "6.3 GB", "md5:2a93770f6d5c6c964bc36631d331a522"),
            Archive(f"{OPENSLR}/test-other.tar.gz", "328 MB", "md5:fb5a50374b501bb3bac4815ee91d3135"),
        ),
        "librispeech",
        _listed_parts,
        _listed_recordings,
    ),
    "librispeech-dev-clean": OpenCorpus(
        LIBRISPEECH,
        (Archive(f"{OPENSLR}/dev-clean.tar.gz", "337 MB", "md5:42e2234ba48799c1f50f24a7926300a1"),),
        "librispeech",
        _dev_clean_parts,
        _everything,
    ),
    "fsdd": OpenCorpus(
        f"Free Spoken Digit Dataset, Zohar Jackson and contributors, {CC_BY_SA}",
        (Archive(f"{GITHUB}/Jakobovski/free-spoken-digit-dataset/archive/{FSDD_COMMIT}.tar.gz", "some 20 MB"),),
        "fsdd",
        _fsdd_parts,
        _everything,
    ),
    "arabic-speech-commands-mini": OpenCorpus(
        f"Arabic Speech Commands, A. Ghandoura, F. Hjabo, O. Al Dakkak, {CC_BY}",
        (
            Archive(
                f"{GITHUB}/abdulkaderghandoura/arabic-speech-commands-dataset/archive/refs/heads/master.tar.gz",
                "some 300 MB",
            ),
        ),
        "arabic-commands",
        _arabic_parts,
        _with_checksums,
    ),
}
