"""The Free Spoken Digit Dataset from GitHub."""

from __future__ import annotations

from pathlib import Path

from gmmspeech.corpora.fetch import Archive, OpenCorpus, Part, everything
from gmmspeech.corpora.layouts import Listing
from gmmspeech.formats.datadir import read_map

COMMIT = "26eb9aaf76e81b692f806f9140c2d2777410d7a1"
LICENSE = (
    "Free Spoken Digit Dataset, Zohar Jackson and contributors, "
    "CC BY-SA 4.0 (https://creativecommons.org/licenses/by-sa/4.0/)"
)


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
    "fsdd",
    _fsdd_parts,
    everything,
)
