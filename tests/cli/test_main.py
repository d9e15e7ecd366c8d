"""The commands of the main job on real speech, and what a user sees of them."""

from __future__ import annotations

import functools
import os
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import kaldiio
import numpy as np
import pytest
from click.testing import Result
from said import beside_passes, stops, works

import gmmspeech as gs
from gmmspeech.cli.main import main
from gmmspeech.formats.trials import read_scores

Run = Callable[..., Result]
UNIX = pytest.mark.skipif(os.name == "nt", reason="Unix has the means to test it")


def succeeds(run: Run, *words: object) -> str:
    """The command ended well and, as stderr is no terminal, said no more than passes there; gives its stdout."""
    result = works(run(*words))
    assert beside_passes(result.stderr) == ""
    return result.stdout


@functools.cache
def first_steps(run: Run, data: Path, jobs: int) -> dict[str, bytes]:
    """Features f.h5 and a background model u.h5, made once by each number of jobs."""
    with tempfile.TemporaryDirectory() as folder:
        f, u = (Path(folder, name) for name in ("f.h5", "u.h5"))
        said = succeeds(run, "features", data, f, "--config", "clean_speech", "--jobs", jobs)
        assert "24 MFCC + Δ + ΔΔ, 25/10 ms, relative VAD 50 dB, no CMVN" in said
        assert "28 utterances, 10231 frames of 72 columns, 0 skipped" in said
        assert "16 components, " in succeeds(run, "train-ubm", f, u, "-k", 16, "--jobs", jobs)
        return {path.name: path.read_bytes() for path in (f, u)}


def prepare(run: Run, data: Path, out: Path, *, jobs: int = 1, scoring: str = "frames") -> None:
    """From audio to enrolled speakers."""
    out.mkdir(exist_ok=True)
    for name, content in first_steps(run, data, jobs).items():
        (out / name).write_bytes(content)
    words = ("enroll", out / "u.h5", out / "f.h5", data / "enroll_spk2utt", out / "m.h5", "--scoring", scoring)
    assert succeeds(run, *words, "--jobs", jobs) == "7 models enrolled\n"


def test_configurations_of_kaldi_and_htk(run: Run, voices: Path, tmp_path: Path) -> None:
    texts = {
        "plp.conf": "--sample-frequency=8000\n--num-ceps=9\n",
        "hcopy.conf": "SOURCERATE = 1250\nTARGETRATE = 100000\nTARGETKIND = PLP_0\nNUMCEPS = 8\n",
    }
    for name, text in texts.items():
        conf = tmp_path / name
        conf.write_text(text)
        assert "\n6 utterances," in succeeds(run, "features", voices, tmp_path / "f.h5", "--config", conf)
        assert "front end: 9 PLP, 25" in succeeds(run, "show", conf)
        assert "front end: 9 PLP, 25" in succeeds(run, "show", tmp_path / "f.h5")
    conf.write_text("TARGETRATE = 100000\nTARGETKIND = PLP_0\nNUMCEPS = 8\n")  # the rate is the recordings'
    assert "\n6 utterances," in succeeds(run, "features", voices, tmp_path / "f.h5", "--config", conf)
    assert "9 PLP, 25.5/10 ms, no VAD, no CMVN, 8000 Hz" in succeeds(run, "show", tmp_path / "f.h5")
    conf.write_text("\nNUMCEP = 12\n")
    stops(run("features", voices, tmp_path / "g.h5", "--config", conf), f"{conf}: line 2: unknown option NUMCEP")
    for words in (
        ("verify", voices, "--out", tmp_path / "out"),
        ("train-phones", voices, tmp_path / "m.h5", "--labels", voices / "utt2spk"),
        ("train-phone-classifier", voices, tmp_path / "m.h5", "--labels", voices / "utt2spk"),
    ):
        result = run(*words, "--config", conf)
        assert (result.exit_code, f"{conf}: line 2: unknown option NUMCEP" in result.stderr) == (1, True), result.stderr


