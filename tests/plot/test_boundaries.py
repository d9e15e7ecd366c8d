"""Pictures of errors of boundaries have the figures that were put in."""

import numpy as np
import pytest

from gmmspeech.errors import DataError
from gmmspeech.metrics.boundaries import boundary_agreement
from gmmspeech.plot.boundaries import BIN, WIDEST, boundary_errors

REFERENCE = {"u": [(i / 10, (i + 1) / 10, "AT"[i % 2]) for i in range(40)]}


def test_histogram_and_classes():
    hypothesis = {"u": [(t + (0.01 if name == "T" else 0.3), e, name) for t, e, name in REFERENCE["u"]]}
    agreement = boundary_agreement(REFERENCE, hypothesis)
    above, below = boundary_errors(agreement, classes={"A": "vowel", "T": "stop"}).child_axes
    shares = above.patches[0].get_data()
    assert shares.values.sum() == pytest.approx(100)
    places = (shares.edges[:-1] + BIN / 2)[shares.values > 0]
    np.testing.assert_allclose(places, [10, WIDEST])  # what is farther off counts in the last
    names = [text.get_text() for text in below.get_yticklabels()]
    assert names == ["vowel → stop (20)", "stop → vowel (19)"]
    medians = [line.get_xdata()[0] for line in below.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(medians, [10, 300])
    median, figures = (text.get_text() for text in above.texts)
    assert median == f"median {1000 * agreement.median:+.1f} ms"
    assert "50.0 % within 20 ms" in figures


def test_without_classes_there_is_one_picture():
    agreement = boundary_agreement(REFERENCE, REFERENCE)
    assert not boundary_errors(agreement).child_axes
    with pytest.raises(DataError, match="boundaries: found none that has a partner"):
        boundary_errors(boundary_agreement(REFERENCE, {"u": []}))
