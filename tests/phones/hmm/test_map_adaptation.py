"""MAP of phone HMMs, beside the formula for one Gaussian at a time."""

from dataclasses import replace

import numpy as np

import gmmspeech as gs
from gmmspeech.gmm.stats import GMMStats
from gmmspeech.phones.decoding.alignment import align
from gmmspeech.phones.hmm.estimation import HMMStats
from gmmspeech.phones.hmm.map_adaptation import map_update
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.training import train_phone_hmm


def model():
    rng = np.random.default_rng(0)
    return PhoneHMM(
        phones=("SIL", "AA"),
        state_offsets=[0, 1, 3],
        self_loop=[0.9, 0.7, 0.6],
        mixture_offsets=[0, 1, 3, 4],
        weights=[1, 0.25, 0.75, 1],
        means=rng.normal(0, 3, (4, 2)),
        variances=rng.uniform(0.5, 2, (4, 2)),
    )


def statistics(frames):
    n = np.array([float(len(x)) for x in frames])
    sums = np.stack([x.sum(axis=0) if len(x) else np.zeros(2) for x in frames])
    squares = np.stack([(x**2).sum(axis=0) if len(x) else np.zeros(2) for x in frames])
    return HMMStats(GMMStats(n, sums, squares, 0.0, n.sum()), np.array([90.0, 20.0, 0.0]))


def test_means_weights_and_stays_are_those_of_the_formula():
    rng = np.random.default_rng(1)
    before = model()
    frames = [rng.normal(5, 1, (100, 2)), rng.normal(1, 1, (30, 2)), rng.normal(-1, 1, (10, 2)), np.zeros((0, 2))]
    after = map_update(before, statistics(frames), relevance_factor=20.0)
    for g in (1, 2):
        n = len(frames[g])
        expected = n / (n + 20) * frames[g].mean(axis=0) + 20 / (n + 20) * before.means[g]
        np.testing.assert_allclose(after.means[g], expected)
    np.testing.assert_allclose(after.weights[1:3], np.array([30 + 20 * 0.25, 10 + 20 * 0.75]) / 60)
    np.testing.assert_allclose(after.self_loop[1], (20 + 20 * 0.7) / (40 + 20))
    # what no frame came to stays, and so do variances of phones
    np.testing.assert_array_equal(after.means[3], before.means[3])
    np.testing.assert_array_equal(after.variances[1:], before.variances[1:])
    # of silence, nearly all is new
    np.testing.assert_allclose(after.means[0], 100 / 101 * frames[0].mean(axis=0) + before.means[0] / 101)
    spread = ((frames[0] - after.means[0]) ** 2).mean(axis=0)
    np.testing.assert_allclose(after.variances[0], 100 / 110 * spread + 10 / 110 * before.variances[0])


def test_nothing_said_changes_nothing():
    before = model()
    empty = HMMStats(statistics([np.zeros((0, 2))] * 4).gaussians, np.zeros(3))
    after = map_update(before, empty, relevance_factor=20.0)
    for name in ("means", "variances", "weights", "self_loop"):
        np.testing.assert_allclose(getattr(after, name), getattr(before, name))


def test_first_rounds_see_manners_too():
    """A model whose vowel is a fricative and the reverse finds both where they are said, where manners tell."""
    front = gs.FrontEnd(sample_frequency=16000, features={"type": "mfcc", "num_ceps": 5}, deltas=None, cmvn=None)
    levels = {"SIL": (-9.0, 0.0), "AA": (6.0, 5.0), "S": (0.0, -8.0)}
    said = [("SIL", 20), ("S", 9), ("AA", 12), ("SIL", 20)]
    rows = np.repeat([(*levels[phone], 0, 0, 0) for phone, _ in said], [n for _, n in said], axis=0)
    rng = np.random.default_rng(0)
    frames = {f"u{i}": rows + rng.normal(0, 1, rows.shape) for i in range(8)}
    wrong = PhoneHMM.from_phones(["SIL", "AA", "S"], mean=np.zeros(5), variance=np.full(5, 9.0), num_states=1)
    wrong = replace(wrong, means=[(*levels[phone], 0, 0, 0) for phone in ("SIL", "S", "AA")])
    starts = {}
    for front_end in (None, front.to_json()):
        begun = wrong.with_front_end(front_end)
        words, dictionary = {name: ["SA"] for name in frames}, {"SA": [["S", "AA"]]}
        model = train_phone_hmm(frames, words, dictionary, init_model=begun)
        found = align(model, frames, words, dictionary, frame_shift=10, frame_length=25, times="start", refine=False)
        starts[front_end] = [[phone.start for phone in a.phones] for a in found.alignments.values()]
    np.testing.assert_allclose(starts[front.to_json()], [[0, 0.2, 0.29, 0.41]] * 8, atol=0.011)
    assert np.abs(np.subtract(starts[None], [0, 0.2, 0.29, 0.41])).max() > 0.05
