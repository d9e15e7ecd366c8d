"""The Free Spoken Digit Dataset, from a local copy or GitHub."""

from __future__ import annotations

import re
from pathlib import Path, PurePath

from gmmspeech.corpora.corpus import Archive, Layout, Listing, OpenCorpus, Part, everything
from gmmspeech.corpora.listing import with_known
from gmmspeech.formats.datadir import read_map

COMMIT = "26eb9aaf76e81b692f806f9140c2d2777410d7a1"
LICENSE = (
    "Free Spoken Digit Dataset, Zohar Jackson and contributors, "
    "CC BY-SA 4.0 (https://creativecommons.org/licenses/by-sa/4.0/)"
)
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_NAME = re.compile(r"([0-9])_([^\W_]+)_([0-9]+)")


def _identify(path: PurePath, _: PurePath) -> tuple[str, str] | None:
    found = _NAME.fullmatch(path.stem)
    return found and (f"{found[2]}-{found[1]}-{int(found[3]):02d}", found[2])


def _complete(listing: Listing, _: Path) -> Listing:
    return with_known(listing, {u: DIGITS[int(u.split("-")[1])] for u in listing.recordings}, {})


LAYOUT = Layout("DIGIT_SPEAKER_TAKE.wav", _identify, _complete)


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


FSDD = OpenCorpus(
    LICENSE,
    (Archive(f"https://github.com/Jakobovski/free-spoken-digit-dataset/archive/{COMMIT}.tar.gz", "some 20 MB"),),
    LAYOUT,
    _fsdd_parts,
    everything,
)
