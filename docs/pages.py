"""Pages that are written of the code before the build: the reference, the commands, the results."""

from __future__ import annotations

import inspect
import os
import re
import sys
from pathlib import Path

import click

import gmmspeech
from gmmspeech.cli.main import main

HERE = Path(__file__).parent
RECIPES = HERE.parent / "recipes"
NAMESPACES = {  # in the order of the way of the data
    "audio": "Audio",
    "features": "Features",
    "gmm": "Mixtures",
    "scoring": "Scores",
    "speaker": "Speakers",
    "phones": "Phones",
    "metrics": "Figures of merit",
    "formats": "Foreign formats",
    "stores": "Stores",
    "plot": "Plots",
    "errors": "Errors",
}
# whose members are told elsewhere
FOREIGN_BASES = "Estimator, BaseEstimator, BaseModel, BaseException, Exception, UserWarning, tuple, dict"
LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)#\s]+)(#[^)\s]+)?(?=\))")

ROW = re.compile(r"^\|.*", re.MULTILINE)
UNIT = re.compile(r"(?<=\d) (?=(?:%|ms|s|dB|nats)(?!\w))")  # between a figure and its unit, where a row must not be cut


def write_reference() -> None:
    """Write a page a namespace with every public name, so that none is forgotten."""
    folder = HERE / "reference"
    folder.mkdir(exist_ok=True)
    found = {name for name in gmmspeech.__all__ if inspect.ismodule(getattr(gmmspeech, name))}
    if missing := found ^ set(NAMESPACES):
        raise ValueError(f"docs/pages.py: found {sorted(missing)} in one of NAMESPACES and gmmspeech, expected in both")
    for room, title in NAMESPACES.items():
        (folder / f"{room}.md").write_text(_page(title, f"gmmspeech.{room}", names_of(room)), encoding="utf-8")
    elsewhere = {name: f"gmmspeech.{room}.{name}" for room in NAMESPACES for name in names_of(room)}
    names = [name for name in gmmspeech.__all__ if name not in NAMESPACES]
    links = "\n".join(f"- :py:obj:`gs.{name} <{elsewhere[name]}>`" for name in names if name in elsewhere)
    text = f"Also by their short names, after ``import gmmspeech as gs``:\n\n{links}"
    only_here = [name for name in names if name not in elsewhere]
    (folder / "daily.md").write_text(_page("Names of daily use", "gmmspeech", only_here, text), encoding="utf-8")


def write_methods(modules: list[str]) -> None:
    """Write a page of what the modules themselves say that docstrings point to: how a thing is computed."""
    blocks = "\n\n".join(f".. automodule:: {module}\n   :no-members:" for module in modules)
    title = "# How it is computed\n\nWhat several functions share, told where it is computed."
    text = f"{title}\n\n```{{eval-rst}}\n{blocks}\n```\n"
    (HERE / "reference" / "methods.md").write_text(text, encoding="utf-8")


def names_of(room: str) -> list[str]:
    """Public names of a namespace; of a file, its classes, and its functions with an example."""
    found = getattr(gmmspeech, room)
    if hasattr(found, "__path__"):
        return found.__all__
    own = {name: value for name, value in vars(found).items() if getattr(value, "__module__", None) == found.__name__}
    return [name for name, value in own.items() if inspect.isclass(value) or ">>>" in (value.__doc__ or "")]


def _page(title: str, module: str, names: list[str], text: str = "") -> str:
    lines = [f"# {title}", "", "```{eval-rst}", text, "", f".. currentmodule:: {module}", ""]
    for name in sorted(names, key=str.lower):
        if inspect.isclass(getattr(sys.modules[module], name)):
            lines += [f".. autoclass:: {name}", "   :members:", f"   :inherited-members: {FOREIGN_BASES}", ""]
        else:
            lines += [f".. autofunction:: {name}", ""]
    return "\n".join([*lines, "```", ""])


def write_commands() -> None:
    """Write the page of commands: what `--help` says of each."""
    lines = ["# Commands", ""]
    for name, command in {"": main, **main.commands}.items():
        title = f"gmmspeech {name}".strip()
        text = command.get_help(click.Context(command, info_name=title, max_content_width=100))
        lines += [f"## {title}", "", "```text", text, "```", ""]
    (HERE / "commands.md").write_text("\n".join(lines), encoding="utf-8")


def write_results() -> None:
    """Write the pages of results: what all recipes reach, by task, and behind it each recipe's own page."""
    folder = HERE / "results"
    folder.mkdir(exist_ok=True)
    names = list(
        dict.fromkeys(re.findall(r"\]\((\w+)/README\.md", (RECIPES / "README.md").read_text(encoding="utf-8")))
    )
    if missing := {path.parent.name for path in RECIPES.glob("*/README.md")} - set(names):
        raise ValueError(
            f"recipes/README.md: found no link to {', '.join(sorted(missing))}, expected one to each recipe"
        )
    entries = "\n".join(names)
    tree = f"\n```{{toctree}}\n:hidden:\n\n{entries}\n```\n"
    (folder / "index.md").write_text(_of_recipes(RECIPES / "README.md", folder) + tree, encoding="utf-8")
    for name in names:
        (folder / f"{name}.md").write_text(_of_recipes(RECIPES / name / "README.md", folder), encoding="utf-8")


def _of_recipes(readme: Path, folder: Path) -> str:
    text = ROW.sub(lambda row: UNIT.sub("\N{NO-BREAK SPACE}", row[0]), readme.read_text(encoding="utf-8"))
    return LINK.sub(lambda link: link_from(folder, readme.parent / link[1]) + (link[2] or ""), text)


def link_from(folder: Path, target: Path) -> str:
    """Link from a page in a folder of the documentation to a file of the repository, to its page where it has one."""
    target = target.resolve()
    if not target.exists():
        raise ValueError(f"docs: found a link to {target}, expected a file that is there")
    if target.name == "README.md" and target.is_relative_to(RECIPES):
        target = HERE / "results" / (f"{target.parent.name}.md" if target.parent != RECIPES else "index.md")
    return Path(os.path.relpath(target, folder)).as_posix()


def within_pages(app, name: str, source: list[str]) -> None:
    """Let links of a page to the pages of recipes lead to these where they are in the documentation."""
    page = Path(app.env.doc2path(name))
    if page.suffix == ".md" and "](../../recipes/" in source[0]:
        links = re.compile(r"(?<=\]\()(\.\./\.\./recipes/[^)#\s]+)")
        source[0] = links.sub(lambda link: link_from(page.parent, page.parent / link[1]), source[0])
