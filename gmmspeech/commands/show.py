"""The command `show`: a short description of any file of this package."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from gmmspeech.commands.show_kaldi import describe_kaldi
from gmmspeech.errors import ConfigError, DataError, FeatureError
from gmmspeech.features.compatibility import describe_front_end
from gmmspeech.files import checkpoints
from gmmspeech.files.hdf5 import hdf5_format, is_hdf5
from gmmspeech.files.regular import open_regular
from gmmspeech.formats.kaldi.ark import is_binary, read_key
from gmmspeech.formats.loading import is_foreign, load
from gmmspeech.stores import features, statistics


def describe(path: str) -> list[str]:
    """Describe a file that a command wrote, or the configuration of a front end."""
    kind, _, file = path.partition(":")
    kind = kind.partition(",")[0]  # an option p may follow
    if kind == "ark" and (is_hdf5(file) or is_foreign(file)):  # standard input may be a model
        path = file
    elif kind in features.FOREIGN:
        found = describe_kaldi(path) if kind in ("ark", "scp") else None
        return _describe_store(path) if found is None else [found]
    if path.endswith((".toml", ".conf")) or not Path(path).exists():
        from gmmspeech.features.frontend import FrontEnd

        front = FrontEnd.from_file(path)
        return [f"# front end: {describe_front_end(front.to_json())}", *front.to_toml().splitlines()]
    format = hdf5_format(path)
    try:
        if format in (features.FORMAT, features.INDEX_FORMAT):
            return _describe_store(path)
        if format == statistics.FORMAT:
            with statistics.StatisticsStore(path) as stats:
                return stats.describe()
        if format == checkpoints.FORMAT:
            return checkpoints.Checkpoint(path).describe(describe_front_end)
        if format is None and not is_hdf5(path) and not is_foreign(path):
            return _describe_foreign(path)
        return list(load(path).describe())
    except ConfigError as error:
        raise DataError(f"{path}: damaged front end ({error})") from error


def _describe_foreign(path: str) -> list[str]:
    """Describe a file that is neither HDF5 nor a model: something of Kaldi's."""
    if Path(path).is_dir():
        raise DataError(
            f"{path}: found a folder, expected a feature store or a model (validate-data tells of DATA_DIR)"
        )
    found = describe_kaldi(path)
    if found is not None:
        return [found]
    try:
        return _describe_store(f"ark:{path}")
    except (DataError, FeatureError):
        if _begins_as_archive(path):
            raise
    raise DataError(f"{path}: found no HDF5, expected a feature store or a model, or a file of Kaldi's")


def _begins_as_archive(path: str) -> bool:
    """Say whether what a file begins with is an utterance id and something of Kaldi's in binary."""
    with suppress(OSError, ValueError), open_regular(path) as file:
        return bool(read_key(file)) and is_binary(file)
    return False


def _describe_store(path: str) -> list[str]:
    with features.FeatureStore(path) as store:
        return store.describe()
