import errno
import os
import socket
import subprocess
import sys
import time
from itertools import pairwise

import pytest

from gmmspeech.errors import DataError
from gmmspeech.files import atomic
from gmmspeech.files.atomic import (
    atomic_path,
    check_output,
    check_output_folder,
    folder_beside,
    is_temporary,
    one_run_at_a_time,
    remove_leftovers,
    write_lines,
)

UNIX = pytest.mark.skipif(os.name == "nt", reason="Unix has such files")


def test_the_file_appears_only_at_the_end_of_the_block(tmp_path):
    final = tmp_path / "new" / "folder" / "model.h5"
    with atomic_path(final) as temporary:
        temporary.write_bytes(b"whole")
        assert not final.exists()
        assert temporary.parent == final.parent
        assert temporary.name.startswith(".")
        assert temporary.suffix == ".h5"
    assert final.read_bytes() == b"whole"
    assert list(final.parent.iterdir()) == [final]


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt])
def test_what_was_there_stays_when_the_block_raises(tmp_path, kind):
    final = tmp_path / "scores"
    final.write_text("old")
    with pytest.raises(kind), atomic_path(final) as temporary:  # noqa: PT012
        temporary.write_text("half")
        raise kind
    assert final.read_text() == "old"
    assert list(tmp_path.iterdir()) == [final]


def test_file_mode_follows_the_umask(tmp_path):
    (tmp_path / "plain").touch()
    write_lines(tmp_path / "ours", ["a"])
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write_lines(tmp_path / "link", ["new"])
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "new\n"


def test_unwritable_places_give_one_line(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "scores", tmp_path):
        with pytest.raises(DataError, match="can't be written") as caught, atomic_path(path):
            pytest.fail("the block must not run")
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_full_disk_is_named_but_other_errors_of_the_block_pass_through(tmp_path):
    with pytest.raises(DataError, match="No space left"), atomic_path(tmp_path / "a"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "a"):
        (tmp_path / "not there").read_text()
    assert list(tmp_path.iterdir()) == []


def test_write_lines_is_utf8_with_plain_line_ends(tmp_path):
    write_lines(tmp_path / "text", ["u1 naïve", "u2 ok"])
    assert (tmp_path / "text").read_bytes() == "u1 naïve\nu2 ok\n".encode()


# --- what is at a place already


def refused(path, reason):
    for use in (check_output, lambda path: write_lines(path, ["new"])):
        with pytest.raises(DataError, match=f"can't be written \\({reason}") as caught:
            use(path)
        assert ascii(str(path))[1:-1] in str(caught.value)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o4755, 0o200])
@UNIX
def test_permissions_stay(tmp_path, mode):
    path = tmp_path / "scores"
    path.write_text("old")
    path.chmod(mode)
    with atomic_path(path) as temporary:
        assert not temporary.stat().st_mode & 0o777 & ~mode & ~0o200  # nobody else may read it meanwhile
        temporary.write_text("new")
    assert path.stat().st_mode & 0o7777 == mode
    assert path.read_text() == "new"


@UNIX
def test_what_is_no_plain_file_or_read_only_is_refused(tmp_path):
    path = tmp_path / "scores"
    path.write_text("old")
    path.chmod(0o444)
    refused(path, "it is read-only")
    assert path.read_text() == "old"
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "a pipe, not a regular file")
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(str(tmp_path / "socket"))
        refused(tmp_path / "socket", "a socket, not a regular file")
    (tmp_path / "link").symlink_to("/dev/null")
    for device in ("/dev/null", tmp_path / "link"):
        refused(device, "a device, not a regular file")
    reader, writer = os.pipe()
    refused(f"/dev/fd/{writer}", "a pipe, not a regular file")
    os.close(reader)
    os.close(writer)
    assert sorted(found.name for found in tmp_path.iterdir()) == ["link", "pipe", "scores", "socket"]


