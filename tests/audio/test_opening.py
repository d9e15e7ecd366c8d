import errno
import os
import socket

import kaldiio
import numpy as np
import pytest
import soundfile
from sounds import RATE, sweep

from gmmspeech.audio import read_audio
from gmmspeech.errors import AudioError


@pytest.fixture
def pcm():
    return sweep()


@pytest.fixture
def wav(tmp_path, pcm):
    soundfile.write(tmp_path / "a.wav", pcm, RATE)
    return tmp_path / "a.wav"


def fails(match, path):
    with pytest.raises(AudioError, match=match) as caught:
        read_audio(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


# --- what is no regular file


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes there")
def test_pipes_devices_and_sockets_do_not_hang(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    os.symlink(tmp_path / "pipe.wav", tmp_path / "link.wav")
    with socket.socket(socket.AF_UNIX) as server:
        os.chdir(tmp_path)
        server.bind("socket.wav")
        for path in ("pipe.wav", "link.wav", "socket.wav"):
            fails("is no file, expected a recording", tmp_path / path)
    for path in ("/dev/zero", "/dev/null", "/dev/tty"):
        fails("is no file, expected a recording", path)


def test_names_that_lead_nowhere(tmp_path):
    with pytest.raises(
        AudioError, match=r"a\\x00b\.wav: can't be read \((stat: )?embedded null [a-z ]+\), expected a recording"
    ):
        read_audio(f"{tmp_path}/a\0b.wav")
    fails("File name too long", tmp_path / ("a" * 300))
    (tmp_path / "loop.wav").symlink_to(tmp_path / "loop.wav")
    fails("Too many levels of symbolic links", tmp_path / "loop.wav")


def test_a_file_that_may_not_be_read(wav, monkeypatch):
    def refuse(*arguments, **options):
        raise PermissionError(errno.EACCES, "Permission denied", str(wav))

    monkeypatch.setattr("gmmspeech.audio.opening.open_regular", refuse)
    fails(r"can't be read \(Permission denied\), expected a recording", wav)


# --- archives of recordings


def test_a_recording_in_an_archive_as_kaldiio_reads_it(tmp_path, wav, pcm):
    archive, content = tmp_path / "wav.ark", wav.read_bytes()
    archive.write_bytes(b"u1 " + content + b"u2 " + content[:-1000])
    rate, expected = kaldiio.load_mat(f"{archive}:3")
    signal, found = read_audio(f"{archive}:3", start=0.25)
    assert (found, rate) == (RATE, RATE)
    np.testing.assert_array_equal(signal, expected[4000:] / np.float32(32768))
    bad = {6 + len(content): "cut short", 0: "expected a WAV file that says", 10**9: "found b.. of 0 bytes"}
    for offset, match in bad.items():
        with pytest.raises(AudioError, match=match) as caught:
            read_audio(f"{archive}:{offset}")
        assert f"{archive}:{offset}: " in str(caught.value)
    fails("no such file", f"{tmp_path}/none.ark:3")
    (tmp_path / "odd:3").write_bytes(content)
    np.testing.assert_array_equal(read_audio(tmp_path / "odd:3")[0], pcm / np.float32(32768))
