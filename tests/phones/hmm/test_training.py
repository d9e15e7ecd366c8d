"""Training: statistics against a plain sum, flat start on made-up sounds, resuming, bad input."""

import dataclasses

import numpy as np
import pytest

import gmmspeech as gs
from gmmspeech.errors import ConfigError, DataError, FeatureError, GmmSpeechError, GmmSpeechWarning
from gmmspeech.formats.datadir import load_utterance, read_data_dir
from gmmspeech.phones.decoding.alignment import align
from gmmspeech.phones.decoding.recognition import decode
from gmmspeech.phones.hmm.graph import utterance_graph, word_sequence_graph
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.training import TrainingState, train_phone_hmm, train_phone_hmm_on_labels
from gmmspeech.phones.hmm.trellis import Transitions
from gmmspeech.phones.hmm.viterbi import viterbi
from gmmspeech.phones.labels.labels import Label

SOUNDS = {"SIL": (0.0, 0.0), "AA": (5.0, 0.0), "IY": (0.0, 5.0), "S": (5.0, 5.0)}
DICTIONARY = {"SEE": [["S", "IY"]], "AS": [["AA", "S"], ["IY", "S"]], "A": [["AA"]]}


def made_up(num_utterances: int = 24, seed: int = 0):
    """Utterances of three words with silence around and sometimes between, and the labels of their phones."""
    rng = np.random.default_rng(seed)
    frames, transcripts, labels = {}, {}, {}
    for i in range(num_utterances):
        words = rng.choice(list(DICTIONARY), 3).tolist()
        phones = ["SIL"]
        for word in words:
            phones += DICTIONARY[word][0] + (["SIL"] if rng.random() < 0.4 else [])
        phones += ["SIL"] * (phones[-1] != "SIL")
        lengths = rng.integers(4, 12, len(phones))
        ends = np.cumsum(lengths) / 100
        name = f"u{i:02d}"
        frames[name] = np.concatenate(
            [rng.normal(SOUNDS[p], 0.7, (n, 2)) for p, n in zip(phones, lengths, strict=True)]
        ).astype(np.float32)
        transcripts[name] = words
        labels[name] = [Label(end - n / 100, end, p) for end, n, p in zip(ends, lengths, phones, strict=True)]
    return frames, transcripts, labels


def starts(labels):
    return np.array([label.start for label in labels if label.name != "SIL"])


@pytest.mark.parametrize("method", ["viterbi", "baum-welch"])
def test_flat_start_finds_the_phones(method):
    frames, transcripts, labels = made_up()
    likelihoods = []
    model = train_phone_hmm(
        frames,
        transcripts,
        DICTIONARY,
        total_gaussians=20,
        max_iter=20,
        method=method,
        callback=lambda state: likelihoods.append(state.log_likelihood),
    )
    for phone, sound in SOUNDS.items():
        np.testing.assert_allclose(model.means[model.mixture_offsets[model.states(phone)]], [sound] * 3, atol=0.8)
    aligned = align(model, frames, transcripts, DICTIONARY).alignments
    off = np.concatenate([starts(aligned[name].phones) - starts(labels[name]) for name in frames])
    assert (np.abs(off) <= 0.0101).mean() > 0.95
    assert likelihoods[-1] > likelihoods[0] + 1


def test_labels_fix_the_phones_frames():
    frames, _, labels = made_up()
    model = train_phone_hmm_on_labels(frames, labels, times="start", total_gaussians=12, max_iter=10)
    for phone, sound in SOUNDS.items():
        own = np.concatenate(
            [frames[u][round(100 * a) : round(100 * b)] for u in frames for a, b, name in labels[u] if name == phone]
        )
        of_model = np.average(
            model.means[model.states(phone)], axis=0, weights=1 / (1 - model.self_loop[model.states(phone)])
        )
        np.testing.assert_allclose(of_model, own.mean(axis=0), atol=1e-2)
        np.testing.assert_allclose(of_model, sound, atol=0.3)


