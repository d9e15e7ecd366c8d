"""Downloads from a server on the loopback device that breaks off, has another file, or has none."""

from __future__ import annotations

import hashlib
import io
import socket
import tarfile
from pathlib import Path

import numpy as np
import pytest

from gmmspeech.corpora.download import BLOCK, CACHE_VARIABLE, TRIES, cache_folder, download, read_archive
from gmmspeech.errors import DataError, DownloadError

CONTENT = np.random.default_rng(0).bytes(3_000_000)
MD5 = f"md5:{hashlib.md5(CONTENT).hexdigest()}"


@pytest.fixture
def served(origin):
    origin.files["a.tar.gz"] = CONTENT
    return origin


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_fetched_once(served, tmp_path: Path) -> None:
    for _ in range(2):
        path = download(served.url("a.tar.gz"), tmp_path / "sub" / "a.tar.gz", checksum=MD5)
        assert path.read_bytes() == CONTENT
    assert served.asked == [("a.tar.gz", None)]
    assert names(tmp_path / "sub") == ["a.tar.gz"]


def test_a_broken_connection_is_gone_on_with(served, tmp_path: Path) -> None:
    served.cuts["a.tar.gz"] = [20 * BLOCK + 5, 0, BLOCK]
    path = download(served.url("a.tar.gz"), tmp_path / "a.tar.gz", checksum=MD5, pause=0)
    assert path.read_bytes() == CONTENT
    begins = [asked for _, asked in served.asked]
    assert begins == [None, *(f"bytes={blocks * BLOCK}-" for blocks in (20, 20, 21))]


def test_the_next_run_goes_on_too(served, tmp_path: Path) -> None:
    served.cuts["a.tar.gz"] = [10 * BLOCK, *[0] * TRIES]
    with pytest.raises(DownloadError, match=rf"{served.url('a')}.*broke off after {10 * BLOCK} bytes \(.*is kept"):
        download(served.url("a.tar.gz"), tmp_path / "a.tar.gz", checksum=MD5, pause=0)
    assert names(tmp_path) == ["a.tar.gz.part"]
    served.asked.clear()
    assert download(served.url("a.tar.gz"), tmp_path / "a.tar.gz", checksum=MD5).read_bytes() == CONTENT
    assert served.asked == [("a.tar.gz", f"bytes={10 * BLOCK}-")]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_server_without_ranges_begins_anew(served, tmp_path: Path, chunked: bool) -> None:
    served.ranges, served.chunked = False, chunked
    served.cuts["a.tar.gz"] = [2_000_000, 1_000_000]
    path = download(served.url("a.tar.gz"), tmp_path / "a.tar.gz", pause=0)
    assert path.read_bytes() == CONTENT
    assert len(served.asked) == 3


def test_a_part_that_is_whole_or_longer_than_the_file(served, tmp_path: Path) -> None:
    part = tmp_path / "a.tar.gz.part"
    part.write_bytes(CONTENT)
    assert download(served.url("a.tar.gz"), tmp_path / "a.tar.gz", checksum=MD5).read_bytes() == CONTENT
    (tmp_path / "a.tar.gz").unlink()
    part.write_bytes(CONTENT + b"more")
    assert download(served.url("a.tar.gz"), tmp_path / "a.tar.gz", checksum=MD5, pause=0).read_bytes() == CONTENT
    assert [asked for _, asked in served.asked] == ["bytes=3000000-", "bytes=3000004-", None]


def test_another_checksum(served, tmp_path: Path) -> None:
    served.files["a.tar.gz"] = CONTENT[:-1] + b"?"
    found = hashlib.md5(served.files["a.tar.gz"]).hexdigest()
    with pytest.raises(DownloadError, match=rf"a\.tar\.gz: found a file with {found} \(deleted\), expected {MD5}"):
        download(served.url("a.tar.gz"), tmp_path / "a.tar.gz", checksum=MD5)
    assert names(tmp_path) == []
    (tmp_path / "a.tar.gz").write_bytes(b"an older, spoilt one")
    served.files["a.tar.gz"] = CONTENT
    assert download(served.url("a.tar.gz"), tmp_path / "a.tar.gz", checksum=MD5).read_bytes() == CONTENT


def test_no_such_file_and_no_server(origin, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=rf"{origin.url('b')}: can't be downloaded \(404 Not Found\), expected"):
        download(origin.url("b"), tmp_path / "b")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/c"
    with pytest.raises(DownloadError, match=rf"{url}: can't be downloaded \(.*refused\), expected") as raised:
        download(url, tmp_path / "c")
    assert "\n" not in str(raised.value)
    assert names(tmp_path) == []


def test_no_place_to_write_to(served, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"file/a\.tar\.gz: can't be written"):
        download(served.url("a.tar.gz"), tmp_path / "file" / "a.tar.gz")


def test_archives(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name in ("top/a.wav", "top/b.wav"):
            member = tarfile.TarInfo(name)
            member.size = 100_000
            tar.addfile(member, io.BytesIO(CONTENT[:100_000]))
    assert dict(read_archive(path, lambda name: name.endswith("b.wav"))) == {"top/b.wav": CONTENT[:100_000]}
    path.write_bytes(path.read_bytes()[:150_000])
    with pytest.raises(DataError, match=r"a\.tar\.gz: found a broken archive \(.*deleted\)"):
        list(read_archive(path, lambda name: True))
    assert not path.exists()
    path.write_bytes(b"<html>")
    with pytest.raises(DataError, match=r"a\.tar\.gz: found a broken archive"):
        list(read_archive(path, lambda name: True))


def test_the_cache(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv(CACHE_VARIABLE)
    assert "gmmspeech" in cache_folder().parts
