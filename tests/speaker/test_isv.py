"""ISV against bob's numbers (from Matlab), relevance MAP, and the joint posterior of sessions and speaker."""

import numpy as np
import pytest

from gmmspeech.errors import ConfigError, DataError, FeatureError, ModelError
from gmmspeech.gmm.adapt import map_adapt
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.gmm.stats import GMMStats
from gmmspeech.gmm.utterance_stats import StatsBatch
from gmmspeech.scoring.linear import linear_score
from gmmspeech.speaker.isv import ISV, train_isv


def stats(n, sum_x):
    n = np.asarray(n, float)
    return GMMStats(n, np.asarray(sum_x, float).reshape(len(n), -1), np.zeros((len(n), 3)), 0.0, float(n.sum()))


def columns(n, f):
    """Statistics of two sessions, given as bob's tests do: a session a column."""
    n, f = np.reshape(n, (2, 2)), np.reshape(f, (6, 2))
    return [stats(n[:, h], f[:, h]) for h in range(2)]


@pytest.fixture
def bobs_ubm():
    means = np.reshape([0.1806, 0.0451, 0.7232, 0.3474, 0.6606, 0.3839], (2, 3))
    variances = np.reshape([0.6273, 0.0216, 0.9106, 0.8006, 0.7458, 0.8131], (2, 3))
    return DiagonalGMM.from_parameters([0.5, 0.5], means, variances)


@pytest.fixture
def bobs_sessions():
    first = columns(
        [0.1379, 0.1821, 0.2178, 0.0418],
        [0.3833, 0.4516, 0.6173, 0.2277, 0.5755, 0.8044, 0.5301, 0.9861, 0.2751, 0.0300, 0.2486, 0.5357],
    )
    second = columns(
        [0.1069, 0.9397, 0.6164, 0.3545],
        [0.0871, 0.6838, 0.8021, 0.7837, 0.9891, 0.5341, 0.0669, 0.8854, 0.9394, 0.8990, 0.0182, 0.6259],
    )
    return first + second


BOBS_START = [0.5118, 0.3464, 0.0826, 0.8865, 0.7196, 0.4547, 0.9962, 0.4134, 0.3545, 0.2177, 0.9713, 0.1257]
BOBS_ENROLLMENT = columns(
    [0.1579, 0.9245, 0.1323, 0.2458],
    [0.1579, 0.1925, 0.3242, 0.1234, 0.2354, 0.2734, 0.2514, 0.5874, 0.3345, 0.2463, 0.4789, 0.5236],
)


def test_training_gives_bobs_numbers(bobs_ubm, bobs_sessions):
    """Reference of bob.learn.em's tests: ten iterations from a given start, computed in Matlab."""
    start = ISV(bobs_ubm, np.reshape(BOBS_START, (2, 3, 2)), 4.0)
    isv = train_isv(bobs_ubm, bobs_sessions, [0, 0, 1, 1], 2, max_iter=10, init=start)
    expected = [
        [0.855125642430777, 0.563104284748032], [-0.325497865404680, 1.923598985291687],
        [0.511575659503837, 1.964288663083095], [9.330165761678115, 1.073623827995043],
        [0.511099245664012, 0.278551249248978], [5.065578541930268, 0.509565618051587],
    ]  # fmt: skip
    np.testing.assert_allclose(isv.session.reshape(6, 2), expected, rtol=1e-10)
    z = ((isv.enroll(BOBS_ENROLLMENT, max_iter=5) - bobs_ubm.means_) / np.sqrt(bobs_ubm.covariances_ / 4)).ravel()
    expected = [-0.079315777443826, 0.092702428248543, -0.342488761656616,
                -0.059922635809136, 0.133539981073604, 0.213118695516570]  # fmt: skip
    np.testing.assert_allclose(z, expected, rtol=1e-10)


def test_score_is_bobs():
    """Reference of bob.learn.em's tests; D there is given, and enters through the model's means."""
    ubm = DiagonalGMM.from_parameters([0.4, 0.6], [[1, 6, 2], [4, 3, 2]], [[1, 2, 1], [2, 1, 2]])
    isv = ISV(ubm, np.arange(1.0, 13).reshape(2, 3, 2), 4.0)
    model = ubm.means_ + np.reshape([0, 1, 0, 1, 0, 1], (2, 3)) * np.reshape([3, 4, 1, 2, 0, 1], (2, 3))
    found = isv.score(model[None], [stats([0.4, 0.6], [1, 2, 3, 4, 5, 6])])
    np.testing.assert_allclose(found, [[-3.280498193082100]], rtol=1e-12)


