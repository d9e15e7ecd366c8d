"""Mean and standard deviation of scores against a cohort, with the entries of any one speaker left out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gmmspeech.checks import all_finite
from gmmspeech.errors import ConfigError, DataError, counted

BLOCK = 1 << 20  # numbers worked on at a time
_CONSTANT = 1e-10  # part of their mean by which scores deviate at least; less is rounding
_CANCELLED = 1e-4  # share of a sum of squares that is left when a difference is no longer trusted


class Cohort:
    """Cohort scores of models or of tests, one row each, and their statistics.

    Parameters
    ----------
    scores : ndarray, shape (K, C)
        May be memory-mapped: it is read in blocks.
    what : {"model", "test"}
        What a row is, for messages.
    names : sequence of str, length K, optional
        Names of the rows, for messages; their numbers if not given.
    top_n : int, optional
        Take only the so many highest scores of a row.
    codes : ndarray of int, shape (C,), optional
        Number, from 0, of the speaker that each column belongs to.

    Raises
    ------
    ConfigError
        `top_n` below 2 or above C.
    DataError
        No matrix, less than 2 columns, or a score that is NaN or infinite.
    """

    def __init__(
        self,
        scores: NDArray,
        what: str,
        *,
        names: Sequence[str] | None = None,
        top_n: int | None = None,
        codes: NDArray[np.intp] | None = None,
    ) -> None:
        if scores.ndim != 2 or scores.shape[1] < 2:
            expected = f"a row for each {what} and 2 columns or more"
            raise DataError(f"cohort scores of {what}s: found shape {scores.shape}, expected {expected}")
        if top_n is not None and top_n < 2:
            raise ConfigError(f"top_n: found {top_n}, expected 2 or more")
        self.scores, self.what, self.names, self.top_n = scores, what, names, top_n
        self.codes = np.full(scores.shape[1], -1) if codes is None else codes
        self._columns = _columns_by_code(self.codes)
        self._check_size(scores.shape[1], "")
        length = len(scores)
        self._means, self._squares = np.empty(length), np.empty(length)
        self._least, self._next = np.empty(length), np.empty(length)  # of those taken; the highest of the others
        for start, stop in blocks(length, scores.shape[1]):
            self._measure(slice(start, stop))

    def statistics(
        self, rows: NDArray[np.intp], excluded: NDArray[np.intp]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Give mean and standard deviation (ddof 1) of rows.

        Parameters
        ----------
        rows : ndarray of int, shape (P,)
        excluded : ndarray of int, shape (P,)
            Number of the speaker whose columns are left out; -1 to leave out none.

        Returns
        -------
        means, deviations : ndarray of float64, shape (P,)

        Raises
        ------
        DataError
            Fewer scores left than `top_n` (or 2), or all those taken are equal; with the row.
        """
        size = self.scores.shape[1] if self.top_n is None else self.top_n
        means, squares, sizes = self._means[rows], self._squares[rows], np.full(len(rows), size)
        pairs = np.flatnonzero((excluded >= 0) & (excluded < len(self._columns)))
        pairs = pairs[self._columns[excluded[pairs], :1].ravel() >= 0] if len(pairs) else pairs
        if len(pairs):
            self._check_excluded(rows[pairs], excluded[pairs])
            for start, stop in blocks(len(pairs), self._columns.shape[1]):
                some = pairs[start:stop]
                means[some], squares[some], sizes[some] = self._without(rows[some], excluded[some])
        flat = np.flatnonzero(~(squares > sizes * (_CONSTANT * means) ** 2))
        if flat.size:
            found = f"found scores against the cohort that are all {means[flat[0]]:g}"
            raise DataError(f"{self._name(rows[flat[0]])}: {found}, expected them to vary")
        return means, np.sqrt(squares / (sizes - 1))

    def _measure(self, rows: slice) -> None:
        """Mean, sum of squares about it, and least of the scores taken, of rows."""
        block = np.asarray(self.scores[rows], dtype=np.float64)
        if not all_finite(block):
            bad = np.argwhere(~np.isfinite(block))
            where = f"{self._name(rows.start + bad[0][0])}, cohort entry {bad[0][1]}"
            found = f"found {block[tuple(bad[0])]} ({len(bad)} such in {counted(len(block), 'row')})"
            raise DataError(f"{where}: {found}, expected a finite score")
        if self.top_n is not None and self.top_n < block.shape[1]:
            self._next[rows] = np.partition(block, -self.top_n - 1, axis=1)[:, -self.top_n - 1]
        block = _highest(block, self.top_n)
        self._least[rows] = block.min(axis=1)
        self._means[rows] = block.mean(axis=1)
        self._squares[rows] = np.square(block - self._means[rows, None]).sum(axis=1)

    def _without(
        self, rows: NDArray[np.intp], excluded: NDArray[np.intp]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.intp]]:
        """Statistics of rows without the columns of a speaker each, most of them from those with all columns."""
        columns = self._columns[excluded]
        there = columns >= 0
        own = self.scores[rows[:, None], columns].astype(np.float64)
        means, before, count = self._means[rows], self._squares[rows], self.scores.shape[1]
        if self.top_n is None:
            taken, sizes = there, count - there.sum(axis=1)
            added, changed = np.zeros(len(rows)), np.zeros(len(rows), bool)
        else:
            taken, sizes = there & (own >= self._least[rows][:, None]), np.full(len(rows), self.top_n)
            any_taken, follower = taken.any(axis=1), self._next[rows]
            added = np.where(any_taken, follower - means, 0.0)  # what moves up in place of the one left out,
            changed = any_taken & ((there & (own >= follower[:, None])).sum(axis=1) > 1)  # if it is one
        removed = np.where(taken, own - means[:, None], 0.0)
        sums = removed.sum(axis=1) - added
        means = means - sums / sizes
        squares = before - np.square(removed).sum(axis=1) + added**2 - sums**2 / sizes
        changed |= squares < _CANCELLED * before
        anew = np.flatnonzero(changed)
        for start, stop in blocks(len(anew), count):
            some = anew[start:stop]
            kept = self.codes != excluded[some, None]
            block = self.scores[rows[some]].astype(np.float64)
            if self.top_n is not None:
                kept = _highest(np.where(kept, block, -np.inf), self.top_n)
                means[some] = kept.mean(axis=1)
                squares[some] = np.square(kept - means[some, None]).sum(axis=1)
            else:
                means[some] = np.where(kept, block, 0.0).sum(axis=1) / sizes[some]
                squares[some] = np.where(kept, np.square(block - means[some, None]), 0.0).sum(axis=1)
        return means, squares, sizes

    def _check_excluded(self, rows: NDArray[np.intp], excluded: NDArray[np.intp]) -> None:
        left = self.scores.shape[1] - (self._columns >= 0).sum(axis=1)[excluded]
        least = int(np.argmin(left))
        self._check_size(int(left[least]), f" for {self._name(rows[least])} without those of the claimed speaker")

    def _check_size(self, size: int, which: str) -> None:
        needed, name = (2, "") if self.top_n is None else (self.top_n, "top_n, ")
        if size < needed:
            kind = ConfigError if self.top_n is not None else DataError
            raise kind(
                f"cohort of {self.what}s: found {counted(size, 'score')}{which}, expected at least {name}{needed}"
            )

    def _name(self, row: int) -> str:
        return f"{self.what} {row if self.names is None else self.names[row]}"


def blocks(length: int, width: int) -> list[tuple[int, int]]:
    """Cut `length` rows of `width` numbers into blocks of bounded size: starts and stops."""
    step = max(BLOCK // max(width, 1), 1)
    return [(start, min(start + step, length)) for start in range(0, length, step)]


def _highest(block: NDArray[np.float64], top_n: int | None) -> NDArray[np.float64]:
    if top_n is None or top_n == block.shape[1]:
        return block
    place = block.shape[1] - top_n
    return np.partition(block, place, axis=1)[:, place:]


def _columns_by_code(codes: NDArray[np.intp]) -> NDArray[np.intp]:
    """Columns of every speaker, one row each, filled up with -1."""
    known = np.flatnonzero(codes >= 0)
    order = known[np.argsort(codes[known], kind="stable")]
    counts = np.bincount(codes[known]) if len(known) else np.zeros(0, np.intp)
    starts = np.cumsum(counts) - counts
    place = np.arange(len(order)) - starts[codes[order]]
    table = np.full((len(counts), max(counts.max(initial=0), 1)), -1, np.intp)
    table[codes[order], place] = order
    return table
