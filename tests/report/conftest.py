"""What the tests of reports share: a page read with a parser of its own."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest


class Sections(HTMLParser):
    """Headings, and below each the cells of its tables, a list a row."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: dict[str, list[list[str]]] = {"": []}
        self.text: dict[str, str] = {"": ""}
        self.heading = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open.append(tag)
        if tag == "tr":
            self.found[self.heading].append([])
        if tag in ("td", "th"):
            self.found[self.heading][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert tag in self.open
        while self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "h2":
            self.heading = data
            self.found[data], self.text[data] = [], ""
        elif self.open and self.open[-1] in ("td", "th"):
            self.found[self.heading][-1][-1] += data
        self.text[self.heading] += data


@pytest.fixture
def sections_of() -> Callable[[Path], Sections]:
    """A function that reads a page into its sections."""

    def read(path: Path) -> Sections:
        parser = Sections()
        parser.feed(path.read_text(encoding="utf-8"))
        return parser

    return read
