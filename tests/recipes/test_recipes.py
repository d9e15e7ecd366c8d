"""Recipes reach what their READMEs promise, and do no stage twice."""

import json
import re
import subprocess
import sys
from pathlib import Path

import kaldiio
import numpy as np
import pytest
from click.testing import CliRunner
from said import stops, works

import gmmspeech as gs
from gmmspeech.commands.speaker import score_ivectors_file

RECIPES = Path(__file__).parent.parent.parent / "recipes"


@pytest.fixture
def run(recipe):
    """A function: run a recipe with options, give what it wrote to stderr."""

    def run_one(name: str, out: Path, *options: str | Path, **constants: object) -> str:
        words = ["--out", out, "--jobs", "2", *options]
        module = recipe(name)
        vars(module).update(constants)
        done = works(CliRunner().invoke(module.main, [str(word) for word in words], catch_exceptions=False))
        return done.stderr

    return run_one


def table(out: Path, name: str) -> list[dict[str, str]]:
    return json.loads((out / "results.json").read_text(encoding="utf-8"))["tables"][name]


def equal_error_rates(out: Path, name: str = "results") -> dict[str, float]:
    rows = table(out, name)
    return {row["task"]: float(row["EER, ROC hull"].split()[0]) for row in rows}


def errors(out: Path) -> dict[str, int]:
    rows = table(out, "classification")
    return {row["task"]: int(row["errors, a seed each"]) for row in rows}


def test_voices(tmp_path, run, synthetic_voices, request):
    (tmp_path / "corpus").symlink_to(synthetic_voices)
    run("voices", tmp_path)
    assert errors(tmp_path)["speakers"] <= 6  # of 72
    assert equal_error_rates(tmp_path, "verification")["verify 12 voices"] <= 3.0
    assert "<svg" in (tmp_path / "report-eval" / "index.html").read_text(encoding="utf-8")
    request.getfixturevalue("no_pictures")  # which have been drawn once
    again = run("voices", tmp_path)
    assert again.count("done before") == again.count("stage ")
    changed = run("voices", tmp_path, "--stage", "7")
    assert "done before" not in changed
    assert changed.count(" s\n") == 1


@pytest.mark.usefixtures("no_pictures")
def test_librispeech(tmp_path, thinned, run):
    few = {"RANK": 30, "SPEEDS": (0.9,), "FRONT_ENDS": {"MFCC": gs.FrontEnd.from_toml("clean_speech")}}
    corpus = thinned("librispeech-mini", ubm=2)
    run("librispeech", tmp_path, "--corpus", corpus, "--seeds", "1", "--components", "32", **few)
    rates = equal_error_rates(tmp_path)
    assert rates["sv80, MFCC"] <= 1.0
    assert rates["sv80, PLDA"] <= 2.0
    assert rates["test-other, MFCC"] == 0.0
    fused = {row["ratios of"]: row for row in table(tmp_path, "calibrated")}
    assert float(fused["sv80, fused"]["Cllr"]) <= 0.04
    assert float(fused["test-other, fused"]["EER"].split()[0]) == 0.0


def test_kaldi_sre(tmp_path, thinned, run, monkeypatch):
    few = ("--components", "4", "--rank", "5", "--lda-dim", "3")
    corpus = thinned("librispeech-mini", ubm=3, sv80=lambda u: int(u.split("-")[0]) % 2)
    sexes = {"pooled": "", "male": "m"}
    run("kaldi_sre", tmp_path, "--corpus", corpus, "--test", "test-other", *few, SEXES=sexes)
    assert equal_error_rates(tmp_path)["pooled trials, pooled models"] < 20
    assert equal_error_rates(tmp_path)["test-other trials, pooled models"] < 25
    monkeypatch.chdir(tmp_path)  # which paths in script files are relative to
    vectors = kaldiio.load_scp("exp/pooled/ivector_test.scp")
    feats, voiced = (kaldiio.load_scp(f"data/test_male/{name}.scp") for name in ("feats", "vad"))
    assert (len(vectors), len(feats)) == (84, 36)
    assert all(len(voiced[name]) == len(feats[name]) for name in feats)
    exp = Path("exp/pooled")
    np.testing.assert_allclose(gs.load(exp / "final.dubm").means_, gs.load(exp / "ubm.h5").means_, rtol=1e-5, atol=1e-5)
    full = [gs.load(f"exp/full/{name}").covariances_ for name in ("final.ubm", "ubm.h5")]
    np.testing.assert_allclose(*full, rtol=1e-4, atol=1e-4)
    lists = (Path("enroll_pooled"), Path("trials_pooled"), Path("again"))
    again = score_ivectors_file(exp / "kaldi/plda", "scp:exp/pooled/ivector_test.scp", *lists)
    np.testing.assert_allclose(again.values, gs.read_scores(exp / "scores").values, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "part", "message"),
    [
        (
            "kaldi_sre",
            "background",
            "background: found speaker 1034 of ubm (121 such), expected speakers that were not",
        ),
        ("kaldi_sre", "male", "--test: found male, a name of the recipe's own, expected a part of another name"),
        ("english_model", "sv80", "sv80: found speaker 1040 of background (80 such), expected speakers that were not"),
    ],
)
def test_other_parts_are_of_others(tmp_path, corpus, recipe, name, part, message):
    words = ["--corpus", str(corpus("librispeech-mini")), "--out", str(tmp_path / "out"), "--test", part]
    stops(CliRunner().invoke(recipe(name).main, words), message)


