"""Kaldi's archives: golden files, round trips, and what is wrong with bad ones."""

import os
import struct
import time
import tracemalloc
from pathlib import Path

import kaldiio
import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st
from hypothesis.extra import numpy as hnp
from said import fails

from gmmspeech.errors import DataError, FeatureError, GmmSpeechWarning
from gmmspeech.files.table_places import Output
from gmmspeech.formats.kaldi.ark import ark_places, parse_lines, parse_matrix, read_matrix, write_kaldi_ark
from gmmspeech.formats.kaldi.tables import read_table, write_table
from gmmspeech.stores.features import FeatureStore, write_store

FRAMES = {f"ütt-{i}": np.random.default_rng(i).normal(size=(n, 4)).astype(np.float32) for i, n in enumerate([5, 1, 9])}


@pytest.mark.parametrize("kind", ["scp:mfcc_sre16.scp", "ark:mfcc_sre16.ark", "ark:mfcc_sre16.txt"])
def test_archives_of_kaldis(golden, kind):
    prefix, name = kind.split(":")
    folder = golden / "kaldi/feats"
    with FeatureStore(f"{prefix}:{folder / name}") as store, FeatureStore(f"ark:{folder / 'mfcc_sre16.txt'}") as text:
        assert list(store) == list(text) == ["1688-142285-0002", "1998-15444-0001"]
        for utterance in store:
            np.testing.assert_allclose(store[utterance], text[utterance], rtol=1e-6, atol=1e-6)
            assert store[utterance].dtype == np.float32


@pytest.mark.parametrize(("rows", "steps"), [(8, 65535), (9, 255)])
def test_few_rows_are_compressed_more_finely_as_kaldi_does(tmp_path, rows, steps):
    frames = np.random.default_rng(0).uniform(size=(rows, 100)).astype(np.float32)
    write_kaldi_ark(tmp_path / "a.ark", [("u", frames)], compress=True)
    with FeatureStore(f"ark:{tmp_path / 'a.ark'}") as store:
        error = np.abs(store["u"] - frames).max()
    assert 0.1 / steps < error < 2 / steps


def test_a_compressed_archive_of_kaldis(golden):
    folder = golden / "kaldi/feats"
    with (
        FeatureStore(f"ark:{folder / 'mfcc_sre16_compressed.ark'}") as store,
        FeatureStore(f"ark:{folder / 'mfcc_sre16.ark'}") as exact,
    ):
        for utterance in exact:
            spread = np.ptp(exact[utterance], axis=0)
            assert (np.abs(store[utterance] - exact[utterance]) <= spread / 64).all()


@pytest.mark.parametrize("options", [{}, {"text": True}, {"compress": True}])
def test_frames_come_back(tmp_path, monkeypatch, options):
    monkeypatch.chdir(tmp_path)
    write_kaldi_ark("feats.ark", FRAMES.items(), scp="feats.scp", **options)
    assert Path("feats.scp").read_text(encoding="utf-8").splitlines()[0] == "ütt-0 feats.ark:7"
    theirs = kaldiio.load_scp("feats.scp")
    for path in ("ark:feats.ark", "scp:feats.scp"):
        with FeatureStore(path) as store:
            assert list(store) == list(FRAMES)
            for utterance, frames in FRAMES.items():
                np.testing.assert_array_equal(store[utterance], theirs[utterance].reshape(frames.shape))
                atol = np.ptp(frames, axis=0).max() / 64 + 1e-4 if "compress" in options else 0
                np.testing.assert_allclose(store[utterance], frames, rtol=0, atol=atol)


def test_a_golden_archive_is_written_as_kaldi_does(golden, tmp_path):
    original = golden / "kaldi/feats/mfcc_sre16.ark"
    with FeatureStore(f"ark:{original}") as store:
        write_kaldi_ark(tmp_path / "a.ark", store.items())
        write_kaldi_ark(tmp_path / "c.ark", store.items(), compress=True)
    assert (tmp_path / "a.ark").read_bytes() == original.read_bytes()
    theirs, ours = (
        np.frombuffer(path.read_bytes(), np.uint8).astype(int)
        for path in (golden / "kaldi/feats/mfcc_sre16_compressed.ark", tmp_path / "c.ark")
    )
    assert (theirs != ours).mean() < 1e-3  # roundings