@pytest.fixture
def case(background, draw):
    rng = np.random.default_rng(0)
    ubm = background(rng)
    isv = ISV(ubm, rng.normal(size=(4, 3, 2)), relevance_factor=3.0)
    speaker = ubm.means_ + np.sqrt(ubm.covariances_ / 3) * rng.normal(size=(4, 3))
    return isv, [draw(rng, ubm, speaker + isv.session @ rng.normal(size=2), 8 + 3 * h) for h in range(3)]


def test_without_session_variability_it_is_relevance_map(case):
    isv, sessions = case
    plain = ISV(isv.ubm, np.zeros((4, 3, 2)), relevance_factor=3.0)
    some = [s.stats for s in sessions]
    expected = map_adapt(isv.ubm, sum(some), relevance_factor=3.0).means_
    np.testing.assert_allclose(plain.enroll(some), expected, rtol=1e-12)
    scores = linear_score(expected[None], isv.ubm, some)
    np.testing.assert_allclose(plain.score(expected[None], some), scores, rtol=1e-12)


def test_enrollment_goes_to_the_joint_posterior(case):
    """All frames are one Gaussian vector in (x_1, x_2, x_3, z): the conditional mean of z, densely."""
    isv, sessions = case
    deviations = np.sqrt(isv.ubm.covariances_ / 3)
    rows, residues, noise = [], [], []
    for h, s in enumerate(sessions):
        for frame, k in zip(s.frames, s.components, strict=True):
            design = np.zeros((3, 3 * 2 + 12))
            design[:, 2 * h : 2 * h + 2] = isv.session[k]
            design[:, 6 + 3 * k : 9 + 3 * k] = np.diag(deviations[k])
            rows.append(design)
            residues.append(frame - isv.ubm.means_[k])
            noise.append(isv.ubm.covariances_[k])
    design, noise = np.concatenate(rows), np.diag(np.concatenate(noise))
    hidden = design.T @ np.linalg.solve(design @ design.T + noise, np.concatenate(residues))
    expected = isv.ubm.means_ + deviations * hidden[6:].reshape(4, 3)
    some = [s.stats for s in sessions]
    np.testing.assert_allclose(isv.enroll(some, max_iter=3000), expected, atol=1e-8)
    assert np.abs(isv.enroll(some) - expected).max() > 1e-3


def test_offsets_are_posterior_shifts(case):
    isv, sessions = case
    some = [s.stats for s in sessions]
    offsets = isv.channel_offsets(some)
    for offset, s in zip(offsets, sessions, strict=True):
        design = isv.session[s.components].reshape(-1, 2)
        noise = np.diag(isv.ubm.covariances_[s.components].ravel())
        x = design.T @ np.linalg.solve(design @ design.T + noise, (s.frames - isv.ubm.means_[s.components]).ravel())
        np.testing.assert_allclose(offset, isv.session @ x, atol=1e-8)
    models = isv.ubm.means_ + np.random.default_rng(1).normal(size=(2, 4, 3))
    expected = linear_score(models, isv.ubm, some, channel_offset=offsets)
    np.testing.assert_allclose(isv.score(models, some), expected, rtol=1e-12)


