import ast
import inspect
import itertools
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, strategies as st

import gmmspeech as gs
from gmmspeech.errors import ConfigError, DataError
from gmmspeech.formats.datadir import read_map
from gmmspeech.formats.labels.lines import read_ctm
from gmmspeech.phones.decoding.alignment import align
from gmmspeech.phones.decoding.recognition import decode
from gmmspeech.phones.hmm.training import train_phone_hmm_on_labels
from gmmspeech.phones.labels.labels import (
    FrameClock,
    Label,
    check_labels,
    frame_labels,
    label_frames,
)
from gmmspeech.phones.labels.segments import label_utterances

TIMES = st.sampled_from(["center", "start"])
GEOMETRY = st.sampled_from([(25.0, 10.0), (25.0, 5.0), (20.0, 12.5), (10.0, 10.0), (32.0, 16.0)])  # length, shift
NAMES = st.sampled_from(["SIL", "AH", "S", "a longer name"])


@st.composite
def tracks(draw):
    """Labels in order, some touching, some with gaps, some without length; times in whole microseconds."""
    edges = sorted(draw(st.lists(st.integers(0, 3_000_000), min_size=2, max_size=24)))
    if draw(st.booleans()):  # on frame boundaries, where it is decided to which side a frame goes
        edges = [edge // 10_000 * 10_000 for edge in edges]
    pieces = [(start, stop) for start, stop in itertools.pairwise(edges) if draw(st.booleans())]
    return [Label(start / 1e6, stop / 1e6, draw(NAMES)) for start, stop in pieces]


def exact_frames(label, num_frames, length, shift, times):
    """Frames whose center, or the middle of whose shift, lies in [start, end), counted one by one and exactly."""
    start, end = (Fraction(round(seconds * 1_000_000), 1000) for seconds in (label.start, label.end))
    offset = Fraction(length if times == "center" else shift) / 2
    return [t for t in range(num_frames) if start <= t * Fraction(shift) + offset < end]


def labels_of_frames(names, **options):
    """Labels of the runs of equal names, by the boundaries that a clock gives to frames."""
    clock, labels, stop = FrameClock(**options), [], 0
    for name, run in itertools.groupby(names):
        start, stop = stop, stop + len(list(run))
        if name:
            labels.append(Label(clock.edge(start), clock.edge(stop), str(name)))
    return labels


@given(tracks(), st.integers(0, 320), GEOMETRY, TIMES)
@example([Label(0.57, 0.58, "AH")], 100, (25.0, 10.0), "start")  # 1000 * 0.57 / 10 is 56.99...
@example([Label(0.104, 0.206, "AH")], 100, (25.0, 10.0), "start")  # off the grid: no boundary 6 ms late
def test_frames_are_those_whose_middle_lies_in_the_label(labels, num_frames, geometry, times):
    options = {"frame_length": geometry[0], "frame_shift": geometry[1], "times": times}
    ranges = label_frames(labels, num_frames, **options)
    names = frame_labels(labels, num_frames, **options)
    expected = [""] * num_frames
    for label, (first, stop) in zip(labels, ranges, strict=True):
        frames = exact_frames(label, num_frames, *geometry, times)
        assert list(range(first, stop)) == frames
        for frame in frames:
            expected[frame] = label.name
    assert names.tolist() == expected


@given(st.lists(st.sampled_from(["", "SIL", "AH"]), max_size=300), GEOMETRY, TIMES)
def test_names_of_frames_come_back_through_labels(names, geometry, times):
    options = {"frame_length": geometry[0], "frame_shift": geometry[1], "times": times}
    labels = labels_of_frames(np.array(names, dtype=str), **options)
    check_labels(labels, owner="u")
    assert frame_labels(labels, len(names), **options).tolist() == names
    assert all(a.end < b.start or a.name != b.name for a, b in itertools.pairwise(labels))


@given(tracks(), GEOMETRY, TIMES)
def test_labels_come_back_through_frames_to_half_a_shift(labels, geometry, times):
    options = {"frame_length": geometry[0], "frame_shift": geometry[1], "times": times}
    early = geometry[0] / 2000 if times == "center" else 0.0  # there is no frame whose center lies before
    long = [label for label in labels if label.end - label.start > 2 * geometry[1] / 1000]
    whole = [label for label in long if label.end > early + 1e-9]  # one that ends before has no frame
    found = labels_of_frames(frame_labels(whole, 1000, **options), **options)
    limit = geometry[1] / 1000 * (0.5 if times == "center" else 1.0) + 1e-9
    for label in whole:
        inside = [run for run in found if run.name == label.name and run.start < label.end and label.start < run.end]
        assert min(run.start for run in inside) <= max(label.start + limit, early)
        assert max(run.end for run in inside) >= label.end - limit


def test_the_two_conventions_differ_by_half_a_window():
    labels = [Label(0.0, 0.1, "SIL"), Label(0.1, 0.2, "AH")]
    assert frame_labels(labels, 20).tolist() == ["SIL"] * 9 + ["AH"] * 10 + [""]
    assert frame_labels(labels, 20, times="start").tolist() == ["SIL"] * 10 + ["AH"] * 10
    assert frame_labels(labels, 20, frame_length=10).tolist() == ["SIL"] * 10 + ["AH"] * 10
    assert labels_of_frames(["a", "b"], times="start") == [Label(0.0, 0.01, "a"), Label(0.01, 0.02, "b")]
    assert labels_of_frames(["a", "b"]) == [Label(0.0075, 0.0175, "a"), Label(0.0175, 0.0275, "b")]


def test_times_of_frames_are_centers_unless_asked_otherwise():
    of_a_front_end = {align, decode, label_utterances, train_phone_hmm_on_labels, FrameClock.of}
    for function in [*of_a_front_end, frame_labels, label_frames, FrameClock]:
        defaults = {name: parameter.default for name, parameter in inspect.signature(function).parameters.items()}
        sizes = (None, None) if function in of_a_front_end else (25.0, 10.0)
        assert (defaults["times"], defaults["frame_length"], defaults["frame_shift"]) == ("center", *sizes)
    assert FrameClock().first == 12.5
    assert label_frames([Label(0.0125, 0.0325, "AH")], 9).tolist() == [[0, 2]]
    data = label_utterances({"u": np.zeros((9, 1))}, {"u": [Label(0.0125, 0.0325, "AH")]}, {"u": "ann"})
    assert data.ranges.tolist() == [[0, 2]]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"frame_shift": 5.0, "frame_length": 20.0},
        {"frame_shift": 12.5, "snip_edges": False},
        {"convention": "htk", "frame_shift": 8.0},
        {"convention": "librosa", "frame_shift": 16.0, "frame_length": 32.0},
        {"convention": "librosa", "snip_edges": False, "frame_shift": 16.0, "frame_length": 32.0},
    ],
)
def test_frames_are_where_the_front_end_takes_them_from(options):
    """A click at the center of frame 20 makes that frame, or the two beside the center, the loudest."""
    front = gs.FrontEnd(features={"type": "fbank", "dither": 0.0, **options})
    clock = FrameClock.of(front.to_json())
    center = clock.first + 20 * clock.frame_shift
    signal = np.zeros(16000, np.float32)
    signal[round(16 * center)] = 0.9
    energy = front(signal, 16000).sum(axis=1)
    loud = np.flatnonzero(energy > energy.min() + 0.5 * (energy.max() - energy.min()))
    assert loud.mean() == pytest.approx(20, abs=0.5)
    edge = 1000 * clock.edge(20)
    assert edge == pytest.approx(center - clock.frame_shift / 2)


