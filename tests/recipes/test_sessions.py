"""Sessionss: sessions that are cut, joined and grouped as they say, and their statistics."""

from pathlib import Path

import numpy as np
import pytest
from sessions import Session, count_sessions, cut, join, of_groups, open_sessions, write_sessions

import gmmspeech as gs
from gmmspeech.errors import DataError

SPEAKERS = {"a1": "ann", "a2": "ann", "b1": "bob"}


@pytest.fixture
def features(tmp_path: Path) -> list[Path]:
    frames = {name: np.random.default_rng(i).normal(size=(7, 2)).astype(np.float32) for i, name in enumerate(SPEAKERS)}
    paths = [tmp_path / "ann.h5", tmp_path / "bob.h5"]
    gs.write_store(paths[0], [("a1", frames["a1"]), ("a2", frames["a2"])])
    gs.write_store(paths[1], [("b1", frames["b1"])])
    return paths


def test_pieces_make_up_the_utterance(tmp_path: Path, features: list[Path]) -> None:
    write_sessions(tmp_path / "side", features, cut(SPEAKERS, 3))
    ubm = gs.DiagonalGMM.from_parameters([0.5, 0.5], [[0.0, 0.0], [1.0, 1.0]], np.ones((2, 2)))
    count_sessions(tmp_path / "side", ubm)
    with open_sessions(tmp_path / "side") as side, gs.FeatureStore(features[1]) as store:
        assert list(side.stats) == list(side.frames) == [f"{u}-{i}" for u in SPEAKERS for i in (1, 2, 3)]
        assert side.speakers == ["ann"] * 6 + ["bob"] * 3
        pieces = [side.frames[f"b1-{i}"] for i in (1, 2, 3)]
        assert [len(piece) for piece in pieces] == [3, 2, 2]
        np.testing.assert_array_equal(np.concatenate(pieces), store["b1"])
        total = sum(side.stats[f"b1-{i}"] for i in (1, 2, 3))
        np.testing.assert_allclose(total.sum_x, ubm.accumulate(store["b1"]).sum_x, rtol=1e-5)


def test_utterances_of_a_group_are_joined_in_order(tmp_path: Path, features: list[Path]) -> None:
    sessions = of_groups({"m": ["a2", "a1"], "n": ["b1"]}, SPEAKERS)
    assert sessions == [Session("m", "ann", ("a2", "a1")), Session("n", "bob", ("b1",))]
    write_sessions(tmp_path / "side", features, sessions)
    with gs.FeatureStore(tmp_path / "side" / "frames.h5") as side, gs.FeatureStore(features[0]) as store:
        np.testing.assert_array_equal(side["m"], np.concatenate([store["a2"], store["a1"]]))


def test_every_utterance_is_joined_once() -> None:
    speakers = {f"{s}{i}": s for s in "ab" for i in range(11)} | {"c0": "c"}
    sessions = join(speakers, 5)
    assert [session.speaker for session in sessions] == ["a", "a", "b", "b", "c"]
    assert sorted(u for session in sessions for u in session.utterances) == sorted(speakers)


def test_groups_must_be_of_one_known_speaker(tmp_path: Path, features: list[Path]) -> None:
    with pytest.raises(DataError, match="m: found utterances of speakers ann and bob, expected of one"):
        of_groups({"m": ["a1", "b1"]}, SPEAKERS)
    with pytest.raises(DataError, match="m: utterance x is not in utt2spk"):
        of_groups({"m": ["x"]}, SPEAKERS)
    with pytest.raises(DataError, match=r"utterance b1 is not in .*ann\.h5"):
        write_sessions(tmp_path / "side", features[:1], cut(SPEAKERS, 1))
