"""Steps of speaker verification after the background model, from files to files.

Statistics, i-vectors and their back end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmspeech.cluster import on_cluster
from gmmspeech.commands.scores import claimed_models, numbered
from gmmspeech.commands.stored_features import NOTHING, Beside, open_features
from gmmspeech.commands.verification import check_frames
from gmmspeech.errors import ConfigError, DataError, FeatureError, ModelError, naming, shown
from gmmspeech.files.checkpoints import checkpoint_of
from gmmspeech.files.table_places import parse_output, parse_place
from gmmspeech.files.text import look_alike
from gmmspeech.formats.datadir import read_list_map, read_map
from gmmspeech.formats.loading import load
from gmmspeech.formats.trials import read_trials, write_scores
from gmmspeech.gmm.full import GMM
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.gmm.utterance_stats import gmm_digest
from gmmspeech.progress import progress_bar, telling
from gmmspeech.scoring.trials import Scores
from gmmspeech.speaker.adaptation import adapt_backend
from gmmspeech.speaker.backend import BackEnd, train_backend
from gmmspeech.speaker.ivector import IVectorExtractor, train_ivector_extractor
from gmmspeech.speaker.ivectors import IVectors
from gmmspeech.speaker.subspace import BATCH
from gmmspeech.speaker.supervectors import adapted_means, fisher_vectors, supervectors
from gmmspeech.speaker.transforms import average_sessions
from gmmspeech.stores.features import FeatureStore
from gmmspeech.stores.statistics import StatisticsStore, write_statistics

MODELS_AT_ONCE = 256  # scored together; it bounds memory, whatever the number of models


def statistics_file(
    ubm: Path,
    features: str | Path,
    out: Path,
    *,
    groups: Path | None = None,
    second_order: bool = False,
    beside: Beside = NOTHING,
    n_jobs: int | None = 1,
    scheduler: str | None = None,
) -> int:
    """Count the statistics of all utterances of a feature store under a background model, and write them."""
    model: DiagonalGMM | GMM = load(ubm, (DiagonalGMM, GMM))
    prepared = open_features(features, beside, front_end=model.front_end_, model=ubm)
    with prepared as store, on_cluster(scheduler) as client:
        check_frames(store, model, ubm)
        frames = store if groups is None else _Joined(store, beside.only_taken(read_list_map(groups)))
        items = progress_bar("statistics", "utt")(frames.items()) if client is None else frames
        write_statistics(
            out, model, items, front_end=store.front_end, second_order=second_order, n_jobs=n_jobs, client=client
        )
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


def train_ivector_file(
    ubm: Path, statistics: Path, out: Path, rank: int, *, scheduler: str | None = None, **options: Any
) -> IVectorExtractor:
    """Train an i-vector extractor on the statistics of many utterances, and write it.

    Until it is written, a checkpoint lies beside its place, from which a killed run goes on.
    """
    model: DiagonalGMM | GMM = load(ubm, (DiagonalGMM, GMM))
    with (
        StatisticsStore(statistics) as store,
        checkpoint_of(out) as checkpoint,
        on_cluster(scheduler) as client,
    ):
        with naming(statistics, ModelError):
            tell = telling("EM", "iteration", lambda extractor: (len(extractor.history), extractor.history[-1]))
            how: dict[str, Any] = {"client": client, "callback": tell, "checkpoint": checkpoint, **options}
            extractor = train_ivector_extractor(model, store, rank, **how)
        extractor.save(out)
    return extractor


def extract_ivectors_file(
    extractor: Path, statistics: Path, out: Path, *, fast: bool = False, n_jobs: int | None = 1
) -> IVectors:
    """Extract the i-vectors of all utterances whose statistics a file has, and write them."""
    model = load(extractor, IVectorExtractor)
    with StatisticsStore(statistics) as store:
        names = list(store)
        parts = [names[start : start + BATCH] for start in range(0, len(names), BATCH)]
        bar = progress_bar("i-vectors", "batch")
        found = [model.extract(store.select(part), fast=fast, n_jobs=n_jobs) for part in bar(parts)]
    ivectors = IVectors(tuple(names), np.concatenate(found), model.digest)
    _write_ivectors(out, ivectors)
    return ivectors


def open_ivectors(path: str | Path) -> IVectors:
    """Read i-vectors: a file of this package's, or a table of Kaldi's, such as ``ark:PATH`` or ``scp:PATH``."""
    if not parse_place(str(path)).kind:
        return load(path, IVectors)
    from gmmspeech.formats.kaldi.plda import read_kaldi_vectors

    vectors = read_kaldi_vectors(path)
    return IVectors(tuple(vectors), np.stack(list(vectors.values())))


def _write_ivectors(out: Path, ivectors: IVectors) -> None:
    """Write i-vectors where an argument says, perhaps as an archive of Kaldi's."""
    place = parse_output(str(out), archives=True)
    if place.kind == "file":
        ivectors.save(out)
        return
    from gmmspeech.formats.kaldi.plda import write_kaldi_vectors

    if place.kind != "ark":
        raise ConfigError(f"{out}: found {place.kind}:, expected a path, ark:PATH or ark,scp:ARK,SCP for i-vectors")
    write_kaldi_vectors(place.path, ivectors.by_name(), scp=place.script, text=place.text)


