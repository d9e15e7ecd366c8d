"""HTK's parameter files: golden files, round trips, and what is wrong with bad ones."""

import os
import struct

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp
from said import fails

from gmmspeech.errors import ConfigError, DataError, FeatureError
from gmmspeech.formats.htk import read_htk, write_htk
from gmmspeech.stores.features import FeatureStore

FRAMES = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)


def naive_crc(words):
    crc = 0
    for word in words:
        crc = (crc * 65536 + word) % 36897
    return crc


@pytest.mark.parametrize(
    ("name", "kind", "dim"),
    [
        ("fea_htk.1", "MFCC_D_A_0", 39),
        ("fea_htk.2", "MFCC_E_D_A", 39),
        ("plp_htk.1", "PLP_D_A_0", 39),
        ("fbank_htk.1", "FBANK", 23),
    ],
)
def test_files_of_htks(golden, tmp_path, name, kind, dim):
    original = golden / "htk" / f"test.wav.{name}"
    frames, found, shift = read_htk(original)
    assert (frames.shape, frames.dtype, found, shift) == ((142, dim), np.float32, kind, 10.0)
    content = original.read_bytes()
    np.testing.assert_array_equal(frames.ravel()[:3], struct.unpack(">3f", content[12:24]))
    write_htk(tmp_path / "again", frames, kind=kind, frame_shift=shift)
    assert (tmp_path / "again").read_bytes() == content


@pytest.mark.parametrize("kind", ["USER", "MFCC_E_D_A_Z", "PLP_0_K", "FBANK_D_A_T_K"])
def test_frames_come_back(tmp_path, kind):
    write_htk(tmp_path / "a.htk", FRAMES, kind=kind, frame_shift=12.5)
    frames, found, shift = read_htk(tmp_path / "a.htk")
    np.testing.assert_array_equal(frames, FRAMES)
    assert set(found.split("_")) == set(kind.split("_"))
    assert shift == 12.5
    content = (tmp_path / "a.htk").read_bytes()
    if kind.endswith("K"):
        words = struct.unpack(f">{(len(content) - 12) // 2}H", content[12:])
        assert naive_crc(words[:-1]) == words[-1]


@settings(max_examples=30, deadline=None)
@given(
    hnp.arrays(np.float32, st.tuples(st.integers(1, 6), st.integers(1, 3)), elements=st.floats(-1000, 1000, width=32))
)
def test_compressed_frames_are_near(tmp_path_factory, frames):
    path = tmp_path_factory.getbasetemp() / "c.htk"
    write_htk(path, frames, kind="MFCC_C_K")
    found = read_htk(path)
    assert found.kind == "MFCC_C_K"
    spread = np.ptp(frames.astype(np.float64), axis=0)
    assert (np.abs(found.frames - frames) <= spread / 65534 + 2e-7 * np.abs(frames).max() + 1e-9).all()
    samples, _, size, _ = struct.unpack(">iihH", path.read_bytes()[:12])
    assert (samples, size) == (len(frames) + 4, 2 * frames.shape[1])


def test_a_compressed_file_as_the_book_has_it(tmp_path):
    header = struct.pack(">iihH", 2 + 4, 100_000, 4, 6 + 0o2000)
    numbers = struct.pack(">4f", 2.0, 4.0, 10.0, -20.0) + struct.pack(">4h", 0, 100, -50, 32767)
    (tmp_path / "a.mfc").write_bytes(header + numbers)
    expected = [[(0 + 10) / 2, (100 - 20) / 4], [(-50 + 10) / 2, (32767 - 20) / 4]]
    np.testing.assert_array_equal(read_htk(tmp_path / "a.mfc").frames, np.float32(expected))


def test_reflection_coefficients(tmp_path):
    frames = np.array([[0.5, -1.0], [0.25, 1.0]], np.float32)
    write_htk(tmp_path / "a.rc", frames, kind="IREFC")
    np.testing.assert_allclose(read_htk(tmp_path / "a.rc").frames, frames, atol=2e-5)
    assert (tmp_path / "a.rc").stat().st_size == 12 + 8


def test_little_endian(tmp_path):
    body = FRAMES.astype("<f4").tobytes()
    crc = naive_crc(struct.unpack(f"<{len(body) // 2}H", body))
    content = struct.pack("<iihH", 7, 100_000, 20, 9 + 0o10000) + body + struct.pack("<H", crc)
    (tmp_path / "a.htk").write_bytes(content)
    np.testing.assert_array_equal(read_htk(tmp_path / "a.htk").frames, FRAMES)


