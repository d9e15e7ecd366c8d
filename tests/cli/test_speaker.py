"""The commands of the back end: from recordings to scores that are normalized, calibrated and fused."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from said import beside_passes, works
from scipy.signal import lfilter

import gmmspeech as gs
from gmmspeech.cli.main import main
from gmmspeech.formats.trials import read_scores, read_trials

Run = Callable[..., Result]
Fails = Callable[..., None]

SPEAKERS = [f"s{i:02d}" for i in range(12)]
TRAINING = SPEAKERS[:8]
FRONT_END = """\
sample_frequency = 8000
[features]
type = "mfcc"
num_ceps = 6
"""
FEW_OF_PLDA = "gmmspeech: warning: PLDA: found 8 speakers, expected 10 or more"
FLOORED = "gmmspeech: warning: EM: "  # of so few frames
FEW = "gmmspeech: warning: fusion: found 12 speakers with target trials, expected 30 or more: "
CHAIN = """\
features data f.h5 --config front.toml --jobs 2
train-ubm f.h5 u.h5 -k 4 --max-iter 3
enroll u.h5 f.h5 enroll m.h5
score m.h5 f.h5 trials gmm
statistics u.h5 f.h5 s.h5 --jobs 2
train-ivector u.h5 s.h5 t.h5 --rank 4 --max-iter 3 --jobs 2
extract-ivectors t.h5 s.h5 i.h5 --jobs 2
train-plda i.h5 training b.h5
score-ivectors b.h5 i.h5 enroll trials plda
all-trials enroll cohort mc.trials
all-trials cohort tests tc.trials
all-trials cohort cohort cc.trials
score-ivectors b.h5 i.h5 enroll mc.trials mc
score-ivectors b.h5 i.h5 cohort tc.trials tc
score-ivectors b.h5 i.h5 cohort cc.trials cc
normalize-scores plda as --method as --top-n 5 --model-cohort mc --test-cohort tc --speakers data/utt2spk
normalize-scores plda zt --method zt --model-cohort mc --test-cohort tc --cohort-cohort cc
calibrate as trials c.h5 --p-target 0.1 --cross-validated as.llr --speakers data/utt2spk --folds 5
apply-calibration c.h5 as applied
fuse gmm as trials fusion.h5 --cross-validated fused --speakers data/utt2spk --folds 5
apply-calibration fusion.h5 gmm as refused
statistics u.h5 f.h5 squares.h5 --second-order
supervectors u.h5 squares.h5 fisher.h5 --fisher
supervectors u.h5 s.h5 v.h5
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A folder with short noises of twelve speakers and all that the chain makes of them; what each command said."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "data").mkdir()
    rng = np.random.default_rng(0)
    names = [f"{speaker}-{i}" for speaker in SPEAKERS for i in range(5)]
    for speaker in SPEAKERS:
        voice = rng.normal(0, 0.25, 3)
        for i in range(5):
            filters = voice + rng.normal(0, 0.06, 3)
            noise = lfilter([1], [1, *filters], rng.standard_normal(4000)) / 20
            soundfile.write(folder / "data" / f"{speaker}-{i}.wav", noise, 8000)
    tests = [name for name in names if name[-1] in "23"]
    trials = [(model, test) for model in SPEAKERS for test in tests]
    for name, lines in {
        "data/wav.scp": [f"{name} {name}.wav" for name in names],
        "data/utt2spk": [f"{name} {name[:3]}" for name in names],
        "training": [f"{name} {name[:3]}" for name in names if name[:3] in TRAINING],
        "enroll": [f"{speaker} {speaker}-0 {speaker}-1" for speaker in SPEAKERS],
        "cohort": [f"{speaker}-4 {speaker}-4" for speaker in TRAINING],
        "tests": tests,
        "trials": [f"{model} {test} {('nontarget', 'target')[test.startswith(model)]}" for model, test in trials],
        "front.toml": [FRONT_END],
    }.items():
        (folder / name).write_text("\n".join(lines) + "\n")
    said = {}
    with contextlib.chdir(folder):
        for line in CHAIN.splitlines():
            result = CliRunner().invoke(main, line.split())
            assert result.exit_code == 0, f"{line}: {result.output}"
            told = [
                text
                for text in beside_passes(result.stderr).splitlines()
                if not text.startswith((FEW, FEW_OF_PLDA, FLOORED))
            ]
            assert (told, FEW in result.stderr) == ([], line.startswith("fuse "))
            assert (FEW_OF_PLDA in result.stderr) == line.startswith("train-plda ")
            said[line.split()[0]] = result.stdout
    return folder, said


