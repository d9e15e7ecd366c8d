"""Files that somebody made with care: no other file is given away, nothing hangs or takes all memory."""

from __future__ import annotations

import json

import pytest
from fuzz.hostile import HOSTILE
from fuzz.starting import start


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What came of each of them."""
    out = tmp_path_factory.mktemp("hostile") / "results"
    done = start("--hostile", "--out", out)
    assert done.returncode in (0, 1), done.stderr[-2000:]
    return {name: rest for name, *rest in map(json.loads, out.read_text(encoding="utf-8").splitlines())}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_comes_of_it(found, name):
    verdict, told, good, *_ = found[name]
    assert good, (verdict, told, HOSTILE[name].verdict, HOSTILE[name].words)
