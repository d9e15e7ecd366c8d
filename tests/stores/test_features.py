import pickle
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import kaldiio
import numpy as np
import pytest
from editing import edited
from hypothesis import given, settings, strategies as st
from said import fails

from gmmspeech.errors import DataError, FeatureError
from gmmspeech.stores.features import FORMAT, VERSION, FeatureStore, FeatureWriter, write_store


def utterances(lengths, dim=5):
    rng = np.random.default_rng(0)
    return {f"ütt-{i}": rng.normal(size=(n, dim)).astype(np.float32) for i, n in enumerate(lengths)}


@pytest.fixture
def frames():
    return utterances([7, 1, 3000, 12])


@pytest.fixture
def h5(tmp_path, frames):
    write_store(tmp_path / "feats.h5", frames.items(), front_end='{"kind":"mfcc"}')
    return tmp_path / "feats.h5"


@pytest.fixture
def scp(tmp_path, frames):
    kaldiio.save_ark(str(tmp_path / "feats.ark"), frames, scp=str(tmp_path / "feats.scp"))
    return f"scp:{tmp_path / 'feats.scp'}"


@pytest.mark.parametrize("kind", ["h5", "scp"])
def test_a_store_is_a_mapping_of_what_was_written(request, frames, kind):
    with FeatureStore(request.getfixturevalue(kind)) as store:
        assert list(store) == list(frames)
        assert len(store) == 4
        assert "ütt-1" in store
        assert "zoe" not in store
        for name, expected in store.items():
            np.testing.assert_array_equal(store[name], expected)
            np.testing.assert_array_equal(store[name], frames[name])
            assert store[name].dtype == np.float32
            assert store.num_frames(name) == len(frames[name])
        assert (store.dim, store.total_frames) == (5, 3020)
        assert store.get("zoe") is None
        fails("no utterance zoe, expected one of 4 such as ütt-0", store.__getitem__, "zoe")
        assert store.front_end == ('{"kind":"mfcc"}' if kind == "h5" else None)


