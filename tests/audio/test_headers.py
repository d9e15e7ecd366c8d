"""Headers that lie or say nothing, and files of others."""

import io
import itertools
import os
import struct
import time
import warnings

import numpy as np
import pytest
import soundfile
from sounds import RATE, sweep

from gmmspeech.audio import decode_audio, headers, read_audio
from gmmspeech.audio.headers import examine
from gmmspeech.errors import AudioError, GmmSpeechWarning

PCM = sweep()
SIGNAL = PCM / np.float32(32768)
BYTES = 2 * len(PCM)


def encoded(kind, subtype="PCM_16", samples=PCM):
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format=kind, subtype=subtype)
    return bytearray(file.getvalue())


def decoded(content):
    return decode_audio(bytes(content), name="a.wav")[0]


def fails(content, match):
    with pytest.raises(AudioError, match=match) as caught:
        decoded(content)
    assert "\n" not in str(caught.value)


# --- sizes


def rf64(riff, data):
    head = b"RF64" + struct.pack("<I", 0xFFFFFFFF) + b"WAVEds64" + struct.pack("<IQQQI", 28, riff, data, 0, 0)
    fmt = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    return head + fmt + b"data" + struct.pack("<I", 0xFFFFFFFF) + PCM.tobytes()


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0xFFFFFFFE, 0x80000000, 0x7FFFFFFF, 0x7FFFF000])
@pytest.mark.parametrize("riff", [0, 0xFFFFFFFF, None])
def test_wav_that_was_never_finished(size, riff):
    content = encoded("WAV")
    content[40:44] = struct.pack("<I", size)
    if riff is not None:
        content[4:8] = struct.pack("<I", riff)
    np.testing.assert_array_equal(decoded(content), SIGNAL)


@pytest.mark.parametrize("subtype", ["PCM_24", "FLOAT", "ULAW", "IMA_ADPCM"])
def test_wav_of_size_0_in_other_encodings(subtype):
    content = encoded("WAV", subtype)
    expected = decoded(content)
    place = content.index(b"data")
    content[place + 4 : place + 8] = bytes(4)
    content[4:8] = bytes(4)
    if subtype == "FLOAT":  # which ends with a chunk
        content = content[: place + 8 + 4 * len(PCM)]
    np.testing.assert_array_equal(decoded(content)[: len(expected)], expected)


def test_samples_in_wider_containers():
    content = encoded("WAV", "PCM_32")
    content[34:36] = struct.pack("<H", 24)
    fails(content, "found samples of 24 bits in 4 bytes, expected 3$")


def test_wav_of_no_samples_has_none():
    fails(encoded("WAV", samples=PCM[:0]), "found 0 samples, expected some")
    note = b"LIST" + struct.pack("<I", 6) + b"INFOxx"
    content = encoded("WAV", samples=PCM[:0]) + note
    content[4:8] = struct.pack("<I", len(content) - 8)
    fails(content, "found 0 samples, expected some")


@pytest.mark.parametrize("sizes", [(0, 0), (2**64 - 1, 2**64 - 1), (2**60, 2**60), (BYTES + 72, BYTES)])
def test_rf64(sizes):
    np.testing.assert_array_equal(decoded(rf64(*sizes)), SIGNAL)


def test_rf64_that_is_cut_short():
    fails(rf64(2**33, 2**33), f"cut short: found {BYTES} bytes of data, expected {2**33} as its header says")


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0xFFFFFFFE, 0x7FFFFF00])
def test_au(size):
    content = encoded("AU")
    content[8:12] = struct.pack(">I", size)
    np.testing.assert_array_equal(decoded(content), SIGNAL)


@pytest.mark.parametrize(("form", "frames", "size"), [(0, 0, 0), *itertools.repeat((0xFFFFFFFF,) * 3, 1)])
def test_aiff(form, frames, size):
    content = encoded("AIFF")
    content[4:8] = struct.pack(">I", form)
    for chunk, place, value in ((b"COMM", 10, frames), (b"SSND", 4, size)):
        at = content.index(chunk) + place
        content[at : at + 4] = struct.pack(">I", value)
    np.testing.assert_array_equal(decoded(content), SIGNAL)


@pytest.mark.parametrize("size", [0, 24, 2**60, 2**64 - 1])
def test_w64(size):
    content = encoded("W64")
    content[16:24] = struct.pack("<Q", size)
    place = content.index(b"data") + 16
    content[place : place + 8] = struct.pack("<Q", size)
    np.testing.assert_array_equal(decoded(content), SIGNAL)


def test_caf_of_a_length_that_is_not_known():
    content = encoded("CAF")
    place = content.index(b"data") + 4
    content[place : place + 8] = b"\xff" * 8
    np.testing.assert_array_equal(decoded(content), SIGNAL)


@pytest.mark.parametrize("kind", ["WAV", "AIFF", "AU", "W64", "CAF", "FLAC", "OGG", "MP3"])
def test_files_cut_short_anywhere(kind):
    content = encoded(kind, {"OGG": "VORBIS", "MP3": "MPEG_LAYER_III"}.get(kind, "PCM_16"))
    for end in np.linspace(30, len(content) - 1, 40).astype(int):
        fails(content[:end], "cut short|can't be decoded|found 0 samples")