def test_front_ends_that_leave_frames_out_have_no_times():
    with pytest.raises(ConfigError, match=r"^front end: found voice activity detection, .*, expected one without"):
        FrameClock.of(gs.FrontEnd(vad={"method": "energy"}).to_json())


def test_rounded_times_that_overlap_a_little_share_no_frame():
    labels = [Label(0.0, 0.1003, "SIL"), Label(0.1, 0.2, "AH")]
    check_labels(labels, owner="u")
    assert label_frames(labels, 20, times="start").tolist() == [[0, 10], [10, 20]]
    assert label_frames([], 5).shape == (0, 2)
    assert frame_labels([], 3).tolist() == ["", "", ""]


@pytest.mark.parametrize(
    ("labels", "match"),
    [
        ([(0, 1, "A"), (0.5, 2, "B")], r"^u1: found B \(0.5 to 2 s\) after A \(0 to 1 s\), .* don't overlap"),
        ([(1, 2, "A"), (0, 0.5, "B")], r"^u1: found B \(0 to 0.5 s\) after A \(1 to 2 s\), .* don't go backwards"),
        ([(0.3, 0.2, "A")], r"^u1: found A \(0.3 to 0.2 s\), expected it to end after it starts"),
        ([(-0.1, 0.2, "A")], r"^u1: found A \(-0.1 to 0.2 s\), expected times that are numbers from 0"),
        ([(0, float("nan"), "A")], r"found A \(0 to nan s\), expected times that are numbers"),
        ([(0, float("inf"), "A")], "found A .*, expected times that are numbers"),
        (
            [(0, 1, "A"), (1, 3.02, "B")],
            r"^u1: found B \(1 to 3.02 s\), expected an end within the audio of 3 s \(or 10 ms",
        ),
    ],
)
def test_labels_that_make_no_sense(labels, match):
    with pytest.raises(DataError, match=match) as caught:
        check_labels([Label(*label) for label in labels], owner="u1", duration=3.0)
    assert "\n" not in str(caught.value)


