"""Mixtures written by bob: HDF5 of ``GMMMachine``, old and new."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gmmspeech.errors import DataError, ModelError, one_line, shown
from gmmspeech.files.hdf5_content import Content
from gmmspeech.gmm.mixture import DiagonalGMM


def read_bob(name: str, content: Content) -> DiagonalGMM | None:
    """Read bob's mixture in an HDF5 file; None if the file is of another kind."""
    new, old = ("gaussians" in content, "m_n_gaussians" in content)
    if not new and not old:
        return None
    try:
        return DiagonalGMM.from_parameters(*(_before_version_4 if old else _from_version_4)(content))
    except KeyError as error:
        raise DataError(f"{name}: {error.args[0]}, expected all of a mixture") from error
    except (ModelError, ValueError, TypeError, OSError) as error:
        raise DataError(f"{name}: {one_line(error)}") from error


def _from_version_4(content: Content) -> tuple[NDArray, NDArray, NDArray]:
    """Read what bob.learn.em writes from version 4 on."""
    return content.array("weights"), content.array("gaussians/means"), content.array("gaussians/variances")


def _before_version_4(content: Content) -> tuple[NDArray, NDArray, NDArray]:
    """Read what bob.learn.em wrote before: a group a Gaussian."""
    weights, count = np.ravel(content.array("m_weights")), np.asarray(content.array("m_n_gaussians"))
    if count.size != 1 or count.item() != len(weights):
        raise ValueError(f"m_n_gaussians: found {shown(count.tolist())}, expected {len(weights)} as of weights")
    means, variances = (
        np.stack([np.ravel(content.array(f"m_gaussians{k}/{name}")) for k in range(len(weights))])
        for name in ("m_mean", "m_variance")
    )
    return weights, means, variances
