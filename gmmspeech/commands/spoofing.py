"""Scores of one class against another, and metrics of spoofing countermeasures."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmmspeech.blocks import ordered_map
from gmmspeech.commands.verification import check_frames
from gmmspeech.errors import ConfigError, DataError, counted, shown
from gmmspeech.formats.asvspoof import SpoofTrial, read_asv_scores, read_cm_scores, read_protocol, write_cm_scores
from gmmspeech.formats.loading import load
from gmmspeech.gmm.classifier import GMMClassifier
from gmmspeech.metrics.eer import eer
from gmmspeech.metrics.tdcf import AsvErrorRates, asv_error_rates, min_tdcf
from gmmspeech.progress import progress_bar
from gmmspeech.scoring.two_classes import class_llrs, two_models
from gmmspeech.stores.features import FeatureStore


class SpoofRow(NamedTuple):
    """Figures of one attack, or of all together; `min_tdcf` is None without error rates of a speaker verification."""

    attack: str
    num_bonafide: int
    num_spoof: int
    eer: float
    min_tdcf: float | None


def score_classes_file(
    classifier: Path,
    features: str | Path,
    out: Path,
    target: str,
    *,
    other: str | None = None,
    protocol: Path | None = None,
    n_jobs: int | None = 1,
) -> dict[str, float]:
    """Score the utterances of a store (those of a protocol, if given): one class's mixture against another's."""
    model = load(classifier, GMMClassifier)
    trials = None if protocol is None else read_protocol(protocol)
    try:
        two_models(model, target, other)
    except ConfigError as error:
        raise ConfigError(f"{error}, the classes of {classifier}") from None
    with FeatureStore(features) as store:
        check_frames(store, model, classifier)
        names = list(store) if trials is None else [trial.utterance for trial in trials]

        def ratio(name: str) -> float:
            return float(class_llrs(model, [store[name]], target, other)[0])

        ratios = ordered_map(ratio, names, n_jobs=n_jobs)
        scores = dict(zip(names, progress_bar("scoring", "utt", total=len(names))(ratios), strict=True))
    write_cm_scores(out, scores, trials)
    return scores


def evaluate_spoofing(
    scores: Path,
    protocol: Path,
    *,
    asv_scores: Path | None = None,
    asv_keys: Path | None = None,
    asv_rates: tuple[float, float, float] | None = None,
    form: Literal["2021", "2019"] = "2021",
    phase: str | None = None,
) -> list[SpoofRow]:
    """Figures of a countermeasure's scores: of all trials of a protocol, then of each attack."""
    trials = read_protocol(protocol, phase=phase)
    if asv_scores is not None:
        asv_rates = asv_error_rates(*read_asv_scores(asv_scores, asv_keys, phase=phase if asv_keys else None))
    return spoofing_rows(trials, _aligned(scores, protocol, trials), asv_rates, form=form)


def spoofing_rows(
    trials: list[SpoofTrial],
    scores: NDArray[np.float64],
    asv_rates: AsvErrorRates | tuple[float, float, float] | None = None,
    *,
    form: Literal["2021", "2019"] = "2021",
) -> list[SpoofRow]:
    """Figures of all attacks together, then of each; the bona fide utterances are the same for all."""
    genuine = np.array([trial.is_bonafide for trial in trials])
    if genuine.all() or not genuine.any():
        raise DataError(f"found only {'bona fide speech' if genuine.all() else 'spoofs'}, expected both to evaluate")
    attacks = np.array([trial.attack for trial in trials])
    rows = []
    for attack in ("all", *sorted(set(attacks[~genuine].tolist()))):
        chosen = ~genuine if attack == "all" else ~genuine & (attacks == attack)
        sides = scores[genuine], scores[chosen]
        cost = None if asv_rates is None else min_tdcf(*sides, asv_rates, form=form)
        rows.append(SpoofRow(attack, len(sides[0]), len(sides[1]), eer(*sides), cost))
    return rows


def rows_of_spoofing(rows: Iterable[SpoofRow]) -> list[list[str]]:
    """Table of the figures as text, its head first."""
    listed = list(rows)
    with_cost = listed[0].min_tdcf is not None
    table = [["attack", "bona fide", "spoofs", "EER", *(["min t-DCF"] if with_cost else [])]]
    for row in listed:
        cost = [] if row.min_tdcf is None else [f"{row.min_tdcf:.4f}"]
        table.append([row.attack, str(row.num_bonafide), str(row.num_spoof), f"{100 * row.eer:.2f} %", *cost])
    return table


def _aligned(path: Path, protocol: Path, trials: list[SpoofTrial]) -> NDArray[np.float64]:
    """Scores of the trials, or a DataError that names the first without."""
    found = read_cm_scores(path, trials)
    missing = [trial.utterance for trial in trials if trial.utterance not in found]
    if missing:
        such = f"no score of {shown(missing[0])} of {protocol} ({counted(len(missing), 'such utterance')})"
        raise DataError(f"{path}: found {such}, expected one for each")
    return np.array([found[trial.utterance] for trial in trials])
