"""Phone HMMs, and training that was interrupted, in HDF5: plain arrays and attributes."""

from __future__ import annotations

import os

import h5py
import numpy as np

from gmmspeech.errors import DataError, one_line
from gmmspeech.files.hdf5 import create_hdf5, open_hdf5
from gmmspeech.linear.fmllr import FMLLRStats
from gmmspeech.phones.hmm.adaptation import SplicedTransform
from gmmspeech.phones.hmm.adapted_system import AdaptedSystem
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.training import TrainingState
from gmmspeech.phones.hmm.viterbi import Posteriors

FORMAT = "gmmspeech model"
VERSION = 1

_ARRAYS = ("state_offsets", "self_loop", "mixture_offsets", "weights", "means", "variances")


def save_phone_hmm(path: str | os.PathLike[str], model: PhoneHMM) -> None:
    """Write phone HMMs.

    Parameters
    ----------
    path : path-like
        HDF5 file; it appears whole or not at all.
    model : PhoneHMM

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> model = PhoneHMM.from_phones(["SIL", "AA"], mean=np.zeros(2), variance=np.ones(2))
    >>> path = tempfile.mkdtemp() + "/phones.h5"
    >>> save_phone_hmm(path, model)
    >>> load_phone_hmm(path).phones
    ('SIL', 'AA')
    """
    with create_hdf5(path, format=FORMAT, version=VERSION) as file:
        file.attrs["kind"] = "PhoneHMM"
        write_phone_hmm(file, model)


def load_phone_hmm(path: str | os.PathLike[str]) -> PhoneHMM:
    """Read phone HMMs that `save_phone_hmm` wrote.

    Raises
    ------
    DataError
        The file is missing, truncated, damaged, of a newer version of the format, or holds something else.
    """
    name = os.fspath(path)
    try:
        with open_hdf5(name, format=FORMAT, version=VERSION) as file:
            kind = file.attrs.get("kind")
            if kind != "PhoneHMM":
                raise DataError(f"{name}: found a model of kind {kind!r}, expected phone HMMs")
            return read_phone_hmm(file)
    except DataError:
        raise
    except (LookupError, OSError, RuntimeError, TypeError, ValueError) as error:
        raise _damaged(name, "model", error) from error


def save_adapted_system(path: str | os.PathLike[str], system: AdaptedSystem) -> None:
    """Write the full system: its transform, its two models, and the statistics that fMLLR starts from.

    Parameters
    ----------
    path : path-like
        HDF5 file; it appears whole or not at all.
    system : AdaptedSystem
    """
    with create_hdf5(path, format=FORMAT, version=VERSION) as file:
        file.attrs["kind"] = "AdaptedSystem"
        file.attrs["context"], file.attrs["relevance"] = system.transform.context, system.prior_frames
        file["transform"] = system.transform.matrix
        file.attrs["prior_beta"] = system.prior.beta
        file["prior_k"], file["prior_g"] = system.prior.k, system.prior.g
        for name in ("unadapted", "adapted"):
            write_phone_hmm(file.create_group(name), getattr(system, name))


def load_adapted_system(path: str | os.PathLike[str]) -> AdaptedSystem:
    """Read what `save_adapted_system` wrote.

    Raises
    ------
    DataError
        The file is missing, truncated, damaged, of a newer version of the format, or holds something else.
    """
    name = os.fspath(path)
    try:
        with open_hdf5(name, format=FORMAT, version=VERSION) as file:
            kind = file.attrs.get("kind")
            if kind != "AdaptedSystem":
                raise DataError(f"{name}: found a model of kind {kind!r}, expected the full system of phone HMMs")
            return read_adapted_system(file)
    except DataError:
        raise
    except (LookupError, OSError, RuntimeError, TypeError, ValueError) as error:
        raise _damaged(name, "model", error) from error


def save_training_state(path: str | os.PathLike[str], state: TrainingState) -> None:
    """Write where training of phone HMMs is, for `load_training_state` and another run to go on from.

    Parameters
    ----------
    path : path-like
        HDF5 file; it appears whole or not at all, so that a kill leaves the one before.
    state : TrainingState
    """
    with create_hdf5(path, format=_TRAINING, version=_TRAINING_VERSION) as file:
        write_training_state(file, state)