def test_frames_lose_a_part_of_the_offsets(case):
    """Naive sums over components, each by the normal density."""
    isv, sessions = case
    weights, means, variances = isv.ubm.parameters()
    frames = sessions[0].frames
    densities = np.prod(
        np.exp(-0.5 * (frames[:, None] - means) ** 2 / variances) / np.sqrt(2 * np.pi * variances), axis=2
    )
    posteriors = weights * densities / (densities @ weights)[:, None]
    offset = isv.channel_offsets([isv.ubm.accumulate(frames)])[0]
    expected = [
        x - 0.3 * sum(g * o for g, o in zip(row, offset, strict=True))
        for x, row in zip(frames, posteriors, strict=True)
    ]
    np.testing.assert_allclose(isv.compensate(frames, scale=0.3), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(isv.compensate(frames, scale=0.0), frames.astype(np.float32))
    with pytest.raises(FeatureError):
        isv.compensate(frames[:, :2])


def test_session_space_is_found(background, draw):
    rng = np.random.default_rng(3)
    ubm = background(rng)
    true = ISV(ubm, 2 * rng.normal(size=(4, 3, 1)), 4.0)
    speakers = np.repeat(np.arange(60), 4)
    means = ubm.means_ + np.sqrt(ubm.covariances_ / 4) * rng.normal(size=(60, 4, 3))
    sessions = [draw(rng, ubm, means[s] + true.session @ rng.normal(size=1), 80).stats for s in speakers]
    found = train_isv(ubm, sessions, [f"s{s}" for s in speakers], 1, max_iter=20, relevance_factor=4.0)
    a, b = found.session.ravel(), true.session.ravel()
    assert abs(a @ b) / np.linalg.norm(a) / np.linalg.norm(b) > 0.97


def test_same_bits_for_any_number_of_jobs_and_after_an_interruption(case, draw, monkeypatch):
    isv, _ = case
    rng = np.random.default_rng(0)
    sessions = [draw(rng, isv.ubm, isv.ubm.means_ + isv.session @ rng.normal(size=2), 20).stats for _ in range(30)]
    labels = np.arange(30) % 7
    monkeypatch.setattr("gmmspeech.speaker.isv.BATCH", 8)
    models = []
    whole = train_isv(isv.ubm, sessions, labels, 2, max_iter=4, callback=models.append)
    assert len(models) == 4
    again = train_isv(isv.ubm, sessions, labels, 2, max_iter=4, n_jobs=3)
    np.testing.assert_array_equal(again.session, whole.session)
    resumed = train_isv(isv.ubm, sessions, labels, 2, max_iter=2, init=models[1])
    np.testing.assert_array_equal(resumed.session, whole.session)
    np.testing.assert_array_equal(whole.session_factors(sessions, n_jobs=3), whole.session_factors(sessions))
    order = np.argsort(labels, kind="stable")
    sorted_too = train_isv(isv.ubm, [sessions[i] for i in order], labels[order], 2, max_iter=4)
    np.testing.assert_allclose(sorted_too.session, whole.session, rtol=1e-8, atol=1e-10)


def test_bad_input(case):
    isv, sessions = case
    ubm, some = isv.ubm, [s.stats for s in sessions]
    with pytest.raises(ModelError, match=r"found 3 sessions, expected at least as many as the rank \(4\)"):
        train_isv(ubm, some, [0, 0, 1], 4)
    with pytest.raises(DataError, match="found 3 speakers of one session each, expected speakers with several"):
        train_isv(ubm, some, [0, 1, 2], 1)
    with pytest.raises(DataError, match=r"labels: found shape \(2,\), expected \(3,\)"):
        train_isv(ubm, some, [0, 0], 1)
    for options in ({"rank": 0}, {"max_iter": 0}):
        with pytest.raises(ConfigError, match="expected 1 or more"):
            train_isv(ubm, some, [0, 0, 1], **{"rank": 1, **options})
    with pytest.raises(ConfigError, match="relevance_factor: found 0, expected a number above 0"):
        train_isv(ubm, some, [0, 0, 1], 1, relevance_factor=0)
    with pytest.raises(ModelError, match="init: found ISV of rank 2, expected rank 1"):
        train_isv(ubm, some, [0, 0, 1], 1, init=isv)
    with pytest.raises(FeatureError, match="found no session to enroll from"):
        isv.enroll([])
    with pytest.raises(ConfigError, match="max_iter: found 0"):
        isv.enroll(some, max_iter=0)
    with pytest.raises(ModelError, match="ISV: found a session matrix of shape"):
        ISV(ubm, np.zeros((3, 3, 1)))
    elsewhere = StatsBatch(np.ones((1, 4)), np.ones((1, 4, 3)), np.ones(1), ubm_digest="f" * 64)
    for use in (isv.enroll, isv.session_factors, lambda s: isv.score(ubm.means_[None], s)):
        with pytest.raises(ModelError, match="found statistics under background model ffffffffffff"):
            use(elsewhere)