@pytest.fixture
def world(made: tuple[Path, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the folder, and the one to work in."""
    folder = Path(shutil.copytree(made[0], tmp_path / "world", ignore=shutil.ignore_patterns("*.wav")))
    monkeypatch.chdir(folder)
    return folder


def does(run: Run, line: str) -> str:
    result = works(run(*line.split()))
    return result.stdout


def split(name: str) -> tuple[np.ndarray, np.ndarray]:
    return read_scores(name).split(read_trials("trials"))


def test_what_the_commands_say(made: tuple[Path, dict[str, str]]) -> None:
    said = made[1]
    assert said["statistics"] == "statistics of 60 utterances\n"
    assert said["train-ivector"].startswith("rank 4, 3 iterations, ")
    assert said["extract-ivectors"] == "60 i-vectors of 4 dimensions\n"
    assert said["train-plda"] == "whiten, length, PLDA of 4 dimensions, 4 of speakers\n"
    assert said["score-ivectors"] == "64 trials scored\n"
    assert said["all-trials"] == "64 trials\n"
    assert said["normalize-scores"] == "288 scores normalized\n"
    assert said["supervectors"] == "60 supervectors of 24 dimensions\n"
    weights, offset, cross = said["calibrate"].splitlines()
    assert weights.endswith(" times as")
    assert float(weights.split()[0]) > 0
    assert float(offset.removesuffix(" as offset")) < 0
    assert cross.startswith("cross-validated: Cllr 0.")
    assert [line.split()[-1] for line in said["fuse"].splitlines()[:2]] == ["gmm", "as"]
    assert said["fuse"].splitlines()[-1].startswith("fusing lowers the Cllr of the better system by ")


def test_calibration_and_fusion_do_good(world: Path) -> None:
    assert gs.cllr(*split("as")) > gs.cllr(*split("as.llr"))
    assert gs.cllr(*split("as.llr")) < 0.7
    assert gs.cllr(*split("refused")) < gs.cllr(*split("fused"))
    calibration = gs.load("c.h5")
    np.testing.assert_allclose(read_scores("applied").values, calibration.apply(read_scores("as").values), rtol=1e-6)


def test_fisher_vectors_are_those_of_the_function(world: Path) -> None:
    found = gs.load("fisher.h5")
    with gs.stores.StatisticsStore("squares.h5") as stats:
        np.testing.assert_array_equal(found.vectors, gs.speaker.fisher_vectors(gs.load("u.h5"), stats))
        assert found.names == tuple(stats)


def test_one_system_is_evaluated(run: Run, world: Path) -> None:
    said = does(run, "evaluate fused trials --p-target 0.1 --c-miss 5 --c-fa 2")
    rows = dict(line.split("  ", 1) for line in said.splitlines())
    rows = {name: value.strip() for name, value in rows.items()}
    where, options = "p_target = 0.1, c_miss = 5, c_fa = 2", {"p_target": 0.1, "c_miss": 5, "c_fa": 2}
    for name, value in (
        ("Cllr", gs.cllr(*split("fused"))),
        ("minCllr", gs.min_cllr(*split("fused"))),
        (f"minDCF ({where})", gs.min_dcf(*split("fused"), **options)),
        (f"actual DCF ({where})", gs.metrics.actual_dcf(*split("fused"), **options)),
    ):
        assert rows[name] == f"{value:.4f}"
    assert rows[f"Bayes threshold ({where})"] == f"{gs.metrics.bayes_threshold(**options):#.4g}"
    assert len(rows) == 7 + 4 + 2


def test_systems_are_compared(run: Run, world: Path) -> None:
    words = "--against as.llr --bootstrap 5 --speakers data/utt2spk --p-target 0.01 --report r"
    said = does(run, f"evaluate fused trials {words}")
    first, second = said.split("\nfused minus as.llr\n")
    head, *rows = first.splitlines()
    assert head.split() == ["fused", "95", "%", "as.llr", "95", "%"]
    cells = {row[: head.index("fused")].strip(): row[head.index("fused") :].split() for row in rows}
    listed = read_trials("trials")
    speakers = listed.models, [test[:3] for test in listed.tests]
    interval = gs.bootstrap_ci(read_scores("fused").align(listed), listed.is_target, *speakers, n_resamples=5)["cllr"]
    assert cells["Cllr"][:4] == [f"{interval.value:.4f}", f"{interval.low:.4f}", "to", f"{interval.high:.4f}"]
    assert cells["Cllr"][4] == f"{gs.cllr(*split('as.llr')):.4f}"
    difference = gs.cllr(*split("fused")) - gs.cllr(*split("as.llr"))
    assert any(line.startswith("Cllr ") and f" {difference:+.4f} " in line for line in second.splitlines())
    page = (world / "r" / "index.html").read_text(encoding="utf-8")
    assert "Difference from as.llr" in page
    assert "as.llr</th>" in page


def test_speakers_are_identified(run: Run, world: Path) -> None:
    found = dict(line.split() for line in does(run, "identify fused").splitlines())
    right = sum(test.startswith(model) for test, model in found.items())
    *wrong, last = does(run, "identify fused --reference data/utt2spk").splitlines()
    assert (len(found), len(wrong)) == (24, 24 - right)
    assert last == f"{right} of 24 right ({100 * right / 24:.2f} %)"
    assert right > 12
    (world / "who").write_text("".join(f"{test} nobody\n" for test in found))
    nobody = "identify fused --threshold 1e9 --reference"
    assert does(run, f"{nobody} data/utt2spk").endswith("\n0 of 24 right (0.00 %)\n")
    assert does(run, f"{nobody} who") == "24 of 24 right (100.00 %)\n"


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("s.h5", ["statistics: 60 utterances, 4 components, 6 dimensions", "front end: 6 MFCC"]),
        ("t.h5", ["i-vector extractor: rank 4, 4 components, 6 dimensions", "front end: 6 MFCC"]),
        ("i.h5", ["i-vectors: 60 utterances, 4 dimensions", "extractor: "]),
        ("b.h5", ["back end of i-vectors", "transform: 4 to 4", "transform: 4 to 4 dimensions, length 1", "PLDA: 4"]),
        ("c.h5", ["calibration of 1 system: weights "]),
        ("fusion.h5", ["calibration of 2 systems (gmm, as): weights "]),
    ],
)
def test_files_are_shown(run: Run, world: Path, file: str, expected: list[str]) -> None:
    lines = run("show", file).stdout.splitlines()
    assert len(lines) == len(expected)
    for line, start in zip(lines, expected, strict=True):
        assert line.startswith(start)


def test_other_back_ends(run: Run, world: Path) -> None:
    for options, said in (
        (
            "--steps center,lda,length --lda-dim 2 --rank 1",
            "center, lda, length, PLDA of 2 dimensions, 1 of speakers\n",
        ),
        ("--steps center,wccn --cosine", "center, wccn, cosine\n"),
    ):
        assert does(run, f"train-plda i.h5 training b2.h5 {options}") == said
        does(run, "score-ivectors b2.h5 i.h5 enroll trials other --count-sessions")
        assert gs.eer(*split("other")) < 0.4
    does(run, "calibrate plda trials pav.h5 --method pav")
    does(run, "apply-calibration pav.h5 plda other")
    assert gs.cllr(*split("other")) < 0.7
    assert run("show", "pav.h5").stdout.startswith("calibration by pool-adjacent-violators: ")


def test_bad_input(run: Run, world: Path, fails: Fails) -> None:
    """Each is told in one line that names it, with exit status 1, and nothing is written."""
    does(run, "train-ubm f.h5 u2.h5 -k 4 --max-iter 3 --seed 1")
    does(run, "train-ubm f.h5 full.h5 -k 2 --max-iter 3 --covariance-type full")
    assert "mixture: 2 components" in does(run, "show full.h5")
    does(run, "statistics u2.h5 f.h5 s2.h5")
    does(run, "train-ivector u2.h5 s2.h5 t2.h5 --rank 4 --max-iter 1")
    does(run, "extract-ivectors t2.h5 s2.h5 i2.h5")
    trials, plda, cohort = ((world / name).read_text().splitlines(keepends=True) for name in ("trials", "plda", "mc"))
    for name, lines in {
        "targets": [line for line in trials if line.endswith(" target\n")],
        "nontargets": [line for line in trials if line.endswith(" nontarget\n")],
        "bare": [line.rsplit(" ", 1)[0] + "\n" for line in trials],
        "nan": [*plda[:6], "s00 s02-3 nan\n", *plda[7:]],
        "short": plda[:-1],
        "without": [line for line in cohort if not line.startswith("s03 ")],
        "hole": cohort[:-1],
        "badcohort": [*cohort[:6], "s00 x nan\n"],
        "alone": [f"{speaker}-0 {speaker}\n" for speaker in SPEAKERS],
        "few": ["s00 s00-0\n"],
        "gone": [f"{speaker} {speaker}-9\n" for speaker in SPEAKERS],
        "strangers": ["s00-0 s00\n"],
    }.items():
        (world / name).write_text("".join(lines))
    for line, *expected in (
        ("evaluate plda targets", "targets: found no nontarget trials among 24, expected both kinds"),
        ("evaluate plda nontargets", "nontargets: found no target trials among 264"),
        ("evaluate plda bare", "bare: found no labels, expected target or nontarget"),
        ("evaluate nan trials", "nan:7: found 'nan', expected a number as the score"),
        ("evaluate short trials", "short: trial of model s11, test s11-3: found no score (1 such of 288)"),
        ("evaluate plda trials --against nan", "nan:7: found 'nan'"),
        ("evaluate plda trials --bootstrap 10", "found --bootstrap = 10 and 0 files of speakers, expected both"),
        ("evaluate plda trials --bootstrap 10 --speakers strangers", "trials: found no speaker of model s01 (11 such)"),
        ("calibrate plda targets x", "targets: found no nontarget trials"),
        ("calibrate nan trials x", "nan:7: found 'nan'"),
        ("calibrate plda trials x --cross-validated y", "found one of --cross-validated and --speakers, expected both"),
        ("calibrate plda trials x --cross-validated y --speakers strangers", "trials: found no speaker of model s01"),
        ("fuse plda short trials x", "short: trial of model s11, test s11-3: found no score"),
        ("fuse plda nan trials x", "nan:7: found 'nan'"),
        ("apply-calibration fusion.h5 plda x", "fusion.h5: found 1 score file, expected 2"),
        ("apply-calibration u.h5 plda x", "u.h5: found gmmspeech model, expected gmmspeech calibration"),
        ("normalize-scores plda x --method as --top-n 9 --model-cohort mc --test-cohort tc",
         "cohort of models: found 8 scores, expected at least --top-n, 9"),
        ("normalize-scores plda x --method as --top-n 8 --model-cohort mc --test-cohort tc --speakers data/utt2spk",
         "found 7 scores for model s00 without those of the claimed speaker, expected at least --top-n, 8"),
        ("normalize-scores plda x --method as --model-cohort mc --test-cohort tc",
         "--top-n: found no number of scores with the method 'as'"),
        ("normalize-scores plda x --method s --model-cohort mc", "--test-cohort: found none, expected some"),
        ("normalize-scores plda x --method z --model-cohort without", "plda: model s03: found no cohort scores"),
        ("normalize-scores plda x --method z --model-cohort hole", "s11: found no score against cohort entry s07-4"),
        ("normalize-scores plda x --method z --model-cohort badcohort", "badcohort:7: found 'nan', expected a number"),
        ("normalize-scores nan x --method z --model-cohort mc", "nan:7: found 'nan', expected a number"),
        ("normalize-scores plda x --method z --model-cohort mc --speakers strangers", "s01: found no speaker of it"),
        ("train-ubm f.h5 x --covariance-type tied --accelerate",
         "--accelerate: found it with --covariance-type = 'tied', expected it with 'diag' alone"),
        ("enroll full.h5 f.h5 enroll x --scoring linear",
         "--scoring: found 'linear' with a GMM, expected 'frames' or 'symmetric', by all components"),
        ("enroll full.h5 f.h5 enroll x --update mv", "--update: found 'mv' with a GMM, expected m or w"),
        ("train-ivector u.h5 s.h5 x --rank 61", "s.h5: found 60 utterances, expected at least as many as the rank"),
        ("train-ivector u.h5 s2.h5 x", "s2.h5: found statistics under background model"),
        ("extract-ivectors t.h5 s2.h5 x", "s2.h5: found statistics under background model"),
        ("supervectors u.h5 s2.h5 x", "s2.h5: found statistics under background model"),
        ("supervectors u.h5 s.h5 x --fisher", "s.h5: found no second-order sums, expected statistics written with"),
        ("supervectors u.h5 squares.h5 x --fisher -r 4", "found --relevance-factor with --fisher, expected it for"),
        ("train-plda i.h5 alone x", "i.h5: PLDA: within-class covariance: found it singular, from 12 vectors of 12"),
        ("train-plda i.h5 alone x --cosine --steps wccn", "wccn: within-class covariance: found it singular"),
        ("train-plda i.h5 alone x --cosine --rank 2", "found --rank with --cosine"),
        ("train-plda i.h5 alone x --steps whiten,lenght", "--steps: found 'lenght', expected any of center"),
        ("score-ivectors b.h5 i2.h5 enroll trials x", "i2.h5: back end: found i-vectors of extractor"),
        ("score-ivectors b.h5 i.h5 few trials x", "trials: model s01 is not in few (11 such of 12)"),
        ("score-ivectors b.h5 i.h5 gone trials x", "i.h5: model s00: utterance s00-9 has no vector"),
        ("score-ivectors u.h5 i.h5 enroll trials x", "u.h5: found a DiagonalGMM, expected a back end (made by"),
        ("identify plda --reference strangers", "strangers: no test s00-2 (24 such), expected all those of plda"),
        ("identify nan", "nan:7: found 'nan'"),
    ):  # fmt: skip
        fails(world, tuple(line.split()), *expected)


def test_who_has_no_pitch_is_told_of(run: Run, tmp_path: Path) -> None:
    pulses = np.zeros(8000)
    pulses[::80] = 0.5
    noise = np.random.default_rng(0).normal(0, 0.1, 8000)
    for name, signal in (("a", pulses), ("b", noise)):
        soundfile.write(tmp_path / f"{name}.wav", signal, 8000)
    (tmp_path / "wav.scp").write_text("a a.wav\nb b.wav\n")
    (tmp_path / "utt2spk").write_text("a ann\nb ann\n")
    found = works(run("measure", tmp_path, tmp_path / "pitch", "--pitch"))
    assert "1 of 2 utterances without pitch, the first: b\n1 line written\n" in found.output
    assert len((tmp_path / "pitch").read_text().splitlines()) == 2  # a head, and a
