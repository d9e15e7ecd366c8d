"""Score files that are larger than memory, in blocks of lines."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import numpy as np

from gmmspeech.errors import DataError, shown
from gmmspeech.files.atomic import write_lines
from gmmspeech.files.text import BLANKS, parse_number, parse_numbers, read_line_blocks, split_all_fields
from gmmspeech.scoring.trials import Scores

BLOCK = 1 << 10  # lines read at a time; larger blocks take longer, they leave the processor's cache


def read_score_blocks(path: str | os.PathLike[str]) -> Iterator[Scores]:
    """Read a file of scores in blocks of about a thousand lines."""
    for number, lines in read_line_blocks(path, BLOCK):
        yield _parse(path, number, lines)


def map_scores(path: str | os.PathLike[str], out: str | os.PathLike[str], function: Callable[[Scores], Scores]) -> None:
    """Apply a function to a file of scores, block by block, and write what it gives as another."""
    write_lines(out, (line for block in read_score_blocks(path) for line in _lines(function(block))))


def _lines(scores: Scores) -> Iterator[str]:
    for model, test, value in zip(scores.models, scores.tests, scores.values.tolist(), strict=True):
        yield f"{model} {test} {value:.9g}"


def _parse(path: str | os.PathLike[str], first: int, lines: list[str]) -> Scores:
    rows = split_all_fields(lines)
    try:
        models, tests, values = zip(*rows, strict=True)
        scores = np.array(parse_numbers(values, infinite=True))
        if not any(line[0] in BLANKS for line in lines):
            return Scores(models, tests, scores)
    except ValueError:
        pass
    for number, (line, fields) in enumerate(zip(lines, rows, strict=True), first):
        _check_line(f"{path}:{number}", line, fields)
    raise DataError(f"{path}:{first}: found malformed lines, expected model test score")


def _check_line(where: str, line: str, fields: list[str]) -> None:
    if not fields:
        raise DataError(f"{where}: found an empty line, expected an entry on every line")
    if line[0] in BLANKS:
        raise DataError(f"{where}: found a blank before {shown(fields[0])}, expected the id to begin the line")
    if len(fields) != 3:
        raise DataError(f"{where}: found {len(fields)} fields, expected 3 (model test score)")
    try:
        parse_number(fields[2], infinite=True)
    except ValueError:
        raise DataError(f"{where}: found {shown(repr(fields[2]))}, expected a number as the score") from None