@settings(max_examples=30, deadline=None)
@given(
    frames=hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 4), st.integers(1, 3)),
        elements=st.floats(width=32, **{"allow_nan": False, "allow_infinity": False}),
    ),
    text=st.booleans(),
)
def test_every_float32_comes_back(tmp_path_factory, frames, text):
    path = tmp_path_factory.getbasetemp() / "every.ark"
    write_kaldi_ark(path, [("u", frames)], text=text)
    with FeatureStore(f"ark:{path}") as store:
        np.testing.assert_array_equal(store["u"], frames)


def test_what_kaldi_writes_in_text(tmp_path):
    path = tmp_path / "feats.txt"
    path.write_text("u1  [\n  3 -1.5 \n  0 1e-05 ]\nu2  [\n  7 8 ]\n")  # whole numbers without a point
    with FeatureStore(f"ark:{path}") as store:
        np.testing.assert_array_equal(store["u1"], np.float32([[3, -1.5], [0, 1e-5]]))
        np.testing.assert_array_equal(store["u2"], np.float32([[7, 8]]))


def test_ranges(tmp_path):
    write_kaldi_ark(tmp_path / "a.ark", FRAMES.items(), scp=tmp_path / "a.scp")
    place = (tmp_path / "a.scp").read_text(encoding="utf-8").splitlines()[2].split()[1]
    file, offset = place.rsplit(":", 1)
    frames = FRAMES["ütt-2"]
    np.testing.assert_array_equal(read_matrix(file, f":{offset}[2:4]"), frames[2:5])
    np.testing.assert_array_equal(read_matrix(file, f":{offset}[:,1:2]"), frames[:, 1:3])
    np.testing.assert_array_equal(read_matrix(file, f":{offset}[0:0,3:3]"), frames[:1, 3:])
    for ranges in ("[2:12]", "[4:2]", "[1,2,3]", "[1:2:3]"):
        with pytest.raises(ValueError, match="found \\["):
            read_matrix(file, f":{offset}{ranges}")
    for ranges in ("[٢:٣]", "[" + "9" * 30 + "]"):
        with pytest.raises(ValueError, match="found "):
            read_matrix(file, f":{offset}{ranges}")


def test_ranges_up_to_three_rows_too_long_are_cut_as_by_kaldi(tmp_path):
    write_kaldi_ark(tmp_path / "a.ark", [("u", FRAMES["ütt-2"])])
    rows, columns = FRAMES["ütt-2"].shape
    for beyond in (1, 2, 3):
        (tmp_path / "feats.scp").write_text(f"u {tmp_path}/a.ark:2[1:{rows - 1 + beyond}]\n")
        with FeatureStore(f"scp:{tmp_path}/feats.scp") as store:
            expected = f"ark:2.1:{rows - 1 + beyond}.: found .1:{rows - 1 + beyond}. of {rows} rows, cut"
            with pytest.warns(GmmSpeechWarning, match=expected):
                np.testing.assert_array_equal(store["u"], FRAMES["ütt-2"][1:])
    for ranges in (f"1:{rows + 3}", f"{rows}:{rows}", f":,0:{columns}"):
        with pytest.raises(ValueError, match=r"found .*, expected a range inside"):
            read_matrix(f"{tmp_path}/a.ark", f":2[{ranges}]")


