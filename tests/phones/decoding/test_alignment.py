"""Forced alignment: times, words, scores, unknown words and bad utterances."""

import dataclasses

import numpy as np
import pytest

import gmmspeech as gs
from gmmspeech.errors import ConfigError, DataError, FeatureError, GmmSpeechWarning
from gmmspeech.phones.decoding.alignment import FrameClock, align, search_note
from gmmspeech.phones.decoding.recognition import decode
from gmmspeech.phones.hmm.graph import word_sequence_graph
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.labels.dictionary import WeightedPronunciation
from gmmspeech.phones.labels.labels import Label
from gmmspeech.stores.features import FeatureStore, FeatureWriter

DICTIONARY = {"SEE": [["S", "IY"]], "EASE": [["IY", "S"], ["IY", "IY", "S"]]}


@pytest.fixture
def model():
    flat = PhoneHMM.from_phones(["SIL", "IY", "S", "SPN"], mean=[0.0], variance=[1.0], num_states=3)
    return dataclasses.replace(flat, means=np.repeat([0.0, 6.0, 12.0, -6.0], 3)[:, None])


def frames(*runs):
    """Frames of runs (value, length)."""
    return np.concatenate([np.full((length, 1), value) for value, length in runs])


def test_words_phones_and_times(model):
    x = frames((0, 5), (12, 4), (6, 3), (0, 7), (6, 3), (12, 6))
    aligned = align(model, {"u": x}, {"u": ["SEE", "EASE"]}, DICTIONARY, times="start", refine=False).alignments["u"]
    assert aligned.words == [Label(0.05, 0.12, "SEE"), Label(0.19, 0.28, "EASE")]
    assert aligned.phones == [
        Label(0.0, 0.05, "SIL"),
        Label(0.05, 0.09, "S"),
        Label(0.09, 0.12, "IY"),
        Label(0.12, 0.19, "SIL"),
        Label(0.19, 0.22, "IY"),
        Label(0.22, 0.28, "S"),
    ]
    # every frame lies on a mean
    np.testing.assert_allclose(aligned.log_likelihoods, -0.5 * np.log(2 * np.pi), rtol=1e-5)
    assert aligned.log_likelihood < -0.5 * np.log(2 * np.pi)
    assert (aligned.goodness, aligned.deviations) == (None, None)


def test_the_pronunciation_that_fits_is_taken_and_equal_neighbors_stay_apart(model):
    aligned = align(model, {"u": frames((6, 8), (12, 4))}, {"u": ["EASE"]}, {"EASE": [["IY", "IY", "S"]]})
    assert [label.name for label in aligned.alignments["u"].phones] == ["IY", "IY", "S"]
    aligned = align(model, {"u": frames((6, 4), (12, 4))}, {"u": ["EASE"]}, DICTIONARY)
    assert [label.name for label in aligned.alignments["u"].phones] == ["IY", "S"]


def test_probable_pronunciations_are_taken_where_none_fits_better(model):
    x = {"u": frames((9, 9))}  # between both phones
    for probabilities, expected in (((0.9, 0.1), "S"), ((0.1, 0.9), "IY"), ((1e-30, 1.0), "IY")):
        variants = map(WeightedPronunciation, (["S"], ["IY"]), probabilities)
        found = align(model, x, {"u": ["A"]}, {"A": list(variants)}, silence_probability=0.0).alignments["u"]
        assert [label.name for label in found.phones] == [expected]
    surely = frames((12, 9))  # which a probability does not talk out of what is heard
    variants = [WeightedPronunciation(["S"], 0.01), ("IY",)]
    found = align(model, {"u": surely}, {"u": ["A"]}, {"A": variants}, silence_probability=0.0).alignments["u"]
    assert [label.name for label in found.phones] == ["S"]


def test_time_conventions(model):
    x = {"u": frames((12, 4), (6, 4))}
    center = align(model, x, {"u": ["SEE"]}, DICTIONARY, times="center", frame_shift=5.0, frame_length=20.0)
    assert center.alignments["u"].phones == [Label(0.0, 0.0275, "S"), Label(0.0275, 0.0475, "IY")]
    assert align(model, x, {"u": ["SEE"]}, DICTIONARY).alignments["u"].phones[1] == Label(0.0475, 0.0875, "IY")
    started = align(model, x, {"u": ["SEE"]}, DICTIONARY, times="start").alignments["u"].phones
    assert started == [Label(0.0, 0.04, "S"), Label(0.04, 0.08, "IY")]
    assert FrameClock(10.0, 25.0, "start").time(7) == 0.07
    with pytest.raises(ConfigError, match="times"):
        FrameClock(10.0, 25.0, "end")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="frame_shift"):
        FrameClock(0.0)


