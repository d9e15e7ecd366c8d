"""The steps of speaker verification behind the background model, from files to files.

Statistics, i-vectors and their back end; scores normalized, calibrated and fused. The command line and the recipes call
the same ones.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmspeech.cluster import connect
from gmmspeech.commands.evaluation import aligned_scores, trial_speakers
from gmmspeech.commands.verification import check_frames, checkpoint_of, progress_bar
from gmmspeech.errors import ConfigError, DataError, FeatureError, GmmSpeechError, ModelError
from gmmspeech.files.atomic import write_lines
from gmmspeech.formats.datadir import read_fields, read_list_map, read_map
from gmmspeech.formats.loading import load
from gmmspeech.formats.score_files import map_scores, read_score_blocks
from gmmspeech.formats.trials import read_labeled_trials, read_scores, read_speakers, read_trials, write_scores
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.gmm.utterance_stats import gmm_digest
from gmmspeech.progress import progress
from gmmspeech.scoring.calibration import Calibration, PavCalibration, fit_calibration, fit_pav
from gmmspeech.scoring.folds import cross_calibrate
from gmmspeech.scoring.score_normalizer import ScoreNormalizer
from gmmspeech.scoring.trials import Scores, TrialList
from gmmspeech.speaker.backend import average_sessions
from gmmspeech.speaker.backend_training import BackEnd, train_backend
from gmmspeech.speaker.identification import identify
from gmmspeech.speaker.ivector import IVectorExtractor, IVectors
from gmmspeech.speaker.ivector_training import train_ivector_extractor
from gmmspeech.speaker.subspace import BATCH
from gmmspeech.speaker.supervectors import adapted_means, supervectors
from gmmspeech.stores.features import FeatureStore
from gmmspeech.stores.statistics import StatisticsStore, write_statistics

MODELS_AT_ONCE = 256  # scored together; it bounds memory, whatever the number of models

Calibrated = Calibration | PavCalibration


def statistics_file(
    ubm: Path,
    features: str | Path,
    out: Path,
    *,
    groups: Path | None = None,
    second_order: bool = False,
    jobs: int = 1,
    scheduler: str | None = None,
) -> int:
    """Count the statistics of all utterances of a feature store under a background model, and write them.

    Parameters
    ----------
    ubm, features, out : Path
        Background model, feature store, file to write.
    groups : Path, optional
        File with a name and the utterances that are taken as one on each line; those are counted instead.
    second_order : bool
        See `write_statistics`.
    jobs : int
        Threads.
    scheduler : str, optional
        Address of a Dask scheduler on whose cluster to count.

    Returns
    -------
    int
        How many utterances there are.
    """
    model = load(ubm, DiagonalGMM)
    with FeatureStore(features) as store, nullcontext() if scheduler is None else connect(scheduler) as client:
        check_frames(store, model, ubm)
        frames = store if groups is None else _Joined(store, read_list_map(groups))
        items = progress_bar("statistics", "utt")(frames.items()) if client is None else frames
        options: dict[str, Any] = {"second_order": second_order, "n_jobs": jobs, "client": client}
        write_statistics(out, model, items, front_end=store.front_end, **options)
    return len(frames)


@dataclass(frozen=True, eq=False)
class _Joined(Mapping[str, NDArray[np.float32]]):
    """Utterances of a store taken as one."""

    store: FeatureStore
    members: Mapping[str, Sequence[str]]

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        return np.concatenate([self.store[utterance] for utterance in self.members[name]])

    def __iter__(self) -> Iterator[str]:
        return iter(self.members)

    def __len__(self) -> int:
        return len(self.members)


def train_ivector_file(ubm: Path, statistics: Path, out: Path, rank: int, **options: Any) -> IVectorExtractor:
    """Train an i-vector extractor on the statistics of many utterances, and write it.

    Until it is written, a checkpoint lies beside its place, from which a killed run goes on.

    Parameters
    ----------
    ubm, statistics, out : Path
        Background model, statistics under it, file to write.
    rank : int
        Dimension of the i-vectors.
    **options
        Of `train_ivector_extractor`.
    """
    model = load(ubm, DiagonalGMM)
    with (
        StatisticsStore(statistics) as store,
        checkpoint_of(out) as checkpoint,
        progress(desc="EM", unit="iteration", total=options.get("max_iter", 10)) as bar,
    ):

        def show(extractor: IVectorExtractor) -> None:
            bar.set_postfix_str(f"{extractor.history[-1]:.4f} nats a frame")
            bar.update(len(extractor.history) - bar.n)

        with _naming(statistics, ModelError):
            extractor = train_ivector_extractor(model, store, rank, callback=show, checkpoint=checkpoint, **options)
        extractor.save(out)
    return extractor


def extract_ivectors_file(
    extractor: Path, statistics: Path, out: Path, *, fast: bool = False, jobs: int = 1
) -> IVectors:
    """Extract the i-vectors of all utterances whose statistics a file has, and write them.

    Parameters
    ----------
    extractor, statistics, out : Path
    fast, jobs
        As `IVectorExtractor.extract` has `fast` and `n_jobs`.
    """
    model = load(extractor, IVectorExtractor)
    with StatisticsStore(statistics) as store:
        names = list(store)
        parts = [names[start : start + BATCH] for start in range(0, len(names), BATCH)]
        bar = progress_bar("i-vectors", "batch")
        found = [model.extract(store.select(part), fast=fast, n_jobs=jobs) for part in bar(parts)]
    ivectors = IVectors(tuple(names), np.concatenate(found), model.digest)
    ivectors.save(out)
    return ivectors


def train_plda_file(ivectors: Path, utt2spk: Path, out: Path, **options: Any) -> BackEnd:
    """Train a back end on the i-vectors of the utterances that a file names, and write it.

    Parameters
    ----------
    ivectors, utt2spk, out : Path
        i-vectors, file with an utterance and its speaker on each line, file to write.
    **options
        Of `train_backend`.
    """
    found, labels = load(ivectors, IVectors), read_map(utt2spk)
    vectors = _vectors(found, labels, ivectors)
    with _naming(ivectors, ModelError):
        backend = train_backend(
            vectors, np.array(list(labels.values())), extractor_digest=found.extractor_digest, **options
        )
    backend.save(out)
    return backend


def score_ivectors_file(
    backend: Path,
    ivectors: Path,
    sessions: Path,
    trials: Path,
    out: Path,
    *,
    enrollment: Path | None = None,
    count_sessions: bool = False,
) -> Scores:
    """Score the trials of a list by the i-vectors of models and tests.

    Parameters
    ----------
    backend, ivectors, sessions, trials, out : Path
        Back end, i-vectors, ``spk2utt`` file with the enrollment of each model, trial list, file to write.
    enrollment : Path, optional
        i-vectors of the enrollment, if `ivectors` has those of the tests only.
    count_sessions : bool
        Score a model of n sessions as PLDA has it, not as if their mean were one session; see `PLDA.score`.
    """
    model, listed, enrolled = load(backend, BackEnd), read_trials(trials), read_list_map(sessions)
    tests = _transformed(model, ivectors)
    enrollments = tests if enrollment is None else _transformed(model, enrollment)
    claimed = list(dict.fromkeys(listed.models))
    missing = [name for name in claimed if name not in enrolled]
    if missing:
        raise DataError(f"{trials}: model {missing[0]} is not in {sessions} ({len(missing)} such of {len(claimed)})")
    with _naming(ivectors if enrollment is None else enrollment, DataError):
        means, counts = average_sessions(enrollments.by_name(), {name: enrolled[name] for name in claimed})
    rows, columns = _index(claimed), _index(listed.tests)
    vectors = _vectors(tests, columns, ivectors)
    row = np.array([rows[name] for name in listed.models])
    column = np.array([columns[name] for name in listed.tests])
    values = np.empty(len(listed))
    order = np.argsort(row, kind="stable")
    starts = range(0, len(claimed), MODELS_AT_ONCE)
    for start in progress_bar("scoring", "batch")(starts):
        here = slice(start, start + MODELS_AT_ONCE)
        first, last = np.searchsorted(row[order], [here.start, here.stop])
        pairs = order[first:last]
        some, place = np.unique(column[pairs], return_inverse=True)
        counted = counts[here] if count_sessions else 1
        values[pairs] = model.score(means[here], vectors[some], sessions=counted)[row[pairs] - start, place]
    scores = Scores(listed.models, listed.tests, values)
    write_scores(out, scores)
    return scores


def supervectors_file(ubm: Path, statistics: Path, out: Path, *, relevance_factor: float = 16.0) -> IVectors:
    """Write the supervector of every utterance whose statistics a file has, in the form of i-vectors.

    Parameters
    ----------
    ubm, statistics, out : Path
        Background model, statistics under it, file to write: HDF5 with ``utterances`` (U,) and ``vectors`` (U, K D).
    relevance_factor : float
        See `adapted_means`.
    """
    model = load(ubm, DiagonalGMM)
    with StatisticsStore(statistics) as store:
        vectors = supervectors(model, adapted_means(model, store, relevance_factor=relevance_factor))
        names = tuple(store)
    made = IVectors(names, vectors, gmm_digest(model))
    made.save(out)
    return made


def all_trials_file(models: Path, tests: Path, out: Path) -> int:
    """Write the trials of every model against every test: what cohort scores and identification need.

    Parameters
    ----------
    models, tests, out : Path
        Files whose lines begin with the name of a model, or of a test (such as ``spk2utt``, ``utt2spk``, or a list of
        names), file to write.

    Returns
    -------
    int
        Number of trials.
    """
    rows, columns = (list(dict.fromkeys(fields[0] for _, fields in read_fields(path))) for path in (models, tests))
    write_lines(out, (f"{model} {test}" for model in rows for test in columns))
    return len(rows) * len(columns)


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
    """Normalize a file of scores, which need not fit in memory, by files of cohort scores, which must.

    Parameters
    ----------
    scores, out : Path
    method : {"z", "t", "zt", "s", "as"}
        See `ScoreNormalizer`; "as" is "s" with `top_n`.
    model_cohort, test_cohort, cohort_cohort : Path, optional
        Scores of every model against every cohort test, of every cohort model against every test, and of every cohort
        model against every cohort test; as the method needs them.
    top_n : int, optional
        For "as": how many of the highest cohort scores to take.
    speakers : sequence of Path
        Files that name the speakers of models and cohort, see `read_speakers`: cohort entries of the claimed speaker
        are left out.

    Returns
    -------
    int
        Number of scores.
    """
    if (method == "as") != (top_n is not None):
        raise ConfigError(f"top_n: found {top_n} with the method {method!r}, expected it just for 'as'")
    cohorts = {"model_cohort": model_cohort, "test_cohort": test_cohort, "cohort_cohort": cohort_cohort}
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
            with _naming(scores, DataError):
                return normalizer.apply(block)

        map_scores(scores, out, apply)
    return done


def calibrate_file(scores: Path, trials: Path, out: Path, **options: Any) -> Calibrated:
    """Train a calibration on scored trials, and write it: `fuse_files` of one file."""
    return fuse_files([scores], trials, out, **options)


def fuse_files(
    scores: Sequence[Path], trials: Path, out: Path, *, method: str = "logistic", **options: Any
) -> Calibrated:
    """Train a fusion of several systems (or the calibration of one) on scored trials, and write it.

    Parameters
    ----------
    scores : sequence of Path
        Score files of the systems.
    trials, out : Path
        Trial list, file to write.
    method : {"logistic", "pav"}
        See `fit_calibration` and, for one system, `fit_pav`.
    **options
        Of that function.
    """
    listed = read_labeled_trials(trials)
    columns, is_target = aligned_scores(scores, listed), np.asarray(listed.is_target)
    calibration = _fit(method, options)(columns[is_target], columns[~is_target])
    calibration.save(out)
    return calibration


def cross_calibrate_files(
    scores: Sequence[Path],
    trials: Path,
    out: Path,
    speakers: Sequence[Path],
    *,
    n_folds: int = 10,
    method: str = "logistic",
    **options: Any,
) -> Scores:
    """Calibrate or fuse every trial by a calibration that knows neither of its speakers, and write the ratios.

    Parameters
    ----------
    scores, trials, out, method, **options
        As for `fuse_files`; `out` is a score file.
    speakers : sequence of Path
        Files that name the speakers of models and tests, see `read_speakers`.
    n_folds : int
        See `cross_calibrate`.
    """
    listed = read_labeled_trials(trials)
    columns = aligned_scores(scores, listed)
    models, tests = trial_speakers(listed, read_speakers(speakers), trials)
    fit = _fit(method, options)
    with progress(desc="cross-validation", unit="fold") as bar:

        def fit_one(targets: NDArray, nontargets: NDArray) -> Calibrated:
            bar.update()
            return fit(targets, nontargets)

        found = cross_calibrate(columns, listed.is_target, models, tests, fit=fit_one, n_folds=n_folds)  # type: ignore[arg-type]
    ratios = Scores(listed.models, listed.tests, found)
    write_scores(out, ratios)
    return ratios


def apply_calibration_file(calibration: Path, scores: Sequence[Path], out: Path) -> int:
    """Turn the scores of a file, or of one file for each system fused, into log-likelihood ratios, and write them.

    Parameters
    ----------
    calibration : Path
        Written by `calibrate_file` or `fuse_files`.
    scores : sequence of Path
        In the order in which the systems were given to `fuse_files`; the first decides which trials there are.
    out : Path

    Returns
    -------
    int
        Number of trials.
    """
    model = load(calibration, (Calibration, PavCalibration))
    systems = len(model.weights) if isinstance(model, Calibration) else 1
    if len(scores) != systems:
        raise ConfigError(f"{calibration}: found {len(scores)} score files, expected {systems}, one for each system")
    first = read_scores(scores[0])
    others = aligned_scores(scores[1:], TrialList(first.models, first.tests))
    values = model.apply(np.column_stack([first.values, others]))
    write_scores(out, Scores(first.models, first.tests, values))
    return len(first)


@dataclass(frozen=True)
class Identified:
    """A test and the model found for it, None for nobody; and the right one, where a reference is given."""

    test: str
    found: str | None
    expected: str | None = None


def identify_file(scores: Path, *, threshold: float | None = None, reference: Path | None = None) -> list[Identified]:
    """Find the model of the highest score for every test of a score file.

    Parameters
    ----------
    scores : Path
        A test can't be found to be of a model that it has no score with.
    threshold : float, optional
        Open set: below it, the test is of nobody.
    reference : Path, optional
        File with a test and the name of the right model on each line, of which there need not be any.

    Returns
    -------
    list of Identified
        In the order of the file.
    """
    listed = read_scores(scores)
    truth = None if reference is None else read_map(reference)
    models, tests = _index(listed.models), _index(listed.tests)
    unknown = [] if truth is None else [test for test in tests if test not in truth]
    if unknown:
        raise DataError(f"{reference}: no test {unknown[0]} ({len(unknown)} such), expected all those of {scores}")
    matrix = np.full((len(models), len(tests)), -np.inf)
    matrix[[models[name] for name in listed.models], [tests[name] for name in listed.tests]] = listed.values
    names = [*models, None]  # `identify` gives -1 for nobody
    found = [names[i] for i in identify(matrix, threshold=threshold)]
    expected = [truth[test] if truth is not None and truth[test] in models else None for test in tests]
    return [Identified(*one) for one in zip(tests, found, expected, strict=True)]


def _index(names: Iterable[str]) -> dict[str, int]:
    """Number different names."""
    return {name: i for i, name in enumerate(dict.fromkeys(names))}


def _fit(method: str, options: Mapping[str, Any]) -> Callable[[NDArray, NDArray], Calibrated]:
    fits: dict[str, Callable[..., Calibrated]] = {"logistic": fit_calibration, "pav": fit_pav}
    if method not in fits:
        raise ConfigError(f"method: found {method!r}, expected one of {', '.join(fits)}")
    return functools.partial(fits[method], **options)


def _vectors(found: IVectors, names: Iterable[str], path: Path) -> NDArray[np.float64]:
    """Vectors of names, in their order, or a DataError with the first that is missing."""
    rows = _index(found.names)
    missing = [name for name in names if name not in rows]
    if missing:
        raise DataError(f"{path}: no utterance {missing[0]} ({len(missing)} such), expected one of {len(rows)}")
    return found.vectors[[rows[name] for name in names]]


def _transformed(backend: BackEnd, path: Path) -> IVectors:
    found = load(path, IVectors)
    with _naming(path, FeatureError, ModelError):
        vectors = backend.transform(found.vectors, extractor_digest=found.extractor_digest)
    return IVectors(found.names, vectors, found.extractor_digest)


@contextmanager
def _naming(path: Path, *kinds: type[GmmSpeechError]) -> Iterator[None]:
    """Put the name of the file that is at fault before the message of an error, if it isn't there yet."""
    try:
        yield
    except kinds as error:
        if str(path) in str(error):
            raise
        raise type(error)(f"{path}: {error}") from error
