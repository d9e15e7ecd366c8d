"""Phone classification systems: for segments with known boundaries, and for frames.

`train_phone_classifier` trains a projection and a mixture for each part of each phone, `train_adapted_classifier` also
a Gaussian of segment vectors and the adaptation of frames to speakers. Both return an object with the methods
``segment_scores`` and ``frame_scores``, which `gmmspeech.load` reads back from a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from gmmspeech.described import Described
from gmmspeech.errors import DataError, ModelError, counted
from gmmspeech.features.compatibility import describe_front_end
from gmmspeech.files.saving import Saved
from gmmspeech.phones.gmm.adaptation import SpeakerAdapter, train_speaker_adapter
from gmmspeech.phones.gmm.fusion import combine, fit_weights
from gmmspeech.phones.gmm.phone_gmm import PhoneGMM
from gmmspeech.phones.gmm.projection import project, train_projection
from gmmspeech.phones.gmm.segment_gaussian import SegmentGaussian
from gmmspeech.phones.labels.segments import Edges, LabeledFrames, segment_vectors

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class PhoneClassifierConfig:
    """Options to train a `PhoneGMM` of spliced and projected frames.

    Parameters
    ----------
    n_components : int
        Of the mixture of each part of a phone.
    parts : int
        That segments are cut in: 3 for begin, middle and end.
    dim, context : int, optional
        Of `train_projection`.
    max_iter : int
        Of EM.
    size, duration, scale, smoothing
        Of `PhoneGMM`.
    """

    n_components: int = 16
    parts: int = 3
    dim: int | None = None
    context: int = 10
    max_iter: int = 10
    size: str = "fixed"
    duration: bool = True
    scale: float = 0.3
    smoothing: float = 2.0

    def mixtures(self, n_components: int, n_jobs: int | None) -> PhoneGMM:
        """Give a model to train that has another number of components."""
        kept = ("parts", "max_iter", "size", "duration", "scale", "smoothing")
        options: dict[str, Any] = {name: getattr(self, name) for name in kept}
        return PhoneGMM(n_components, random_state=0, n_jobs=n_jobs, **options)


@dataclass(frozen=True)
class AdaptedClassifierConfig:
    """Options to train a `PhoneClassifier`, a Gaussian of segment vectors, and models of frames adapted to speakers.

    Parameters
    ----------
    unadapted : PhoneClassifierConfig
        Of the unadapted frames. That of adapted frames, for frames, has as many components.
    shrinkage : float
        Of the `SegmentGaussian`.
    edges : sequence of (int, int)
        Surroundings in segment vectors; see `segment_vectors`.
    adapter_components : int
        Of the models that frames are adapted to.
    prior_frames : float
        Of `train_speaker_adapter`.
    segment_components : int
        Of the model of adapted frames, for segments.
    passes : int
        How often segments are adapted to, each time by the posteriors found before.
    """

    unadapted: PhoneClassifierConfig = field(default_factory=PhoneClassifierConfig)
    shrinkage: float = 1000.0
    edges: tuple[tuple[int, int], ...] = ((0, 2), (2, 5), (5, 10))
    adapter_components: int = 4
    prior_frames: float = 1500.0
    segment_components: int = 24
    passes: int = 2


@dataclass(frozen=True, eq=False, repr=False)
class PhoneClassifier(
    Described, Saved, kind="PhoneClassifier", hint="a classifier of phones (made by train-phone-classifier)"
):
    """Mixtures of phones, and the projection that gives their frames.

    Parameters
    ----------
    projection : ndarray, shape (dim, (2 context + 1) D), float64
        Of `train_projection`.
    model : PhoneGMM
    """

    projection: NDArray[np.float64]
    model: PhoneGMM

    def __post_init__(self) -> None:
        dim = self.model.models_[0].means_.shape[1]
        if self.projection.ndim != 2 or len(self.projection) != dim:
            raise ModelError(f"projection: found shape {self.projection.shape}, expected ({dim}, columns of frames)")

    @property
    def phones(self) -> tuple[str, ...]:
        """P phones, in the order of the scores."""
        return self.model.phones_

    @property
    def front_end(self) -> str | None:
        """Configuration of the front end that made the frames, as JSON text, if known."""
        return self.model.front_end_

    def with_front_end(self, front_end: str | None) -> PhoneClassifier:
        """Note the front end that the frames are of."""
        self.model.front_end_ = front_end
        return self

    def project(self, data: LabeledFrames) -> LabeledFrames:
        """Give the frames of the model."""
        return project(data, self.projection)

    def segment_scores(self, data: LabeledFrames) -> Float64:
        """Log posterior of every phone given each segment, shape (S, P). Names of segments are not looked at."""
        return self.model.segment_log_posteriors(self.project(data).frames, data.ranges)

    def frame_scores(self, data: LabeledFrames) -> Float64:
        """Log posterior of every phone given each frame, shape (N, P). Segments are not looked at."""
        return frame_log_posteriors(self.model, self.project(data))

    def describe(self) -> list[str]:
        """Describe the object in a few lines."""
        return _describe(self, "one model", self)


@dataclass(frozen=True, eq=False)
class AdaptedPhoneClassifier(
    Saved, kind="AdaptedPhoneClassifier", hint="a classifier of phones (made by train-phone-classifier)"
):
    """Classifier of segment vectors and of frames adapted to speakers: the full system.

    Three systems score a segment: one Gaussian of its vector, and a `PhoneGMM`, of unadapted and then of adapted
    frames, whose parts, duration and priors are weighted apart. Nothing is known of a test speaker but their frames and
    the boundaries in them; frames are adapted and classified without the boundaries.

    Parameters
    ----------
    one : PhoneClassifier
        Of unadapted frames.
    gaussian : SegmentGaussian
    edges : sequence of (int, int)
        Surroundings in segment vectors.
    adapter : SpeakerAdapter
    of_frames, of_segments : PhoneGMM
        Of adapted frames, to classify frames and segments.
    weights : ndarray, shape (passes + 1, parts + 3), float64
        Of the systems: parts, segment vector, duration, priors; the first row with unadapted frames.
    """

    one: PhoneClassifier
    gaussian: SegmentGaussian = field(metadata={"saved_as": "segment_gaussian"})
    edges: tuple[tuple[int, int], ...]
    adapter: SpeakerAdapter
    of_frames: PhoneGMM
    of_segments: PhoneGMM
    weights: NDArray[np.float64]

    @property
    def phones(self) -> tuple[str, ...]:
        """P phones, in the order of the scores."""
        return self.one.phones

    @property
    def front_end(self) -> str | None:
        """Configuration of the front end that made the frames, as JSON text, if known."""
        return self.one.front_end

    def with_front_end(self, front_end: str | None) -> AdaptedPhoneClassifier:
        """Note the front end that the frames are of."""
        self.one.with_front_end(front_end)
        return self

    def segment_scores(self, data: LabeledFrames) -> Float64:
        """Log posterior of every phone given each segment, shape (S, P), but for a constant a segment."""
        return self.segment_passes(data)[-1]

    def segment_passes(self, data: LabeledFrames) -> list[Float64]:
        """Scores of segments with unadapted frames, then after each pass of adaptation."""
        projected, vectors = self.one.project(data), self.vector_scores(data)
        scores: list[Float64] = []
        for weights in self.weights:
            systems = self.segment_systems(projected, vectors, scores[-1] if scores else None)
            scores.append(combine(systems, weights))
        return scores

    def segment_systems(self, projected: LabeledFrames, vectors: Float64, before: Float64 | None) -> Float64:
        """Give what is weighted, shape (parts + 3, S, P).

        The mean log-likelihoods of a segment's parts, the log-likelihood of its vector, that of its
        duration, and the log prior.

        Parameters
        ----------
        projected : LabeledFrames
        vectors : ndarray, shape (S, P)
            What `vector_scores` gave.
        before : ndarray, shape (S, P), optional
            Scores by which frames are adapted; without, they aren't.
        """
        model, adapted = self.one.model, projected
        if before is not None:
            model, adapted = self.of_segments, self.adapter.adapt_segments(projected, softmax(before, axis=1))
        means = model.average_parts(model.log_likelihoods(adapted.frames), projected.ranges)
        durations = model.duration_log_likelihoods(projected.ranges)
        return np.stack([*means, vectors, durations, np.broadcast_to(np.log(model.priors_), durations.shape)])

    def vector_scores(self, data: LabeledFrames) -> Float64:
        """Log-likelihood of each segment's vector under every phone, shape (S, P)."""
        return self.gaussian.log_likelihoods(vectors_of(data, self.edges))

    def frame_scores(self, data: LabeledFrames) -> Float64:
        """Log posterior of every phone given each frame, shape (N, P). Segments are not looked at."""
        return frame_log_posteriors(self.of_frames, self.adapter.adapt_frames(self.one.project(data)))

    def describe(self) -> list[str]:
        """Describe the object in a few lines."""
        return _describe(self, "segment vectors and adaptation to speakers", self.one)