@pytest.mark.parametrize("kind", ["WAV", "AIFF", "AU", "W64", "OGG"])
def test_two_files_in_one(kind):
    content = encoded(kind, "VORBIS" if kind == "OGG" else "PCM_16")
    fails(
        content * 2,
        r"a\.wav: found a second recording behind the first, expected one; ffmpeg -i a\.wav a-converted\.wav makes",
    )


@pytest.mark.parametrize("kind", ["WAV", "AU"])
def test_samples_that_the_header_does_not_tell_of(kind):
    content = encoded(kind)
    place = content.index(b"data") + 4 if kind == "WAV" else 8
    content[place : place + 4] = struct.pack("<I" if kind == "WAV" else ">I", 4000)
    with pytest.warns(GmmSpeechWarning, match=f"a.wav: found {BYTES - 4000} bytes behind the samples that its header"):
        assert len(decoded(content)) == 2000


def test_chunks_behind_the_samples_are_nothing_to_warn_of():
    note = b"LIST" + struct.pack("<I", 8000) + bytes(8000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(decoded(encoded("WAV") + note), SIGNAL)


@pytest.mark.parametrize("kind", ["WAV", "AU", "AIFF", "W64", "FLAC", "CAF"])
def test_what_a_header_claims_takes_no_memory(kind, tmp_path):
    """Any four bytes of a header become as large as they can be: right, or refused, in little memory."""
    resource = pytest.importorskip("resource")
    content = encoded(kind)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GmmSpeechWarning)
        for place in range(4, 60):
            lying = content.copy()
            lying[place : place + 4] = b"\x7f\xff\xff\xff"
            try:
                signal = decode_audio(bytes(lying), name="a", channel=0)[0]
            except AudioError:
                continue
            assert len(signal) <= len(content)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**17  # kB


# --- SPHERE

FIELDS = {
    "sample_rate": "-i 8000",
    "channel_count": "-i 1",
    "sample_n_bytes": "-i 2",
    "sample_byte_format": "-s2 01",
    "sample_coding": "-s3 pcm",
    "sample_count": f"-i {len(PCM)}",
}


def sphere(size=1024, content=None, **changes):
    fields = {**FIELDS, **changes}
    lines = "".join(f"{name} {value}\n" for name, value in fields.items() if value)
    header = f"NIST_1A\n{size:7}\n{lines}end_head\n".encode()
    return header.ljust(size) + (PCM.tobytes() if content is None else content)


@pytest.mark.parametrize(
    "content",
    [
        sphere(),
        sphere(2048, database_id=f"-s{1200} {'x' * 1200}"),
        sphere(16384),
        sphere(channel_count=None),
        sphere(channel_count=None, sample_n_bytes=None, sample_byte_format=None, sample_coding=None),
        sphere(sample_count=None),
        sphere(sample_count="-i 0"),
        sphere(sample_byte_format="-s2 10", content=PCM.astype(">i2").tobytes()),
        sphere(sample_rate="-r 8000.0"),
    ],
)
def test_sphere_as_sox_reads_it(content):
    signal, rate = decode_audio(content, name="a.sph")
    assert rate == 8000
    np.testing.assert_array_equal(signal, SIGNAL)


def test_sphere_of_more_samples_than_it_says():
    with pytest.warns(GmmSpeechWarning, match="found 10800 bytes behind the samples"):
        signal, _ = decode_audio(sphere(sample_count="-i 1000"), name="a.sph")
    np.testing.assert_array_equal(signal, SIGNAL[:1000])


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (sphere(sample_count="-i 9000"), "cut short: found 6400 samples, expected 9000 as its header says"),
        (sphere(sample_coding="-s26 pcm,embedded-shorten-v2.00"), "found SPHERE with samples as pcm,embedded-shorten"),
        (sphere(content=b"ajkg\2" + bytes(20000)), "found SPHERE with samples as pcm, shorten, expected pcm or ulaw"),
        (sphere(sample_rate=None), "found sample_rate not given, channel_count 1, sample_n_bytes 2, expected a rate"),
        (sphere(sample_rate="-i 99999999999999999999"), "sample_rate: found 99999999999999999999, expected a whole"),
        (sphere(channel_count="-i 65536"), "found sample_rate 8000, channel_count 65536"),
        (sphere(sample_byte_format="-s4 mtof"), "sample_byte_format: found mtof, expected 01"),
        (b"NIST_1A\n  99999\nsample_rate -i 8000\nend_head\n", "found a SPHERE header of '99999' bytes, expected"),
        (b"NIST_1A\n   -100\n", "found a SPHERE header of '-100' bytes, expected"),
    ],
)
def test_sphere_that_is_refused(content, match):
    with pytest.raises(AudioError, match=match):
        decode_audio(content, name="a.sph")


# --- files of others: their first bytes as ffmpeg writes them

