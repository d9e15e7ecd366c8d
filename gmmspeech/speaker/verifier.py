"""Speaker verification: enrollment by MAP adaptation, and scoring of claims."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self, cast

import numpy as np
from numpy.typing import NDArray

from gmmspeech.arguments import check, checked, listed
from gmmspeech.blocks import ordered_map, read_ahead
from gmmspeech.checks import check_at_least, check_frames, in_range
from gmmspeech.described import Described
from gmmspeech.errors import ConfigError, DataError, FeatureError, GmmSpeechError, counted, shown
from gmmspeech.features.compatibility import check_same_front_end, describe_front_end
from gmmspeech.files.saving import Saved, State
from gmmspeech.files.text import look_alike, parse_object
from gmmspeech.gmm.adapt import map_adapt
from gmmspeech.gmm.frames import check_names, without_names
from gmmspeech.gmm.full import GMM
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.gmm.stats import GMMStats, check_statistics
from gmmspeech.progress import progress_bar
from gmmspeech.scoring.linear import linear_score
from gmmspeech.scoring.llr import scorer
from gmmspeech.scoring.statistics import statistics_llr
from gmmspeech.scoring.trials import Scores, TrialList
from gmmspeech.speaker.likelihoods import LogLikelihood, mean_log_likelihoods, of_claims

SCORINGS = ("frames", "symmetric", "statistics", "linear")
_STACKING = 16  # putting a model in a stack of models takes as long as scoring about so many tests with it
_TESTS_AT_ONCE = 64  # whose frames or statistics are in memory together, whatever the number of tests
SOME_NAMES = 8  # of models, that a notebook shows

Store = Mapping[str, NDArray]
Groups = Mapping[str, Sequence[str]]
Progress = Callable[[Iterable], Iterable] | bool

_STATISTICS = {"n": 1, "sum_x": 2, "sum_xx": 2, "log_likelihood": 0, "num_frames": 0, "squares": 2}  # and dimensions


class SpeakerVerifier(Described, Saved, kind="SpeakerVerifier", hint="enrolled speakers (made by enroll)"):
    """Speaker verification with models adapted from one background model, by log-likelihood ratios.

    Parameters
    ----------
    ubm : DiagonalGMM or GMM
        Background model. With a `GMM`, only means and weights can be adapted, and scoring is "frames" or "symmetric".
    relevance_factor : float
        Relevance factor of the MAP adaptation, in frames.
    update : str
        Parameters to adapt: any of the letters "m", "v", "w"; see `map_adapt`.
    scoring : {"frames", "statistics", "linear", "symmetric"}
        How a test utterance is scored against a model:

        - "frames": log-likelihood ratio of the test's frames (`log_likelihood_ratio`);
        - "symmetric": mean of that and of the ratio of the enrollment's frames under a model adapted to the test. It
          takes twice the time and keeps the enrollment's frames with the models;
        - "statistics": as "frames", but with each frame aligned to components by the background model, from the test's
          statistics alone (`statistics_llr`): many models take the time of one;
        - "linear": the first-order term of that (`linear_score`), for models with adapted means only.
    top_c : int, optional
        With "frames": evaluate only this number of components per frame, the best ones.
    n_jobs : int
        Number of threads, over test utterances.

    Attributes
    ----------
    models_ : dict
        Adapted mixture of each name, of the type of `ubm`.
    statistics_ : dict
        `GMMStats` of each name's enrollment under `ubm`.
    frames_ : dict
        Enrollment frames of each name, kept only for "symmetric" scoring.

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

    @checked
    def __init__(
        self,
        ubm: DiagonalGMM | GMM,
        *,
        relevance_factor: float = 16.0,
        update: str = "m",
        scoring: str = "frames",
        top_c: int | None = None,
        n_jobs: int | None = 1,
    ) -> None:
        check_at_least(0, relevance_factor=relevance_factor)
        self.ubm = ubm
        self.relevance_factor = relevance_factor
        self.update = update
        self.set_scoring(scoring, top_c)
        self.n_jobs = n_jobs
        self.models_: dict[str, DiagonalGMM | GMM] = {}
        self.statistics_: dict[str, GMMStats] = {}
        self.frames_: dict[str, NDArray] = {}

    @checked
    def set_scoring(self, scoring: str, top_c: int | None = None) -> None:
        """Change the scoring method; see the parameters of the class.

        Raises
        ------
        ConfigError
            An unknown method, or one that does not go with `top_c`, `update` or the background model.
        """
        if scoring not in SCORINGS:
            raise ConfigError(f"scoring: found {scoring!r}, expected one of {', '.join(SCORINGS)}")
        if top_c is not None and scoring != "frames":
            raise ConfigError(f"top_c: found {top_c} with scoring = {scoring!r}, expected it with 'frames' only")
        if scoring == "linear" and set(self.update) != {"m"}:
            raise ConfigError(f"scoring: found 'linear' with update = {self.update!r}, expected 'm', means only")
        if isinstance(self.ubm, GMM) and (scoring not in ("frames", "symmetric") or top_c is not None):
            found = repr(scoring) if top_c is None else f"top_c = {top_c}"
            raise ConfigError(f"scoring: found {found} with a GMM, expected 'frames' or 'symmetric', by all components")
        self.scoring = scoring
        self.top_c = top_c

    @checked
    def enroll(self, name: str, data: NDArray | Sequence[NDArray] | GMMStats) -> None:
        """Adapt a model to a speaker's frames, replacing any model of that name.

        Parameters
        ----------
        name : str
        data : ndarray (T, D), list of those (several sessions), or GMMStats under the background model

        Raises
        ------
        FeatureError
            No frames, or statistics if the scoring needs frames.
        """
        if isinstance(data, GMMStats):
            if self.scoring == "symmetric":
                raise FeatureError(f"model {name}: found statistics, expected frames, which symmetric scoring needs")
            self.restore(name, data)
        else:
            sessions: Any = [data] if len(getattr(data, "shape", (0, 0, 0))) <= 2 else data
            if not isinstance(data, np.ndarray):
                check(listed(words="frames, a list of them, or GMMStats"), data=sessions)
            frames = self._joined(f"model {name}", enumerate(sessions))
            self.restore(name, self._statistics(f"model {name}", frames), frames)

    @checked
    def enroll_all(self, sessions: Groups, store: Store, *, progress: Progress = True) -> None:
        """Enroll every model of a list from a feature store.

        Parameters
        ----------
        sessions : mapping
            Ids of the enrollment utterances of each model name, as in a ``spk2utt`` file.
        store : FeatureStore, or dict of ndarray (T, D)
        progress : bool or callable
            Show a progress bar in a terminal or notebook if the work takes longer than two seconds; or a function that
            wraps the iteration over models, such as `tqdm.tqdm`.

        Raises
        ------
        DataError
            An utterance that the store does not have.
        FeatureError
            Frames of another front end than the background model's.
        """
        self._check_store(store)

        def read(name: str) -> tuple[GMMStats, NDArray]:
            frames = self._frames(f"model {name}", sessions[name], store)
            return self._statistics(f"model {name}", frames), frames

        names = list(sessions)
        for name, enrollment in zip(
            _bar(progress, "enrolling", "model")(names), ordered_map(read, names, n_jobs=self.n_jobs), strict=True
        ):
            self.restore(name, *enrollment)

    @checked
    def score(self, name: str, X: NDArray) -> float:
        """Score frames against an enrolled model: mean log-likelihood ratio per frame, in nats.

        Parameters
        ----------
        name : str
        X : ndarray, shape (T, D)
        """
        self._check_models([name])
        return float(self._score_tests([[name]], [self._joined("test", enumerate([X]))], {})[0][0])

    @checked
    def score_trials(
        self,
        trials: TrialList,
        store: Store,
        *,
        groups: Groups | None = None,
        progress: Progress = True,
        skipped: dict[str, str] | None = None,
    ) -> Scores:
        """Score every trial of a list.

        Parameters
        ----------
        trials : TrialList
        store : FeatureStore, or dict of ndarray (T, D)
            Frames of the tests.
        groups : mapping, optional
            For each test id, the ids of several utterances to score as one.
        progress : bool or callable
            Show a progress bar in a terminal or notebook if the work takes longer than two seconds; or a function that
            wraps the iteration over batches of tests, such as `tqdm.tqdm`.
        skipped : dict of str to str, optional
            Collects tests whose frames can't be read, with the reason, instead of raising an error; their trials are
            left out.

        Returns
        -------
        Scores
            In the order of the trials.

        Raises
        ------
        DataError
            A model that was not enrolled, or a test that is not in the store (or in `groups`).
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
        known: dict[str, Any] = {}

        def read(batch: list[str]) -> dict[str, NDArray]:
            found = {}
            for test in batch:
                try:
                    found[test] = self._frames(f"test {test}", _members(test, groups), store)
                except GmmSpeechError as error:
                    if skipped is None:
                        raise
                    skipped[test] = str(error)
            return found

        for _, frames in zip(
            _bar(progress, "scoring", "batch")(batches), read_ahead(map(read, batches), depth=1), strict=True
        ):
            if not frames:
                continue
            claims = [[trials.models[i] for i in places[test]] for test in frames]
            for test, scores in zip(frames, self._score_tests(claims, list(frames.values()), known), strict=True):
                values[places[test]] = scores
        if not skipped:
            return Scores(trials.models, trials.tests, values)
        kept = [i for i, test in enumerate(trials.tests) if test not in skipped]
        return Scores([trials.models[i] for i in kept], [trials.tests[i] for i in kept], values[kept])

    def to_state(self) -> State:
        """Return the background model and each speaker's enrollment, from which MAP rebuilds the speaker's model."""
        shape = self.ubm.parameters()[1].shape
        speakers: State = {"names": list(self.statistics_)}
        for field, trailing in _STATISTICS.items():
            values = [getattr(s, field) for s in self.statistics_.values()]
            speakers[field] = np.array(values, dtype=np.float64).reshape(len(values), *shape[:trailing])
        if self.scoring == "symmetric":
            none = np.empty((0, shape[1]), np.float32)  # of those enrolled while the scoring needed no frames
            frames = [self.frames_.get(name, none) for name in self.statistics_]
            speakers["frames"] = np.concatenate([none, *frames])
            speakers["frame_offsets"] = np.cumsum([0, *map(len, frames)])
        options = {name: getattr(self, name) for name in ("relevance_factor", "update", "scoring", "top_c")}
        return {"options": json.dumps(options, sort_keys=True), "ubm": self.ubm, "speakers": speakers}

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Rebuild the verifier from the result of `to_state`."""
        mixture = GMM if "covariances" in state["ubm"] else DiagonalGMM
        verifier = cls(mixture.from_state(state["ubm"]), **parse_object(state["options"]))
        speakers = state["speakers"]
        known = [
            field for field in _STATISTICS if field in speakers or field != "squares"
        ]  # version 0.1 had no squares
        columns = [speakers[field] for field in known]
        offsets = speakers.get("frame_offsets")
        names, shape = speakers["names"], verifier.ubm.means_.shape
        if len(set(names)) != len(names) or any(len(column) != len(names) for column in columns):
            raise DataError(f"speakers: found {shown(names)}, expected each once, with statistics of all")
        for i, name in enumerate(names):
            n, sum_x, sum_xx, log_likelihood, num_frames, *squares = (column[i] for column in columns)
            frames = None if offsets is None else speakers["frames"][offsets[i] : offsets[i + 1]]
            about = (verifier._center(), *squares) if squares else ()
            stats = GMMStats(n, sum_x, sum_xx, float(log_likelihood), float(num_frames), *about)
            check_statistics(f"model {shown(name)}", stats, shape)
            verifier.restore(name, stats, frames if frames is not None and len(frames) else None)
        return verifier

    @checked
    def restore(self, name: str, stats: GMMStats, frames: NDArray | None = None) -> None:
        """Enroll a speaker from precomputed statistics, and the frames that they belong to.

        Parameters
        ----------
        name : str
        stats : GMMStats
            Statistics under the background model.
        frames : ndarray, shape (T, D), optional
            Kept for symmetric scoring.
        """
        center = self._center()
        squares = stats.squares_about(center)
        stats = replace(stats, center=center, squares=squares, scatter=None)  # as files have them
        self.models_[name] = self._adapt(stats)
        self.statistics_[name] = stats
        self.frames_.pop(name, None)  # those of an enrollment before
        if self.scoring == "symmetric" and frames is not None:
            self.frames_[name] = frames

    def _center(self) -> NDArray[np.float64]:
        """Give the point that second-order statistics are kept about, shape (D,)."""
        weights, means, _ = self.ubm.parameters()
        return weights @ means

    def _adapt(self, stats: GMMStats) -> DiagonalGMM | GMM:
        ubm: Any = self.ubm
        return map_adapt(ubm, stats, relevance_factor=self.relevance_factor, update=self.update)

    def _score_tests(
        self, claims: list[list[str]], tests: list[NDArray], known: dict[str, Any]
    ) -> list[NDArray[np.float64]]:
        """Scores of each test against the models that claim it; `known` keeps what the next call may use."""
        if self.scoring in ("statistics", "linear"):
            return self._score_statistics(claims, tests)
        pairs = zip(claims, tests, strict=True)
        if self.scoring == "symmetric":
            for name in {name for claimed in claims for name in claimed} - known.keys():
                known[name] = self.models_[name]._log_likelihood()
            return self._score_symmetric(claims, tests, known)
        names = sorted({name for claimed in claims for name in claimed})
        if self.top_c is None or len(names) * len(tests) > _STACKING * sum(map(len, claims)):
            return list(ordered_map(lambda pair: self._scorer(*pair)(pair[1]), pairs, n_jobs=self.n_jobs))
        if known.get("names") != names:  # made once for all the batches in which these models are claimed
            known.update(names=names, scorer=self._scorer(names, *tests))
        rows = {name: i for i, name in enumerate(names)}
        scores = ordered_map(known["scorer"], tests, n_jobs=self.n_jobs)
        return [row[[rows[name] for name in claimed]] for claimed, row in zip(claims, scores, strict=True)]

    def _scorer(self, names: list[str], *tests: NDArray) -> Callable[[NDArray], NDArray[np.float64]]:
        models, dtype = [self.models_[name] for name in names], np.result_type(np.float32, *tests)
        return scorer(models, self.ubm, top_c=self.top_c, dtype=dtype)

    def _score_symmetric(
        self, claims: list[list[str]], tests: list[NDArray], under: Mapping[str, LogLikelihood]
    ) -> list[NDArray[np.float64]]:
        """Scores of tests against models; `under` each of them, frames have log-likelihoods by a function."""

        def reverse(pair: tuple[list[str], NDArray]) -> tuple[float, NDArray[np.float64]]:
            names, stats = pair[0], self._statistics("test", pair[1])
            means = mean_log_likelihoods(self._adapt(stats)._log_likelihood(), [self.frames_[name] for name in names])
            return _mean(stats), means - np.array([_mean(self.statistics_[name]) for name in names])

        backward = list(ordered_map(reverse, zip(claims, tests, strict=True), n_jobs=self.n_jobs))
        onward = of_claims(claims, tests, under, n_jobs=self.n_jobs)
        return [in_range((each - own + back) / 2) for each, (own, back) in zip(onward, backward, strict=True)]

    def _score_statistics(self, claims: list[list[str]], tests: list[NDArray]) -> list[NDArray[np.float64]]:
        stats = list(ordered_map(lambda X: self._statistics("test", X), tests, n_jobs=self.n_jobs))
        rows = {name: i for i, name in enumerate(dict.fromkeys(name for names in claims for name in names))}
        score = linear_score if self.scoring == "linear" else statistics_llr
        models, ubm = cast(dict[str, DiagonalGMM], self.models_), cast(DiagonalGMM, self.ubm)  # see `set_scoring`
        scores = score([models[name] for name in rows], ubm, stats)
        return [scores[[rows[name] for name in names], i] for i, names in enumerate(claims)]

    def _statistics(self, owner: str, X: NDArray) -> GMMStats:
        if np.ndim(X) != 2 or not len(X):
            expected = f"(one or more, {self.ubm.means_.shape[1]})"
            raise FeatureError(f"{owner}: found frames of shape {np.shape(X)}, expected {expected}")
        return without_names(self.ubm).accumulate(X)

    def _frames(self, owner: str, utterances: Sequence[str], store: Store) -> NDArray:
        missing = [u for u in utterances if u not in store]
        if missing:
            alike = look_alike(missing[0], store)
            raise DataError(f"{owner}: utterance {shown(missing[0])} is not in {_store_name(store)}{alike}")
        if not utterances:
            raise DataError(f"{owner}: found no utterance, expected one or more")
        return self._joined(owner, ((u, store[u]) for u in utterances))

    def _joined(self, owner: str, utterances: Iterable[tuple[object, NDArray]]) -> NDArray:
        dim, parts = self.ubm.parameters()[1].shape[1], []
        for name, frames in utterances:
            check_names(self.ubm, frames, reset=False)
            parts.append(check_frames(frames, dim, owner=f"{owner}: utterance {name}: "))
        if not parts:
            raise FeatureError(f"{owner}: found no frames, expected one or more")
        return np.concatenate(parts)

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
                alike = look_alike(name, self.models_)
                raise DataError(
                    f"model {shown(name)} is not enrolled, expected one of {counted(len(self.models_), 'model')}{alike}"
                )
            if self.scoring == "symmetric" and name not in self.frames_:
                raise DataError(
                    f"model {name}: found no enrollment frames, expected a model enrolled for symmetric scoring"
                )

    def _lines(self) -> list[str]:
        """Tell first how many models there are."""
        size, names = counted(len(self.models_), "model"), ", ".join(list(self.models_)[:SOME_NAMES])
        more = ", …" if len(self.models_) > SOME_NAMES else ""
        return [f"enrolled speakers: {size}", *self.describe()[1:-1], *([f"names: {names}{more}"] if names else [])]

    def describe(self) -> list[str]:
        """Describe the object in a few lines."""
        return ["enrolled speakers", *(f"{name}: {value}" for name, value in self.configuration()["System"].items())]

    def configuration(self) -> dict[str, dict[str, object]]:
        """Return all settings that affect the scores, as tables with headings."""
        num_components, dim = self.ubm.means_.shape
        kind = f", {self.ubm.covariance_type} covariances" if isinstance(self.ubm, GMM) else ""
        adapted = ", ".join(name for name in ("means", "variances", "weights") if name[0] in self.update)
        system: dict[str, object] = {
            "front end": describe_front_end(self.ubm.front_end_),
            "background model": f"{counted(num_components, 'component')}, {counted(dim, 'dimension')}{kind}",
            "adaptation": f"MAP of {adapted}, relevance factor {self.relevance_factor:g}",
            "scoring": self.scoring if self.top_c is None else f"{self.scoring}, top {self.top_c}",
            "models": len(self.models_),
        }
        tables = {"System": system}
        if self.ubm.front_end_:
            tables["Front end"] = json.loads(self.ubm.front_end_)
        return tables


def _bar(progress: Progress, what: str, unit: str) -> Callable[[Iterable], Iterable]:
    """Give what wraps an iteration."""
    if not isinstance(progress, (bool, np.bool_)):
        return progress
    return progress_bar(what, unit, shown=bool(progress))


def _members(test: str, groups: Groups | None) -> Sequence[str]:
    if groups is None:
        return [test]
    if test not in groups:
        raise DataError(
            f"test {shown(test)}: not among the {counted(len(groups), 'group')} of utterances{look_alike(test, groups)}"
        )
    return groups[test]


def _mean(stats: GMMStats) -> float:
    """Mean log-likelihood a frame under the background model."""
    return stats.log_likelihood / stats.num_frames


def _store_name(store: Store) -> str:
    return str(getattr(store, "path", "the store"))
