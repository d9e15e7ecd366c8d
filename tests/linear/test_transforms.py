"""Splicing and matrices, against loops over frames."""

import numpy as np
import pytest

from gmmspeech.errors import ConfigError, FeatureError
from gmmspeech.linear.transforms import apply_transform, splice


@pytest.mark.parametrize("context", [0, 1, 3, 12])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_splice_equals_a_loop(context, dtype):
    frames = np.random.default_rng(0).normal(size=(7, 3)).astype(dtype)
    expected = [np.concatenate([frames[min(max(t + c, 0), 6)] for c in range(-context, context + 1)]) for t in range(7)]
    spliced = splice(frames, context)
    np.testing.assert_array_equal(spliced, expected)
    assert spliced.dtype == dtype
    assert splice(frames[:0], context).shape == (0, 3 * (2 * context + 1))


def test_transforms_equal_a_loop():
    rng = np.random.default_rng(0)
    frames, affine = rng.normal(size=(5, 3)), rng.normal(size=(2, 4))
    np.testing.assert_allclose(apply_transform(frames, affine), [affine @ [*x, 1] for x in frames])
    np.testing.assert_allclose(apply_transform(frames, affine[:, :3]), [affine[:, :3] @ x for x in frames])
    assert apply_transform(frames.astype(np.float32), affine).dtype == np.float32


def test_what_is_refused():
    frames = np.zeros((5, 3))
    with pytest.raises(ConfigError, match="context: found -1"):
        splice(frames, -1)
    with pytest.raises(FeatureError, match=r"found shape \(3,\), expected \(T, D\)"):
        splice(frames[0], 1)
    for columns in (2, 5):
        with pytest.raises(FeatureError, match="expected a matrix of as many columns"):
            apply_transform(frames, np.zeros((3, columns)))
