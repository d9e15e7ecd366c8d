"""Score files larger than memory, read in blocks of lines."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress

import numpy as np

from gmmspeech.errors import DataError, counted, shown
from gmmspeech.files.atomic import write_lines
from gmmspeech.files.text import parse_number, parse_numbers, read_line_blocks, split_columns
from gmmspeech.formats.datadir import fields_of_lines
from gmmspeech.scoring.trials import Scores

BLOCK = 1 << 10  # lines read at a time; larger blocks take longer, they leave the processor's cache


def read_score_blocks(path: str | os.PathLike[str]) -> Iterator[Scores]:
    """Read a file of scores in blocks of about a thousand lines."""
    for first, lines in read_line_blocks(path, BLOCK):
        yield _parse(path, first, lines)


def map_scores(path: str | os.PathLike[str], out: str | os.PathLike[str], function: Callable[[Scores], Scores]) -> None:
    """Apply a function to a file of scores, block by block, and write what it gives as another."""
    write_lines(out, (line for block in read_score_blocks(path) for line in score_lines(function(block))))


def score_lines(scores: Scores) -> Iterator[str]:
    """Lines of a file of scores, whose nine digits preserve float32 exactly."""
    for model, test, value in zip(scores.models, scores.tests, scores.values.tolist(), strict=True):
        yield f"{model} {test} {value:.9g}"


def _parse(path: str | os.PathLike[str], first: int, lines: list[str]) -> Scores:
    columns = split_columns(lines, 3)
    if columns is not None:
        with suppress(ValueError):
            return Scores(columns[0], columns[1], np.array(parse_numbers(columns[2], infinite=True)))
    for number, fields in enumerate(fields_of_lines(path, first, lines), first):
        _check_line(f"{path}:{number}", fields)
    raise DataError(f"{path}:{first}: found malformed lines, expected model test score")


def _check_line(where: str, fields: list[str]) -> None:
    if len(fields) != 3:
        raise DataError(f"{where}: found {counted(len(fields), 'field')}, expected 3 (model test score)")
    try:
        parse_number(fields[2], infinite=True)
    except ValueError:
        raise DataError(f"{where}: found {shown(repr(fields[2]))}, expected a number as the score") from None
