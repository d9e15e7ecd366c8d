"""Normalization, calibration and fusion of scores, and identification, from files to files."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmspeech.commands.evaluation import aligned_scores, check_finite_scores, finite_scores, trial_speakers
from gmmspeech.commands.score_names import check_order, distinct_names
from gmmspeech.commands.side_information import SideInformation, warn_if_no_gain, warn_of_few_models
from gmmspeech.errors import ConfigError, DataError, counted, naming, shown
from gmmspeech.files.atomic import write_lines
from gmmspeech.files.text import look_alike
from gmmspeech.formats.datadir import read_fields, read_list_map, read_map
from gmmspeech.formats.loading import load
from gmmspeech.formats.score_files import map_scores, read_score_blocks
from gmmspeech.formats.trials import read_labeled_trials, read_scores, read_speakers, write_scores, write_trials
from gmmspeech.metrics.cllr import cllr
from gmmspeech.progress import progress
from gmmspeech.scoring.calibration import Calibration, PavCalibration, fit_bounded, fit_calibration, fit_pav
from gmmspeech.scoring.folds import fold_ratios
from gmmspeech.scoring.fusion import CrossFusion, cross_fuse
from gmmspeech.scoring.score_normalizer import ScoreNormalizer
from gmmspeech.scoring.trials import Scores, TrialList, make_trials
from gmmspeech.speaker.identification import identify

Calibrated = Calibration | PavCalibration


def all_trials_file(models: Path, tests: Path, out: Path) -> int:
    """Write the trials of every model against every test: what cohort scores and identification need."""
    rows, columns = (list(dict.fromkeys(fields[0] for _, fields in read_fields(path))) for path in (models, tests))
    write_lines(out, (f"{model} {test}" for model in rows for test in columns))
    return len(rows) * len(columns)


def make_trials_file(models: Path, utt2spk: Path, out: Path, *, groups: Path | None = None) -> TrialList:
    """Write the trials of every model against every test that no model is made of, with target or nontarget.

    Parameters
    ----------
    models : Path
        As ``spk2utt``: a model and the utterances it is enrolled on. They say whose it is; if `utt2spk` has none of
        them, its own name does.
    utt2spk : Path
        Utterances and their speakers.
    out : Path
    groups : Path, optional
        A test and the utterances scored as one in each line, in place of every utterance by itself.
    """
    enrolled, speakers = read_list_map(models), read_map(utt2spk)
    owners = {}
    for model, utterances in enrolled.items():
        known = [u for u in utterances if u in speakers]
        owners[model] = _one_speaker(f"{models}: model {shown(model)}", known, speakers) if known else model
    used = {u for utterances in enrolled.values() for u in utterances}
    if groups is None:
        tests = {u: speaker for u, speaker in speakers.items() if u not in used}
    else:
        tests = {
            test: _one_speaker(f"{groups}: test {shown(test)}", members, speakers)
            for test, members in read_list_map(groups).items()
            if not used.intersection(members)
        }
    trials = make_trials(owners, tests)
    if not trials.is_target.any():  # type: ignore[union-attr]
        found = f"{counted(len(owners), 'model')}, {counted(len(tests), 'test')} that no model is made of, no target"
        raise DataError(f"{groups or utt2spk}: found {found}, expected tests of the models' speakers")
    write_trials(out, trials)
    return trials


def _one_speaker(owner: str, utterances: Sequence[str], speakers: Mapping[str, str]) -> str:
    """Speaker of all of some utterances, or a DataError."""
    unknown = [u for u in utterances if u not in speakers]
    if unknown:
        alike = look_alike(unknown[0], speakers)
        raise DataError(f"{owner}: found no speaker of utterance {shown(unknown[0])}, expected one{alike}")
    found = list(dict.fromkeys(speakers[u] for u in utterances))
    if len(found) > 1:
        raise DataError(f"{owner}: found utterances of {shown(found[0])} and {shown(found[1])}, expected one speaker")
    return found[0]


def normalize_scores_file(
    scores: Path,
    out: Path,
    method: str,
    *,
    model_cohort: Path | None = None,
    test_cohort: Path | None = None,
    cohort_cohort: Path | None = None,
    top_n: int | None = None,
    speakers: Sequence[Path] = (),
) -> int:
    """Normalize a file of scores, which need not fit in memory, by files of cohort scores, which must."""
    if (method == "as") != (top_n is not None):
        found = "no number of scores" if top_n is None else top_n
        raise ConfigError(f"top_n: found {found} with the method {method!r}, expected one with 'as' and no other")
    cohorts = {"model_cohort": model_cohort, "test_cohort": test_cohort, "cohort_cohort": cohort_cohort}
    with naming([*filter(None, cohorts.values()), *speakers], DataError):
        normalizer = ScoreNormalizer(
            "s" if method == "as" else method,  # type: ignore[arg-type]
            **{name: None if path is None else read_score_blocks(path) for name, path in cohorts.items()},
            top_n=top_n,
            speakers=read_speakers(speakers) if speakers else None,
        )
    done = 0
    with progress(desc="normalizing", unit="trial") as bar:

        def apply(block: Scores) -> Scores:
            nonlocal done
            done += len(block)
            bar.update(len(block))
            with naming(scores, DataError):
                return normalizer.apply(block)

        map_scores(scores, out, apply)
    return done


def calibrate_file(scores: Path, trials: Path, out: Path, **options: Any) -> Calibrated:
    """Train a calibration on scored trials, and write it: `fuse_files` of one file."""
    return fuse_files([scores], trials, out, **options)


def fuse_files(
    scores: Sequence[Path],
    trials: Path,
    out: Path,
    *,
    method: str = "logistic",
    measures: Path | None = None,
    distances: Path | None = None,
    bounds: str | None = None,
    warn_of_few: bool = False,
    **options: Any,
) -> Calibrated:
    """Train a fusion of several systems (or the calibration of one) on scored trials, and write it.

    With `measures`, a table of the quality of models and tests, or `distances`, one of their voices, one system is
    calibrated with side information; whoever does not cross-validate may be warned of few models to learn that of.
    With `bounds` "elub", ratios stay within the bounds that the trials support.
    """
    listed = read_labeled_trials(trials)
    side = SideInformation(measures, distances)
    if side and warn_of_few:
        warn_of_few_models(listed)
    columns, is_target = finite_scores(scores, listed), np.asarray(listed.is_target)
    columns, *names = _with_side(columns, listed, side, method)
    calibration = _fit(method, options, bounds)(columns[is_target], columns[~is_target])
    if isinstance(calibration, Calibration) and side:
        calibration = replace(calibration, measures=names[0] or None, distances=names[1] or None)
    named = len(scores) > 1 and all(path.is_file() for path in scores)  # a stream's name tells nothing
    if isinstance(calibration, Calibration) and named:
        calibration = replace(calibration, systems=tuple(map(shown, distinct_names(scores))))
    calibration.save(out)
    return calibration


def _with_side(
    columns: NDArray[np.float64], trials: TrialList, side: SideInformation, method: str
) -> tuple[NDArray[np.float64], tuple[str, ...], tuple[str, ...]]:
    """Add side information, if there is some, to the scores of one system; give the names of its measures, too."""
    if not side:
        return columns, (), ()
    if columns.shape[1] > 1 or method != "logistic":
        found = "several systems" if columns.shape[1] > 1 else f"the method {method!r}"
        what = "measures" if side.measures is not None else "distances"
        raise ConfigError(f"{what}: found {found}, expected one system and logistic regression")
    return side.columns(columns[:, 0], trials.models, trials.tests)


@dataclass(frozen=True, eq=False)
class CrossCalibrated(Scores):
    """Ratios as `cross_calibrate_files` wrote them; as the folds' maps made them, with their Cllr; what was fused."""

    llrs: NDArray[np.float64]
    cllr: float
    fusion: CrossFusion | None


