"""Open corpora that are fetched from their official origins, by name.

The folder ``data/`` of this project has, for each corpus, which utterances are used, and how. What a rule says (all
pairs of models and tests, takes of a digit) is not listed but made in the corpus' own file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gmmspeech.corpora import arabic_commands, fsdd, librispeech
from gmmspeech.corpora.fetch import OpenCorpus, fetch
from gmmspeech.errors import ConfigError

LISTS = Path(__file__).resolve().parent.parent / "data"
CORPORA: Mapping[str, OpenCorpus] = {
    "librispeech-mini": librispeech.MINI,
    "librispeech-dev-clean": librispeech.DEV_CLEAN,
    "fsdd": fsdd.FSDD,
    "arabic-speech-commands-mini": arabic_commands.MINI,
}


def fetch_corpus(name: str, *, cache: Path | None = None) -> Path:
    """Fetch one of `CORPORA` and write its data directories, unless that is done."""
    if name not in CORPORA:
        raise ConfigError(f"{name}: no such corpus to fetch, expected one of {', '.join(CORPORA)}")
    return fetch(name, CORPORA[name], LISTS / name, cache=cache)
