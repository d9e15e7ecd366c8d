"""One line for an error, and the exit status."""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable
from typing import Any

from gmmspeech.errors import GmmSpeechError, GmmSpeechWarning, text_or_type


def report_errors(function: Callable[..., None]) -> Callable[..., None]:
    """Wrap a command: an error is one line on stderr and exit status 1; with ``--debug`` also its traceback.

    The wrapped function takes ``debug`` beside its own arguments.
    """

    @functools.wraps(function)
    def wrapped(*args: Any, debug: bool = False, **kwargs: Any) -> None:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning  # type: ignore[assignment]
            try:
                function(*args, **kwargs)
            except BrokenPipeError:  # of `| head`: click ends quietly
                raise
            except (GmmSpeechError, OSError, MemoryError) as error:
                if debug:
                    raise
                print(f"gmmspeech: error: {_one_line(error)}", file=sys.stderr)
                sys.exit(1)
            except KeyboardInterrupt:
                print("gmmspeech: interrupted", file=sys.stderr)
                sys.exit(130)

    return wrapped


def _one_line(error: BaseException) -> str:
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return text_or_type(error)


def _show_warning(message: Warning | str, category: type[Warning], *_: Any) -> None:
    name = "warning" if issubclass(category, GmmSpeechWarning) else category.__name__
    print(f"gmmspeech: {name}: {' '.join(str(message).split())}", file=sys.stderr)
