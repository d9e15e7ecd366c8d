"""Each check passes what is sound and names the owner, what was found and what was expected otherwise."""

import numpy as np
import pytest

from gmmspeech import checks
from gmmspeech.errors import ConfigError, DataError, FeatureError, ModelError


def with_bad(value, dtype=np.float64):
    x = np.ones((4, 3), dtype)
    x[2, 1] = value
    return x


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_what_is_not_finite_is_found(bad, dtype):
    x = with_bad(bad, dtype)
    assert checks.first_bad(x) == (2, 1)
    assert not checks.all_finite(np.ones(2), x)
    with pytest.raises(
        FeatureError, match=rf"^frame 12, column 1: found {bad}, expected a finite number, no NaN or inf"
    ):
        checks.finite(x, 10)
    with pytest.raises(DataError, match=r"^scores: found NaN or infinity in system 2, expected finite numbers"):
        checks.check_finite("scores", x, item="system", kind=DataError)
    with pytest.raises(ModelError, match=r"^PLDA: found a parameter that is not finite, within"):
        checks.check_parameters_finite("PLDA", mean=np.ones(3), within=x)


def test_sums_that_overflow_are_finite_all_the_same():
    x = np.full((4, 3), np.finfo(np.float32).max)
    assert checks.first_bad(x) is None
    assert checks.finite(x) is x
    assert checks.all_finite(np.empty((0, 3)))


def test_shapes():
    x = np.ones((4, 3))
    assert checks.as_matrix(x.tolist(), dim=3).shape == (4, 3)
    assert checks.check_frames(x, 3) is x
    with pytest.raises(FeatureError, match=r"^frames: found shape \(4,\), expected \(T, D\)"):
        checks.as_matrix(x[:, 0])
    with pytest.raises(FeatureError, match=r"^vectors: found shape \(4, 3\), expected \(U, 2\)"):
        checks.as_matrix(x, owner="vectors", dim=2, axes="U, R")
    for bad in (x[:0], x[:, 0], x[:, :2]):
        with pytest.raises(FeatureError, match=r"^ann: found frames of shape .*, expected \(one or more, 3\)"):
            checks.check_frames(bad, 3, owner="ann: ")
    with pytest.raises(FeatureError, match=r"^ann: frame 2, column 1: found nan"):
        checks.check_frames(with_bad(np.nan), 3, owner="ann: ")
    with pytest.raises(ModelError, match=r"^model 1: found shape \(4, 3\) .* expected the background model's \(4, 2\)"):
        checks.check_shape("model 1", x, (4, 2))


def test_numbers_in_a_row():
    np.testing.assert_array_equal(checks.as_vector([1, 2], "scores"), [1.0, 2.0])
    for bad, found in (
        ("abc", "no number"),
        ([], "shape"),
        ([[1.0]], "shape"),
        ([1.0, np.nan], "1 NaN and 0 infinite"),
    ):
        with pytest.raises(DataError, match=f"^scores: found .*{found}"):
            checks.as_vector(bad, "scores")


def test_weights():
    np.testing.assert_array_equal(checks.as_weights([0, 2], 2), [0.0, 2.0])
    for bad, found in (
        ([1.0], r"shape \(1,\)"),
        ([[1.0, 2.0]], r"shape \(1, 2\)"),
        ([0.0, 0.0], "zeros alone"),
        ([-1.0, 2.0], "-1 for frame 0"),
        ([1.0, np.inf], "inf for frame 1"),
    ):
        with pytest.raises(FeatureError, match=f"^sample_weight: found {found}, expected"):
            checks.as_weights(bad, 2)


def test_options():
    checks.check_at_least(1, rank=1, max_iter=3)
    checks.check_positive(cost=0.1)
    checks.check_probability(p_target=0.5)
    for call, message in (
        (lambda: checks.check_at_least(1, rank=2, max_iter=0), "max_iter: found 0, expected 1 or more"),
        (lambda: checks.check_at_least(0, shrinkage=np.nan), "shrinkage: found nan, expected 0 or more"),
        (lambda: checks.check_positive(cost=0), "cost: found 0, expected a number above 0"),
        (lambda: checks.check_positive(cost=np.inf), "cost: found inf, expected a number above 0"),
        (lambda: checks.check_probability(p_target=1), "p_target: found 1, expected a probability between 0 and 1"),
    ):
        with pytest.raises(ConfigError, match=f"^{message}$"):
            call()


def test_weights_whose_sum_overflows_are_refused():
    assert checks.as_weights([1e307, 5e-324], 2).tolist() == [1e307, 5e-324]
    with pytest.raises(FeatureError, match=r"sample_weight: found up to 1.7e\+308, whose sum overflows"):
        checks.as_weights(np.full(20, 1.7e308), 20)