@UNIX
def test_devices_stay_devices(tmp_path):
    try:
        os.mknod(tmp_path / "null", 0o666 | 0o020000, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("needs the right to make devices")
    before = os.stat(tmp_path / "null")
    refused(tmp_path / "null", "a device, not a regular file")
    assert os.path.samestat(os.stat(tmp_path / "null"), before)


def test_links_that_lead_nowhere(tmp_path):
    (tmp_path / "new").symlink_to("target")
    write_lines(tmp_path / "new", ["new"])
    assert (tmp_path / "new").is_symlink()
    assert (tmp_path / "target").read_text() == "new\n"
    (tmp_path / "circle").symlink_to("circle")
    refused(tmp_path / "circle", "Too many levels")
    assert (tmp_path / "circle").is_symlink()


def test_names_that_are_long_or_none(tmp_path):
    for name in ("x" * 255, "é" * 127, "x." + "y" * 253, "." + "x" * 254):
        write_lines(tmp_path / name, ["new"])
        assert (tmp_path / name).read_text() == "new\n"
    refused(tmp_path / ("x" * 256), "File name too long")
    refused(tmp_path / "a\0b", "(lstat: )?embedded null")
    assert len(list(tmp_path.iterdir())) == 4


def test_folders_are_checked_before_the_work(tmp_path):
    (tmp_path / "file").touch()
    assert check_output(tmp_path / "new" / "folder" / "scores") == tmp_path / "new" / "folder" / "scores"
    check_output_folder(tmp_path / "new" / "folder")
    for folder in (tmp_path / "file", tmp_path / "file" / "folder"):
        with pytest.raises(DataError, match="Not a directory"):
            check_output_folder(folder)
        refused(folder / "scores", "Not a directory")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


# --- several runs


def process(code, *words):
    command = [
        sys.executable,
        "-c",
        f"import sys, time\nfrom gmmspeech.files.atomic import *\n{code}",
        *map(str, words),
    ]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@UNIX
def test_leftovers_of_the_dead_are_removed_and_those_of_the_living_stay(tmp_path):
    path = tmp_path / "st.h5"
    code = "with atomic_path(sys.argv[1]) as found:\n    print(found, flush=True)\n    input()"
    with process(code, path) as dead, process(code, path) as living:
        places = [each.stdout.readline().strip() for each in (dead, living)]
        dead.kill()
        dead.wait()
        other = tmp_path / ".other.h5.01234567.h5"
        other.touch()
        for _ in range(2):
            remove_leftovers(path)
            assert [os.path.exists(place) for place in places] == [False, True]
        assert other.exists()
        assert all(is_temporary(os.path.basename(place)) for place in places)
        assert living.communicate("\n")[1] == ""
    assert path.exists()


@UNIX
def test_leftovers_of_many_files_of_a_folder(tmp_path):
    """Each name that is written, whatever its suffix; no other name of the same pattern."""
    names = ["a", "b.htk", ".c", "d.e.htk", "f.01234567", "g.89abcdef.htk", "[h]*.x"]
    (tmp_path / "link.htk").symlink_to(tmp_path / "i.htk")
    for name in [*names, "i.htk", "k.htk"]:
        with pytest.raises(KeyboardInterrupt), atomic_path(tmp_path / name) as left:
            raise KeyboardInterrupt
        left.touch()
    others = ["b.htk", ".b.htk", ".b.0123456.htk", ".b.012345678.htk", ".b.0123456G.htk", ".b.01234567.htk.htk"]
    for name in others:
        (tmp_path / name).touch()
    assert len(list(tmp_path.iterdir())) == len(names) + len(others) + 3
    remove_leftovers(*(tmp_path / name for name in [*names, "link.htk"]), tmp_path / "none" / "b.htk")
    found = {path.name for path in tmp_path.iterdir()} - {"link.htk", *others}
    assert len(found) == 1
    assert found.pop().startswith(".k.")


@UNIX
def test_one_run_waits_for_the_other_and_says_so(tmp_path):
    path = tmp_path / "new" / "f.h5"
    code = """
with one_run_at_a_time(sys.argv[1]):
    print(time.monotonic(), flush=True)
    time.sleep(0.05)
    print(time.monotonic(), flush=True)
"""
    with one_run_at_a_time(path):
        runs = [process(code, path) for _ in range(3)]
        assert all("f.h5: another run is writing it, waiting" in run.stderr.readline() for run in runs)
        left = time.monotonic()
    said = [run.communicate() for run in runs]
    spans = [(left, left), *sorted(tuple(map(float, out.split())) for out, _ in said)]
    assert all(first[1] <= second[0] for first, second in pairwise(spans))
    assert list(path.parent.iterdir()) == []


@UNIX
def test_a_killed_run_does_not_hold_up_the_next(tmp_path):
    path = tmp_path / "f.h5"
    with process("with one_run_at_a_time(sys.argv[1]):\n    print(1, flush=True)\n    input()", path) as run:
        run.stdout.readline()
        run.kill()
    assert [found.name for found in tmp_path.iterdir()] == [".f.h5.lock"]
    began = time.monotonic()
    with one_run_at_a_time(path):
        assert time.monotonic() - began < 30
    assert list(tmp_path.iterdir()) == []


@UNIX
@pytest.mark.parametrize("step", ["_lock", "_is_at"])
def test_a_run_interrupted_while_it_begins_leaves_no_lock(tmp_path, monkeypatch, step):
    done = getattr(atomic, step)

    def interrupted(*given, **options):
        done(*given, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(atomic, step, interrupted)
    with pytest.raises(KeyboardInterrupt), one_run_at_a_time(tmp_path / "f.h5"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_where_a_system_knows_no_locks(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic, "fcntl", None)  # as on Windows
    with one_run_at_a_time(tmp_path / "a"), one_run_at_a_time(tmp_path / "a"), atomic_path(tmp_path / "a") as path:
        path.write_text("whole")
        assert [found.name for found in tmp_path.iterdir()] == [path.name]
    with folder_beside(tmp_path / "b") as folder:
        folder.rename(tmp_path / "b")
    assert sorted(found.name for found in tmp_path.iterdir()) == ["a", "b"]


@UNIX
def test_tasks_of_an_array_share_an_output(tmp_path):
    path = tmp_path / "f.h5"
    with one_run_at_a_time(path, shared=True):
        with one_run_at_a_time(path, shared=True):
            pass
        with process("with one_run_at_a_time(sys.argv[1]):\n    print(1)", path) as run:
            assert "f.h5: another run is writing it, waiting" in run.stderr.readline()
            assert run.poll() is None
            assert len(list(tmp_path.iterdir())) == 1
            run.terminate()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such locks")
def test_folders_beside_that_killed_runs_left_are_removed(tmp_path):
    left, alien = tmp_path / ".corpus.0123abcd", tmp_path / ".corpus.4567abcd"
    code = (
        "import os, pathlib, sys\nfrom gmmspeech.files.atomic import folder_beside\n"
        "with folder_beside(pathlib.Path(sys.argv[1])) as folder:\n    (folder / 'a').touch()\n    os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code, tmp_path / "corpus"]).returncode == 9
    next(tmp_path.glob(".corpus.*")).rename(left)
    alien.mkdir()  # not ours: nothing in it says so
    with folder_beside(tmp_path / "corpus") as one, folder_beside(tmp_path / "corpus") as other:
        assert one.is_dir()  # in use
        assert not left.exists()
        other.rename(tmp_path / "corpus")
    assert sorted(path.name for path in tmp_path.iterdir()) == [alien.name, "corpus"]
