"""How a command tells what went wrong."""

from __future__ import annotations

import ast
import errno
import itertools
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

import gmmspeech
from gmmspeech.errors import (
    LONGEST,
    AudioError,
    ConfigError,
    DataError,
    FeatureError,
    GmmSpeechWarning,
    ModelError,
    all_of,
    counted,
    naming,
    report_errors,
    shown,
)


def raising(error: BaseException) -> Callable[..., None]:
    @report_errors
    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (DataError("trials:3: found 'x', expected target"), "trials:3: found 'x', expected target"),
        (AudioError("two\nlines  and\tblanks"), "two lines and blanks"),
        (ConfigError("c"), "c"),
        (FeatureError("f"), "f"),
        (ModelError("m"), "m"),
        (OSError(errno.EACCES, "Permission denied", "secret.wav"), "secret.wav: Permission denied"),
        (OSError(errno.EIO, "Input/output error"), "[Errno 5] Input/output error"),
        (MemoryError("Unable to allocate 9 TiB"), "Unable to allocate 9 TiB"),
        (MemoryError(), "MemoryError"),
        (ZeroDivisionError("division by zero"), "unexpected ZeroDivisionError: division by zero (--debug shows where)"),
        (RecursionError("too deep"), "unexpected RecursionError: too deep (--debug shows where)"),
    ],
)
def test_an_error_is_one_line_and_status_1(error: BaseException, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        raising(error)()
    assert stopped.value.code == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == f"gmmspeech: error: {line}\n"


def test_debug_lets_the_error_through() -> None:
    with pytest.raises(DataError, match="as it was"):
        raising(DataError("as it was"))(debug=True)


def test_an_interruption_has_the_status_of_the_shell(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        raising(KeyboardInterrupt())()
    assert stopped.value.code == 130
    assert capsys.readouterr().err == "gmmspeech: interrupted\n"


def test_a_closed_pipe_is_let_through() -> None:
    with pytest.raises(BrokenPipeError):
        raising(BrokenPipeError())()


def test_warnings_are_lines_too(capsys: pytest.CaptureFixture[str]) -> None:
    @report_errors
    def command() -> None:
        warnings.warn("component 3 of\n 8 starves", GmmSpeechWarning)
        warnings.warn("old", FutureWarning)

    before = warnings.showwarning
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        command()
    assert capsys.readouterr().err == "gmmspeech: warning: component 3 of 8 starves\ngmmspeech: FutureWarning: old\n"
    assert warnings.showwarning is before


def nested(depth: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("ann-1", "ann-1"),
        ("10\u00a0000", "10\\xa0000"),
        ("a\x1b[31m\nb", "a\\x1b[31m\\nb"),
        ("\udcff", "\\udcff"),
        ("ß語", "ß語"),
        (Path("a/b.wav"), "a/b.wav"),
        (1.5, "1.5"),
        (None, "None"),
    ],
)
def test_what_was_found_is_shown_as_it_is(value: object, expected: str) -> None:
    assert shown(value) == expected


@pytest.mark.parametrize(
    "value",
    ["x" * 10**6, b"x" * 10**6, list(range(10**5)), nested(10**5), 10**5000],
    ids=lambda value: type(value).__name__,
)
def test_what_was_found_is_cut(value: object) -> None:
    assert len(shown(value)) <= 80
    assert len(shown(value, 30)) <= 30


@given(st.text(), st.integers(min_value=10, max_value=100))
def test_what_was_found_is_one_short_line(value: str, limit: int) -> None:
    found = shown(value, limit)
    assert len(found) <= limit
    assert found.isprintable()


@pytest.mark.parametrize("kind", [DataError, GmmSpeechWarning])
def test_no_message_is_longer_than_a_screen(kind: type[Exception]) -> None:
    text = str(kind(f"trials:3: found {'x' * 10**6}\n, expected target"))
    assert len(text) <= LONGEST
    assert text.startswith("trials:3: found xxx")
    assert text.endswith("xxx , expected target")
    assert len(str(kind(" " * 10**6 + "x"))) <= LONGEST


def test_counted_things_are_told_in_the_singular_for_one() -> None:
    assert [counted(n, "entry", ",") for n in (0, 1, 1000)] == ["0 entries", "1 entry", "1,000 entries"]
    assert counted(1.0, "masked entry", ".0f") == "1 masked entry"
    assert all_of(1, "test") == "the only test is"
    loose = []
    for file in sorted(Path(gmmspeech.__file__).parent.rglob("*.py")):
        text = file.read_text("utf-8")
        for node in ast.walk(ast.parse(text)) if "{len(" in text else ():
            if isinstance(node, ast.JoinedStr):
                for value, behind in itertools.pairwise(node.values):
                    is_count = isinstance(value, ast.FormattedValue) and ast.unparse(value.value).startswith("len(")
                    told = behind.value if isinstance(behind, ast.Constant) else ""
                    if is_count and re.match(r" [a-zG-]+s\b(?<! as)(?<! is)(?<! was)", told):
                        loose.append(f"{file.name}:{node.lineno}: {told}")
    allowed = ("numbers, none negative", "models are listed", "bytes")  # of several, always
    assert [each for each in loose if not any(words in each for words in allowed)] == []


@pytest.mark.parametrize(
    ("said", "told"), [("found 3, expected 4", "b.h5, c.h5: found 3, expected 4"), ("c.h5: found 3", "c.h5: found 3")]
)
def test_errors_that_name_no_file_get_its_name(said: str, told: str) -> None:
    with pytest.raises(ModelError, match=f"^{told}$"), naming([Path("b.h5"), Path("c.h5")], ModelError):
        raise ModelError(said)
    with pytest.raises(DataError, match=f"^{said}$"), naming("b.h5", ModelError):
        raise DataError(said)
