"""Segments against plain loops over their rows."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from gmmspeech.errors import DataError, FeatureError, GmmSpeechWarning
from gmmspeech.phones.labels.labels import Label
from gmmspeech.phones.labels.segments import (
    frames_of_parts,
    label_utterances,
    log_durations,
    part_edges,
    part_of_frames,
    rows_of,
    segment_sums,
    segment_vectors,
)

LENGTHS = st.lists(st.integers(1, 12), min_size=1, max_size=8)
SPEAKERS = {"u1": "ann", "u2": "bob", "u3": "ann"}


def consecutive(lengths, gap=0):
    stops = np.cumsum(np.array(lengths) + gap)
    return np.stack([stops - lengths, stops], axis=1)


def corpus():
    rng = np.random.default_rng(0)
    frames = {name: rng.normal(i, 1 + i, (10, 2)).astype("f4") for i, name in enumerate(SPEAKERS)}
    labels = {name: [Label(0.0, 0.03, "SIL"), Label(0.03, 0.08, "AH"), Label(0.08, 0.1, "S")] for name in SPEAKERS}
    return frames, labels


@given(LENGTHS, st.integers(1, 5))
def test_parts_divide_segments_evenly(lengths, parts):
    ranges = consecutive(lengths)
    edges = part_edges(ranges, parts)
    np.testing.assert_array_equal(edges[:, [0, -1]], ranges)
    sizes = np.diff(edges, axis=1)
    assert (sizes >= 0).all()
    assert (sizes.max(axis=1) - sizes.min(axis=1) <= 1).all()


@given(LENGTHS, st.integers(1, 4))
def test_each_frame_has_the_part_that_it_lies_in(lengths, parts):
    ranges = consecutive(lengths, gap=1)
    phones = np.arange(len(lengths)) % 3 - 1  # phone -1 counts as no segment
    expected = np.full(ranges[-1, 1] + 2, -1)
    for phone, edges in zip(phones, part_edges(ranges, parts), strict=True):
        for j in range(parts):
            expected[edges[j] : edges[j + 1]] = -1 if phone < 0 else phone * parts + j
    np.testing.assert_array_equal(part_of_frames(ranges, phones, len(expected), parts), expected)


@given(LENGTHS, st.integers(1, 3), st.data())
def test_frames_of_parts_are_the_phones_own_where_it_is_too_short_for_a_part(lengths, parts, data):
    ranges = consecutive(lengths)
    phones = np.array(data.draw(st.lists(st.integers(0, 1), min_size=len(lengths), max_size=len(lengths))))
    frames = np.arange(2.0 * sum(lengths)).reshape(-1, 2)
    codes = part_of_frames(ranges, phones, len(frames), parts)
    for number, own in enumerate(frames_of_parts(frames, codes, 2, parts)):
        expected = frames[codes == number] if (codes == number).any() else frames[codes // parts == number // parts]
        np.testing.assert_array_equal(np.sort(own, axis=0), expected)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)).map(sorted), max_size=6))
def test_sums_and_rows_of_any_ranges(pairs):
    ranges = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    values = np.random.default_rng(0).normal(size=(9, 3))
    expected = np.array([values[a:b].sum(axis=0) for a, b in pairs]).reshape(-1, 3)
    np.testing.assert_allclose(segment_sums(values, ranges), expected, atol=1e-12)
    np.testing.assert_array_equal(rows_of(ranges), [row for a, b in pairs for row in range(a, b)])


def naive_vector(frames, first, stop, parts, edges):
    cuts = part_edges(np.array([[first, stop]]), parts)[0]
    rows = [range(cuts[j], cuts[j + 1]) or [min(cuts[j], stop - 1)] for j in range(parts)]
    last = len(frames) - 1
    before = [[r for r in range(first - far, first - near) if r >= 0] or [0] for near, far in edges]
    after = [[r for r in range(stop + near, stop + far) if r <= last] or [last] for near, far in edges]
    means = [frames[list(r)].mean(axis=0) for r in [*rows, *before, *after]]
    return np.concatenate([*means, [np.log(stop - first)]])


@given(LENGTHS, st.integers(1, 4))
def test_segment_vectors(lengths, parts):
    ranges, edges = consecutive(lengths), ((0, 2), (2, 5))
    frames = np.random.default_rng(0).normal(size=(ranges[-1, 1], 3))
    expected = [naive_vector(frames, *r, parts, edges) for r in ranges.tolist()]
    found = segment_vectors(frames, ranges, parts=parts, edges=edges)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(log_durations(ranges), np.log(lengths))
    assert segment_vectors(frames, ranges, edges=()).shape == (len(ranges), 10)


@pytest.mark.parametrize("bad", [(3, 3), (-1, 2), (8, 11)])
def test_vectors_of_segments_without_frames_are_refused(bad):
    with pytest.raises(DataError, match="segment 1: found rows"):
        segment_vectors(np.zeros((10, 2)), np.array([(0, 2), bad]))


def test_utterances_are_joined():
    frames, labels = corpus()
    data = label_utterances(frames, labels, SPEAKERS, times="start")
    np.testing.assert_array_equal(data.frames, np.concatenate(list(frames.values())))
    np.testing.assert_array_equal(data.ranges[3:5], [[10, 13], [13, 18]])
    assert data.phones.tolist() == ["SIL", "AH", "S"] * 3
    np.testing.assert_array_equal(data.segment_utterances(), np.repeat([0, 1, 2], 3))
    assert [data.frames[rows].shape for rows in data.utterance_rows()] == [(10, 2)] * 3
    assert data.frame_speakers().tolist() == ["ann"] * 10 + ["bob"] * 10 + ["ann"] * 10


def test_a_function_of_each_utterance():
    frames, labels = corpus()
    data = label_utterances(frames, labels, SPEAKERS)
    reversed_ = data.map_utterances(lambda x: x[::-1])
    np.testing.assert_array_equal(reversed_.frames[:10], frames["u1"][::-1])
    with pytest.raises(FeatureError, match="found 29 frames, expected 30"):
        data.with_frames(np.zeros((29, 2)))


def test_segments_without_a_frame_are_left_out_and_counted():
    frames, labels = corpus()
    labels["u2"] = [Label(0.0, 0.041, "AH"), Label(0.041, 0.044, "T"), Label(0.05, 0.1, "S")]
    with pytest.warns(GmmSpeechWarning, match=r"left out 1 segment without a frame, first T at 0.041 s of u2"):
        data = label_utterances(frames, labels, SPEAKERS, times="start")
    assert "T" not in data.phones


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([Label(0.0, 0.05, "AH"), Label(0.03, 0.1, "S")], "u2: found S .* that don't overlap"),
        ([Label(0.0, 0.05, "AH"), Label(0.05, 0.2, "S")], "u2: found S .* within the audio"),
        (None, "u2: found no labels"),
    ],
)
def test_bad_labels_stop_or_are_skipped(labels, message):
    frames, good = corpus()
    found = {name: labels if name == "u2" else own for name, own in good.items() if name != "u2" or labels}
    with pytest.raises(DataError, match=message):
        label_utterances(frames, found, SPEAKERS)
    with pytest.warns(GmmSpeechWarning, match=f"skipped: {message}"):
        data = label_utterances(frames, found, SPEAKERS, skip_bad=True)
    assert data.speakers.tolist() == ["ann", "ann"]


def test_nothing_left_is_an_error():
    with pytest.raises(DataError, match="u2: found no speaker"):
        label_utterances(*corpus(), {"u1": "ann"})
    with pytest.raises(DataError, match="found no segment with a frame in 0 utterances"):
        label_utterances({}, {}, {})