@pytest.mark.parametrize(("name", "part"), [("fsdd", "late"), ("spoofing", "dev")])
def test_names_of_the_recipes_own(tmp_path, corpus, recipe, name, part):
    words = ["--corpus", str(corpus("fsdd-tiny")), "--out", str(tmp_path / "out"), "--test", part]
    done = CliRunner().invoke(recipe(name).main, words)
    assert done.exit_code == 1
    message = f"--test: found {part}, a name of the recipe's own, expected a part of another name"
    assert done.stderr == f"gmmspeech: error: {message}\n"


@pytest.mark.usefixtures("no_pictures")
def test_arabic_commands(tmp_path, corpus, thinned, run):
    lists = [corpus("arabic-speech-commands-mini") / "data/eval" / name for name in ("enroll_spk2utt", "group2utt")]
    used = {word for path in lists for words in gs.read_list_map(path).values() for word in words}  # half of them
    few_words = thinned("arabic-speech-commands-mini", ubm=3, eval=used.__contains__)
    pool = thinned("librispeech-mini", ubm=7, background=7)
    few = {"own": 16, "pooled": 32, "strangers": 32}  # the recipe has four times as many
    options = ["--corpus", few_words, "--pool", pool, "--seeds", "1"]
    run("arabic_commands", tmp_path, *options, COMPONENTS=few)
    rates = equal_error_rates(tmp_path)
    assert rates["one-word, own UBM"] <= 10.0
    assert rates["one-word, pooled UBM"] <= 8.0
    assert rates["five-words, own UBM"] <= 6.0
    assert rates["five-words, pooled UBM"] <= 4.0
    assert rates["five-words, strangers UBM"] <= 4.0
    ratios = {row["ratios of"]: row for row in table(tmp_path, "calibrated")}
    assert float(ratios["eval, five-words, strangers UBM"]["actual DCF 0.01"]) < 0.8


@pytest.mark.usefixtures("no_pictures")
def test_fsdd(tmp_path, thinned, run):
    corpus = thinned("fsdd", train=5, all=lambda u: u.split("-")[1] in "147")
    run("fsdd", tmp_path, "--corpus", corpus, "--seeds", "1")
    assert errors(tmp_path)["digits"] <= 1
    assert errors(tmp_path)["speakers"] == 0
    rates = equal_error_rates(tmp_path, "verification")
    assert rates["verify, UBM alone"] <= 2.0


def missing(folder: Path) -> list[str]:
    return ["--corpus", str(folder / "nowhere"), "--out", str(folder / "out")]


@pytest.mark.parametrize("name", ["arabic_commands", "fsdd", "phones_librispeech", "timit"])
def test_a_missing_corpus_is_one_line_that_names_it(tmp_path, recipe, name):
    stops(CliRunner().invoke(recipe(name).main, missing(tmp_path)), "nowhere")


def test_a_script_as_a_process(tmp_path):
    words = [sys.executable, str(RECIPES / "librispeech" / "run.py"), *missing(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "nowhere" in done.stderr


@pytest.mark.parametrize("page", sorted(RECIPES.glob("*/README.md")), ids=lambda page: page.parent.name)
def test_lines_of_a_page_have_the_options_of_the_script(page, recipe):
    """That the scripts work is tested on less; their pages' lines take minutes, or fetch corpora."""
    blocks = "".join(re.findall(r"^```sh\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE))
    lines = re.findall(r"^python recipes/(\w+)/run\.py (.*)", blocks.replace("\\\n", " "), re.MULTILINE)
    assert lines
    for name, words in lines:
        known = {option for parameter in recipe(name).main.params for option in parameter.opts}
        assert set(re.findall(r"(?<!\S)--?[a-z][a-z-]*", words)) <= known
    others = [
        line for line in blocks.splitlines() if not line.startswith(("python recipes", "pip install", "cp ", "    --"))
    ]
    assert others == []
