"""Scores normalized, calibrated, fused and identified, beside the functions that do it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

import gmmspeech as gs
from gmmspeech.commands.scores import (
    all_trials_file,
    apply_calibration_file,
    calibrate_file,
    cross_calibrate_files,
    fuse_files,
    identify_file,
    make_trials_file,
    normalize_scores_file,
)
from gmmspeech.commands.speaker import (
    score_ivectors_file,
)
from gmmspeech.formats.datadir import read_map, write_map
from gmmspeech.formats.trials import read_scores, read_speakers, read_trials, write_scores, write_trials
from gmmspeech.scoring.trials import Scores, TrialList

SPEAKERS = [f"s{i:02d}" for i in range(12)]


def split(scores: Path, trials: Path) -> tuple[np.ndarray, np.ndarray]:
    return read_scores(scores).split(read_trials(trials))


def cohort_trials(world: Path) -> None:
    """Cohort scores of the trials, the cohort being the second halves of the training speakers' utterances."""
    cohort = [f"{s}-4" for s in SPEAKERS[:8]]
    write_map(world / "cohort", {name: [name] for name in cohort})
    write_map(world / "tests", {t: [t] for t in dict.fromkeys(read_trials(world / "trials").tests)})
    write_map(world / "everybody", {**{s: [f"{s}-0", f"{s}-1"] for s in SPEAKERS}, **{c: [c] for c in cohort}})
    for name, models, tests in (("mc", "enroll", "cohort"), ("tc", "cohort", "tests"), ("cc", "cohort", "cohort")):
        all_trials_file(world / models, world / tests, world / f"{name}.trials")
        paths = world / "backend", world / "ivectors", world / "everybody", world / f"{name}.trials", world / name
        score_ivectors_file(*paths)


@pytest.mark.parametrize(("method", "top_n"), [("z", None), ("t", None), ("zt", None), ("s", None), ("as", 5)])
def test_normalization_is_that_of_matrices(world: Path, method: str, top_n: int | None) -> None:
    cohort_trials(world)
    uses = {"z": ["mc"], "t": ["tc"], "zt": ["mc", "tc", "cc"]}.get(method, ["mc", "tc"])
    options = {"mc": "model_cohort", "tc": "test_cohort", "cc": "cohort_cohort"}
    files = {options[name]: world / name for name in uses}
    done = normalize_scores_file(
        world / "scores", world / "out", method, **files, top_n=top_n, speakers=[world / "utt2spk"]
    )
    assert done == 288
    matrices = [read_scores(world / name).values.reshape(shape) for name, shape in
                (("scores", (12, 24)), ("mc", (12, 8)), ("tc", (8, 24)), ("cc", (8, 8)))]  # fmt: skip
    scores, mc, tc, cc = matrices
    who = {"model_speakers": SPEAKERS}
    z, t = {"model_cohort_speakers": SPEAKERS[:8]}, {"test_cohort_speakers": SPEAKERS[:8]}
    expected = {
        "z": lambda: gs.scoring.z_norm(scores, mc, **who, **z),
        "t": lambda: gs.scoring.t_norm(scores, tc.T, **who, **t),
        "zt": lambda: gs.scoring.zt_norm(scores, mc, tc.T, cc, **who, **z, **t),
    }.get(method, lambda: gs.scoring.s_norm(scores, mc, tc.T, top_n=top_n, **who, **z, **t))()
    np.testing.assert_allclose(read_scores(world / "out").values, expected.ravel(), rtol=1e-7)


def test_what_a_cohort_lacks_is_named_with_its_files(world: Path) -> None:
    cohort_trials(world)
    write_map(world / "some", {name: who for name, who in read_map(world / "utt2spk").items() if name != "s00-4"})
    cohorts = {"model_cohort": world / "mc", "test_cohort": world / "tc"}
    with pytest.raises(gs.errors.DataError, match=r"mc, .*tc, .*some: .*: found no speaker of it, expected one"):
        normalize_scores_file(world / "scores", world / "out", "s", **cohorts, speakers=[world / "some"])