def cross_calibrate_files(
    scores: Sequence[Path],
    trials: Path,
    out: Path,
    speakers: Sequence[Path],
    *,
    n_folds: int = 10,
    method: str = "logistic",
    measures: Path | None = None,
    distances: Path | None = None,
    bounds: str | None = None,
    **options: Any,
) -> CrossCalibrated:
    """Calibrate or fuse every trial by a calibration that knows neither of its speakers, and write the ratios.

    Several systems are fused if that is better than the better one alone, see `gmmspeech.scoring.cross_fuse`. Written
    are ratios on one scale then, see `gmmspeech.scoring.cross_calibrate`. Side information is used as asked, with a
    warning where it doesn't lower the Cllr.

    Parameters
    ----------
    scores, trials, out, method, measures, distances, bounds, **options
        As for `fuse_files`; `out` is a score file.
    speakers : sequence of Path
        Files that name the speakers of models and tests, see `read_speakers`.
    n_folds : int
        See `cross_fuse`.
    """
    listed = read_labeled_trials(trials)
    columns = finite_scores(scores, listed)
    models, tests = trial_speakers(listed, read_speakers(speakers), trials)
    side, plain = SideInformation(measures, distances), columns
    columns = _with_side(columns, listed, side, method)[0]
    fit = _fit(method, options, bounds)
    is_target, options = np.asarray(listed.is_target), {"fit": fit, "n_folds": n_folds}
    trial = is_target, models, tests
    fusion = cross_fuse(columns, *trial, **options) if len(scores) > 1 else None
    used = columns if fusion is None or fusion.kept is None else columns[:, [fusion.kept]]
    llrs, on_one_scale = fold_ratios(used, *trial, **options)
    written, cost = llrs if fusion is None else on_one_scale, cllr(llrs[is_target], llrs[~is_target])
    if side:
        without = fold_ratios(plain, *trial, **options)[0]
        warn_if_no_gain(cost, cllr(without[is_target], without[~is_target]), len(set(models)))
    ratios = CrossCalibrated(listed.models, listed.tests, written, llrs, cost, fusion)
    write_scores(out, ratios)
    return ratios


