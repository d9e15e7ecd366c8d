"""Every figure and setting of the recipes' READMEs is one that the recipe gave, with the settings it has now."""

import importlib.util
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

RECIPES = Path(__file__).parent.parent.parent / "recipes"
NAMES = sorted(path.parent.name for path in RECIPES.glob("*/run.py"))
WITHOUT_CORPUS = ("timit", "voxceleb")  # whose corpora are not free

spec = importlib.util.spec_from_file_location("figures", RECIPES / "figures.py")
figures = importlib.util.module_from_spec(spec)
spec.loader.exec_module(figures)


@pytest.mark.parametrize("name", NAMES)
def test_readme_is_made_of_the_results(name):
    assert (RECIPES / name / "README.md").read_text(encoding="utf-8") == figures.written(name)


def test_overview_is_made_of_the_results():
    readme = figures.README.read_text(encoding="utf-8")
    assert figures.overview(readme) == readme
    assert figures.of_all("README.in") == (RECIPES / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["README.in", "reach.in"])
def test_no_figure_of_ours_in_an_overview_is_written_by_hand(name):
    assert not re.findall(r"\*\*[−-]?\d", figures.PLACE.sub("", (RECIPES / name).read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", sorted({*NAMES} - {*WITHOUT_CORPUS}))
def test_settings_of_the_results_are_those_of_the_code(name):
    kept = json.loads((RECIPES / name / "results.json").read_text(encoding="utf-8"))
    for setting, value in figures.settings(name).items():
        assert kept["settings"][setting] == value, setting
    assert kept["command"] in figures.commands(name)


@pytest.mark.parametrize("name", NAMES)
def test_no_figure_of_ours_is_written_by_hand(name):
    """What was tried once is told as such, below its heading; figures of others stand in parentheses."""
    text = (RECIPES / name / "README.in").read_text(encoding="utf-8").split("## What was tried")[0]
    text = re.sub(r"\(For comparison.*?\)\n|For comparison, Kaldi's .*?\n\n", "", text, flags=re.DOTALL)
    text = re.sub(r"[Ii]n parentheses: 95 %", "", figures.PLACE.sub("", text))
    assert not re.findall(r"\d+(?:\.\d+)? ?%", text)
    assert not re.findall(r"\d+ (?:components|Gaussians|cepstra|MFCC|updates)\b", text)


def test_recipes_are_run_and_written(tmp_path, monkeypatch):
    """A recipe of one stage, with a corpus, two commands, and a constant."""
    folder = tmp_path / "recipes" / "tiny"
    folder.mkdir(parents=True)
    (folder / "run.py").write_text(
        "from gmmspeech import pipeline\n"
        "LEVEL = {'low': 0.5}\n"
        "@pipeline.recipe()\n"
        "def main(run, corpus):\n"
        "    text = (corpus / 'x').read_text()\n"
        "    if run.todo('s', makes=[]):\n"
        "        pass\n"
        "    run.results([{'task': 'a', 'kind': 'b', 'EER, %': text + ' (1, 2)'}])\n"
        "if __name__ == '__main__':\n"
        "    main()\n"
    )
    command = "python recipes/tiny/run.py --corpus CORPORA/c --out exp/tiny"
    folded = command.replace(" --out", " \\\n   --out")
    of_a_reader = "python recipes/tiny/run.py --corpus BOUGHT --out exp/bought"  # which is not here, so not run
    (folder / "README.in").write_text(
        f"```sh\npip install x\n{folded}\n```\n```sh\n{of_a_reader}\n```\n{{{{table results}}}}\n"
        "{{results / a, b / EER, %}}; {{results / a / EER, % #2}}; {{LEVEL.low}}; {{processor seconds}}\n"
    )
    (tmp_path / "corpora" / "c").mkdir(parents=True)
    (tmp_path / "corpora" / "c" / "x").write_text("0.25")
    monkeypatch.setattr(figures, "RECIPES", tmp_path / "recipes")
    monkeypatch.setattr(figures, "README", tmp_path / "README.md")
    (tmp_path / "recipes" / "reach.in").write_text("| {{tiny: results / a / EER, % #1}} |\n")
    (tmp_path / "recipes" / "README.in").write_text("{{tiny: results / a / kind}}\n")
    figures.README.write_text(f"# x\n{figures.MARK}\nold\n{figures.END}\ny\n")
    done = CliRunner().invoke(figures.main, ["--out", str(tmp_path / "exp"), "tiny"])
    assert done.exit_code == 2
    assert "--corpora" in done.output
    arguments = ["--out", str(tmp_path / "exp"), "--corpora", str(tmp_path / "corpora")]
    assert CliRunner().invoke(figures.main, arguments, catch_exceptions=False).exit_code == 0
    kept = json.loads((folder / "results.json").read_text())
    assert kept["command"] == command
    assert kept["settings"] == {"LEVEL": {"low": 0.5}}
    lines = (folder / "README.md").read_text().splitlines()
    assert lines[-2:] == ["| a | b | 0.25 (1, 2) |", f"0.25 (1, 2); 1; 0.5; {kept['processor seconds']:g}"]
    assert figures.README.read_text() == f"# x\n{figures.MARK}\n| 0.25 |\n{figures.END}\ny\n"
    assert (tmp_path / "recipes" / "README.md").read_text() == "b\n"
    with pytest.raises(ValueError, match="found 0 rows 'z'"):
        figures.value(kept, "results / z / EER, %")
