"""Both kernels, the native one with every instruction set, against densities and sums written out in double loops."""

from functools import cache

import numpy as np
import pytest
from naive_kernels import naive_joint, naive_log_likelihood, naive_log_sum, naive_statistics
from scipy.special import logsumexp
from scipy.stats import norm

from gmmspeech.blocks import BLOCK
from gmmspeech.gmm.em import maximize
from gmmspeech.gmm.kernels import native_kernel, numpy_kernel, pack
from gmmspeech.gmm.mixture import DiagonalGMM

SUMS = ("n", "sum_x", "sum_xx", "log_likelihood", "num_frames")
SINGLE, DOUBLE = np.float32, np.float64


def assert_statistics(stats, expected, tolerance):
    n, sum_x, sum_xx, total = expected
    np.testing.assert_allclose(stats.n, n, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(stats.sum_x, sum_x, rtol=tolerance, atol=tolerance * np.abs(sum_x).max())
    np.testing.assert_allclose(stats.sum_xx, sum_xx, rtol=tolerance, atol=tolerance * sum_xx.max())
    assert stats.log_likelihood == pytest.approx(total, rel=tolerance)
    assert stats.n.dtype == stats.sum_x.dtype == stats.sum_xx.dtype == np.float64


def assert_same_bits(stats, others):
    for name in SUMS:
        np.testing.assert_array_equal(getattr(stats, name), getattr(others, name), err_msg=name)


@pytest.mark.parametrize(("dtype", "tolerance"), [(DOUBLE, 1e-12), (SINGLE, 2e-6)])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("t", "k", "d"), [(50, 3, 2), (40, 7, 5), (30, 1, 1), (1, 4, 3)])
def test_statistics_equal_the_double_loop(kernel, mixture, dtype, tolerance, weighted, t, k, d):
    rng = np.random.default_rng(t)
    parameters = mixture(rng, k, d)
    frames = rng.normal(0, 2, (t, d)).astype(dtype)
    weight = rng.uniform(0, 3, t) if weighted else None
    stats = kernel.accumulate(frames, pack(*parameters), weight)
    joint = naive_joint(frames, *parameters)
    assert_statistics(stats, naive_statistics(frames, joint, np.ones(t) if weight is None else weight), tolerance)
    assert stats.num_frames == pytest.approx(t if weight is None else weight.sum())


ODD_SHAPES = [  # T, K, D
    *((5, 1, 1), (5, 1, 2), (7, 2, 1), (1, 1, 1), (13, 5, 3)),
    *((97, k, 2) for k in (15, 16, 17, 31, 33, 63, 64, 65)),
    *((101, 79, 7), (6, 16, 512), (7, 3, 511), (3, 8192, 2), (3, 8191, 1)),
]


@cache
def odd_case(draw, t, k, d):
    """Mixture, float32 frames, naive densities and statistics."""
    rng = np.random.default_rng(t * k * d)
    parameters = draw(rng, k, d)
    frames = rng.normal(0, 2, (t, d)).astype(np.float32)
    joint = naive_joint(frames, *parameters)
    return parameters, frames, joint, naive_statistics(frames, joint, np.ones(t))


@pytest.mark.parametrize(("dtype", "tolerance"), [(DOUBLE, 1e-11), (SINGLE, 5e-6)])
@pytest.mark.parametrize(("t", "k", "d"), ODD_SHAPES)
def test_odd_shapes(kernel, mixture, dtype, tolerance, t, k, d):
    parameters, frames, joint, statistics = odd_case(mixture, t, k, d)
    frames, packed = frames.astype(dtype), pack(*parameters)
    assert_statistics(kernel.accumulate(frames, packed), statistics, tolerance)
    expected = naive_log_likelihood(joint)
    np.testing.assert_allclose(kernel.log_likelihood(frames, packed), expected, rtol=tolerance, atol=tolerance)
    stack = kernel.stack_models(parameters, [parameters], dtype)
    for top_c in {1, min(5, k), k}:
        restricted = sum(naive_log_sum(sorted(row)[-top_c:]) for row in joint)
        found = kernel.top_c_log_likelihood(frames, stack, top_c)
        np.testing.assert_allclose(found, [restricted, restricted], rtol=tolerance, atol=tolerance * t)


