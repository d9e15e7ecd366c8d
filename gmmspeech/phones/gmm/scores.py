"""Scores of frames and segments under phones, from the log-likelihoods of the mixtures of their parts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.special import logsumexp

from gmmspeech.phones.labels.segments import log_durations, part_edges, segment_sums


def part_sums(log_likelihoods: NDArray[np.float64], ranges: NDArray[np.int64], parts: int) -> NDArray[np.float64]:
    """Sum the log-likelihoods (N, P * parts) of the frames in each part of each segment, (parts, S, P)."""
    edges = part_edges(ranges, parts)
    of_parts = log_likelihoods.reshape(len(log_likelihoods), -1, parts)
    return np.stack([segment_sums(of_parts[:, :, j], edges[:, j : j + 2]) for j in range(parts)])


def in_any_part(log_likelihoods: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-likelihoods of frames under phones, (N, P), of those under their parts and the parts' weights (P, parts)."""
    with np.errstate(divide="ignore"):  # a part that no frame was in
        joint = log_likelihoods + np.log(weights / weights.sum(axis=1, keepdims=True)).ravel()
    return logsumexp(joint.reshape(len(joint), *weights.shape), axis=2)


def smoothed(scores: NDArray[np.float64], stops: NDArray[np.int64], deviation: float) -> NDArray[np.float64]:
    """Average scores (N, P) with those of neighbors in their utterance by a Gaussian window, of a deviation in frames.

    Utterances end before the rows `stops`; a deviation of 0 leaves all as it is.
    """
    if not deviation:
        return scores
    utterances = [part for part in np.split(scores, stops[:-1]) if len(part)]
    return np.concatenate([gaussian_filter1d(part, deviation, axis=0, mode="nearest") for part in utterances])


def duration_scores(ranges: NDArray[np.int64], moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log densities of segments' log durations, (S, P), under Gaussians of mean and variance (P, 2)."""
    mean, variance = moments.T
    return -0.5 * (np.log(2 * np.pi * variance) + (log_durations(ranges)[:, None] - mean) ** 2 / variance)


def log_posteriors(log_likelihoods: NDArray[np.float64], priors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log posteriors of phones, shape (N, P), from log-likelihoods of the same shape and priors (P,)."""
    joint = log_likelihoods + np.log(priors)
    return joint - logsumexp(joint, axis=1, keepdims=True)
