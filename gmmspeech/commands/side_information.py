"""What tables of recordings and voices say of the trials, as calibration takes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmmspeech.errors import DataError
from gmmspeech.formats.measures import measures_of, read_measures
from gmmspeech.scoring.side_information import distance_information, side_information


class SideInformation(NamedTuple):
    """Tables that calibration takes: of the quality of recordings, and of voices whose distances count."""

    measures: Path | None = None
    distances: Path | None = None

    def __bool__(self) -> bool:
        return self != (None, None)

    def columns(
        self,
        scores: NDArray[np.float64],
        models: Sequence[str],
        tests: Sequence[str],
        wanted: Mapping[str, Sequence[str]] | None = None,
    ) -> tuple[NDArray[np.float64], tuple[str, ...], tuple[str, ...]]:
        """Columns of the scores, (n,), and what the tables say of the trials; names of measures, and of distances.

        `wanted` are names of what to take from each table, in order; else all there is.
        """
        columns, wanted = [scores[:, None]], wanted or {}
        measures: tuple[str, ...] = ()
        distances: tuple[str, ...] = ()
        if self.measures is not None:
            measures, sides = _sides(self.measures, models, tests, wanted.get("measures"))
            columns = [side_information(scores, *sides)]
        if self.distances is not None:
            distances, sides = _sides(self.distances, models, tests, wanted.get("distances"))
            columns.append(distance_information(scores, *sides))
        return np.hstack(columns), measures, distances


def _sides(
    table: Path, models: Sequence[str], tests: Sequence[str], wanted: Sequence[str] | None
) -> tuple[tuple[str, ...], tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Names of the measures of a table, or of those wanted, and what both sides of the trials have of them."""
    names, rows = read_measures(table)
    chosen = tuple(names if wanted is None else wanted)
    if not set(chosen) <= set(names):
        raise DataError(f"{table}: found measures {', '.join(names)}, expected {', '.join(chosen)}")
    places = [names.index(name) for name in chosen]
    model, test = (measures_of(ids, rows, table, kind)[:, places] for ids, kind in ((models, "model"), (tests, "test")))
    return chosen, (model, test)