# native: 96 frames a block, 8 blocks a float64 sum, 32 frames a logarithm and 1024 at once by top C; numpy: 2048
@pytest.mark.parametrize("dtype", [DOUBLE, SINGLE])
@pytest.mark.parametrize("t", [0, 1, 31, 33, 95, 96, 97, 767, 768, 769, 1023, 1025, 2047, 2048, 2049, 4103])
def test_edges_of_blocks(kernel, mixture, dtype, t):
    rng = np.random.default_rng(t)
    parameters = mixture(rng, 3, 2, spread=0.5)
    packed, stack = pack(*parameters), kernel.stack_models(parameters, [mixture(rng, 3, 2)], dtype)
    frames, weight = rng.normal(size=(t, 2)).astype(dtype), rng.uniform(0, 2, t)
    whole = kernel.accumulate(frames, packed, weight)
    each = kernel.log_likelihood(frames, packed)
    restricted = kernel.top_c_log_likelihood(frames, stack, 2)
    assert each.shape == (t,)
    assert restricted.shape == (2,)
    cuts = [slice(i, i + 50) for i in range(0, t, 50)]
    parts = [kernel.accumulate(frames[cut], packed, weight[cut]) for cut in cuts]
    tolerance = 1e-10 if dtype == DOUBLE else 1e-5
    for name in SUMS:
        total = sum((getattr(part, name) for part in parts), np.zeros_like(getattr(whole, name)))
        np.testing.assert_allclose(getattr(whole, name), total, rtol=tolerance, atol=tolerance * t)
    for cut in cuts:
        np.testing.assert_allclose(each[cut], kernel.log_likelihood(frames[cut], packed), atol=tolerance)
    total = sum((kernel.top_c_log_likelihood(frames[cut], stack, 2) for cut in cuts), np.zeros(2))
    np.testing.assert_allclose(restricted, total, rtol=tolerance)


def misaligned(frames):
    copy = np.frombuffer(b"!" + frames.tobytes(), np.uint8)[1:].view(frames.dtype).reshape(frames.shape)
    assert not copy.flags.aligned
    return copy


def read_only(frames):
    copy = frames.copy()
    copy.flags.writeable = False
    return copy


LAYOUTS = {
    "misaligned": misaligned,
    "read-only": read_only,
    "Fortran": np.asfortranarray,
    "every second row": lambda frames: np.repeat(frames, 2, axis=0)[::2],
    "every third column": lambda frames: np.repeat(frames, 3, axis=1)[:, 1::3],
    "backwards": lambda frames: frames[::-1, ::-1].copy()[::-1, ::-1],
    "one row repeated": lambda frames: np.broadcast_to(frames[:1], frames.shape),
}


@pytest.mark.parametrize("dtype", [DOUBLE, SINGLE])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layout_of_frames_changes_no_bit(kernel, mixture, dtype, layout):
    rng = np.random.default_rng(4)
    parameters = mixture(rng, 5, 3)
    laid_out = LAYOUTS[layout](rng.normal(size=(110, 3)).astype(dtype))
    assert_same_results(kernel, parameters, laid_out, np.array(laid_out, order="C"))


@pytest.mark.parametrize("dtype", [">f4", ">f8", "f2", "i2", "i8"])
def test_other_types_of_frames_are_worked_on_in_float64(kernel, mixture, dtype):
    rng = np.random.default_rng(5)
    frames = rng.normal(0, 3, (110, 3)).astype(dtype)
    assert_same_results(kernel, mixture(rng, 5, 3), frames, frames.astype(np.float64))


