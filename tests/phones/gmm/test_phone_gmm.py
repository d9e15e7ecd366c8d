"""`PhoneGMM` against the mixtures it holds, in plain loops, and against Bayes' rule."""

import copy

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from scipy.special import logsumexp
from scipy.stats import norm
from sklearn.base import clone

from gmmspeech.errors import ConfigError, DataError, FeatureError, GmmSpeechWarning, ModelError
from gmmspeech.gmm.adapt import map_adapt
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.phones.gmm.phone_gmm import PhoneGMM
from gmmspeech.phones.labels.segments import part_edges

PHONES = ("AA", "S", "T")


def speech(seed=0, each=40):
    """Segments of three phones that move through three places each; AA is long, T short."""
    rng = np.random.default_rng(seed)
    names = rng.permutation(np.repeat(PHONES, each))
    lengths = np.array([{"AA": 12, "S": 8, "T": 4}[name] for name in names]) + rng.integers(0, 3, len(names))
    place = {"AA": 0.0, "S": 2.5, "T": 5.0}
    frames = [
        rng.normal(place[name], 1, (n, 2)) + np.linspace(-1, 1, n)[:, None]
        for name, n in zip(names, lengths, strict=True)
    ]
    stops = np.cumsum(lengths)
    return np.concatenate(frames).astype(np.float32), np.stack([stops - lengths, stops], axis=1), names


@pytest.fixture(scope="module")
def fitted():
    return PhoneGMM(2, parts=3, random_state=0).fit(*speech())


def clone_of(model, **options):
    """The same mixtures, with other options."""
    return copy.copy(model).set_params(**options)


def naive_segments(model, frames, ranges):
    scores = np.zeros((len(ranges), len(model.phones_)))
    for s, r in enumerate(ranges):
        edges = part_edges(r[None], model.parts)[0]
        for p in range(len(model.phones_)):
            for j in range(model.parts):
                for t in range(edges[j], edges[j + 1]):
                    scores[s, p] += model.models_[p * model.parts + j].score_samples(frames[t : t + 1])[0]
    return scores


def test_each_part_has_a_mixture_of_its_own_frames(fitted):
    frames, ranges, names = speech()
    assert fitted.phones_ == PHONES
    np.testing.assert_allclose(fitted.priors_, 1 / 3)
    edges = part_edges(ranges[names == "S"], 3)
    own = np.concatenate([frames[a:b] for a, b in edges[:, 1:3]])
    mixture = fitted.models_[4]  # the middle of S
    np.testing.assert_allclose(mixture.weights_ @ mixture.means_, own.mean(axis=0), atol=0.01)
    assert fitted.part_priors_[4] == pytest.approx(len(own) / len(frames))


def test_segments_are_sums_over_the_frames_of_parts(fitted):
    frames, ranges, names = speech(1, each=5)
    scores = fitted.segment_log_likelihoods(frames, ranges)
    np.testing.assert_allclose(scores, naive_segments(fitted, frames, ranges), rtol=1e-5)
    joint = 0.5 * scores + np.log(fitted.priors_)
    expected = joint - logsumexp(joint, axis=1, keepdims=True)
    np.testing.assert_allclose(clone_of(fitted, scale=0.5).segment_log_posteriors(frames, ranges), expected, atol=1e-9)
    found = fitted.predict_segments(frames, ranges)
    np.testing.assert_array_equal(found, np.array(PHONES)[(scores + np.log(fitted.priors_)).argmax(axis=1)])
    assert np.mean(found == names) > 0.9


def test_averages_of_parts(fitted):
    frames, ranges, _ = speech(1, each=5)
    ranges[0, 1] = ranges[0, 0] + 1  # one frame, which is in the middle part
    averages = fitted.average_parts(fitted.log_likelihoods(frames), ranges)
    assert averages.shape == (3, len(ranges), 3)
    counts = np.diff(part_edges(ranges, 3), axis=1).T[:, :, None]
    np.testing.assert_allclose((averages * counts).sum(axis=0), fitted.segment_log_likelihoods(frames, ranges))
    assert np.array_equal(averages[[0, 2], 0], np.zeros((2, 3)))