def test_bad_archives(tmp_path):
    path = tmp_path / "feats.ark"
    matrix = struct.pack("<bibi", 4, 2, 4, 3) + np.arange(6, dtype="<f4").tobytes()
    good = b"u1 \0BFM " + matrix + b"u2 \0BFM " + matrix
    swapped = struct.pack(">bibi", 4, 2, 4, 3) + np.arange(6, dtype=">f4").tobytes()
    for match, content in {
        "utterance u2: found 23 bytes for a matrix of 2 x 3 numbers, expected 24 .*cut short": good[:-1],
        "utterance u2: found no size of a matrix .*cut short": good[: -len(matrix) + 7],
        "utterance u1: found 24 bytes for .*other byte order": b"u1 \0BFM " + swapped,
        "utterance u1: found .*cut short": b"u1 \0BCM " + struct.pack("<ffii", 0, 1, 100, 13) + bytes(50),
        "utterance u1: found 'XM', expected a matrix": b"u1 \0BXM " + matrix,
        "utterance u1: found it twice": good.replace(b"u2", b"u1"),
        "utterance u1: found b'PKL.*no matrix there": b"u1 PKL\x80\x04",
        r"utterance u1: found no \]": b"u1  [\n 1 2\n 3 4\n",
        "feats.ark: found b'.*expected an archive": b"\0B<DiagGMM> ",
        "feats.ark: found b'u1' and then nothing": b"u1",
        "found no utterance": b"",
    }.items():
        path.write_bytes(content)
        fails(match, FeatureStore, f"ark:{path}")
    for match, content in {
        "utterance u1: .*found .*x.*, expected numbers": b"u1  [\n 1 2\n 3 x ]\n",
        r"utterance u1: .*found rows of \[1, 2\] numbers": b"u1  [\n 1 2\n 3 ]\n",
        "utterance u1: .*without numbers": b"u1  [ ]\n",
        "utterance u1: .*found nan in frame 1, column 0": b"u1  [\n 1 2\n nan 3 ]\n",
    }.items():
        path.write_bytes(content)
        fails(match, FeatureStore, f"ark:{path}", kind=FeatureError if "nan" in match else DataError)
    fails("No such file", FeatureStore, f"ark:{tmp_path / 'none'}")


def test_hdf5_is_no_archive(tmp_path):
    (tmp_path / "f").write_bytes(b"\x89HDF\r\n\x1a\n\x03\x08\x08\x00")
    with pytest.raises(DataError, match="found HDF5, which is read by the name of its file alone"):
        ark_places(f"{tmp_path}/f")


def test_what_cannot_be_written(tmp_path):
    path, script = tmp_path / "a.ark", tmp_path / "a.scp"
    good = np.ones((2, 2))
    for match, items in {
        "can't hold the id 'a b'": [("u", good), ("a b", good)],
        "can't hold the id 'u'": [("u", good), ("u", good)],
        "found no utterance": [],
    }.items():
        fails(match, write_kaldi_ark, path, items, scp=script)
    for bad in (good[0], good[:0], good * np.nan, good * 1e300):
        fails("utterance u: found", write_kaldi_ark, path, [("u", bad)], kind=FeatureError)
    fails("both text and compression", write_kaldi_ark, path, [("u", good)], text=True, compress=True)
    assert list(tmp_path.iterdir()) == []


# --- text in linear time, and every number of it strictly


def text_ark(path, rows):
    path.write_text("u  [\n  " + "\n  ".join(rows) + " ]\n")
    return f"ark:{path}"


def test_long_text_is_read_in_linear_time(tmp_path):
    frames = np.random.default_rng(0).normal(size=(4000, 39)).astype(np.float32)
    seconds = []
    for count in (1000, 4000):
        write_kaldi_ark(tmp_path / "a.ark", [("u", frames[:count])], text=True)
        tries = []
        for _ in range(2):  # of which the shorter one was less disturbed by others
            start = time.process_time()
            with FeatureStore(f"ark:{tmp_path}/a.ark") as store:
                np.testing.assert_array_equal(store["u"], frames[:count])
            tries.append(time.process_time() - start)
        seconds.append(min(tries))
    assert seconds[1] < 10 * seconds[0]  # by the square it would be 16 times as long


@pytest.mark.parametrize("number", ["1_0", "\u0661", "0x10", "1,5", "#1", "1e", "e", "--1", "i", "1\u00a02"])
def test_what_is_no_number_is_refused(tmp_path, number):
    with pytest.raises(DataError, match=r"utterance u: .*a\.ark"):
        FeatureStore(text_ark(tmp_path / "a.ark", [f"1 {number}"]))


@pytest.mark.parametrize("number", ["inf", "-inf", "nan", "1e39", "-1e400"])
def test_what_is_not_finite_is_refused_by_utterance(tmp_path, number):
    (tmp_path / "a.ark").write_text(f"u1  [\n  1 2 ]\nu2  [\n  1 {number} ]\n")
    with FeatureStore(f"ark:{tmp_path}/a.ark") as store:
        assert store["u1"].tolist() == [[1, 2]]
        with pytest.raises(FeatureError, match=r"utterance u2: .*in frame 0, column 1, expected finite"):
            store["u2"]


