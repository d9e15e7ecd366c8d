"""Score normalization against the textbook's formulas, written as loops over every trial and every cohort entry."""

import math
from statistics import fmean, stdev

import numpy as np
import pytest

from gmmspeech.errors import ConfigError, DataError
from gmmspeech.scoring import cohort
from gmmspeech.scoring.normalization import s_norm, t_norm, z_norm, zt_norm

M, T, CZ, CT = 7, 9, 12, 11


def data(seed=0, num_speakers=None):
    """Scores and cohort scores; with speakers, of which some are in the cohort several times, some not at all."""
    rng = np.random.default_rng(seed)
    found = {
        "scores": rng.normal(0, 2, (M, T)),
        "model_cohort": rng.normal(rng.normal(0, 1, (M, 1)), 1.5, (M, CZ)),
        "test_cohort": rng.normal(rng.normal(0, 1, (T, 1)), 0.5, (T, CT)),
        "cohort_cohort": rng.normal(rng.normal(0, 1, (CT, 1)), 0.7, (CT, CZ)),
    }
    if num_speakers:
        found["model_speakers"] = [f"s{i}" for i in rng.integers(0, num_speakers, M)]
        found["model_cohort_speakers"] = [f"s{i}" for i in rng.integers(0, num_speakers, CZ)]
        found["test_cohort_speakers"] = np.array([f"s{i}" for i in rng.integers(0, num_speakers, CT)])
    return found


def moments(row, speakers, claimed, top_n=None):
    """Mean and standard deviation (ddof 1) of cohort scores of other speakers, or of the highest of them."""
    kept = [float(s) for s, who in zip(row, speakers, strict=True) if who != claimed]
    kept = sorted(kept, reverse=True)[:top_n]
    return fmean(kept), stdev(kept)


def naive(method, d, top_n=None):
    """One trial after the other."""
    claimed = list(d.get("model_speakers", [None] * M))
    z_speakers = list(d.get("model_cohort_speakers", ["z?"] * CZ))
    t_speakers = list(d.get("test_cohort_speakers", ["t?"] * CT))
    result = np.empty((M, T))
    for i in range(M):
        mz, sz = moments(d["model_cohort"][i], z_speakers, claimed[i], top_n)
        for j in range(T):
            row = d["test_cohort"][j]
            score = float(d["scores"][i, j])
            if method == "zt":
                own = [moments(d["cohort_cohort"][k], z_speakers, t_speakers[k]) for k in range(CT)]
                row = [(s - m) / v for s, (m, v) in zip(row, own, strict=True)]
                score = (score - mz) / sz
            mt, st = moments(row, t_speakers, claimed[i], top_n)
            z, t = (score - mz) / sz, (score - mt) / st
            result[i, j] = {"z": z, "t": t, "zt": t, "s": (z + t) / 2}[method]
    return result


FUNCTIONS = {
    "z": (z_norm, ["scores", "model_cohort"], ["model_speakers", "model_cohort_speakers"]),
    "t": (t_norm, ["scores", "test_cohort"], ["model_speakers", "test_cohort_speakers"]),
    "s": (
        s_norm,
        ["scores", "model_cohort", "test_cohort"],
        ["model_speakers", "model_cohort_speakers", "test_cohort_speakers"],
    ),
    "zt": (
        zt_norm,
        ["scores", "model_cohort", "test_cohort", "cohort_cohort"],
        ["model_speakers", "model_cohort_speakers", "test_cohort_speakers"],
    ),
}


def ours(method, d, **options):
    """Call the function of a method with what it takes of the data."""
    function, arrays, speakers = FUNCTIONS[method]
    options |= {name: d[name] for name in speakers if name in d}
    return function(*(d[name] for name in arrays), **options)