def test_duration_counts_where_it_is_asked_to():
    frames, ranges, names = speech()
    plain, timed = (PhoneGMM(2, duration=on, random_state=0).fit(frames, ranges, names) for on in (False, True))
    logs = np.log(np.diff(ranges, axis=1))
    mean = np.array([logs[names == phone].mean() for phone in PHONES])
    deviation = np.sqrt([max(logs[names == phone].var(), 0.01) for phone in PHONES])
    gained = timed.segment_log_likelihoods(frames, ranges) - plain.segment_log_likelihoods(frames, ranges)
    np.testing.assert_allclose(gained, norm.logpdf(logs, mean, deviation), atol=1e-6)


def test_frames_are_bayes_rule_over_parts(fitted):
    frames, _, _ = speech(2, each=3)
    weights = fitted.part_priors_
    joint = np.stack([np.log(w) + m.score_samples(frames) for w, m in zip(weights, fitted.models_, strict=True)], 1)
    posterior = np.exp(joint - logsumexp(joint, axis=1, keepdims=True)).reshape(len(frames), 3, 3).sum(axis=2)
    np.testing.assert_allclose(np.exp(fitted.frame_log_posteriors(frames)), posterior, rtol=1e-6, atol=1e-12)
    np.testing.assert_array_equal(fitted.predict_frames(frames), np.array(PHONES)[posterior.argmax(axis=1)])


def test_smoothed_frames_look_at_their_neighbors(fitted):
    frames, _, _ = speech(2, each=3)
    share = fitted.part_priors_.reshape(3, 3).sum(axis=1)
    joint = gaussian_filter1d(fitted.frame_log_likelihoods(frames), 1.5, axis=0, mode="nearest") + np.log(share)
    expected = joint - logsumexp(joint, axis=1, keepdims=True)
    smoothed = clone_of(fitted, smoothing=1.5)
    np.testing.assert_allclose(smoothed.frame_log_posteriors(frames), expected)
    np.testing.assert_array_equal(smoothed.predict_frames(frames), np.array(PHONES)[expected.argmax(axis=1)])
    utterances = [smoothed.predict_frames(x) for x in (frames[:20], frames[20:])]
    found = smoothed.predict_frames(frames, lengths=[20, len(frames) - 20])
    np.testing.assert_array_equal(found, np.concatenate(utterances))
    with pytest.raises(DataError, match=rf"lengths: found 20 frames in all, expected {len(frames)}"):
        smoothed.predict_frames(frames, lengths=[20])
    with pytest.raises(ConfigError, match=r"smoothing: found -1"):
        clone_of(fitted, smoothing=-1).predict_frames(frames)


def test_sizes_follow_the_data():
    rng = np.random.default_rng(0)
    two, one = np.repeat([-4.0, 4.0], 300)[:, None] + rng.normal(size=(600, 2)), rng.normal(size=(600, 2))
    frames = np.concatenate([two, one, one[:8]])
    ranges, names = np.array([[0, 600], [600, 1200], [1200, 1208]]), ["AA", "S", "T"]

    def sizes(**options):
        return [len(m.weights_) for m in PhoneGMM(8, random_state=0, **options).fit(frames, ranges, names).models_]

    assert sizes() == [8, 8, 1]  # eight frames don't make eight components
    assert sizes(size="frames", frames_per_component=150) == [4, 4, 1]
    assert sizes(size="bic") == [2, 1, 1]


def test_phones_adapted_from_a_shared_mixture():
    frames, ranges, names = speech()
    ubm = DiagonalGMM(4, random_state=0).fit(frames)
    model = PhoneGMM(ubm=ubm, relevance_factor=4.0, update="mw").fit(frames, ranges, names)
    own = np.concatenate([frames[a:b] for (a, b), name in zip(ranges, names, strict=True) if name == "T"])
    expected = map_adapt(ubm, own, relevance_factor=4.0, update="mw")
    np.testing.assert_allclose(model.models_[2].means_, expected.means_)
    np.testing.assert_allclose(model.models_[2].weights_, expected.weights_)
    assert np.mean(model.predict_segments(frames, ranges) == names) > 0.9
    assert clone(model).fit(frames, ranges, names).models_[2].means_.shape == (4, 2)


def test_adaptation_to_a_speaker(fitted):
    frames, ranges, names = speech(3, each=10)
    moved = frames + np.float32(1.5)
    kept = names != "T"
    adapted = fitted.adapt(moved, ranges[kept], names[kept], relevance_factor=2.0)
    right = [np.mean(m.predict_segments(moved, ranges) == names) for m in (fitted, adapted)]
    assert right[1] > right[0]
    for before, after in zip(fitted.models_[6:], adapted.models_[6:], strict=True):  # T had no segment
        np.testing.assert_array_equal(before.means_, after.means_)