def assert_same_results(kernel, parameters, frames, others):
    packed, stack = pack(*parameters), kernel.stack_models(parameters, [parameters], others.dtype)
    weight = np.linspace(0, 2, 2 * len(frames))[::2]
    assert not weight.flags.contiguous
    assert_same_bits(kernel.accumulate(frames, packed, weight), kernel.accumulate(others, packed, weight.copy()))
    assert_same_bits(kernel.accumulate(frames, packed), kernel.accumulate(others, packed))
    np.testing.assert_array_equal(kernel.log_likelihood(frames, packed), kernel.log_likelihood(others, packed))
    found, expected = (kernel.top_c_log_likelihood(x, stack, 2) for x in (frames, others))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(("dtype", "tolerance"), [(DOUBLE, 1e-12), (SINGLE, 2e-6)])
@pytest.mark.parametrize("left_out", ["one in three", "a block", "all but one", "all"])
def test_frames_of_weight_zero_are_left_out(kernel, mixture, dtype, tolerance, left_out):
    rng = np.random.default_rng(6)
    packed = pack(*mixture(rng, 5, 3))
    frames, weight = rng.normal(size=(300, 3)).astype(dtype), rng.uniform(0.5, 2, 300)
    rows = {"one in three": np.s_[::3], "a block": np.s_[96:192], "all but one": np.s_[1:], "all": np.s_[:]}[left_out]
    weight[rows] = 0
    frames[rows] += 30
    stats = kernel.accumulate(frames, packed, weight)
    expected = kernel.accumulate(frames[weight > 0], packed, weight[weight > 0])
    for name in SUMS:
        found, wanted = getattr(stats, name), getattr(expected, name)
        np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance * weight.sum())


def test_a_component_of_weight_zero_never_answers(kernel, mixture):
    rng = np.random.default_rng(1)
    _, means, variances = mixture(rng, 3, 2)
    weights, keep = np.array([0.4, 0.0, 0.6]), [0, 2]
    frames = rng.normal(size=(20, 2)).astype(np.float32)
    frames[0] = means[1]
    stats = kernel.accumulate(frames, pack(weights, means, variances))
    assert stats.n[1] == 0
    joint = naive_joint(frames, weights[keep], means[keep], variances[keep])
    n, sum_x, sum_xx, total = naive_statistics(frames, joint, np.ones(20))
    np.testing.assert_allclose(stats.n[keep], n, rtol=2e-6)
    np.testing.assert_allclose(stats.sum_x[keep], sum_x, atol=2e-5)
    np.testing.assert_allclose(stats.sum_xx[keep], sum_xx, rtol=1e-5)
    assert stats.log_likelihood == pytest.approx(total, rel=1e-6)


@pytest.mark.parametrize("width", [3e-3, 1e-3, 1e-4])
def test_narrow_components_get_float64_even_of_float32_frames(kernel, width):
    """A component that far below the global deviation would have negative variances in float32 sums."""
    rng = np.random.default_rng(2)
    parameters = np.array([0.5, 0.5]), np.array([[0.0, 0], [2.0, -1]]), np.array([[1.0, 1], [width**2, width**2]])
    frames = rng.normal(size=(3000, 2))
    frames[1500:] = frames[1500:] * width + [2.0, -1]
    frames = frames.astype(np.float32)
    packed = pack(*parameters)
    stats = kernel.accumulate(frames, packed)
    variance = stats.sum_xx[1] / stats.n[1] - (stats.sum_x[1] / stats.n[1]) ** 2
    np.testing.assert_allclose(variance, width**2, rtol=0.1)
    other = parameters[0], parameters[1] + width, parameters[2]
    assert_same_results(kernel, parameters, frames, frames.astype(np.float64))
    stack = kernel.stack_models(parameters, [other], np.float32)
    expected = [naive_log_likelihood(naive_joint(frames, *p)).sum() for p in (parameters, other)]
    # of float64's digits, the terms of a density cancel those of its width's square
    tolerance = max(1e-9, 1e-16 / width**2)
    np.testing.assert_allclose(kernel.top_c_log_likelihood(frames, stack, 2), expected, rtol=tolerance)


