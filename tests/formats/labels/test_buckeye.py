"""Label files of the Buckeye corpus, in the form that its documentation shows."""

import pytest

from gmmspeech.errors import DataError
from gmmspeech.formats.labels.buckeye import read_buckeye
from gmmspeech.formats.labels.labels import read_labels, write_labels
from gmmspeech.phones.labels.labels import Label

HEADER = (
    "signal s0101a\ntype 1\ncolor 122\ncomment created using xlabel Fri Apr 19 11:54:04 2002\n"
    "font -misc-*-bold-*-*-*-15-*-*-*-*-*-*-*\nseparator ;\nnfields 1\n#\n"
)
PHONES = (
    "    0.032276  122 {B_TRANS}\n    0.047440  122 SIL\n    0.103386  121 k; \n    0.150000  122\n"
    "    0.211  122 ey; *\n"
)
WORDS = "    0.047440  122 <SIL>; S\n    0.211000  122 okay; ow k ey; k ey; NN\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "s0101a.phones").write_text(HEADER + PHONES)
    (tmp_path / "s0101a.words").write_text(HEADER + WORDS)
    return tmp_path


def test_each_label_begins_where_the_last_ended(folder):
    assert read_buckeye(folder / "s0101a.phones") == [
        Label(0.0, 0.032276, "{B_TRANS}"),
        Label(0.032276, 0.04744, "SIL"),
        Label(0.04744, 0.103386, "k"),
        Label(0.15, 0.211, "ey"),
    ]
    assert [label.name for label in read_buckeye(folder / "s0101a.words")] == ["<SIL>", "okay"]


def test_as_any_label_file(folder):
    assert read_labels(folder / "s0101a.words")["s0101a"][1] == Label(0.04744, 0.211, "okay")
    assert read_labels(folder, format="phones")["s0101a"][1].name == "SIL"
    with pytest.raises(DataError, match=r"\.phones and \.words"):
        read_labels(folder)
    labels = [Label(0.1, 0.2, "k"), Label(0.2, 0.35, "ey"), Label(0.4, 0.5, "k")]
    write_labels(folder / "a.phones", {"a": labels})
    assert read_buckeye(folder / "a.phones") == labels
    with pytest.raises(DataError, match="can't hold the name"):
        write_labels(folder / "a.phones", {"a": [Label(0.0, 1.0, "k; g")]})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0.1 122 k\n", "no line with # alone"),
        (HEADER + "0.1 122 k\n0.05 122 ey\n", ":10: found an end at 0.05 s, expected none before 0.1 s"),
        (HEADER + "abc 122 k\n", ":9: found abc 122 k, expected the end in seconds, a color and a name"),
        (HEADER + "0.1 k\n", ":9: found 0.1 k"),
        (HEADER + "0.1\n", ":9: found 0.1, expected"),
    ],
)
def test_what_is_refused(tmp_path, text, message):
    path = tmp_path / "a.phones"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_buckeye(path)
