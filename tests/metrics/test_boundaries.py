"""Agreement on boundaries: by hand, against sums written out, and against all ways to pair boundaries."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from gmmspeech.errors import ConfigError, DataError
from gmmspeech.metrics.boundaries import BoundaryDetection, boundary_agreement, detect_boundaries

REFERENCE = {
    "u": [(0.0, 0.1, "SIL"), (0.1, 0.2, "A"), (0.2, 0.3, "B"), (0.3, 0.4, "C"), (0.4, 0.5, "SIL")],
    "v": [(0.5, 0.6, "A"), (0.6, 0.7, "A")],
}
HYPOTHESIS = {
    "u": [(0.0, 0.104, "SIL"), (0.104, 0.22, "A"), (0.22, 0.25, "B"), (0.25, 0.41, "C")],
    "v": [(0.5, 0.599, "A"), (0.599, 0.76, "A")],
}


def test_boundaries_of_matched_labels():
    hypothesis = {"u": [(0.0, 0.12, "SIL"), (0.12, 0.2, "A"), (0.2, 0.3, "X"), (0.33, 0.5, "C")]}
    agreement = boundary_agreement({"u": REFERENCE["u"]}, hypothesis)
    np.testing.assert_allclose(agreement.differences, [0.02, 0.03])
    assert agreement.matched == pytest.approx(2 / 3)
    assert agreement.within(0.02) == 0.5  # twenty milliseconds are within twenty, for all their rounding
    assert agreement.within(0.03) == 1.0
    assert np.isnan(boundary_agreement({"u": []}, {"u": []}).within())


def test_starts_and_ends_before_silence():
    found = boundary_agreement(REFERENCE, HYPOTHESIS, ends=True)
    expected = [  # utterance, time, before, after, difference
        ("u", 0.1, "", "A", 0.004),
        ("u", 0.2, "A", "B", 0.02),
        ("u", 0.3, "B", "C", -0.05),
        ("u", 0.4, "C", "", 0.01),
        ("v", 0.5, "", "A", 0.0),
        ("v", 0.6, "A", "A", -0.001),
        ("v", 0.7, "A", "", 0.06),
    ]
    assert found.num_reference == len(expected)
    rows = zip(found.utterances, found.times, found.before, found.after, found.differences.round(9), strict=True)
    assert list(rows) == expected
    errors = [0.004, 0.02, -0.05, 0.01, 0.0, -0.001, 0.06]
    assert found.bias == pytest.approx(sum(errors) / 7)
    assert found.mean_absolute == pytest.approx(sum(map(abs, errors)) / 7)
    assert found.median_absolute == pytest.approx(0.01)
    assert found.median == pytest.approx(0.004)
    assert [round(7 * found.within(t)) for t in (0.005, 0.010, 0.020, 0.050)] == [3, 4, 5, 6]
    assert boundary_agreement(REFERENCE, HYPOTHESIS).num_reference == 5


def test_classes_of_both_sides():
    found = boundary_agreement(REFERENCE, HYPOTHESIS, ends=True).by_class({"A": "vowel", "B": "stop"})
    assert {pair: part.num_reference for pair, part in found.items()} == {
        ("silence", "vowel"): 2,
        ("other", "silence"): 1,
        ("stop", "other"): 1,
        ("vowel", "silence"): 1,
        ("vowel", "stop"): 1,
        ("vowel", "vowel"): 1,
    }
    assert next(iter(found)) == ("silence", "vowel")
    assert found["stop", "other"].mean_absolute == pytest.approx(0.05)
    assert found["stop", "other"].times.tolist() == [0.3]


def test_small_gaps_are_rounding():
    found = boundary_agreement({"u": [(0.1, 0.2, "A"), (0.2009, 0.3, "B")]}, {"u": []}, ends=True)
    assert found.num_reference == 3
    assert np.isnan([found.mean_absolute, found.median_absolute, found.bias, found.median]).all()
    assert boundary_agreement({"u": [(0.1, 0.2, "A"), (0.22, 0.3, "B")]}, {"u": []}, ends=True).num_reference == 4


def test_detection_by_hand():
    """The R-value as the paper writes it, in per cent."""
    found = detect_boundaries(REFERENCE, HYPOTHESIS)
    assert found == BoundaryDetection(hits=5, num_reference=7, num_hypothesis=7)
    assert (found.precision, found.recall, found.f1) == (5 / 7, 5 / 7, pytest.approx(5 / 7))
    more = BoundaryDetection(hits=70, num_reference=100, num_hypothesis=130)
    hit_rate, over = 70.0, 30.0
    r1 = math.sqrt((100 - hit_rate) ** 2 + over**2)
    r2 = (-over + hit_rate - 100) / math.sqrt(2)
    assert more.r_value == pytest.approx(1 - (abs(r1) + abs(r2)) / 200)
    assert BoundaryDetection(100, 100, 100).r_value == 1.0
    assert more.f1 == pytest.approx(2 * more.precision * more.recall / (more.precision + more.recall))
    nothing = BoundaryDetection(0, 0, 0)
    assert np.isnan([nothing.precision, nothing.recall, nothing.f1, nothing.r_value]).all()


def labels_at(times):
    """Labels without gaps between these times, so that these are their boundaries."""
    return [(a, b, "A") for a, b in itertools.pairwise(times)]


def most_pairs(ours, theirs, tolerance):
    """The most pairs, by trying all."""
    if not ours:
        return 0
    first, rest = ours[0], ours[1:]
    best = most_pairs(rest, theirs, tolerance)
    for i, time in enumerate(theirs):
        if abs(first - time) <= tolerance + 1e-6:
            best = max(best, 1 + most_pairs(rest, theirs[:i] + theirs[i + 1 :], tolerance))
    return best


TIMES = st.lists(st.integers(0, 30), min_size=2, max_size=6, unique=True).map(
    lambda found: [t / 100 for t in sorted(found)]
)


@given(TIMES, TIMES, st.integers(1, 5))
def test_each_boundary_has_one_partner(ours, theirs, hundredths):
    tolerance = hundredths / 100
    found = detect_boundaries({"u": labels_at(ours)}, {"u": labels_at(theirs)}, tolerance=tolerance)
    assert found == BoundaryDetection(most_pairs(ours, theirs, tolerance), len(ours), len(theirs))


NAMES = st.lists(st.sampled_from(["A", "B", "SIL"]), min_size=1, max_size=8)


@given(NAMES, st.integers(0, 2**32 - 1))
def test_figures_are_those_of_plain_loops(names, seed):
    rng = np.random.default_rng(seed)
    starts = np.cumsum(rng.uniform(0.03, 0.2, len(names) + 1)).round(3)
    moved = (starts + rng.uniform(-0.01, 0.01, len(starts))).round(4)
    sides = [
        {"u": [(float(a), float(b), name) for (a, b), name in zip(itertools.pairwise(side), names, strict=True)]}
        for side in (starts, moved)
    ]
    expected = []
    for i, name in enumerate(names):
        if name != "SIL":
            expected.append(moved[i] - starts[i])
            if i + 1 == len(names) or names[i + 1] == "SIL":
                expected.append(moved[i + 1] - starts[i + 1])
    found = boundary_agreement(*sides, ends=True)
    np.testing.assert_allclose(found.differences, expected, atol=1e-12)
    assert found.matched == 1.0 or not expected
    if expected:
        assert found.mean_absolute == pytest.approx(sum(abs(e) for e in expected) / len(expected))
        assert found.within(0.005) == sum(abs(e) <= 0.005 + 1e-6 for e in expected) / len(expected)


def test_what_is_refused():
    with pytest.raises(DataError, match="references: found nothing for utterance v"):
        boundary_agreement({"u": []}, {"u": [], "v": []})
    with pytest.raises(DataError, match="hypotheses: found nothing for utterance v"):
        detect_boundaries({"u": [], "v": []}, {"u": []})
    with pytest.raises(ConfigError, match="tolerance"):
        detect_boundaries({"u": []}, {"u": []}, tolerance=0.0)
