"""Checkpoints: where training is, in one HDF5 file that is replaced after every iteration.

The layout (``format`` = "gmmspeech checkpoint", version 1): the attribute ``origin`` says in JSON what decides the
result (options, seed, front end, digests of the data), ``kind`` which training it is; the rest is its state, float64
whole.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from gmmspeech.errors import DataError, ModelError, one_line
from gmmspeech.files.atomic import remove_leftovers
from gmmspeech.files.hdf5 import create_hdf5, open_hdf5
from gmmspeech.files.ivectors import read_extractor, write_extractor
from gmmspeech.files.phone_models import read_training_state, write_training_state
from gmmspeech.gmm.acceleration import AcceleratedState
from gmmspeech.gmm.em import EMState
from gmmspeech.gmm.init import Parameters
from gmmspeech.phones.hmm.training import TrainingState
from gmmspeech.speaker.ivector import IVectorExtractor

FORMAT = "gmmspeech checkpoint"
VERSION = 1

State = EMState | AcceleratedState | IVectorExtractor | TrainingState


class Checkpoint:
    """A file that keeps where training is, so that what was killed goes on and ends with the same bits.

    To be given to `train_ubm`, `train_ivector_extractor`, `train_phone_hmm` and `train_phone_hmm_on_labels`. Where the
    file exists, they go on from there. It is replaced as a whole after every iteration, so a kill at any moment leaves
    the state before or the one after. It stays when training has ended, for the model has not been written yet:
    `remove` it then.

    A checkpoint belongs to its data and options. Given others, training raises a `DataError` that names the first
    difference, and leaves the file alone.

    Parameters
    ----------
    path : path-like

    Examples
    --------
    >>> import tempfile, numpy as np, gmmspeech as gs
    >>> folder = tempfile.mkdtemp()
    >>> frames = np.random.default_rng(0).normal(size=(500, 2))
    >>> checkpoint = gs.Checkpoint(folder + "/ubm.checkpoint")
    >>> ubm = gs.train_ubm(frames, 4, checkpoint=checkpoint)
    >>> ubm.save(folder + "/ubm.h5")
    >>> checkpoint.remove()
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self._origin = "{}"

    def resume(self, origin: Mapping[str, Any]) -> State | None:
        """Give the state that was saved last, or None where there is no file.

        Parameters
        ----------
        origin : mapping
            What decides the result: options and data, by name, in what JSON can hold.

        Raises
        ------
        DataError
            The file is damaged, or of another origin.
        """
        self._origin = json.dumps(dict(origin))
        remove_leftovers(self.path)
        if not os.path.lexists(self.path):
            return None
        self._check_origin(read_origin(self.path))
        return _read(self.path, lambda file: _KINDS[file.attrs["kind"]].read(file))

    def save(self, state: State) -> None:
        """Replace what the file holds.

        Raises
        ------
        DataError
            The file can't be written; the one before is whole still.
        """
        name = type(state).__name__
        with create_hdf5(self.path, format=FORMAT, version=VERSION) as file:
            file.attrs["origin"], file.attrs["kind"] = self._origin, name
            _KINDS[name].write(file, state)

    def remove(self) -> None:
        """Remove the file, should there be one: the model is written and training is over."""
        remove_leftovers(self.path)
        Path(self.path).unlink(missing_ok=True)

    def _check_origin(self, found: Mapping[str, Any]) -> None:
        expected = json.loads(self._origin)
        for name in dict.fromkeys(["training", *expected, *found]):
            if found.get(name) != expected.get(name):
                raise DataError(
                    f"{self.path}: found a checkpoint of another training: {name} {_short(found.get(name))}, expected "
                    f"{_short(expected.get(name))}; remove the file to start anew"
                )


def read_origin(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Give what decides the result of the training that a file is a checkpoint of.

    Raises
    ------
    DataError
        The file is missing, damaged, or something else.
    """
    return _read(os.fspath(path), lambda file: dict(json.loads(file.attrs["origin"])))


def _read(path: str, read: Callable[[h5py.File], Any]) -> Any:
    try:
        with open_hdf5(path, format=FORMAT, version=VERSION) as file:
            return read(file)
    except DataError:
        raise
    except (LookupError, OSError, RuntimeError, TypeError, ValueError, AttributeError, ModelError) as error:
        reason = one_line(error)
        raise DataError(f"{path}: damaged checkpoint ({reason}); remove it to start anew") from error


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 24 else f"{text[:12]}..."


def _write_mixture(group: h5py.Group, name: str, mixture: Parameters) -> None:
    for part, array in zip(_MIXTURE, mixture, strict=True):
        group[f"{name}/{part}"] = array


def _read_mixture(group: h5py.Group) -> Parameters:
    weights, means, variances = (group[part][:] for part in _MIXTURE)
    return weights, means, variances


_MIXTURE = ("weights", "means", "variances")


def _write_em(file: h5py.Group, state: EMState) -> None:
    _write_mixture(file, "plain", state.plain)
    _write_mixture(file, "best", state.best)
    if state.reseeded is not None:
        _write_mixture(file, "reseeded", state.reseeded)
    file["history"] = np.array(state.history, dtype=np.float64)
    file.attrs["may_reseed"] = state.may_reseed


def _read_em(file: h5py.Group) -> EMState:
    return EMState(
        plain=_read_mixture(file["plain"]),
        reseeded=_read_mixture(file["reseeded"]) if "reseeded" in file else None,
        best=_read_mixture(file["best"]),
        history=tuple(file["history"][:].tolist()),
        may_reseed=bool(file.attrs["may_reseed"]),
    )


def _write_accelerated(file: h5py.Group, state: AcceleratedState) -> None:
    _write_mixture(file, "first", state.first)
    _write_mixture(file, "second", state.second)
    file["history"] = np.array(state.history, dtype=np.float64)
    file.attrs["likelihood"], file.attrs["longest"], file.attrs["passes"] = (
        state.likelihood,
        state.longest,
        state.passes,
    )


def _read_accelerated(file: h5py.Group) -> AcceleratedState:
    return AcceleratedState(
        first=_read_mixture(file["first"]),
        second=_read_mixture(file["second"]),
        likelihood=float(file.attrs["likelihood"]),
        longest=float(file.attrs["longest"]),
        passes=int(file.attrs["passes"]),
        history=tuple(file["history"][:].tolist()),
    )


class _Kind(NamedTuple):
    write: Callable[[h5py.Group, Any], None]
    read: Callable[[h5py.Group], State]


_KINDS = {
    "EMState": _Kind(_write_em, _read_em),
    "AcceleratedState": _Kind(_write_accelerated, _read_accelerated),
    "IVectorExtractor": _Kind(write_extractor, read_extractor),
    "TrainingState": _Kind(write_training_state, read_training_state),
}