def test_goodness_compares_a_phone_with_the_best_other_one(model):
    x = {"u": frames((12, 4), (6, 4)), "v": frames((12, 4), (12, 4))}
    aligned = align(model, x, {"u": ["SEE"], "v": ["SEE"]}, DICTIONARY, goodness=True).alignments
    # (12 - 6)**2 / 2 nats in each frame
    np.testing.assert_allclose(aligned["u"].goodness, 18, atol=0.01)
    np.testing.assert_allclose(aligned["v"].goodness, [18, -18], atol=0.01)


def test_fit_tells_what_was_said_from_something_else(model):
    x = {"u": frames((0, 6), (12, 8), (6, 9), (0, 6))}
    right = align(model, x, {"u": ["SEE"]}, DICTIONARY, goodness=True).alignments["u"]
    wrong = align(model, x, {"u": ["EASE"]}, DICTIONARY, goodness=True).alignments["u"]
    assert -1 < right.fit < 0.2
    assert wrong.fit < right.fit - 3
    quiet = {"u": np.concatenate([x["u"], frames((0, 2000))])}  # hides nothing
    assert align(model, quiet, {"u": ["EASE"]}, DICTIONARY).alignments["u"].fit == pytest.approx(wrong.fit, abs=0.5)
    assert align(model, {"u": frames((0, 9))}, {"u": []}, DICTIONARY).alignments["u"].fit is None


def test_a_boundary_of_whole_frames_is_certain_where_sounds_differ_much(model):
    x = {"u": frames((0, 30), (12, 30), (6, 30), (0, 30))}
    rough = align(model, x, {"u": ["SEE"]}, DICTIONARY, refine=False).alignments["u"]
    fine = align(model, x, {"u": ["SEE"]}, DICTIONARY).alignments["u"]
    np.testing.assert_allclose([p.start for p in fine.phones], [p.start for p in rough.phones], atol=0.01)
    assert [p.name for p in fine.phones] == [p.name for p in rough.phones]
    assert fine.deviations[0] == 0
    assert (fine.deviations[1:] >= 0.008).all()
    assert (fine.deviations[1:] < 0.02).all()


def test_adaptation_brings_a_speakers_frames_to_the_model(model):
    rng = np.random.default_rng(0)
    said = np.concatenate([frames((0, 9), (12, 12), (6, 12), (0, 9)) for _ in range(20)])
    shifted = {"u": (said + rng.normal(0, 0.5, said.shape)) * 1.3 + 4.0}
    words = {"u": ["SEE"] * 20}
    plain = align(model, shifted, words, DICTIONARY).alignments["u"]
    adapted = align(model, shifted, words, DICTIONARY, utt2spk={"u": "ann"}).alignments["u"]
    assert adapted.log_likelihood > plain.log_likelihood + 3


def test_an_utterance_without_a_speaker_is_aligned_as_it_is(model):
    x = {"u": frames((0, 9), (12, 12), (6, 12), (0, 9)), "v": frames((0, 9), (6, 12), (12, 12), (0, 9))}
    words = {"u": ["SEE"], "v": ["EASE"]}
    plain = align(model, x, words, DICTIONARY).alignments["v"]
    assert align(model, x, words, DICTIONARY, utt2spk={"u": "ann"}).alignments["v"].phones == plain.phones
    assert align(model, x, words, DICTIONARY, utt2spk={}).alignments["v"].phones == plain.phones


def test_many_utterances_of_different_lengths(model):
    rng = np.random.default_rng(0)
    lengths = rng.integers(3, 40, (150, 3))
    x = {f"u{i}": frames((0, a), (12, b), (6, c)) for i, (a, b, c) in enumerate(lengths)}
    aligned = align(model, x, {name: ["SEE"] for name in x}, DICTIONARY, times="start", n_jobs=2).alignments
    assert list(aligned) == list(x)
    for (a, b, c), result in zip(lengths, aligned.values(), strict=True):
        assert result.words == [Label(round(a / 100, 9), round((a + b + c) / 100, 9), "SEE")]


def test_a_store_of_another_front_end_is_refused(model, tmp_path):
    here, other = gs.FrontEnd(), gs.FrontEnd(cmvn={"method": "utterance"})
    with FeatureWriter(tmp_path / "f.h5", front_end=other.to_json()) as writer:
        writer.write("u", frames((12, 4), (6, 4)).astype(np.float32))
    with FeatureStore(tmp_path / "f.h5") as store:
        fits = align(dataclasses.replace(model, front_end=other.to_json()), store, {"u": ["SEE"]}, DICTIONARY)
        assert fits.alignments["u"].words == [Label(0.0, 0.0875, "SEE")]
        with pytest.raises(FeatureError, match="found frames with cmvn"):
            align(dataclasses.replace(model, front_end=here.to_json()), store, {"u": ["SEE"]}, DICTIONARY)


