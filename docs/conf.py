"""Sphinx builds the documentation: `sphinx-build -W -b html docs exp/docs`."""

import inspect
import sys
from pathlib import Path

import click
from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

import gmmspeech
from gmmspeech.cli.main import main

HERE = Path(__file__).parent
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

project = "gmmspeech"
author = "The gmmspeech developers"
copyright = author
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
]
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence"]
myst_heading_anchors = 3
nb_execution_mode = "force"  # what a page shows is what this code gives, never what an earlier one gave
nb_execution_raise_on_error = True
nb_execution_in_temp = True  # pages write files
nb_execution_timeout = 120
nb_merge_streams = True
copybutton_exclude = ".linenos, .gp, .go"
suppress_warnings = ["myst.xref_missing", "toc.empty_glob"]  # recipes' pages link to files of the repository
default_role = "py:obj"
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
html_math_renderer = "mathml"
autodoc_default_options = {"exclude-members": "set_fit_request, set_score_request, set_partial_fit_request"}
autodoc_typehints = "none"  # the docstrings say it, with shapes
html_theme = "furo"
html_title = "gmmspeech"

FOREIGN_BASES = "Estimator, BaseEstimator, BaseModel, Exception, UserWarning, tuple, dict"  # told elsewhere


def write_reference() -> None:
    """Write a page a namespace with every public name, so that none is forgotten."""
    folder = HERE / "reference"
    folder.mkdir(exist_ok=True)
    modules = {name for name in gmmspeech.__all__ if inspect.ismodule(getattr(gmmspeech, name))}
    missing = modules ^ set(NAMESPACES)
    if missing:
        raise ValueError(f"docs/conf.py: found {sorted(missing)} in one of NAMESPACES and gmmspeech, expected in both")
    elsewhere = {}
    for module in modules:
        (folder / f"{module}.md").write_text(_page(NAMESPACES[module], f"gmmspeech.{module}", _names(module)))
        elsewhere |= {name: f"gmmspeech.{module}.{name}" for name in _names(module)}
    names = [name for name in gmmspeech.__all__ if name not in modules]
    links = "\n".join(f"- :py:obj:`{name} <{elsewhere[name]}>`" for name in names if name in elsewhere)
    text = f"Also by their short names, such as ``gmmspeech.mfcc``:\n\n{links}"
    only_here = [name for name in names if name not in elsewhere]
    (folder / "daily.md").write_text(_page("Names of daily use", "gmmspeech", only_here, text))


def _names(module: str) -> list[str]:
    """Public names of a namespace; of a file, its classes, and its functions with an example."""
    found = getattr(gmmspeech, module)
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


def write_results() -> None:
    """Write the page of results: what each recipe's own page says, one after the other."""
    pages = sorted((HERE.parent / "recipes").glob("*/README.md"))
    include = "```{{include}} ../recipes/{}/README.md\n:heading-offset: 1\n:relative-images:\n```\n"
    text = "# Results\n\nEvery figure was printed by the recipe under whose name it stands.\n\n"
    (HERE / "results.md").write_text(text + "\n".join(include.format(page.parent.name) for page in pages))


def write_commands() -> None:
    """Write the page of commands: what `--help` says of each."""
    lines = ["# Commands", ""]
    for name, command in {"": main, **main.commands}.items():
        title = f"gmmspeech {name}".strip()
        text = command.get_help(click.Context(command, info_name=title, max_content_width=100))
        lines += [f"## {title}", "", "```text", text, "```", ""]
    (HERE / "commands.md").write_text("\n".join(lines))


def leave_out_foreign(app, kind, name, member, skip, options) -> bool | None:
    """Leave out the methods that come from scikit-learn: its own pages tell them, and their links lead nowhere here."""
    return True if str(getattr(member, "__module__", "")).startswith("sklearn.") else None


def setup(app) -> None:
    """Give formulas to the browser as MathML, which needs no script from the network."""
    app.connect("autodoc-skip-member", leave_out_foreign)

    def visit(translator, node) -> None:
        block = isinstance(node, nodes.math_block)
        translator.body.append(tex2mathml(node.astext(), as_block=block))
        raise nodes.SkipNode

    app.add_html_math_renderer("mathml", inline_renderers=(visit, None), block_renderers=(visit, None))


write_reference()
write_results()
write_commands()
