"""What commands say on stderr, and errors in a line."""

import re
from pathlib import Path

import pytest
from click.testing import Result

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


def stops(result: Result, *expected: str) -> None:
    """The command failed with one line on stderr, but for warnings, that has all that is expected in it."""
    assert result.exit_code == 1, result.output
    lines = [line for line in result.stderr.splitlines() if not line.startswith("gmmspeech: warning: ")]
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("gmmspeech: error: ")
    assert "Traceback" not in result.output
    for words in expected:
        assert words in lines[0], f"{words!r} is not in {lines[0]!r}"


def works(result: Result) -> Result:
    """The command ended well; give its result back."""
    assert result.exit_code == 0, result.output
    return result