def test_labels_move_a_model_to_begin_with_as_far_as_they_are_many() -> None:
    rng = np.random.default_rng(0)
    begin = PhoneHMM.from_phones(["SIL", "AA", "S", "T"], mean=[0.0], variance=[1.0], num_states=1)
    begin = dataclasses.replace(begin, means=np.array([[-4.0], [0.0], [4.0], [8.0]]))

    def trained(count: int, **options):
        frames = {f"u{i}": np.repeat([[1.0], [5.0]], 20, axis=0) + rng.normal(0, 1, (40, 1)) for i in range(count)}
        labels = {name: [Label(0.0, 0.2, "AA"), Label(0.2, 0.4, "S")] for name in frames}
        return train_phone_hmm_on_labels(
            frames, labels, init_model=begin, times="start", **{"total_gaussians": 4, **options}
        )

    few = trained(1)  # 20 frames each, as many as the relevance factor: half the way
    assert few.phones == begin.phones
    np.testing.assert_allclose(few.means[:, 0], [-4, 0.5, 4.5, 8], atol=0.35)
    np.testing.assert_allclose(trained(50).means[:, 0], [-4, 1, 5, 8], atol=0.1)
    with pytest.warns(GmmSpeechWarning, match="too few frames for 2 states, left as before; phones: SIL T"):
        many = trained(120)  # more than 1,000 frames a state: trained anew
    np.testing.assert_allclose(many.means[:, 0], [-4, 1, 5, 8], atol=0.1)
    mapped = trained(1, phones=["SIL", "AA", "S"], phone_map={"S": "T"})
    assert mapped.phones == ("SIL", "AA", "S")
    assert mapped.means[2, 0] == pytest.approx(6.5, abs=0.4)
    with pytest.raises(FeatureError, match="found frames of 2 columns, expected 1, as the model to begin with has"):
        train_phone_hmm_on_labels({"u": np.zeros((40, 2))}, {"u": [Label(0.0, 0.4, "S")]}, init_model=begin)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([Label(0.0, 0.2, "AA"), Label(0.1, 0.3, "S")], "overlap"),
        ([Label(0.1, 0.2, "AA"), Label(0.0, 0.1, "S")], "go backwards"),
        ([Label(0.0, 99.0, "AA")], "an end within the audio"),
        ([Label(0.0, 0.2, "ZH")], "phone ZH: not in the model"),
        ([], "no frames with a label"),
    ],
)
def test_bad_labels_are_named_and_skipped_or_stop_the_training(labels, message):
    frames, _, good = made_up(4)
    options = {"phones": tuple(SOUNDS), "max_iter": 2, "total_gaussians": 12}
    with pytest.raises(GmmSpeechError, match=f"utterance u02: .*{message}"):
        train_phone_hmm_on_labels(frames, good | {"u02": labels}, **options)
    with pytest.warns(GmmSpeechWarning, match=f"skipped 1 utterance; the first: utterance u02: .*{message}"):
        train_phone_hmm_on_labels(frames, good | {"u02": labels}, skip_bad=True, **options)


def test_phones_shorter_than_their_states_are_used_too():
    frames, _, labels = made_up(6)
    name = next(iter(frames))
    cut = [Label(0.0, 0.01, "AA"), Label(0.01, 0.03, "S")]
    model = train_phone_hmm_on_labels(frames, labels | {name: cut}, times="start", max_iter=3, total_gaussians=12)
    assert np.isfinite(model.means).all()


@pytest.mark.parametrize("method", ["viterbi", "baum-welch"])
def test_threads_and_interruptions_do_not_change_a_bit(method):
    frames, transcripts, _ = made_up(80)
    options = {"total_gaussians": 24, "max_iter": 4, "num_passes": 2, "method": method}
    states: list[TrainingState] = []
    model = train_phone_hmm(frames, transcripts, DICTIONARY, callback=states.append, **options)
    threaded = train_phone_hmm(frames, transcripts, DICTIONARY, n_jobs=3, **options)
    resumed = train_phone_hmm(frames, transcripts, DICTIONARY, resume=states[5], **options)
    for other in (threaded, resumed):
        for field in ("self_loop", "weights", "means", "variances", "mixture_offsets"):
            np.testing.assert_array_equal(getattr(model, field), getattr(other, field))


def labelled(draw, num_utterances=30):
    """Utterances of eight sounds of 30 frames each, drawn by a function of generator, sound and size."""
    rng = np.random.default_rng(0)
    frames, labels = {}, {}
    for i in range(num_utterances):
        sounds = rng.choice(["SIL", "AA", "S"], 8).tolist()
        frames[f"u{i}"] = np.concatenate([draw(rng, {"SIL": 0.0, "AA": 200.0, "S": -300.0}[p], 30) for p in sounds])
        labels[f"u{i}"] = [Label(0.3 * j, 0.3 * (j + 1), p) for j, p in enumerate(sounds)]
    return frames, labels


def two_clusters(rng, place, size):
    return place + rng.choice([-30.0, 30.0], (size, 1)) + rng.normal(size=(size, 2))


@pytest.mark.filterwarnings("error::gmmspeech.errors.GmmSpeechWarning")
def test_far_clusters_within_states_keep_their_variance():
    frames, labels = labelled(two_clusters)
    model = train_phone_hmm_on_labels(frames, labels, times="start", total_gaussians=18, max_iter=20)
    assert (model.variances < 2).all()
    assert np.average(model.variances, axis=0, weights=model.weights) == pytest.approx([1, 1], abs=0.1)


