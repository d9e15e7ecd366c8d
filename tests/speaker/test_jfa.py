"""JFA against bob's numbers (from Matlab), ISV, and the joint posterior of speaker, sessions and residue."""

import numpy as np
import pytest

from gmmspeech.errors import ConfigError, DataError, FeatureError, ModelError
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.gmm.stats import GMMStats
from gmmspeech.gmm.utterance_stats import StatsBatch
from gmmspeech.speaker.isv import ISV
from gmmspeech.speaker.jfa import JFA, train_jfa


def columns(n, f):
    """Statistics of two sessions, given as bob's tests do: a session a column."""
    n, f = np.reshape(n, (2, 2)), np.reshape(f, (6, 2))
    return [GMMStats(n[:, h], f[:, h].reshape(2, 3), np.zeros((2, 3)), 0.0, float(n[:, h].sum())) for h in range(2)]


def test_training_gives_bobs_numbers():
    """Reference of bob.learn.em's tests: ten iterations each from a given start, computed in Matlab."""
    means = np.reshape([0.1806, 0.0451, 0.7232, 0.3474, 0.6606, 0.3839], (2, 3))
    variances = np.reshape([0.6273, 0.0216, 0.9106, 0.8006, 0.7458, 0.8131], (2, 3))
    ubm = DiagonalGMM.from_parameters([0.5, 0.5], means, variances)
    sessions = columns(
        [0.1379, 0.1821, 0.2178, 0.0418],
        [0.3833, 0.4516, 0.6173, 0.2277, 0.5755, 0.8044, 0.5301, 0.9861, 0.2751, 0.0300, 0.2486, 0.5357],
    ) + columns(
        [0.1069, 0.9397, 0.6164, 0.3545],
        [0.0871, 0.6838, 0.8021, 0.7837, 0.9891, 0.5341, 0.0669, 0.8854, 0.9394, 0.8990, 0.0182, 0.6259],
    )
    start = JFA(
        ubm,
        np.reshape([0.3367, 0.4116, 0.6624, 0.6026, 0.2442, 0.7505, 0.2955, 0.5835, 0.6802, 0.5518, 0.5278, 0.5836],
                   (2, 3, 2)),
        np.reshape([0.5118, 0.3464, 0.0826, 0.8865, 0.7196, 0.4547, 0.9962, 0.4134, 0.3545, 0.2177, 0.9713, 0.1257],
                   (2, 3, 2)),
        np.reshape([0.4106, 0.9843, 0.9456, 0.6766, 0.9883, 0.7668], (2, 3)),
    )  # fmt: skip
    jfa = train_jfa(ubm, sessions, [0, 0, 1, 1], speaker_rank=2, session_rank=2, max_iter=10, init=start)
    speaker = [
        [0.245364911936476, 0.978133261775424], [0.769646805052223, 0.940070736856596],
        [0.310779202800089, 1.456332053893072], [0.184760934399551, 2.265139705602147],
        [0.701987784039800, 0.081632150899400], [0.074344030229297, 1.090248340917255],
    ]  # fmt: skip
    session = [
        [0.049424652628448, 0.060480486336896], [0.178104127464007, 1.884873813495153],
        [1.204011484266777, 2.281351307871720], [7.278512126426286, -0.390966087173334],
        [-0.084424326581145, -0.081725474934414], [4.042143689831097, -0.262576386580701],
    ]  # fmt: skip
    # bob's test says e-12 of the second, the digits being the same, and allows for 1e-8
    residual = [9.648467e-18, 2.63720683155e-13, 2.11822157653706e-10, 9.1047243e-17, 1.41163442535567e-10, 3.30581e-19]
    np.testing.assert_allclose(jfa.speaker.reshape(6, 2), speaker, rtol=1e-8)
    np.testing.assert_allclose(jfa.session.reshape(6, 2), session, rtol=1e-8)
    np.testing.assert_allclose(jfa.residual.ravel(), residual, rtol=1e-5)
    enrollment = columns(
        [0.1579, 0.9245, 0.1323, 0.2458],
        [0.1579, 0.1925, 0.3242, 0.1234, 0.2354, 0.2734, 0.2514, 0.5874, 0.3345, 0.2463, 0.4789, 0.5236],
    )
    expected = means + (np.array(speaker) @ [0.555991469319657, 0.002773650670010]).reshape(2, 3)
    np.testing.assert_allclose(jfa.enroll(enrollment, max_iter=5), expected, atol=1e-8)


def test_score_is_bobs():
    ubm = DiagonalGMM.from_parameters([0.4, 0.6], [[1, 6, 2], [4, 3, 2]], [[1, 2, 1], [2, 1, 2]])
    speaker = np.reshape([6.0, 5, 4, 3, 2, 1, 1, 2, 3, 4, 5, 6], (2, 3, 2))
    residual = np.reshape([0.0, 1, 0, 1, 0, 1], (2, 3))
    jfa = JFA(ubm, speaker, np.arange(1.0, 13).reshape(2, 3, 2), residual)
    model = ubm.means_ + speaker @ [1, 2] + residual * np.reshape([3, 4, 1, 2, 0, 1], (2, 3))
    stats = GMMStats(np.array([0.4, 0.6]), np.arange(1.0, 7).reshape(2, 3), np.zeros((2, 3)), 0.0, 1.0)
    np.testing.assert_allclose(jfa.score(model[None], [stats]), [[-2.111577181208289]], rtol=1e-12)


