"""Mean log-likelihoods of many short utterances under many models, in few calls: each takes as long as 50 frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate, groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from gmmspeech.blocks import ordered_map

TOGETHER = 4096  # frames

LogLikelihood = Callable[[NDArray], NDArray[np.float64]]  # (T, D) to (T,)


def mean_log_likelihoods(under: LogLikelihood, parts: Sequence[NDArray]) -> NDArray[np.float64]:
    """Mean over the frames of each part; short ones that follow each other are evaluated together.

    Examples
    --------
    >>> mean_log_likelihoods(lambda frames: frames[:, 0], [np.array([[1.0], [2.0]]), np.array([[5.0]])])
    array([1.5, 5. ])
    """
    means: list[float] = []
    ends = list(accumulate(map(len, parts)))
    for _, group in groupby(range(len(parts)), lambda i: (ends[i] // TOGETHER, parts[i].dtype)):
        own = [parts[i] for i in group]
        values = under(np.concatenate(own))
        means += [values[a:b].mean() for a, b in pairwise(accumulate(map(len, own), initial=0))]
    return np.array(means, dtype=np.float64)


def of_claims(
    claims: Sequence[Sequence[str]], tests: Sequence[NDArray], under: Mapping[str, LogLikelihood], *, n_jobs: int | None
) -> list[NDArray[np.float64]]:
    """Mean log-likelihood of each test under each of the models that claim it, model after model."""
    claimed: dict[str, list[int]] = {}
    for i, names in enumerate(claims):
        for name in names:
            claimed.setdefault(name, []).append(i)

    def of_model(name: str) -> NDArray[np.float64]:
        return mean_log_likelihoods(under[name], [tests[i] for i in claimed[name]])

    found = zip(claimed, ordered_map(of_model, claimed, n_jobs=n_jobs), strict=True)
    of_pair = {(name, i): mean for name, means in found for i, mean in zip(claimed[name], means, strict=True)}
    return [np.array([of_pair[name, i] for name in names]) for i, names in enumerate(claims)]
