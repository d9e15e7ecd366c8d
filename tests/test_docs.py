"""The documentation's Python runs as it stands, a page at a time from top to bottom."""

import re
from pathlib import Path

import pytest

import gmmspeech

DOCS = Path(__file__).parent.parent / "docs"
PAGES = [page for page in sorted(DOCS.rglob("*.md")) if "```python" in page.read_text(encoding="utf-8")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_python_of_a_page_runs(page, tmp_path, monkeypatch, capsys):
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE))
    monkeypatch.chdir(tmp_path)
    exec(compile(code, str(page), "exec"), {"__name__": "__main__"})
    assert "False" not in capsys.readouterr().out  # what pages print is either a figure or a claim


@pytest.mark.parametrize("name", gmmspeech.__all__)
def test_a_public_name_has_an_example(name):
    assert ">>>" in (getattr(gmmspeech, name).__doc__ or "")
