"""Corpora by name: those of `gmmspeech prepare`, and those that are downloaded from their publishers.

The folder ``data/`` of this project lists, for each corpus, which utterances are used, and how. What follows from a
rule (all pairs of models and tests, takes of a digit) is not listed but generated in the corpus' own file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from gmmspeech.corpora import arabic_commands, asvspoof, fsdd, librispeech, speaker_folders, timit, voxceleb
from gmmspeech.corpora.corpus import Layout, Listing, OpenCorpus
from gmmspeech.corpora.listing import find_utterances
from gmmspeech.errors import ConfigError

LISTS = Path(__file__).resolve().parent.parent / "data"
LAYOUTS: Mapping[str, Layout] = {
    "librispeech": librispeech.LAYOUT,
    "voxceleb": voxceleb.LAYOUT,
    "timit": timit.LAYOUT,
    "fsdd": fsdd.LAYOUT,
    "arabic-commands": arabic_commands.LAYOUT,
    **asvspoof.LAYOUTS,
    "speakers": speaker_folders.LAYOUT,
}
CORPORA: Mapping[str, OpenCorpus] = {
    "librispeech-mini": librispeech.MINI,
    "librispeech-dev-clean": librispeech.DEV_CLEAN,
    "fsdd": fsdd.FSDD,
    "arabic-speech-commands-mini": arabic_commands.MINI,
}


def list_corpus(name: str, source: str | os.PathLike[str]) -> Listing:
    """List the utterances of a copy of one of `LAYOUTS`, with the information about them."""
    if name not in LAYOUTS:
        raise ConfigError(f"{name}: no such layout, expected one of {', '.join(LAYOUTS)}")
    return find_utterances(LAYOUTS[name], source)


def fetch_corpus(name: str) -> Path:
    """Download one of `CORPORA` and write its data directories, unless that is done."""
    from gmmspeech.corpora.fetch import fetch  # whose libraries for downloads take time to import

    if name not in CORPORA:
        raise ConfigError(f"{name}: no such corpus to fetch, expected one of {', '.join(CORPORA)}")
    return fetch(name, CORPORA[name], LISTS / name)
