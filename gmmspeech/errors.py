"""The errors this package raises on purpose.

Every message is one line that names the thing (file, utterance, model, component), what was found and what
was expected. The command line prints that line and exits with status 1.
"""


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
