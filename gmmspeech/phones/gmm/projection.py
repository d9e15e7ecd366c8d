"""LDA and MLLT of spliced frames, learned from segments."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from gmmspeech.errors import FeatureError, counted
from gmmspeech.linear.lda import LDAStats, accumulate_lda, lda
from gmmspeech.linear.mllt import accumulate_mllt, mllt
from gmmspeech.linear.transforms import apply_transform, splice
from gmmspeech.phones.labels.segments import LabeledFrames, part_of_frames

DIM = 50  # of what is not told
MLLT_VARIANCE_FLOOR = 0.01  # of the mean variance of all classes: a class of one frame has none of its own


def train_projection(
    data: LabeledFrames, *, context: int = 10, dim: int | None = None, parts: int = 3, rounds: int = 2
) -> NDArray[np.float64]:
    """Train the projection of spliced frames: LDA with parts of phones as classes, then MLLT.

    By default it gives 50 dimensions, or fewer where parts or columns are few.

    MLLT, with one Gaussian per class, makes the covariances of all classes jointly as diagonal as possible (Saon et al.
    2000, "Maximum likelihood discriminant feature spaces").
    """
    names, indices = np.unique(data.phones, return_inverse=True)
    classes = part_of_frames(data.ranges, indices, len(data.frames), parts)
    count = len(names) * parts
    stats = _lda_statistics(data, classes, count, context)
    projection = lda(stats, dim or min(DIM, len(stats.scatter), int(np.count_nonzero(stats.n)) - 1))
    used = classes >= 0
    members = sparse.csr_array(
        (np.ones(used.sum()), (np.arange(used.sum()), classes[used])), shape=(int(used.sum()), count)
    )
    for _ in range(rounds):
        frames = project(data, projection).frames[used].astype(np.float64)
        means, variances = _moments(frames, members)
        rotation = mllt(accumulate_mllt(frames, members, means, variances), means, variances)
        projection = rotation @ projection
    return projection


def project(data: LabeledFrames, projection: NDArray[np.float64]) -> LabeledFrames:
    """Splice the frames of every utterance and put them through a projection of `train_projection`."""
    spliced, dim = projection.shape[1], data.frames.shape[1]
    if spliced % dim or not spliced // dim % 2:
        raise FeatureError(f"found frames of {counted(dim, 'column')}, expected {spliced} divided by an odd number")
    context = spliced // dim // 2
    return data.map_utterances(lambda x: apply_transform(splice(x, context), projection))


def _lda_statistics(data: LabeledFrames, classes: NDArray[np.int64], count: int, context: int) -> LDAStats:
    statistics = []
    for rows in data.utterance_rows():  # spliced frames of a whole corpus needn't fit in memory
        used = classes[rows] >= 0
        statistics.append(accumulate_lda(splice(data.frames[rows], context)[used], classes[rows][used], count))
    return sum(statistics[1:], statistics[0])


def _moments(frames: NDArray[np.float64], members: sparse.csr_array) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    counts = np.maximum(np.ones(len(frames)) @ members, 1)[:, None]
    means = members.T @ frames / counts
    variances = members.T @ (frames - members @ means) ** 2 / counts
    return means, np.maximum(variances, MLLT_VARIANCE_FLOOR * variances.mean(axis=0))