OTHERS = {
    "m4a": ("000000206674797069736f6d0000020069736f6d69736f36", "MP4"),
    "webm": ("1a45dfa39f4286810142f7810142f2810442f38108428284", "Matroska"),
    "amr": ("2321414d520a3c", "AMR"),
    "wma": ("3026b2758e66cf11a6d900aa0062ce6cee01000000000000", "ASF"),
    "aac": ("fff160403e5ffcde02004c61766335392e33372e31303000", "AAC"),
    "flv": ("464c5601040000000900000000120000c100000000000000", "FLV"),
    "avi": ("52494646ffffffff415649204c495354b600000068647261", "AVI"),
    "rm": ("2e524d46000000120000000000000000000550524f500000", "RealMedia"),
    "ac3": ("0b7771e78c402f842bf1077baf5dfbe7d5df3e7d5e1c37cf", "AC-3"),
    "wv": ("7776706bca5e0000100400000000000000000000c05d0000", "WavPack"),
    "spx": ("4f67675300020000000000000000fbf228c000000000e3c4c6b201505370656578202020", "Speex"),
    "voc": ("437265617469766520566f6963652046696c651a1a000a01", "VOC"),
    "paf": ("2070616600000000000000000000803e000000010000000300000000", "PAF"),
    "ts": ("47" + 187 * "00" + "47" + 187 * "00", "MPEG-TS"),
}


@pytest.mark.parametrize("kind", list(OTHERS))
def test_files_of_others_and_how_to_convert_them(tmp_path, kind):
    head, name = OTHERS[kind]
    path = tmp_path / f"my voice.{kind}"
    path.write_bytes(bytes.fromhex(head) + bytes(2000))
    with pytest.raises(AudioError) as caught:
        read_audio(path)
    assert f"my voice.{kind}: found {name}" in str(caught.value)
    assert str(caught.value).endswith(f"; ffmpeg -i '{path}' 'my voice.wav' makes WAV of it")


@pytest.mark.parametrize(
    ("kind", "subtype"), [("WAV", "PCM_16"), ("W64", "PCM_16"), ("OGG", "VORBIS"), ("FLAC", "PCM_16"), ("MP3", None)]
)
def test_zeros_far_behind_a_recording(tmp_path, kind, subtype):
    """Time and memory are those of what the header or the pages hold; the file is sparse."""
    path = tmp_path / "a.rec"
    path.write_bytes(encoded(kind, subtype or "MPEG_LAYER_III"))
    expected, _ = read_audio(path)
    os.truncate(path, path.stat().st_size + 5 * 2**29)
    begun = time.process_time()
    if kind in ("FLAC", "MP3"):
        with pytest.raises(AudioError, match=r"a\.rec: (found \d+ bytes|can't be read)"):
            read_audio(path)
    else:
        with pytest.warns(
            GmmSpeechWarning, match=r"a\.rec: found \d+ bytes behind the samples that its header tells of"
        ):
            np.testing.assert_array_equal(read_audio(path)[0], expected)
    assert time.process_time() - begun < 5


def test_a_chunk_behind_w64_is_no_samples():
    content = encoded("W64")
    chunk = b"LIST" + bytes(12) + struct.pack("<Q", 48) + bytes(24)
    np.testing.assert_array_equal(decoded(content + chunk), SIGNAL)


@pytest.mark.parametrize("riff", [0, None])
def test_wav_of_size_0_before_a_chunk_has_no_samples_as_sox_says(riff):
    content = encoded("WAV")[:44]
    content[40:44] = bytes(4)
    content += b"LIST" + struct.pack("<I", 12) + b"INFOISFT" + bytes(4)
    content[4:8] = struct.pack("<I", len(content) - 8 if riff is None else riff)
    fails(content, "found 0 samples, expected some")


def test_the_command_that_converts_writes_another_file(tmp_path):
    path = tmp_path / "film.WAV"
    path.write_bytes(b"\0\0\0\x18ftypM4A " + bytes(200))
    with pytest.raises(AudioError, match=r"found MP4 .*; ffmpeg -i \S*film.WAV film-converted.wav makes WAV of it"):
        read_audio(path)


@pytest.mark.parametrize(("kind", "subtype"), [("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III")])
def test_a_long_recording_is_walked_through_once_for_its_pieces(tmp_path, monkeypatch, kind, subtype):
    path = tmp_path / f"a.{kind.lower()}"
    path.write_bytes(encoded(kind, subtype))
    looked = []
    monkeypatch.setattr(headers, "examine", lambda *of: looked.append(of) or examine(*of))
    whole = read_audio(path)[0]
    looked.clear()
    pieces = [read_audio(path, start=start / 10, end=(start + 1) / 10)[0] for start in range(3)]
    np.testing.assert_allclose(np.concatenate(pieces), whole[: sum(map(len, pieces))], atol=1e-3)
    assert len(looked) == 1
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(AudioError):
        read_audio(path, start=0.1, end=0.2)
    assert len(looked) == 2


def test_what_was_found_of_a_file_is_kept_for_the_last_few(tmp_path):
    for name in map(str, range(20)):
        (tmp_path / name).write_bytes(encoded("FLAC"))
        read_audio(tmp_path / name, end=0.1)
    assert len(headers._EXAMINED) == headers._MOST_EXAMINED
