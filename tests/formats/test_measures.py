"""Tables of measures come back, and wrong ones are named by line."""

import pytest

from gmmspeech.errors import DataError
from gmmspeech.formats.measures import measures_of, read_measures, write_measures


def test_tables_come_back(tmp_path):
    rows = {"a": (1.5, -3.0), "b/c": (2.0, 20.25)}
    write_measures(tmp_path / "m", ("log_seconds", "snr_db"), rows)
    names, found = read_measures(tmp_path / "m")
    assert names == ("log_seconds", "snr_db")
    assert found == {id: list(row) for id, row in rows.items()}
    assert measures_of(["b/c", "a"], found, tmp_path / "m", "test").tolist() == [[2.0, 20.25], [1.5, -3.0]]
    with pytest.raises(DataError, match=r"m: found no measures of model A, expected those of all models and tests"):
        measures_of(["A"], found, tmp_path / "m", "model")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a 1 2\n", ":1: found a, expected a head"),
        ("id x x\na 1 2\n", ":1: found id, expected a head"),
        ("id x y\na 1\n", ":2: found 1 measure, expected 2: x y"),
        ("id x\na one\n", ":2: found one, expected a number"),
        ("id x\na 1\na 2\n", ":3: found a again"),
        ("id x\n", "found no measures"),
    ],
)
def test_wrong_tables_are_refused(tmp_path, text, message):
    (tmp_path / "m").write_text(text)
    with pytest.raises(DataError, match=message):
        read_measures(tmp_path / "m")
