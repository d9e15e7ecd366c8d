"""Mixtures that bob wrote: HDF5 of ``GMMMachine``, old and new."""

from __future__ import annotations

import h5py
import numpy as np
from numpy.typing import NDArray

from gmmspeech.errors import DataError, ModelError, one_line
from gmmspeech.gmm.mixture import DiagonalGMM


def read_bob(file: h5py.File) -> DiagonalGMM | None:
    """Read bob's mixture in an HDF5 file; None if the file is of another kind."""
    read = _before_version_4 if "m_n_gaussians" in file else _from_version_4 if "gaussians" in file else None
    if read is None:
        return None
    try:
        return DiagonalGMM.from_parameters(*read(file))
    except KeyError as error:
        raise DataError(f"{file.filename}: {error.args[0]}, expected all of a mixture") from error
    except (ModelError, ValueError, TypeError, OSError) as error:
        raise DataError(f"{file.filename}: {one_line(error)}") from error


def _from_version_4(file: h5py.File) -> tuple[NDArray, NDArray, NDArray]:
    """Read what bob.learn.em writes from version 4 on."""
    return file["weights"][()], file["gaussians/means"][()], file["gaussians/variances"][()]


def _before_version_4(file: h5py.File) -> tuple[NDArray, NDArray, NDArray]:
    """Read what bob.learn.em wrote before: a group a Gaussian."""
    count = int(np.asarray(file["m_n_gaussians"]).item())
    groups = [file[f"m_gaussians{k}"] for k in range(count)]
    means, variances = (np.stack([np.ravel(group[name]) for group in groups]) for name in ("m_mean", "m_variance"))
    return np.ravel(file["m_weights"]), means, variances
