"""Files of all kinds, damaged in all ways: each is read rightly or refused in one line, in bounded time and memory.

`python -m fuzz.run` (from tests/) runs any number of cases with any seed, and shows one by its number.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from fuzz.conftest import CASES
from fuzz.starting import start
from fuzz.verdicts import GOOD

LONG = 10_000


def bad(out: Path) -> list[str]:
    """Cases that ended badly."""
    results = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert results
    return [
        f"{number}: {kind}/{target}/{damage}: {verdict}: {told}"
        for number, kind, target, damage, _, verdict, told, *_ in results
        if verdict not in GOOD
    ]


def test_a_hundred_cases(fuzzed):
    assert len((fuzzed / "cases").read_text(encoding="utf-8").splitlines()) == CASES
    assert bad(fuzzed / "cases") == []


@pytest.mark.fuzz_long
@pytest.mark.parametrize("seed", [1, 2])
def test_thousands_of_cases(tmp_path, seed):
    done = start("--out", tmp_path / "results", "--cases", LONG // 2, "--seed", seed)
    assert done.returncode in (0, 1), done.stderr[-2000:]
    assert bad(tmp_path / "results") == []


def test_a_case_is_the_same_again(fuzzed, tmp_path):
    """In another process, with all files made anew."""
    done = start("--case", CASES - 1, "--keep", tmp_path / "again")
    assert done.returncode == 0, done.stderr[-2000:]
    first, second = (
        {path.name: re.sub(rb"fuzz-\w+", b"", path.read_bytes()) for path in folder.iterdir()}  # the temporary folder
        for folder in (fuzzed / "last", tmp_path / "again")
    )
    assert first == second