@pytest.mark.parametrize(
    ("scoring", "options"),
    [("frames", ()), ("frames", ("--top-c", 5)), ("statistics", ()), ("symmetric", ())],
)
def test_the_main_job(run: Run, corpus, tmp_path: Path, scoring: str, options: tuple[object, ...]) -> None:
    data = corpus("librispeech-tiny") / "data" / "all"
    f, m, scores, report = (tmp_path / name for name in ("f.h5", "m.h5", "scores", "report"))
    prepare(run, data, tmp_path, scoring=scoring)
    assert succeeds(run, "score", m, f, data / "trials", scores, *options) == "98 trials scored\n"

    printed = succeeds(run, "evaluate", scores, data / "trials", "--report", report, "--models", m)
    rows = dict(line.rsplit("  ", 1) for line in printed.splitlines() if "  " in line)
    figures = {name.strip(): value.split()[0] for name, value in rows.items()}
    assert (figures["target trials"], figures["nontarget trials"]) == ("14", "84")
    assert 0 <= float(figures["EER (ROC convex hull)"]) <= 8.0  # per cent
    assert printed.splitlines()[-1] == f"report: {report / 'index.html'}"
    page = (report / "index.html").read_text(encoding="utf-8")
    for words in ("24 MFCC + Δ + ΔΔ", "16 components", "MAP of means", scoring):
        assert words in page
    assert [p.name for p in report.iterdir()] == ["index.html"]


def test_symmetric_scores_want_an_enrollment_that_keeps_frames(run: Run, corpus, tmp_path: Path) -> None:
    data = corpus("librispeech-tiny") / "data" / "all"
    prepare(run, data, tmp_path)
    words = ("score", tmp_path / "m.h5", tmp_path / "f.h5", data / "trials", tmp_path / "s", "--scoring", "symmetric")
    stops(run(*words), "symmetric", "enroll")
    assert not (tmp_path / "s").exists()


def test_the_three_scorings_agree_on_who_speaks(run: Run, corpus, tmp_path: Path) -> None:
    data = corpus("librispeech-tiny") / "data" / "all"
    prepare(run, data, tmp_path, scoring="symmetric")
    values = {}
    for scoring in ("frames", "statistics", "symmetric"):
        path = tmp_path / scoring
        succeeds(run, "score", tmp_path / "m.h5", tmp_path / "f.h5", data / "trials", path, "--scoring", scoring)
        values[scoring] = read_scores(path).values
    correlations = np.corrcoef(list(values.values()))
    assert correlations.min() > 0.9
    assert not np.array_equal(values["frames"], values["statistics"])
    assert not np.array_equal(values["frames"], values["symmetric"])


def test_grouped_tests_are_scored_as_one(run: Run, corpus, tmp_path: Path) -> None:
    data = corpus("librispeech-tiny") / "data" / "all"
    prepare(run, data, tmp_path)
    (tmp_path / "groups").write_text("both 1688-142285-0008 1688-142285-0009\n")
    (tmp_path / "trials").write_text("1688 both target\n1998 both nontarget\n")
    words = ("score", tmp_path / "m.h5", tmp_path / "f.h5", tmp_path / "trials", tmp_path / "s")
    succeeds(run, *words, "--groups", tmp_path / "groups")
    verifier = gs.load(tmp_path / "m.h5")
    with gs.FeatureStore(tmp_path / "f.h5") as store:
        frames = np.concatenate([store["1688-142285-0008"], store["1688-142285-0009"]])
    expected = [verifier.score(model, frames) for model in ("1688", "1998")]
    np.testing.assert_allclose(read_scores(tmp_path / "s").values, expected, rtol=1e-6)


@pytest.fixture
def archives(run: Run, corpus, tmp_path: Path) -> tuple[Path, str]:
    """Features of librispeech-tiny in HDF5, and the same ones as Kaldi's archive."""
    data = corpus("librispeech-tiny") / "data" / "all"
    prepare(run, data, tmp_path)
    with gs.FeatureStore(tmp_path / "f.h5") as store:
        kaldiio.save_ark(str(tmp_path / "f.ark"), dict(store), scp=str(tmp_path / "f.scp"))
    return data, f"scp:{tmp_path / 'f.scp'}"


def test_kaldi_archives_give_the_same_scores(run: Run, archives: tuple[Path, str], tmp_path: Path) -> None:
    data, scp = archives
    succeeds(run, "score", tmp_path / "m.h5", tmp_path / "f.h5", data / "trials", tmp_path / "scores")
    succeeds(run, "train-ubm", scp, tmp_path / "u2.h5", "-k", 16)
    succeeds(run, "enroll", tmp_path / "u2.h5", scp, data / "enroll_spk2utt", tmp_path / "m2.h5")
    succeeds(run, "score", tmp_path / "m2.h5", scp, data / "trials", tmp_path / "scores2")
    assert (tmp_path / "scores2").read_bytes() == (tmp_path / "scores").read_bytes()
    assert succeeds(run, "show", scp).splitlines() == [
        "feature store: 28 utterances, 10231 frames of 72 columns",
        "front end: unknown",
    ]


