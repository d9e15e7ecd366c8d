"""File names from ids, and output paths from arguments."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from gmmspeech.errors import ConfigError, DataError, shown
from gmmspeech.files.table_places import check_path

_LONGEST = 200  # bytes of a file's name; file systems that encrypt names hold less than 255
_FORBIDDEN = frozenset('/\\:*?"<>|%')  # on some system or other, and what escapes them
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)  # no file of such a name is one on Windows
_EMPTY = "%empty"  # no escape
_DIGEST = "%~"  # no escape either
_ESCAPED = "utf-8", "surrogatepass"
_KALDI = re.compile(r"(?P<options>[a-z]+(,[a-z]+)*):(?P<place>.*)", re.DOTALL)
_INSTEAD = "expected the name of a file: write it, then give it to other programs"


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


class Output(NamedTuple):
    """What an argument says of where to write, see `parse_output`.

    Parameters
    ----------
    kind : str
        ``"file"``, ``"ark"`` (an archive of Kaldi's), or ``"htk"`` (a folder of HTK's files).
    path : str
    script : str or None
        Script file of an archive.
    text : bool
        Whether the archive is text.
    """

    kind: str
    path: str
    script: str | None = None
    text: bool = False

    @property
    def paths(self) -> tuple[str, ...]:
        """All that is written to."""
        return (self.path,) if self.script is None else (self.path, self.script)


def parse_output(text: str, *, archives: bool = False) -> Output:
    """Take apart what an argument says of where to write.

    It is a path, or with `archives` also ``ark:PATH``, ``ark,t:PATH``, ``ark,scp:ARK,SCP``, or ``htk:FOLDER``. What
    means something else in Kaldi (standard output, commands, other options) is refused with a `ConfigError`.

    Examples
    --------
    >>> parse_output("ark,scp:a.ark,a.scp", archives=True)
    Output(kind='ark', path='a.ark', script='a.scp', text=False)
    """
    found = _KALDI.fullmatch(text)
    options = found["options"].split(",") if found else []
    if found and options == ["htk"]:
        output = Output("htk", found["place"])
    elif found and {"ark", "scp"} & set(options):
        output = _archive(text, options, found["place"])
    else:
        check_path(text, writing=True, tables=archives)
        output = Output("file", text)
    for path in output.paths:
        if path.strip() == "-":
            raise ConfigError(f"found {shown(text)!r}, standard output, {_INSTEAD}")
        if path.lstrip().startswith("|") or path.rstrip().endswith("|"):
            raise ConfigError(f"found {shown(text)!r}, a command, {_INSTEAD}")
        if not path or "\0" in path:
            raise ConfigError(f"found {shown(text)!r}, expected the name of a file")
    if output.kind != "file" and not archives:
        raise ConfigError(f"found {shown(text)!r}, expected the name of a file (copy-features writes archives)")
    return output


def _archive(text: str, options: list[str], place: str) -> Output:
    """Take apart what Kaldi calls a wspecifier."""
    with_script = "scp" in options
    ark, comma, scp = place.partition(",") if with_script else (place, ",", "")
    known = {"ark", "scp", "t", "b"}
    good = set(options) <= known and len(set(options)) == len(options) and not {"t", "b"} <= set(options)
    if "ark" not in options or not good or not comma or (with_script and (not scp or "," in scp)):
        raise ConfigError(f"found {shown(text)!r}, expected ark:PATH, ark,t:PATH (text) or ark,scp:ARK,SCP")
    if options.index("ark") > (options.index("scp") if with_script else 99):
        raise ConfigError(f"found {shown(text)!r}, expected ark,scp:ARK,SCP, the archive first")
    return Output("ark", ark, scp if with_script else None, "t" in options)