def apply_calibration_file(
    calibration: Path,
    scores: Sequence[Path],
    out: Path,
    *,
    measures: Path | None = None,
    distances: Path | None = None,
) -> tuple[int, list[tuple[str, str]]]:
    """Turn the scores of a file, or of one file for each system fused, into log-likelihood ratios, and write them.

    Returns
    -------
    int
        How many trials.
    list of (str, str)
        Of a fusion the name of each file, and of that which the system's weight was learned of.
    """
    model = load(calibration, (Calibration, PavCalibration))
    side = SideInformation(measures, distances)
    needed = {kind: (isinstance(model, Calibration) and getattr(model, kind)) or () for kind in side._fields}
    for kind, names in needed.items():
        if bool(names) != (getattr(side, kind) is not None):
            given = f"{'none' if names else 'some'} for {calibration}"
            learned = f"learned with {', '.join(names)}" if names else "learned without"
            wanted = "a file of them for these scores too" if names else "none"
            raise ConfigError(f"{kind}: found {given}, {learned}, expected {wanted}")
    systems = len(model.weights) if isinstance(model, Calibration) and not any(needed.values()) else 1
    if len(scores) != systems:
        raise ConfigError(
            f"{calibration}: found {counted(len(scores), 'score file')}, expected {systems}, one for each system"
        )
    fused = (isinstance(model, Calibration) and model.systems) or ()
    if fused:
        check_order(calibration, fused, scores)
    first = read_scores(scores[0])
    trials = TrialList(first.models, first.tests)
    columns = np.column_stack([first.values, aligned_scores(scores[1:], trials)])
    check_finite_scores(scores, trials, columns)
    if side:
        columns, _, _ = side.columns(columns[:, 0], first.models, first.tests, needed)
    values = model.apply(columns)
    write_scores(out, Scores(first.models, first.tests, values))
    return len(first), [*zip(distinct_names(scores), fused, strict=False)]


@dataclass(frozen=True)
class Identified:
    """A test and the model found for it, None for nobody; and the right one, where a reference is given."""

    test: str
    found: str | None
    expected: str | None = None


def identify_file(scores: Path, *, threshold: float | None = None, reference: Path | None = None) -> list[Identified]:
    """Find the model of the highest score for every test of a score file."""
    listed = read_scores(scores)
    truth = None if reference is None else read_map(reference)
    models, tests = numbered(listed.models), numbered(listed.tests)
    unknown = [] if truth is None else [test for test in tests if test not in truth]
    if unknown:
        alike = look_alike(unknown[0], truth or ())
        lacking = f"no test {shown(unknown[0])} ({len(unknown)} such)"
        raise DataError(f"{reference}: {lacking}, expected all those of {scores}{alike}")
    matrix = np.full((len(models), len(tests)), -np.inf)
    matrix[[models[name] for name in listed.models], [tests[name] for name in listed.tests]] = listed.values
    names = [*models, None]  # `identify` gives -1 for nobody
    found = [names[i] for i in identify(matrix, threshold=threshold)]
    expected = [truth[test] if truth is not None and truth[test] in models else None for test in tests]
    return [Identified(*one) for one in zip(tests, found, expected, strict=True)]


def claimed_models(listed: TrialList, enrolled: Mapping[str, object], trials: Path, sessions: Path) -> list[str]:
    """Give the models of trials, each once; a DataError names the first whose sessions are not known."""
    claimed = list(dict.fromkeys(listed.models))
    check_listed("model", claimed, enrolled, trials, sessions)
    return claimed


def check_listed(kind: str, names: Sequence[str], known: Collection[str], path: str | Path, place: str | Path) -> None:
    """Raise a DataError for the first of the names in one file, of a kind, that another place lacks."""
    missing = [name for name in names if name not in known]
    if missing:
        found = f"{kind} {shown(missing[0])} is not in {place} ({len(missing)} such of {len(names)})"
        raise DataError(f"{path}: {found}{look_alike(missing[0], known)}")


def numbered(names: Iterable[str]) -> dict[str, int]:
    """Number different names."""
    return {name: i for i, name in enumerate(dict.fromkeys(names))}


def _fit(
    method: str, options: Mapping[str, Any], bounds: str | None = None
) -> Callable[[NDArray, NDArray], Calibrated]:
    fits: dict[str, Callable[..., Calibrated]] = {"logistic": fit_calibration, "pav": fit_pav}
    if method not in fits:
        raise ConfigError(f"method: found {method!r}, expected one of {', '.join(fits)}")
    if bounds not in (None, "elub"):
        raise ConfigError(f"bounds: found {bounds!r}, expected 'elub' or none")
    fit = functools.partial(fits[method], **options)
    return fit if bounds is None else functools.partial(fit_bounded, fit=fit)
