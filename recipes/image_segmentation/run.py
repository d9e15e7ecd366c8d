"""Segment photographs by color and place: a pixel is a frame (red, green, blue, x, y), a component a segment."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.datasets import load_sample_image
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

import gmmspeech as gs
from gmmspeech import pipeline

PHOTOGRAPHS = ("china.jpg", "flower.jpg")
COMPONENTS = 8
SEEDS = (0, 1, 2, 3, 4)  # starts; the likeliest mixture is kept
PLACE = 0.5  # of the colors' range: how much nearness counts beside color


@pipeline.recipe(corpus=False, stages=False)
def main(run: pipeline.Run) -> None:
    """Segment two photographs that come with scikit-learn, and time it against scikit-learn's mixture."""
    run.out.mkdir(parents=True, exist_ok=True)
    rows, pictures = [], []
    for name in PHOTOGRAPHS:
        image = load_sample_image(name)
        X = pixels(image)
        theirs, ours = race(X, run.jobs)
        rows.append(
            {
                "photograph": name,
                "pixels": str(len(X)),
                "scikit-learn": f"{theirs.seconds:.2f} s, {theirs.likelihood:.3f} nats a pixel",
                "gmmspeech": f"{ours.seconds:.2f} s, {ours.likelihood:.3f} nats a pixel",
                "times faster": f"{theirs.seconds / ours.seconds:.1f}",
            }
        )
        pictures.append((image, painted(image, ours.best.predict(X))))
    draw(pictures).savefig(run.out / "segments.png", dpi=120)
    run.results(rows)


def pixels(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Colors in [0, 1] and places in [0, PLACE], (pixels, 5)."""
    height, width, _ = image.shape
    y, x = np.mgrid[:height, :width]
    place = np.stack([x / width, y / height], axis=-1) * PLACE
    return np.concatenate([image / 255, place], axis=-1).reshape(-1, 5).astype(np.float32)


@dataclass
class Side:
    """The likeliest mixture so far, its mean log-likelihood, and the processor seconds that all starts took."""

    fit: Callable[[int], Any]
    X: NDArray
    best: Any = None
    likelihood: float = -np.inf
    seconds: float = 0.0

    def start(self, seed: int) -> None:
        began = time.process_time()
        gmm = self.fit(seed).fit(self.X)
        self.seconds += time.process_time() - began
        likelihood = gmm.score(self.X)
        if likelihood > self.likelihood:
            self.best, self.likelihood = gmm, likelihood


def race(X: NDArray[np.float32], jobs: int) -> tuple[Side, Side]:
    """Take turns: scikit-learn as people use it, in float64, and ours with its options: no floor to speak of."""
    options = {"accelerate": True, "max_iter": 100, "variance_floor": 1e-6, "n_jobs": jobs}
    theirs = Side(
        lambda seed: GaussianMixture(COMPONENTS, covariance_type="diag", random_state=seed), X.astype(np.float64)
    )
    ours = Side(lambda seed: gs.DiagonalGMM(COMPONENTS, random_state=seed, **options), X)
    with warnings.catch_warnings(), threadpool_limits(jobs):
        warnings.simplefilter("ignore", ConvergenceWarning)
        for seed in SEEDS:
            theirs.start(seed)
            ours.start(seed)
    return theirs, ours


def painted(image: NDArray[np.uint8], segments: NDArray[np.intp]) -> NDArray[np.uint8]:
    """Every segment in its mean color."""
    colors = image.reshape(-1, 3)
    counts = np.maximum(np.bincount(segments, minlength=COMPONENTS), 1)
    means = [np.bincount(segments, colors[:, c], COMPONENTS) / counts for c in range(3)]
    return np.stack(means, axis=1).astype(np.uint8)[segments].reshape(image.shape)


def draw(pictures: list[tuple[NDArray, NDArray]]) -> Figure:
    figure = Figure(figsize=(10, 3.5 * len(pictures)), layout="constrained")
    axes = figure.subplots(len(pictures), 2, squeeze=False)
    for row, pair in zip(axes, pictures, strict=True):
        for axis, picture, title in zip(row, pair, ("photograph", f"{COMPONENTS} segments"), strict=True):
            axis.imshow(picture)
            axis.set_title(title)
            axis.axis("off")
    return figure


if __name__ == "__main__":
    main()