def train_plda_file(ivectors: str | Path, utt2spk: Path, out: Path, **options: Any) -> BackEnd:
    """Train a back end on the i-vectors of the utterances that a file names, and write it."""
    found, labels = open_ivectors(ivectors), read_map(utt2spk)
    vectors = _vectors(found, labels, ivectors)
    tell = telling("EM", "iteration", lambda plda: (len(plda.history), plda.history[-1]), of="vector")
    with naming(ivectors, ModelError):
        how: dict[str, Any] = {"extractor_digest": found.extractor_digest, "callback": tell, **options}
        backend = train_backend(vectors, np.array(list(labels.values())), **how)
    backend.save(out)
    return backend


def adapt_plda_file(backend: Path, ivectors: str | Path, out: Path, **scales: float) -> BackEnd:
    """Adapt a back end to the domain of i-vectors without labels, and write it."""
    model, found = load(backend, BackEnd), open_ivectors(ivectors)
    with naming(ivectors, DataError, FeatureError, ModelError):
        adapted = adapt_backend(model, found.vectors, extractor_digest=found.extractor_digest, **scales)
    adapted.save(out)
    return adapted


def score_ivectors_file(
    backend: Path,
    ivectors: str | Path,
    sessions: Path,
    trials: Path,
    out: Path,
    *,
    enrollment: str | Path | None = None,
    count_sessions: bool = False,
    normalize_length: bool = False,
) -> Scores:
    """Score the trials of a list by the i-vectors of models and tests."""
    model, listed, enrolled = load(backend, BackEnd), read_trials(trials), read_list_map(sessions)
    tests = _transformed(model, ivectors)
    enrollments = tests if enrollment is None else _transformed(model, enrollment)
    claimed = claimed_models(listed, enrolled, trials, sessions)
    with naming(ivectors if enrollment is None else enrollment, DataError):
        means, counts = average_sessions(enrollments.by_name(), {name: enrolled[name] for name in claimed})
    rows, columns = numbered(claimed), numbered(listed.tests)
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
        scored = model.score(means[here], vectors[some], sessions=counted, normalize_length=normalize_length)
        values[pairs] = scored[row[pairs] - start, place]
    scores = Scores(listed.models, listed.tests, values)
    write_scores(out, scores)
    return scores


def supervectors_file(
    ubm: Path, statistics: Path, out: Path, *, relevance_factor: float = 16.0, fisher: bool = False
) -> IVectors:
    """Write the supervector, or the Fisher vector, of every utterance whose statistics a file has, as i-vectors are."""
    model = load(ubm, DiagonalGMM)
    with StatisticsStore(statistics) as store:
        if fisher:
            vectors = fisher_vectors(model, store)
        else:
            vectors = supervectors(model, adapted_means(model, store, relevance_factor=relevance_factor))
        names = tuple(store)
    made = IVectors(names, vectors, gmm_digest(model))
    made.save(out)
    return made


def _vectors(found: IVectors, names: Iterable[str], path: str | Path) -> NDArray[np.float64]:
    """Vectors of names, in their order, or a DataError with the first that is missing."""
    rows = numbered(found.names)
    missing = [name for name in names if name not in rows]
    if missing:
        expected = f"one of {len(rows)}{look_alike(missing[0], rows)}"
        raise DataError(f"{path}: no utterance {shown(missing[0])} ({len(missing)} such), expected {expected}")
    return found.vectors[[rows[name] for name in names]]


def _transformed(backend: BackEnd, path: str | Path) -> IVectors:
    found = open_ivectors(path)
    with naming(path, FeatureError, ModelError):
        vectors = backend.transform(found.vectors, extractor_digest=found.extractor_digest)
    return IVectors(found.names, vectors, found.extractor_digest)
