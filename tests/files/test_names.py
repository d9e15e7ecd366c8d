"""Names of files made of ids."""

import os
from contextlib import nullcontext
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import example, given, settings, strategies as st

from gmmspeech.errors import DataError
from gmmspeech.files.names import check_apart, file_name, id_of_name

IDS = st.text(max_size=300) | st.text("./\\%~2Fe", max_size=12)
HOSTILE = [
    "",
    ".",
    "..",
    "/",
    "/abs/x",
    "../../x",
    "a/b",
    "a\\b",
    "a\0b",
    "a\nb",
    "%empty",
    "%",
    "\udc80",
    "é" * 250,
    "CON:",
    "aux",
    "Com1.x",
]


@given(st.lists(IDS, max_size=8, unique=True))
@example(HOSTILE)
@settings(max_examples=200)
def test_every_id_has_a_name_of_its_own_in_the_folder(ids):
    names = [file_name(id, ".lab") for id in ids]
    assert len(set(names)) == len(ids)
    for id, name in zip(ids, names, strict=True):
        assert PurePosixPath("/out", name).parent == PurePosixPath("/out")
        assert PureWindowsPath("C:/out", name).parent == PureWindowsPath("C:/out")
        assert name[0] != "."
        assert name.isprintable()
        assert " " not in name
        assert 4 < len(os.fsencode(name)) <= 200
        assert id_of_name(name[:-4]) in (id, name[:-4])


@given(st.text(max_size=15))
@example("%41")
def test_ids_come_back_and_names_of_others_stay(text):
    assert id_of_name(file_name(text)) == text
    assert id_of_name(text) == text or file_name(id_of_name(text)) == text


def test_what_is_readable_stays():
    for id in ("1688-142285-0008", "ann_1.2", "sp+x@y=z", "جملة", "é"):
        assert file_name(id, ".TextGrid") == f"{id}.TextGrid"
    assert file_name("x" * 300).startswith("x" * 150)


@pytest.mark.parametrize("id", ["con", "NUL", "aux.1", "lpt1"])
def test_no_name_is_that_of_a_device_of_windows(id):
    name = file_name(id, ".lab")
    assert name[0] == "%"
    assert id_of_name(name.removesuffix(".lab")) == id
    assert file_name("console", ".lab") == "console.lab"


@pytest.mark.parametrize("system", ["win32", "darwin", "linux"])
def test_names_that_differ_in_case_alone_are_told_where_they_are_one(system, monkeypatch):
    monkeypatch.setattr("sys.platform", system)
    with (
        pytest.raises(DataError, match=r"^out: found Ann.lab and ann.lab, which are one file on this system")
        if (system != "linux")
        else nullcontext()
    ):
        check_apart(["Ann.lab", "bob.lab", "ann.lab"], "out")
