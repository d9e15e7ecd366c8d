"""The documentation's Python runs as it stands, a page at a time from top to bottom."""

import re
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

import gmmspeech
from gmmspeech.cli.main import main

DOCS = Path(__file__).parent.parent / "docs"
PYTHON = re.compile(r"^```(?:python|{code-cell} python)\n(.*?)^```", re.DOTALL | re.MULTILINE)
PAGES = [page for page in sorted(DOCS.rglob("*.md")) if PYTHON.search(page.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_python_of_a_page_runs(page, request, tmp_path, monkeypatch, capsys):
    code = "\n".join(PYTHON.findall(page.read_text(encoding="utf-8")))
    monkeypatch.chdir(tmp_path)
    if 'write_voices("voices")' in code:  # which finds them made
        Path("voices").symlink_to(request.getfixturevalue("synthetic_voices"))
    exec(compile(code, str(page), "exec"), {"__name__": "__main__"})
    assert "False" not in capsys.readouterr().out  # what pages print is either a figure or a claim


def test_what_the_build_imports_comes_with_its_extra():
    project = tomllib.loads((DOCS.parent / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    needed = [*project["dependencies"], *extras["demo"], *extras["plot"], *extras["docs"]]
    installed = {re.split(r"[^\w-]", each)[0] for each in needed}
    cells = re.compile(r"^```{code-cell} \w+\n(.*?)^```", re.DOTALL | re.MULTILINE)
    code = "".join("".join(cells.findall(page.read_text("utf-8"))) for page in DOCS.rglob("*.md"))
    imported = set(re.findall(r"^(?:import|from) (\w+)", code, re.MULTILINE)) - sys.stdlib_module_names
    assert {"scikit-learn" if name == "sklearn" else name for name in imported} <= installed


MARKDOWN = [DOCS.parent / "README.md", *sorted(DOCS.rglob("*.md"))]
SHELL = [page for page in MARKDOWN if "```sh" in page.read_text("utf-8")]


@pytest.mark.parametrize("page", SHELL, ids=lambda page: page.stem)
def test_commands_of_a_page_exist_and_have_their_options(page):
    code = "".join(re.findall(r"^```sh\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE))
    for line in code.replace("\\\n", " ").splitlines():
        for name, words in re.findall(r"\bgmmspeech ([a-z][a-z-]+)([^#|;&]*)", line):
            known = {option for parameter in main.commands[name].params for option in parameter.opts} | {"--help"}
            assert set(re.findall(r"(?<=\s)--?[a-z][a-z0-9-]*", words)) <= known, line


def public(package: ModuleType) -> dict[str, object]:
    """Public names of a namespace and of those in it."""
    found = {}
    for name in package.__all__:
        value = getattr(package, name)
        if not isinstance(value, ModuleType):
            found[f"{package.__name__}.{name}"] = value
        elif hasattr(value, "__path__"):
            found |= public(value)
    return found


@pytest.mark.parametrize(("name", "value"), public(gmmspeech).items())
def test_a_public_name_has_an_example(name, value):
    assert ">>>" in (value.__doc__ or "")


LINKED = [*DOCS.parent.glob("*.md"), *DOCS.rglob("*.md"), *(DOCS.parent / "recipes").rglob("*.md")]
WRITTEN = {DOCS / "reference", DOCS / "results"}  # by the build, which checks them


@pytest.mark.parametrize("page", sorted(p for p in LINKED if p.parent not in WRITTEN), ids=lambda page: page.stem)
def test_links_of_a_page_lead_to_files(page):
    """On the disk and on the web; those within the documentation are checked by its build, with their anchors."""
    links = re.findall(r"\]\((?![a-z]+:)([^)#\s]*)(?:#([^)\s]+))?\)", without_code(page))
    gone = [link for link, _ in links if not (page.parent / link).exists()]
    assert [
        link for link in gone if not link.startswith(("results/", "../results/", "reference/", "commands.md"))
    ] == []
    marked = [(page.parent / link if link else page, anchor) for link, anchor in links if anchor and link not in gone]
    assert [anchor for place, anchor in marked if anchor not in anchors(place)] == []


def without_code(page: Path) -> str:
    return re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def anchors(page: Path) -> set[str]:
    """What the headings of a page are called in links, on the web as in the build."""
    heads = re.findall(r"^#+ (.+)", without_code(page), re.MULTILINE)
    plain = [re.sub(r"\]\([^)]*\)", "", head).lower() for head in heads]
    return {re.sub(r"[^\w\- ]", "", head).strip().replace(" ", "-") for head in plain}


def test_anchors_are_those_of_headings(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A, `b` and [c](d.md)\n```sh\n# no heading\n```\n## Fusion: of few\n")
    assert anchors(page) == {"a-b-and-c", "fusion-of-few"}
