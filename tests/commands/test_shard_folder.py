"""Folders of shards: what runs left is removed, what others put there is not."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from contents import contents

import gmmspeech as gs
from gmmspeech.commands.extraction import extract_features
from gmmspeech.commands.shard_folder import check_shard_folder, clear_shard_folder, read_record
from gmmspeech.errors import DataError
from gmmspeech.files.atomic import atomic_path, one_run_at_a_time, temporary_folder
from gmmspeech.formats.datadir import read_data_dir
from gmmspeech.stores.raw_frames import raw_writer

FRONT = gs.FrontEnd(sample_frequency=8000, features={"type": "mfcc", "num_ceps": 4})
NAME = "0001-0123456789abcdef"
UNIX = pytest.mark.skipif(os.name == "nt", reason="Unix has links and locks")


@pytest.fixture
def data(tmp_path):
    import soundfile

    folder = tmp_path / "data"
    folder.mkdir()
    for i in range(3):
        soundfile.write(folder / f"u{i}.wav", np.random.default_rng(i).normal(0, 0.1, 4000), 8000)
    (folder / "wav.scp").write_text("".join(f"u{i} u{i}.wav\n" for i in range(3)))
    (folder / "utt2spk").write_text("".join(f"u{i} s\n" for i in range(3)))
    return read_data_dir(folder)


def ours(folder):
    """Make a shard of each kind, its record, and what a killed process was writing."""
    folder.mkdir(exist_ok=True)
    gs.write_store(folder / f"{NAME}.h5", [("u", np.ones((3, 2)))])
    with raw_writer(folder / f"{NAME}.raw", storage="float32") as write:
        write("u", np.ones((3, 2)))
    (folder / f"{NAME}.json").write_text(json.dumps({"lengths": {"u": 3}, "skipped": {"v": "bad"}}))
    (folder / f".{NAME}.01234567.raw").write_bytes(b"half")
    (folder / ".whole.01234567.h5").write_bytes(b"half")


def others(folder):
    """Put files of somebody else there, some under names of ours."""
    folder.mkdir(exist_ok=True)
    found = {
        **dict.fromkeys(["thesis.tex", "0001.h5", ".bashrc", "shard-0123456789abcdef.h5"], b"precious"),
        **dict.fromkeys([f"0002-{15 * '0'}1{suffix}" for suffix in (".h5", ".raw", ".json")], b"precious"),
        f"0003-{16 * 'a'}.json": b'{"lengths": {"u": 3}}',
        f"0004-{16 * 'a'}.json": b'{"lengths": {"u": "x"}, "skipped": {}}',
        "whole.h5": b"precious",
        ".thesis.01234567.tex": b"precious",
    }
    for name, content in found.items():
        (folder / name).write_bytes(content)
    return found


def test_only_what_is_ours_is_removed(tmp_path):
    ours(tmp_path / "a")
    clear_shard_folder(tmp_path / "a")
    assert not (tmp_path / "a").exists()
    found = others(tmp_path / "b")
    ours(tmp_path / "b")
    clear_shard_folder(tmp_path / "b", keep={tmp_path / "b" / f"{NAME}.h5"})
    assert {path.name for path in (tmp_path / "b").iterdir()} == {*found, f"{NAME}.h5"}
    assert all((tmp_path / "b" / name).read_bytes() == content for name, content in found.items())
    clear_shard_folder(tmp_path / "none")


@UNIX
def test_what_is_being_written_stays(tmp_path):
    with atomic_path(tmp_path / f"{NAME}.h5") as path:
        clear_shard_folder(tmp_path)
        path.write_bytes(b"whole")
    assert (tmp_path / f"{NAME}.h5").read_bytes() == b"whole"


@UNIX
@pytest.mark.parametrize("options", [{}, {"shards": 2}, {"shards": 2, "shard": 1}])
def test_nothing_of_others_is_touched_by_a_run(data, tmp_path, options):
    out = tmp_path / "out" / "f.h5"
    out.parent.mkdir()
    folder = out.parent / ("f.shards" if options else ".f.unfinished")
    found = others(folder)
    ours(folder)
    assert extract_features([data], out, FRONT, **options).num_utterances >= 1
    assert all((folder / name).read_bytes() == content for name, content in found.items() if name != "whole.h5")
    assert out.exists() is ("shard" not in options)
    for path in (folder / name for name in found):
        path.unlink(missing_ok=True)
    if "shard" not in options:
        assert len(list(out.parent.rglob("*"))) == (6 if options else 1 + folder.exists())


@UNIX
@pytest.mark.parametrize("options", [{}, {"shards": 2}])
def test_links_are_refused(data, tmp_path, options):
    out = tmp_path / "f.h5"
    folder = tmp_path / ("f.shards" if options else ".f.unfinished")
    victim = tmp_path / "victim"
    ours(victim)
    before = contents(victim)
    folder.symlink_to(victim)
    with pytest.raises(DataError, match="found a link, expected a folder of shards"):
        extract_features([data], out, FRONT, **options)
    clear_shard_folder(folder)
    folder.unlink()
    folder.mkdir()
    (folder / f"{NAME}.h5").symlink_to(victim / f"{NAME}.h5")
    with pytest.raises(DataError, match=f"{NAME}.h5: found a link, a folder or a device"):
        extract_features([data], out, FRONT, **options)
    clear_shard_folder(folder)
    assert contents(victim) == before
    assert not out.exists()
    (folder / f"{NAME}.h5").unlink()
    folder.rmdir()
    folder.write_text("a file")
    with pytest.raises(DataError, match="found a file, expected a folder of shards"):
        check_shard_folder(folder)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"lengths": [], "skipped": {}}', '{"lengths": {"u": 0}, "skipped": {}}', "[" * 99999]
)
def test_records_that_are_none(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    assert read_record(tmp_path / "x.json") is None


# --- runs


@UNIX
def test_identical_runs_at_once_end_with_the_same_bytes(data, tmp_path):
    extract_features([data], tmp_path / "expected.h5", FRONT)
    code = """
