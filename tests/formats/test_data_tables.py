"""Lists of data directories, read as they are and written in the order of Unix's sort."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, strategies as st

from gmmspeech.errors import DataError
from gmmspeech.formats.data_tables import (
    OWNERS,
    durations,
    filtered,
    missing_files,
    moved,
    read_tables,
    read_whole_tables,
    write_tables,
)
from gmmspeech.formats.datadir import read_data_dir

IDS = st.text(st.characters(codec="utf-8", exclude_categories=("Z", "C")), min_size=1, max_size=4)


@pytest.mark.skipif(os.name == "nt", reason="Unix has sort")
def test_the_order_is_that_of_sort(tmp_path: Path) -> None:
    @given(st.sets(IDS, min_size=1, max_size=9))
    def check(ids: set[str]) -> None:
        write_tables(tmp_path, {"utt2spk": dict.fromkeys(ids, "x")})
        written = (tmp_path / "utt2spk").read_bytes()
        assert (
            written == subprocess.run(["sort", "-k1,1"], input=written, capture_output=True, env={"LC_ALL": "C"}).stdout
        )

    check()


def test_every_line_that_is_amiss_is_told(tmp_path: Path) -> None:
    for name, lines in {
        "utt2spk": "b-1 b\na-1 a\n\n a-2 a\na-1 a\n",
        "spk2gender": "a male\nb f\n",
        "text": "a-1 a <s> b\n",
        "segments": "a-1 r 2 1\n",
        "wav.scp": "r ~/r.wav\n",
        "utt2dur": "a-1 0\n",
        "reco2dur": "r one\n",
        "utt2num_frames": "a-1 1.5\n",
        "spk2warp": "a 2\n",
        "reco2file_and_channel": "r r C\n",
    }.items():
        (tmp_path / name).write_text(lines)
    told: list[str] = []
    tables = read_tables(tmp_path, told)
    assert tables["utt2spk"] == {"b-1": "b", "a-1": "a", "a-2": "a"}
    for expected in (
        "utt2spk:3: found an empty line",
        "utt2spk:4: found a blank before a-2",
        "utt2spk:5: found the same line again, expected each id once (fix-data keeps the first)",
        "utt2spk:2: found a-1 after b-1, expected the order of bytes",
        "spk2gender:1: found male for a, expected m or f",
        "text:1: found a <s> b for a-1, expected none of <s>",
        "segments:1: found r 2 1 for a-1, expected a recording, and its seconds from start to a later end",
        "wav.scp:1: found ~/r.wav for r, expected a file",
        "utt2dur:1: found 0 for a-1, expected seconds above 0",
        "reco2dur:1: found one for r, expected seconds above 0",
        "utt2num_frames:1: found 1.5 for a-1, expected a whole number",
        "spk2warp:1: found 2 for a, expected a number between 0.5 and 1.5",
        "reco2file_and_channel:1: found r C for r, expected a file's name and channel A or B",
    ):
        assert sum(f"{tmp_path}/{expected}" in line for line in told) == 1, (expected, told)
    assert len(told) == 13
    with pytest.raises(DataError, match="utt2spk:3: found an empty line"):
        read_whole_tables(tmp_path)


@pytest.mark.parametrize(
    ("content", "expected"),
    [(None, "no such file"), ("u\n", "found u, expected an utterance and its speaker"), ("", "found 0 bytes")],
)
def test_what_is_no_data_directory(tmp_path: Path, content: str | None, expected: str) -> None:
    if content is not None:
        (tmp_path / "utt2spk").write_text(content)
    with pytest.raises(DataError, match=expected):
        read_tables(tmp_path)


def test_lists_of_whichever_owner_are_filtered(tmp_path: Path) -> None:
    tables = {
        "utt2spk": {"a-1": "a", "a-2": "a", "b-1": "b"},
        "segments": {"a-1": "r 0 1", "a-2": "q 0 1", "b-1": "q 1 2"},
        **{name: {"a": "x", "b": "y"} for name, owner in OWNERS.items() if owner == "speaker"},
        **{name: {"r": "x", "q": "y"} for name, owner in OWNERS.items() if owner == "recording"},
    }
    found = filtered(tables, {"a-1"})
    for name, table in found.items():
        assert list(table) == [{"utterance": "a-1", "speaker": "a", "recording": "r"}[OWNERS[name]]], name
    assert found["spk2utt"] == {"a": "a-1"}
    (tmp_path / "text").write_text("left of others\n")
    write_tables(tmp_path, found)
    assert {p.name for p in tmp_path.iterdir()} == found.keys()


def test_paths_lead_to_the_same_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, new = tmp_path / "corpus/data/train", tmp_path / "elsewhere/d"
    folder.mkdir(parents=True)
    (tmp_path / "corpus/r.wav").touch()
    (folder / "wav.scp").write_text("r r.wav\n")
    (folder / "utt2spk").write_text("r a\n")
    command = {"wav.scp": {"r": "cat r.wav |"}}
    assert moved(command, folder, new) == command
    for here in (tmp_path, tmp_path / "corpus"):
        monkeypatch.chdir(here)
        tables = moved(read_tables(folder), folder, new)
        assert tables["wav.scp"] == {"r": f"{tmp_path}/corpus/r.wav" if here == tmp_path else "r.wav"}
        write_tables(new, tables)
        assert read_data_dir(new).recordings["r"].samefile(tmp_path / "corpus/r.wav")
        assert not missing_files(new, tables)
    assert missing_files(new, {"wav.scp": {"r": "none.wav"}}) == {"r": "none.wav"}


def test_lengths_of_recordings(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(4000), 8000)
    (tmp_path / "b.wav").write_text("none")
    tables = {"wav.scp": {"a": "a.wav", "b": "b.wav", "c": "cat c.wav |", "d": "d.wav"}, "reco2dur": {"d": "2.5"}}
    assert durations(tmp_path, tables, ["a", "b", "c", "d", "e"]) == {"a": 0.5, "d": 2.5}


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("text", b"", r"text: found 0 bytes, .* \(make it anew, or remove it; then fix-data"),
        ("text", b"u1 caf\xe9\n", r"text:1: found byte 0xe9, expected UTF-8 text \(iconv converts"),
        ("utt2spk", b"u1 ann\nu2\n", r"utt2spk: found u2, expected an utterance and its speaker \(give it a speaker"),
    ],
)
def test_what_has_to_be_done_by_hand_is_told(tmp_path, name, content, match):
    (tmp_path / "utt2spk").write_text("u1 ann\n")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=match):
        read_tables(tmp_path)
