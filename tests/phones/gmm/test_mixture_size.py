"""Sizes of mixtures: what each rule gives, and that BIC's choice is the least of those it saw."""

import numpy as np
import pytest

from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.phones.gmm.mixture_size import fit_sized


def chosen(frames, size, **options):
    tried = {}

    def fit(count):
        tried[count] = DiagonalGMM(count, random_state=0).fit(frames)
        return tried[count]

    return fit_sized(frames, size, fit, **{"n_components": 16, "frames_per_component": 50, **options}), tried


@pytest.mark.parametrize(
    ("size", "count", "expected"),
    [
        ("fixed", 200, 16),
        ("fixed", 20, 4),
        ("fixed", 3, 1),
        ("frames", 200, 4),
        ("frames", 20, 1),
        ("frames", 4000, 16),
    ],
)
def test_rules(size, count, expected):
    mixture, _ = chosen(np.random.default_rng(0).normal(size=(count, 2)), size)
    assert len(mixture.weights_) == expected


def test_bic_takes_the_least():
    rng = np.random.default_rng(0)
    places = np.array([[-9.0, 0.0], [9.0, 0.0], [0.0, 9.0], [0.0, -9.0]])
    frames = places[rng.integers(0, 4, 800)] + rng.normal(size=(800, 2))
    mixture, tried = chosen(frames, "bic")
    assert sorted(tried) == [1, 2, 4, 8, 16]
    assert len(mixture.weights_) >= 4
    assert mixture.bic(frames) == min(m.bic(frames) for m in tried.values())
    assert sorted(chosen(frames, "bic", n_components=3)[1]) == [1, 2]
    assert len(chosen(frames[:6], "bic")[0].weights_) == 1
