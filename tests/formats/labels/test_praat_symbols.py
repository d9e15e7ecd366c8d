"""Symbols that were typed with a backslash, beside what Praat itself makes of them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, strategies as st

from gmmspeech.formats.labels.praat_symbols import _SYMBOLS, shown_by_praat
from gmmspeech.formats.labels.textgrid import write_textgrid
from gmmspeech.formats.labels.tiers import Voice, read_tiers
from gmmspeech.formats.recordings import read_recordings
from gmmspeech.phones.labels.labels import Label

X_SAMPA = r"r\ h\ s\ z\ x\ G\_< J\_< |\|\ r\` ts\ r\_0 r\=".split()  # noqa: SIM905


def test_symbols_are_those_of_praat() -> None:
    call = pytest.importorskip("parselmouth").praat.call
    grid = call("Create TextGrid", 0.0, 1.0, "a", "")
    call(grid, "Set interval text", 1, 1, "\x1f".join(f"\\{typed}" for typed in _SYMBOLS))
    call(grid, "Convert to Unicode")
    assert call(grid, "Get label of interval", 1, 1).split("\x1f") == list(_SYMBOLS.values())


@given(st.text())
def test_text_without_backslashes_stays(text: str) -> None:
    plain = re.sub(r"\\", "", text)
    assert shown_by_praat(plain) == plain


@pytest.mark.parametrize("text", [*X_SAMPA, "n` k r\\ a", "\\", "a\\b", "\\1x"])
def test_other_backslashes_stay(text: str) -> None:
    assert shown_by_praat(text) == text


def test_labels_and_transcripts_are_as_praat_shows_them(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(8000), 8000)
    write_textgrid(tmp_path / "a.TextGrid", {"ann": [Label(0.0, 1.0, r"se\n~or \e'l")]}, duration=1.0)
    assert read_recordings(tmp_path)[0].text == {"a#1-0001": "señor él"}
    write_textgrid(tmp_path / "b.TextGrid", {"phones": [Label(0.0, 0.5, r"t\sh\:f"), Label(0.5, 1.0, r"\ae\~^")]})
    found = [Label(0.0, 0.5, "tʃː"), Label(0.5, 1.0, "æ\u0303")]
    assert read_tiers(tmp_path / "b.TextGrid") == {Voice("b"): found}