@pytest.mark.filterwarnings("error::gmmspeech.errors.GmmSpeechWarning")
def test_one_frame_far_away_spoils_its_own_state_alone():
    frames, labels = labelled(lambda rng, place, size: place + rng.normal(size=(size, 2)))
    frames["u3"][7] = 1e6
    model = train_phone_hmm_on_labels(frames, labels, times="start", total_gaussians=9, max_iter=20)
    assert np.sort(model.variances.max(axis=1))[-2] < 2


def test_equal_frames_get_the_floor_of_the_others_and_are_told():
    """A start of silence of equal frames, and a column of equal frames."""

    def draw(rng, place, size):
        frames = np.column_stack([place + rng.normal(size=(size, 2)), np.full(size, 0.1)])
        frames[: size // 2, :2] = frames[: size // 2, :2] if place else -9.0
        return frames

    frames, labels = labelled(draw)
    options = {"times": "start", "total_gaussians": 30, "max_iter": 20}
    with pytest.warns(GmmSpeechWarning) as caught:
        model = train_phone_hmm_on_labels(frames, labels, **options)
    assert (model.variances[:, :2] > 1e-3).all()
    np.testing.assert_allclose(model.variances[:, 2], 1e-6, rtol=0.2)
    (words,) = (str(w.message) for w in caught)
    assert words.startswith("phone HMMs: ")
    assert "are of columns whose frames are all equal" in words


def test_gaussians_grow_to_the_total():
    frames, transcripts, _ = made_up(60)
    numbers = []
    model = train_phone_hmm(
        frames, transcripts, DICTIONARY, total_gaussians=20, callback=lambda s: numbers.append(s.model.num_gaussians)
    )
    assert numbers[0] == 12
    assert max(np.diff(numbers)) <= 2
    assert model.num_gaussians == 20


def test_a_phone_that_is_never_said_is_that_of_its_neighbor_and_named():
    frames, transcripts, _ = made_up(6)
    with pytest.warns(GmmSpeechWarning, match="phones: .*ZH as S"):
        model = train_phone_hmm(
            frames, transcripts, DICTIONARY, phones=("SIL", "AA", "IY", "S", "ZH"), max_iter=4, total_gaussians=15
        )
    zh, s = (model.states(phone) for phone in ("ZH", "S"))
    for a, b in zip(zh, s, strict=True):
        np.testing.assert_array_equal(model.mixture(a).means_, model.mixture(b).means_)
    np.testing.assert_array_equal(model.self_loop[zh], model.self_loop[s])
    alone = train_phone_hmm(frames, transcripts, DICTIONARY, max_iter=4, total_gaussians=15)
    np.testing.assert_array_equal(model.means[: alone.num_gaussians], alone.means)


def test_constant_columns_do_no_harm():
    frames, transcripts, _ = made_up(6)
    frames = {name: np.column_stack([x, np.full(len(x), 3.0)]) for name, x in frames.items()}
    model = train_phone_hmm(frames, transcripts, DICTIONARY, max_iter=4, total_gaussians=12)
    assert np.isfinite(model.means).all()
    assert (model.variances > 0).all()


def test_bad_utterances_are_named_and_skipped_or_stop_the_training():
    frames, transcripts, _ = made_up(6)
    short = frames | {"short": frames["u00"][:5]}
    words = transcripts | {"short": ["SEE"]}
    with pytest.raises(
        DataError, match="utterance short: found 5 frames, too few for what is said, expected at least 6"
    ):
        train_phone_hmm(short, words, DICTIONARY, max_iter=2)
    with pytest.warns(GmmSpeechWarning, match="skipped 1 utterance; the first: utterance short: found 5 frames"):
        model = train_phone_hmm(short, words, DICTIONARY, max_iter=2, skip_bad=True)
    np.testing.assert_allclose(
        model.means[0], train_phone_hmm(frames, transcripts, DICTIONARY, max_iter=2).means[0], atol=0.2
    )
    with pytest.raises(DataError, match="utterance u00: word WHAT"):
        train_phone_hmm(frames, transcripts | {"u00": ["WHAT"]}, DICTIONARY, max_iter=2)
    with pytest.raises(DataError, match="the only utterance is bad"):
        train_phone_hmm({"u": frames["u00"]}, {"u": ["WHAT"]}, DICTIONARY, max_iter=2, skip_bad=True)
    with pytest.raises(DataError, match="found no utterance"):
        train_phone_hmm(frames, {"v": ["A"]}, DICTIONARY)
    spoilt = {**frames, "u03": np.full_like(frames["u03"], np.nan)}
    with pytest.raises(DataError, match="utterance u03: found NaN"):
        train_phone_hmm(spoilt, transcripts, DICTIONARY)
    with pytest.warns(GmmSpeechWarning, match="skipped 1 utterance; the first: utterance u03: found NaN"):
        train_phone_hmm(spoilt, transcripts, DICTIONARY, max_iter=2, skip_bad=True)
    with pytest.raises(DataError, match=r"utterance u03: found frames of shape \(9, 3\), expected \(frames, 2\)"):
        train_phone_hmm(frames | {"u03": np.zeros((9, 3))}, transcripts, DICTIONARY)


@pytest.mark.parametrize(
    ("option", "value"),
    [("total_gaussians", 0), ("max_iter", 0), ("method", "em"), ("acoustic_scale", 0.0), ("variance_floor", 0.0)],
)
def test_options_that_make_no_sense_are_refused(option, value):
    frames, transcripts, _ = made_up(2)
    with pytest.raises(ConfigError, match=option):
        train_phone_hmm(frames, transcripts, DICTIONARY, **{option: value})


def test_start_from_another_models_alignment():
    frames, transcripts, _ = made_up(24)
    states: list[TrainingState] = []
    train_phone_hmm(frames, transcripts, DICTIONARY, total_gaussians=12, max_iter=12, callback=states.append)
    doubled = {name: np.column_stack([x, x[:, ::-1]]) for name, x in frames.items()}
    model = train_phone_hmm(
        doubled, transcripts, DICTIONARY, total_gaussians=12, max_iter=1, start=states[-1].posteriors
    )
    np.testing.assert_allclose(model.means[:, :2], states[-1].model.means, atol=0.3)
    np.testing.assert_allclose(model.means[:, 2:], model.means[:, 1::-1], rtol=1e-6)


def test_digits_of_a_real_corpus_are_recognized(corpus):
    folder = corpus("fsdd-tiny")
    data = read_data_dir(folder / "data" / "all")
    front = gs.FrontEnd(
        sample_frequency=8000, features={"type": "mfcc"}, deltas={}, cmvn={"method": "utterance", "norm_vars": True}
    )
    frames = {name: front(*load_utterance(data, name), name) for name in data.utterances}
    dictionary = {word: [tuple(phones.split())] for word, phones in _DIGITS.items()}
    words = {name: data.text[name].split() for name in frames}
    train = {name: x for i, (name, x) in enumerate(frames.items()) if i % 4}
    model = train_phone_hmm(train, words, dictionary, total_gaussians=120, max_iter=12, skip_bad=True)
    graph = word_sequence_graph(model, [sorted(_DIGITS)], dictionary)
    test = {name: x for name, x in frames.items() if name not in train}
    found = decode(model, test, graph, skip_bad=True)
    right = sum([label.name.lower() for label in found[name].words] == words[name] for name in found)
    assert right / len(test) > 0.8


_DIGITS = {
    "ZERO": "Z IH R OW",
    "ONE": "W AH N",
    "TWO": "T UW",
    "THREE": "TH R IY",
    "FOUR": "F AO R",
    "FIVE": "F AY V",
    "SIX": "S IH K S",
    "SEVEN": "S EH V AH N",
    "EIGHT": "EY T",
    "NINE": "N AY N",
}


def test_training_aligns_by_the_best_of_all_paths_where_words_are_missing():
    frames, words, _ = made_up(12)
    told = {name: said[:1] for name, said in words.items()}
    states: list[TrainingState] = []
    train_phone_hmm(frames, told, DICTIONARY, total_gaussians=9, max_iter=3, realign=[2], callback=states.append)
    before = states[1].model
    for name, posteriors in states[2].posteriors.items():
        graph, emissions = utterance_graph(before, told[name], DICTIONARY), before.log_likelihoods(frames[name])
        (path,) = viterbi([graph], [emissions], Transitions.of(before.self_loop))
        np.testing.assert_array_equal(posteriors.state, graph.state[path])
    with pytest.raises(ConfigError, match=r"beam: found 0, expected more than 0"):
        train_phone_hmm(frames, told, DICTIONARY, beam=0)


def test_states_far_apart_and_a_frame_far_away_leave_the_variances_alone():
    rng = np.random.default_rng(0)
    sounds = {"SIL": -300.0, "AA": 0.0, "S": 300.0}

    def say(*phones):
        return np.concatenate([rng.normal(sounds[p], 1, (60, 1)) for p in phones])

    frames = {f"u{i}": say("SIL", "AA", "S", "SIL") for i in range(8)}
    frames["u0"][10] = 1e6
    words = {name: ["ASS"] for name in frames}
    model = train_phone_hmm(frames, words, {"ASS": [["AA", "S"]]}, total_gaussians=9, max_iter=10, num_passes=1)
    for phone in ("AA", "S"):
        assert (model.variances[model.states(phone)] < 2).all()  # a hundredth of all frames' is millions