@pytest.mark.parametrize("size", [1, 5, 1000, 3020, 5000])
@pytest.mark.parametrize("kind", ["h5", "scp"])
def test_blocks_are_all_frames_in_order(request, frames, kind, size):
    blocks = list(FeatureStore(request.getfixturevalue(kind)).blocks(size))
    np.testing.assert_array_equal(np.concatenate(blocks), np.concatenate(list(frames.values())))
    assert [len(b) for b in blocks] == [size] * (3020 // size) + [3020 % size] * (3020 % size > 0)


@given(lengths=st.lists(st.integers(1, 9), min_size=1, max_size=8), size=st.integers(1, 20))
@settings(max_examples=20, deadline=None)
def test_both_kinds_of_store_give_the_same_blocks(tmp_path_factory, lengths, size):
    folder, frames = tmp_path_factory.mktemp("stores"), utterances(lengths)
    write_store(folder / "a.h5", frames.items())
    kaldiio.save_ark(str(folder / "a.ark"), frames, scp=str(folder / "a.scp"))
    stores = [FeatureStore(folder / "a.h5"), FeatureStore(f"scp:{folder / 'a.scp'}")]
    for ours, kaldis in zip(*(store.blocks(size) for store in stores), strict=True):
        np.testing.assert_array_equal(ours, kaldis)


def test_archives_of_kaldi(golden, monkeypatch):
    """The script file names its archive relative to the folder above its own."""
    text = kaldiio.load_ark(str(golden / "kaldi/feats/mfcc_sre16.txt"))
    store = FeatureStore(f"scp:{golden / 'kaldi/feats/mfcc_sre16.scp'}")
    for name, expected in text:
        np.testing.assert_allclose(store[name], expected, rtol=1e-5, atol=1e-5)
    monkeypatch.chdir(golden / "kaldi")
    assert FeatureStore("scp:feats/mfcc_sre16.scp").total_frames == store.total_frames


def test_compressed_archives_of_kaldi(golden, tmp_path):
    ark = golden / "kaldi/feats/mfcc_sre16_compressed.ark"
    store = FeatureStore(f"scp:{golden / 'kaldi/feats/mfcc_sre16.scp'}")
    first = next(iter(store))
    (tmp_path / "a.scp").write_text(f"{first} {ark}:{len(first) + 1}\n")
    compressed = FeatureStore(f"scp:{tmp_path / 'a.scp'}")
    np.testing.assert_allclose(compressed[first], store[first], atol=np.ptp(store[first]) / 100)


def test_ranges_and_text_archives(tmp_path):
    matrix = np.arange(12, dtype=np.float32).reshape(4, 3) + 0.5
    kaldiio.save_ark(str(tmp_path / "a.ark"), {"u1": matrix}, text=True)
    (tmp_path / "a.scp").write_text("whole a.ark:3\npart a.ark:3[1:2]\n")
    store = FeatureStore(f"scp:{tmp_path / 'a.scp'}")
    np.testing.assert_array_equal(store["whole"], matrix)
    np.testing.assert_array_equal(store["part"], matrix[1:3])  # Kaldi's ranges include their end


def test_archives_that_are_no_matrices(tmp_path, scp):
    script = tmp_path / "feats.scp"
    good = script.read_text()
    ark = tmp_path / "feats.ark"
    whole = ark.read_bytes()
    ark.write_bytes(whole[:-30])
    fails("utterance ütt-3: .*feats.ark:.* can't be read", FeatureStore(scp).__getitem__, "ütt-3")
    ark.write_bytes("ütt-0 ".encode() + b"PKL" + pickle.dumps(print))
    fails("utterance ütt-0: .*no matrix there", FeatureStore, scp)
    kaldiio.save_ark(str(ark), {"ütt-0": np.zeros(5, np.float32)})
    fails(r"utterance ütt-0: .*found \(5,\), expected a matrix", FeatureStore, scp)
    ark.unlink()
    fails("found no utterance file|can't be read", FeatureStore, scp)
    for line, match in [
        ("u1 copy-feats ark:a ark:- |", "commands are not run"),
        ("u1", "u1: found nothing"),
        ("u1 missing.ark:3", "found no file missing.ark, expected it under one of"),
    ]:
        script.write_text(line + "\n")
        fails(match, FeatureStore, scp)
    assert good


def test_a_matrix_of_another_width(tmp_path):
    kaldiio.save_ark(
        str(tmp_path / "a.ark"),
        {"u1": np.zeros((2, 3), np.float32), "u2": np.zeros((2, 4), np.float32)},
        scp=str(tmp_path / "a.scp"),
    )
    store = FeatureStore(f"scp:{tmp_path / 'a.scp'}")
    fails("utterance u2: .*found 4 columns, expected 3", store.__getitem__, "u2")


def test_frames_that_can_not_be_stored_are_named_and_leave_the_rest(tmp_path):
    good = np.ones((3, 2))
    with FeatureWriter(tmp_path / "a.h5") as writer:
        writer.write("u1", good)
        for bad, match in [
            (np.ones((3, 3)), "utterance u2: found 3 columns, expected 2"),
            (np.ones((0, 2)), r"utterance u2: found frames of shape \(0, 2\)"),
            (np.ones(2), r"utterance u2: found frames of shape \(2,\)"),
            (np.array([[0, 0], [0, np.nan]]), "utterance u2: found nan in frame 1, column 1"),
            (np.array([[1e300, 0]]), "utterance u2: found inf in frame 0, column 0, expected finite float32"),
        ]:
            fails(match, writer.write, "u2", bad, kind=FeatureError)
        fails("found utterance u1 again", writer.write, "u1", good)
        writer.write("u3", 2 * good)
    store = FeatureStore(tmp_path / "a.h5")
    assert list(store) == ["u1", "u3"]
    np.testing.assert_array_equal(store["u3"], 2 * good)


def test_a_store_appears_whole_or_not_at_all(tmp_path, h5):
    old = h5.read_bytes()

    def broken():
        yield "u1", np.ones((3, 2))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_store(h5, broken())
    assert h5.read_bytes() == old
    fails("found no utterance to write", write_store, h5, [])
    assert h5.read_bytes() == old
    assert list(tmp_path.iterdir()) == [h5]


def test_the_same_frames_give_the_same_bytes(tmp_path, h5, frames):
    write_store(tmp_path / "again.h5", frames.items(), front_end='{"kind":"mfcc"}')
    assert (tmp_path / "again.h5").read_bytes() == h5.read_bytes()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("offsets", np.array([0, 7, 8, 3008, 3019])),
        ("offsets", np.array([0, 8, 7, 3008, 3020])),
        ("offsets", np.array([0, 3020])),
        ("frames", np.zeros(3020, np.float32)),
        ("frames", np.zeros((3020, 5))),
        ("frames", None),
        ("utterances", np.arange(4)),
        ("utterances", np.array(["a", "b", "a", "c"], dtype=object)),
        ("utterances", np.array(["a", "b", "", "c"], dtype=object)),
        ("offsets", np.array([0, 7.5, 8, 3008, 3020])),
        ("offsets", np.array([[0], [7], [8], [3008], [3020]])),
    ],
)
def test_damaged_files(h5, name, value):
    with edited(h5) as file:
        del file[name]
        if value is not None:
            file[name] = value
    fails(f"{h5}: damaged", FeatureStore, h5)


