"""Statistics of many frames under a mixture, summed: what machines that share an iteration of EM hand in as files.

The layout (``format`` = "gmmspeech model", ``kind`` = "SummedStats"): the datasets ``n`` (K,), ``sum_x`` and ``sum_xx``
(K, D), float64, and attributes that say what was summed.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import h5py
import numpy as np

from gmmspeech.files.hdf5 import create_hdf5
from gmmspeech.gmm.stats import GMMStats

FORMAT = "gmmspeech model"
VERSION = 1

_ARRAYS = ("n", "sum_x", "sum_xx")


@dataclass(frozen=True)
class SummedStats:
    """Statistics of a part of the data, and where they come from.

    Parameters
    ----------
    stats : GMMStats
    ubm_digest : str
        Of the mixture; see `gmm_digest`.
    corpus : str
        SHA-256 of the ids of all utterances, of which this is a part.
    part, num_parts : int
        Which part, from 1.
    front_end : str, optional
        How the frames were made, in JSON.
    """

    stats: GMMStats
    ubm_digest: str
    corpus: str
    part: int = 1
    num_parts: int = 1
    front_end: str | None = None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write to an HDF5 file, from which `gmmspeech.load` brings them back."""
        with create_hdf5(path, format=FORMAT, version=VERSION) as file:
            file.attrs["kind"] = "SummedStats"
            for name in _ARRAYS:
                file[name] = getattr(self.stats, name)
            file.attrs["log_likelihood"] = self.stats.log_likelihood
            file.attrs["num_frames"] = self.stats.num_frames
            file.attrs["ubm_digest"], file.attrs["corpus"] = self.ubm_digest, self.corpus
            file.attrs["part"], file.attrs["num_parts"] = self.part, self.num_parts
            file.attrs["front_end"] = self.front_end or ""


def read_summed_stats(file: h5py.Group) -> SummedStats:
    """Make summed statistics of what `SummedStats.save` wrote."""
    n, sum_x, sum_xx = (file[name][:] for name in _ARRAYS)
    if sum_x.ndim != 2 or sum_xx.shape != sum_x.shape or n.shape != sum_x.shape[:1] or not len(n):
        raise ValueError(f"n, sum_x, sum_xx are of shapes {n.shape}, {sum_x.shape}, {sum_xx.shape}")
    if not all(np.isfinite(a).all() for a in (n, sum_x, sum_xx)):
        raise ValueError("statistics are not finite")
    attrs = file.attrs
    return SummedStats(
        GMMStats(n, sum_x, sum_xx, float(attrs["log_likelihood"]), float(attrs["num_frames"])),
        ubm_digest=str(attrs["ubm_digest"]),
        corpus=str(attrs["corpus"]),
        part=int(attrs["part"]),
        num_parts=int(attrs["num_parts"]),
        front_end=attrs["front_end"] or None,
    )