Classifier = PhoneClassifier | AdaptedPhoneClassifier


def train_phone_classifier(
    train: LabeledFrames, config: PhoneClassifierConfig, *, n_jobs: int | None = 1
) -> PhoneClassifier:
    """Learn the projection, and train the mixtures on what it gives."""
    projection = train_projection(train, context=config.context, dim=config.dim, parts=config.parts)
    return PhoneClassifier(
        projection, _fitted(config.mixtures(config.n_components, n_jobs), project(train, projection))
    )


def train_adapted_classifier(
    train: LabeledFrames,
    dev: LabeledFrames,
    config: AdaptedClassifierConfig,
    *,
    silence: str = "SIL",
    n_jobs: int | None = 1,
) -> AdaptedPhoneClassifier:
    """Train a `PhoneClassifier`, a Gaussian of segment vectors, and what adapts frames to speakers."""
    check_known(dev, set(train.phones.tolist()) | {silence}, "dev")
    one = train_phone_classifier(train, config.unadapted, n_jobs=n_jobs)
    gaussian = SegmentGaussian(shrinkage=config.shrinkage).fit(vectors_of(train, config.edges), train.phones)
    target = config.unadapted.mixtures(config.adapter_components, n_jobs)
    adapter, adapted = train_speaker_adapter(one.project(train), target, prior_frames=config.prior_frames)
    of_frames, of_segments = (
        _fitted(config.unadapted.mixtures(count, n_jobs), adapted)
        for count in (config.unadapted.n_components, config.segment_components)
    )
    no_weights = np.empty((0, config.unadapted.parts + 3))
    system = AdaptedPhoneClassifier(one, gaussian, config.edges, adapter, of_frames, of_segments, no_weights)
    return replace(system, weights=_weights(system, dev, config.passes, silence))


