"""The errors this package raises on purpose.

Every message is one line that names the thing (file, utterance, model, component), what was found and what
was expected. The command line prints that line and exits with status 1.
"""

import functools
import sys
import warnings
from collections.abc import Callable
from typing import Any


class GmmSpeechError(Exception):
    """Base of every error that gmmspeech raises on purpose.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> try:
    ...     gs.load("nowhere.h5")
    ... except gs.GmmSpeechError as error:
    ...     print(error)
    nowhere.h5: ...
    """


class ConfigError(GmmSpeechError, ValueError):
    """A configuration file, option or parameter has a value that makes no sense."""


class AudioError(GmmSpeechError, ValueError):
    """A recording is missing, can't be decoded, or is not what the caller said it is."""


class DataError(GmmSpeechError, ValueError):
    """A list, data directory, score file or feature store is malformed or incomplete."""


class DownloadError(DataError):
    """A file can't be had from its origin, or is not what it should be."""


class FeatureError(GmmSpeechError, ValueError):
    """Frames can't be computed, or don't fit what they are used for."""


class ModelError(GmmSpeechError, ValueError):
    """A model can't be trained, read, or used with the given frames."""


class GmmSpeechWarning(UserWarning):
    """Something was wrong but work goes on: an utterance without frames, a starved component.

    Examples
    --------
    >>> import warnings, numpy as np, gmmspeech as gs
    >>> with warnings.catch_warnings(record=True) as said:
    ...     warnings.simplefilter("always")
    ...     _ = gs.mfcc(np.zeros(10), 16000)
    >>> said[0].category is gs.GmmSpeechWarning
    True
    """


def one_line(error: BaseException) -> str:
    """Text of an error without its line ends."""
    return " ".join(str(error).split())


def text_or_type(error: BaseException) -> str:
    """Text of an error on one line, or what kind it is where it has none."""
    return one_line(error) or type(error).__name__


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
                print(f"gmmspeech: error: {_line_of(error)}", file=sys.stderr)
                sys.exit(1)
            except KeyboardInterrupt:
                print("gmmspeech: interrupted", file=sys.stderr)
                sys.exit(130)

    return wrapped


def _line_of(error: BaseException) -> str:
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return text_or_type(error)


def _show_warning(message: Warning | str, category: type[Warning], *_: Any) -> None:
    name = "warning" if issubclass(category, GmmSpeechWarning) else category.__name__
    print(f"gmmspeech: {name}: {' '.join(str(message).split())}", file=sys.stderr)
