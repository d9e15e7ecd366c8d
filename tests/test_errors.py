"""How a command tells what went wrong."""

from __future__ import annotations

import errno
import warnings
from collections.abc import Callable

import pytest

from gmmspeech.errors import (
    AudioError,
    ConfigError,
    DataError,
    FeatureError,
    GmmSpeechWarning,
    ModelError,
    report_errors,
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


@pytest.mark.parametrize("error", [ZeroDivisionError(), BrokenPipeError()])
def test_what_is_no_fault_of_the_input_is_let_through(error: BaseException) -> None:
    with pytest.raises(type(error)):
        raising(error)()


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
