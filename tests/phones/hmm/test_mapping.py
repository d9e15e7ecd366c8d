import dataclasses

import numpy as np
import pytest

from gmmspeech.errors import DataError, FeatureError, GmmSpeechWarning
from gmmspeech.phones.decoding.alignment import align
from gmmspeech.phones.hmm.estimation import split
from gmmspeech.phones.hmm.mapping import collapsed, extended_model, mapped_model, without_contexts
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.training import train_phone_hmm, train_phone_hmm_on_labels
from gmmspeech.phones.hmm.tree import ContextTree
from gmmspeech.phones.labels.labels import Label

PLACES = {"SIL": -6.0, "T": 0.0, "IY": 6.0, "S": 12.0}


def english(num_states=2):
    """Phones far apart, two Gaussians a state."""
    one = PhoneHMM.from_phones(tuple(PLACES), mean=[0.0, 0.0], variance=[1.0, 1.0], num_states=num_states)
    means = np.repeat(list(PLACES.values()), num_states)[:, None] * np.ones(2)
    return split(dataclasses.replace(one, means=means), np.full(one.num_states, 100.0), 2 * one.num_states)


def said(*names, length=8, seed=0):
    random = np.random.default_rng(seed)
    return np.concatenate([random.normal(PLACES[name], 1, (length, 2)) for name in names])


def test_each_phone_is_a_copy():
    model = english()
    mapped = mapped_model(model, ["iː", "sil", "ʂ", "i"], {"i": "S"}, silence="sil")
    assert mapped.silence == "sil"
    for phone, old in {"iː": "IY", "sil": "SIL", "ʂ": "S", "i": "S"}.items():
        for a, b in zip(mapped.states(phone), model.states(old), strict=True):
            np.testing.assert_array_equal(mapped.mixture(a).means_, model.mixture(b).means_)
            np.testing.assert_array_equal(mapped.mixture(a).weights_, model.mixture(b).weights_)
    assert mapped_model(model, model.phones).means.tolist() == model.means.tolist()


def test_a_map_to_a_phone_that_the_model_lacks():
    with pytest.raises(DataError, match="phone map: found X for i, expected one of SIL T IY S"):
        mapped_model(english(), ["SIL", "i"], {"i": "X"})


def test_phones_of_a_map_that_no_word_has_are_named():
    phones = ["SIL", "ʈ", "i"]
    with pytest.warns(GmmSpeechWarning) as said:
        mapped = mapped_model(english(), phones, {"ʈ": "S", "ʈʈ": "T", "i:": "IY"})
    assert [str(each.message) for each in said] == [
        "phone map: found 2 phones that no word has: ʈʈ i:; expected some of SIL ʈ i"
    ]
    np.testing.assert_array_equal(mapped.means, mapped_model(english(), phones, {"ʈ": "S"}).means)


def test_a_phone_like_none_begins_as_the_mean_of_all_and_is_named():
    with pytest.warns(GmmSpeechWarning, match="1 phone like none of the model's: Ж; begun as the mean"):
        mapped = mapped_model(english(), ["SIL", "Ж", "t"])
    np.testing.assert_allclose(mapped.means[mapped.mixture_offsets[mapped.states("Ж")]], 6.0)


def test_a_collapsed_state_has_the_moments_of_its_mixture():
    model = english()
    one = collapsed(model)
    frames = model.mixture(0).sample(200_000)[0]
    np.testing.assert_allclose(one.means[0], frames.mean(axis=0), atol=0.02)
    np.testing.assert_allclose(one.variances[0], frames.var(axis=0), atol=0.02)