def load_training_state(path: str | os.PathLike[str]) -> TrainingState:
    """Read what `save_training_state` wrote.

    Raises
    ------
    DataError
        The file is missing, truncated, damaged, of a newer version of the format, or holds something else.
    """
    name = os.fspath(path)
    try:
        with open_hdf5(name, format=_TRAINING, version=_TRAINING_VERSION) as file:
            return read_training_state(file)
    except DataError:
        raise
    except (LookupError, OSError, RuntimeError, TypeError, ValueError) as error:
        raise _damaged(name, "checkpoint", error) from error


_TRAINING = "gmmspeech phone training"
_TRAINING_VERSION = 2  # since which integers are as small as their values allow, and weights that are all 1 left out


def write_training_state(group: h5py.Group, state: TrainingState) -> None:
    """Fill a group with where training is."""
    group.attrs["iteration"] = state.iteration
    group.attrs["log_likelihood"] = state.log_likelihood
    write_phone_hmm(group.create_group("model"), state.model)
    aligned = group.create_group("posteriors")
    aligned["names"] = np.array(list(state.posteriors), dtype=h5py.string_dtype())
    values = list(state.posteriors.values())
    aligned["offsets"] = np.cumsum([0, *(len(p.frame) for p in values)])
    for field in ("frame", "state"):
        column = np.concatenate([getattr(p, field) for p in values])
        aligned[field] = column.astype(np.min_scalar_type(int(column.max(initial=0))))
    weight = np.concatenate([p.weight for p in values])
    if not (weight == 1).all():
        aligned["weight"] = weight
    aligned["stays"] = np.stack([p.stays for p in values])
    aligned["log_likelihood"] = np.array([p.log_likelihood for p in values])


def read_training_state(group: h5py.Group) -> TrainingState:
    """Make a state of what `write_training_state` wrote."""
    aligned = group["posteriors"]
    offsets = aligned["offsets"][:]
    frames, states = (aligned[field][:].astype(np.intp) for field in ("frame", "state"))
    weights = aligned["weight"][:] if "weight" in aligned else np.ones(len(frames))
    rows = zip(aligned["names"].asstr()[:], aligned["stays"][:], aligned["log_likelihood"][:], strict=True)
    posteriors = {}
    for i, (utterance, stays, score) in enumerate(rows):
        here = slice(offsets[i], offsets[i + 1])
        posteriors[utterance] = Posteriors(frames[here], states[here], weights[here], stays, float(score))
    iteration, log_likelihood = int(group.attrs["iteration"]), float(group.attrs["log_likelihood"])
    return TrainingState(iteration, read_phone_hmm(group["model"]), posteriors, log_likelihood)


def write_phone_hmm(group: h5py.Group, model: PhoneHMM) -> None:
    """Fill a group with the arrays of phone HMMs."""
    group["phones"] = np.array(model.phones, dtype=h5py.string_dtype())
    for name in _ARRAYS:
        group[name] = getattr(model, name)
    group.attrs["silence"] = model.silence
    group.attrs["front_end"] = model.front_end or ""


def read_phone_hmm(group: h5py.Group) -> PhoneHMM:
    """Make phone HMMs of the arrays in a group."""
    return PhoneHMM(
        phones=tuple(group["phones"].asstr()[:].tolist()),
        **{name: group[name][:] for name in _ARRAYS},
        silence=group.attrs["silence"],
        front_end=group.attrs["front_end"] or None,
    )


def read_adapted_system(group: h5py.Group) -> AdaptedSystem:
    """Make the full system of the arrays in a group."""
    return AdaptedSystem(
        transform=SplicedTransform(int(group.attrs["context"]), group["transform"][:]),
        unadapted=read_phone_hmm(group["unadapted"]),
        adapted=read_phone_hmm(group["adapted"]),
        prior=FMLLRStats(float(group.attrs["prior_beta"]), group["prior_k"][:], group["prior_g"][:]),
        prior_frames=float(group.attrs["relevance"]),
    )


def _damaged(name: str, what: str, error: Exception) -> DataError:
    return DataError(f"{name}: damaged {what} ({one_line(error)})")