@pytest.mark.parametrize("block", [1 << 20, 13])
@pytest.mark.parametrize("num_speakers", [None, 8, 30])
@pytest.mark.parametrize("method", list(FUNCTIONS))
def test_methods_are_the_textbooks(method, num_speakers, block, monkeypatch):
    """Every trial, with and without claimed speakers in the cohort, in one block or many."""
    monkeypatch.setattr(cohort, "BLOCK", block)
    for seed in range(3):
        d = data(seed, num_speakers)
        np.testing.assert_allclose(ours(method, d), naive(method, d), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("block", [1 << 20, 13])
@pytest.mark.parametrize("num_speakers", [None, 8, 30])
@pytest.mark.parametrize("top_n", [2, 5])
def test_adaptive_s_norm_is_the_textbooks(top_n, num_speakers, block, monkeypatch):
    """The claimed speaker leaves the cohort first; the highest are taken of the others."""
    monkeypatch.setattr(cohort, "BLOCK", block)
    for seed in range(3):
        d = data(seed, num_speakers)
        np.testing.assert_allclose(ours("s", d, top_n=top_n), naive("s", d, top_n), rtol=1e-10, atol=1e-12)


def test_adaptive_with_ties():
    """Equal scores at the edge of the highest, some of them the claimed speaker's."""
    rng = np.random.default_rng(1)
    d = data(1, 6)
    d["model_cohort"], d["test_cohort"] = (rng.integers(0, 4, d[n].shape) for n in ("model_cohort", "test_cohort"))
    np.testing.assert_allclose(ours("s", d, top_n=6), naive("s", d, 6), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("own", [1e3, 1e7, 1e12])
def test_a_claimed_speaker_far_from_the_others_leaves_no_trace(own):
    """The variance without it is not a difference of large numbers."""
    d = data(2)
    d["model_speakers"] = [f"s{i}" for i in range(M)]
    d["test_cohort_speakers"] = [f"s{i}" for i in range(CT)]
    d["test_cohort"][:, :M] += own * (np.arange(T)[:, None] == np.arange(M))
    np.testing.assert_allclose(ours("t", d).diagonal(), naive("t", d).diagonal(), rtol=1e-9)


def test_large_arrays_may_stay_on_the_disk(tmp_path, monkeypatch):
    """Memory-mapped float32 in, memory-mapped out, block by block; in place, too."""
    monkeypatch.setattr(cohort, "BLOCK", 20)
    d = data(3, 8)
    mapped = dict(d)
    for name in ("scores", "model_cohort", "test_cohort", "cohort_cohort"):
        np.save(tmp_path / name, d[name].astype(np.float32))
        mapped[name] = np.load(tmp_path / f"{name}.npy", mmap_mode="r+")
        d[name] = mapped[name].astype(np.float64)
    for method in FUNCTIONS:
        np.testing.assert_allclose(ours(method, mapped), naive(method, d), rtol=1e-9, atol=1e-12)
    expected = naive("s", d, 4)
    assert ours("s", mapped, top_n=4, out=mapped["scores"]) is mapped["scores"]
    np.testing.assert_allclose(np.load(tmp_path / "scores.npy"), expected, rtol=1e-5, atol=1e-6)


def test_what_it_is_for():
    """Shifts and scales of models and of tests vanish."""
    d = data(4)
    moved = dict(d, scores=5 + 3 * d["scores"], model_cohort=5 + 3 * d["model_cohort"])
    np.testing.assert_allclose(ours("z", moved), ours("z", d), rtol=1e-10)
    moved = dict(d, scores=d["scores"] * 2 - 7, test_cohort=d["test_cohort"] * 2 - 7)
    np.testing.assert_allclose(ours("t", moved), ours("t", d), rtol=1e-10)


def with_nan(array, place):
    """The array with a NaN."""
    array = array.copy()
    array[place] = np.nan
    return array


BASE = data(5, 8)


@pytest.mark.parametrize(
    ("method", "change", "options", "error", "message"),
    [
        ("s", {}, {"top_n": 13}, ConfigError, "^cohort of models: found 12 scores, expected at least top_n, 13$"),
        ("s", {}, {"top_n": 1}, ConfigError, "^top_n: found 1, expected 2 or more$"),
        (
            "s",
            {"model_cohort_speakers": ["s1"] * 12, "model_speakers": ["s0"] * 4 + ["s1"] * 3},
            {"top_n": 3},
            ConfigError,
            "^cohort of models: found 0 scores for model 4 without those of the claimed speaker, expected at",
        ),
        (
            "t",
            {"test_cohort_speakers": ["s1"] * 10 + ["s2"], "model_speakers": ["s1"] * 7},
            {},
            DataError,
            "^cohort of tests: found 1 score for test 0 without those of the claimed speaker, expected at least 2$",
        ),
        ("z", {"scores": with_nan(BASE["scores"], (2, 3))}, {}, DataError, "^score of model 2, test 3: found nan"),
        (
            "z",
            {"model_cohort": with_nan(BASE["model_cohort"], (4, 1))},
            {},
            DataError,
            r"^model 4, cohort entry 1: found nan \(1 such in 7 rows\), expected a finite score$",
        ),
        (
            "t",
            {"test_cohort": np.ones((T, CT))},
            {},
            DataError,
            "^test 0: found scores against the cohort that are all 1",
        ),
        (
            "z",
            {"model_cohort": np.ones((M + 1, CZ))},
            {},
            DataError,
            r"^model_cohort: found shape \(8, 12\) of float64",
        ),
        (
            "t",
            {"test_cohort": np.ones((M, CT))},
            {},
            DataError,
            r"^test_cohort: found shape .*, expected .* \(9, 11\)$",
        ),
        ("zt", {"cohort_cohort": np.ones((2, 2))}, {}, DataError, r"^cohort_cohort: found .* expected .* \(11, 12\)$"),
        (
            "z",
            {"model_speakers": None},
            {},
            ConfigError,
            "^model_speakers: found none, expected all of model_speakers, ",
        ),
        ("z", {"model_speakers": ["s0"]}, {}, DataError, "^model_speakers: found 1, expected one for each of the 7"),
        ("z", {}, {"out": np.empty((1, 1))}, DataError, r"^out: found shape \(1, 1\), expected that of the scores"),
        (
            "z",
            {},
            {"out": np.empty((M, T), np.int64)},
            DataError,
            r"^out: found int64, expected floating-point numbers",
        ),
    ],
)
def test_bad_input_is_refused(method, change, options, error, message):
    """One line with the place, what was found and what was expected."""
    with pytest.raises(error, match=message) as caught:
        ours(method, {**BASE, **change}, **options)
    assert "\n" not in str(caught.value)


def test_infinite_scores_stay_infinite():
    """They say that a model is out of the question; only what is no number is refused."""
    assert z_norm([[-math.inf, 1.0]], [[0.0, 1.0, 2.0]]).tolist() == [[-math.inf, 0.0]]