@pytest.mark.parametrize("share", ["all", "some"])
@pytest.mark.parametrize("width", [0.05, 0.02, 6e-3])
def test_statistics_of_narrow_components(kernel, width, share):
    """Of float32 frames, as good as those of wide ones: narrow in all columns, three deviations of all frames away."""
    rng = np.random.default_rng(14)
    k, d, t, far = 20, 20, 2000, 100.0
    means, widths = rng.normal(0, 1, (k, d)), np.ones((k, 1))
    means[:2], widths[:2] = 3 * rng.choice([-1, 1], (2, d)), width
    variances = (widths * rng.uniform(0.5, 1, (k, d))) ** 2
    components = rng.integers(2 if share == "all" else k, size=t)
    frames = (means + far)[components] + np.sqrt(variances)[components] * rng.normal(size=(t, d))
    frames = frames.astype(np.float32)
    exact = frames.astype(np.float64) - far
    joint = norm.logpdf(exact[:, None], means, np.sqrt(variances)).sum(axis=2) - np.log(k)
    each = logsumexp(joint, axis=1)
    posteriors = np.exp(joint - each[:, None])
    packed = pack(np.full(k, 1 / k), means + far, variances)
    stats = kernel.accumulate(frames, packed)
    assert stats.log_likelihood == pytest.approx(each.sum(), rel=1e-6)
    np.testing.assert_allclose(kernel.log_likelihood(frames, packed), each, atol=2e-4)
    np.testing.assert_allclose(stats.n, posteriors.sum(axis=0), rtol=1e-5, atol=1e-5)
    for i in np.flatnonzero(stats.n > 10):
        mean = posteriors[:, i] @ exact / posteriors[:, i].sum()
        variance = posteriors[:, i] @ (exact - mean) ** 2 / posteriors[:, i].sum()
        found_mean = stats.sum_x[i] / stats.n[i]
        found = stats.sum_xx[i] / stats.n[i] - found_mean**2
        np.testing.assert_allclose((found_mean - far - mean) / np.sqrt(variance), 0, atol=5e-6)
        np.testing.assert_allclose(found, variance, rtol=1e-5)


@pytest.mark.parametrize("size", [1e18, 1e25, 1e38])
def test_frames_whose_square_float32_cannot_hold(kernel, mixture, size):
    rng = np.random.default_rng(7)
    parameters = mixture(rng, 5, 3)
    frames = rng.normal(size=(100, 3)).astype(np.float32)
    frames[40, 1] = size
    packed = pack(*parameters)
    weight = np.ones(100)
    weight[40] = 0
    for stats in (kernel.accumulate(frames, packed), kernel.accumulate(frames, packed, weight)):
        assert all(np.isfinite(getattr(stats, name)).all() for name in SUMS)
    expected = naive_log_likelihood(naive_joint(frames, *parameters))
    np.testing.assert_allclose(kernel.log_likelihood(frames, packed), expected, rtol=1e-5)


def assert_accurate(stats, exact, variance_tolerance=5e-5):
    """Log-likelihood relative, means in deviations, variances relative; of components that got ten frames or more.

    The variance of two frames close together, say, is a small difference of large numbers.
    """
    assert stats.log_likelihood == pytest.approx(exact.log_likelihood, rel=1e-6)
    (means, variances), (exact_means, exact_variances) = (
        (s.sum_x / s.n[:, None], s.sum_xx / s.n[:, None] - (s.sum_x / s.n[:, None]) ** 2) for s in (stats, exact)
    )
    known = exact.n >= 10
    assert known.mean() > 0.9
    assert (np.abs(means - exact_means) / np.sqrt(exact_variances))[known].max() < 1e-5
    assert np.abs(variances / exact_variances - 1)[known].max() < variance_tolerance


