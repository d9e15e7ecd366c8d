"""The corpora by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from gmmspeech.corpora.registry import fetch_corpus, list_corpus
from gmmspeech.errors import ConfigError


def test_an_unknown_layout(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such layout, expected one of librispeech, voxceleb"):
        list_corpus("aurora", tmp_path)


def test_an_unknown_corpus() -> None:
    with pytest.raises(ConfigError, match="no such corpus to fetch, expected one of librispeech-mini"):
        fetch_corpus("switchboard")
