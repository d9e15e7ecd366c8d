"""Specifiers of tables, as Kaldi has them: what kind of table, options, and where it is."""

from __future__ import annotations

import re
from typing import NamedTuple

from gmmspeech.errors import ConfigError, shown

_SPECIFIER = re.compile(r"(?P<options>[a-z]+(,[a-z]+)*):(?P<place>.*)", re.DOTALL)
_READING = {"o", "no", "s", "ns", "cs", "ncs", "p", "np", "bg", "t", "b"}  # all that Kaldi knows, beside ark and scp
_WRITING = {"t", "b", "f", "nf", "p", "np"}


class Place(NamedTuple):
    """What a specifier says: the kind of table (ark, scp, both, or nothing), options, and where it is."""

    kind: str
    options: frozenset[str]
    where: str

    @property
    def is_stream(self) -> bool:
        """Whether it is standard input or output."""
        return self.where.strip() == "-"

    @property
    def is_command(self) -> bool:
        """Whether it is a command in a pipe."""
        return self.where.lstrip().startswith("|") or self.where.rstrip().endswith("|")

    @property
    def is_gzip(self) -> bool:
        """Whether it is a compressed file, by its name."""
        return self.where.endswith(".gz") and not self.is_command


def parse_place(text: str, *, writing: bool = False) -> Place:
    """Take apart what an argument says of where a table is; ``-`` is an archive, as ``ark:-``.

    Examples
    --------
    >>> parse_place("ark,s,cs:-").is_stream, parse_place("feats.h5").kind
    (True, '')
    """
    found = _SPECIFIER.fullmatch(text)
    options = found["options"].split(",") if found else []
    if text.strip() == "-":
        return Place("ark", frozenset(), text)
    if found is None or not {"ark", "scp"} & set(options):
        return Place("", frozenset(), text)
    known = _WRITING if writing else _READING
    unknown = [option for option in options if option not in known | {"ark", "scp"}]
    if unknown:
        expected = f"ark or scp, and any of {', '.join(sorted(known))}"
        raise ConfigError(f"{shown(text)}: found option {shown(unknown[0])}, expected {expected}")
    kind = ",".join(option for option in options if option in ("ark", "scp"))
    place = Place(kind, frozenset(options) - {"ark", "scp"}, found["place"])
    if kind not in (("ark", "ark,scp") if writing else ("ark", "scp")):
        expected = "ark:PLACE, ark,t:PLACE or ark,scp:ARK,SCP" if writing else "ark:PLACE or scp:PLACE"
        raise ConfigError(f"{shown(text)}: found {kind}:, expected {expected}")
    if place.is_command and place.where.lstrip().startswith("|") != writing:
        side = "| COMMAND, which is written to" if writing else "COMMAND |, which is read from"
        raise ConfigError(f"{shown(text)}: found a command, expected {side}")
    if kind == "ark,scp" and (
        place.is_command or any(p.strip() == "-" or p.endswith(".gz") for p in place.where.split(","))
    ):
        raise ConfigError(
            f"{shown(text)}: found a stream, expected files: a script file tells where in them things are"
        )
    return place
