"""What kernels are compared with: densities, likelihoods and statistics of frames written out in double loops."""

import math

import numpy as np


def naive_log_density(x, mean, variance):
    return sum(
        -0.5 * (math.log(2 * math.pi * v) + (a - m) ** 2 / v)
        for a, m, v in zip(map(float, x), map(float, mean), map(float, variance), strict=True)
    )


def naive_joint(frames, weights, means, variances):
    """Log of weight times density, (T, K)."""
    joint = np.full((len(frames), len(weights)), -math.inf)
    for t, x in enumerate(frames):
        for k, w in enumerate(weights):
            if w > 0:
                joint[t, k] = math.log(w) + naive_log_density(x, means[k], variances[k])
    return joint


def naive_log_sum(values):
    peak = max(values)
    return peak + math.log(sum(math.exp(v - peak) for v in values)) if peak > -math.inf else peak


def naive_log_likelihood(joint):
    return np.array([naive_log_sum(row) for row in joint])


def naive_statistics(frames, joint, sample_weight):
    k, d = joint.shape[1], frames.shape[1]
    n, sum_x, sum_xx, total = np.zeros(k), np.zeros((k, d)), np.zeros((k, d)), 0.0
    for x, row, weight in zip(frames.astype(np.float64), joint, sample_weight, strict=True):
        frame = naive_log_sum(row)
        total += weight * frame
        for j in range(k):
            gamma = weight * math.exp(row[j] - frame)
            n[j] += gamma
            sum_x[j] += gamma * x
            sum_xx[j] += gamma * x**2
    return n, sum_x, sum_xx, total