def _weights(system: AdaptedPhoneClassifier, dev: LabeledFrames, passes: int, silence: str) -> NDArray[np.float64]:
    """Weights that suit `dev` best, pass by pass."""
    projected, vectors = system.one.project(dev), system.vector_scores(dev)
    spoken, columns = dev.phones != silence, np.asarray(system.phones) != silence
    truth = np.searchsorted(np.asarray(system.phones)[columns], dev.phones[spoken])
    weights: list[NDArray[np.float64]] = []
    scores = None
    for _ in range(passes + 1):
        systems = system.segment_systems(projected, vectors, scores)
        weights.append(fit_weights(systems[:, spoken][:, :, columns], truth))
        scores = combine(systems, weights[-1])
    return np.stack(weights)


def best_phones(scores: Float64, phones: Sequence[str], *, without: str = "") -> NDArray[np.str_]:
    """Phone of the highest score in each row, shape (S,); never `without`."""
    names = np.asarray(phones)
    columns = names != without
    return names[columns][scores[:, columns].argmax(axis=1)]


def vectors_of(data: LabeledFrames, edges: Edges) -> NDArray[np.float32]:
    """Segment vectors of all utterances, shape (S, E)."""
    utterances = data.segment_utterances()
    return np.concatenate(
        [
            segment_vectors(data.frames[rows], data.ranges[utterances == i] - rows.start, edges=edges)
            for i, rows in enumerate(data.utterance_rows())
        ]
    )


def frame_log_posteriors(model: PhoneGMM, data: LabeledFrames) -> Float64:
    """Log posterior of every phone given each frame, shape (N, P); smoothing doesn't reach beyond an utterance."""
    return model.frame_log_posteriors(data.frames, lengths=np.diff(data.offsets).tolist())


def check_known(data: LabeledFrames, known: set[str], owner: str) -> None:
    """Check that all phones are among those that are known."""
    unknown = sorted(set(data.phones.tolist()) - known)
    if unknown:
        expected = f"those that are trained: {' '.join(sorted(known))}"
        raise DataError(f"{owner}: found phone {unknown[0]}, expected {expected}")


def _fitted(model: PhoneGMM, data: LabeledFrames) -> PhoneGMM:
    return model.fit(data.frames, data.ranges, data.phones)


def _describe(classifier: Classifier, kind: str, one: PhoneClassifier) -> list[str]:
    sizes = max(len(mixture.weights_) for mixture in one.model.models_)
    dim, spliced = one.projection.shape
    size = f"{counted(len(classifier.phones), 'phone')} in {counted(one.model.parts, 'part')}, up to {sizes} components"
    return [
        f"classifier of phones: {kind}, {size}",
        f"phones: {' '.join(classifier.phones)}",
        f"projection: {spliced} to {counted(dim, 'dimension')}",
        f"front end: {describe_front_end(classifier.front_end)}",
    ]
