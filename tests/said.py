"""What commands say on stderr, and errors in a line."""

import re
from pathlib import Path

import pytest

from gmmspeech.errors import DataError

_PASS = re.compile(
    r"gmmspeech: ([\w -]+: (pass|iteration|update) \d+|(class|mixture) .*: (\d+ passe?s?|adapted)),.* s\n"
)


def beside_passes(stderr: str) -> str:
    """Give what was said but for the passes of trainings, which `tests/cli/test_verbosity.py` is about."""
    return "".join(line for line in stderr.splitlines(keepends=True) if not _PASS.fullmatch(line))


def fails(match, function, *arguments, kind=DataError, **options) -> str:
    """Call what raises an error of one line, a DataError names the file that is the first argument; give the line."""
    with pytest.raises(kind, match=match) as caught:
        function(*arguments, **options)
    message = str(caught.value)
    assert "\n" not in message
    if kind is DataError and isinstance(arguments[0], Path):
        assert arguments[0].name in message  # of a long path, the middle is left out
    return message
