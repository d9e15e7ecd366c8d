"""An iteration of EM shared through files: against train-ubm, against Kaldi; parts that don't belong together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import gmmspeech as gs
from gmmspeech.commands.statistics import accumulate_file, estimate_file
from gmmspeech.errors import ConfigError, DataError, FeatureError, ModelError

FRONT, OTHER = (gs.FrontEnd(sample_frequency=8000, features={"type": "mfcc", "num_ceps": n}) for n in (3, 4))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Features f.h5 of ten utterances and a background model u.h5."""
    rng = np.random.default_rng(0)
    utterances = [(f"u{i}", rng.normal(i % 3, 1, (9000 + i, 3))) for i in range(10)]
    gs.write_store(tmp_path / "f.h5", utterances, front_end=FRONT.to_json())
    with gs.FeatureStore(tmp_path / "f.h5") as store:
        gs.train_ubm(store, 4, max_iter=2).save(tmp_path / "u.h5")
    return tmp_path


def accumulate_all(folder: Path, parts: int) -> list[Path]:
    paths = [folder / f"s{i}of{parts}.h5" for i in range(1, parts + 1)]
    for i, path in enumerate(paths, start=1):
        accumulate_file(folder / "u.h5", folder / "f.h5", path, shard=i, num_shards=parts, n_jobs=i % 2 + 1)
    return paths


@pytest.mark.parametrize("parts", [1, 3, 6])
def test_one_iteration_of_train_ubm(folder: Path, parts: int) -> None:
    before = gs.load(folder / "u.h5")
    with gs.FeatureStore(folder / "f.h5") as store:
        expected = gs.train_ubm(store, 4, init=before, max_iter=1)
    paths = accumulate_all(folder, parts)
    found = estimate_file(folder / "u.h5", paths, folder / "v.h5")
    exactly = 0 if parts == 1 else 1e-12
    for a, b in zip(found.parameters(), expected.parameters(), strict=True):
        np.testing.assert_allclose(a, b, rtol=exactly, atol=exactly)
    assert found.history_ == pytest.approx([*before.history_, *expected.history_])
    assert (found.num_frames_, found.front_end_) == (expected.num_frames_, FRONT.to_json())
    written = (folder / "v.h5").read_bytes()
    estimate_file(folder / "u.h5", paths[::-1], folder / "w.h5")
    assert (folder / "w.h5").read_bytes() == written


def test_features_of_each_machine_its_own(folder: Path) -> None:
    """A shard of features each."""
    with gs.FeatureStore(folder / "f.h5") as store:
        whole = store.total_frames
        for name, some in (("a", list(store)[:4]), ("b", list(store)[4:])):
            gs.write_store(folder / f"{name}.h5", [(u, store[u]) for u in some], front_end=store.front_end)
            accumulate_file(folder / "u.h5", folder / f"{name}.h5", folder / f"s{name}.h5")
    found = estimate_file(folder / "u.h5", [folder / "sa.h5", folder / "sb.h5"], folder / "v.h5")
    assert found.num_frames_ == whole
    with pytest.raises(
        DataError, match=r"sa\.h5: found shard 1/1 of the same utterances as .*sa\.h5, expected each once"
    ):
        estimate_file(folder / "u.h5", [folder / "sa.h5"] * 2, folder / "w.h5")


def test_one_update_equals_kaldis(kaldi, kaldi_mixture, kaldi_frames, tmp_path: Path) -> None:
    """gmm-global-acc-stats and gmm-global-est; Kaldi's variance floor, 0.001, is absolute, and reached by none."""

    def mixture(name: str) -> gs.DiagonalGMM:
        return gs.DiagonalGMM.from_parameters(*kaldi_mixture(name), variance_floor=1e-6)

    gs.write_store(tmp_path / "f.h5", kaldi_frames.items())
    mixture("init.txt").save(tmp_path / "u.h5")
    parts = accumulate_all(tmp_path, 1)
    summed, kaldis = sum(gs.load(path).stats for path in parts), kaldi("stats.txt")
    np.testing.assert_allclose(summed.n, kaldis["OCCUPANCY"], rtol=1e-3)
    np.testing.assert_allclose(summed.sum_xx, kaldis["DIAGVARACCS"], rtol=1e-3)
    found, expected = estimate_file(tmp_path / "u.h5", parts, tmp_path / "v.h5"), mixture("after.txt")
    np.testing.assert_allclose(found.weights_, expected.weights_, rtol=1e-3)
    np.testing.assert_allclose(found.covariances_, expected.covariances_, rtol=1e-3)
    assert np.abs((found.means_ - expected.means_) / np.sqrt(expected.covariances_)).max() < 1e-3


def test_parts_that_are_missing_or_come_twice(folder: Path) -> None:
    paths = accumulate_all(folder, 4)
    out = folder / "v.h5"
    with pytest.raises(DataError, match=r"s1of4\.h5: found 2 of 4 shards of its frames, expected 2/4, 4/4 too"):
        estimate_file(folder / "u.h5", [paths[0], paths[2]], out)
    with pytest.raises(DataError, match=r"s2of4\.h5: found shard 2/4 of the same utterances as .*s2of4\.h5"):
        estimate_file(folder / "u.h5", [*paths, paths[1]], out)
    for part, parts in ((0, 2), (3, 2), (1, 7)):
        with pytest.raises(ConfigError, match=rf"f\.h5: found {part}/{parts}, expected a shard of at most 6"):
            accumulate_file(folder / "u.h5", folder / "f.h5", out, shard=part, num_shards=parts)
    assert not out.exists()


def test_statistics_of_something_else(folder: Path) -> None:
    paths = accumulate_all(folder, 2)
    out = folder / "v.h5"
    updated = estimate_file(folder / "u.h5", paths, folder / "next.h5")
    with pytest.raises(ModelError, match=r"s1of2\.h5: found statistics under mixture \w{12}, expected \w{12} as .*xt"):
        estimate_file(folder / "next.h5", paths, out)
    with gs.FeatureStore(folder / "f.h5") as store:
        gs.write_store(folder / "o.h5", store.items(), front_end=OTHER.to_json())
    with pytest.raises(FeatureError, match=r"o\.h5: found frames with features\.num_ceps = 4"):
        accumulate_file(folder / "u.h5", folder / "o.h5", out)
    updated.front_end_ = None  # as of a mixture trained on Kaldi's archives: frames of any front end fit it
    updated.save(folder / "u.h5")
    for name in ("f", "o"):
        accumulate_file(folder / "u.h5", folder / f"{name}.h5", folder / f"s{name}.h5")
    with pytest.raises(FeatureError, match=r"so\.h5: found frames with features\.num_ceps = 4.* as .*sf\.h5"):
        estimate_file(folder / "u.h5", [folder / "sf.h5", folder / "so.h5"], out)
    with pytest.raises(DataError, match=r"u\.h5: found a DiagonalGMM, expected statistics \(made by accumulate\)"):
        estimate_file(folder / "u.h5", [folder / "u.h5"], out)
    assert not out.exists()
