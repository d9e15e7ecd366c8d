"""Files of all kinds, damaged in all ways: each is read rightly or refused in one line, in bounded time and memory.

`python -m fuzz.run` (from tests/) runs any number of cases with any seed, and shows one by its number.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fuzz.starting import start
from fuzz.verdicts import GOOD

CASES, LONG = 100, 10_000


def run(out: Path, *options: object) -> list[str]:
    """Run cases in a process of their own, which has one thread; give those that ended badly."""
    done = start("--out", out, *options)
    assert done.returncode in (0, 1), done.stderr[-2000:]
    results = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert results, done.stderr[-2000:]
    return [
        f"{number}: {kind}/{target}/{damage}: {verdict}: {told}"
        for number, kind, target, damage, _, verdict, told, *_ in results
        if verdict not in GOOD
    ]


def test_a_hundred_cases(tmp_path):
    assert run(tmp_path / "results", "--cases", CASES) == []


@pytest.mark.fuzz_long
@pytest.mark.parametrize("seed", [1, 2])
def test_thousands_of_cases(tmp_path, seed):
    assert run(tmp_path / "results", "--cases", LONG // 2, "--seed", seed) == []


def test_a_case_is_the_same_again(tmp_path):
    for name in "ab":
        run(tmp_path / name, "--case", 7, "--only", "trials", "--keep", tmp_path / f"{name}-kept")
    first, second = ((tmp_path / f"{name}-kept" / "trials").read_bytes() for name in "ab")
    assert first == second
