"""How much a command says: `--quiet`, `--verbose` and `--log`, which every command has."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TextIO

import click

from gmmspeech.cli.places import STREAM, check_log
from gmmspeech.cli.process import WORDS
from gmmspeech.errors import DataError, line_of, say_step, shown, verbosity


class _Log(click.Path):
    """A file that lines are added to: not one that is written anew, nor one that is read."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if os.fspath(value) == STREAM:
            self.fail(f"found {STREAM}, expected the name of a file (--verbose tells the same on stderr)", param, ctx)
        return super().convert(value, param, ctx)


LOG = _Log(path_type=Path, dir_okay=False)

_OPTIONS = (
    click.option("--quiet", is_flag=True, help="Print nothing on stderr except errors."),
    click.option("--verbose", is_flag=True, help="Print progress on stderr in lines instead of bars."),
    click.option(
        "--log", type=LOG, help="Append all messages, and those of --verbose, to this file, with time stamps."
    ),
    click.option("--debug", is_flag=True, help="Show the traceback of an error."),
)


def verbosity_options(function: Any, *before: Any) -> Any:
    """Add the options that every command has, after its own, and others before these."""
    own = getattr(function, "__click_params__", [])
    function.__click_params__ = []
    for option in reversed((*before, *_OPTIONS)):
        function = option(function)
    function.__click_params__ += own
    return function


@contextmanager
def told(context: click.Context, *, quiet: bool, verbose: bool, log: Path | None) -> Iterator[None]:
    """Say as much as is asked for while a command works."""
    if quiet and verbose:
        raise click.UsageError("found both --quiet and --verbose, expected one of them", context)
    began = time.perf_counter()
    with ExitStack() as stack:
        write = None
        if log is not None:
            check_log(context, log)
            write = _stamped(stack.enter_context(_opened(log)))
        steps = verbose or not (sys.stderr is not None and sys.stderr.isatty())
        stack.enter_context(verbosity(quiet=quiet, steps=steps, bars=not (quiet or verbose), log=write))
        if verbose or log is not None:
            say_step(_begin(context), on_stderr=verbose)
        try:
            yield
        except BaseException as error:
            if write is not None and isinstance(error, Exception):
                write(f"error: {line_of(error)}")
            raise
        finally:
            if verbose or log is not None:
                say_step(f"ended after {time.perf_counter() - began:.2f} s{_memory()}", on_stderr=verbose)


def _opened(log: Path) -> TextIO:
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        return open(log, "a", encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise DataError(
            f"{shown(log, 400)}: can't be written ({error.strerror}), expected a place for a log"
        ) from error


def _stamped(file: TextIO) -> Callable[[str], None]:
    """Give a function that writes a line with the time before it, at once."""

    def write(line: str) -> None:
        file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {os.getpid()} {line}\n")
        file.flush()

    return write


def _begin(context: click.Context) -> str:
    import shlex
    from importlib.metadata import version  # which takes a while

    words = context.find_root().meta.get(WORDS, [context.info_name])
    return f"version {version('gmmspeech')}, gmmspeech {shlex.join(words)}"


def _memory() -> str:
    """Tell the most memory that the process had, where the system says."""
    try:
        import resource
    except ImportError:  # Windows
        return ""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return f", at most {peak / (1 << 20 if sys.platform == 'darwin' else 1 << 10):.0f} MiB of memory"