def test_selected_phones_share_the_priors(fitted):
    frames, ranges, _ = speech(1, each=3)
    chosen = fitted.select(["T", "AA"])
    assert chosen.phones_ == ("AA", "T")
    np.testing.assert_allclose(chosen.priors_, 0.5)
    assert chosen.part_priors_.sum() == pytest.approx(1)
    expected = fitted.segment_log_likelihoods(frames, ranges)[:, [0, 2]]
    np.testing.assert_array_equal(chosen.segment_log_likelihoods(frames, ranges), expected)
    with pytest.raises(ModelError, match="found ZH, expected phones of the model: AA S T"):
        fitted.select(["AA", "ZH"])


def test_a_phone_without_segments_is_named_and_left_out():
    with pytest.warns(GmmSpeechWarning, match="phone ZH: found no training segment, left out"):
        model = PhoneGMM(1).fit(*speech(), inventory=["AA", "S", "ZH"])
    assert model.phones_ == ("AA", "S")  # T isn't asked for
    with (
        pytest.warns(GmmSpeechWarning, match="phone ZH"),
        pytest.raises(DataError, match="found no segment of 1 phone to train"),
    ):
        PhoneGMM(1).fit(*speech(), inventory=["ZH"])


def test_a_part_without_frames_takes_the_phones():
    frames, ranges, names = speech()
    ranges[names == "T", 1] = ranges[names == "T", 0] + 1
    model = PhoneGMM(2, parts=3, random_state=0).fit(frames, ranges, names)
    np.testing.assert_array_equal(model.models_[6].means_, model.models_[7].means_)
    for scores in (model.segment_log_posteriors(frames, ranges), model.frame_log_posteriors(frames)):
        assert np.isfinite(scores[:, :2]).all()
        assert not np.isnan(scores).any()


def test_what_is_refused(fitted, tmp_path):
    frames, ranges, names = speech()
    empty = ranges.copy()
    empty[3, 1] = empty[3, 0]
    for use in (lambda r: PhoneGMM().fit(frames, r, names), lambda r: fitted.predict_segments(frames, r)):
        with pytest.raises(DataError, match="segment 3: found rows"):
            use(empty)
    with pytest.raises(DataError, match=r"phones: found shape \(119,\), expected \(120,\)"):
        PhoneGMM().fit(frames, ranges, names[1:])
    broken = frames.copy()
    broken[7, 1] = np.nan
    with pytest.raises(FeatureError, match="frame 7, column 1: found nan"):
        PhoneGMM().fit(broken, ranges, names)
    with pytest.raises(FeatureError, match="found frames of 3 columns, expected 2"):
        fitted.predict_segments(np.zeros((9, 3)), [[0, 9]])
    for options, message in (({"size": "aic"}, "size"), ({"parts": 0}, "parts"), ({"n_components": 0}, "n_compon")):
        with pytest.raises(ConfigError, match=message):
            PhoneGMM(**options).fit(frames, ranges, names)
    with pytest.raises(ConfigError, match="scale: found 0"):
        clone_of(fitted, scale=0).predict_segments(frames, ranges)
    for use in (lambda m: m.predict_frames(frames), lambda m: m.save(tmp_path / "phones.h5"), lambda m: m.select("S")):
        with pytest.raises(ModelError, match="not fitted yet: call fit"):
            use(PhoneGMM())
    with pytest.raises(ModelError, match="phone GMMs: found 1 phone"):
        PhoneGMM.from_mixtures(["AA"], [], priors=np.ones(1), part_priors=np.ones(1), durations=np.ones((1, 2)))


def test_the_same_for_any_number_of_threads_and_as_other_estimators():
    data = speech()
    one, three = (PhoneGMM(2, parts=3, random_state=0, n_jobs=n).fit(*data) for n in (1, 3))
    np.testing.assert_array_equal(one.log_likelihoods(data[0]), three.log_likelihoods(data[0]))
    new = clone(PhoneGMM(7, size="bic", random_state=3))
    assert new.get_params()["n_components"] == 7
    assert not hasattr(new, "models_")
