"""Every recipe runs from its own script, reaches what its README promises, and does no stage twice."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

RECIPES = Path(__file__).parent.parent.parent / "recipes"


def run(recipe: str, out: Path, *options: str | Path) -> str:
    """Run a recipe; give what it wrote to stderr."""
    words = [sys.executable, RECIPES / recipe / "run.py", "--out", out, "--jobs", "2", *options]
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


def equal_error_rates(out: Path, name: str = "results") -> dict[str, float]:
    rows = json.loads((out / f"{name}.json").read_text(encoding="utf-8"))
    return {row["task"]: float(row["EER, ROC hull"].split()[0]) for row in rows}


def errors(out: Path) -> dict[str, int]:
    rows = json.loads((out / "classification.json").read_text(encoding="utf-8"))
    return {row["task"]: int(row["errors, a seed each"]) for row in rows}


def test_voices(tmp_path):
    run("voices", tmp_path)
    assert errors(tmp_path)["speakers"] <= 6  # of 72
    assert equal_error_rates(tmp_path, "verification")["verify 12 voices"] <= 3.0
    again = run("voices", tmp_path)
    assert again.count("done before") == again.count("stage ")
    changed = run("voices", tmp_path, "--stage", "7")
    assert "done before" not in changed
    assert changed.count(" s\n") == 1


def test_librispeech(tmp_path, corpus):
    run("librispeech", tmp_path, "--corpus", corpus("librispeech-mini"), "--seeds", "1")
    rates = equal_error_rates(tmp_path)
    assert rates["sv80"] <= 1.0
    assert rates["test-other"] == 0.0


def test_arabic_commands(tmp_path, corpus):
    pool = corpus("librispeech-mini")
    run("arabic_commands", tmp_path, "--corpus", corpus("arabic-speech-commands-mini"), "--pool", pool, "--seeds", "1")
    rates = equal_error_rates(tmp_path)
    assert rates["one-word, own UBM"] <= 10.0
    assert rates["one-word, pooled UBM"] <= 8.0
    assert rates["five-words, own UBM"] <= 6.0
    assert rates["five-words, pooled UBM"] <= 4.0


def test_fsdd(tmp_path, corpus):
    run("fsdd", tmp_path, "--corpus", corpus("fsdd"), "--seeds", "1")
    assert errors(tmp_path)["digits"] <= 1
    assert errors(tmp_path)["speakers"] == 0
    rates = equal_error_rates(tmp_path, "verification")
    assert rates["verify, UBM alone"] <= 2.0


@pytest.mark.parametrize("recipe", ["librispeech", "arabic_commands", "fsdd", "phones_librispeech", "timit"])
def test_a_missing_corpus_is_one_line_that_names_it(tmp_path, recipe):
    words = [sys.executable, RECIPES / recipe / "run.py", "--corpus", tmp_path / "nowhere", "--out", tmp_path / "out"]
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "nowhere" in done.stderr