def test_alignment_takes_a_phone_that_the_model_lacks_for_its_neighbor():
    frames = {"u": said("SIL", "T", "IY", "SIL")}
    with pytest.warns(GmmSpeechWarning, match="2 phones that the model lacks: .*ʈ as T, y as IY"):
        found = align(english(), frames, {"u": ["tea"]}, {"TEA": [["ʈ", "y"]]}).alignments["u"]
    expected = align(english(), frames, {"u": ["tea"]}, {"TEA": [["T", "IY"]]}).alignments["u"]
    assert [label.name for label in found.phones] == ["SIL", "ʈ", "y", "SIL"]
    assert [label[:2] for label in found.phones] == [label[:2] for label in expected.phones]
    assert extended_model(english(), ["T", "IY"]).phones == ("SIL", "T", "IY", "S")
    with pytest.warns(GmmSpeechWarning):
        assert extended_model(english(), ["ʈ", "y", "IY"]).phones == ("SIL", "IY", "S", "ʈ", "y")


def test_phones_like_none_are_named_and_their_utterances_left_out():
    frames = dict.fromkeys("uv", said("SIL", "T", "IY", "SIL"))
    words = {"TEA": [["T", "IY"]], "SNOW": [["☃", "IY"]]}
    with pytest.warns(GmmSpeechWarning) as told:
        found = align(english(), frames, {"u": ["tea"], "v": ["snow"]}, words, skip_bad=True)
    assert "found 1 phone like none of the model's: ☃, expected IPA" in str(told[0].message)
    assert list(found.alignments) == ["u"]
    assert found.skipped["v"].startswith("phone ☃: not in the model")


@pytest.mark.filterwarnings("ignore::gmmspeech.GmmSpeechWarning")
def test_a_name_is_another_sound_in_another_notation():
    phones = ["SIL", "S", "SH", "T", "TH", "IY"]
    model = PhoneHMM.from_phones(phones, mean=[0.0], variance=[1.0], num_states=1)
    model = dataclasses.replace(model, means=np.arange(6.0)[:, None])

    def means(model: PhoneHMM) -> dict[str, float]:
        return {phone: float(model.means[model.states(phone)[0], 0]) for phone in model.phones}

    sampa = means(extended_model(model, ["s", "i", "S", "T"]))
    assert {phone: sampa[phone] for phone in ("s", "S", "T", "i")} == {"s": 1, "S": 2, "T": 4, "i": 5}
    assert means(extended_model(model, ["S", "T"])) == means(model)  # of the model's own notation
    mixed = means(extended_model(model, ["S", "IY", "@", "t"]))
    assert (mixed["S"], mixed["IY"], mixed["t"]) == (1, 5, 3)


def test_goodness_compares_a_copy_with_other_phones_than_its_neighbor():
    frames = {"u": said("SIL", "T", "IY", "SIL")}
    with pytest.warns(GmmSpeechWarning):
        found = align(english(), frames, {"u": ["tea"]}, {"TEA": [["ʈ", "y"]]}, goodness=True).alignments["u"]
    expected = align(english(), frames, {"u": ["tea"]}, {"TEA": [["T", "IY"]]}, goodness=True).alignments["u"]
    np.testing.assert_allclose(found.goodness, expected.goodness, rtol=1e-5)
    assert found.goodness[1] > 1


def test_training_begins_with_the_alignment_of_another_model():
    names = [("SIL", "T", "IY", "SIL"), ("SIL", "S", "IY", "SIL"), ("SIL", "IY", "T", "S", "SIL")] * 6
    frames = {f"u{i}": said(*phones, length=6 + i % 5, seed=i) for i, phones in enumerate(names)}
    ipa = {"T": "ʈ", "IY": "yː", "S": "s̪"}
    words = {f"u{i}": ["-".join(phones[1:-1])] for i, phones in enumerate(names)}
    dictionary = {"-".join(phones[1:-1]): [[ipa[p] for p in phones[1:-1]]] for phones in names}
    options = {"num_states": 2, "total_gaussians": 12, "max_iter": 2, "min_occupancy": 3.0, "realign": ()}
    model = train_phone_hmm(frames, words, dictionary, init_model=english(), **options)
    for phone, new in ipa.items():
        np.testing.assert_allclose(collapsed(model).means[model.states(new)], PLACES[phone], atol=0.5)
    by_hand = train_phone_hmm(
        frames, words, dictionary, init_model=english(), phone_map={"ʈ": "T", "yː": "IY", "s̪": "S"}, **options
    )
    np.testing.assert_array_equal(model.means, by_hand.means)
    with pytest.raises(FeatureError, match="found frames of 1 column, expected 2, as the model to begin with has"):
        train_phone_hmm({n: x[:, :1] for n, x in frames.items()}, words, dictionary, init_model=english())


