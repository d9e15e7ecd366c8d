r"""Names as HTK writes them: quotes around blanks, ``\ooo`` for a byte that is not ASCII (The HTK Book 3.4, 4.6)."""

from __future__ import annotations

import re

from gmmspeech.errors import shown
from gmmspeech.files.text import BLANKS

QUOTE = '"'

_NAME = re.compile(
    rf"""[{BLANKS}]*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|((?:[^{BLANKS}"'\\]|\\.)(?:[^{BLANKS}\\]|\\.)*))"""
)
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)


def split_names(line: str) -> list[str]:
    """Cut a line into names, without their quotes and escapes; ValueError where a quote is left open."""
    names, place, stop = [], 0, len(line.rstrip(BLANKS))
    while place < stop:
        found = _NAME.match(line, place)
        if found is None:
            raise ValueError(
                f"found {shown(line[place:stop].lstrip(BLANKS))}, expected a name with its quotes and escapes whole"
            )
        names.append(_plain(next(part for part in found.groups() if part is not None)))
        place = found.end()
    return names


def escaped(name: str, quote: str = "") -> str:
    r"""Write a name as HTK does: ``\ooo`` for a byte that is not ASCII or, outside of quotes, a blank."""
    text = "".join(_byte(byte, quote) for byte in name.encode())
    if not quote and text[:1] in ("'", '"'):
        text = "\\" + text
    return f"{quote}{text}{quote}"


def _plain(text: str) -> str:
    if "\\" not in text:
        return text
    content = _ESCAPE.sub(lambda found: _unescaped(found[1]), text.encode())
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise ValueError(f"found {shown(text)}, expected escapes that are UTF-8 text") from None


def _unescaped(escape: bytes) -> bytes:
    return bytes([int(escape, 8) & 0xFF]) if len(escape) == 3 else escape


def _byte(byte: int, quote: str) -> str:
    character = chr(byte)
    if character == "\\" or character == quote:
        return "\\" + character
    printed = 0x20 < byte < 0x7F or (quote and character == " ")
    return character if printed else f"\\{byte:03o}"
