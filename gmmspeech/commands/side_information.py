"""Side information of trials for calibration, from tables of recordings and voices."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmmspeech.errors import DataError, GmmSpeechWarning, counted
from gmmspeech.formats.measures import measures_of, read_measures
from gmmspeech.scoring.folds import FEW_SPEAKERS
from gmmspeech.scoring.side_information import distance_information, side_information
from gmmspeech.scoring.trials import TrialList


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


def warn_if_no_gain(with_it: float, without: float, speakers: int) -> None:
    """Warn where the cross-validated Cllr is no lower with side information: then it tells of these speakers only."""
    if with_it >= without:
        found = f"found a cross-validated Cllr of {with_it:.4f} with it, {without:.4f} without, expected it to be lower"
        why = f"{counted(speakers, 'speaker')} don't teach what it says of others; leave it out"
        warnings.warn(f"side information: {found}: {why}", GmmSpeechWarning, stacklevel=3)


def warn_of_few_models(trials: TrialList) -> None:
    """Warn where side information is learned of so few models that only cross-validation tells whether it helps."""
    models = len(set(np.asarray(trials.models)[np.asarray(trials.is_target)].tolist()))
    if models < FEW_SPEAKERS:
        found = f"found {counted(models, 'model')} with target trials, expected {FEW_SPEAKERS} or more"
        why = "of so few it may do harm: --cross-validated tells, with --speakers"
        warnings.warn(f"side information: {found}: {why}", GmmSpeechWarning, stacklevel=2)
