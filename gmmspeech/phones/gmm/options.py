"""Options of phone mixtures and their constraints."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gmmspeech.arguments import FLAG, NOTHING, TEXT, Constraint, any_of, instance, one_of, real, whole
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.gmm.options import of_mixtures
from gmmspeech.phones.gmm.mixture_size import SIZES

_SHARED = ("n_components", "max_iter", "tol", "variance_floor", "random_state", "backend", "n_jobs")

OF_PHONE_GMMS: Mapping[str, Constraint] = MappingProxyType(
    {
        **of_mixtures(*_SHARED),
        "size": one_of(*SIZES),
        "frames_per_component": whole(1),
        "parts": whole(1),
        "duration": FLAG,
        "scale": real(above=0, most=1),
        "smoothing": real(least=0, below=float("inf")),
        "ubm": any_of(instance(DiagonalGMM), NOTHING),
        "relevance_factor": real(least=0),
        "update": TEXT,
    }
)