def test_bad_files(tmp_path):
    path = tmp_path / "a.mfc"
    write_htk(path, FRAMES, kind="MFCC_0_K")
    good = path.read_bytes()

    def header(samples=7, period=100_000, size=20, code=9):
        return struct.pack(">iihH", samples, period, size, code) + FRAMES.astype(">f4").tobytes()

    for match, content in {
        "found 5 bytes, expected an HTK": good[:5],
        "found 141 bytes behind the header, expected 142 as it says .*cut short": good[:-1],
        "found 143 bytes behind the header, expected 142 as it says$": good + b"x",
        r"CRC: found \d+, expected \d+": good[:20] + b"\xff" + good[21:],
        "parmKind: found 13, expected a kind from 0 to 11": header(code=13),
        "parmKind: found 63": header(code=0o77 + 0o400),
        "parmKind: found WAVEFORM": header(code=0),
        "parmKind: found DISCRETE": header(code=10),
        "nSamples -7": header(samples=-7),
        "nSamples 0": header(samples=0),
        "sampPeriod 0": header(period=0),
        "sampSize 18": header(size=18),
        "A: found 0 in column 1": struct.pack(">iihH4f2h", 5, 100_000, 4, 6 + 0o2000, 1, 0, 0, 0, 1, 1),
        "found 16 bytes of compressed frames": struct.pack(">iihH4f", 4, 100_000, 4, 6 + 0o2000, 1, 1, 0, 0),
    }.items():
        path.write_bytes(content)
        fails(f"a.mfc: .*{match}", read_htk, path)
    fails("can't be read", read_htk, tmp_path / "none")
    fails("can't be read", read_htk, tmp_path)
    for kind in ("MFC", "mfcc", "MFCC_X", "MFCC_E_E", "WAVEFORM", "", "MFCC_"):
        with pytest.raises(ConfigError, match="kind: found"):
            write_htk(path, FRAMES, kind=kind)
    for shift in (0, -1, np.nan, np.inf, 1e9, 1e-9):
        with pytest.raises(ConfigError, match="frame_shift: found"):
            write_htk(path, FRAMES, frame_shift=shift)
    for bad, match in (
        *((FRAMES[0], "found frames of shape"), (FRAMES[:0], "found frames of shape")),
        *((FRAMES * np.nan, "found nan in frame 0"), (np.full((1, 2), 1e300), "found inf in frame 0")),
        (np.zeros((1, 9000)), "found frames of 9000 columns"),
    ):
        fails(match, write_htk, path, bad, kind=FeatureError)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_frames_that_are_no_numbers_are_refused(tmp_path, value):
    write_htk(tmp_path / "a.htk", np.ones((3, 2)))
    content = bytearray((tmp_path / "a.htk").read_bytes())
    content[24:28] = np.array(value, ">f4").tobytes()
    (tmp_path / "a.htk").write_bytes(content)
    with pytest.raises(DataError, match=rf"a\.htk: found {value} in frame 1, column 1, expected finite"):
        read_htk(tmp_path / "a.htk")


def test_a_store_of_files(tmp_path):
    folder = tmp_path / "htk"
    folder.mkdir()
    for name in ("b", "a"):
        write_htk(folder / f"{name}.mfc", FRAMES * (name == "a"))
    (folder / ".hidden").touch()
    with FeatureStore(f"htk:{folder}") as store:
        assert list(store) == ["a", "b"]
        np.testing.assert_array_equal(store["a"], FRAMES)
        assert (store.dim, store.total_frames, store.front_end) == (5, 14, None)
    script = tmp_path / "train.scp"
    script.write_text("htk/a.mfc\none=htk/a.mfc[2,4]\n")
    with FeatureStore(f"htk:{script}") as store:
        assert list(store) == ["a", "one"]
        np.testing.assert_array_equal(store["one"], FRAMES[2:5])
    (folder / "é b.mfc").write_bytes((folder / "a.mfc").read_bytes())
    script.write_text('"htk/\\303\\251 b.mfc"\r\n\\\'a\\040=htk/a.mfc\r\n')  # quotes and escapes as HTK reads them
    with FeatureStore(f"htk:{script}") as store:
        assert list(store) == ["é b", "'a "]
        np.testing.assert_array_equal(store["é b"], FRAMES)
    os.mkfifo(folder / "pipe")
    for text, match in {
        "htk/pipe\n": "htk/pipe: can.t be read .a pipe.*, expected an HTK parameter file",
        '"htk/a.mfc\n': ':1: found "htk/a.mfc, expected a name with its quotes and escapes whole',
        "htk/a\\000.mfc\n": ":1: found 'htk/a.*, expected a file",
        "htk/a.mfc[0,٣]\n": "found no file",
        "htk/a.mfc htk/b.mfc\n": ":1: found 'htk/a.mfc htk/b.mfc'",
        "htk/a.mfc\nx=htk/a.mfc\na=htk/b.mfc\n": "found two files of the name a",
        "htk/a.mfc[5,9]\n": r"utterance a.*the range \[5,9\]",
        "htk/none.mfc\n": "found no file htk/none.mfc",
    }.items():
        script.write_text(text)
        fails(match, FeatureStore, f"htk:{script}")
    (folder / "a.mfc").write_bytes(b"no")
    fails("utterance a.*found 2 bytes", FeatureStore, f"htk:{folder}")
    (tmp_path / "empty").mkdir()
    fails("found no file", FeatureStore, f"htk:{tmp_path / 'empty'}")
