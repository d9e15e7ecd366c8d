"""Fixtures that find the corpora and golden files through the environment."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest


def _folder(variable: str) -> Path:
    value = os.environ.get(variable)
    if value and Path(value).is_dir():
        return Path(value)
    message = f"{variable} is {'unset' if not value else f'{value!r}, which is no folder'}; this test needs it"
    if os.environ.get("GMMSPEECH_REQUIRE_DATA") == "1":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture
def golden() -> Path:
    """The folder of numbers computed by Kaldi, HTK and bob."""
    return _folder("GMMSPEECH_GOLDEN")


@pytest.fixture
def corpus() -> Callable[[str], Path]:
    """A function: corpus name to its folder."""
    root = _folder("GMMSPEECH_CORPORA")
    return lambda name: root / name
