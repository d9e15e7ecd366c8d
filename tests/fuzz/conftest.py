"""The named cases and the first hundred of the others, run by one process: the files to be damaged are made once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fuzz.starting import start

CASES = 100


@pytest.fixture(scope="session")
def fuzzed(made_once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """A folder with results of the named cases, ``hostile``, of others, ``cases``, and files of the ``last`` one."""

    def run(folder: Path) -> None:
        places = {"--hostile": "hostile", "--out": "cases", "--keep": "last"}
        done = start("--cases", CASES, *(word for option, name in places.items() for word in (option, folder / name)))
        assert done.returncode in (0, 1), done.stderr[-2000:]

    return made_once("fuzzed", run)
