"""The README's quick starts do what they say, as a newcomer would type them."""

import os
import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


def block(marker: str) -> str:
    found = re.search(rf"<!-- {marker} -->\n```\w+\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert found, f"README has no block after <!-- {marker} -->"
    return found[1]


def test_python_quick_start_scores_the_speaker_above_another(tmp_path):
    code = block("python quick start")
    assert len(code.splitlines()) <= 12
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    scores, shape = done.stdout.splitlines()
    same, other = map(float, scores.split())
    assert same > 0 > other
    assert shape == "(8, 72)"


def test_command_line_quick_start_ends_with_a_report(tmp_path):
    commands = block("command line quick start")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rates = [float(rate) for rate in re.findall(r"EER \(ROC convex hull\)\s+([\d.]+) %", done.stdout)]
    # once by the demo, once by the commands typed out
    assert len(rates) == 2
    assert rates[0] == rates[1] < 10
    assert "<svg" in (tmp_path / "report" / "index.html").read_text(encoding="utf-8")


def test_names_of_the_front_ends_are_those_that_ship():
    shipped = {path.stem for path in (README.parent / "conf").glob("*.toml")}
    text = README.read_text(encoding="utf-8")
    sentence = re.search(r"`--config` takes a TOML file or a name: (.*?)\.\n", text, re.DOTALL)
    assert sentence
    assert set(re.findall(r"`(\w+)`", sentence[1])) == shipped
