"""Checkpoints: where training is, in one HDF5 file that is replaced after an iteration, once a second at most.

The layout (``format`` = "gmmspeech checkpoint", version 2): the attribute ``settings`` says in JSON what decides the
result (options, seed, front end, digests of the data), ``kind`` what kind the state is of; the rest is the state, as
`gmmspeech.files.saving` writes it.
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
    """A file that keeps where training is, so that what was killed goes on and ends with the same bits.

    To be given to `train_ubm`, `train_ivector_extractor`, `train_phone_hmm` and `train_phone_hmm_on_labels`. Where the
    file exists, they go on from there. It is replaced as a whole after an iteration, so a kill at any moment leaves
    the state before or the one after; iterations within a second of the last one kept are done again then. It stays
    when training has ended, for the model has not been written yet: `remove` it then.

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

    @checked
    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self._settings = "{}"
        self._saved = -math.inf  # when

    @checked
    def resume(self, settings: Mapping[str, Any], kind: type | tuple[type, ...] = Saved) -> Any:
        """Give the state that was saved last, or None where there is no file.

        Parameters
        ----------
        settings : mapping
            What decides the result: options and data, by name, in what JSON can hold.
        kind : type or tuple of types
            What the state must be.

        Raises
        ------
        DataError
            The file is damaged, or of other settings.
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
        """Replace what the file holds, unless that was done less than a second ago.

        The first state after `resume` is written at once: that the place can't be written to shows before the work.

        Raises
        ------
        DataError
            The file can't be written; the one before is whole still.
        """
        if time.monotonic() - self._saved < SECONDS_APART:
            return
        with create_hdf5(self.path, format=FORMAT, version=VERSION) as file:
            file.attrs["settings"] = self._settings
            write(file, state)
        self._saved = time.monotonic()

    @checked
    def describe(self, front_end: Callable[[str | None], str]) -> list[str]:
        """Lines for people about the training that the file belongs to.

        Parameters
        ----------
        front_end : callable
            Tells a front end, given as JSON or None where it is not known, in one line.

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
        """Remove the file, should there be one: the model is written and training is over."""
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
