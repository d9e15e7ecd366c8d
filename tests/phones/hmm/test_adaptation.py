"""LDA, MLLT and fMLLR as phone HMMs use them."""

import dataclasses

import numpy as np
import pytest
from naive import log_determinant

from gmmspeech.phones.hmm.adaptation import (
    SWEEPS,
    adapt_frames,
    adapted_to_speakers,
    gaussian_posteriors,
    model_statistics,
    state_posteriors,
    train_fmllr,
    train_lda,
    train_mllt,
)
from gmmspeech.phones.hmm.forward_backward import StatePosteriors
from gmmspeech.phones.hmm.graph import utterance_graph, word_sequence_graph
from gmmspeech.phones.hmm.model import PhoneHMM

CENTERS = np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0], [6.0, 6.0]])
LETTERS = {letter: [[letter]] for letter in "ABC"}


def of_states(states):
    return StatePosteriors(np.arange(len(states)), states, np.ones(len(states)), np.zeros(4), 0.0)


@pytest.fixture
def model():
    flat = PhoneHMM.from_phones(["SIL", "A", "B", "C"], mean=np.zeros(2), variance=np.ones(2), num_states=1)
    return dataclasses.replace(flat, means=CENTERS)


@pytest.fixture
def corpus_of_states():
    rng = np.random.default_rng(0)
    states = {f"{speaker}{i}": np.repeat(rng.permutation(4), 40) for speaker in "xy" for i in range(5)}
    frames = {name: CENTERS[s] + rng.normal(size=(len(s), 2)) for name, s in states.items()}
    return frames, {name: of_states(s) for name, s in states.items()}


def test_posteriors_of_gaussians_sum_to_those_of_states():
    rng = np.random.default_rng(0)
    model = PhoneHMM(
        ("SIL", "A"),
        [0, 1, 2],
        [0.5, 0.5],
        [0, 2, 5],
        [0.5, 0.5, 0.2, 0.3, 0.5],
        rng.normal(size=(5, 3)),
        np.ones((5, 3)),
    )
    frames = rng.normal(size=(6, 3))
    given = StatePosteriors(
        np.array([0, 0, 1, 2, 4, 5]), np.array([0, 1, 0, 1, 1, 0]), np.array([0.3, 0.7, 1, 1, 1, 1]), np.zeros(2), 0.0
    )
    found = gaussian_posteriors(model, frames, given).toarray()
    assert found.shape == (6, 5)
    sums = np.add.reduceat(found, [0, 2], axis=1)
    np.testing.assert_allclose(sums, [[0.3, 0.7], [1, 0], [0, 1], [0, 0], [0, 1], [1, 0]], atol=1e-12)
    expected = model.mixture(1).predict_proba(frames[2:3])
    np.testing.assert_allclose(found[2, 2:], expected[0])


def test_lda_and_mllt_on_spliced_frames(corpus_of_states, model):
    frames, posteriors = corpus_of_states
    mixing = np.array([[1.0, 0.8], [0.0, 0.5]])
    mixed = {
        name: np.column_stack([x @ mixing.T, np.random.default_rng(1).normal(size=len(x))])
        for name, x in frames.items()
    }
    transform = train_lda(mixed, posteriors, 4, context=1, dim=2)
    lower = {name: transform(x) for name, x in mixed.items()}
    assert lower["x0"].shape == (160, 2)
    every, states = np.concatenate(list(lower.values())), np.concatenate([p.state for p in posteriors.values()])
    means = np.stack([every[states == s].mean(axis=0) for s in range(4)])
    within = (every - means[states]).T @ (every - means[states]) / len(every)
    np.testing.assert_allclose(within, np.eye(2), atol=1e-9)
    # skewed frames under diagonal Gaussians: MLLT makes them uncorrelated within states
    skewed = {name: x @ mixing.T for name, x in frames.items()}
    every = np.concatenate(list(skewed.values()))
    means = np.stack([every[states == s].mean(axis=0) for s in range(4)])
    variances = np.tile(((every - means[states]) ** 2).mean(axis=0), (4, 1))
    matrix = train_mllt(dataclasses.replace(model, means=means, variances=variances), skewed, posteriors)
    turned = (every - means[states]) @ matrix.T
    assert abs(np.corrcoef(turned.T)[0, 1]) < 0.01


def test_fmllr_brings_a_speaker_back_to_the_model(corpus_of_states, model):
    frames, posteriors = corpus_of_states
    utt2spk = {name: name[0] for name in frames}
    shifted = {
        name: (x @ [[1.2, 0.3], [0.0, 0.9]] + [2.0, -1.0] if name[0] == "y" else x) for name, x in frames.items()
    }
    transforms, everybody = train_fmllr(model, shifted, posteriors, utt2spk)
    assert everybody.beta == pytest.approx(1600)
    adapted = adapt_frames(shifted, utt2spk, transforms)
    for name in frames:
        np.testing.assert_allclose(adapted[name], frames[name], atol=0.6)

    def likelihood(of, transform=None):
        total = sum(model.log_likelihoods(x)[np.arange(len(x)), posteriors[n].state].sum() for n, x in of.items())
        return total if transform is None else total + 800 * sum(log_determinant(w) for w in transform.values())

    assert likelihood(adapted, transforms) > likelihood(shifted) + 1000
    # many frames of everybody hold the transforms near the identity; few frames keep it
    held, _ = train_fmllr(model, frames, posteriors, utt2spk, prior_frames=1e6)
    np.testing.assert_allclose(held["x"], np.eye(2, 3), atol=0.1)
    kept, _ = train_fmllr(model, shifted, posteriors, utt2spk, min_count=5000)
    np.testing.assert_array_equal(kept["y"], np.eye(2, 3))


def test_states_along_the_best_path(model):
    frames = CENTERS[[0, 0, 1, 1, 2, 2, 2]]
    graph = utterance_graph(model, ["AB"], {"AB": [["A", "B"]]})
    found, missing = state_posteriors(model, [frames, frames[:1]], [graph, graph])
    np.testing.assert_array_equal(found.state, [0, 0, 1, 1, 2, 2, 2])
    np.testing.assert_array_equal(found.stays, [1, 1, 2, 0])
    assert missing is None


def test_speakers_in_any_order_and_any_number_of_threads_have_the_same_transforms(corpus_of_states, model):
    frames, _ = corpus_of_states
    utt2spk = {name: name[0] for name in frames}
    shifted = {name: x + (2.0 if name[0] == "y" else 0.0) for name, x in frames.items()}
    graphs = {name: word_sequence_graph(model, [["A", "B", "C"]] * 4, LETTERS) for name in frames}
    mixed = dict(sorted(graphs.items(), key=lambda item: item[0][1]))
    one, two, other = (
        adapted_to_speakers(model, shifted, of, utt2spk, n_jobs=jobs)
        for of, jobs in ((graphs, 1), (graphs, 2), (mixed, 2))
    )
    for name in frames:
        np.testing.assert_array_equal(one[name], two[name])
        np.testing.assert_array_equal(one[name], other[name])
    assert abs(one["y0"] - frames["y0"]).mean() < abs(shifted["y0"] - frames["y0"]).mean() / 2
    # the same transform as from posteriors in float64
    posteriors = {name: state_posteriors(model, [shifted[name]], [graphs[name]])[0] for name in frames}
    prior = model_statistics(model)
    expected, _ = train_fmllr(
        model, shifted, posteriors, utt2spk, prior=prior, prior_frames=500.0, min_count=0.0, max_iter=SWEEPS
    )
    np.testing.assert_allclose(one["y0"], adapt_frames(shifted, utt2spk, expected)["y0"], atol=1e-5)
