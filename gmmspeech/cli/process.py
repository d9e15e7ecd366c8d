"""How the process of a command ends: in one line whatever happens, and with the right status."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

import click

from gmmspeech.cli.catalog import sections_of
from gmmspeech.cli.interruptions import INTERRUPTED, Terminated, signals_heard, signals_restored
from gmmspeech.errors import DataError, line_of, say, shown

WORDS = "gmmspeech.words"  # the command line as it was typed, in the context's meta
STDOUT_TAKEN = "gmmspeech.stdout"  # whether a table goes there, in the context's meta
_closed: set[str] = set()  # standard streams that were, when the process began


def tell(line: str = "") -> None:
    """Print a line on standard output, stderr where a table goes there; what would command a terminal is escaped."""
    context = click.get_current_context(silent=True)
    if context is not None and context.meta.get(STDOUT_TAKEN):
        say(line)
        return
    if sys.stdout is not None and sys.stdout.isatty():
        line = "\n".join(shown(part, len(part) * 10 + 10) for part in line.split("\n"))
    with standard_output():
        click.echo(line)


@contextmanager
def standard_output() -> Iterator[None]:
    """Say what can't be written to standard output, but of a pipe that is closed: nobody wants more of it."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise DataError(f"standard output: can't be written ({error.strerror})") from error


def tell_columns(rows: Sequence[Sequence[str]]) -> None:
    """Print a table, the columns as wide as they must be."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        tell("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


@contextmanager
def traceback_shown() -> Iterator[None]:
    """Print the traceback of an error that ends the block, and end the process."""
    try:
        yield
    except BrokenPipeError:
        raise
    except Exception:
        traceback.print_exc()
        sys.exit(1)


@contextmanager
def orderly() -> Iterator[None]:
    """Let a block end the process in an orderly way, whichever exception ends the block."""
    _open_streams()
    interrupted: list[int] = []  # by which signals
    with signals_restored():
        try:
            with signals_heard(interrupted):
                yield
            _flush()
        except SystemExit as error:
            _leave(error.code, *interrupted[:1])
        except click.ClickException as error:
            with suppress(OSError, ValueError):
                error.show()
            _leave(error.exit_code)
        except BaseException as error:
            if interrupted or isinstance(error, (KeyboardInterrupt, click.Abort)):
                say("terminated" if interrupted[:1] == [signal.SIGTERM] else "interrupted")
                _leave(INTERRUPTED, *interrupted[:1])
            if isinstance(error, BrokenPipeError):
                _leave(1, getattr(signal, "SIGPIPE", 0))
            say(f"error: {line_of(error)}")
            _leave(1)


@contextmanager
def _interruption() -> Iterator[None]:
    """End the process when it is interrupted, or its reader gone: click would print an empty line, or give status 1."""
    try:
        yield
    except BrokenPipeError:
        raise BrokenPipeError from None  # without the number by which click knows it
    except KeyboardInterrupt as error:
        say("terminated" if isinstance(error, Terminated) else "interrupted")
        sys.exit(INTERRUPTED)


def _open_streams() -> None:
    """Make standard streams that are closed lead nowhere, and no character one that can't be printed."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:  # else a file that is opened would take the number, and messages go into it
            os.open(os.devnull, os.O_RDWR)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            _closed.add(name)
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
        elif getattr(stream, "errors", "") == "strict":
            stream.reconfigure(errors="backslashreplace")


def _flush() -> None:
    with standard_output():
        sys.stdout.flush()


def stdout_is_closed() -> bool:
    """Say whether nobody gets what goes to standard output."""
    return "stdout" in _closed


def end_by_signal(number: int) -> None:
    """End the process as if it did not heed a signal, so that others see that it was that."""
    with suppress(ValueError):  # not the main thread
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _leave(status: object, number: int = 0) -> NoReturn:
    """End the process, by a signal if it is one that ends processes; what can't be printed is given up."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):  # else Python would try again, and tell of it
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    if number == signal.SIGINT:
        status = INTERRUPTED
    elif number:
        end_by_signal(number)
    sys.exit(status)  # type: ignore[arg-type]


class Main(click.Group):
    """The group of all commands, which ends in an orderly way."""

    def main(self, *arguments: Any, standalone_mode: bool = True, **options: Any) -> Any:
        """Do what the command line says."""
        done: Callable[..., Any] = super().main
        if not standalone_mode:
            return done(*arguments, standalone_mode=False, **options)
        with orderly():
            status = done(*arguments, standalone_mode=False, **options)
            sys.exit(status if isinstance(status, int) else 0)

    def make_context(self, info_name: str | None, args: list[str], *more: Any, **options: Any) -> click.Context:
        """Parse the command line."""
        words = list(args)
        with _interruption(), standard_output():  # where help goes
            context = super().make_context(info_name, args, *more, **options)
        context.meta[WORDS] = words
        return context

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands by what they are for."""
        sections = sections_of(ctx, self.list_commands(ctx))
        width = max(len(name) for commands in sections.values() for name, _ in commands)
        for section, commands in sections.items():
            if commands:
                with formatter.section(section):
                    rows = [(f"{name:{width}}", made.get_short_help_str(80)) for name, made in commands]
                    formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> Any:
        """Call the command."""
        with _interruption():
            return super().invoke(ctx)
