"""Checkpoints: the state of a training run in one HDF5 file, replaced after an iteration, at most once a second.

The layout (``format`` = "gmmspeech checkpoint", version 2): the attribute ``settings`` holds, as JSON, everything that
decides the result (options, seed, front end, digests of the data), and ``kind`` the type of the state. The rest is the
state, as `gmmspeech.files.saving` writes it.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from gmmspeech.arguments import checked, random_state_of
from gmmspeech.errors import ConfigError, DataError, GmmSpeechWarning, shown
from gmmspeech.files.atomic import one_run_at_a_time, remove_leftovers
from gmmspeech.files.hdf5 import create_hdf5, damage_named, open_hdf5
from gmmspeech.files.saving import Saved, as_kinds, read, write, wrong_kind
from gmmspeech.files.text import parse_object

FORMAT = "gmmspeech checkpoint"
VERSION = 2
SECONDS_APART = 1.0  # at least, between two states: to write one takes as long as many a pass over few frames
_ADVICE = "; remove it to start anew"


class Checkpoint:
    """File with the state of a training run, from which an interrupted run resumes and ends with the same bits.

    Pass it to `train_ubm`, `train_ivector_extractor`, `train_phone_hmm` or `train_phone_hmm_on_labels`. If the file
    exists, they resume from it. It is replaced as a whole after an iteration, so if the process is killed, it holds
    either the old or the new state; iterations within a second of the last one saved are then repeated. The file
    stays after training, because the model has not been written yet: call `remove` once it has.

    A checkpoint belongs to its data and options. With others, training raises a `DataError` that names the first
    difference and leaves the file unchanged.

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

    @checked
    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self._settings = "{}"
        self._saved = -math.inf  # when

    @checked
    def resume(self, settings: Mapping[str, Any], kind: type | tuple[type, ...] = Saved) -> Any:
        """Return the state that was saved last, or None if there is no file.

        Parameters
        ----------
        settings : mapping
            Everything that decides the result: options and data by name, as values that JSON can hold.
        kind : type or tuple of types
            Required type of the state.

        Raises
        ------
        DataError
            The file is damaged or has other settings.
        """
        self._settings, self._saved = json.dumps(dict(settings)), -math.inf
        remove_leftovers(self.path)
        if not os.path.lexists(self.path):
            return None
        self._check_settings(_read_settings(self.path))
        state = _read(self.path, read)
        if not isinstance(state, kind):
            raise wrong_kind(self.path, type(state).__name__, as_kinds(kind))
        return state

    @checked
    def save(self, state: Saved) -> None:
        """Replace the saved state, unless that was done less than a second ago.

        The first state after `resume` is always written, so that an unwritable path is noticed before the work.

        Raises
        ------
        DataError
            The file can't be written; the previous one is still intact.
        """
        if time.monotonic() - self._saved < SECONDS_APART:
            return
        with create_hdf5(self.path, format=FORMAT, version=VERSION) as file:
            file.attrs["settings"] = self._settings
            write(file, state)
        self._saved = time.monotonic()

    @checked
    def describe(self, front_end: Callable[[str | None], str]) -> list[str]:
        """Describe in plain text the training run that the file belongs to.

        Parameters
        ----------
        front_end : callable
            Describes a front end in one line; takes its JSON, or None if it is not known.

        Raises
        ------
        DataError
            The file is damaged.

        Examples
        --------
        >>> import tempfile, numpy as np, gmmspeech as gs
        >>> checkpoint = gs.Checkpoint(tempfile.mkdtemp() + "/ubm.checkpoint")
        >>> ubm = gs.train_ubm(np.random.default_rng(0).normal(size=(500, 2)), 4, checkpoint=checkpoint)
        >>> checkpoint.describe(lambda found: found or "unknown")[:2]
        ['checkpoint of training: mixture', 'front end: unknown']
        """
        settings = _read_settings(self.path)
        told = f"front end: {front_end(settings.pop('front_end', None))}"
        training = settings.pop("training", "unknown")
        return [f"checkpoint of training: {training}", told, *(f"{name}: {value}" for name, value in settings.items())]

    def remove(self) -> None:
        """Remove the file if it exists; call this once the model is written."""
        remove_leftovers(self.path)
        Path(self.path).unlink(missing_ok=True)

    def _check_settings(self, found: Mapping[str, Any]) -> None:
        expected = json.loads(self._settings)
        for name in dict.fromkeys(["training", *expected, *found]):
            if found.get(name) != expected.get(name):
                raise DataError(
                    f"{self.path}: found a checkpoint of another training: {name} {_short(found.get(name))}, expected "
                    f"{_short(expected.get(name))}; remove the file to start anew"
                )


def _read_settings(path: str) -> dict[str, Any]:
    """Give what decides the result of the training that a file is a checkpoint of."""
    return _read(path, lambda file: parse_object(file.attrs["settings"]))


def _read(path: str, read: Callable[[h5py.File], Any]) -> Any:
    with open_hdf5(path, format=FORMAT, version=VERSION, advice=_ADVICE) as file:
        if file.attrs["format_version"] < VERSION:
            raise DataError(f"{path}: found a checkpoint of gmmspeech 0.1, expected a newer; remove it to start anew")
        with damage_named(path, "checkpoint", _ADVICE):
            return read(file)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 24 else f"{text[:12]}..."


def digest(*arrays: NDArray) -> str:
    """SHA-256 of numbers in float64, 64 hexadecimal digits."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(np.ascontiguousarray(array, dtype="<f8").tobytes())
    return found.hexdigest()


def seed_of(random_state: Any, checkpoint: Checkpoint | None) -> int:
    """Draw the seed of a start; without a given state of the generator, no checkpoint would fit the next run."""
    if random_state is None and checkpoint is not None:
        raise ConfigError("random_state: found None, expected a seed: a checkpoint belongs to one start")
    return int(random_state_of(random_state).randint(2**31))


@contextmanager
def checkpoint_of(out: Path) -> Iterator[Checkpoint]:
    """Give the checkpoint of a model that will be written to a place; it is removed when the block has ended well.

    Another run that writes the same model waits meanwhile. When the block fails, a warning names what is left to go on
    from, checkpoints of steps of the training too.
    """
    with one_run_at_a_time(out):
        remove_leftovers(out)
        checkpoint = Checkpoint(f"{out}.checkpoint")
        try:
            yield checkpoint
        except Exception:
            left = sorted(path.name for path in out.parent.glob(f"{escape(out.name)}.*checkpoint"))
            if left:
                advice = "the same training goes on from there; without them it starts anew"
                warnings.warn(f"{out.parent}: kept {shown(', '.join(left), 300)}: {advice}", GmmSpeechWarning)
            raise
        checkpoint.remove()
