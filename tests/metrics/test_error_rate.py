"""Error rates against a plain edit distance and by hand."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from gmmspeech.errors import DataError
from gmmspeech.metrics.error_rate import ErrorRate, error_rate

SEQUENCES = st.lists(st.sampled_from(["A", "B", "C"]), max_size=8)


def edit_distance(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        above, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (x != y))
    return row[-1]


@given(st.lists(st.tuples(SEQUENCES, SEQUENCES), min_size=1, max_size=4))
def test_errors_are_the_least_number_of_edits(pairs):
    references, hypotheses = ({f"u{i}": pair[side] for i, pair in enumerate(pairs)} for side in (0, 1))
    counts = error_rate(references, hypotheses)
    assert counts.substitutions + counts.deletions + counts.insertions == sum(edit_distance(*pair) for pair in pairs)
    assert counts.num_reference == sum(len(a) for a, _ in pairs)
    assert counts.insertions - counts.deletions == sum(len(b) - len(a) for a, b in pairs)
    assert counts.confusions.total() == counts.substitutions + counts.deletions + counts.insertions


def test_silence_is_not_scored():
    counts = error_rate({"u": ["SIL", "A", "SIL", "B"]}, {"u": ["A", "B", "SIL", "SIL"]})
    assert (counts.rate, counts.num_reference) == (0, 2)
    assert error_rate({"u": ["sil", "A"]}, {"u": ["A"]}, ignore=("sil",)).rate == 0


def test_counts_add_and_show():
    one = error_rate({"u": ["A", "B"]}, {"u": ["A", "C", "C"]})
    both = one + one
    assert both.confusions["B", "C"] == 2
    assert str(both) == "100.00 % of 4: 2 substitutions, 0 deletions, 2 insertions"
    assert np.isnan(ErrorRate().rate)


def test_missing_utterances_are_named():
    with pytest.raises(DataError, match="hypotheses: found nothing for utterance v"):
        error_rate({"u": [], "v": ["A"]}, {"u": []})
    with pytest.raises(DataError, match="references: found nothing for utterance v"):
        error_rate({"u": []}, {"u": [], "v": []})
