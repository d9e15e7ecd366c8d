"""Shared parts of reports: one self-contained HTML file with tables and plots."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from gmmspeech.files.atomic import atomic_path, remove_leftovers
from gmmspeech.plot import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Colors of the pictures, to be replaced by those of the page, which has a light and a dark set.
_PAGE_COLORS = {
    style.INK: "var(--ink)",
    style.MUTED: "var(--muted)",
    style.TARGETS: "var(--targets)",
    style.NONTARGETS: "var(--nontargets)",
    style.THIRD: "var(--third)",
}

WIDE = 8.0  # inches from which a figure takes the whole width of the page, since its letters would be too small

_PLAIN = {None: "–", True: "yes", False: "no"}

Configuration = Mapping[str, "Mapping[str, object] | str"]
Rows = Iterable[Sequence[object]]
Table = Sequence[Sequence[str]]


def write_page(
    place: str | os.PathLike[str],
    *,
    title: str,
    headline: Iterable[tuple[str, str, str]],
    body: str,
    subtitle: str = "",
) -> Path:
    """Write a report atomically: to a file if its name ends in ``.html``, else as ``index.html`` into a folder.

    Of `headline` each is a figure, its name, and a note. Equal input gives equal bytes.
    """
    path = Path(place) if Path(place).suffix.lower() == ".html" else Path(place) / "index.html"
    cards = [
        f"<div><strong>{escape(value)}</strong><span>{escape(name)}</span><small>{escape(note)}</small></div>"
        for value, name, note in headline
    ]
    page = fill_template(
        "page.html",
        style=_read("style.css"),
        title=escape(title),
        subtitle=f'<p class="subtitle">{escape(subtitle)}</p>' if subtitle else "",
        headline="\n".join(cards),
        body=body,
    )
    remove_leftovers(path)
    with atomic_path(path) as temporary:
        temporary.write_bytes(page.encode("utf-8", errors="xmlcharrefreplace"))  # file names need not be valid Unicode
    return path


def fill_template(name: str, **parts: str) -> str:
    """Put parts into a template of this room."""
    return Template(_read(name)).substitute(parts)


def section(title: str, content: str) -> str:
    """Build a section with a heading."""
    return f"<section>\n<h2>{escape(title)}</h2>\n{content}\n</section>\n"


def figures(*pictures: tuple[str, Figure, str]) -> str:
    """Build a row of pictures, below those that need the whole width: each has a name for its ids, and a caption."""
    wide, parts = [], []
    for name, figure, caption in pictures:
        picture = f"{inline_svg(figure, name=name, alt=caption)}\n<figcaption>{escape(caption)}</figcaption>"
        if figure.get_figwidth() > WIDE:
            wide.append(f'<figure class="wide">\n{picture}\n</figure>\n')
        else:
            parts.append(f"<figure>\n{picture}\n</figure>")
    return "".join(wide) + '<div class="pictures">\n' + "\n".join(parts) + "\n</div>"


def _read(name: str) -> str:
    return files("gmmspeech.report").joinpath(name).read_text(encoding="utf-8")


def inline_svg(figure: Figure, *, name: str, alt: str) -> str:
    """Draw a figure as an SVG element for a page: ids of its own, the page's colors and font, and a text beside it."""
    buffer = io.StringIO()
    settings = {"svg.fonttype": "none", "svg.hashsalt": name, "svg.id": name, "figure.constrained_layout.use": False}
    with style.drawing(**settings):
        layout = figure.get_layout_engine()
        if layout is not None:  # done here, matplotlib does not draw the figure once more for its sake
            layout.execute(figure)
            figure.set_layout_engine()
        nothing = dict.fromkeys(["Creator", "Date", "Format", "Type"])
        figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    body = svg[svg.index(">") + 1 :]
    view_box = re.search(r'viewBox="[^"]*"', svg)[0]  # type: ignore[index]
    body = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", body)
    body = re.sub(r"'DejaVu Sans'[^;\"]*sans-serif", "system-ui, sans-serif", body)
    for color, variable in _PAGE_COLORS.items():
        body = body.replace(color, variable)
    return f'<svg {view_box} role="img" aria-label="{escape(alt)}">{body.rstrip()}'


def table(heads: Sequence[str], rows: Rows, *, numbers: int = 0) -> str:
    """Build a table whose last `numbers` columns are figures, set to the right."""
    classes = [""] * (len(heads) - numbers) + [' class="number"'] * numbers
    head = "".join(f'<th scope="col"{c}>{escape(text)}</th>' for c, text in zip(classes, heads, strict=True))
    lines = [
        "<tr>" + "".join(f"<td{c}>{escape(str(cell))}</td>" for c, cell in zip(classes, row, strict=True)) + "</tr>"
        for row in rows
    ]
    body = "\n".join(lines)
    return f'<div class="table"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table></div>'


def configuration_section(configuration: Configuration) -> str:
    """Build what a report says of settings: a table, or text, under a heading each."""
    if not configuration:
        return "<p>None was given.</p>"
    parts = []
    for heading, content in configuration.items():
        if isinstance(content, Mapping):
            text = table(["name", "value"], _flat(content))
        else:
            text = f"<pre>{escape(str(content).rstrip())}</pre>"
        parts.append(f"<div><h3>{escape(str(heading))}</h3>\n{text}</div>")
    return '<div class="columns configuration">\n' + "\n".join(parts) + "\n</div>"


def _flat(mapping: Mapping[str, object], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in mapping.items():
        if isinstance(value, Mapping):
            rows += _flat(value, f"{prefix}{name}.")
        else:
            rows.append((f"{prefix}{name}", _PLAIN[value] if isinstance(value, bool | None) else str(value)))
    return rows