def test_doubles_beyond_float32_are_refused(tmp_path):
    matrix = b"\0BDM " + struct.pack("<bibi", 4, 1, 4, 2) + np.array([1.0, 1e300]).tobytes()
    (tmp_path / "a.ark").write_bytes(b"u " + matrix)
    with pytest.raises(FeatureError, match=r"utterance u: .*found inf in frame 0, column 1"):
        FeatureStore(f"ark:{tmp_path}/a.ark")


@pytest.mark.parametrize("kind", ["FM", "DM", "CM", "CM2", "CM3"])
@pytest.mark.parametrize("sizes", [(2**31 - 1, 2**31 - 1), (-1, -1), (-4, 3), (40_000, 40_000), (0, 0), (3, 0)])
def test_sizes_that_are_not_there(tmp_path, kind, sizes):
    head = (
        struct.pack("<ffii", 0, 1, *sizes) if kind.startswith("C") else struct.pack("<bibi", 4, sizes[0], 4, sizes[1])
    )
    (tmp_path / "a.ark").write_bytes(b"u \0B" + kind.encode() + b" " + head + bytes(64))
    tracemalloc.start()
    with pytest.raises(DataError, match=r"a\.ark"):
        FeatureStore(f"ark:{tmp_path}/a.ark")
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("place", ["a.ark:1000", "a.ark:" + "9" * 18, "a.ark:" + "9" * 40, "pipe", "pipe:3", "."])
@pytest.mark.skipif(os.name == "nt", reason="Windows has no named pipes in folders")
def test_places_outside_of_files(tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    write_kaldi_ark("a.ark", [("u", np.ones((1, 2)))])
    (tmp_path / "feats.scp").write_text(f"u {place}\n")
    with pytest.raises(DataError, match=r"u: |feats"):
        FeatureStore("scp:feats.scp")


def test_a_file_that_changes_while_it_is_open(tmp_path):
    ark, h5 = tmp_path / "a.ark", tmp_path / "a.h5"
    frames = np.random.default_rng(0).normal(size=(20_000, 20)).astype(np.float32)
    write_kaldi_ark(ark, [("u", frames)])
    write_store(h5, [("u", frames)])
    with FeatureStore(f"ark:{ark}") as first, FeatureStore(h5) as second:
        for path, store in ((ark, first), (h5, second)):
            with open(path, "r+b") as file:
                file.truncate(100_000)
            with pytest.raises(DataError, match=path.name):
                store["u"]


@given(st.text("+-.0123456789eEnaifty \n\r\t", max_size=30))
@example("\n1 2\n3")
@example("\n nan inf\n -INF Infinity")
@example(" 1e400 1e-46 ")
def test_text_is_read_as_number_by_number(text):
    def told(read):
        try:
            return read(text.encode(), np.float32)
        except ValueError as error:
            return str(error)

    np.testing.assert_equal(told(parse_matrix), told(parse_lines) if text.strip() else "found a matrix without numbers")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_text_has_all_digits(tmp_path, dtype):
    rng = np.random.default_rng(0)
    arrays = {"a%d": rng.normal(size=7) * 10.0 ** rng.integers(-30, 30, 7), "b": rng.normal(size=(3, 2))}
    arrays = {name: array.astype(dtype) for name, array in arrays.items()}
    write_table(Output("ark", f"{tmp_path}/a", f"{tmp_path}/a.scp", True), arrays.items())
    for name, found in read_table(f"scp:{tmp_path}/a.scp"):
        np.testing.assert_array_equal(found, arrays[name].astype(np.float32))
    theirs = dict(kaldiio.load_ark(f"{tmp_path}/a"))
    assert {name: array.shape for name, array in theirs.items()} == {"a%d": (7,), "b": (3, 2)}
    lines = (tmp_path / "a").read_text().splitlines()
    assert lines[1:2] == ["b  ["]
    assert [dtype(number) for number in lines[0].split()[2:-1]] == arrays["a%d"].tolist()
