"""Options of mixtures: their constraints, and those that affect the result of training."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from gmmspeech.arguments import FLAG, NOTHING, SEED, TEXT, Constraint, any_of, instance, jobs, one_of, real, whole
from gmmspeech.files.checkpoints import digest
from gmmspeech.gmm.density import DiagonalMixture
from gmmspeech.gmm.kernels import get_backend
from gmmspeech.gmm.stats import GMMStats

OF_MIXTURES: Mapping[str, Constraint] = MappingProxyType(
    {
        "n_components": whole(1),
        "init": any_of(one_of("kmeans", "random"), instance(DiagonalMixture, words="a DiagonalGMM, not means alone")),
        "accelerate": FLAG,
        "max_iter": whole(1),
        "tol": real(least=0),
        "variance_floor": real(least=0, below=1),
        "allow_nan": FLAG,
        "learning_decay": real(above=0.5, most=1),
        "random_state": SEED,
        "backend": TEXT,
        "device": any_of(TEXT, NOTHING),
        "n_jobs": jobs,
    }
)
_DECIDING = ("n_components", "accelerate", "max_iter", "tol", "variance_floor")


def deciding(mixture: Any, moments: GMMStats, front_end: str | None, random_state: int) -> dict[str, Any]:
    """All that decides what the training of a mixture gives, for a checkpoint; frames are told by their moments."""
    return {
        "training": "mixture",
        **{name: getattr(mixture, name) for name in _DECIDING},
        "init": digest(*mixture.init.parameters()) if isinstance(mixture.init, DiagonalMixture) else mixture.init,
        "seed": random_state,
        "backend": get_backend(mixture.backend, mixture.device).name,
        "front_end": front_end,
        "frames": moments.num_frames,
        "columns": moments.sum_x.shape[1],
        "sums of the frames": digest(moments.sum_x, moments.sum_xx),
    }


def of_mixtures(*names: str) -> dict[str, Constraint]:
    """Constraints of some of the options, for what trains mixtures with them."""
    return {name: OF_MIXTURES[name] for name in names}
