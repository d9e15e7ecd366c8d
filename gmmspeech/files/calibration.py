"""Calibrations in HDF5: plain arrays, no code."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from gmmspeech.errors import DataError, one_line
from gmmspeech.files.hdf5 import create_hdf5, open_hdf5
from gmmspeech.scoring.calibration import Calibration, PavCalibration

FORMAT = "gmmspeech calibration"
VERSION = 1


def load_calibration(path: str | os.PathLike[str]) -> Calibration | PavCalibration:
    """Read a calibration that its ``save`` wrote.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    Calibration or PavCalibration
        Whichever the file holds.

    Raises
    ------
    DataError
        The file is missing, truncated, no calibration, damaged, or of a newer version of the format.

    Examples
    --------
    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/calibration.h5"
    >>> Calibration(np.array([0.5, 2.0]), -1.0).save(path)
    >>> load_calibration(path).apply([[2.0, 1.0]])
    array([2.])
    """
    name = os.fspath(path)
    try:
        with open_hdf5(name, format=FORMAT, version=VERSION) as file:
            kind = file.attrs.get("kind")
            if kind == "Calibration":
                return _checked(name, Calibration(file["weights"][:], float(file.attrs["offset"])))
            if kind == "PavCalibration":
                return _checked(name, PavCalibration(file["scores"][:], file["llrs"][:]))
            raise DataError(f"{name}: found a calibration of kind {kind!r}, expected Calibration or PavCalibration")
    except DataError:
        raise
    except (LookupError, OSError, RuntimeError, TypeError, ValueError) as error:
        raise DataError(f"{name}: damaged calibration ({one_line(error)})") from error


def save_calibration(path: Path, calibration: Calibration | PavCalibration) -> None:
    """Write a calibration."""
    with create_hdf5(path, format=FORMAT, version=VERSION) as file:
        file.attrs["kind"] = type(calibration).__name__
        if isinstance(calibration, Calibration):
            file["weights"] = calibration.weights
            file.attrs["offset"] = calibration.offset
        else:
            file["scores"], file["llrs"] = calibration.scores, calibration.llrs


def _checked(name: str, calibration: Calibration | PavCalibration) -> Calibration | PavCalibration:
    """Give back a calibration that its class could have made, or a DataError."""
    if isinstance(calibration, Calibration):
        weights = calibration.weights
        sound = weights.ndim == 1 and len(weights) > 0 and bool(np.isfinite([*weights, calibration.offset]).all())
    else:
        scores, llrs = calibration.scores, calibration.llrs
        sound = scores.ndim == 1 and scores.shape == llrs.shape and len(scores) > 0
        sound = sound and bool(np.isfinite([scores, llrs]).all() and (np.diff(scores) > 0).all())
    if not sound:
        raise DataError(f"{name}: damaged calibration (its arrays don't fit together)")
    return calibration
