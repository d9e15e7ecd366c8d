import os

import pytest

from gmmspeech.files.regular import open_regular


def test_a_file_is_opened(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("a")
    with open_regular(tmp_path / "link") as file:
        assert file.read() == b"abc"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no named pipes in folders")
@pytest.mark.parametrize("found", ["a pipe", "a device", "a folder"])
def test_what_is_no_file_is_named_at_once(tmp_path, found):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    path = {"a pipe": pipe, "a device": "/dev/zero", "a folder": tmp_path}[found]
    with pytest.raises(OSError, match=f"{found}, not a regular file"):
        open_regular(path)


def test_names_that_no_file_has(tmp_path):
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "none")
    with pytest.raises(OSError, match="a null byte in its name"):
        open_regular("a\0b")
