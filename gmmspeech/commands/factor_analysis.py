"""Verification by ISV and JFA, from files to files: training on sessions of many speakers, and scores of trials."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from gmmspeech.blocks import ordered_map
from gmmspeech.commands.scores import check_listed, claimed_models, numbered
from gmmspeech.errors import DataError, ModelError, naming
from gmmspeech.files.atomic import one_run_at_a_time
from gmmspeech.formats.datadir import read_list_map, read_map
from gmmspeech.formats.loading import load
from gmmspeech.formats.trials import read_trials, write_scores
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.gmm.utterance_stats import Statistics, StatsBatch
from gmmspeech.progress import progress, telling
from gmmspeech.scoring.trials import Scores
from gmmspeech.speaker.isv import ISV, train_isv
from gmmspeech.speaker.jfa import JFA, train_jfa
from gmmspeech.stores.statistics import StatisticsStore

Model = TypeVar("Model", ISV, JFA)

MODELS_AT_ONCE = 1024  # whose means are in memory together; the sessions of tests are found again for as many more


def train_isv_file(ubm: Path, statistics: Path, utt2spk: Path, out: Path, rank: int, **options: Any) -> ISV:
    """Train ISV on the statistics of the utterances that a file names, each a session, and write it."""
    return _train(train_isv, ubm, statistics, utt2spk, out, rank=rank, **options)


def train_jfa_file(ubm: Path, statistics: Path, utt2spk: Path, out: Path, **options: Any) -> JFA:
    """Train JFA on the statistics of the utterances that a file names, each a session, and write it."""
    return _train(train_jfa, ubm, statistics, utt2spk, out, **options)


def _train(train: Callable[..., Model], ubm: Path, statistics: Path, utt2spk: Path, out: Path, **options: Any) -> Model:
    numbers = itertools.count(1)
    tell = telling("EM", "iteration", lambda _: (next(numbers), None))  # there is no likelihood
    model, labels = load(ubm, DiagonalGMM), read_map(utt2spk)
    with (
        one_run_at_a_time(out),
        StatisticsStore(statistics) as store,
        naming(statistics, ModelError),
        naming(utt2spk, DataError),
    ):
        sessions = _selected(store, list(labels), utt2spk)
        trained = train(model, sessions, list(labels.values()), callback=tell, **options)
    trained.save(out)
    return trained


def score_statistics_file(
    model: Path,
    statistics: Path,
    sessions: Path,
    trials: Path,
    out: Path,
    *,
    enrollment: Path | None = None,
    groups: Path | None = None,
    max_iter: int = 1,
    n_jobs: int | None = 1,
) -> Scores:
    """Score the trials of a list by ISV or JFA: models are enrolled from their sessions, what a test's adds taken off.

    With `groups`, tests are utterances whose statistics are added up, as if they were one session. The means of so
    many models are in memory together, 8 K D bytes each.
    """
    subspace, listed, enrolled = load(model, (ISV, JFA)), read_trials(trials), read_list_map(sessions)
    claimed = claimed_models(listed, enrolled, trials, sessions)
    members = {} if groups is None else read_list_map(groups)
    rows = numbered(claimed)
    row = np.array([rows[name] for name in listed.models])
    tests, values = np.array(listed.tests, dtype=object), np.empty(len(listed))
    with (
        StatisticsStore(statistics) as store,
        StatisticsStore(enrollment or statistics) as source,
        progress(desc="scoring", unit="model", total=len(claimed)) as bar,
    ):

        def enroll(name: str) -> np.ndarray:
            with naming(model, ModelError):
                return subspace.enroll(_selected(source, enrolled[name], sessions), max_iter=max_iter)

        for start in range(0, len(claimed), MODELS_AT_ONCE):
            some = claimed[start : start + MODELS_AT_ONCE]
            means = np.stack(list(ordered_map(enroll, some, n_jobs=n_jobs)))
            here = np.flatnonzero((row >= start) & (row < start + len(some)))
            columns = numbered(tests[here])
            if groups is None:
                chosen: Statistics = _selected(store, list(columns), trials)
            else:
                chosen = _summed(store, list(columns), members, trials, groups)
            found = subspace.score(means, chosen, n_jobs=n_jobs)
            values[here] = found[row[here] - start, [columns[name] for name in tests[here]]]
            bar.update(len(some))
    scores = Scores(listed.models, listed.tests, values)
    write_scores(out, scores)
    return scores


def _selected(store: StatisticsStore, names: list[str], path: Path) -> StatisticsStore:
    """Statistics of some utterances, or a DataError that says which file names one that is not there."""
    check_listed("utterance", names, store, path, store.path)
    return store.select(names)


def _summed(
    store: StatisticsStore, tests: list[str], members: Mapping[str, Sequence[str]], trials: Path, groups: Path
) -> _Summed:
    """Statistics of tests that are several utterances each, or a DataError that says where one is missing."""
    check_listed("test", tests, members, trials, groups)
    _selected(store, list(dict.fromkeys(name for test in tests for name in members[test])), groups)
    return _Summed(store, [members[test] for test in tests])


@dataclass(frozen=True, eq=False)
class _Summed:
    """Utterances of a store taken as one each, added up as they are read."""

    store: StatisticsStore
    members: Sequence[Sequence[str]]

    @property
    def ubm_digest(self) -> str | None:
        return self.store.ubm_digest

    @property
    def front_end(self) -> str | None:
        return self.store.front_end

    def __len__(self) -> int:
        return len(self.members)

    def batches(self, size: int, *, second_order: bool = False) -> Iterator[StatsBatch]:
        for start in range(0, len(self), size):
            sums = [sum(map(self.store.__getitem__, names)) for names in self.members[start : start + size]]
            n, sum_x, num_frames = (
                np.array([getattr(one, field) for one in sums]) for field in ("n", "sum_x", "num_frames")
            )
            yield StatsBatch(n, sum_x, num_frames, self.ubm_digest, self.front_end)
