"""The Arabic Speech Commands, from a local copy or GitHub: listed utterances, scored singly and in groups of five."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePath

from gmmspeech.corpora.corpus import Archive, Layout, Listing, OpenCorpus, Part
from gmmspeech.corpora.listing import with_known
from gmmspeech.formats.datadir import read_fields, read_map

GROUP = 5  # words that are scored as one
LICENSE = (
    "Arabic Speech Commands, A. Ghandoura, F. Hjabo, O. Al Dakkak, "
    "CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/)"
)
_NAME = re.compile(r"([0-9]{8})_[A-Za-z]+_([0-9]+)")


def _identify(path: PurePath, _: PurePath) -> tuple[str, str] | None:
    found = _NAME.fullmatch(path.stem)
    return found and (f"{found[1]}-{path.parent.name.replace(' ', '_')}-{int(found[2]):02d}", found[1])


def _complete(listing: Listing, _: Path) -> Listing:
    return with_known(listing, {u: path.parent.name for u, path in listing.recordings.items()}, {})


LAYOUT = Layout("WORD/SPEAKER_NO_TAKE.wav", _identify, _complete)


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


def _with_checksums(lists: Path) -> set[str]:
    return set(read_map(lists / "checksums"))


MINI = OpenCorpus(
    LICENSE,
    (
        Archive(
            "https://github.com/abdulkaderghandoura/arabic-speech-commands-dataset/archive/refs/heads/master.tar.gz",
            "some 300 MB",
        ),
    ),
    LAYOUT,
    _arabic_parts,
    _with_checksums,
)
