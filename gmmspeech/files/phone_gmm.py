"""Phone mixtures in HDF5: plain arrays and attributes."""

from __future__ import annotations

import itertools
import json
import os

import h5py
import numpy as np

from gmmspeech.errors import DataError, one_line
from gmmspeech.files.hdf5 import create_hdf5, open_hdf5
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.phones.gmm.phone_gmm import PhoneGMM

FORMAT = "gmmspeech model"
VERSION = 1

_OPTIONS = (
    "n_components",
    "size",
    "frames_per_component",
    "parts",
    "duration",
    "scale",
    "smoothing",
    "relevance_factor",
    "update",
    "max_iter",
    "tol",
    "variance_floor",
)


def save_phone_gmm(path: str | os.PathLike[str], model: PhoneGMM) -> None:
    """Write phone mixtures; a UBM that they were adapted from is not kept.

    Parameters
    ----------
    path : path-like
        HDF5 file; it appears whole or not at all.
    model : PhoneGMM
        Fitted.

    Examples
    --------
    >>> import tempfile
    >>> model = PhoneGMM(1).fit(np.arange(20.0)[:, None], [[0, 10], [10, 20]], ["AA", "S"])
    >>> path = tempfile.mkdtemp() + "/phones.h5"
    >>> save_phone_gmm(path, model)
    >>> load_phone_gmm(path).phones_
    ('AA', 'S')
    """
    model._check_fitted()
    with create_hdf5(path, format=FORMAT, version=VERSION) as file:
        file.attrs["kind"] = "PhoneGMM"
        write_phone_gmm(file, model)


def load_phone_gmm(path: str | os.PathLike[str]) -> PhoneGMM:
    """Read phone mixtures that `save_phone_gmm` wrote.

    Raises
    ------
    DataError
        The file is missing, truncated, damaged, of a newer version of the format, or holds something else.
    """
    name = os.fspath(path)
    try:
        with open_hdf5(name, format=FORMAT, version=VERSION) as file:
            kind = file.attrs.get("kind")
            if kind != "PhoneGMM":
                raise DataError(f"{name}: found a model of kind {kind!r}, expected phone mixtures")
            return read_phone_gmm(file)
    except DataError:
        raise
    except (LookupError, OSError, RuntimeError, TypeError, ValueError) as error:
        raise DataError(f"{name}: damaged model ({one_line(error)})") from error


def write_phone_gmm(group: h5py.Group, model: PhoneGMM) -> None:
    """Fill a group, or an open file, with phone mixtures."""
    group.attrs["front_end"] = model.front_end_ or ""
    group.attrs["options"] = json.dumps({name: getattr(model, name) for name in _OPTIONS}, sort_keys=True)
    group["phones"] = np.array(model.phones_, dtype=h5py.string_dtype())
    for name in ("priors", "part_priors", "durations"):
        group[name] = getattr(model, f"{name}_")
    group["mixture_offsets"] = np.cumsum([0, *(len(mixture.weights_) for mixture in model.models_)])
    for name, arrays in zip(
        ("weights", "means", "variances"), zip(*(m.parameters() for m in model.models_), strict=True), strict=True
    ):
        group[name] = np.concatenate(arrays)


def read_phone_gmm(file: h5py.Group) -> PhoneGMM:
    """Phone mixtures of a group, or an open file."""
    options, front_end = json.loads(file.attrs["options"]), file.attrs["front_end"] or None
    offsets = file["mixture_offsets"][:]
    arrays = [file[name][:] for name in ("weights", "means", "variances")]
    em = {name: options[name] for name in ("max_iter", "tol", "variance_floor")}
    models = [
        DiagonalGMM.from_parameters(*(a[first:stop] for a in arrays), front_end=front_end, **em)
        for first, stop in itertools.pairwise(offsets)
    ]
    model = PhoneGMM.from_mixtures(
        file["phones"].asstr()[:].tolist(),
        models,
        priors=file["priors"][:],
        part_priors=file["part_priors"][:],
        durations=file["durations"][:],
        **options,
    )
    model.front_end_ = front_end
    return model
