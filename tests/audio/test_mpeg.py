"""MP3 whose header says nothing, or that of the first of two: sizes are those of ffmpeg 5.1 and mpg123 1.31."""

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from sounds import RATE, sweep, with_pause

from gmmspeech.audio import decode_audio, read_audio
from gmmspeech.audio.mpeg import mend_mpeg
from gmmspeech.errors import AudioError

FOLDER = Path(__file__).parents[1] / "data" / "audio"
LATE = 1105  # samples by which LAME and a decoder are late together


def error_in_db(found, expected):
    return 10 * np.log10(np.mean((found - expected) ** 2) / np.mean(expected**2))


@pytest.mark.parametrize(
    ("name", "size", "parts"),
    [
        ("vbr_of_a_pipe.mp3", 46080, {LATE: with_pause()}),
        ("cbr_of_a_pipe.mp3", 8064, {LATE: sweep()}),
        # 14 frames of 576 samples each, and the second file's header, a frame of silence
        ("joined_xing.mp3", 28 * 576 + 576 - LATE, {0: sweep(), 14 * 576 + 576: sweep()}),
        ("joined_plain.mp3", 54144, {LATE: sweep(), 8064 + LATE: with_pause()}),
        ("layer2.mp2", 6912, {481: sweep()}),
    ],
)
def test_all_of_it_is_read(name, size, parts):
    signal, rate = read_audio(FOLDER / name)
    assert (rate, len(signal)) == (RATE, size)
    for start, samples in parts.items():
        end = min(start + len(samples), size)
        assert error_in_db(signal[start:end], samples[: end - start] / 32768) < -15, start


def test_a_segment_is_that_of_the_whole():
    whole, _ = read_audio(FOLDER / "vbr_of_a_pipe.mp3")
    piece, _ = read_audio(FOLDER / "vbr_of_a_pipe.mp3", start=2.5, end=2.75)
    assert len(piece) == RATE // 4
    np.testing.assert_allclose(piece, whole[40000:44000], atol=1e-4)
    with pytest.raises(AudioError, match=r"segment begins at 3\.0 s, expected inside the recording of 2\.880 s"):
        read_audio(FOLDER / "vbr_of_a_pipe.mp3", start=3.0)


def test_segments_begin_as_in_the_whole(tmp_path):
    samples = 0.3 * np.sin(0.1 * np.arange(60000)) * np.repeat(np.arange(60) % 3 > 0, 1000)
    soundfile.write(tmp_path / "a.mp3", samples, 16000)
    whole, _ = read_audio(tmp_path / "a.mp3")
    for first in range(100, len(whole) - 800, 1501):
        piece, _ = read_audio(tmp_path / "a.mp3", start=first / 16000, end=(first + 800) / 16000)
        np.testing.assert_allclose(piece, whole[first : first + 800], atol=1e-6)


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 32000, 44100])
@pytest.mark.parametrize("channels", [1, 2])
def test_what_has_a_header_stays_as_it_is(tmp_path, rate, channels):
    samples = np.stack([sweep(rate=rate)] * channels, axis=1)
    soundfile.write(tmp_path / "a.mp3", samples, rate, bitrate_mode="VARIABLE")
    expected, _ = soundfile.read(tmp_path / "a.mp3", dtype="float32", always_2d=True)
    np.testing.assert_allclose(read_audio(tmp_path / "a.mp3", channel=0)[0], expected[:, 0], atol=1e-6)


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 32000, 44100])
def test_without_its_header_nothing_is_lost(tmp_path, rate):
    """The header is a frame that says what to leave out; without it all is there, in the same places."""
    samples = sweep(rate=rate)
    soundfile.write(tmp_path / "a.mp3", samples, rate, bitrate_mode="VARIABLE")
    expected, _ = read_audio(tmp_path / "a.mp3")
    content = (tmp_path / "a.mp3").read_bytes()
    second = content.index(content[:2], 4)
    (tmp_path / "b.mp3").write_bytes(content[second:])
    found, _ = read_audio(tmp_path / "b.mp3")
    frame = 1152 if rate >= 32000 else 576
    assert len(found) % frame == 0
    assert len(found) >= len(expected)
    np.testing.assert_allclose(found[LATE : LATE + len(expected)], expected, atol=1e-5)


def test_tags_are_no_frames():
    content = (FOLDER / "cbr_of_a_pipe.mp3").read_bytes()
    plain = content[content.index(b"\xff\xf3") :]
    id3 = b"ID3\4\0\0\0\0\0\x0a" + b"\xff\xf3" * 5
    ape = b"APETAGEX" + (2000).to_bytes(4, "little") + (40).to_bytes(4, "little") + bytes(16) + bytes(40)
    expected, _ = mend_mpeg("a", plain)
    for tagged in (
        id3 + bytes(500) + plain,
        id3 + plain,
        id3 + plain + b"TAG".ljust(128),
        plain + id3,
        plain + bytes(300),
    ):
        assert mend_mpeg("a", tagged)[0].startswith(expected)
    assert mend_mpeg("a", plain + ape)[0].startswith(expected)
    assert mend_mpeg("a", b"\xff\xfb" + bytes(500)) is None


def test_what_is_no_sequence_of_frames(tmp_path):
    content = (FOLDER / "cbr_of_a_pipe.mp3").read_bytes()
    soundfile.write(tmp_path / "b.mp3", sweep(rate=8000), 8000)
    for name, other, match in [
        ("cut.mp3", content[:-10], "cut short: found 134 of 144 bytes of the last frame"),
        ("hole.mp3", content + bytes(1000) + content, "found bytes 2036 to 30.. that don't belong to its frames"),
        ("rates.mp3", content + (tmp_path / "b.mp3").read_bytes(), "found bytes 2036 to 2036 that don't belong"),
    ]:
        (tmp_path / name).write_bytes(other)
        with pytest.raises(AudioError, match=match):
            read_audio(tmp_path / name)


def test_a_file_with_a_header_that_is_cut_short_between_frames(tmp_path):
    soundfile.write(tmp_path / "a.mp3", with_pause(), RATE, bitrate_mode="VARIABLE")
    content = (tmp_path / "a.mp3").read_bytes()
    place = content.rindex(content[:2])
    (tmp_path / "a.mp3").write_bytes(content[:place])
    with pytest.raises(AudioError, match=r"cut short: found \d+ frames, expected \d+ as its header says"):
        read_audio(tmp_path / "a.mp3")


@pytest.mark.parametrize("size", [None, 0, 0xFFFFFFFF])
def test_mp3_inside_wav(size):
    content = (FOLDER / "vbr_of_a_pipe.mp3").read_bytes()
    fmt = struct.pack("<4sIHHIIHHHHIHHH", b"fmt ", 30, 0x55, 1, RATE, 8000, 1, 0, 12, 1, 2, 576, 1, 1393)
    body = b"WAVE" + fmt + b"data" + struct.pack("<I", len(content) if size is None else size) + content
    signal, rate = decode_audio(b"RIFF" + struct.pack("<I", len(body)) + body, name="a.wav")
    assert rate == RATE
    np.testing.assert_array_equal(signal, read_audio(FOLDER / "vbr_of_a_pipe.mp3")[0])


def test_frames_that_cannot_be_counted():
    content = bytearray((FOLDER / "cbr_of_a_pipe.mp3").read_bytes())
    place = content.index(b"\xff\xf3")
    content[place + 2] &= 0x0F  # a free bit rate
    with pytest.raises(AudioError, match=r"found MPEG audio whose frames can't be counted|can't be decoded"):
        decode_audio(bytes(content), name="a.mp3")
