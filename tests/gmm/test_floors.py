"""How narrow components may become: not by what outliers, far clusters, weights or places of the frames say."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.stats import median_abs_deviation
from sklearn.mixture import GaussianMixture

import gmmspeech as gs
from gmmspeech.errors import GmmSpeechWarning
from gmmspeech.gmm import floors
from gmmspeech.gmm.mixture import DiagonalGMM

few = settings(max_examples=15, deadline=None)


def clusters(rng, centers, size=4000, d=2):
    return np.asarray(centers, float)[rng.integers(len(centers), size=size)][:, None] + rng.normal(size=(size, d))


@pytest.mark.parametrize("centers", [(-30, 30), (-300, -90, -30, 30, 90, 300)])
def test_far_clusters_keep_their_variance_however_they_are_trained(centers):
    frames = clusters(np.random.default_rng(0), centers)
    gmm = DiagonalGMM(len(centers), random_state=0)
    stream = DiagonalGMM(len(centers), random_state=0).partial_fit(frames)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gmm.fit(frames)
    for trained in (gmm, stream, gmm.estimate(gmm.accumulate(frames)), gs.map_adapt(gmm, frames, update="v")):
        np.testing.assert_allclose(trained.covariances_, 1, atol=0.15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_frame_far_away_ruins_nothing_and_is_told(dtype):
    rng = np.random.default_rng(0)
    frames, test = (clusters(rng, (-3, 3), 20_000, 3) for _ in range(2))
    frames[77] = 1e6
    theirs = GaussianMixture(3, covariance_type="diag", random_state=0).fit(frames)
    with pytest.warns(GmmSpeechWarning, match="3 of 9 variances ended on the floor"):
        ours = DiagonalGMM(3, random_state=0).fit(frames.astype(dtype))
    assert ours.score(test) > theirs.score(test) - 0.01


@given(seed=st.integers(0, 10**6), exponent=st.integers(-300, 300))
@few
def test_a_power_of_two_on_all_weights_changes_no_bit(seed, exponent):
    rng = np.random.default_rng(seed)
    frames, weight = clusters(rng, (-9, 0, 9), 300), rng.uniform(0.1, 2, 300)
    plain, scaled = DiagonalGMM(3, random_state=0), DiagonalGMM(3, random_state=0)
    for train in (DiagonalGMM.fit, DiagonalGMM.partial_fit):
        train(plain, frames, sample_weight=weight)
        train(scaled, frames, sample_weight=np.ldexp(weight, exponent))
        for a, b in zip(plain.parameters(), scaled.parameters(), strict=True):
            np.testing.assert_array_equal(a, b)
        assert plain.history_ == scaled.history_
    r = np.ldexp(16.0, exponent)
    a = gs.map_adapt(plain, frames, update="mvw", sample_weight=weight)
    b = gs.map_adapt(plain, frames, update="mvw", sample_weight=np.ldexp(weight, exponent), relevance_factor=r)
    np.testing.assert_array_equal(a.covariances_, b.covariances_)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("total", [1e-12, 1.0, 1e9])
def test_weights_that_sum_to_anything_find_all_clusters(total, seed):
    frames = clusters(np.random.default_rng(0), (-70, -50, -30, -10, 10, 30, 50, 70))
    plain, weighted = DiagonalGMM(8, random_state=seed).fit(frames), DiagonalGMM(8, random_state=seed)
    weighted.fit(frames, sample_weight=np.full(len(frames), total / len(frames)))
    # k-means ends at the optimum, so that rounding may decide whether one more update is kept
    np.testing.assert_allclose(np.sort(weighted.means_[:, 0]), np.sort(plain.means_[:, 0]), rtol=1e-8)
    assert weighted.history_[-1] == pytest.approx(plain.history_[-1], rel=1e-9)


@pytest.mark.parametrize("offset", [0.0, 1e8, -1e10])
def test_variances_far_from_zero(offset):
    frames = np.random.default_rng(0).normal(size=(4000, 3)) + offset
    fitted = DiagonalGMM(1).fit(frames)
    parts = fitted.accumulate(frames[:2000]) + fitted.accumulate(frames[2000:])
    stream = DiagonalGMM(1).partial_fit(frames[:2000]).partial_fit(frames[2000:])
    robust = gs.gmm.fit_robust(DiagonalGMM(1, random_state=0), frames, n_init=1).gmm
    adapted = [gs.map_adapt(fitted, frames, update=update) for update in ("v", "mvw")]
    for gmm in (fitted, fitted.estimate(parts), stream, robust, *adapted):
        np.testing.assert_allclose(gmm.covariances_, 1, atol=0.1)


def test_adaptation_does_not_raise_variances_below_the_floor():
    ubm = DiagonalGMM.from_parameters([0.9, 0.1], [[0.0], [9.0]], [[1.0], [1e-4]])
    frames = np.random.default_rng(0).normal(9, 1e-2, (500, 1))
    assert gs.map_adapt(ubm, frames, update="v").covariances_[1, 0] == pytest.approx(1e-4, rel=0.2)


@pytest.mark.parametrize("accelerate", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_a_start_of_weight_zero_is_no_convergence(seed, accelerate):
    rng = np.random.default_rng(seed)
    frames = clusters(rng, (-3, 3), 1000, 1)
    start = DiagonalGMM.from_parameters([1.0, 0.0], [frames.mean(axis=0)] * 2, [frames.var(axis=0)] * 2)
    gmm = DiagonalGMM(2, init=start, max_iter=200, accelerate=accelerate).fit(frames)
    best = DiagonalGMM(2, random_state=0, max_iter=200).fit(frames)
    assert gmm.converged_
    assert gmm.history_[-1] == pytest.approx(best.history_[-1], abs=1e-3)


def test_discrete_and_constant_columns_keep_a_floor_of_the_size_of_their_values():
    rng = np.random.default_rng(0)
    frames = np.column_stack([rng.normal(size=2000), rng.random(2000) < 0.03, np.full(2000, 0.1)])
    floor = floors.of_clusters(0.01, frames, rng.integers(4, size=2000))
    np.testing.assert_allclose(floor, [0.01, 0.01 * frames[:, 1].var(), 1e-6], rtol=0.3)


@given(seed=st.integers(0, 10**6), unit=st.sampled_from([1.0, 0.1, 1e-9, 3e7]))
@few
def test_the_floor_of_weighted_frames_is_that_of_repeated_ones(seed, unit):
    rng = np.random.default_rng(seed)
    frames, labels = clusters(rng, (-9, 0, 9), 90), rng.integers(3, size=90)
    frames[:9] = frames[0]  # ever so often, and no ten frames
    labels[:9], labels[9:][labels[9:] == 0] = 0, 1
    times = rng.integers(1, 5, 90)
    weighted = floors.of_clusters(0.01, frames, labels, times * unit)
    frames, labels = np.repeat(frames, times, axis=0), np.repeat(labels, times)
    np.testing.assert_allclose(weighted, floors.of_clusters(0.01, frames, labels), rtol=1e-9)
    found = [median_abs_deviation(frames[labels == i], scale="normal") ** 2 for i in (1, 2)]
    np.testing.assert_allclose(weighted, 0.01 * np.min(found, axis=0), rtol=1e-9)


def test_columns_of_equal_frames_are_told_once_a_training():
    rng = np.random.default_rng(0)
    frames = np.column_stack([rng.normal(size=(400, 2)), np.full(400, 0.1)])
    gmm, ranges = DiagonalGMM(3, random_state=0), np.arange(0, 400, 10)[:, None] + [0, 10]
    trainings = {
        "EM: 3 of 9": [lambda: gmm.fit(frames), lambda: gs.train_ubm([frames, frames], 3)],
        "fit_robust: 3 of 9": [lambda: gs.gmm.fit_robust(gmm, frames)],
        "GMMClassifier: 8 of 24": [lambda: gs.GMMClassifier(2, random_state=0).fit(frames, np.arange(400) % 4)],
        "PhoneGMM: 4 of 12": [
            lambda: gs.phones.PhoneGMM(2, random_state=0).fit(frames.astype(np.float32), ranges, ["AA", "S"] * 20)
        ],
    }
    for words, trained in trainings.items():
        for train in trained:
            with pytest.warns(GmmSpeechWarning) as caught:
                train()
            number = words.split()[1]
            of_columns = f"{number} are of columns whose frames are all equal, which tell nothing"
            assert [str(w.message) for w in caught] == [f"{words} variances ended on the floor: {of_columns}"]


@pytest.mark.parametrize(("offset", "step"), [(1e3, 0), (3e7, 2), (1e8, 8)])
def test_frames_in_float32_whose_steps_are_wider_than_they_deviate_are_told(offset, step):
    frames = np.random.default_rng(0).normal(size=(400, 2)) + offset
    gmm, single = DiagonalGMM(1, random_state=0), frames.astype(np.float32)
    ranges = np.arange(0, 400, 10)[:, None] + [0, 10]
    wide = DiagonalGMM.from_parameters([1.0], [[offset] * 2], [[1.0] * 2])
    for train in (
        gmm.fit,
        lambda x: gs.train_ubm([x, x], 1),
        lambda x: DiagonalGMM(1).partial_fit(x),
        lambda x: gs.gmm.fit_robust(gmm, x, n_init=1),
        lambda x: gs.map_adapt(wide, x, update="v"),
        lambda x: gs.GMMClassifier(1, random_state=0).fit(x, np.arange(400) % 4),
        lambda x: gs.phones.PhoneGMM(1, random_state=0).fit(x, ranges, ["AA", "S"] * 20),
    ):
        for x in (frames, single):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                train(x)
            told = [str(w.message) for w in caught if "steps of" in str(w.message)]
            assert len(told) == (step > 0 and x is single)
            assert not told or f"in column 0, where float32 has steps of {step}, above" in told[0]


def test_a_classifier_warns_once():
    frames = np.concatenate([np.repeat(np.eye(3) * scale, 30, axis=0) for scale in (1, 5)])
    with pytest.warns(GmmSpeechWarning) as caught:
        gs.GMMClassifier(2, random_state=0).fit(frames, np.repeat(["a", "b"], 90))
    assert len([w for w in caught if "ended on the floor" in str(w.message)]) == 1
