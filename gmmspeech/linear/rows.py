"""Gales's row-by-row optimization of the transforms of MLLT and fMLLR."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

SMALLEST_GAIN = 1e-8  # nats a frame; a sweep that gains less is the last


def objective(transform: NDArray[np.float64], beta: float, k: NDArray[np.float64], g: NDArray[np.float64]) -> float:
    r"""Auxiliary function of a transform W = [A, b] or A, in nats, without the terms that don't depend on it.

    Q(W) = β log |det A| + Σ_d (k_d · w_d - ½ w_d G_d w_dᵀ)

    Shapes: `transform` (D, E), `k` (D, E), `g` (D, E, E).
    """
    log_det = float(np.linalg.slogdet(transform[:, : len(transform)])[1])
    quadratic = (transform * np.matmul(g, transform[:, :, None])[:, :, 0]).sum()
    return beta * log_det + float((k * transform).sum()) - 0.5 * float(quadratic)


def best_row(
    cofactors: NDArray[np.float64], beta: float, offset: NDArray[np.float64], inverse: NDArray[np.float64]
) -> NDArray[np.float64]:
    r"""Row w that maximizes β log |p · w| + k · w - ½ w G wᵀ (Gales 1998).

    The gradient vanishes at w = (α p + k) G⁻¹ with α² p G⁻¹ pᵀ + α p G⁻¹ kᵀ = β. At such a point p · w = β / α,
    and the objective is -β log |α| - ½ α² p G⁻¹ pᵀ but for constants: of the two roots, the one nearer to zero is
    the maximum. The scale of p doesn't matter.

    Shapes: `cofactors` (D,), those of the first D of E columns, the others having none; `offset` (E,), k G⁻¹; `inverse`
    (D, E), the first D rows of G⁻¹.
    """
    dim = len(cofactors)
    direction = cofactors @ inverse
    a, b = float(direction[:dim] @ cofactors), float(offset[:dim] @ cofactors)
    root = math.sqrt(b * b + 4 * a * beta)
    alpha = 2 * beta / (b + root if b >= 0 else b - root)  # the root nearer to zero, without cancellation
    return alpha * direction + offset


def ascend(
    start: NDArray[np.float64], beta: float, k: NDArray[np.float64], g: NDArray[np.float64], max_iter: int
) -> NDArray[np.float64]:
    """Maximize `objective` a row at a time, in sweeps over all rows; no step lowers it.

    Shapes: `start` (D, E); gives (D, E).
    """
    dim = len(start)
    inverse: NDArray = np.linalg.inv(g)
    offsets = np.matmul(k[:, None], inverse)[:, 0]
    transform = start.copy()
    reached = objective(transform, beta, k, g)
    step = np.empty((dim, dim))
    for _ in range(max_iter):
        back: NDArray = np.linalg.inv(transform[:, :dim])
        for d in range(dim):
            cofactors = back[:, d].copy()
            row = best_row(cofactors, beta, offsets[d], inverse[d, :dim])
            change = (row - transform[d])[:dim] @ back  # the inverse follows its matrix (Sherman and Morrison)
            change /= 1 + change[d]
            np.dot(cofactors[:, None], change[None], out=step)  # as `np.outer`, in a fifth of its time
            back -= step
            transform[d] = row
        before, reached = reached, objective(transform, beta, k, g)
        if reached - before < SMALLEST_GAIN * beta:
            break
    return transform
