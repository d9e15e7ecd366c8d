"""The background models that come along verify speakers whom they do not know."""

import numpy as np
import pytest

import gmmspeech as gs
from gmmspeech.errors import ConfigError


def test_two_rates_and_no_other():
    assert gs.speaker.open_background(8000) is gs.speaker.open_background(8000)
    for rate in (16000, 8000):
        for same_channel in (False, True):
            model = gs.speaker.open_background(rate, same_channel=same_channel)
            front = gs.FrontEnd.from_json(model.front_end_)
            assert front.sample_frequency == rate
            assert (front.cmvn is None) == (same_channel or rate == 8000)
            assert model.weights_.sum() == pytest.approx(1.0)
    with pytest.raises(ConfigError, match=r"^rate: found 44100, expected 16000 or 8000"):
        gs.speaker.open_background(44100)


def test_noise_is_known():
    """Frames of a buzz in noise of two slopes differ less without half of what it does; from 30 dB on they stay."""
    front, rng = gs.FrontEnd.from_json(gs.speaker.open_background(16000).front_end_), np.random.default_rng(0)
    buzz = rng.normal(0, 1e-3, 16000)
    buzz[::120] += 0.5
    white = rng.normal(0, 0.02, 16000)
    noisy = [front(buzz + noise, 16000) for noise in (white, np.convolve(white, np.ones(30) / 5, "same"))]
    free = [gs.speaker.without_noise(frames, 10.0) for frames in noisy]

    def apart(one, other):
        return np.linalg.norm(one.mean(axis=0) - other.mean(axis=0))

    assert apart(*free) < 0.9 * apart(*noisy)
    np.testing.assert_array_equal(gs.speaker.without_noise(noisy[0], 30.0), noisy[0])
    quarter = gs.speaker.without_noise(noisy[0], 22.5)
    np.testing.assert_allclose(2 * (noisy[0] - quarter), noisy[0] - free[0], atol=1e-5)


@pytest.mark.parametrize(("noise", "most"), [(0.0, 0.1), (0.3, 0.18)])
def test_few_strangers_are_told_apart(corpus, noise: float, most: float):
    """Nine digits enroll each of six men, another digit is the test: few are mistaken, nor many in noise."""
    data, ubm = gs.read_data_dir(corpus("fsdd-tiny") / "data" / "all"), gs.speaker.open_background(8000)
    front, frames = gs.FrontEnd.from_json(ubm.front_end_), {}
    rng = np.random.default_rng(0)
    for utterance in data.utterances[::2]:
        signal, rate = gs.formats.load_utterance(data, utterance)
        frames[utterance] = front(signal + noise * np.std(signal) * rng.normal(size=len(signal)), rate)
    verifier = gs.SpeakerVerifier(ubm, relevance_factor=4.0, update="mvw", scoring="symmetric")
    enrolled: dict[str, list[str]] = {}
    for utterance in frames:
        enrolled.setdefault(data.utt2spk[utterance], []).append(utterance)
    verifier.enroll_all({speaker: names[:9] for speaker, names in enrolled.items()}, frames)
    tests = {u: speaker for speaker, names in enrolled.items() for u in names[9:]}
    trials = gs.scoring.make_trials({s: s for s in enrolled}, tests)
    scores, is_target = verifier.score_trials(trials, frames).values, np.asarray(trials.is_target)
    assert gs.eer(scores[is_target], scores[~is_target]) < most
