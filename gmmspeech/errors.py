"""Errors and warnings of this package.

Every error message is one line that names the thing (file, utterance, model, component), what was found and what was
expected. The command line prints that line and exits with status 1.
"""

import functools
import os
import re
import reprlib
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

LONGEST = 1000  # characters of a message: what stands in a file never fills a screen

_LINE_ENDS = re.compile(r"[\r\n\t]+")
_verbosity: dict[str, Any] = {"quiet": False, "steps": False, "bars": True, "log": None}
_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = LONGEST


class GmmSpeechError(Exception):
    """Base class of all errors that gmmspeech raises on purpose.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> try:
    ...     gs.load("nowhere.h5")
    ... except gs.GmmSpeechError as error:
    ...     print(error)
    nowhere.h5: ...
    """

    def __str__(self) -> str:
        return shown(_LINE_ENDS.sub(" ", super().__str__()), LONGEST)


class ConfigError(GmmSpeechError, ValueError, TypeError):
    """Error for an invalid value or wrong type in a configuration file, option or parameter."""


class AudioError(GmmSpeechError, ValueError):
    """Error for a recording that is missing, can't be decoded, or is not as the caller described it."""


class DataError(GmmSpeechError, ValueError):
    """Error for a list, data directory, score file or feature store that is malformed or incomplete."""


class DownloadError(DataError):
    """Error for a file that can't be downloaded, or differs from what was expected."""


class FeatureError(GmmSpeechError, ValueError, TypeError):
    """Error for frames that can't be computed, or don't fit their use."""


class ModelError(GmmSpeechError, ValueError):
    """Error for a model that can't be trained, read, or used with the given frames."""


class GmmSpeechWarning(UserWarning):
    """Warning about a problem that does not stop the work, such as an utterance without frames or a starved component.

    Examples
    --------
    >>> import warnings, numpy as np, gmmspeech as gs
    >>> with warnings.catch_warnings(record=True) as said:
    ...     warnings.simplefilter("always")
    ...     _ = gs.mfcc(np.zeros(10), 16000)
    >>> said[0].category is gs.GmmSpeechWarning
    True
    """

    def __str__(self) -> str:
        return shown(_LINE_ENDS.sub(" ", super().__str__()), LONGEST)


def shown(value: object, limit: int = 80) -> str:
    """Text of what was found, for a message: at most `limit` characters, and escapes for what can't be printed."""
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    try:
        text = value if isinstance(value, str) else _REPR.repr(value)
    except ValueError:  # an integer of more digits than Python writes
        text = f"<{type(value).__name__}>"
    if len(text) > 2 * limit:
        text = text[:limit] + text[-limit:]
    if not text.isprintable():
        text = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
    half = (limit - 3) // 2
    return text if len(text) <= limit else f"{text[:half]}...{text[-half:]}"


def counted(count: float, noun: str, spec: str = "") -> str:
    """Give a number, formatted as `spec` says, and a noun: the singular of it for one.

    Examples
    --------
    >>> from gmmspeech.errors import counted
    >>> counted(1, "word"), counted(2, "class"), counted(3, "array"), counted(1234, "entry", ",")
    ('1 word', '2 classes', '3 arrays', '1,234 entries')
    """
    if count != 1:
        ends = {"s": noun + "es", "y": noun[:-1] + "ies" if noun[-2:-1] not in "aeiou" else noun + "s"}
        noun = ends.get(noun[-1], noun + "s")
    return f"{count:{spec}} {noun}"


@contextmanager
def naming(path: str | os.PathLike[str] | Sequence[os.PathLike[str]], *kinds: type[GmmSpeechError]) -> Iterator[None]:
    """Put the name of the file that is at fault, or of those that may be, before an error that names none of them."""
    names = [str(path)] if isinstance(path, str | os.PathLike) else list(map(str, path))
    try:
        yield
    except kinds as error:
        if any(name in str(error) for name in names):
            raise
        raise type(error)(f"{', '.join(names)}: {error}") from error


def all_of(count: int, noun: str) -> str:
    """Tell of all things of a kind that they are something, in the singular for one.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> gs.errors.all_of(3, "test"), gs.errors.all_of(1, "test")
    ('all 3 tests are', 'the only test is')
    """
    return f"the only {noun} is" if count == 1 else f"all {counted(count, noun)} are"


_MOST_OTHERS = 10  # that a message lists


def first_of(reasons: Mapping[Any, str]) -> str:
    """Tell why the first of some things is bad, and which the others are.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> gs.errors.first_of({2: "words.dict:2: found ONE alone", 7: "words.dict:7: found TWO alone"})
    'the first: words.dict:2: found ONE alone; the others: 7'
    """
    first, *others = reasons
    listed = shown(", ".join(map(str, others[:_MOST_OTHERS])), 300)
    rest = f" and {len(others) - _MOST_OTHERS} more" if len(others) > _MOST_OTHERS else ""
    return f"the first: {reasons[first]}" + (f"; the others: {listed}{rest}" if others else "")


