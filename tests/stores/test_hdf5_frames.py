"""How frames are kept in HDF5: numbers of fewer digits, and compressed."""

import h5py
import numpy as np
import pytest
from editing import edited
from hypothesis import given, settings, strategies as st

from gmmspeech.errors import ConfigError, DataError, FeatureError
from gmmspeech.stores import hdf5_frames
from gmmspeech.stores.features import FeatureStore, FeatureWriter, write_store


@pytest.fixture
def frames():
    rng = np.random.default_rng(0)
    return {f"u{i}": (20 * rng.normal(size=(n, 5))).astype(np.float32) for i, n in enumerate([7, 1, 3000, 12])}


@pytest.mark.parametrize("compression", [None, "gzip", "lzf"])
@pytest.mark.parametrize("storage", ["float32", "float16"])
def test_what_is_read_is_what_was_written(tmp_path, frames, storage, compression):
    write_store(tmp_path / "f.h5", frames.items(), storage=storage, compression=compression)
    with FeatureStore(tmp_path / "f.h5") as store:
        assert list(store) == list(frames)
        for name, expected in frames.items():
            assert store[name].dtype == np.float32
            np.testing.assert_array_equal(store[name], expected.astype(storage).astype(np.float32))
        blocks = list(store.blocks(1000))
        assert {block.dtype for block in blocks} == {np.dtype(np.float32)}
        whole = np.concatenate(list(frames.values())).astype(storage)
        np.testing.assert_array_equal(np.concatenate(blocks), whole)
        kept = [word for word in (storage, compression) if word]
        assert store.storage == ("" if kept == ["float32"] else ", ".join(kept))
    with h5py.File(tmp_path / "f.h5") as file:
        assert file.attrs["format_version"] == (2 if storage == "float16" else 1)  # older versions read the first


def test_compressed_files_are_smaller_and_the_same_bytes_each_time(tmp_path, frames):
    options = {"plain": {}, "gzip": {"compression": "gzip"}, "lzf": {"compression": "lzf"}}
    sizes = {}
    for name, given_options in options.items():
        for path in (tmp_path / name, tmp_path / "again"):
            write_store(path, [(u, np.round(x)) for u, x in frames.items()], **given_options)
        assert (tmp_path / name).read_bytes() == (tmp_path / "again").read_bytes()
        sizes[name] = (tmp_path / name).stat().st_size
    assert sizes["gzip"] < sizes["lzf"] < sizes["plain"]


@given(st.floats(-65504, 65504, width=32))
@settings(max_examples=50, deadline=None)
def test_float16_keeps_three_digits(tmp_path_factory, value):
    path = tmp_path_factory.mktemp("half") / "f.h5"
    write_store(path, [("u", [[value]])], storage="float16")
    assert FeatureStore(path)["u"][0, 0] == pytest.approx(value, rel=2**-11, abs=2**-25)


def test_numbers_too_large_for_float16_are_named(tmp_path):
    with FeatureWriter(tmp_path / "f.h5", storage="float16") as writer:
        writer.write("good", np.full((2, 3), 65504.0))
        with pytest.raises(
            FeatureError, match="utterance bad: found inf in frame 1, column 2, expected finite float16"
        ):
            writer.write("bad", [[0, 0, 0], [0, 0, 70000.0]])
    assert list(FeatureStore(tmp_path / "f.h5")) == ["good"]


def test_no_such_storage(tmp_path):
    with pytest.raises(ConfigError, match=r"^storage: found 'int8', expected one of float32, float16$"):
        FeatureWriter(tmp_path / "f.h5", storage="int8")
    with pytest.raises(ConfigError, match=r"^compression: found 'zip', expected one of gzip, lzf, or None$"):
        FeatureWriter(tmp_path / "f.h5", compression="zip")
    assert not list(tmp_path.iterdir())


def test_several_utterances_in_one_piece(tmp_path, frames):
    lengths = {name: len(block) for name, block in frames.items()}
    together = np.concatenate(list(frames.values())).astype(np.float16)
    with FeatureWriter(tmp_path / "all.h5", storage="float16") as writer:
        writer.write("first", together[:3])
        writer.write_all(lengths, together)
        with pytest.raises(DataError, match="found utterance u0 again"):
            writer.write_all({"u0": 1}, together[:1])
    with FeatureStore(tmp_path / "all.h5") as store:
        assert list(store) == ["first", *frames]
        for name, expected in frames.items():
            np.testing.assert_array_equal(store[name], expected.astype(np.float16))


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_the_size_of_the_pieces_written_changes_nothing(tmp_path, monkeypatch, compression):
    frames = np.random.default_rng(0).normal(size=(3 * 2048 + 5, 40)).astype(np.float32)
    for chunks in (1, 2, 8):
        monkeypatch.setattr(hdf5_frames, "_CHUNKS_AT_ONCE", chunks)
        for length in (1000, 2048, len(frames)):
            pieces = np.split(frames, range(length, len(frames), length))
            write_store(tmp_path / "f.h5", ((f"u{i}", p) for i, p in enumerate(pieces)), compression=compression)
            with FeatureStore(tmp_path / "f.h5") as store:
                np.testing.assert_array_equal(np.concatenate([block for _, block in store.items()]), frames)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_frames_that_are_no_numbers_are_named_by_utterance(tmp_path, value):
    write_store(tmp_path / "f.h5", [("a", np.ones((3, 2))), ("b", np.ones((4, 2)))])
    with edited(tmp_path / "f.h5") as file:
        frames = file["frames"][:]
        frames[4, 1] = value
        del file["frames"]
        file["frames"] = frames
    with FeatureStore(tmp_path / "f.h5") as store:
        assert store["a"].shape == (3, 2)
        for read in (lambda: store["b"], lambda: list(store.blocks(100))):
            with pytest.raises(FeatureError, match=rf"f\.h5: utterance b: found {value} in frame 1"):
                read()
