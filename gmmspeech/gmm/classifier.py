"""Classification with one mixture per class: phonemes, speakers, digits."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import NOTHING, any_of, check, check_options, listed
from gmmspeech.blocks import is_segments
from gmmspeech.checks import as_labels, as_weights, check_distribution, finite, real_array
from gmmspeech.errors import ConfigError, FeatureError, GmmSpeechWarning, ModelError, counted, one_line, shown
from gmmspeech.features.compatibility import describe_front_end
from gmmspeech.files.saving import Saved, State
from gmmspeech.gmm import floors
from gmmspeech.gmm.em import train_each
from gmmspeech.gmm.estimator import Estimator, check_fitted
from gmmspeech.gmm.frames import as_frames, check_names, check_weights, saved_names, set_names, warn_if_wide
from gmmspeech.gmm.mixture import DiagonalGMM
from gmmspeech.gmm.options import of_mixtures


class GMMClassifier(Saved, Estimator, kind="GMMClassifier", hint="a classifier (made by train-classifier)"):
    """Classifier of frames, or of whole segments, with one Gaussian mixture per class.

    Parameters
    ----------
    n_components : int
        Components of each class's mixture; a class with fewer frames gets one per frame, with a GmmSpeechWarning.
    priors : array_like, shape (C,), optional
        Class priors in the order of `classes_`; by default each class's share of the training frames.
    init, max_iter, tol, variance_floor, random_state, backend, n_jobs
        See `DiagonalGMM`.

    Attributes
    ----------
    classes_ : ndarray, shape (C,)
        Labels, sorted.
    models_ : list of DiagonalGMM
        In the order of `classes_`.
    n_iter_ : int
        Number of EM updates, the largest over the classes.
    priors_ : ndarray, shape (C,)
    n_features_in_ : int
    feature_names_in_ : ndarray of str, shape (D,)
        Column names, if `X` was a table with names; later input must have the same names.
    front_end_ : str or None
        Configuration of the front end, as JSON text, if the caller has set it.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> rng = np.random.default_rng(0)
    >>> x = np.concatenate([rng.normal(-3, 1, (99, 2)), rng.normal(3, 1, (99, 2))])
    >>> clf = gs.GMMClassifier(n_components=2, random_state=0).fit(x, ["a"] * 99 + ["b"] * 99)
    >>> clf.predict_segments([x[:5], x[-5:]])
    array(['a', 'b'], dtype='<U1')
    """

    _is_a = "classifier"
    _parameter_constraints: ClassVar = {
        **of_mixtures("n_components", "init", "max_iter", "tol", "variance_floor", "random_state", "backend", "n_jobs"),
        "priors": any_of(NOTHING, listed()),
    }

    def __init__(
        self,
        n_components: int = 8,
        *,
        priors: ArrayLike | None = None,
        init: str = "kmeans",
        max_iter: int = 20,
        tol: float = 1e-3,
        variance_floor: float = 0.01,
        random_state: Any = None,
        backend: str = "auto",
        n_jobs: int | None = 1,
    ) -> None:
        self.n_components = n_components
        self.priors = priors
        self.init = init
        self.max_iter = max_iter
        self.tol = tol
        self.variance_floor = variance_floor
        self.random_state = random_state
        self.backend = backend
        self.n_jobs = n_jobs

    def fit(
        self,
        X: ArrayLike | Sequence[NDArray],
        y: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        progress: bool = True,
    ) -> Self:
        """Train one mixture for each label.

        Parameters
        ----------
        X : array_like, shape (N, D), or list of those
            Frames, or the frames of segments.
        y : array_like, shape (N,)
            Label of every frame; for a list, of every array (or of every frame of all arrays).
        sample_weight : array_like, shape (number of frames,), optional
            A frame of weight 2 counts as two frames, for its class's mixture and prior.
        progress : bool
            Show a progress bar in a terminal or notebook if the work takes longer than two seconds.

        Raises
        ------
        ConfigError
            An invalid option.
        ModelError
            A class without a frame of weight above 0; the message names it.
        FeatureError
            Frames that are not (N, D) or not finite; labels that are missing, continuous or do not match the frames in
            number.
        """
        check_options(self)
        check_names(self, X, reset=True)
        checked = as_frames(X)
        warn_if_wide(checked)
        frames = finite(np.concatenate(checked) if is_segments(checked) else np.asarray(checked))
        labels, count = _check_labels(y), len(checked) if is_segments(checked) else len(frames)
        if is_segments(checked) and len(labels) == count:
            labels = np.repeat(labels, [len(segment) for segment in checked])
        if len(labels) != len(frames):
            expected = f"one for each of the {counted(len(frames), 'frame')}"
            expected += f", or of the {counted(count, 'array')}" if is_segments(checked) else ""
            raise FeatureError(f"found labels of shape {labels.shape}, expected {expected}")
        if not len(frames):
            raise FeatureError("found 0 frames, expected one or more of each class")
        weight = None if sample_weight is None else check_weights(sample_weight, frames)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        self.priors_ = self._check_priors(np.bincount(codes, weight))
        fitted = (
            self._fit_class(label, frames[codes == i], None if weight is None else weight[codes == i])
            for i, label in enumerate(self.classes_)
        )
        self.models_ = train_each(fitted, list(map(str, self.classes_)), "class", shown=progress)
        floors.warn(type(self).__name__, self.models_)
        floors.warn_if_coarse(type(self).__name__, frames, self.models_)
        self.n_iter_ = max(model.n_iter_ for model in self.models_)
        self.n_features_in_ = frames.shape[1]
        self.front_end_: str | None = None
        return self

    def log_likelihoods(self, X: ArrayLike) -> NDArray[np.float64]:
        """Log-likelihood of every frame under every class, shape (N, C), in nats."""
        frames = self._checked(X)
        return np.stack([model.score_samples(frames) for model in self.models_], axis=1)

    def segment_log_likelihoods(self, segments: Sequence[NDArray]) -> NDArray[np.float64]:
        """Summed log-likelihood of every segment under every class, shape (number of segments, C), in nats.

        Parameters
        ----------
        segments : sequence of ndarray, shape (T, D)

        Raises
        ------
        FeatureError
            A segment without frames; the message gives its index.
        """
        check_fitted(self, "models_")
        check(listed(words="a list of arrays"), segments=segments)
        tables = [s if hasattr(s, "shape") else real_array(s, f"segment {i}") for i, s in enumerate(segments)]
        for i, table in enumerate(tables):
            if len(table.shape) != 2 or not len(table):
                raise FeatureError(f"segment {i}: found shape {table.shape}, expected (one or more frames, columns)")
        if not tables:
            return np.empty((0, len(self.classes_)))
        checked = self._checked(tables)
        starts = np.cumsum([0, *(len(s) for s in checked[:-1])])
        return np.add.reduceat(self.log_likelihoods(np.concatenate(checked)), starts, axis=0)

    def predict_log_proba(self, X: ArrayLike | Sequence[NDArray]) -> NDArray[np.float64]:
        """Log posterior of every class given each frame, shape (N, C); for a list, given each array."""
        from scipy.special import logsumexp  # which takes a while

        joint = self._joint(X)
        return joint - logsumexp(joint, axis=1, keepdims=True)

    def predict_proba(self, X: ArrayLike | Sequence[NDArray]) -> NDArray[np.float64]:
        """Posterior of every class given each frame, shape (N, C); for a list, given each array."""
        return np.exp(self.predict_log_proba(X))

    def predict(self, X: ArrayLike | Sequence[NDArray]) -> NDArray:
        """Predict the label of every frame, shape (N,); for a list, of every array (see `predict_segments`)."""
        best = self._joint(X).argmax(axis=1)
        return self.classes_[best]

    def score(self, X: ArrayLike | Sequence[NDArray], y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Accuracy: the share, weighted by `sample_weight`, of frames (or arrays of a list) with the right label.

        Parameters
        ----------
        X : array_like, shape (N, D), or list of N arrays (T, D)
        y : array_like, shape (N,)
            Their labels.
        sample_weight : array_like, shape (N,), optional

        Raises
        ------
        FeatureError
            The number of labels is not the number of frames, or of arrays.
        """
        labels, found = _check_labels(y), self.predict(X)
        if labels.shape != found.shape or not len(found):
            raise FeatureError(f"found labels of shape {labels.shape}, expected one for each of the {len(found)}")
        weight = None if sample_weight is None else as_weights(sample_weight, len(found))
        return float(np.average(labels == found, weights=weight))

    def predict_segments(self, segments: Sequence[NDArray]) -> NDArray:
        """Predict one label for all frames of each segment, shape (number of segments,).

        Parameters
        ----------
        segments : sequence of ndarray, shape (T, D)
        """
        joint = self.segment_log_likelihoods(segments) + self._log_priors()
        return self.classes_[joint.argmax(axis=1)]

    def to_state(self) -> State:
        """Return labels, priors and mixtures for saving."""
        check_fitted(self, "models_")
        labels = self.classes_.tolist() if self.classes_.dtype.kind in "UO" else self.classes_
        return {
            "classes": labels,
            "priors": self.priors_,
            "models": tuple(self.models_),
            "front_end": self.front_end_ or "",
            "feature_names": saved_names(self),
        }

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Rebuild a classifier from the result of `to_state`."""
        labels = np.array(state["classes"])
        models = [DiagonalGMM.from_state(state["models"][str(i)]) for i in range(len(labels))]
        classifier = cls(n_components=max(len(m.weights_) for m in models))
        check_distribution("priors", state["priors"], len(labels))
        if labels.ndim != 1 or len(np.unique(labels)) != len(labels) or len({m.n_features_in_ for m in models}) != 1:
            raise ModelError(f"classes: found {shown(labels)}, expected each once, with mixtures of one dimension")
        classifier.classes_, classifier.priors_, classifier.models_ = labels, state["priors"], models
        classifier.n_features_in_ = models[0].n_features_in_
        classifier.front_end_ = state["front_end"] or None
        set_names(classifier, state.get("feature_names"))
        return classifier

    def _checked(self, X: ArrayLike | Sequence[NDArray]) -> Any:
        """Frames, or a list of them, with the columns that the classifier was fitted to."""
        check_fitted(self, "models_")
        check_names(self, X, reset=False)
        return as_frames(X)

    def _joint(self, X: ArrayLike | Sequence[NDArray]) -> NDArray[np.float64]:
        likelihoods = self.segment_log_likelihoods(X) if is_segments(X) else self.log_likelihoods(X)
        return likelihoods + self._log_priors()

    def _fit_class(self, label: Any, frames: NDArray, weight: NDArray[np.float64] | None) -> DiagonalGMM:
        options = {name: value for name, value in self.get_params(deep=False).items() if name != "priors"}
        count = len(frames) if weight is None else int(np.count_nonzero(weight))
        if 0 < count < self.n_components:
            found = f"class {label}: found {counted(count, 'frame')} for {counted(self.n_components, 'component')}"
            warnings.warn(f"{found}; its mixture gets {count}", GmmSpeechWarning, stacklevel=4)
            options["n_components"] = count
        try:
            if not count:
                raise ModelError("found only frames of weight 0, expected some above")
            return DiagonalGMM(**options)._train(frames, weight)
        except ModelError as error:
            raise ModelError(f"class {label}: {error}") from None

    def _check_priors(self, counts: NDArray) -> NDArray[np.float64]:
        if self.priors is None:
            return counts / counts.sum()
        priors = real_array(self.priors, "priors", ConfigError).astype(np.float64)
        if priors.shape != counts.shape or not (priors >= 0).all() or abs(priors.sum() - 1) > 1e-6:
            raise ConfigError(f"priors: found {priors}, expected {len(counts)} numbers, none negative, that sum to 1")
        return priors

    def _log_priors(self) -> NDArray[np.float64]:
        with np.errstate(divide="ignore"):
            return np.log(self.priors_)

    def describe(self) -> list[str]:
        """Describe the object in a few lines."""
        sizes = sorted({len(m.weights_) for m in self.models_})
        return [
            f"classifier: {counted(len(self.classes_), 'class')}, {'/'.join(map(str, sizes))} components each",
            f"classes: {' '.join(map(str, self.classes_))}",
            f"front end: {describe_front_end(self.front_end_)}",
        ]


def _check_labels(y: ArrayLike | None) -> NDArray:
    """Labels in a row, or a `FeatureError`, in the words that scikit-learn's users know."""
    if y is None:
        raise FeatureError("GMMClassifier requires y to be passed, but the target y is None")
    from sklearn.utils import column_or_1d  # which takes a second
    from sklearn.utils.multiclass import check_classification_targets

    labels = as_labels(y, error=FeatureError)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = column_or_1d(labels, warn=True)
    if labels.ndim != 1:
        raise FeatureError(f"found labels of shape {labels.shape}, expected one for each frame")
    try:
        check_classification_targets(labels)
    except (TypeError, ValueError) as error:
        raise FeatureError(f"labels: {one_line(error)}") from None
    return labels