def test_other_files(tmp_path, h5):
    fails("no such file", FeatureStore, tmp_path / "none.h5")
    with edited(h5) as file:
        file.attrs["format_version"] = VERSION + 1
    fails(f"{FORMAT}: found version 3, this gmmspeech reads up to 2", FeatureStore, h5)
    h5.write_bytes(h5.read_bytes()[:5000])
    fails("no readable HDF5", FeatureStore, h5)


def test_a_closed_store_says_so(h5):
    with FeatureStore(h5) as store:
        pass
    fails("is closed", store.__getitem__, "ütt-0")


def test_threads_and_processes_may_share_a_store(h5, frames):
    store = pickle.loads(pickle.dumps(FeatureStore(h5)))
    names = list(frames) * 25
    with ThreadPoolExecutor(4) as pool:
        for name, found in zip(names, pool.map(store.__getitem__, names), strict=True):
            np.testing.assert_array_equal(found, frames[name])


def test_a_pickled_store_is_found_from_another_folder(tmp_path, monkeypatch):
    write_store(tmp_path / "feats.h5", [("u1", np.ones((3, 2)))])
    monkeypatch.chdir(tmp_path)
    pickled = pickle.dumps(FeatureStore("feats.h5"))
    monkeypatch.chdir("/")
    assert list(pickle.loads(pickled)) == ["u1"]


def test_memory_stays_a_block_however_long_the_store(tmp_path):
    block = np.zeros((5000, 20), np.float32)
    tracemalloc.start()
    write_store(tmp_path / "a.h5", ((f"u{i}", block) for i in range(40)))
    with FeatureStore(tmp_path / "a.h5") as store:
        assert sum(len(b) for b in store.blocks(4096)) == store.total_frames == 200000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * block.nbytes  # the store has forty


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("spread", [0.0, 1e-3, 1.0, 100.0])
def test_statistics_of_cmvn_are_no_features(tmp_path, text, spread):
    """As Kaldi's compute-cmvn-stats writes them: sums and their count, sums of squares and a zero."""
    stats = {}
    for speaker in ("ann", "bob"):
        frames = 5 + spread * np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32).astype(float)
        sums, squares = frames.sum(axis=0), (frames**2).sum(axis=0)
        stats[speaker] = np.array([[*sums, len(frames)], [*squares, 0]])
    kaldiio.save_ark(str(tmp_path / "cmvn.ark"), stats, scp=str(tmp_path / "cmvn.scp"), text=text)
    for path in (f"scp:{tmp_path}/cmvn.scp", f"ark:{tmp_path}/cmvn.ark"):
        with pytest.raises(
            DataError, match=r"cmvn.*: found statistics of CMVN, sums of 300 frames of 4 columns, expected"
        ):
            FeatureStore(path)


@pytest.mark.parametrize(
    "rows",
    [
        [[3, 1, 2], [1, 1, 0]],
        [[3, 1, -2], [9, 9, 0]],
        [[3, 1, 2], [9, 9, 9]],
        [[0, 0], [0, 0]],
        [[1, 1, 1], [1, 1, 0]],
        [[3, 1, 2], [9, 9, 0]],
        [[3, 1, 12.5], [9, 9, 0]],
    ],
)
def test_two_frames_are_features(tmp_path, rows):
    kaldiio.save_ark(f"{tmp_path}/f.ark", {"u": np.array(rows, np.float32)})
    assert FeatureStore(f"ark:{tmp_path}/f.ark").total_frames == 2


def test_one_matrix_like_statistics_among_others_is_features(tmp_path):
    like, other = np.array([[3, 1, 20], [9, 9, 0]], np.float32), np.ones((3, 3), np.float32)
    kaldiio.save_ark(f"{tmp_path}/f.ark", {"u": like, "v": other})
    assert FeatureStore(f"ark:{tmp_path}/f.ark").total_frames == 5
