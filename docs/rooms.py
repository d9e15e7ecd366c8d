"""The rooms of the package, in the order in which they import one another; ``python docs/rooms.py`` draws them."""

from __future__ import annotations

import ast
import sys
from collections import Counter
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PICTURE = Path(__file__).with_name("rooms.svg")

# A file imports from its own room and from those above it here. Phones and speaker never know each other.
ROOMS = {
    "errors": "one form of error",
    "arguments": "one table of constraints",
    "described": "what objects say of themselves",
    "checks": "one set of array checks",
    "progress": "bars",
    "compiled": "libraries in C",
    "blocks": "blocks of frames, ordered threads and sums",
    "files": "atomic writes, HDF5, saving, checkpoints",
    "audio": "files → samples",
    "metrics": "scores → figures",
    "features": "samples → frames",
    "gmm": "frames → statistics → model",
    "cluster": "the same training on Dask",
    "scoring": "models and statistics → scores",
    "linear": "LDA, MLLT, fMLLR",
    "speaker": "UBM, verifier, i-vector, PLDA, ISV, JFA",
    "phones": "labels, mixtures, HMMs, alignment, recognition",
    "formats": "files of Kaldi, HTK, Praat and others",
    "stores": "frames and statistics on the disk",
    "corpora": "one file a corpus: fetch, prepare",
    "plot": "pictures",
    "report": "pages",
    "pipeline": "stages that are not done twice",
    "commands": "files in, files out",
    "cli": "parse, call, print",
}
APART = ({"speaker", "phones"},)


def read_imports(root: Path = ROOT, package: str = "gmmspeech") -> dict[str, set[str]]:
    """Module to the modules of the package that it imports, in functions too."""
    files = {".".join(path.relative_to(root).with_suffix("").parts): path for path in (root / package).rglob("*.py")}
    files = {name.removesuffix(".__init__"): path for name, path in files.items()}
    return {name: _imported(path, files) - {name, package} for name, path in files.items()}


def _imported(path: Path, known: dict[str, Path]) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {name if (name := f"{node.module}.{a.name}") in known else node.module for a in node.names}
    return found & set(known)


def room_of(module: str) -> str:
    """Give the room of a module; the package itself has none, and what runs it as a program is of the last."""
    room = [*module.split("."), ""][1]
    return "cli" if room == "__main__" else room


def draw(imports: dict[str, set[str]]) -> str:
    """Draw the rooms from the top down, with a dot in a row for each room that this one imports, as SVG.

    Columns are numbered as rows are, so that dots right of the diagonal would be imports that climb.
    """
    step, left, names = 22, 480, list(ROOMS)
    counts = Counter((room_of(module), room_of(other)) for module, others in imports.items() for other in others)
    width, height = left + step * len(names), step * (len(names) + 2)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        'font-size="12" fill="#222222">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for row, (name, text) in enumerate(ROOMS.items()):
        y = step * (row + 1)
        shade = "#f2f5f8" if row % 2 else "#ffffff"
        lines += [
            f'<rect y="{y}" width="{width}" height="{step}" fill="{shade}"/>',
            f'<rect x="{left + step * row}" y="{y}" width="{step}" height="{step}" fill="#d5dee6"/>',
            f'<text x="26" y="{y + 15}" text-anchor="end" fill="#888888">{row + 1}</text>',
            f'<text x="34" y="{y + 15}" font-weight="bold">{name}</text>',
            f'<text x="112" y="{y + 15}" fill="#555555">{escape(text)}</text>',
            f'<text x="{left + step * (row + 0.5)}" y="15" text-anchor="middle" fill="#888888">{row + 1}</text>',
        ]
        for column, other in enumerate(names):
            if other != name and (count := counts[name, other]):
                x, radius = left + step * (column + 0.5), min(2 + count**0.5, 9)
                lines.append(f'<circle cx="{x}" cy="{y + step / 2}" r="{radius:.1f}" fill="#2f6f9f"/>')
    return "\n".join([*lines, "</svg>", ""])


if __name__ == "__main__":
    PICTURE.write_text(draw(read_imports()), encoding="utf-8")
    print(PICTURE, file=sys.stderr)