@pytest.fixture
def case(background, draw):
    rng = np.random.default_rng(0)
    ubm = background(rng)
    jfa = JFA(ubm, rng.normal(size=(4, 3, 2)), rng.normal(size=(4, 3, 1)), rng.uniform(0.3, 1, (4, 3)))
    speaker = ubm.means_ + jfa.speaker @ rng.normal(size=2) + jfa.residual * rng.normal(size=(4, 3))
    return jfa, [draw(rng, ubm, speaker + jfa.session @ rng.normal(size=1), 8 + 3 * h) for h in range(3)]


def test_enrollment_goes_to_the_joint_posterior(case):
    """All frames are one Gaussian vector in (y, x_1, x_2, x_3, z): conditional means, densely."""
    jfa, sessions = case
    rows, residues, noise = [], [], []
    for h, s in enumerate(sessions):
        for frame, k in zip(s.frames, s.components, strict=True):
            design = np.zeros((3, 2 + 3 + 12))
            design[:, :2], design[:, 2 + h] = jfa.speaker[k], jfa.session[k][:, 0]
            design[:, 5 + 3 * k : 8 + 3 * k] = np.diag(jfa.residual[k])
            rows.append(design)
            residues.append(frame - jfa.ubm.means_[k])
            noise.append(jfa.ubm.covariances_[k])
    design, noise = np.concatenate(rows), np.diag(np.concatenate(noise))
    hidden = design.T @ np.linalg.solve(design @ design.T + noise, np.concatenate(residues))
    expected = jfa.ubm.means_ + jfa.speaker @ hidden[:2] + jfa.residual * hidden[5:].reshape(4, 3)
    np.testing.assert_allclose(jfa.enroll([s.stats for s in sessions], max_iter=2000), expected, atol=1e-8)


def test_without_a_speaker_space_it_is_isv(case):
    jfa, sessions = case
    stats = [s.stats for s in sessions]
    like_isv = JFA(jfa.ubm, np.zeros((4, 3, 1)), jfa.session, np.sqrt(jfa.ubm.covariances_ / 5))
    isv = ISV(jfa.ubm, jfa.session, relevance_factor=5.0)
    for iterations in (1, 4):
        expected = isv.enroll(stats, max_iter=iterations)
        np.testing.assert_allclose(like_isv.enroll(stats, max_iter=iterations), expected, rtol=1e-10)
    np.testing.assert_array_equal(like_isv.score(expected[None], stats), isv.score(expected[None], stats))


def test_spaces_are_found_with_any_number_of_jobs(background, draw, monkeypatch):
    rng = np.random.default_rng(3)
    ubm = background(rng)
    v, u = 2 * rng.normal(size=(2, 4, 3, 1))
    speakers = np.repeat(np.arange(60), 4)
    y = rng.normal(size=60)
    stats = [draw(rng, ubm, ubm.means_ + v[..., 0] * y[s] + u[..., 0] * rng.normal(), 80).stats for s in speakers]
    found = train_jfa(ubm, stats, speakers, speaker_rank=1, session_rank=1)
    for ours, true in ((found.speaker, v), (found.session, u)):
        assert abs(np.vdot(ours, true)) / np.linalg.norm(ours) / np.linalg.norm(true) > 0.95
    monkeypatch.setattr("gmmspeech.speaker.jfa.BATCH", 64)
    a, b = (
        train_jfa(ubm, stats, speakers, speaker_rank=1, session_rank=1, max_iter=2, n_jobs=n_jobs) for n_jobs in (1, 3)
    )
    for name in ("speaker", "session", "residual"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def test_bad_input(case):
    jfa, sessions = case
    ubm, stats = jfa.ubm, [s.stats for s in sessions]
    ranks = {"speaker_rank": 1, "session_rank": 1}
    with pytest.raises(ModelError, match=r"found 2 speakers, expected at least as many as speaker_rank, 3"):
        train_jfa(ubm, stats, [0, 0, 1], speaker_rank=3, session_rank=1)
    with pytest.raises(ModelError, match=r"found 3 sessions, expected at least as many as the rank \(4\)"):
        train_jfa(ubm, stats, [0, 0, 1], speaker_rank=1, session_rank=4)
    with pytest.raises(DataError, match="found 3 speakers of one session each"):
        train_jfa(ubm, stats, [0, 1, 2], **ranks)
    for name in ("speaker_rank", "session_rank", "max_iter"):
        with pytest.raises(ConfigError, match=f"{name}: found 0, expected 1 or more"):
            train_jfa(ubm, stats, [0, 0, 1], **{**ranks, name: 0})
    with pytest.raises(ConfigError, match="init: found JFA of ranks 2, 1, expected 1, 1"):
        train_jfa(ubm, stats, [0, 0, 1], init=jfa, **ranks)
    with pytest.raises(FeatureError, match="found no session to enroll from"):
        jfa.enroll([])
    with pytest.raises(ConfigError, match="max_iter: found 0"):
        jfa.enroll(stats, max_iter=0)
    with pytest.raises(ModelError, match="JFA: found speaker, session, residual of shapes"):
        JFA(ubm, jfa.speaker, jfa.session, jfa.session)
    with pytest.raises(ModelError, match="not finite"):
        JFA(ubm, jfa.speaker, jfa.session, np.full((4, 3), np.nan))
    elsewhere = StatsBatch(np.ones((1, 4)), np.ones((1, 4, 3)), np.ones(1), ubm_digest="f" * 64)
    for use in (jfa.enroll, lambda s: jfa.score(ubm.means_[None], s)):
        with pytest.raises(ModelError, match="found statistics under background model ffffffffffff"):
            use(elsewhere)
