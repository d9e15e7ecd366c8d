"""File names from ids."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

from gmmspeech.errors import DataError, shown

_LONGEST = 200  # bytes of a file's name; file systems that encrypt names hold less than 255
_FORBIDDEN = frozenset('/\\:*?"<>|%')  # on some system or other, and what escapes them
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)  # no file of such a name is one on Windows
_EMPTY = "%empty"  # no escape
_DIGEST = "%~"  # no escape either
_ESCAPED = "utf-8", "surrogatepass"


def file_name(id: str, suffix: str = "") -> str:
    """Make a file's name of an id: another one for another id, and never a path.

    What may be in ids but not in names becomes ``%`` and two hexadecimal digits a byte, as in URLs: slashes, a dot at
    the beginning, blanks, control characters. An id that is too long is cut, and gets a digest of it.

    Examples
    --------
    >>> file_name("ann-1", ".TextGrid"), file_name("../a b", ".lab")
    ('ann-1.TextGrid', '%2E.%2Fa%20b.lab')
    """
    name = "".join(map(_escaped, id)) or _EMPTY
    if name[0] == "." or _DEVICE.match(name):
        name = f"%{ord(name[0]):02X}{name[1:]}"
    room = _LONGEST - len(suffix.encode())
    if len(name.encode()) > room:
        digest = hashlib.sha256(id.encode(*_ESCAPED)).hexdigest()[:32]
        head = name.encode()[: room - len(_DIGEST) - len(digest)].decode(errors="ignore")
        name = head + _DIGEST + digest
    return name + suffix


def check_apart(names: Iterable[str], folder: str | os.PathLike[str]) -> None:
    """Raise a DataError if files of a folder would be one where the system's names know no case.

    Examples
    --------
    >>> check_apart(["ann.lab", "bob.lab"], "labels")
    """
    if sys.platform not in ("win32", "darwin"):
        return
    known: dict[str, str] = {}
    for name in names:
        other = known.setdefault(name.casefold(), name)
        if other != name:
            found = f"found {shown(other)} and {shown(name)}, which are one file on this system"
            raise DataError(f"{shown(folder, 400)}: {found}, expected names that differ in more than case")


def id_of_name(name: str) -> str:
    """Give the id that `file_name` made a name of (without its suffix), or the name itself if it made none.

    Examples
    --------
    >>> id_of_name("%2E.%2Fa%20b"), id_of_name("100%")
    ('../a b', '100%')
    """
    try:
        id = "" if name == _EMPTY else unquote_to_bytes(name.encode(*_ESCAPED)).decode(*_ESCAPED)
    except UnicodeDecodeError:
        return name
    return id if file_name(id) == name else name


def _escaped(character: str) -> str:
    if character.isprintable() and not character.isspace() and character not in _FORBIDDEN:
        return character
    return "".join(f"%{byte:02X}" for byte in character.encode(*_ESCAPED))