def test_a_rare_phone_is_trained_as_its_base():
    names = [("SIL", "T", "IY", "SIL"), ("SIL", "IY", "T", "SIL")] * 6
    frames = {f"u{i}": said(*phones, seed=i) for i, phones in enumerate(names)}
    words = {name: ["ti" if i % 2 == 0 else "it"] for i, name in enumerate(frames)} | {"u11": ["long"]}
    dictionary = {"ti": [["t", "i"]], "it": [["i", "t"]], "long": [["iː", "t"]]}
    with pytest.warns(GmmSpeechWarning, match="phones: found 1 too rare to be trained: .* iː as i"):
        model = train_phone_hmm(frames, words, dictionary, max_iter=4, num_states=2, total_gaussians=6)
    assert model.phones == ("SIL", "i", "iː", "t")
    np.testing.assert_array_equal(*(model.means[model.mixture_offsets[model.states(p)[0]]] for p in ("i", "iː")))
    same = {**dictionary, "long": [["i", "t"]]}
    alone = train_phone_hmm(frames, words, same, max_iter=4, num_states=2, total_gaussians=6)
    np.testing.assert_array_equal(collapsed(model).means[model.states("i")], collapsed(alone).means[alone.states("i")])


def test_a_rare_phone_of_labels_is_trained_as_its_base():
    names = ["i", "t"] * 6
    frames = {f"u{i}": said("SIL", "IY" if name == "i" else "T", seed=i, length=20) for i, name in enumerate(names)}
    labels = {f"u{i}": [Label(0.0, 0.2, "SIL"), Label(0.2, 0.4, name)] for i, name in enumerate(names)}
    labels["u2"][1] = Label(0.2, 0.4, "iː")
    options = {"frame_length": 0.0, "num_states": 3, "max_iter": 3, "total_gaussians": 9}
    with pytest.warns(GmmSpeechWarning, match="phones: found 1 too rare to be trained: .* iː as i"):
        model = train_phone_hmm_on_labels(frames, labels, **options)
    labels["u2"][1] = Label(0.2, 0.4, "i")
    alone = train_phone_hmm_on_labels(frames, labels, **options)
    assert model.phones == ("SIL", "i", "iː", "t")
    for phone in ("i", "iː"):
        np.testing.assert_array_equal(
            collapsed(model).means[model.states(phone)], collapsed(alone).means[alone.states("i")]
        )


def test_without_contexts_a_position_has_the_gaussians_of_all_its_states():
    tree = ContextTree(
        questions=[[False, True]], root_offsets=[0, 1, 2], roots=[0, 1], question=[-1, 0, -1, -1],
        right=[False, True, False, False], yes=[-1, 2, -1, -1], no=[-1, 3, -1, -1], state=[0, -1, 1, 2],
    )  # fmt: skip
    tied = PhoneHMM(
        *(("SIL", "AA"), [0, 1, 3], [0.5, 0.5, 0.75], [0, 1, 2, 4], [1.0, 1.0, 0.5, 0.5]),
        *([[-9.0], [0.0], [3.0], [4.0]], np.ones((4, 1))),
        tree=tree,
    )
    one = without_contexts(tied)
    assert one.tree is None
    assert one.phones == tied.phones
    assert one.state_offsets.tolist() == [0, 1, 2]
    # a state lasts 2 frames, the other 4, which its Gaussians share
    np.testing.assert_allclose(one.weights, [1, 1 / 3, 1 / 3, 1 / 3])
    np.testing.assert_allclose(one.self_loop, [0.5, 0.625])
    assert one.means.tolist() == tied.means.tolist()
    assert without_contexts(one) is one
