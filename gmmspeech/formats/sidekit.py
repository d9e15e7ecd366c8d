"""Mixtures written by SIDEKIT: HDF5 of ``Mixture``."""

from __future__ import annotations

import numpy as np

from gmmspeech.errors import DataError, ModelError, one_line
from gmmspeech.files.hdf5_content import Content
from gmmspeech.gmm.mixture import DiagonalGMM


def read_sidekit(name: str, content: Content) -> DiagonalGMM | None:
    """Read SIDEKIT's mixture in an HDF5 file; None if the file is of another kind.

    ``invcov`` is one over the variances; ``cst``, ``det`` and ``a`` follow from the others.
    """
    if "invcov" not in content:
        return None
    try:
        weights, means, precisions = (content.array(key) for key in ("w", "mu", "invcov"))
        if precisions.ndim == 3:
            raise ValueError(
                f"invcov: found full covariances, shape {precisions.shape}, expected diagonal ones, (K, D)"
            )
        bad = np.argwhere(~(np.isfinite(precisions) & (precisions > 0)))
        if len(bad):
            raise ValueError(
                f"invcov: component {bad[0][0]}: found {precisions[tuple(bad[0])]}, expected a number above 0"
            )
        return DiagonalGMM.from_parameters(weights, means, 1 / precisions)
    except KeyError as error:
        raise DataError(f"{name}: {error.args[0]}, expected all of a mixture") from error
    except (ModelError, ValueError, TypeError, OSError) as error:
        raise DataError(f"{name}: {one_line(error)}") from error
