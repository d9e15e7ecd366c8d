"""Pictures of durations and histograms have the figures that were put in."""

import numpy as np
import pytest

from gmmspeech.errors import DataError
from gmmspeech.plot.durations import durations, histogram


def test_phones_by_manner_with_medians():
    axes = durations({"T": [0.05, 0.07, 0.06], "IY": [0.2], "AA": [0.1, 0.3], "M": []})
    assert [text.get_text() for text in axes.get_xticklabels()] == ["AA", "IY", "T"]
    medians = [line.get_ydata()[0] for line in axes.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(medians, [200, 200, 60])
    with pytest.raises(DataError, match="durations: found no segment"):
        durations({})


def test_shares_of_a_histogram():
    shares = histogram([1.0, 2.0, 3.0, 90.0], label="ms", highest=60.0).patches[0].get_data()
    assert shares.values.sum() == pytest.approx(100)
    assert (shares.edges[0], shares.edges[-1], shares.values[-1]) == (1.0, 60.0, 25.0)
    assert histogram([2.0, 2.0], label="ms").patches[0].get_data().values.sum() == 100
    with pytest.raises(DataError, match="values: found an array of shape"):
        histogram([], label="ms")
