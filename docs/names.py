"""Names in text, such as `gs.mfcc`, become links to the page that tells them; names that are none are named."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module

from docutils import nodes
from pages import NAMESPACES, names_of
from sphinx import addnodes
from sphinx.util import logging

import gmmspeech

OURS = re.compile(r"(?:gs|gmmspeech)(?:\.\w+)+")
CALLED = re.compile(r"([\w.]+)(?:\(.*\))?", re.DOTALL)
logger = logging.getLogger(__name__)


@cache
def public() -> dict[str, tuple[str, object]]:
    """Name in the reference, and object, for each name by which a public object is called."""
    found: dict[str, tuple[str, object]] = {}
    for full, value in _documented():
        name = full.rpartition(".")[2]
        called = [full, f"{value.__module__}.{name}", name]
        called += [f"gmmspeech.{name}"] if name in gmmspeech.__all__ else []
        for alias in called:
            found.setdefault(alias, (full, value))
    return found


def _documented() -> Iterator[tuple[str, object]]:
    inside = set()
    for room in NAMESPACES:
        inside.update(names_of(room))
        yield from ((f"gmmspeech.{room}.{name}", getattr(getattr(gmmspeech, room), name)) for name in names_of(room))
    for name in sorted(set(gmmspeech.__all__) - set(NAMESPACES) - inside):
        yield f"gmmspeech.{name}", getattr(gmmspeech, name)


def target(text: str, module: str = "", class_: str = "") -> str | None:
    """What a name leads to in the reference; None where it is no public name or one that isn't told alone."""
    text = re.sub(r"^gs\.", "gmmspeech.", text)
    for name in (text, f"{class_}.{text}" if class_ else "", f"{module}.{text}"):
        if name in public():
            return public()[name][0]
        owner, _, member = name.rpartition(".")
        if owner in public():
            full, value = public()[owner]
            if _told(value, member):
                return f"{full}.{member}"
            if name == text and (member in str(value.__doc__) or hasattr(value, member)):
                return full  # an attribute, told with its class
    return text if text in methods() else None


def _told(value: object, member: str) -> bool:
    """Whether the reference has an entry for a member of a class."""
    found = inspect.getattr_static(value, member, None)
    function = getattr(found, "fget", getattr(found, "__func__", found))
    own = str(getattr(function, "__module__", "")).startswith("gmmspeech.")
    return inspect.isclass(value) and own and bool(function.__doc__) and not member.startswith("_")


@cache
def methods() -> list[str]:
    """Modules that the docstrings of public names point to, and that these point to in turn."""
    values = [value for _, value in _documented()]
    members = (member for value in values if inspect.isclass(value) for _, member in inspect.getmembers(value))
    texts = [str(value.__doc__) for value in (*values, *members)]
    found: list[str] = []
    for text in texts:  # which grows on the way
        for name in re.findall(r"(?<!`)`(gmmspeech(?:\.\w+)+)`(?!`)", text):
            if name not in found and name not in public() and _is_module(name):
                found.append(name)
                texts.append(str(sys.modules[name].__doc__))
    return sorted(found)


def _is_module(name: str) -> bool:
    try:
        import_module(name)
    except ImportError:
        return False
    return True


def role(name, rawtext, text, lineno, inliner, options=None, content=None):
    """Role of a name in backticks: a link where it is public, else code, as a parameter is."""
    env = inliner.document.settings.env
    context = env.ref_context
    found = target(text, context.get("py:module") or "", context.get("py:class") or "")
    if found is None and OURS.fullmatch(text):
        found = text  # which the build will say leads nowhere
    code = nodes.literal(rawtext, text, classes=["code"])
    return [_link(env, found, code) if found else code], []


def _link(env, full: str, shown: nodes.Node) -> addnodes.pending_xref:
    place = {"refdomain": "py", "reftype": "obj", "refdoc": env.docname}
    return addnodes.pending_xref("", shown, reftarget=full, refexplicit=True, refwarn=True, **place)


def link_names(app, document: nodes.document) -> None:
    """Link names in the code of pages, and classes in the types of parameters."""
    for code in list(document.findall(nodes.literal)):
        called = CALLED.fullmatch(code.astext())
        if (
            called
            and OURS.fullmatch(called[1])
            and not isinstance(code.parent, addnodes.pending_xref | nodes.reference)
        ):
            found = target(called[1])
            if found is None and not hasattr(gmmspeech, called[1].split(".")[1]):
                logger.warning("%s: no public name", called[1], location=code)
            if found:
                code.replace_self(_link(app.env, found, code.deepcopy()))
    for kind in list(document.findall(_is_type)):
        kind[:] = [node for child in kind.children for node in _with_links(app, child)]


def _is_type(node: nodes.Node) -> bool:
    """Whether a node is the type of a parameter, or one that is returned or raised."""
    return isinstance(node, nodes.classifier | nodes.term) and isinstance(node.parent.parent.parent, nodes.field_body)


def _with_links(app, node: nodes.Node) -> list[nodes.Node]:
    if not isinstance(node, nodes.Text):
        return [node]
    node = node.translate(str.maketrans("“”‘’", "\"\"''"))  # quotes of code
    found, end = [], 0
    for word in re.finditer(r"[A-Za-z_][\w.]*", node):
        full = target(word[0]) if word[0].rpartition(".")[2][:1].isupper() else None
        if full:
            found += [nodes.Text(node[end : word.start()]), _link(app.env, full, nodes.inline("", word[0]))]
            end = word.end()
    return [*found, nodes.Text(node[end:])]


def resolve(app, env, node: addnodes.pending_xref, shown: nodes.Node) -> nodes.Node | None:
    """Lead a reference by another name than that of the reference, as those of "See Also", to its entry."""
    found = target(node["reftarget"], node.get("py:module") or "", node.get("py:class") or "")
    if node.get("refdomain") != "py" or found in (None, node["reftarget"]):
        return None
    python = env.domains["py"]
    return python.resolve_xref(env, node["refdoc"], app.builder, "obj", found, node, shown)