def test_any_number_of_jobs_gives_the_same_bytes(run: Run, corpus, tmp_path: Path) -> None:
    data = corpus("librispeech-tiny") / "data" / "all"
    for jobs in (1, 2, 3):
        out = tmp_path / str(jobs)
        prepare(run, data, out, jobs=jobs, scoring="symmetric")
        for scoring in ("frames", "statistics", "symmetric"):
            words = ("score", out / "m.h5", out / "f.h5", data / "trials", out / scoring, "--scoring", scoring)
            succeeds(run, *words, "--jobs", jobs)
    for name in ("f.h5", "u.h5", "m.h5", "frames", "statistics", "symmetric"):
        one = (tmp_path / "1" / name).read_bytes()
        assert (tmp_path / "2" / name).read_bytes() == one, name
        assert (tmp_path / "3" / name).read_bytes() == one, name


def test_spoken_digits_are_classified(run: Run, corpus, tmp_path: Path) -> None:
    data = corpus("fsdd-tiny") / "data"
    front = tmp_path / "front.toml"
    front.write_text('sample_frequency = 8000\n[features]\nnum_ceps = 13\ntype = "mfcc"\n[deltas]\n')
    classifier, train, test = (tmp_path / name for name in ("c.h5", "train.h5", "test.h5"))
    succeeds(run, "features", data / "train", train, "--config", front)
    succeeds(run, "features", data / "test", test, "--config", front)
    assert (
        succeeds(run, "train-classifier", train, data / "train" / "text", classifier) == "10 classes of 8 components\n"
    )

    lines = succeeds(run, "classify", classifier, test).splitlines()
    truth = dict(line.split() for line in (data / "test" / "text").read_text().splitlines())
    found = dict(line.split() for line in lines)
    assert found.keys() == truth.keys()
    right = sum(found[u] == truth[u] for u in truth)
    assert right >= 0.85 * len(truth)

    *errors, last = succeeds(run, "classify", classifier, test, "--reference", data / "test" / "text").splitlines()
    assert last == f"{right} of 120 right ({100 * right / 120:.2f} %)"
    assert errors == [f"{u}: found {found[u]}, expected {truth[u]}" for u in found if found[u] != truth[u]]
    described = succeeds(run, "show", classifier)
    assert "classifier: 10 classes, 8 components each" in described
    assert "classes: eight five four nine one seven six three two zero" in described
    assert "13 MFCC + Δ + ΔΔ" in described


def test_several_data_directories_become_one_store(run: Run, corpus, tmp_path: Path) -> None:
    data = corpus("librispeech-tiny") / "data"
    succeeds(run, "features", data / "all", tmp_path / "all.h5")
    succeeds(run, "features", data / "train", data / "test", tmp_path / "both.h5")
    with gs.FeatureStore(tmp_path / "all.h5") as whole, gs.FeatureStore(tmp_path / "both.h5") as both:
        assert set(whole) == set(both)
        for utterance in whole:
            np.testing.assert_array_equal(whole[utterance], both[utterance])


def test_shards_compressed_and_in_float16(run: Run, voices: Path) -> None:
    out = voices / "s.h5"
    words = ("features", voices, out, "--config", voices / "front.toml", "--storage", "float16", "--compress", "lzf")
    assert "2 utterances" in succeeds(run, *words, "--shards", 3, "--shard", 2)
    assert not out.exists()
    assert "6 utterances, 288 frames" in succeeds(run, *words, "--shards", 3, "--jobs", 2)
    assert succeeds(run, "show", out).splitlines()[-1] == "kept as: float16, lzf, in 3 shards"
    assert "4 components" in succeeds(run, "train-ubm", out, voices / "u.h5", "-k", 4)


