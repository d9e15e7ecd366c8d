"""Confusion matrices show the counts, and their shares of the rows."""

import numpy as np
import pytest

import gmmspeech as gs
from gmmspeech.errors import DataError


def test_confusion_is_shared_out_by_row():
    """Colors are shares of the row, numbers are counts; a class that never came up is no trouble."""
    axes = gs.plot.confusion([[3, 1, 0], [0, 5, 0], [0, 0, 0]], ["a", "b", "c"])
    np.testing.assert_allclose(axes.images[0].get_array(), [[75, 25, 0], [0, 100, 0], [0, 0, 0]])
    assert [text.get_text() for text in axes.texts] == ["3", "1", "5"]
    assert not gs.plot.confusion(np.eye(30), [str(i) for i in range(30)]).texts
    with pytest.raises(DataError, match=r"^confusion matrix: found shape \(2, 2\), expected \(3, 3\)$"):
        gs.plot.confusion(np.eye(2), ["a", "b", "c"])


def test_groups_of_a_confusion_matrix_are_parted():
    axes = gs.plot.confusion(
        np.eye(4, dtype=int), ["AA", "IY", "S", "T"], groups={"AA": "vowel", "IY": "vowel", "S": "s"}
    )
    lines = sorted({float(line.get_ydata()[0]) for line in axes.lines if line.get_ydata()[0] == line.get_ydata()[1]})
    assert lines == [1.5, 2.5]
    assert [text.get_text() for text in axes.texts if not text.get_text().isdigit()] == ["vowel", "s", ""]
