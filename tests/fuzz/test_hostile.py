"""Files that somebody made with care: no other file is given away, nothing hangs or takes all memory."""

from __future__ import annotations

import json

import pytest
from fuzz.hostile import HOSTILE


@pytest.fixture(scope="module")
def found(fuzzed):
    """What came of each of them."""
    lines = (fuzzed / "hostile").read_text(encoding="utf-8").splitlines()
    return {name: rest for name, *rest in map(json.loads, lines)}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_comes_of_it(found, name):
    verdict, told, good, *_ = found[name]
    assert good, (verdict, told, HOSTILE[name].verdict, HOSTILE[name].words)