import sys
from pathlib import Path
import gmmspeech as gs
from gmmspeech.commands import extraction, shards
from gmmspeech.formats.datadir import read_data_dir
shards.SHARD_BYTES = 5000
extraction.extract_features([read_data_dir(sys.argv[1])], Path(sys.argv[2]), gs.FrontEnd.from_json(sys.argv[3]))
"""
    out = tmp_path / "out" / "f.h5"
    command = [sys.executable, "-c", code, str(data.path), str(out), FRONT.to_json()]
    with one_run_at_a_time(out.with_name(".f.unfinished")):  # until all have come
        runs = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
        assert all("another run is writing it, waiting" in run.stderr.readline() for run in runs)
        assert not out.exists()
    said = [run.communicate(timeout=120)[1] for run in runs]
    assert [run.returncode for run in runs] == [0, 0, 0], said
    assert out.read_bytes() == (tmp_path / "expected.h5").read_bytes()
    assert list(out.parent.iterdir()) == [out]


@UNIX
def test_temporary_folders_of_killed_runs_are_removed(tmp_path, monkeypatch):
    code = """
from gmmspeech.files.atomic import temporary_folder
with temporary_folder() as folder:
    print(folder, flush=True)
    input()
"""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": environment}
    (tmp_path / "gmmspeech-notes").mkdir()
    (tmp_path / "gmmspeech-notes" / "thesis.tex").write_text("precious")
    with subprocess.Popen([sys.executable, "-c", code], **options) as dead:
        place = Path(dead.stdout.readline().strip())
        (place / "features.h5").write_bytes(b"half")
        dead.kill()
    (tmp_path / "gmmspeech-link").symlink_to(place)
    with subprocess.Popen([sys.executable, "-c", code], **options) as living:
        other = Path(living.stdout.readline().strip())
        assert not place.exists()
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        with temporary_folder() as third:
            assert other.exists()
            assert third.parent == tmp_path
        living.communicate("\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gmmspeech-link", "gmmspeech-notes"]