def test_calibration_and_fusion(world: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 5, 288)
    first = read_scores(world / "scores")
    write_scores(world / "noisy", Scores(first.models[::-1], first.tests[::-1], first.values[::-1] + noise))
    columns = np.column_stack([first.values, first.values + noise[::-1]])
    is_target = read_trials(world / "trials").is_target

    done = calibrate_file(world / "scores", world / "trials", world / "c", p_target=0.1)
    expected = gs.scoring.fit_calibration(columns[is_target, 0], columns[~is_target, 0], p_target=0.1)
    np.testing.assert_allclose([*done.weights, done.offset], [*expected.weights, expected.offset], rtol=1e-5)
    assert apply_calibration_file(world / "c", [world / "scores"], world / "llrs") == (288, [])
    np.testing.assert_allclose(read_scores(world / "llrs").values, expected.apply(first.values), rtol=1e-5, atol=1e-6)

    fuse_files([world / "scores", world / "noisy"], world / "trials", world / "f")
    apply_calibration_file(world / "f", [world / "scores", world / "noisy"], world / "fused")
    expected = gs.scoring.fit_calibration(columns[is_target], columns[~is_target])
    np.testing.assert_allclose(read_scores(world / "fused").values, expected.apply(columns), rtol=1e-4, atol=1e-5)
    calibrate_file(world / "scores", world / "trials", world / "p", method="pav")
    apply_calibration_file(world / "p", [world / "scores"], world / "llrs")
    assert gs.cllr(*split(world / "llrs", world / "trials")) < 0.6

    speakers = [world / "utt2spk"]
    found = cross_calibrate_files([world / "scores", world / "noisy"], world / "trials", world / "x", speakers)
    who = read_speakers(speakers)
    sides = [[who[name] for name in names] for names in (first.models, first.tests)]
    expected = gs.scoring.cross_fuse(columns, is_target, *sides)
    np.testing.assert_allclose(found.llrs, expected.llrs, rtol=1e-4, atol=1e-5)
    assert found.cllr == gs.cllr(found.llrs[is_target], found.llrs[~is_target])
    assert found.fusion.kept == expected.kept
    np.testing.assert_allclose(read_scores(world / "x").values, found.values, rtol=1e-8)


@pytest.mark.filterwarnings("ignore:fusion. found")
@pytest.mark.parametrize(("good", "kept"), [(3.0, None), (0.0, 0)])
def test_what_fuse_writes_is_no_worse_than_the_better_part(tmp_path: Path, good: float, kept: int | None) -> None:
    """A dozen speakers: pooled, their ratios had a minDCF far above that of a part."""
    rng = np.random.default_rng(2)
    names, tests = [f"s{i:02d}" for i in range(12)], [f"s{i:02d}-{j}" for i in range(12) for j in range(4)]
    pairs = [(model, test) for model in names for test in tests]
    target = np.array([test.startswith(model) for model, test in pairs])
    write_trials(tmp_path / "trials", TrialList(*zip(*pairs, strict=True), target))
    write_map(tmp_path / "who", {test: test[:3] for test in tests})
    hard = 0.3 * rng.normal(size=(12, 2)).repeat(48, axis=0)
    columns = (target[:, None] * [3.0, good] + hard + rng.normal(size=(len(pairs), 2))).T
    for name, column in zip("ab", columns, strict=True):
        write_scores(tmp_path / name, Scores(*zip(*pairs, strict=True), column))
    done = cross_calibrate_files(
        [tmp_path / "a", tmp_path / "b"], tmp_path / "trials", tmp_path / "o", [tmp_path / "who"]
    )
    assert done.fusion.kept == kept
    written = read_scores(tmp_path / "o").values
    for cost in (partial(gs.min_dcf, p_target=0.01), gs.eer):
        parts = [cost(column[target], column[~target]) for column in columns]
        assert cost(written[target], written[~target]) <= min(parts) + 1e-9


