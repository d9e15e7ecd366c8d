"""Training a universal background model."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gmmspeech.arguments import checked
from gmmspeech.blocks import Frames
from gmmspeech.files.checkpoints import Checkpoint
from gmmspeech.gmm.em import EMMonitor
from gmmspeech.gmm.mixture import DiagonalGMM

if TYPE_CHECKING:
    from distributed import Client


@checked
def train_ubm(
    frames: Frames,
    n_components: int = 512,
    *,
    max_iter: int = 20,
    tol: float = 1e-3,
    variance_floor: float = 0.01,
    init: str | DiagonalGMM = "kmeans",
    accelerate: bool = False,
    random_state: Any = 0,
    backend: str = "auto",
    device: str | None = None,
    n_jobs: int | None = 1,
    client: Client | None = None,
    callback: Callable[[EMMonitor], None] | None = None,
    checkpoint: Checkpoint | None = None,
) -> DiagonalGMM:
    """Train a universal background model on the frames of many speakers.

    Parameters
    ----------
    frames : FeatureStore, list of ndarray (T, D), or ndarray (N, D)
        A store is read block by block in every iteration, never as a whole.
    n_components : int
    max_iter, tol, variance_floor, init, accelerate, random_state, backend, device, n_jobs
        See `DiagonalGMM`.
    client : distributed.Client, optional
        Train on the workers of a Dask cluster, which read a store by its path. The mixture has the same bits as on one
        machine of their kind.
    callback : callable, optional
        Called with the `EMMonitor` after every pass over the frames.
    checkpoint : Checkpoint, optional
        File that keeps the state before every pass; where it has one, training goes on from there and ends with the
        same bits as if it had never stopped.

    Returns
    -------
    DiagonalGMM
        It remembers the front end of the store it was trained on.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> utterances = [np.random.default_rng(i).normal(i, 1, (200, 3)).astype("float32") for i in range(4)]
    >>> ubm = gs.train_ubm(utterances, n_components=8)
    >>> ubm.means_.shape
    (8, 3)
    """
    if client is not None:
        from gmmspeech.cluster import ClusterFrames  # which needs Dask

        frames = ClusterFrames(frames, client)
    gmm = DiagonalGMM(
        n_components,
        init=init,
        accelerate=accelerate,
        max_iter=max_iter,
        tol=tol,
        variance_floor=variance_floor,
        random_state=random_state,
        backend=backend,
        device=device,
        n_jobs=n_jobs,
    )
    return gmm.fit(frames, callback=callback, checkpoint=checkpoint)
