"""Small imitations of corpora."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def make() -> Callable[[Path, dict[str, str]], Path]:
    """A function that writes a corpus."""

    def make(folder: Path, files: dict[str, str]) -> Path:
        """Write files, given by their paths; audio is not looked into."""
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        return folder

    return make
