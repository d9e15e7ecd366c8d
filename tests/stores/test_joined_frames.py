"""Several stores as one, in a list or through an index."""

import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor

import kaldiio
import numpy as np
import pytest
from editing import edited
from hypothesis import given, settings, strategies as st
from said import fails

from gmmspeech.errors import FeatureError
from gmmspeech.stores import joined_frames
from gmmspeech.stores.features import FeatureStore, write_index, write_store

FRONT = '{"features": {"num_ceps": 13}}'


def utterances(lengths, prefix="u"):
    rng = np.random.default_rng(len(lengths))
    return {f"{prefix}{i}": rng.normal(size=(n, 3)).astype(np.float32) for i, n in enumerate(lengths)}


@pytest.fixture
def parts(tmp_path):
    """Three stores, and the frames of all of them."""
    folder = tmp_path / "shards"
    everything, paths = {}, []
    for name, lengths in {"a": [5, 1], "b": [700], "c": [3, 4, 900]}.items():
        frames = utterances(lengths, name)
        paths.append(folder / f"{name}.h5")
        write_store(paths[-1], frames.items(), front_end=FRONT)
        everything |= frames
    return paths, everything


@pytest.fixture
def index(tmp_path, parts):
    write_index(tmp_path / "all.h5", parts[0])
    return tmp_path / "all.h5"


@pytest.mark.parametrize("kind", ["index", "list"])
def test_together_they_are_one_store(parts, index, kind):
    paths, frames = parts
    with FeatureStore(index if kind == "index" else paths) as store:
        assert list(store) == list(frames)
        assert (store.dim, store.total_frames, store.front_end) == (3, 1613, FRONT)
        for name, expected in frames.items():
            np.testing.assert_array_equal(store[name], expected)
            assert store.num_frames(name) == len(expected)
        for size in (1, 7, 700, 1613, 9999):
            blocks = list(store.blocks(size))
            assert [len(b) for b in blocks] == [size] * (1613 // size) + [1613 % size] * (1613 % size > 0)
            np.testing.assert_array_equal(np.concatenate(blocks), np.concatenate(list(frames.values())))
        fails("no utterance zoe, expected one of 6 such as a0", store.__getitem__, "zoe")
        copy = pickle.loads(pickle.dumps(store))
        np.testing.assert_array_equal(copy["c2"], frames["c2"])
    fails("is closed", store.__getitem__, "a0")


@given(
    stores=st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=4), min_size=1, max_size=4),
    size=st.integers(1, 20),
)
@settings(max_examples=20, deadline=None)
def test_cut_in_any_way_the_frames_are_the_same(tmp_path_factory, stores, size):
    folder = tmp_path_factory.mktemp("shards")
    parts = [utterances(lengths, f"{i}-") for i, lengths in enumerate(stores)]
    for i, part in enumerate(parts):
        write_store(folder / f"{i}.h5", part.items())
    write_store(folder / "whole.h5", (item for part in parts for item in part.items()))
    write_index(folder / "all.h5", [folder / f"{i}.h5" for i in range(len(parts))])
    with FeatureStore(folder / "whole.h5") as whole, FeatureStore(folder / "all.h5") as shards:
        assert list(whole) == list(shards)
        for expected, found in zip(whole.blocks(size), shards.blocks(size), strict=True):
            np.testing.assert_array_equal(found, expected)


def test_an_index_moves_with_its_shards(tmp_path, parts, index):
    shutil.move(tmp_path / "shards", tmp_path / "new" / "shards")
    shutil.move(index, tmp_path / "new" / "all.h5")
    with FeatureStore(tmp_path / "new" / "all.h5") as store:
        np.testing.assert_array_equal(store["b0"], parts[1]["b0"])


def test_missing_shards_are_counted_and_the_first_is_named(parts, index):
    for path in parts[0][1:]:
        path.unlink()
    fails(r"all.h5: missing are 2 of its 3 shards, the first: .*shards/b.h5$", FeatureStore, index)


def test_a_shard_that_is_another_one(parts, index):
    write_store(parts[0][1], utterances([700], "z").items(), front_end=FRONT)
    store = FeatureStore(index)
    np.testing.assert_array_equal(store["a0"], parts[1]["a0"])
    fails("b.h5: found 1 utterance, .*it is not the shard the index was made of", store.__getitem__, "b0")


def test_few_shards_are_open_at_once(parts, index, monkeypatch):
    monkeypatch.setattr(joined_frames, "OPEN_FILES", 2)
    store = FeatureStore(index)
    names = list(parts[1]) * 20
    with ThreadPoolExecutor(4) as pool:
        for name, found in zip(names, pool.map(store.__getitem__, names), strict=True):
            np.testing.assert_array_equal(found, parts[1][name])
    assert len(store._source._open) == 2


@pytest.mark.parametrize("join", [lambda paths, out: FeatureStore(paths), lambda paths, out: write_index(out, paths)])
def test_stores_that_do_not_fit_together(tmp_path, parts, join):
    paths, _ = parts
    out, other = tmp_path / "new.h5", tmp_path / "other.h5"
    write_store(other, utterances([4], "x").items(), front_end=FRONT.replace("13", "20"))
    expected = "other.h5: found frames with features.num_ceps = 20, expected features.num_ceps = 13 as in .*a.h5"
    fails(expected, join, [*paths, other], out, kind=FeatureError)
    write_store(other, [("x", np.zeros((2, 4)))])
    fails("other.h5: found 4 columns, expected 3 as in .*a.h5", join, [*paths, other], out, kind=FeatureError)
    write_store(other, utterances([4], "b").items())
    fails("other.h5: found utterance b0", join, [*paths, other], out)
    fails("expected one or more", join, [], out)
    assert not out.exists()


def test_stores_of_other_kinds_join_a_list(tmp_path, parts, index):
    frames = utterances([5], "k")
    kaldiio.save_ark(str(tmp_path / "k.ark"), frames, scp=str(tmp_path / "k.scp"))
    with FeatureStore([index, f"scp:{tmp_path / 'k.scp'}"]) as store:
        assert list(store) == [*parts[1], "k0"]
        assert store.front_end == FRONT
        np.testing.assert_array_equal(store["k0"], frames["k0"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("edges", [0, 2, 3]),
        ("edges", [0.0, 1.0]),
        ("edges", [0, 0, 5]),
        ("offsets", [0, 1]),
        ("utterances", None),
        ("shards", [1, 2, 3]),
    ],
)
def test_a_damaged_index(index, name, value):
    with edited(index) as file:
        del file[name]
        if value is not None:
            file[name] = value
    fails("all.h5: damaged", FeatureStore, index)
