"""The quick starts of the README and of the command line's page do what they say, as a newcomer would type them."""

import contextlib
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from said import beside_passes

from gmmspeech.cli.main import main

README = Path(__file__).parent.parent / "README.md"
STEPS = README.parent / "docs" / "tutorials" / "command_line.md"


def block(marker: str, page: Path = STEPS) -> str:
    found = re.search(rf"<!-- {marker} -->\n```\w+\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert found, f"{page.name} has no block after <!-- {marker} -->"
    return found[1]


def test_python_quick_start_scores_the_speaker_above_another(tmp_path, synthetic_voices):
    (tmp_path / "voices").symlink_to(synthetic_voices)  # which it finds made
    code = block("python quick start", README)
    assert len(code.splitlines()) <= 12
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    scores, shape = done.stdout.splitlines()
    same, other = map(float, scores.split())
    assert same > 0 > other
    assert shape == "(8, 72)"


def in_this_process(commands):
    """Output of commands, one a line, without a process each: standard output, and standard error."""
    done = []
    for program, *words in (shlex.split(line, comments=True) for line in commands.splitlines()):
        assert program == "gmmspeech"
        done.append(CliRunner().invoke(main, words, prog_name=program))
        assert done[-1].exit_code == 0, done[-1].output
    return "".join(ran.stdout for ran in done), "".join(ran.stderr for ran in done)


@pytest.fixture(scope="module")
def quick_start(tmp_path_factory, synthetic_voices):
    """Folder in which the quick start was run, what it printed, and what its demo printed and said."""
    folder = tmp_path_factory.mktemp("quick")
    (folder / "demo").mkdir()
    (folder / "demo" / "voices").symlink_to(synthetic_voices)  # which it finds made
    demo, typed_out = block("command line quick start").split("\n", 1)
    with contextlib.chdir(folder):
        by_demo = in_this_process(f"{demo.partition('#')[0]} --jobs 2")
        return folder, by_demo[0] + in_this_process(typed_out)[0], by_demo


def test_command_line_quick_start_ends_with_a_report(quick_start):
    folder, said, _ = quick_start
    rates = [float(rate) for rate in re.findall(r"EER \(ROC convex hull\)\s+([\d.]+) %", said)]
    # once by the demo, once by the commands typed out
    assert len(rates) == 2
    assert rates[0] == rates[1] < 10
    assert "<svg" in (folder / "report" / "index.html").read_text(encoding="utf-8")


def test_the_demo_shows_its_commands_and_what_comes_of_them(quick_start):
    folder, _, (printed, said) = quick_start
    assert beside_passes(said) == "gmmspeech: warning: resampled 120 of 120 recordings from 22050 Hz to 16000\n"
    commands = [line.split()[2] for line in printed.splitlines() if line.startswith("$ gmmspeech ")]
    assert commands == ["features", "features", "train-ubm", "enroll", "score", "evaluate", "align"]
    assert len(list((folder / "demo" / "aligned").rglob("*.TextGrid"))) == 120
    rate = next(line for line in printed.splitlines() if line.startswith("EER (ROC convex hull)"))
    assert float(rate.split()[-2]) < 5
    assert "</html>" in (folder / "demo" / "report" / "index.html").read_text(encoding="utf-8")


def test_fusion_says_what_is_shown_and_keeps_the_better_system(quick_start, monkeypatch):
    """Words are as shown, figures as near as other processors' rounding leaves them; EER and minDCF are kept."""
    monkeypatch.chdir(quick_start[0])
    said, warned = in_this_process(block("fusion"))
    shown = block("fusion says").splitlines()
    found = [line for line in warned.splitlines() if "fusion: " in line]
    found += [line for line in said.splitlines() if line.startswith(("cross-validated:", "fusing"))]
    number = re.compile(r"-?\d+\.\d+")
    assert [number.sub("#", line) for line in found] == [number.sub("#", line) for line in shown]
    figures = ([float(figure) for line in lines for figure in number.findall(line)] for lines in (found, shown))
    np.testing.assert_allclose(*figures, atol=0.02)
    for name in ("EER (ROC convex hull)", "minDCF (p_target = 0.01)"):
        row = next(line for line in said.splitlines() if line.startswith(name)).removeprefix(name)
        fused, scores = re.findall(r"([\d.]+(?: %)?)  +[\d.]+(?: %)? to", row)
        assert fused == scores
    told = re.search(r"their\s+Cllr \(([\d.]+)\)", STEPS.read_text(encoding="utf-8"))
    cost = next(line for line in said.splitlines() if line.startswith("Cllr")).split()[1]
    assert float(cost) == pytest.approx(float(told[1]), abs=0.02)


def test_the_tutorial_of_alignment_shows_what_the_demo_finds(quick_start):
    """Counts and figures as near as other processors' rounding leaves them: the model that comes along is the same."""
    folder, said, _ = quick_start
    tutorial = (README.parent / "docs" / "tutorials" / "alignment.md").read_text(encoding="utf-8")
    pattern = re.compile(r"^120 utterances, (\d+) phones in (?:demo/)?aligned, 0 skipped$", re.MULTILINE)
    shown, found = (int(pattern.search(text)[1]) for text in (tutorial, said))
    assert shown == pytest.approx(found, abs=3)
    table = (folder / "demo" / "aligned" / "alignment.csv").read_text(encoding="utf-8").splitlines()[:3]
    start = tutorial.index(table[0])
    for line, row in zip(tutorial[start:].splitlines()[1:3], table[1:], strict=True):
        shown, found = line.split(","), row.split(",")
        assert (shown[:2], shown[4:6]) == (found[:2], found[4:6])
        for column in (2, 3, 6, 8):
            assert float(shown[column]) == pytest.approx(float(found[column]), abs=0.02)


def test_names_of_the_front_ends_are_those_that_ship():
    shipped = {path.stem for path in (README.parent / "conf").glob("*.toml")}
    text = STEPS.read_text(encoding="utf-8")
    sentence = re.search(r"`--config` takes a TOML file or a name: (.*?)\.\n", text, re.DOTALL)
    assert sentence
    assert set(re.findall(r"`(\w+)`", sentence[1])) == shipped
