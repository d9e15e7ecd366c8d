"""Starts of EM: random frames, or a short k-means."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gmmspeech.blocks import Frames, ordered_map, single_threaded_blas
from gmmspeech.errors import ModelError, counted
from gmmspeech.gmm import floors, missing
from gmmspeech.gmm.frames import draw_frames
from gmmspeech.gmm.kernels import numpy_kernel, pack

INIT_FRAMES_PER_COMPONENT = 200  # for k-means, whose time then does not grow with the corpus
MIN_INIT_FRAMES = 20_000
FLOOR_FRAMES_PER_COMPONENT = 20
KMEANS_ITERATIONS = 10
SEEDING_FRAMES_PER_COMPONENT = 60  # of 20, seeds at outliers end as components of few frames
_BLOCK = 8192
ROUNDING = 1e-12  # of a variance that would be 0, where that of all frames is 1
LIGHTEST = 0.01  # of the fair share 1 / K, in what decides the floor
FAR = 100.0  # times the variance that the median deviation tells: beyond it, outliers make the variance of all frames

Parameters = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def draw_start(
    frames: Frames,
    weight: NDArray[np.float64] | None,
    init: str | Parameters,
    rng: np.random.Generator,
    *,
    share: float,
    num_frames: int,
    shape: tuple[int, int],
    n_jobs: int | None,
) -> tuple[Parameters, NDArray[np.float64]]:
    """Start of EM, given or from a sample of the frames by "kmeans" or at "random", and the floor of its variances."""
    if not isinstance(init, str) and init[1].shape != shape:
        found = f"found a mixture of shape {init[1].shape} (components, dimension)"
        raise ModelError(f"init: {found}, expected {shape}")
    n_components = shape[0]
    size = max(INIT_FRAMES_PER_COMPONENT * n_components, MIN_INIT_FRAMES)
    sample = missing.filled(draw_frames(frames, weight, size, num_frames, rng), rng)
    everything = weight is not None and len(sample) == np.count_nonzero(weight)  # not drawn by weight then
    times = weight[weight > 0] if weight is not None and everything else None
    if not isinstance(init, str):
        return init, floor_of(share, sample, init, times)
    if len(sample) < n_components:
        raise ModelError(f"found {counted(len(sample), 'frame')} of positive weight, expected {n_components} or more")
    if init == "random":
        weights, means, variances = random_frames(sample, n_components, rng, weight=times)
    else:
        weights, means, variances = kmeans(sample, n_components, rng, weight=times, n_jobs=n_jobs)
    # a component on equal frames has a density nevertheless, by which frames are given to it
    wide = np.where(variances > 0, variances, np.maximum(_mean_and_deviation(sample, times)[1] ** 2, floors.SMALLEST))
    floor = floor_of(share, sample, (weights, means, wide), times)
    return (weights, means, floors.apply(floor, weights, means, variances).variances), floor


def floor_of(
    share: float, sample: NDArray, start: Parameters, weight: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Variance floor of a training that begins with a mixture, from a sample of its frames, weighted or not."""
    some = slice(None, None, -(-len(sample) // max(FLOOR_FRAMES_PER_COMPONENT * len(start[0]), MIN_INIT_FRAMES)))
    frames, times = sample[some], None if weight is None else weight[some]
    weights, means, variances = start
    weights = np.maximum(weights, LIGHTEST / len(weights))  # one of no weight has its place, and will have weight
    with single_threaded_blas():
        clusters = numpy_kernel.posteriors(frames, pack(weights / weights.sum(), means, variances)).argmax(axis=1)
    return floors.of_clusters(share, frames, clusters, times)


def random_frames(
    frames: NDArray, n_components: int, rng: np.random.Generator, *, weight: NDArray[np.float64] | None = None
) -> Parameters:
    """Means at frames drawn without replacement, equal weights, the variance of all frames but for far outliers."""
    share = None if weight is None else weight / weight.sum()
    chosen = np.sort(rng.choice(len(frames), n_components, replace=False, p=share))
    means = frames[chosen].astype(np.float64)
    variances = _mean_and_deviation(frames, weight)[1] ** 2
    median = floors.median_deviation(frames, weight) ** 2
    variances = np.where((median > 0) & (variances > FAR * median), median, variances)
    return np.full(n_components, 1.0 / n_components), means, np.tile(variances, (n_components, 1))


def kmeans(
    frames: NDArray,
    n_components: int,
    rng: np.random.Generator,
    *,
    weight: NDArray[np.float64] | None = None,
    n_jobs: int | None = 1,
) -> Parameters:
    """Ten iterations of Lloyd's k-means on standardized frames, or until no cluster changes, from k-means++ seeds.

    Distances are written as one product, ``|x|^2 - 2 x c + |c|^2``. Seeds and iterations cost about as much as six
    passes of EM and leave it at a better optimum than random frames do.
    """
    shift, deviation = _mean_and_deviation(frames, weight)
    deviation[deviation == 0] = 1.0
    z = ((frames - shift) / deviation).astype(np.float32)
    centers = _plus_plus_seeds(z, n_components, rng, weight)
    before = None
    for _ in range(KMEANS_ITERATIONS):
        labels, distances = _nearest(z, centers, n_jobs)
        if before is not None and np.array_equal(labels, before):
            break  # all that follows would be the same
        counts, sums = _cluster_sums(z, labels, n_components, weight)
        empty = np.flatnonzero(counts == 0)
        centers = sums / np.where(counts > 0, counts, 1)[:, None]
        if len(empty):  # to the frames that fit worst
            centers[empty] = z[np.argsort(distances)[-len(empty) :]]
        before = None if len(empty) else labels
    labels, _ = _nearest(z, centers, n_jobs)
    counts, sums = _cluster_sums(z, labels, n_components, weight)
    _, squares = _cluster_sums(z, labels, n_components, weight, squares=True)
    occupied = np.where(counts > 0, counts, 1)[:, None]
    z_means = np.where(counts[:, None] > 0, sums / occupied, centers)
    z_variances = np.maximum(squares / occupied - (sums / occupied) ** 2, 0)
    # a cluster of one frame, or of equal ones, takes the variance of all frames
    z_variances = np.where((z_variances > ROUNDING).any(axis=1, keepdims=True), z_variances, 1.0)
    weights = counts + 1e-3 * counts.sum() / len(z)  # a thousandth of a frame
    weights /= weights.sum()
    return weights, z_means * deviation + shift, z_variances * deviation**2


def _mean_and_deviation(
    frames: NDArray, weight: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if weight is None:
        return frames.mean(axis=0, dtype=np.float64), frames.std(axis=0, dtype=np.float64)
    mean = np.average(frames, axis=0, weights=weight)
    return mean, np.sqrt(np.average((frames - mean) ** 2, axis=0, weights=weight))


def _plus_plus_seeds(
    z: NDArray[np.float32], n_components: int, rng: np.random.Generator, weight: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """Draw seeds in proportion to the squared distance to the seeds before (Arthur and Vassilvitskii 2007).

    Of some drawn at once the one is taken that leaves the least distance (their "greedy" variant), so that outliers,
    which are far from all, are seldom seeds. Weights multiply the distances, or the chance to be in the sample where
    not all frames are. Frames are put in an order of their own, so that where all are in the sample neither the order
    they come in matters, nor whether one of weight 2 or two equal ones come.
    """
    size = min(len(z), max(SEEDING_FRAMES_PER_COMPONENT * n_components, 2000))
    if size == len(z):
        sample, times = z, np.ones(size) if weight is None else weight
    else:
        share = None if weight is None else weight / weight.sum()
        sample, times = z[rng.choice(len(z), size, replace=False, p=share)], np.ones(size)
    order = np.argsort(sample.sum(axis=1), kind="stable")
    sample, times = sample[order], (times[order] / times.max()).astype(np.float32)
    norms, ones = np.square(sample).sum(axis=1), np.ones(size, np.float32)
    left_factors = np.column_stack([-2 * sample, norms, ones])
    right_factors = np.ascontiguousarray(np.vstack([sample.T, ones, norms]))  # else every product copies it
    trials = 2 + int(np.log(n_components))
    drawn = _draw(times, rng, 1)
    distances = np.full(size, np.inf, np.float32)
    chosen = []
    for number in range(n_components):
        if number:
            drawn = _draw(times * distances, rng, trials)
        left = left_factors[drawn] @ right_factors  # squared distances in one product
        np.minimum(left, distances, out=left)
        best = int((left @ times).argmin())
        distances = np.maximum(left[best], 0)
        distances[drawn[best]] = 0
        chosen.append(int(drawn[best]))
    return sample[chosen].astype(np.float64)


def _draw(chances: NDArray[np.float64], rng: np.random.Generator, count: int) -> NDArray[np.intp]:
    """Draw numbers in proportion to their chances; any, where fewer frames are distinct than there are components."""
    cumulative = np.cumsum(chances, dtype=np.float64)
    if cumulative[-1] > 0:
        found = np.searchsorted(cumulative, rng.random(count) * cumulative[-1], side="right")
        return np.minimum(found, len(chances) - 1)
    return rng.integers(len(chances), size=count)


def _nearest(
    z: NDArray[np.float32], centers: NDArray[np.float64], n_jobs: int | None
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Index of the nearest center of every frame, and the squared distance to it."""
    labels = np.empty(len(z), np.intp)
    distances = np.empty(len(z), np.float32)
    half_norms = (0.5 * (centers**2).sum(axis=1)).astype(np.float32)
    matrix = centers.T.astype(np.float32)

    def assign(rows: slice) -> None:
        affinity = z[rows] @ matrix
        affinity -= half_norms
        labels[rows] = affinity.argmax(axis=1)
        best = np.take_along_axis(affinity, labels[rows, None], axis=1)[:, 0]
        distances[rows] = np.square(z[rows]).sum(axis=1) - 2 * best

    for _ in ordered_map(assign, _blocks(len(z)), n_jobs=n_jobs):
        pass
    return labels, distances


def _cluster_sums(
    z: NDArray[np.float32],
    labels: NDArray[np.intp],
    n_components: int,
    weight: NDArray[np.float64] | None,
    *,
    squares: bool = False,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Count of the rows of every cluster, and the sum of the rows or of their squares, in float64."""
    sums = np.zeros((n_components, z.shape[1]))
    for rows in _blocks(len(z)):
        columns = z[rows].T.astype(np.float64, order="C")
        if squares:
            np.square(columns, out=columns)
        if weight is not None:
            columns *= weight[rows]
        for column, values in enumerate(columns):
            sums[:, column] += np.bincount(labels[rows], values, minlength=n_components)
    counts = np.bincount(labels, weight, minlength=n_components)
    return counts.astype(np.float64), sums


def _blocks(count: int) -> list[slice]:
    return [slice(start, start + _BLOCK) for start in range(0, count, _BLOCK)]
