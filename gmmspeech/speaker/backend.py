"""Back end for i-vectors: a sequence of transforms, and a scoring model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import check_fields, checked
from gmmspeech.blocks import single_threaded_blas
from gmmspeech.checks import as_labels, check_each_has
from gmmspeech.described import Described
from gmmspeech.errors import ConfigError, ModelError, counted
from gmmspeech.files.saving import Saved
from gmmspeech.speaker.plda import PLDA, train_plda
from gmmspeech.speaker.transforms import AffineTransform, as_vectors, cosine_scores, lda, wccn, whitening

STEPS = ("center", "whiten", "lda", "wccn", "length")


@dataclass(frozen=True, repr=False)
class BackEnd(Described, Saved, kind="BackEnd", hint="a back end (made by train-plda)"):
    """Transforms of i-vectors, and the model that scores them.

    Built by `train_backend`, or from given parts.

    Parameters
    ----------
    transforms : tuple of AffineTransform
        In the order in which they are applied.
    plda : PLDA, optional
        Scoring model; by default the score is the cosine.
    extractor_digest : str, optional
        Digest of the extractor of its i-vectors; see `IVectorExtractor.digest`.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> backend = gs.speaker.BackEnd()  # nothing but the cosine
    >>> backend.score([[1.0, 0.0]], [[2.0, 0.0], [0.0, 3.0]])
    array([[1., 0.]])
    """

    transforms: tuple[AffineTransform, ...] = ()
    plda: PLDA | None = None
    extractor_digest: str | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        inputs = [transform.matrix.shape[1] for transform in self.transforms]
        if self.plda is not None:
            inputs.append(len(self.plda.mean))
        for i, (transform, expected) in enumerate(zip(self.transforms, inputs[1:], strict=False)):
            found = len(transform.matrix)
            if found != expected:
                raise ModelError(
                    f"back end: found {counted(found, 'dimension')} after transform {i}, expected {expected}"
                )

    @checked
    def transform(self, x: ArrayLike, *, extractor_digest: str | None = None) -> NDArray[np.float64]:
        """Apply all transforms to i-vectors (U, R), giving (U, S).

        Parameters
        ----------
        x : array_like, shape (U, R)
        extractor_digest : str, optional
            Digest of their extractor; a `ModelError` if the back end was trained with another one.
        """
        if extractor_digest and self.extractor_digest and extractor_digest != self.extractor_digest:
            raise ModelError(
                f"back end: found i-vectors of extractor {extractor_digest[:12]}, "
                f"expected {self.extractor_digest[:12]}, which it was trained with"
            )
        vectors = as_vectors(x)
        for transform in self.transforms:
            vectors = transform(vectors)
        return vectors

    @checked
    def score(
        self,
        models: ArrayLike,
        tests: ArrayLike,
        *,
        sessions: ArrayLike | int = 1,
        normalize_length: bool = False,
    ) -> NDArray[np.float64]:
        """Score all pairs of transformed vectors, (M, S) and (U, S): (M, U).

        Parameters
        ----------
        models : array_like, shape (M, S)
            Mean of the transformed enrollment vectors of each model; see `average_sessions`.
        tests : array_like, shape (U, S)
        sessions : int, or array_like of int, shape (M,)
            Number of vectors in each mean, for exact PLDA; 1 for averaging. Cosines don't depend on it.
        normalize_length : bool
            See `PLDA.score`. Cosines don't depend on it.
        """
        if self.plda is None:
            return cosine_scores(models, tests)
        return self.plda.score(models, tests, sessions=sessions, normalize_length=normalize_length)

    def describe(self) -> list[str]:
        """Describe the object in a few lines."""
        lines = ["back end of i-vectors"]
        for transform in self.transforms:
            to, before = transform.matrix.shape
            lines.append(
                f"transform: {before} to {counted(to, 'dimension')}{', length 1' if transform.unit_length else ''}"
            )
        return [*lines, *(["cosine"] if self.plda is None else self.plda.describe())]


@checked
def train_backend(
    x: ArrayLike,
    labels: ArrayLike,
    *,
    steps: Sequence[str] = ("whiten", "length"),
    lda_dim: int | None = None,
    plda: bool = True,
    plda_rank: int | None = None,
    max_iter: int = 20,
    extractor_digest: str | None = None,
    callback: Callable[[PLDA], None] | None = None,
    progress: bool = True,
) -> BackEnd:
    """Train transforms on labeled i-vectors, each on the output of the one before, and PLDA on the result.

    Parameters
    ----------
    x : array_like, shape (N, R)
        i-vectors.
    labels : array_like, shape (N,)
        Their speakers.
    steps : sequence of str
        Any of "center" (subtract the mean), "whiten", "lda", "wccn", and "length" (normalize to length 1), in any
        order. The default follows Garcia-Romero and Espy-Wilson (2011); ("center", "lda", "length") follows Kaldi, and
        ("center", "lda", "wccn") with `plda` = False Dehak et al. (2011).
    lda_dim : int, optional
        Dimension after "lda"; see `lda`.
    plda : bool
        Score by PLDA; if False, by cosine.
    plda_rank, max_iter
        See `train_plda`.
    extractor_digest : str, optional
        See `BackEnd`.
    callback, progress
        See `train_plda`.

    Returns
    -------
    BackEnd

    Raises
    ------
    ConfigError
        An unknown step, or "lda" without a dimension or the reverse.
    ModelError
        A singular covariance, of all vectors or within speakers: see `whitening`, `lda`, `wccn`, `train_plda`.
    DataError, FeatureError
        Invalid labels or vectors, see `class_statistics`.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> rng = np.random.default_rng(0)
    >>> speakers = np.repeat(np.arange(50), 4)
    >>> x = 3 * rng.normal(size=(50, 5))[speakers] + rng.normal(size=(200, 5))
    >>> backend = gs.speaker.train_backend(x, speakers, steps=("center", "lda", "length"), lda_dim=3)
    >>> vectors = backend.transform(x)
    >>> scores = backend.score(vectors[::4], vectors[1::4])
    >>> np.diagonal(scores).mean() > 1 > 0 > scores.mean()
    np.True_
    """
    unknown = [step for step in steps if step not in STEPS]
    if unknown:
        raise ConfigError(f"steps: found {unknown[0]!r}, expected any of {', '.join(STEPS)}")
    if ("lda" in steps) != (lda_dim is not None):
        found = "none" if lda_dim is None else lda_dim
        raise ConfigError(f"lda_dim: found {found} with steps {', '.join(steps)}, expected it just where lda is one")
    vectors = as_vectors(x)
    labels = as_labels(labels)
    check_each_has(labels, len(vectors), "vector")
    with single_threaded_blas():  # the last bits would depend on its threads
        transforms = []
        for step in steps:
            transform = _train_step(step, vectors, labels, lda_dim)
            transforms.append(transform)
            vectors = transform(vectors)
    shown: dict[str, Any] = {"callback": callback, "progress": progress}
    model = train_plda(vectors, labels, rank=plda_rank, max_iter=max_iter, **shown) if plda else None
    return BackEnd(tuple(transforms), model, extractor_digest)


def _train_step(step: str, x: NDArray[np.float64], labels: ArrayLike, lda_dim: int | None) -> AffineTransform:
    if step == "whiten":
        return whitening(x)
    if step == "lda" and lda_dim is not None:
        return lda(x, labels, lda_dim)
    if step == "wccn":
        return wccn(x, labels)
    mean = x.mean(axis=0) if step == "center" else np.zeros(x.shape[1])
    return AffineTransform(mean, np.eye(x.shape[1]), unit_length=step == "length")
