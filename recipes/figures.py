"""Run the recipes by the commands of their READMEs, and write what comes out into the READMEs.

    python recipes/figures.py --corpora CORPORA --out exp [NAME ...]     all that the corpora are there for, or some
    python recipes/figures.py                                            the READMEs again, of the figures that are kept

A recipe's README.md is made of its README.in, in which ``{{...}}`` stands for

- ``{{table NAME}}``: a table of its results.json;
- ``{{NAME / ROW / COLUMN}}``: a cell of it, and with ``#2`` at its end the second number in that. A row is named by
  its first cell, or by its first cells with commas between;
- ``{{NAME.key.key}}``: a setting (a constant of the recipe, or an option), or another entry of results.json.

README.md beside this file, which tells of all recipes, is made of README.in, and the table of the project's README of
reach.in; there the name of the recipe and a colon stand before a place.

results.json is kept beside it, as the run left it. A recipe for a corpus that is not free has none, only settings.
"""

from __future__ import annotations

import contextlib
import json
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from gmmspeech import pipeline

RECIPES = Path(__file__).parent
README = RECIPES.parent / "README.md"
MARK, END = "<!-- recipes/reach.in -->", "<!-- end -->"
PLACE = re.compile(r"{{\s*(.+?)\s*}}")
COMMON = ("corpus", "corpora", "out", "jobs", "stage", "debug", "quick")  # options that change no figure
NUMBER = re.compile(r"[-+]?\d+(?:,\d{3})*(?:\.\d+)?")


@click.command(help=__doc__)
@click.option("--corpora", type=click.Path(path_type=Path, exists=True), help="Folder with the corpora by name.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for what the recipes make; runs them.")
@click.argument("names", nargs=-1)
def main(corpora: Path | None, out: Path | None, names: Sequence[str]) -> None:
    for name in names or with_figures():
        if out is not None:
            for command in commands(name):
                if "CORPORA" in command and corpora is None:
                    raise click.UsageError(f"{name}: expected --corpora, for: {command}")
                run(name, command, corpora, out)
        (RECIPES / name / "README.md").write_text(written(name), encoding="utf-8")
    (RECIPES / "README.md").write_text(of_all("README.in"), encoding="utf-8")
    README.write_text(overview(README.read_text(encoding="utf-8")), encoding="utf-8")


def with_figures() -> list[str]:
    """Recipes whose READMEs are made here."""
    return sorted(path.parent.name for path in RECIPES.glob("*/README.in"))


def commands(name: str) -> list[str]:
    """Commands that a README gives its figures by: those of its blocks of shell that start the recipe.

    One on a corpus that the reader has to have ("--corpus TIMIT") gives none.
    """
    text = (RECIPES / name / "README.in").read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", "").splitlines()]
    started = [re.sub(" +", " ", line) for line in lines if line.startswith(f"python recipes/{name}/")]
    return [line for line in started if not re.search("--corpus (?!CORPORA)", line)]


def run(name: str, command: str, corpora: Path | None, out: Path) -> None:
    """Run a command, and keep its results.json."""
    folder = out / name
    words = [re.sub("^CORPORA", str(corpora), word) for word in shlex.split(command)[1:]]
    words[words.index("--out") + 1] = str(folder)
    print(f"+ {command}", file=sys.stderr)
    subprocess.run([sys.executable, *words], cwd=RECIPES.parent, check=True)
    found = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    found |= {"command": command, "settings": {**told(found["settings"], str.islower), **settings(name)}}
    text = json.dumps(found, indent=1, ensure_ascii=False)
    (RECIPES / name / "results.json").write_text(text + "\n", encoding="utf-8")
    for picture in (RECIPES / name).glob("*.png"):
        for made in folder.glob(picture.name):
            shutil.copy(made, picture)


def written(name: str) -> str:
    """README of a recipe, of its README.in and its results."""
    found = results(name)
    text = (RECIPES / name / "README.in").read_text(encoding="utf-8")
    return PLACE.sub(lambda place: value(found, place[1]), text)


def overview(readme: str) -> str:
    """README of the project, with the part that says what the recipes reach made of reach.in."""
    before, _, after = readme.partition(MARK)
    return f"{before}{MARK}\n{of_all('reach.in')}{END}{after.partition(END)[2]}"


def of_all(name: str) -> str:
    """Text of a file in which places begin with the name of a recipe."""
    text = (RECIPES / name).read_text(encoding="utf-8")
    return PLACE.sub(lambda place: value(results(place[1].split(": ")[0]), place[1].split(": ", 1)[1]), text)


def results(name: str) -> dict[str, Any]:
    """Results that are kept of a recipe; only settings where it was not run."""
    kept = RECIPES / name / "results.json"
    return json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {"settings": settings(name)}


def settings(name: str) -> dict[str, Any]:
    """Constants of a recipe, as its code has them now, and by its name those of each file beside it that it uses."""
    folder = str(RECIPES / name)
    if folder not in sys.path:
        sys.path.append(folder)  # where the script finds the files beside it
    script = runpy.run_path(f"{folder}/run.py", run_name=f"recipe_{name}")
    options = {option.name: option.default for option in script["main"].params if option.name not in COMMON}
    beside = {path.stem: vars(sys.modules[path.stem]) for path in RECIPES.glob(f"{name}/*.py") if path.stem != "run"}
    found = {stem: told(names, str.isupper) for stem, names in beside.items()}
    return {**told(options, str.islower), **told(script, str.isupper), **{k: v for k, v in found.items() if v}}


def told(values: Mapping[str, Any], kept: Callable[[str], bool]) -> dict[str, Any]:
    """Values as JSON has them, without paths, which are of one machine, and without functions."""
    found = {}
    for name, value in values.items():
        with contextlib.suppress(TypeError):
            if kept(name.replace("_", "").rstrip("0123456789")):
                found[name] = json.loads(json.dumps(value, default=plain))
    return {name: value for name, value in found.items() if "/" not in json.dumps(value)}


def plain(value: Any) -> Any:
    """What JSON holds in place of a front end, a dataclass, or a range."""
    return list(value) if isinstance(value, range) else pipeline.as_data(value)


def value(found: Mapping[str, Any], place: str) -> str:
    """What stands for a place."""
    if place.startswith("table "):
        return "\n".join(table(found["tables"][place.removeprefix("table ")]))
    place, _, number = place.partition("#")
    names = [name.strip() for name in place.split(" / ")]
    if len(names) == 3:
        text = cell(found["tables"][names[0]], *names[1:])
    else:
        entry: Any = {**found["settings"], **found}
        for key in place.strip().split("."):
            entry = entry[int(key) if isinstance(entry, list) else key]
        text = f"{entry:,g}" if isinstance(entry, int | float) else str(entry)
    return NUMBER.findall(text)[int(number) - 1] if number else text


def table(rows: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """Lines of a table in Markdown."""
    yield f"| {' | '.join(rows[0])} |"
    yield f"| {' | '.join(['---'] * len(rows[0]))} |"
    for row in rows:
        yield f"| {' | '.join(row.values())} |"


def cell(rows: Sequence[Mapping[str, str]], row: str, column: str) -> str:
    """One cell of a table."""
    found = [r for r in rows for n in range(1, len(r)) if ", ".join(list(r.values())[:n]) == row]
    if len(found) != 1:
        raise ValueError(f"found {len(found)} rows {row!r}, expected one")
    return found[0][column]


if __name__ == "__main__":
    main()
