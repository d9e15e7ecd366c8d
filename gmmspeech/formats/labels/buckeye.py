"""Label files of the Buckeye corpus: ``.phones`` and ``.words``, as written by xlabel."""

from __future__ import annotations

import os
from collections.abc import Sequence

from gmmspeech.errors import DataError, shown
from gmmspeech.files.atomic import write_lines
from gmmspeech.files.text import BLANKS, is_holdable, parse_number, read_lines, split_fields
from gmmspeech.phones.labels.labels import Label, check_labels

_END_OF_HEADER = "#"
_COLOR = 122  # as all entries of the corpus have, for xlabel


def read_buckeye(path: str | os.PathLike[str]) -> list[Label]:
    """Read a file of ``end color name`` lines after a header that ends with ``#``; each begins where the last ended.

    Of a name only what stands before a semicolon counts: words have their transcriptions behind it. Entries without a
    name are left out.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "s0101a.words")
    >>> _ = path.write_text("signal s0101a\\nnfields 1\\n#\\n 0.25 122 <SIL>; S\\n 0.5 122 okay; ow k ey; k ay; NN\\n")
    >>> read_buckeye(path)
    [Label(start=0.0, end=0.25, name='<SIL>'), Label(start=0.25, end=0.5, name='okay')]
    """
    lines = enumerate(read_lines(path), 1)
    if not any(line.strip(BLANKS) == _END_OF_HEADER for _, line in lines):
        raise DataError(f"{path}: found no line with {_END_OF_HEADER} alone, expected a label file of Buckeye's")
    labels, last = list[Label](), 0.0
    for number, line in lines:
        fields = split_fields(line, 2)
        if not fields:
            continue
        try:
            end = parse_number(fields[0])
            int(fields[1])
        except (ValueError, IndexError):
            expected = "the end in seconds, a color and a name"
            raise DataError(f"{path}:{number}: found {shown(line.strip(BLANKS))}, expected {expected}") from None
        if end < last:
            raise DataError(f"{path}:{number}: found an end at {end:.6g} s, expected none before {last:.6g} s")
        name = fields[2].partition(";")[0].strip(BLANKS) if len(fields) > 2 else ""
        if name:
            labels.append(Label(last, end, name))
        last = end
    return labels


def write_buckeye(path: str | os.PathLike[str], labels: Sequence[Label]) -> None:
    """Write a label file of Buckeye's, times to microseconds, atomically; gaps become entries without a name."""
    check_labels(labels, owner=os.fspath(path))
    lines, last = ["separator ;", "nfields 1", _END_OF_HEADER], 0.0
    for start, end, name in labels:
        if ";" in name or name != name.strip(BLANKS) or set(name) & set("\n\r") or not (name and is_holdable(name)):
            expected = "one line, not empty, no semicolons, no blanks around it"
            raise DataError(f"{path}: can't hold the name {shown(repr(name))}, expected {expected}")
        if round(start - last, 6) > 0:
            lines.append(f"{start:.6f} {_COLOR}")
        lines.append(f"{end:.6f} {_COLOR} {name}")
        last = end
    write_lines(path, lines)
