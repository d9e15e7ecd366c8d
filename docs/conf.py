"""Sphinx builds the documentation: `sphinx-build -W -b html docs exp/docs`."""

import sys
from pathlib import Path

from docutils import nodes
from latex2mathml.converter import convert

sys.path.insert(0, str(Path(__file__).parent))
import names
import pages

project = "gmmspeech"
author = "The gmmspeech developers"
copyright = author
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_design",
]
nitpicky = True  # a name or a link that leads nowhere is a warning, and fails the build
default_role = "name"
html_theme = "furo"
html_title = "gmmspeech"
html_static_path = ["static"]
html_css_files = ["pages.css"]
html_math_renderer = "mathml"
html_domain_indices = False  # of modules: the pages of the reference list what is public

myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence"]
myst_heading_anchors = 3
nb_execution_mode = "force"  # what a page shows is what this code gives, never what an earlier one gave
nb_execution_raise_on_error = True
nb_execution_in_temp = True  # pages write files
nb_execution_timeout = 120
nb_merge_streams = True
nb_output_stderr = "remove"  # progress and warnings, with paths of the machine that built the page
copybutton_exclude = ".linenos, .gp, .go"

autodoc_default_options = {"exclude-members": "set_fit_request, set_score_request, set_partial_fit_request"}
autodoc_typehints = "none"  # the docstrings say it, with shapes
numpydoc_show_class_members = False  # they follow, each with its own entry


def leave_out_foreign(app, kind, name, member, skip, options) -> bool | None:
    """Leave out what comes from scikit-learn and Python: its own pages tell it, and its links lead nowhere here.

    Fields of named tuples are told with their class.
    """
    if str(getattr(member, "__doc__", "")).startswith("Alias for field number"):
        return True
    module = getattr(member, "__module__", None)
    return True if kind == "class" and isinstance(module, str) and not module.startswith("gmmspeech") else None


def setup(app) -> None:
    """Give formulas to the browser as MathML, which needs no script from the network, and names their links."""
    app.connect("autodoc-skip-member", leave_out_foreign)
    app.connect("source-read", pages.within_pages)
    app.connect("doctree-read", names.link_names)
    app.connect("missing-reference", names.resolve)
    app.add_role("name", names.role)

    def visit(translator, node) -> None:
        block = isinstance(node, nodes.math_block)
        translator.body.append(convert(node.astext(), display="block" if block else "inline"))
        raise nodes.SkipNode

    app.add_html_math_renderer("mathml", inline_renderers=(visit, None), block_renderers=(visit, None))


pages.write_reference()
pages.write_methods(names.methods())
pages.write_results()
pages.write_commands()
