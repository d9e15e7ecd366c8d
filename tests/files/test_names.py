"""Names of files made of ids, and arguments that say where to write."""

import os
from contextlib import nullcontext
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import example, given, settings, strategies as st

from gmmspeech.errors import ConfigError, DataError
from gmmspeech.files.names import Output, check_apart, file_name, id_of_name, parse_output

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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("feats.h5", Output("file", "feats.h5")),
        ("C:\\feats.h5", Output("file", "C:\\feats.h5")),
        ("./ark:x", Output("file", "./ark:x")),
        ("ark:a", Output("ark", "a")),
        ("ark,b:a", Output("ark", "a")),
        ("t,ark:a", Output("ark", "a", None, True)),
        ("ark,t,scp:a,b", Output("ark", "a", "b", True)),
        ("htk:dir", Output("htk", "dir")),
    ],
)
def test_outputs(text, expected):
    assert parse_output(text, archives=True) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("-", "standard output"),
        ("ark:-", "standard output"),
        ("ark,t:-", "standard output"),
        ("ark,scp:-,x", "standard output"),
        ("ark,scp:x,-", "standard output"),
        ("| gzip -c > x.gz", "a command"),
        ("ark:| gzip -c > x.gz", "a command"),
        ("ark:|gzip -c > x.gz", "a command"),
        ("gzip -c |", "a command"),
        ("scp,ark:a,b", "the archive first"),
        ("scp:a", "expected ark:PATH"),
        ("ark,f:a", "expected ark:PATH"),
        ("ark,t,b:a", "expected ark:PATH"),
        ("ark,scp:a", "expected ark:PATH"),
        ("ark,scp:a,b,c", "expected ark:PATH"),
        ("ark:", "the name of a file"),
        ("htk:", "the name of a file"),
        ("", "the name of a file"),
    ],
)
def test_outputs_that_are_refused(text, message):
    for archives in (True, False):
        with pytest.raises(ConfigError, match=message):
            parse_output(text, archives=archives)


@pytest.mark.parametrize("text", ["ark:a", "ark,t:a", "ark,scp:a,b", "htk:a"])
def test_only_one_command_writes_archives(text):
    with pytest.raises(ConfigError, match="copy-features"):
        parse_output(text)


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