def test_systems_of_a_fusion_keep_their_order(tmp_path: Path) -> None:
    """Files of other trials are told apart by what their names have of the systems', where they have something."""
    trials = TrialList(["a", "b", "a", "b"], ["u", "v", "v", "u"], np.array([True, True, False, False]))
    write_trials(tmp_path / "trials", trials)
    for place in ("dev/gmm", "dev/plda", "gmm/eval", "plda/eval", "PLDA/eval", "x", "y", "eval_plda.txt"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        values = np.random.default_rng(len(place)).normal(size=4)
        write_scores(tmp_path / place, Scores(trials.models, trials.tests, values))

    def apply(*names: str) -> list[tuple[str, str]]:
        return apply_calibration_file(tmp_path / "f.h5", [tmp_path / name for name in names], tmp_path / "out")[1]

    fuse_files([tmp_path / "dev/gmm", tmp_path / "dev/plda"], tmp_path / "trials", tmp_path / "f.h5")
    assert gs.load(tmp_path / "f.h5").systems == ("gmm", "plda")
    assert "of 2 systems (gmm, plda): weights" in gs.load(tmp_path / "f.h5").describe()[0]
    assert apply("gmm/eval", "plda/eval") == [("gmm/eval", "gmm"), ("plda/eval", "plda")]
    assert apply("x", "y") == [("x", "gmm"), ("y", "plda")]
    for names in (("PLDA/eval", "gmm/eval"), ("dev/plda", "dev/gmm"), ("x", "gmm/eval"), ("eval_plda.txt", "x")):
        with pytest.raises(gs.errors.DataError, match=r"f.h5: found scores .* in the order of .*: gmm, plda"):
            apply(*names)


def test_scores_that_are_all_the_same_are_told(tmp_path: Path) -> None:
    trials = TrialList(["a", "a"], ["u", "v"], np.array([True, False]))
    write_trials(tmp_path / "trials", trials)
    write_scores(tmp_path / "s", Scores(trials.models, trials.tests, np.ones(2)))
    for method in ("logistic", "pav"):
        with pytest.warns(gs.errors.GmmSpeechWarning, match="scores: found the same in all trials"):
            calibrate_file(tmp_path / "s", tmp_path / "trials", tmp_path / "c", method=method)
        apply_calibration_file(tmp_path / "c", [tmp_path / "s"], tmp_path / "out")
        assert not read_scores(tmp_path / "out").values.any()


def test_an_infinite_score_to_calibrate_is_named(tmp_path: Path) -> None:
    trials = TrialList(["a", "b", "a", "b"], ["u", "v", "v", "u"], np.array([True, True, False, False]))
    write_trials(tmp_path / "trials", trials)
    for name, values in (("s", [2.0, 1.0, 0.0, 1.5]), ("t", [1.0, -np.inf, 0.0, 0.0])):
        write_scores(tmp_path / name, Scores(trials.models, trials.tests, np.array(values)))
    fuse_files([tmp_path / "s", tmp_path / "s"], tmp_path / "trials", tmp_path / "f.h5")
    with pytest.raises(gs.errors.DataError, match=r"/t: found -inf as the score of model b, test v \(1 infinite\)"):
        apply_calibration_file(tmp_path / "f.h5", [tmp_path / "s", tmp_path / "t"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_identification(tmp_path: Path) -> None:
    models, tests, values = zip(("ann", "u1", 2.0), ("ann", "u2", 0.3), ("bob", "u1", 1.0), ("bob", "u2", 0.5),
                                ("ann", "u3", -1.0), strict=True)  # fmt: skip
    write_scores(tmp_path / "scores", Scores(models, tests, np.array(values)))
    write_map(tmp_path / "who", {"u1": "ann", "u2": "ann", "u3": "cid"})

    def found(**options):
        return [(one.found, one.expected) for one in identify_file(tmp_path / "scores", **options)]

    assert found() == [("ann", None), ("bob", None), ("ann", None)]
    who = tmp_path / "who"
    assert found(threshold=0.5, reference=who) == [("ann", "ann"), ("bob", "ann"), (None, None)]


def test_trials_say_who_is_who(tmp_path: Path) -> None:
    spk2utt, utt2spk, groups, out = (tmp_path / name for name in ("spk2utt", "utt2spk", "groups", "trials"))
    write_map(utt2spk, {"a1": "ann", "a2": "ann", "a3": "ann", "b1": "bob", "b2": "bob", "z1": "zoe"})
    write_map(spk2utt, {"m-1": ["a1"], "bob": ["b1", "elsewhere"], "zoe": ["not-listed"]})
    made = make_trials_file(spk2utt, utt2spk, out)
    assert out.read_text().splitlines() == [
        f"{model} {test} {'target' if model_speaker == speaker else 'nontarget'}"
        for model, model_speaker in (("bob", "bob"), ("m-1", "ann"), ("zoe", "zoe"))
        for test, speaker in (("a2", "ann"), ("a3", "ann"), ("b2", "bob"), ("z1", "zoe"))
    ]
    assert read_trials(out).is_target.sum() == made.is_target.sum() == 4

    write_map(groups, {"both": ["a2", "a3"], "own": ["a1", "a2"], "z": ["z1"]})
    make_trials_file(spk2utt, utt2spk, out, groups=groups)
    assert out.read_text().split("\n")[:3] == ["bob both nontarget", "bob z nontarget", "m-1 both target"]


@pytest.mark.parametrize(
    ("models", "groups", "message"),
    [
        ({"m": ["a1", "b1"]}, None, "spk2utt: model m: found utterances of ann and bob, expected one speaker"),
        ({"m": ["x"]}, None, "utt2spk: found 1 model, 3 tests that no model is made of, no target"),
        ({"ann": ["a1"]}, {"g": ["a2", "b1"]}, "groups: test g: found utterances of ann and bob"),
        ({"ann": ["a1"]}, {"g": ["a7"]}, "groups: test g: found no speaker of utterance a7"),
    ],
)
def test_trials_of_unclear_speakers(tmp_path: Path, models: dict, groups: dict | None, message: str) -> None:
    write_map(tmp_path / "utt2spk", {"a1": "ann", "a2": "ann", "b1": "bob"})
    write_map(tmp_path / "spk2utt", models)
    if groups:
        write_map(tmp_path / "groups", groups)
    path = tmp_path / "groups" if groups else None
    with pytest.raises(gs.errors.DataError, match=message):
        make_trials_file(tmp_path / "spk2utt", tmp_path / "utt2spk", tmp_path / "out", groups=path)
    assert not (tmp_path / "out").exists()
