"""EM as the jobs of a queue do it, from the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from said import works

import gmmspeech as gs

Run = Callable[..., Result]


def test_an_iteration_in_parts(scored: Path, run: Run) -> None:
    with gs.FeatureStore(scored / "f.h5") as store:
        frames, front_end = np.concatenate(list(store.values())), store.front_end
    gs.write_store(scored / "long.h5", [("u", np.tile(frames, (100, 1)))], front_end=front_end)
    for part in (1, 2):
        words = ("accumulate", scored / "u.h5", scored / "long.h5", scored / f"s{part}.h5", "--shard", f"{part}/2")
        result = works(run(*words, "--jobs", part))
        assert result.stdout.startswith(f"{(16384, 12416)[part - 1]} frames, -")
    result = works(run("estimate", scored / "u.h5", scored / "s1.h5", scored / "s2.h5", scored / "v.h5"))
    before, found = gs.load(scored / "u.h5"), gs.load(scored / "v.h5")
    assert result.stdout == f"4 components, 28800 frames, {found.history_[-1]:.4f} nats a frame\n"
    with gs.FeatureStore(scored / "long.h5") as store:
        expected = gs.train_ubm(store, 4, init=before, max_iter=1)
    for a, b in zip(found.parameters(), expected.parameters(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)  # training floors the variances of its start too
    shown = run("show", scored / "s2.h5").stdout.splitlines()
    assert shown[0].startswith("statistics of a mixture: 4 components, 6 dimensions, of ")
    assert shown[1].startswith("shard 2/2: 12416 frames, -")
    assert shown[2].startswith("front end: 6 MFCC")


@pytest.mark.parametrize("part", ["2", "0/3", "4/3", "1/", "-1/2", "one/two"])
def test_a_part_that_is_none(scored: Path, run: Run, part: str) -> None:
    result = run("accumulate", scored / "u.h5", scored / "f.h5", scored / "s.h5", "--shard", part)
    assert result.exit_code == 2
    assert f"found '{part}', expected i/n" in result.stderr
    assert not (scored / "s.h5").exists()


def test_more_parts_than_there_can_be(scored: Path, fails: Callable[..., None]) -> None:
    words = ("accumulate", scored / "u.h5", scored / "f.h5", scored / "s.h5", "--shard", "1/3")
    fails(scored, words, "f.h5: found 1/3, expected a shard of at most 1")
    words = ("estimate", scored / "u.h5", scored / "f.h5", scored / "v.h5")
    fails(scored, words, "f.h5: found gmmspeech features, expected gmmspeech model")
