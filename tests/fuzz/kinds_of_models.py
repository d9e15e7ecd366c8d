"""Models and stores of this package, of today and of version 0.1, and mixtures of others in HDF5."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
from fuzz.kinds import add
from fuzz.targets import checkpoint, command, copy_model, load, score_frames, statistics, store

import gmmspeech as gs

_OLD = Path(__file__).parents[1] / "data" / "version_0_1"
_SHOW = command("show {path}")
_OF_OLD = (
    *("plda", "isv", "jfa", "calibration-pav", "phone-classifier", "phone-classifier-adapted", "phone-hmms-adapted"),
    *("phone-mixtures", "phone-training", "statistics", "verifier-symmetric", "classifier"),
)
_OF_WORLD = {
    "mixture": (
        "u.h5",
        {
            "score": score_frames,
            "copy-model": copy_model,
            "enroll": command("enroll {path} {world}/f.h5 {world}/enroll {out}/m.h5"),
            "statistics": command("statistics {path} {world}/f.h5 {out}/s.h5"),
            "train-ivector": command("train-ivector {path} {world}/s.h5 {out}/e.h5 --rank 1 --max-iter 1"),
            "accumulate": command("accumulate {path} {world}/f.h5 {out}/a.h5"),
            "supervectors": command("supervectors {path} {world}/s.h5 {out}/v.h5"),
        },
    ),
    "verifier": ("m.h5", {"score": command("score {path} {world}/f.h5 {world}/trials {out}/scores")}),
    "classifier of world": ("c.h5", {"classify": command("classify {path} {world}/f.h5")}),
    "extractor": ("extractor.h5", {"extract": command("extract-ivectors {path} {world}/s.h5 {out}/i.h5")}),
    "i-vectors": (
        "ivectors.h5",
        {"score": command("score-ivectors {world}/backend.h5 {path} {world}/enroll {world}/trials {out}/scores")},
    ),
    "back end": (
        "backend.h5",
        {"score": command("score-ivectors {path} {world}/ivectors.h5 {world}/enroll {world}/trials {out}/scores")},
    ),
    "phone HMMs": (
        "hmm.h5",
        {
            "align": command("align {world} {path} --dictionary {world}/words.dict --out {out}"),
            "recognize": command("recognize {world} {path} --dictionary {world}/words.dict"),
        },
    ),
    "accumulated statistics": ("a.h5", {"estimate": command("estimate {world}/u.h5 {path} {out}/u.h5")}),
    "classifier of labels": (
        "labeled.h5",
        {"classify": command("classify-phones {world} {path} --labels {world}/phones.ctm")},
    ),
    "calibration": ("calibration.h5", {"apply": command("apply-calibration {path} {world}/scores {out}/llrs")}),
}


def _copied(name: str) -> Callable[[Path, Path], None]:
    return lambda path, world: shutil.copy(world / name, path) and None


def _renewed(name: str) -> Callable[[Path, Path], None]:
    return lambda path, world: gs.load(_OLD / f"{name}.h5").save(path)


def _frames() -> list[tuple[str, np.ndarray]]:
    rng = np.random.default_rng(3)
    return [(f"u{i}", rng.normal(size=(5 + i, 4)).astype(np.float32)) for i in range(5)]


def _index(path: Path, world: Path) -> None:
    items = _frames()
    for i in range(2):
        gs.write_store(path.parent / f"{i}.h5", items[i::2])
    gs.stores.write_index(path, [path.parent / "0.h5", path.parent / "1.h5"])


def _checkpoint(path: Path, world: Path) -> None:
    x = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    gs.train_ubm(x, 2, max_iter=3, checkpoint=gs.Checkpoint(path))


def _layout(layout: dict[str, object]) -> Callable[[Path, Path], None]:
    def make(path: Path, world: Path) -> None:
        with h5py.File(path, "w") as file:
            for name, value in layout.items():
                file[name] = value

    return make


_WEIGHTS, _MEANS, _VARIANCES = np.array([0.25, 0.75]), np.arange(6.0).reshape(2, 3), np.full((2, 3), 0.5)
_LAYOUTS: dict[str, dict[str, object]] = {
    "bob": {
        "n_gaussians": 2,
        "weights": _WEIGHTS,
        "gaussians/means": _MEANS,
        "gaussians/variances": _VARIANCES,
        "gaussians/variance_thresholds": 1e-16,
    },
    "old bob": {
        "m_n_gaussians": np.int64(2),
        "m_weights": _WEIGHTS,
        **{f"m_gaussians{k}/m_mean": _MEANS[k] for k in range(2)},
        **{f"m_gaussians{k}/m_variance": _VARIANCES[k] for k in range(2)},
    },
    "SIDEKIT": {"w": _WEIGHTS, "mu": _MEANS, "invcov": 1 / _VARIANCES, "cst": _WEIGHTS, "det": _WEIGHTS},
}

for _name, (_file, _targets) in _OF_WORLD.items():
    add(_name, "model.h5", "hdf5", {"load": load, "show": _SHOW, **_targets}, _copied(_file), sealed=True)
for _name in _OF_OLD:
    add(_name, "model.h5", "hdf5", {"load": load, "show": _SHOW}, _renewed(_name), sealed=True)
for _name in ("mixture", "verifier-frames", "phone-hmms", "backend"):
    make_old = lambda path, world, name=_name: shutil.copy(_OLD / f"{name}.h5", path) and None  # noqa: E731
    add(f"{_name} of version 0.1", "model.h5", "hdf5", {"load": load, "show": _SHOW}, make_old)
for _name, _values in _LAYOUTS.items():
    add(
        _name,
        "model.hdf5",
        "hdf5",
        {"load": load, "copy-model": copy_model},
        _layout(_values),
    )

_STORE = {"read": store(), "show": _SHOW, "copy": command("copy-features {path} ark,t:{out}/f.ark")}
_TRAIN = {"train-ubm": command("train-ubm {path} {out}/u.h5 -k 2 --max-iter 2")}
add("features", "f.h5", "hdf5", {**_STORE, **_TRAIN}, lambda path, world: gs.write_store(path, _frames()), sealed=True)
add(
    "features of the world",
    "f.h5",
    "hdf5",
    {
        "score": command("score {world}/m.h5 {path} {world}/trials {out}/scores"),
        "classify": command("classify {world}/c.h5 {path}"),
    },
    _copied("f.h5"),
    sealed=True,
)
add(
    *("compressed features", "f.h5", "hdf5", _STORE),
    lambda path, world: gs.write_store(path, _frames(), storage="float16", compression="gzip"),
    sealed=True,
)
add("index of features", "f.h5", "hdf5", _STORE, _index, sealed=True)
add(
    *("statistics of utterances", "s.h5", "hdf5"),
    {"read": statistics, "show": _SHOW, "extract": command("extract-ivectors {world}/extractor.h5 {path} {out}/i.h5")},
    _copied("s.h5"),
    sealed=True,
)
add("checkpoint", "u.checkpoint", "hdf5", {"resume": checkpoint, "show": _SHOW}, _checkpoint, sealed=True)
