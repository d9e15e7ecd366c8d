import errno
import os

import pytest

from gmmspeech.errors import DataError
from gmmspeech.files.atomic import atomic_path, write_lines


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