def tell_left_out(place: object, bad: Mapping[Any, str], noun: str, whole: str, *, any_left: bool) -> None:
    """Warn of the bad parts of a whole that were left out, if there are any; a `DataError` if none is left."""
    if bad and not any_left:
        raise DataError(f"{place}: {all_of(len(bad), noun)} bad; {first_of(bad)}")
    if bad:
        warnings.warn(f"left out {counted(len(bad), noun)} of {whole}; {first_of(bad)}", GmmSpeechWarning)


def one_line(error: BaseException) -> str:
    """Text of an error on one line, not longer than a message may be."""
    return shown(" ".join(str(error).split()), LONGEST)


def text_or_type(error: BaseException) -> str:
    """Text of an error on one line, or what kind it is where it has none."""
    return one_line(error) or type(error).__name__


def as_of_utterance(utterance: str, error: Exception) -> GmmSpeechError:
    """Give an error that names the utterance, whatever was raised: a decoder, or memory that is not there."""
    name = f"utterance {shown(utterance)}: "
    text = str(error) if isinstance(error, GmmSpeechError) else f"{type(error).__name__}: {one_line(error)}".strip(": ")
    kind = type(error) if isinstance(error, GmmSpeechError) else FeatureError
    return kind(text if text.startswith(name) else name + text)


def report_errors(function: Callable[..., None]) -> Callable[..., None]:
    """Wrap a command: an error is one line on stderr and exit status 1; with ``--debug`` also its traceback.

    The wrapped function takes ``debug`` beside its own arguments.
    """

    @functools.wraps(function)
    def wrapped(*args: Any, debug: bool = False, **kwargs: Any) -> None:
        with warnings_said():
            try:
                function(*args, **kwargs)
            except BrokenPipeError:  # of `| head`: click ends quietly
                raise
            except Exception as error:
                if debug:
                    raise
                say(f"error: {line_of(error)}")
                sys.exit(1)
            except KeyboardInterrupt:
                say("interrupted")
                sys.exit(130)

    return wrapped


@contextmanager
def warnings_said(translate: Callable[[str], str] = str) -> Iterator[None]:
    """Print warnings as lines on stderr while the block lasts, in the words that `translate` puts them in."""

    def show(message: Warning | str, category: type[Warning], *_: Any) -> None:
        name = "warning" if issubclass(category, GmmSpeechWarning) else category.__name__
        say(f"{name}: {translate(' '.join(str(message).split()))}")

    with warnings.catch_warnings():
        warnings.showwarning = show  # type: ignore[assignment]
        yield


def line_of(error: BaseException) -> str:
    """Text of an error for the command line, on one line."""
    if isinstance(error, GmmSpeechError):
        return text_or_type(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{shown(error.filename, LONGEST)}: {error.strerror}" if error.filename else text_or_type(error)
    if isinstance(error, MemoryError):
        return text_or_type(error)
    return f"unexpected {type(error).__name__}: {one_line(error)} (--debug shows where)"


def say(text: str, *, sender: str = "gmmspeech: ") -> None:
    """Print a line on stderr, if there is one that takes it, and put it into the log, if there is one."""
    _tell(text, on_stderr=not _verbosity["quiet"] or text.startswith(("error: ", "interrupted")), sender=sender)


def say_step(text: str, *, on_stderr: bool | None = None) -> None:
    """Put a line of a work's course into the log, and print it where steps are wanted."""
    _tell(text, on_stderr=_verbosity["steps"] if on_stderr is None else on_stderr)


def _tell(text: str, *, on_stderr: bool, sender: str = "gmmspeech: ") -> None:
    text = shown(text, LONGEST)
    with suppress(OSError, ValueError):
        if _verbosity["log"] is not None:
            _verbosity["log"](text)
    with suppress(OSError, ValueError):
        if on_stderr and sys.stderr is not None:
            print(f"{sender}{text}", file=sys.stderr, flush=True)


@contextmanager
def verbosity(
    *, quiet: bool = False, steps: bool = False, bars: bool = True, log: Callable[[str], None] | None = None
) -> Iterator[None]:
    """Say nothing but errors on stderr (`quiet`), or `steps` too, draw no `bars`, or hand lines to a `log` besides.

    What holds already in a block around this one goes on to hold.
    """
    before = dict(_verbosity)
    _verbosity.update(
        quiet=quiet or before["quiet"],
        steps=(steps or before["steps"]) and not quiet,
        bars=bars and before["bars"],
        log=log or before["log"],
    )
    try:
        yield
    finally:
        _verbosity.update(before)


def bars_wanted() -> bool:
    """Say whether a terminal may show bars."""
    return _verbosity["bars"]
