"""FLAC whose header lies or says nothing."""

import numpy as np
import pytest
import soundfile
from sounds import RATE, with_pause

from gmmspeech.audio import read_audio
from gmmspeech.errors import AudioError

SAMPLES = with_pause(0.3)


def flac(folder, claimed):
    """A FLAC file whose header claims a number of samples; 0 is what a program writes into a pipe."""
    soundfile.write(folder / "a.flac", SAMPLES, RATE)
    content = bytearray((folder / "a.flac").read_bytes())
    packed = int.from_bytes(content[18:26], "big")
    content[18:26] = (packed >> 36 << 36 | claimed).to_bytes(8, "big")
    content[26:42] = bytes(16)  # the checksum of the samples, which is not known then
    return bytes(content)


def test_a_length_that_is_not_known(tmp_path):
    (tmp_path / "piped.flac").write_bytes(flac(tmp_path, 0))
    signal, rate = read_audio(tmp_path / "piped.flac")
    assert rate == RATE
    np.testing.assert_array_equal(signal, SAMPLES / np.float32(32768))
    piece, _ = read_audio(tmp_path / "piped.flac", start=0.5, end=1.0)
    np.testing.assert_array_equal(piece, signal[8000:16000])
    with pytest.raises(AudioError, match=r"segment ends at 1\.9 s, expected inside the recording of 1\.100 s"):
        read_audio(tmp_path / "piped.flac", start=0.5, end=1.9)


@pytest.mark.parametrize("claimed", [1, 4096, len(SAMPLES) - 1, len(SAMPLES) + 1, 2**36 - 1])
def test_a_length_that_is_not_true(tmp_path, claimed):
    (tmp_path / "lies.flac").write_bytes(flac(tmp_path, claimed))
    with pytest.raises(AudioError, match=rf"lies\.flac: .*found {len(SAMPLES)} samples, expected {claimed} as its"):
        read_audio(tmp_path / "lies.flac")


def test_files_cut_short_anywhere(tmp_path):
    for claimed in (0, len(SAMPLES)):
        content = flac(tmp_path, claimed)
        for end in np.linspace(50, len(content) - 1, 40).astype(int):
            (tmp_path / "cut.flac").write_bytes(content[:end])
            with pytest.raises(AudioError, match=r"cut\.flac: (cut short|can't be decoded)"):
                read_audio(tmp_path / "cut.flac")


def test_two_files_in_one(tmp_path):
    content = flac(tmp_path, len(SAMPLES))
    (tmp_path / "two.flac").write_bytes(content * 2)
    with pytest.raises(AudioError, match=f"found a second FLAC file at byte {len(content)}, expected one"):
        read_audio(tmp_path / "two.flac")


def test_a_tag_at_the_end(tmp_path):
    (tmp_path / "a.flac").write_bytes(flac(tmp_path, 0) + b"TAG".ljust(128, b"x"))
    assert len(read_audio(tmp_path / "a.flac")[0]) == len(SAMPLES)