def test_labels_that_make_sense():
    labels = [Label(0, 1, "A"), Label(1.5, 1.5, "point"), Label(1.4995, 3.01, "B")]
    check_labels(labels, owner="u", duration=3.0)
    check_labels([], owner="u", duration=0.0)


@pytest.mark.parametrize(
    "options", [{"times": "end"}, {"frame_shift": 0.0}, {"frame_length": -25.0}, {"frame_shift": float("nan")}]
)
def test_options_that_make_no_sense(options):
    name = next(iter(options))
    with pytest.raises(ConfigError, match=f"^{name}: found .*, expected "):
        frame_labels([], 5, **options)


@pytest.mark.parametrize(
    ("times", "rule"),
    [
        ([(0, 0.2), (0.1, 0.3)], "don't overlap"),
        ([(0.5, 0.7), (0, 0.3)], "don't go backwards"),
        ([(0.5, 0.3)], "after"),
    ],
)
def test_frames_of_labels_out_of_order(times, rule):
    with pytest.raises(DataError, match=f"^labels: found A .*, expected .*{rule}"):
        frame_labels([Label(start, end, "A") for start, end in times], 100)


def test_labels_of_all_corpora_are_in_order_and_within_the_audio(corpus):
    count = 0
    for path in sorted(corpus("").glob("*/data/*/*.ctm")):
        durations = read_map(path.parent / "utt2dur")
        for utterance, labels in read_ctm(path).items():
            check_labels(labels, owner=utterance, duration=float(durations[utterance]))
            if path.name == "phones.ctm":  # without gaps, also in floating point
                assert all(a.end == b.start for a, b in itertools.pairwise(labels))
            count += 1
    assert count > 3000


def test_aligned_corpora_come_back_through_their_frames(corpus):
    """The aligner wrote frame index x 10 ms, so with that convention nothing is lost."""
    for labels in read_ctm(corpus("librispeech-tiny") / "data/all/phones.ctm").values():
        names = frame_labels(labels, round(labels[-1].end * 100), times="start")
        assert "" not in names
        merged = [a for a, b in zip(labels, [*labels[1:], None], strict=True) if b is None or a.name != b.name]
        assert [label.end for label in labels_of_frames(names, times="start")] == [label.end for label in merged]


def test_no_function_has_another_default_of_times():
    """Found in the source, so that a function that comes later is held to it too."""
    found = {}
    for path in Path(gs.__file__).parent.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)) if "times" in text else ():
            if isinstance(node, ast.FunctionDef):
                positional = zip(reversed(node.args.args), reversed(node.args.defaults), strict=False)
                named = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
                for argument, default in [*positional, *named]:
                    if argument.arg == "times":
                        found[f"{path.stem}.{node.name}"] = None if default is None else ast.literal_eval(default)
    assert len(found) >= 8
    assert set(found.values()) <= {"center", None}, found  # None: it has to be given
