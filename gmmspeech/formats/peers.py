"""Mixtures that bob and SIDEKIT wrote, both in HDF5."""

from __future__ import annotations

import h5py
import numpy as np
from numpy.typing import NDArray

from gmmspeech.errors import DataError, ModelError, one_line
from gmmspeech.gmm.mixture import DiagonalGMM

Parameters = tuple[NDArray, NDArray, NDArray]  # weights, means, variances


def read_peer(file: h5py.File) -> DiagonalGMM | None:
    """Read the mixture in an HDF5 file of bob's (``GMMMachine``, old and new) or SIDEKIT's (``Mixture``).

    Parameters
    ----------
    file : h5py.File

    Returns
    -------
    DiagonalGMM or None
        None if the file is of another kind.

    Raises
    ------
    DataError
        The file is of that kind, but an array is missing, shapes don't agree, covariances are full, or a parameter
        makes no sense; names file and field.

    Examples
    --------
    >>> with h5py.File("example", "w", driver="core", backing_store=False) as file:
    ...     file["w"], file["mu"], file["invcov"] = [1.0], [[2.0, 3.0]], [[1.0, 4.0]]
    ...     read_peer(file).covariances_
    array([[1.  , 0.25]])
    """
    for mark, read in (("m_n_gaussians", _old_bob), ("gaussians", _bob), ("invcov", _sidekit)):
        if mark in file:
            try:
                return DiagonalGMM.from_parameters(*read(file))
            except KeyError as error:
                raise DataError(f"{file.filename}: {error.args[0]}, expected all of a mixture") from error
            except (ModelError, ValueError, TypeError, OSError) as error:
                raise DataError(f"{file.filename}: {one_line(error)}") from error
    return None


def _bob(file: h5py.File) -> Parameters:
    """Read what bob.learn.em writes from version 4 on."""
    return file["weights"][()], file["gaussians/means"][()], file["gaussians/variances"][()]


def _old_bob(file: h5py.File) -> Parameters:
    """Read what bob.learn.em wrote before: a group a Gaussian."""
    count = int(np.asarray(file["m_n_gaussians"]).item())
    groups = [file[f"m_gaussians{k}"] for k in range(count)]
    means, variances = (np.stack([np.ravel(group[name]) for group in groups]) for name in ("m_mean", "m_variance"))
    return np.ravel(file["m_weights"]), means, variances


def _sidekit(file: h5py.File) -> Parameters:
    """Read a Mixture: ``invcov`` is one over the variances; ``cst``, ``det`` and ``a`` follow from the others."""
    weights, means, precisions = file["w"][()], file["mu"][()], file["invcov"][()]
    if precisions.ndim == 3:
        raise ValueError(f"invcov: found full covariances, shape {precisions.shape}, expected diagonal ones, (K, D)")
    bad = np.argwhere(~(np.isfinite(precisions) & (precisions > 0)))
    if len(bad):
        raise ValueError(f"invcov: component {bad[0][0]}: found {precisions[tuple(bad[0])]}, expected a number above 0")
    return weights, means, 1 / precisions
