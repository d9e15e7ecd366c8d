"""Ratios of two classes against the mixtures' densities written out."""

import numpy as np
import pytest

import gmmspeech as gs
from gmmspeech.errors import ConfigError, FeatureError
from gmmspeech.scoring.two_classes import class_llrs


@pytest.fixture(scope="module")
def classifier() -> gs.GMMClassifier:
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(mean, 1, (60, 3)) for mean in (-1, 0, 1)])
    return gs.GMMClassifier(n_components=2, random_state=0).fit(x, np.repeat(["bonafide", "replay", "spoof"], 60))


def test_equals_the_definition(classifier):
    rng = np.random.default_rng(1)
    tests = [rng.normal(0, 1, (count, 3)) for count in (1, 7)]
    expected = []
    for frames in tests:
        sides = []
        for model in (classifier.models_[0], classifier.models_[2]):
            total = 0.0
            for x in frames:
                parts = zip(model.weights_, model.means_, model.covariances_, strict=True)
                total += np.log(
                    sum(w * np.prod(np.exp(-((x - m) ** 2) / (2 * v)) / np.sqrt(2 * np.pi * v)) for w, m, v in parts)
                )
            sides.append(total / len(frames))
        expected.append(sides[0] - sides[1])
    np.testing.assert_allclose(class_llrs(classifier, tests, "bonafide", "spoof", n_jobs=2), expected, atol=1e-5)
    np.testing.assert_allclose(class_llrs(classifier, tests, "spoof", "bonafide"), -np.array(expected), atol=1e-5)
    assert class_llrs(classifier, [], "spoof", "replay").shape == (0,)


def test_what_makes_no_sense(classifier):
    frames = [np.zeros((2, 3))]
    with pytest.raises(ConfigError, match="target: found 'fake', expected one of bonafide, replay, spoof"):
        class_llrs(classifier, frames, "fake", "spoof")
    with pytest.raises(ConfigError, match="other: found none beside 3 classes"):
        class_llrs(classifier, frames, "spoof")
    with pytest.raises(ConfigError, match="other: found 'spoof', the target"):
        class_llrs(classifier, frames, "spoof", "spoof")
    with pytest.raises(FeatureError, match="test 1: found 0 frames, expected one or more"):
        class_llrs(classifier, [*frames, np.zeros((0, 3))], "spoof", "replay")
    with pytest.raises(FeatureError):
        class_llrs(classifier, [np.zeros((2, 4))], "spoof", "replay")