@pytest.mark.parametrize("mean", [1e3, 1e4, 1e5, 1e6])
def test_frames_far_from_zero(kernel, mixture, mean):
    """What float32 leaves of the frames is not lost again."""
    rng = np.random.default_rng(8)
    weights, means, variances = mixture(rng, 4, 3, spread=0.5)
    frames = rng.normal(mean, 1, (3000, 3)).astype(np.float32)
    packed = pack(weights, means + mean, variances)
    exact = kernel.accumulate(frames.astype(np.float64), packed)
    # statistics are raw moments in float64, of whose digits variances lose the mean's square over the variance
    assert_accurate(kernel.accumulate(frames, packed), exact, max(5e-5, 1e-15 * mean**2))
    centered = numpy_kernel.accumulate(frames.astype(np.float64) - mean, pack(weights, means, variances))
    np.testing.assert_allclose(exact.n, centered.n, rtol=1e-8)
    np.testing.assert_allclose(kernel.log_likelihood(frames, packed).sum(), centered.log_likelihood, rtol=1e-6)


@cache
def realistic():
    """Frames as a front end gives them, coefficients of any size about any value, and a mixture that EM has begun."""
    rng = np.random.default_rng(9)
    size, place = np.geomspace(8, 0.2, 60), rng.normal(0, 20, 60)
    centers = rng.normal(size=(1000, 60))
    frames = centers[rng.integers(1000, size=30_011)] + rng.normal(size=(30_011, 60)) * rng.uniform(0.3, 1, 60)
    frames = (frames * size + place).astype(np.float32)
    weights, means = np.full(512, 1 / 512), frames[rng.choice(len(frames), 512, replace=False)].astype(np.float64)
    variances = np.tile(frames.var(axis=0, dtype=np.float64), (512, 1)) / 2
    parameters = weights, means, variances
    for _ in range(2):
        stats = numpy_kernel.accumulate(frames, pack(*parameters))
        parameters = maximize(stats, 0.01 * variances[0], previous=parameters)
    return frames, parameters, numpy_kernel.accumulate(frames.astype(np.float64), pack(*parameters))


def test_accuracy_of_float32(kernel):
    frames, parameters, exact = realistic()
    packed = pack(*parameters)
    stats = kernel.accumulate(frames, packed)
    assert_accurate(stats, exact)
    np.testing.assert_allclose(kernel.log_likelihood(frames, packed).sum(), exact.log_likelihood, rtol=1e-6)


def test_agreement_in_float64(kernel):
    frames, parameters, exact = realistic()
    frames, packed = frames[:5000].astype(np.float64), pack(*parameters)
    stats, exact = kernel.accumulate(frames, packed), numpy_kernel.accumulate(frames, packed)
    for name in SUMS:
        found, wanted = getattr(stats, name), getattr(exact, name)
        np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-11 * np.abs(wanted).max(), err_msg=name)
    each = numpy_kernel.log_likelihood(frames, packed)
    np.testing.assert_allclose(kernel.log_likelihood(frames, packed), each, rtol=1e-12)


@pytest.mark.parametrize("dtype", [SINGLE, DOUBLE])
def test_any_number_of_threads_gives_the_same_bits(kernel, mixture, dtype):
    rng = np.random.default_rng(10)
    parameters = mixture(rng, 5, 3)
    frames = rng.normal(size=(2 * BLOCK + 777, 3)).astype(dtype)
    backend = {numpy_kernel: "numpy", native_kernel: "native"}.get(kernel, "torch")
    device = str(kernel.device) if backend == "torch" else None
    results = []
    for n_jobs in (1, 2, 3):
        options = {"backend": backend, "device": device, "n_jobs": n_jobs}
        gmm = DiagonalGMM.from_parameters(*parameters, **options)
        fitted = DiagonalGMM(5, init="random", max_iter=2, random_state=0, **options).fit(frames)
        results.append((gmm.accumulate(frames), gmm.score_samples(frames), *fitted.parameters(), fitted.history_))
    for stats, *others in results[1:]:
        assert_same_bits(stats, results[0][0])
        for found, expected in zip(others, results[0][1:], strict=True):
            np.testing.assert_array_equal(found, expected)
