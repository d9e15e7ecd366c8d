"""The full system on speakers whose sounds are turned and shifted."""

import dataclasses

import numpy as np
import pytest
from trees import grown, model_of, system_of

from gmmspeech.errors import ConfigError, DataError, ModelError
from gmmspeech.formats.loading import load
from gmmspeech.linear.fmllr import FMLLRStats
from gmmspeech.phones.decoding.adapting import for_these_speakers
from gmmspeech.phones.decoding.recognition import decode
from gmmspeech.phones.hmm.adaptation import SplicedTransform
from gmmspeech.phones.hmm.adapted_system import train_adapted_system
from gmmspeech.phones.hmm.graph import phone_loop_graph, train_bigram
from gmmspeech.phones.hmm.training import TrainingState, train_phone_hmm

SOUNDS = {"SIL": (0, 0, 0), "A": (2.5, 0, 0), "B": (0, 2.5, 0), "C": (0, 0, 2.5), "D": (2.5, 2.5, 0)}
DICTIONARY = {"AB": [["A", "B"]], "CA": [["C", "A"]], "BC": [["B", "C"]], "D": [["D"]]}


def speak(rng, speaker, count):
    """Utterances of a speaker, whose sounds all go through a matrix and a shift of his own, and their words."""
    matrix, shift = np.eye(3) + rng.normal(0, 0.25, (3, 3)), rng.normal(0, 1.0, 3)
    frames, words = {}, {}
    for i in range(count):
        chosen = rng.choice(list(DICTIONARY), 6).tolist()
        phones = ["SIL", *(p for word in chosen for p in DICTIONARY[word][0]), "SIL"]
        sounds = np.repeat([SOUNDS[p] for p in phones], rng.integers(4, 10, len(phones)), axis=0)
        frames[f"{speaker}-{i}"] = (sounds + rng.normal(0, 0.7, sounds.shape)) @ matrix.T + shift
        words[f"{speaker}-{i}"] = chosen
    return frames, words


def test_adaptation_lowers_errors_of_new_speakers():
    rng = np.random.default_rng(0)
    frames, words = {}, {}
    for speaker in "abcdefgh":
        for store, new in zip((frames, words), speak(rng, speaker, 6), strict=True):
            store.update(new)
    test, truth = {}, {}
    for speaker in "xyz":
        for store, new in zip((test, truth), speak(rng, speaker, 6), strict=True):
            store.update(new)
    utt2spk = {name: name[0] for name in frames | test}
    states: list[TrainingState] = []
    train_phone_hmm(frames, words, DICTIONARY, total_gaussians=15, max_iter=12, num_passes=1, callback=states.append)
    system = train_adapted_system(
        *(frames, words, DICTIONARY, utt2spk, states[-1]),
        context=1,
        dim=6,
        total_gaussians=30,
        prior_frames=50.0,
        rounds=1,
    )
    phones = {name: ["SIL", *(p for word in words[name] for p in DICTIONARY[word][0]), "SIL"] for name in words}
    graph = phone_loop_graph(system.adapted, train_bigram(list(phones.values()), system.adapted.phones))
    graphs = dict.fromkeys(test, graph)
    adapted = for_these_speakers(system, test, graphs, utt2spk)[1]

    def right(model, data):
        found = decode(model, data, graph)
        expected = {name: [p for word in truth[name] for p in DICTIONARY[word][0]] for name in truth}
        return np.mean([[p.name for p in found[n].phones if p.name != "SIL"] == expected[n] for n in truth])

    plain = right(system.unadapted, {name: system.transform(x) for name, x in test.items()})
    better = right(system.adapted, adapted)
    assert better > plain
    threaded = for_these_speakers(system, test, graphs, utt2spk, n_jobs=2)[1]
    for name, x in adapted.items():
        np.testing.assert_array_equal(x, threaded[name])
    with pytest.raises(ConfigError, match="rounds: found -1"):
        train_adapted_system(frames, words, DICTIONARY, utt2spk, states[-1], rounds=-1)


def made():
    """A system of triphones, and another tree of as many states."""
    rng = np.random.default_rng(0)
    tree, other = grown(rng, [1, 3, 2, 1], 15), grown(rng, [1, 3, 2, 1], 15)
    return system_of(model_of(tree, ("SIL", "A", "B", "C")), rng), other


def test_parts_that_do_not_belong_together_are_refused(tmp_path):
    system, other = made()
    transform, prior, model = system.transform, system.prior, system.adapted
    worse = FMLLRStats(prior.beta, prior.k[:-1], prior.g)
    for part, value, message in (
        ("unadapted", model_of(other, model.phones), "trees of 15 states and 15, which differ, expected two of one"),
        ("adapted", dataclasses.replace(model, silence="A"), "silence: found SIL in the model of any speaker and A in"),
        ("unadapted", dataclasses.replace(model, phones=("SIL", "A", "B", "D")), "phones: found .* expected the same"),
        ("transform", SplicedTransform(1, transform.matrix[:-1]), "transform: found . rows of 6 columns, expected"),
        ("transform", SplicedTransform(1, transform.matrix[:, :-1]), "a multiple of 3 columns"),
        ("transform", SplicedTransform(1, transform.matrix * np.nan), "not finite"),
        ("prior", worse, "prior: found k, g of shapes"),
        ("prior", FMLLRStats(0.0, prior.k, prior.g), "prior of no frames"),
        ("prior_frames", -1.0, "prior_frames: found -1.0, expected 0 or more"),
    ):
        with pytest.raises(ModelError, match=f"^AdaptedSystem: .*{message}"):
            dataclasses.replace(system, **{part: value})
    mixed = dataclasses.replace(system)
    vars(mixed)["unadapted"] = model_of(other, model.phones)  # as a file may have it
    mixed.save(tmp_path / "mixed.h5")
    with pytest.raises(DataError, match=r"mixed.h5: .*trees of 15 states and 15, which differ"):
        load(tmp_path / "mixed.h5")
