"""The command `show`: a few lines about any file of ours."""

from __future__ import annotations

from pathlib import Path

from gmmspeech.errors import ConfigError, DataError
from gmmspeech.features.compatibility import describe_front_end
from gmmspeech.files import checkpoints
from gmmspeech.files.hdf5 import hdf5_format, is_hdf5
from gmmspeech.formats.loading import is_foreign, load
from gmmspeech.stores import features, statistics


def describe(path: str) -> list[str]:
    """Describe a file that a command wrote, or the configuration of a front end."""
    kind, _, file = path.partition(":")
    if kind == "ark" and (is_hdf5(file) or is_foreign(file)):  # standard input may be a model
        path = file
    elif kind in features.FOREIGN:
        return _describe_store(path)
    if path.endswith((".toml", ".conf")) or not Path(path).exists():
        from gmmspeech.features.frontend import FrontEnd

        front = FrontEnd.from_file(path)
        return [f"front end: {describe_front_end(front.to_json())}", *front.to_toml().splitlines()]
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
            raise DataError(f"{path}: found no HDF5, expected a feature store or a model")
        return list(load(path).describe())
    except ConfigError as error:
        raise DataError(f"{path}: damaged front end ({error})") from error


def _describe_store(path: str) -> list[str]:
    with features.FeatureStore(path) as store:
        return store.describe()
