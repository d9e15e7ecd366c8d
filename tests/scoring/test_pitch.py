"""Pitches as ratios, by the densities as they are written down, and beside scores."""

import math
import re

import numpy as np
import pytest
from scipy.integrate import quad

import gmmspeech as gs
from gmmspeech.errors import DataError
from gmmspeech.scoring.pitch import pitch_llr, with_pitch


def student(x: float, center: float, scale: float) -> float:
    """Density of three degrees of freedom, by its closed form."""
    z = (x - center) / scale
    return 2 / (math.pi * math.sqrt(3) * (1 + z * z / 3) ** 2) / scale


def test_ratios_are_those_of_the_formula() -> None:
    models, tests = [[100.0, 130.0], [215.0]], [90.0, 128.0, 400.0]
    scale = math.sqrt(0.07**2 + 0.3**2)
    expected = [
        [
            math.log(sum(student(math.log(q), math.log(p), 0.07) for p in own) / len(own))
            - math.log(student(math.log(q), 5.0, scale))
            for q in tests
        ]
        for own in models
    ]
    np.testing.assert_allclose(pitch_llr(models, tests), expected, rtol=1e-12)


def test_it_is_a_ratio_of_densities() -> None:
    """Its exponential, weighted by what other speakers have, is all that a speaker has: 1."""
    scale = math.sqrt(0.07**2 + 0.3**2)

    def share(q: float) -> float:
        return math.exp(pitch_llr([[120.0, 150.0]], [math.exp(q)])[0, 0]) * student(q, 5.0, scale)

    assert quad(share, 0, 10, points=[4.8, 5.0], limit=200)[0] == pytest.approx(1.0, abs=1e-3)


def test_no_pitch_tells_nothing() -> None:
    found = pitch_llr([[100.0, None], [None], [100.0], []], [100.0, None, np.nan])
    assert (found[[1, 3]] == 0).all()
    assert (found[:, 1:] == 0).all()
    assert (found[0] == found[2]).all()
    assert pitch_llr([], [100.0]).shape == (0, 1)


def test_scores_with_it() -> None:
    """Each trial has its own ratio, a test of several recordings that of their median."""
    scores = gs.Scores(["b", "a", "b"], ["t", "g", "g"], np.array([1.0, 2.0, 3.0]))
    pitches = {"a1": 100.0, "b1": 200.0, "b2": None, "t": 190.0, "g1": 98.0, "g2": 500.0, "g3": 102.0}
    found = with_pitch(scores, {"a": ["a1"], "b": ["b1", "b2"]}, pitches, groups={"g": ["g1", "g2", "g3"]})
    ratios = pitch_llr([[200.0], [100.0], [200.0]], [190.0, 102.0, 102.0]).diagonal()
    np.testing.assert_allclose(found.values, scores.values + ratios / 5)
    assert (found.models, found.tests) == (scores.models, scores.tests)


@pytest.mark.parametrize(
    ("pitches", "enrollment", "message"),
    [
        ({"t": 100.0}, {"m": ["u"]}, "utterance u is not in pitches"),
        ({"t": 100.0, "u": 100.0}, {}, "model m is not in enrollment"),
        ({"t": -1.0, "u": 100.0}, {"m": ["u"]}, "tests: found -1, expected pitches in Hz, or None"),
        ({"t": 100.0, "u": np.inf}, {"m": ["u"]}, "models[0]: found inf, expected pitches in Hz, or None"),
    ],
)
def test_what_is_missing_or_no_pitch_is_named(pitches: dict, enrollment: dict, message: str) -> None:
    with pytest.raises(DataError, match=f"^{re.escape(message)}"):
        with_pitch(gs.Scores(["m"], ["t"], [0.0]), enrollment, pitches)