def test_unknown_words(model):
    x = {"u": frames((-6, 5), (12, 4), (6, 4))}
    words = {"u": ["WHAT", "SEE"]}
    with pytest.raises(DataError, match="utterance u: found no pronunciation of WHAT"):
        align(model, x, words, DICTIONARY)
    spelled = align(model, x, words, DICTIONARY, unknown_words="SPN")
    assert [label.name for label in spelled.alignments["u"].phones] == ["SPN", "S", "IY"]
    assert spelled.alignments["u"].words[0] == Label(0.0, 0.0575, "WHAT")
    assert spelled.unknown_words == {"WHAT": 1}
    left_out = align(model, x, words, DICTIONARY, unknown_words="skip")
    assert [label.name for label in left_out.alignments["u"].words] == ["SEE"]


def test_bad_utterances_are_named_and_skipped_or_stop_the_work(model):
    good = frames((12, 4), (6, 4))
    x = {"good": good, "short": good[:5], "none": good[:0], "wide": np.zeros((9, 2)), "odd": good, "nan": good * np.nan}
    words = {name: ["SEE"] for name in x} | {"odd": ["WHAT"], "absent": ["SEE"]}
    for name, kind, message in (
        ("short", DataError, "utterance short: found 5 frames, too few for what is said, expected at least 6, one for"),
        ("none", FeatureError, "utterance none: found no frames"),
        ("wide", FeatureError, "utterance wide: found frames of shape"),
        ("odd", DataError, "utterance odd: found no pronunciation of WHAT"),
        ("nan", FeatureError, "utterance nan: frame 0"),
    ):
        with pytest.raises(kind, match=message):
            align(model, {name: x[name]}, words, DICTIONARY)
    with pytest.warns(GmmSpeechWarning, match="skipped 5 utterances"):
        aligned = align(model, x, words, DICTIONARY, skip_bad=True)
    assert list(aligned.alignments) == ["good"]
    assert set(aligned.skipped) == {"short", "none", "wide", "odd", "nan"}


def test_times_come_from_the_models_front_end(model):
    x = {"u": frames((12, 4), (6, 4))}
    for options, boundary, end in (
        ({"frame_shift": 5.0, "frame_length": 20.0}, 0.0275, 0.0475),
        ({"frame_shift": 5.0, "frame_length": 20.0, "snip_edges": False}, 0.02, 0.04),
        ({"frame_shift": 16.0, "frame_length": 64.0, "convention": "librosa"}, 0.056, 0.12),  # centers at 0, 16, ... ms
    ):
        front = gs.FrontEnd(features={"type": "mfcc", **options}).to_json()
        own = dataclasses.replace(model, front_end=front)
        aligned = align(own, x, {"u": ["SEE"]}, DICTIONARY).alignments["u"]
        assert aligned.phones == [Label(0.0, boundary, "S"), Label(boundary, end, "IY")]
        graph = word_sequence_graph(model, [["SEE"]], DICTIONARY)
        assert decode(own, x, graph)["u"].phones == aligned.phones
    given = align(own, x, {"u": ["SEE"]}, DICTIONARY, frame_shift=10.0, frame_length=25.0)
    assert given.alignments["u"].phones[1] == Label(0.0475, 0.0875, "IY")


def test_times_of_a_store_whose_front_end_only_it_knows(model, tmp_path):
    front = gs.FrontEnd(features={"type": "mfcc", "frame_shift": 5.0, "frame_length": 20.0})
    with FeatureWriter(tmp_path / "f.h5", front_end=front.to_json()) as writer:
        writer.write("u", frames((12, 4), (6, 4)).astype(np.float32))
    with FeatureStore(tmp_path / "f.h5") as store:
        assert align(model, store, {"u": ["SEE"]}, DICTIONARY).alignments["u"].phones[1] == Label(0.0275, 0.0475, "IY")


def test_a_word_that_nobody_wrote_down_does_not_take_the_others_along(model):
    """A beam of 200 takes the first sounds that fit, and has given up the path to those that fit better by then."""
    x = {"u": frames((0, 5), (12, 9), (6, 9), (0, 60), (6, 8), (12, 8), (0, 60), (6, 60), (12, 60))}
    aligned = align(model, x, {"u": ["SEE", "EASE"]}, DICTIONARY, times="start", refine=False).alignments["u"]
    assert aligned.words == [Label(0.05, 0.23, "SEE"), Label(1.59, 2.79, "EASE")]
    assert aligned.beam is None
    assert search_note([aligned]) == "exact search"
    narrow = align(model, x, {"u": ["SEE", "EASE"]}, DICTIONARY, times="start", beam=200.0).alignments["u"]
    assert narrow.beam == 200
    assert narrow.log_likelihood < aligned.log_likelihood
    assert search_note([aligned, narrow]) == "beam 200"
    with pytest.raises(ConfigError, match=r"^beam: found 0, expected a number above 0"):
        align(model, x, {"u": ["SEE"]}, DICTIONARY, beam=0)
