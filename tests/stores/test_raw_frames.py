"""Bare frames: round trips, and what is refused."""

import numpy as np
import pytest

from gmmspeech.errors import DataError, FeatureError
from gmmspeech.stores import raw_frames
from gmmspeech.stores.raw_frames import raw_is_whole, raw_writer, read_raw


@pytest.mark.parametrize("storage", ["float32", "float16"])
def test_round_trip(tmp_path, storage):
    frames = np.random.default_rng(0).normal(size=(7, 3))
    with raw_writer(tmp_path / "a.raw", storage=storage) as write:
        write("u1", frames[:2].tolist())
        write("u2", np.asfortranarray(frames[2:]))
        assert not (tmp_path / "a.raw").exists()
    np.testing.assert_array_equal(read_raw(tmp_path / "a.raw", 7, storage=storage), frames.astype(storage))


def test_bad_utterances_leave_the_others(tmp_path):
    with raw_writer(tmp_path / "a.raw", storage="float16") as write:
        write("good", np.ones((2, 3)))
        for bad, message in (
            (np.ones((2, 4)), "found 4 columns, expected 3 as in the utterances before"),
            (np.full((2, 3), 1e6), "found inf in frame 0, column 0, expected finite float16 numbers"),
            (np.ones((0, 3)), r"found frames of shape \(0, 3\), expected \(T, D\), T > 0"),
        ):
            with pytest.raises(FeatureError, match=f"^utterance bad: {message}$"):
                write("bad", bad)
    assert read_raw(tmp_path / "a.raw", 2, storage="float16").shape == (2, 3)


def test_a_block_that_fails_leaves_nothing(tmp_path):
    def write_and_stop():
        with raw_writer(tmp_path / "a.raw", storage="float32") as write:
            write("u", np.ones((2, 3)))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_and_stop()
    assert not list(tmp_path.iterdir())


def test_files_that_are_not_what_was_said(tmp_path):
    (tmp_path / "cut.raw").write_bytes(bytes(10))
    (tmp_path / "empty.raw").write_bytes(b"")
    for name in ("cut.raw", "empty.raw", "missing.raw"):
        with pytest.raises(DataError, match=rf"{name}: can't be read \(.*\), expected 2 frames of float32$"):
            read_raw(tmp_path / name, 2, storage="float32")


def test_damage_is_noticed(tmp_path):
    path = tmp_path / "a.raw"
    with raw_writer(path, storage="float32") as write:
        write("u1", np.ones((1000, 2)))
        write("u2", np.zeros((1000, 2)))
    assert raw_is_whole(path)
    good = path.read_bytes()
    for bad in (good[:-1], good[1:], good[:4000] + bytes(8) + good[4008:], bytes(len(good) - 4) + good[-4:], b""):
        path.write_bytes(bad)
        assert not raw_is_whole(path)
    assert not raw_is_whole(tmp_path / "missing.raw")


@pytest.mark.parametrize("block", [1, 3, 4, 5, 4096])
def test_the_size_of_blocks_does_not_matter(tmp_path, monkeypatch, block):
    monkeypatch.setattr(raw_frames, "_BLOCK", block)
    with raw_writer(tmp_path / "a.raw", storage="float16") as write:
        write("u", np.arange(20).reshape(5, 4))
    assert raw_is_whole(tmp_path / "a.raw")
