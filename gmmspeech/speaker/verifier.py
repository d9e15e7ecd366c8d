"""Enrolling speakers by MAP adaptation and scoring who claims to be whom."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmspeech.errors import ConfigError, DataError, FeatureError
from gmmspeech.features.match import check_same_front_end
from gmmspeech.gmm.adapt import map_adapt
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.gmm.stats import GMMStats
from gmmspeech.parallel import ordered_map
from gmmspeech.scoring.llr import log_likelihood_ratios
from gmmspeech.scoring.statistics import statistics_llr
from gmmspeech.scoring.trials import Scores, TrialList

SCORINGS = ("frames", "statistics", "symmetric")
_TESTS_AT_ONCE = 64  # whose frames or statistics are in memory together, whatever the number of tests

Store = Mapping[str, NDArray]
Groups = Mapping[str, Sequence[str]]


class SpeakerVerifier:
    """Speaker models adapted from one background model, and their log-likelihood ratios.

    Parameters
    ----------
    ubm : DiagonalGMM
    relevance_factor : float
        Of the MAP adaptation, in frames.
    update : str
        What is adapted: any of the letters "m", "v", "w"; see `map_adapt`.
    scoring : {"frames", "statistics", "symmetric"}
        How a model meets a test utterance:

        - "frames": log-likelihood ratio of the test's frames (`log_likelihood_ratio`);
        - "statistics": the same with each frame aligned as the background model aligns it, from the test's statistics
          alone (`gmmspeech.scoring.statistics.statistics_llr`): many models at the price of one;
        - "symmetric": mean of that and of its reverse, in which a model adapted to the test meets the enrolment's
          statistics. Better where enrolment and test are about as long; worse where the test is far shorter.
    top_c : int, optional
        With "frames": evaluate the best components only.
    n_jobs : int
        Threads over test utterances.

    Attributes
    ----------
    models_ : dict
        Name to adapted `DiagonalGMM`.
    statistics_ : dict
        Name to `GMMStats` of the enrolment under `ubm`: all that is stored of a speaker.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> rng = np.random.default_rng(0)
    >>> ann, bob = rng.normal(-1, 1, (300, 2)), rng.normal(1, 1, (300, 2))
    >>> ubm = gs.train_ubm([ann, bob], n_components=2)
    >>> verifier = gs.SpeakerVerifier(ubm)
    >>> verifier.enroll("ann", ann[:200])
    >>> verifier.score("ann", ann[200:]) > verifier.score("ann", bob[200:])
    True
    """

    def __init__(
        self,
        ubm: DiagonalGMM,
        *,
        relevance_factor: float = 16.0,
        update: str = "m",
        scoring: str = "frames",
        top_c: int | None = None,
        n_jobs: int = 1,
    ) -> None:
        self.ubm = ubm
        self.relevance_factor = relevance_factor
        self.update = update
        self.set_scoring(scoring, top_c)
        self.n_jobs = n_jobs
        self.models_: dict[str, DiagonalGMM] = {}
        self.statistics_: dict[str, GMMStats] = {}

    def set_scoring(self, scoring: str, top_c: int | None = None) -> None:
        """Score in another way from now on; see the parameters of the class."""
        if scoring not in SCORINGS:
            raise ConfigError(f"scoring: found {scoring!r}, expected one of {', '.join(SCORINGS)}")
        if top_c is not None and scoring != "frames":
            raise ConfigError(f"top_c: found {top_c} with scoring = {scoring!r}, expected it with 'frames' only")
        self.scoring = scoring
        self.top_c = top_c

    def enroll(self, name: str, data: NDArray | Sequence[NDArray] | GMMStats) -> None:
        """Adapt a model to a speaker's frames; a model of that name is replaced.

        Parameters
        ----------
        name : str
        data : ndarray (T, D), list of those (several sessions), or GMMStats under the background model

        Raises
        ------
        FeatureError
            No frames.
        """
        stats = data if isinstance(data, GMMStats) else self._statistics(name, data)
        self.models_[name] = map_adapt(self.ubm, stats, relevance_factor=self.relevance_factor, update=self.update)
        self.statistics_[name] = stats

    def enroll_all(self, sessions: Groups, store: Store, *, progress: Callable[[Iterable], Iterable] = iter) -> None:
        """Enrol every model of a list from a feature store.

        Parameters
        ----------
        sessions : mapping
            Model name to the ids of its enrolment utterances, as in a ``spk2utt`` file.
        store : FeatureStore, or dict of ndarray (T, D)
        progress : callable, optional
            Wraps the iteration over models, as `tqdm.tqdm` does.

        Raises
        ------
        DataError
            An utterance that the store does not have.
        FeatureError
            Frames of another front end than the background model's.
        """
        self._check_store(store)
        names = list(sessions)

        def statistics(name: str) -> GMMStats:
            return self._statistics(name, self._frames(f"model {name}", sessions[name], store))

        for name, stats in zip(progress(names), ordered_map(statistics, names, n_jobs=self.n_jobs), strict=True):
            self.enroll(name, stats)

    def score(self, name: str, X: NDArray) -> float:
        """Score of frames against an enrolled model: mean log-likelihood ratio a frame, in nats.

        Parameters
        ----------
        name : str
        X : ndarray, shape (T, D)
        """
        self._check_models([name])
        return float(self._score_tests([name], [X])[0, 0])

    def score_trials(
        self,
        trials: TrialList,
        store: Store,
        *,
        groups: Groups | None = None,
        progress: Callable[[Iterable], Iterable] = iter,
    ) -> Scores:
        """Score every trial of a list.

        Parameters
        ----------
        trials : TrialList
        store : FeatureStore, or dict of ndarray (T, D)
            Has the frames of the tests.
        groups : mapping, optional
            Test id to the ids of several utterances that are scored as one.
        progress : callable, optional
            Wraps the iteration over batches of tests, as `tqdm.tqdm` does.

        Returns
        -------
        Scores
            In the order of the trials.

        Raises
        ------
        DataError
            A model that was not enrolled, or a test that the store (or `groups`) does not have.
        FeatureError
            Frames of another front end than the background model's.
        """
        self._check_store(store)
        self._check_models(trials.models)
        places: dict[str, list[int]] = {}
        for i, test in enumerate(trials.tests):
            places.setdefault(test, []).append(i)
        values = np.empty(len(trials.tests))
        tests = list(places)
        batches = [tests[i : i + _TESTS_AT_ONCE] for i in range(0, len(tests), _TESTS_AT_ONCE)]
        for batch in progress(batches):
            rows = [i for test in batch for i in places[test]]
            models = list(dict.fromkeys(trials.models[i] for i in rows))
            frames = [np.concatenate(self._frames(f"test {t}", _members(t, groups), store)) for t in batch]
            scores = self._score_tests(models, frames)
            row_of, column_of = ({name: i for i, name in enumerate(names)} for names in (models, batch))
            values[rows] = scores[[row_of[trials.models[i]] for i in rows], [column_of[trials.tests[i]] for i in rows]]
        return Scores(trials.models, trials.tests, values)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the background model and all speakers to an HDF5 file, from which `gmmspeech.load` brings them back."""
        from gmmspeech.io.models import save_verifier

        save_verifier(Path(path), self)

    def _score_tests(self, names: list[str], tests: list[NDArray]) -> NDArray[np.float64]:
        """Scores, shape (models, tests)."""
        models = [self.models_[name] for name in names]
        if self.scoring == "frames":
            columns = ordered_map(
                lambda X: log_likelihood_ratios(models, self.ubm, X, top_c=self.top_c), tests, n_jobs=self.n_jobs
            )
            return np.stack(list(columns), axis=1)
        stats = list(ordered_map(self._checked_statistics, tests, n_jobs=self.n_jobs))
        forward = statistics_llr(models, self.ubm, stats)
        if self.scoring == "statistics":
            return forward
        reverse_models = [
            map_adapt(self.ubm, s, relevance_factor=self.relevance_factor, update=self.update) for s in stats
        ]
        reverse = statistics_llr(reverse_models, self.ubm, [self.statistics_[name] for name in names])
        return (forward + reverse.T) / 2

    def _checked_statistics(self, X: NDArray) -> GMMStats:
        if np.ndim(X) != 2 or not len(X):
            raise FeatureError(
                f"found frames of shape {np.shape(X)}, expected (one or more, {self.ubm.means_.shape[1]})"
            )
        return self.ubm.accumulate(X)

    def _statistics(self, name: str, data: NDArray | Sequence[NDArray]) -> GMMStats:
        frames = data if isinstance(data, np.ndarray) else np.concatenate(list(data))
        try:
            return self._checked_statistics(frames)
        except FeatureError as error:
            raise FeatureError(f"model {name}: {error}") from None

    def _frames(self, owner: str, utterances: Sequence[str], store: Store) -> list[NDArray]:
        missing = [u for u in utterances if u not in store]
        if missing:
            raise DataError(f"{owner}: utterance {missing[0]} is not in {_store_name(store)}")
        if not utterances:
            raise DataError(f"{owner}: found no utterance, expected one or more")
        return [store[u] for u in utterances]

    def _check_store(self, store: Store) -> None:
        check_same_front_end(
            self.ubm.front_end_,
            getattr(store, "front_end", None),
            model="the background model",
            frames=_store_name(store),
        )

    def _check_models(self, names: Iterable[str]) -> None:
        for name in dict.fromkeys(names):
            if name not in self.models_:
                raise DataError(f"model {name} is not enrolled; {len(self.models_)} models are")


def _members(test: str, groups: Groups | None) -> Sequence[str]:
    if groups is None:
        return [test]
    if test not in groups:
        raise DataError(f"test {test}: not among the {len(groups)} groups of utterances")
    return groups[test]


def _store_name(store: Store) -> str:
    return str(getattr(store, "path", "the store"))