def test_show(run: Run, scored: Path) -> None:
    front = "6 MFCC, 25/10 ms, relative VAD 50 dB, no CMVN, 8000 Hz ("
    shown = {name: succeeds(run, "show", scored / f"{name}.h5").splitlines() for name in "fumc"}
    assert shown["f"][0] == "feature store: 6 utterances, 288 frames of 6 columns"
    assert shown["u"][0] == "mixture: 4 components, 6 dimensions"
    assert shown["u"][-1].startswith("EM: ")
    assert shown["m"][0] == "enrolled speakers"
    assert "adaptation: MAP of means, relevance factor 16" in shown["m"]
    assert "models: 2" in shown["m"]
    assert shown["c"][:2] == ["classifier: 2 classes, 2 components each", "classes: ann bob"]
    for lines in shown.values():
        assert sum(line.startswith(f"front end: {front}") for line in lines) == 1
    assert succeeds(run, "show", scored / "front.toml").startswith(f"# front end: {front}")


@pytest.mark.parametrize("name", [None, *main.commands])
def test_help(run: Run, name: str | None) -> None:
    said = succeeds(run, *([name] if name else []), "--help")
    assert said == succeeds(run, *([name] if name else []), "-h")
    assert max(map(len, said.splitlines())) <= 80
    if name is None:
        assert all(command in said for command in main.commands)
        assert "..." not in said.partition("Commands:")[2]  # no summary is cut off
    elif "FEATS" in said:
        assert "FEATS is a file of features" in " ".join(said.split())


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["no-such-command"], "no-such-command"),
        (["train-ubm", "f.h5", "u.h5", "--componets", "4"], "--components"),
        (["train-ubm", "f.h5"], "UBM.h5"),
        (["train-ubm", "f.h5", "u.h5", "-k", "0"], "-k"),
        (["train-ubm", "f.h5", "u.h5", "-k", "many"], "-k"),
        (["train-ubm", "f.h5", "u.h5", "--jobs", "0"], "--jobs"),
        (["train-ubm", "f.h5", "u.h5", "--init", "best"], "--init"),
        (["score", "m.h5", "f.h5", "trials", "s", "--scoring", "best"], "--scoring"),
        (["features", "data"], "OUT.h5"),
        (["show"], "FILE"),
    ],
)
def test_bad_usage(run: Run, words: list[str], expected: str) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert expected in result.stderr
    assert result.stderr.startswith("Usage: gmmspeech")
    assert result.stdout == ""


def test_an_output_that_is_a_folder_is_bad_usage(run: Run, tmp_path: Path) -> None:
    result = run("train-ubm", tmp_path / "f.h5", tmp_path)
    assert result.exit_code == 2
    assert "is a directory" in result.stderr


def test_version(process) -> None:
    try:
        version = metadata.version("gmmspeech")
    except metadata.PackageNotFoundError:
        pytest.skip("gmmspeech is not installed")
    assert version in process("--version").stdout


def test_bad_tests_are_left_out_and_counted(run: Run, scored: Path) -> None:
    (scored / "some").write_text((scored / "trials").read_text() + "ann nobody nontarget\n")
    words = ("score", scored / "m.h5", scored / "f.h5")
    stops(run(*words, scored / "some", scored / "s"), "utterance nobody is not in")
    done = run(*words, scored / "some", scored / "s", "--skip-bad")
    assert (done.exit_code, done.stdout) == (0, "4 trials scored, 1 test skipped\n")
    assert done.stderr.startswith("gmmspeech: skipped: test nobody: utterance nobody is not in")
    assert done.stderr.count("\n") == 1
    assert (scored / "s").read_bytes() == (scored / "scores").read_bytes()
    (scored / "none").write_text("ann nobody nontarget\n")
    stops(run(*words, scored / "none", scored / "t", "--skip-bad"), "the only test is bad; the first: test nobody")
    assert not (scored / "t").exists()


@pytest.mark.parametrize("scoring", ["frames", "statistics", "linear"])
def test_trials_of_voxceleb_and_repeated_ones(scored: Path, run: Run, scoring: str) -> None:
    lines = [line.split() for line in (scored / "trials").read_text().splitlines()]
    listed = [f"{int(label == 'target')} {model} {test}" for model, test, label in lines]
    (scored / "official").write_text("\n".join(listed + listed[:2]) + "\n")
    words = ("score", scored / "m.h5", scored / "f.h5", scored / "official", scored / "s", "--scoring", scoring)
    assert run(*words).exit_code == 0
    assert len((scored / "s").read_text().splitlines()) == 6
    done = run("evaluate", scored / "s", scored / "official")
    assert done.exit_code == 0, done.stderr
    assert [line.split()[-1] for line in done.stdout.splitlines()[:2]] == ["3", "3"]
