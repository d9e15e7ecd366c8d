"""`PhoneGMM`: a mixture for each phone, or for each part of its segments."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import (
    FLAG,
    NOTHING,
    TEXT,
    any_of,
    check_options,
    instance,
    one_of,
    random_state_of,
    real,
    whole,
)
from gmmspeech.blocks import ordered_map
from gmmspeech.checks import all_finite, as_names, check_distribution, check_each_has
from gmmspeech.errors import ModelError, counted
from gmmspeech.features.compatibility import describe_front_end
from gmmspeech.files.saving import Saved, State
from gmmspeech.files.text import parse_object
from gmmspeech.gmm import floors
from gmmspeech.gmm.adapt import map_adapt
from gmmspeech.gmm.density import joined_parameters, split_parameters
from gmmspeech.gmm.em import train_each
from gmmspeech.gmm.estimator import Estimator, check_fitted
from gmmspeech.gmm.frames import as_table, check_names, known_columns, saved_names, set_names, warn_if_wide
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.gmm.options import of_mixtures
from gmmspeech.phones.gmm.mixture_size import SIZES, fit_sized
from gmmspeech.phones.gmm.scores import duration_scores, in_any_part, log_posteriors, part_sums, smoothed
from gmmspeech.phones.labels.segments import (
    as_ranges,
    duration_moments,
    ends_of,
    frames_of_parts,
    log_durations,
    part_edges,
    part_of_frames,
    trainable,
)

_NOT_SAVED = ("ubm", "random_state", "backend", "n_jobs")  # of the options


class PhoneGMM(Saved, Estimator, kind="PhoneGMM", hint="phone mixtures"):
    r"""Diagonal mixtures of phones, trained on segments with known boundaries.

    A segment is cut into `parts`, each with its own mixture. The log-likelihood of a segment of phone q is

        L_q = Σ_j Σ_{t in part j} log p(x_t | q, j)  [ + log N(log duration; μ_q, σ²_q) ]

    and the posterior of the phone is proportional to prior_q · exp(scale · L_q): neighboring frames are correlated,
    so their sum is overconfident, which a scale below 1 corrects. If boundaries are not known, the likelihood of a
    frame is ``p(x | q) = Σ_j w_qj p(x | q, j)``, with w_qj the share of the phone's frames in part j. As a phone
    lasts longer than a frame, `smoothing` improves the classification of frames: 2 frames of 10 ms raise accuracy by
    three to four percentage points.

    Parameters
    ----------
    n_components : int
        Maximum number of components of a mixture.
    size : {"fixed", "frames", "bic"}
        Number of components of a mixture: `n_components`; one for every `frames_per_component` frames; or the one of 1,
        2, 4, ... with the lowest Bayesian information criterion. Never more than one for five frames.
    frames_per_component : int
    parts : int
        Parts per segment: 3 for beginning, middle and end.
    duration : bool
        Include the segment's log duration, modeled by one Gaussian per phone.
    scale : float
        Scale of a segment's log-likelihood in its posteriors, above 0 and at most 1.
    smoothing : float
        Standard deviation, in frames, of the Gaussian window that averages the log-likelihoods of neighboring frames
        before posteriors are computed. 0 for none.
    ubm : DiagonalGMM, optional
        Adapt the mixtures from this one by MAP instead of training each; useful for phones with few data.
    relevance_factor, update
        As for `map_adapt`; used with `ubm`.
    max_iter, tol, variance_floor, random_state, backend
        See `DiagonalGMM`.
    n_jobs : int
        Number of threads; mixtures are trained and evaluated in parallel.

    Attributes
    ----------
    phones_ : tuple of str
        P phones, sorted.
    models_ : list of DiagonalGMM
        Mixture of part j of phone i at ``i * parts + j``.
    priors_ : ndarray, shape (P,), float64
        Share of each phone in the training segments.
    part_priors_ : ndarray, shape (P * parts,), float64
        Share of each part in the training frames.
    durations_ : ndarray, shape (P, 2), float64
        Mean and variance of each phone's log duration, in frames.
    feature_names_in_ : ndarray of str, shape (D,), if `X` was a table with column names
    front_end_ : str or None
        Configuration of the front end, as JSON text, if the caller has set it.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> rng = np.random.default_rng(0)
    >>> x = np.concatenate([rng.normal(-3, 1, (60, 2)), rng.normal(3, 1, (60, 2))])
    >>> ranges = np.arange(0, 120, 6)[:, None] + [0, 6]
    >>> model = gs.PhoneGMM(2, parts=3, random_state=0).fit(x, ranges, ["AA"] * 10 + ["S"] * 10)
    >>> model.predict_segments(x, [[0, 6], [117, 120]])
    array(['AA', 'S'], dtype='<U2')
    """

    _parameter_constraints: ClassVar = {
        **of_mixtures("n_components", "max_iter", "tol", "variance_floor", "random_state", "backend", "n_jobs"),
        "size": one_of(*SIZES),
        "frames_per_component": whole(1),
        "parts": whole(1),
        "duration": FLAG,
        "scale": real(above=0, most=1),
        "smoothing": real(least=0, below=float("inf")),
        "ubm": any_of(instance(DiagonalGMM), NOTHING),
        "relevance_factor": real(least=0),
        "update": TEXT,
    }

    def __init__(
        self,
        n_components: int = 16,
        *,
        size: str = "fixed",
        frames_per_component: int = 50,
        parts: int = 1,
        duration: bool = False,
        scale: float = 1.0,
        smoothing: float = 0.0,
        ubm: DiagonalGMM | None = None,
        relevance_factor: float = 16.0,
        update: str = "m",
        max_iter: int = 20,
        tol: float = 1e-3,
        variance_floor: float = 0.01,
        random_state: Any = None,
        backend: str = "auto",
        n_jobs: int | None = 1,
    ) -> None:
        self.n_components = n_components
        self.size = size
        self.frames_per_component = frames_per_component
        self.parts = parts
        self.duration = duration
        self.scale = scale
        self.smoothing = smoothing
        self.ubm = ubm
        self.relevance_factor = relevance_factor
        self.update = update
        self.max_iter = max_iter
        self.tol = tol
        self.variance_floor = variance_floor
        self.random_state = random_state
        self.backend = backend
        self.n_jobs = n_jobs

    def fit(
        self,
        X: ArrayLike,
        ranges: ArrayLike,
        phones: ArrayLike,
        *,
        inventory: Sequence[str] | None = None,
        progress: bool = True,
    ) -> Self:
        """Train the mixtures.

        Parameters
        ----------
        X : array_like, shape (N, D)
            Frames of all utterances.
        ranges : array_like of int, shape (S, 2)
            Rows of each segment: the first row, and the one after the last.
        phones : array_like of str, shape (S,)
        inventory : sequence of str, optional
            Phones to train, by default those that have segments. A phone without a segment is left out with a warning;
            segments of other phones are not used.
        progress : bool
            Show a progress bar in a terminal or notebook if the work takes longer than two seconds.

        Raises
        ------
        DataError
            A segment that is empty or outside the frames, or no segments.
        FeatureError
            NaN or infinity in a frame.
        """
        check_options(self)
        frames, rows, names = self._segments(X, ranges, phones, reset=True)
        warn_if_wide(frames)
        self.phones_ = trainable(names, inventory)
        indices = self.phone_indices(names)
        counts = np.bincount(indices[indices >= 0], minlength=len(self.phones_))
        self.priors_ = counts / counts.sum()
        codes = part_of_frames(rows, indices, len(frames), self.parts)
        in_parts = np.bincount(codes[codes >= 0], minlength=len(self.phones_) * self.parts).astype(np.float64)
        self.part_priors_ = in_parts / in_parts.sum()
        self.durations_ = duration_moments(log_durations(rows), indices, len(self.phones_))
        mixtures = [f"{phone}[{part + 1}]" for phone in self.phones_ for part in range(self.parts)]
        self.models_ = train_each(self._train(frames, codes), mixtures, "mixture", shown=progress)
        if self.ubm is None:
            floors.warn(type(self).__name__, self.models_)
        floors.warn_if_coarse(type(self).__name__, frames, self.models_)
        self.n_features_in_ = frames.shape[1]
        self.front_end_: str | None = None
        return self

    def phone_indices(self, phones: ArrayLike) -> NDArray[np.int64]:
        """Index of each phone in `phones_`, or -1, in the shape of `phones`."""
        names = as_names(phones, "phones")
        places = np.searchsorted(self.phones_, names).clip(max=len(self.phones_) - 1)
        return np.where(np.asarray(self.phones_)[places] == names, places, -1)

    def select(self, phones: Sequence[str]) -> Self:
        """Return a model of some of the phones, with their priors rescaled.

        Train silence with the phones, and leave it out if segments are known not to be silent.

        Raises
        ------
        ModelError
            A phone that the model doesn't have.
        """
        check_fitted(self, "models_")
        kept = tuple(np.unique(as_names(phones, "phones")).tolist())
        indices = self.phone_indices(kept)
        if not kept or (indices < 0).any():
            found = kept[int((indices < 0).argmax())] if kept else "none"
            raise ModelError(f"phones: found {found}, expected phones of the model: {' '.join(self.phones_)}")
        rows = (indices[:, None] * self.parts + np.arange(self.parts)).ravel()
        models, durations = [self.models_[i] for i in rows], self.durations_[indices]
        priors, part_priors = self.priors_[indices], self.part_priors_[rows]
        return self._like(kept, models, priors / priors.sum(), part_priors / part_priors.sum(), durations)

    def adapt(
        self, X: ArrayLike, ranges: ArrayLike, phones: ArrayLike, *, relevance_factor: float = 16.0, update: str = "m"
    ) -> Self:
        """Adapt the mixtures to a speaker by MAP; see `map_adapt`.

        Parameters
        ----------
        X, ranges, phones
            Frames, segments and phones of the speaker, as for `fit`. The phones may also be those that the model
            itself recognized. A phone without a segment is not changed.
        relevance_factor : float
        update : str

        Returns
        -------
        PhoneGMM
            A new model with the same priors and durations.
        """
        frames, rows, names = self._segments(X, ranges, phones)
        codes = part_of_frames(rows, self.phone_indices(names), len(frames), self.parts)

        def adapted(code: int) -> DiagonalGMM:
            own = frames[codes == code]
            model = self.models_[code]
            return map_adapt(model, own, relevance_factor=relevance_factor, update=update) if len(own) else model

        models = list(ordered_map(adapted, range(len(self.models_)), n_jobs=self.n_jobs))
        return self._like(self.phones_, models, self.priors_, self.part_priors_, self.durations_)

    def log_likelihoods(self, X: ArrayLike) -> NDArray[np.float64]:
        """Log-likelihood of every frame under every mixture, shape (N, P * parts), in nats."""
        return self._score(self._checked(X))

    def _score(self, frames: NDArray) -> NDArray[np.float64]:
        return np.stack(list(ordered_map(lambda m: m.score_samples(frames), self.models_, n_jobs=self.n_jobs)), axis=1)

    def frame_log_likelihoods(self, X: ArrayLike) -> NDArray[np.float64]:
        """Log-likelihood of every frame under every phone, over all its parts, shape (N, P), in nats."""
        return in_any_part(self.log_likelihoods(X), self.part_priors_.reshape(-1, self.parts))

    def frame_log_posteriors(self, X: ArrayLike, *, lengths: Sequence[int] | None = None) -> NDArray[np.float64]:
        """Log posterior of every phone given each frame, with `smoothing` also its neighbors, shape (N, P).

        The priors are the phones' shares of the training frames.

        Parameters
        ----------
        X : array_like, shape (N, D)
            Frames, in time order if they are smoothed.
        lengths : sequence of int, optional
            Number of frames of each utterance, if `X` has several: smoothing does not cross their boundaries.

        Raises
        ------
        DataError
            Lengths that don't add up to N.
        """
        check_options(self)
        scores = self.frame_log_likelihoods(X)
        priors = self.part_priors_.reshape(-1, self.parts).sum(axis=1)
        return log_posteriors(smoothed(scores, ends_of(lengths, len(scores)), self.smoothing), priors)

    def predict_frames(self, X: ArrayLike, *, lengths: Sequence[int] | None = None) -> NDArray[np.str_]:
        """Most probable phone of every frame, shape (N,); see `frame_log_posteriors`."""
        best = self.frame_log_posteriors(X, lengths=lengths).argmax(axis=1)
        return np.asarray(self.phones_)[best]

    def segment_log_likelihoods(self, X: ArrayLike, ranges: ArrayLike) -> NDArray[np.float64]:
        """Log-likelihood of every segment under every phone, shape (S, P), in nats.

        Parameters
        ----------
        X : array_like, shape (N, D)
        ranges : array_like of int, shape (S, 2)
            Rows of each segment in `X`.

        Raises
        ------
        DataError
            A segment that is empty or outside the frames.
        """
        frames = self._checked(X)
        rows = as_ranges(ranges, len(frames))
        return self.sum_segments(self._score(frames), rows)

    def sum_segments(self, log_likelihoods: NDArray[np.float64], ranges: NDArray[np.int64]) -> NDArray[np.float64]:
        """Compute `segment_log_likelihoods` from the result of `log_likelihoods` for the frames."""
        total = part_sums(log_likelihoods, ranges, self.parts).sum(axis=0)
        return total + self.duration_log_likelihoods(ranges) if self.duration else total

    def average_parts(self, log_likelihoods: NDArray[np.float64], ranges: NDArray[np.int64]) -> NDArray[np.float64]:
        """Mean log-likelihood of each part of each segment, shape (parts, S, P), in nats per frame.

        Use these for weighted combination: unlike a sum, a mean does not become more confident with every frame. It is
        0 for a part without frames.

        Parameters
        ----------
        log_likelihoods : ndarray, shape (N, P * parts)
            Result of `log_likelihoods` for the frames.
        ranges : ndarray, shape (S, 2)
        """
        counts = np.maximum(np.diff(part_edges(ranges, self.parts), axis=1), 1)
        return part_sums(log_likelihoods, ranges, self.parts) / counts.T[:, :, None]

    def duration_log_likelihoods(self, ranges: NDArray[np.int64]) -> NDArray[np.float64]:
        """Log density of each segment's log duration under every phone, shape (S, P)."""
        return duration_scores(ranges, self.durations_)

    def segment_log_posteriors(self, X: ArrayLike, ranges: ArrayLike) -> NDArray[np.float64]:
        """Log posterior of every phone given each segment, shape (S, P), from `segment_log_likelihoods`."""
        check_options(self)
        return log_posteriors(self.scale * self.segment_log_likelihoods(X, ranges), self.priors_)

    def predict_segments(self, X: ArrayLike, ranges: ArrayLike) -> NDArray[np.str_]:
        """Most probable phone of every segment, shape (S,)."""
        best = self.segment_log_posteriors(X, ranges).argmax(axis=1)
        return np.asarray(self.phones_)[best]

    def to_state(self) -> State:
        """Return options, priors and the parameters of all mixtures for saving, without the UBM they may come from."""
        check_fitted(self, "models_")
        options = {name: value for name, value in self.get_params(deep=False).items() if name not in _NOT_SAVED}
        return {
            "front_end": self.front_end_ or "",
            "options": json.dumps(options, sort_keys=True),
            "phones": self.phones_,
            "priors": self.priors_,
            "part_priors": self.part_priors_,
            "durations": self.durations_,
            "feature_names": saved_names(self),
            **joined_parameters(self.models_),
        }

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Rebuild a model from the result of `to_state`."""
        options, front_end = parse_object(state["options"]), state["front_end"] or None
        em = {name: options[name] for name in ("max_iter", "tol", "variance_floor")}
        models = [DiagonalGMM.from_parameters(*p, front_end=front_end, **em) for p in split_parameters(state)]
        rest = {name: state[name] for name in ("priors", "part_priors", "durations")}
        model = cls.from_mixtures(state["phones"], models, **rest, **options)
        model.front_end_ = front_end
        set_names(model, state.get("feature_names"))
        return model

    @classmethod
    def from_mixtures(
        cls,
        phones: Sequence[str],
        models: list[DiagonalGMM],
        *,
        priors: NDArray[np.float64],
        part_priors: NDArray[np.float64],
        durations: NDArray[np.float64],
        **options: Any,
    ) -> Self:
        """Build a model from given mixtures, ready to use.

        Parameters
        ----------
        phones, models, priors, part_priors, durations
            See the attributes.
        **options
            Parameters of the estimator.

        Raises
        ------
        ModelError
            Phones that are not sorted, or lengths that don't match.
        """
        model = cls(**options)
        check_options(model)
        count, total = len(phones), len(phones) * model.parts
        found = (len(models), priors.shape, part_priors.shape, durations.shape)
        expected = (total, (count,), (total,), (count, 2))
        if not count or list(phones) != sorted(set(phones)) or found != expected:
            raise ModelError(
                f"phone GMMs: found {counted(count, 'phone')} with mixtures, priors, part priors, "
                f"durations of {found}, expected sorted phones and {expected}"
            )
        check_distribution("priors", priors, count)
        check_distribution("part priors", part_priors, total)
        dims = {mixture.n_features_in_ for mixture in models}
        if not all_finite(durations) or (durations[:, 1] <= 0).any() or len(dims) > 1:
            raise ModelError("phone GMMs: found durations, or dimensions of mixtures, that make no sense")
        model._set(tuple(phones), models, priors, part_priors, durations)
        model.front_end_ = None
        return model

    def __sklearn_clone__(self) -> Self:
        clone = super().__sklearn_clone__()
        clone.ubm = self.ubm  # a value: its clone would not be fitted
        return clone

    def _like(self, phones: tuple[str, ...], models: list[DiagonalGMM], *rest: NDArray[np.float64]) -> Self:
        """Another model with the options and front end of this one."""
        model = type(self)(**self.get_params(deep=False))
        model._set(phones, models, *rest)
        model.front_end_ = self.front_end_
        set_names(model, getattr(self, "feature_names_in_", None))
        return model

    def _set(self, phones: tuple[str, ...], models: list[DiagonalGMM], *rest: NDArray[np.float64]) -> None:
        self.phones_, self.models_, (self.priors_, self.part_priors_, self.durations_) = phones, models, rest
        self.n_features_in_ = models[0].n_features_in_

    def _train(self, frames: NDArray, codes: NDArray[np.int64]) -> Iterator[DiagonalGMM]:
        seed = int(random_state_of(self.random_state).randint(2**31))
        em = {name: getattr(self, name) for name in ("max_iter", "tol", "variance_floor", "backend")}
        sizes = {name: getattr(self, name) for name in ("size", "n_components", "frames_per_component")}

        def train(own: NDArray) -> DiagonalGMM:
            if self.ubm is not None:
                return map_adapt(self.ubm, own, relevance_factor=self.relevance_factor, update=self.update)
            return fit_sized(own, fit=lambda k: DiagonalGMM(k, random_state=seed, **em)._train(own, None), **sizes)

        of_mixtures = frames_of_parts(frames, codes, len(self.phones_), self.parts)
        return ordered_map(train, of_mixtures, n_jobs=self.n_jobs)

    def _checked(self, X: ArrayLike, *, reset: bool = False) -> NDArray:
        if reset:
            check_names(self, X, reset=True)
            return as_table(X)
        check_fitted(self, "models_")
        return known_columns(self, X, self.n_features_in_)

    def _segments(
        self, X: ArrayLike, ranges: ArrayLike, phones: ArrayLike, *, reset: bool = False
    ) -> tuple[NDArray, NDArray[np.int64], NDArray[np.str_]]:
        frames = self._checked(X, reset=reset)
        rows, names = as_ranges(ranges, len(frames)), as_names(phones, "phones")
        check_each_has(names, len(rows), "segment", owner="phones")
        return frames, rows, names

    def describe(self) -> list[str]:
        """Describe the object in a few lines."""
        sizes = sorted({len(mixture.weights_) for mixture in self.models_})
        return [
            f"phone mixtures: {counted(len(self.phones_), 'phone')}, {sizes[0]} to "
            f"{counted(sizes[-1], 'component')} each",
            f"phones: {' '.join(self.phones_)}",
            f"front end: {describe_front_end(self.front_end_)}",
        ]
