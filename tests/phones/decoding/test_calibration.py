"""Deviations that were learned from labels, on utterances that they were not learned from."""

import dataclasses
import itertools

import numpy as np
import pytest

from gmmspeech.metrics.boundaries import boundary_agreement
from gmmspeech.phones.decoding.alignment import align
from gmmspeech.phones.decoding.calibration import calibrated
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.labels.labels import Label
from gmmspeech.report.rows import deviation_row

CLOCK = {"frame_length": 10.0, "frame_shift": 10.0, "times": "start"}
SOUNDS = {"SIL": -6.0, "A": 0.0, "S": 6.0, "T": 12.0}
SAID = ["SIL", "A", "S", "T", "A", "T", "SIL"]
DICTIONARY = {"W": [["A", "S", "T"]], "V": [["A", "T"]]}


def speech(count, seed):
    """Utterances, and labels whose starts of T are off by up to eight frames, and of others by none."""
    rng = np.random.default_rng(seed)
    frames, labels = {}, {}
    for i in range(count):
        lengths = rng.integers(12, 20, len(SAID))
        places = np.repeat([SOUNDS[p] for p in SAID], lengths)
        frames[f"{seed}-{i}"] = (places + rng.normal(0, 1, len(places)))[:, None]
        edges = np.concatenate([[0], np.cumsum(lengths)]).astype(float)
        edges[[3, 5]] += rng.uniform(-8, 8, 2)
        labels[f"{seed}-{i}"] = [
            Label(a / 100, b / 100, p) for (a, b), p in zip(itertools.pairwise(edges), SAID, strict=True)
        ]
    return frames, labels


def model():
    plain = PhoneHMM.from_phones(list(SOUNDS), mean=[0.0], variance=[1.0], num_states=1)
    return dataclasses.replace(plain, means=np.array(list(SOUNDS.values()))[:, None])


@pytest.mark.parametrize("words", [False, True])
def test_intervals_cover_what_they_should_and_are_wide_where_errors_are(words):
    frames, labels = speech(120, 0)
    said = {"transcripts": {name: ["W", "V"] for name in frames}, "dictionary": DICTIONARY} if words else {}
    learned = calibrated(model(), frames, labels, **CLOCK, **said)
    frames, labels = speech(60, 1)
    transcripts = {name: ["W", "V"] for name in frames}
    covered = []
    for scaled in (model(), learned):
        found = align(scaled, frames, transcripts, DICTIONARY, **CLOCK).alignments
        agreement = boundary_agreement(labels, {name: each.phones for name, each in found.items()})
        covered.append(float(deviation_row("", agreement, found)["in 95 % intervals"].rstrip(" %")))
    assert covered[0] < 90
    assert covered[1] > 92
    pairs = [(p.name, d) for each in found.values() for p, d in zip(each.phones, each.deviations, strict=True)]
    wide = {phone: np.mean([d for name, d in pairs if name == phone]) for phone in "AST"}
    assert wide["T"] > 3 * wide["S"]


def test_the_same_on_any_number_of_threads():
    frames, labels = speech(150, 2)
    one, four = (calibrated(model(), frames, labels, **CLOCK, n_jobs=n).deviation_scale for n in (1, 4))
    assert one.weights.tolist() == four.weights.tolist()
    assert one.after.tolist() == four.after.tolist()


def test_few_boundaries_teach_nothing():
    frames, labels = speech(10, 3)
    assert calibrated(model(), frames, labels, **CLOCK).deviation_scale is None


def test_labels_of_other_phones_and_utterances_without_a_path_are_left_out():
    frames, labels = speech(120, 4)
    want = calibrated(model(), frames, labels, **CLOCK).deviation_scale
    more = frames | {"other": np.zeros((50, 1)), "short": np.zeros((2, 1)), "none": np.zeros((0, 1))}
    said = {"other": [Label(0.0, 0.5, "X")], "short": labels["4-0"], "none": labels["4-0"]}
    found = calibrated(model(), more, labels | said, **CLOCK).deviation_scale
    np.testing.assert_array_equal(found.weights, want.weights)


def late_speech(count, seed):
    """Utterances whose labels have S begin two frames late, and T one frame early."""
    frames, labels = speech(count, seed)
    rng = np.random.default_rng(seed)
    for name in labels:
        lengths = rng.integers(12, 20, len(SAID))
        places = np.repeat([SOUNDS[p] for p in SAID], lengths)
        frames[name] = (places + rng.normal(0, 1, len(places)))[:, None]
        edges = np.concatenate([[0], np.cumsum(lengths)]) + np.array([0, 0, 2, -1, 0, -1, 0, 0])
        pairs = zip(itertools.pairwise(edges.tolist()), SAID, strict=True)
        labels[name] = [Label(a / 100, b / 100, p) for (a, b), p in pairs]
    return frames, labels


def test_offsets_are_those_of_the_labels_and_utterances_labeled_elsewhere_change_none():
    frames, labels = late_speech(150, 5)
    said = {"transcripts": {name: ["W", "V"] for name in frames}, "dictionary": DICTIONARY, "offsets": True}
    scale = calibrated(model(), frames, labels, **CLOCK, **said).deviation_scale
    sil, a, s, t = range(4)
    found = scale.offsets[[a, s, a, t], [s, t, t, a]]
    np.testing.assert_allclose(found, [2, -1, -1, 0], atol=0.35)
    assert not scale.offsets[:, sil].any()
    odd = {n: [Label(x + 0.3, y + 0.3, p) for x, y, p in own] for n, own in list(labels.items())[:20]}
    again = calibrated(model(), frames, labels | odd, **CLOCK, **said).deviation_scale
    np.testing.assert_allclose(again.offsets, scale.offsets, atol=0.3)
    assert calibrated(model(), frames, labels, **CLOCK).deviation_scale.offsets is None


def test_not_by_phone_all_phones_are_alike_and_intervals_cover_as_much():
    frames, labels = speech(120, 7)
    learned = calibrated(model(), frames, labels, **CLOCK, by_phone=False)
    scale = learned.deviation_scale
    assert not scale.before.any()
    assert not scale.after.any()
    assert scale.weights[2] == 0
    frames, labels = speech(60, 8)
    found = align(learned, frames, {name: ["W", "V"] for name in frames}, DICTIONARY, **CLOCK).alignments
    agreement = boundary_agreement(labels, {name: each.phones for name, each in found.items()})
    assert float(deviation_row("", agreement, found)["in 95 % intervals"].rstrip(" %")) > 92
