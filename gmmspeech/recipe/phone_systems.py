"""Systems that classify phones: segments between known boundaries, and frames.

All phones of the labels are trained, silence too, but only the others are scored and may be found: where boundaries
are known, silence is known. Of the frames, those in segments that are scored count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from gmmspeech.errors import DataError
from gmmspeech.metrics.confusion import confusion_matrix
from gmmspeech.phones.fusion import combine, fit_weights
from gmmspeech.phones.gmm_adaptation import train_speaker_adapter
from gmmspeech.phones.phone_gmm import PhoneGMM
from gmmspeech.phones.projection import estimate_projection, project
from gmmspeech.phones.segment_gaussian import SegmentGaussian
from gmmspeech.phones.segments import LabelledFrames, rows_of, segment_vectors

SILENCE = "SIL"
PARTS = 3  # of a segment: begin, middle, end

Parts = Mapping[str, LabelledFrames]
Scores = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class OneModel:
    """A `PhoneGMM` of spliced and projected frames.

    Parameters
    ----------
    n_components : int
        Of the mixture of each part of a phone.
    dim, context : int
        Of `estimate_projection`.
    max_iter : int
        Of EM.
    scale : float
        Of a segment's log-likelihood; see `PhoneGMM.segment_log_posteriors`.
    smoothing : float
        Frames are classified by themselves, and smoothed with this deviation in frames.
    """

    n_components: int = 32
    dim: int = 40
    context: int = 10
    max_iter: int = 20
    scale: float = 1.0
    smoothing: float = 1.0

    def mixtures(self, n_components: int, jobs: int) -> PhoneGMM:
        """Give a model to train that has another number of components."""
        return PhoneGMM(n_components, parts=PARTS, max_iter=self.max_iter, random_state=0, n_jobs=jobs)


@dataclass(frozen=True)
class FullSystem:
    """One model, segment vectors beside it, and models of frames that are adapted to the speakers.

    Parameters
    ----------
    one_model : OneModel
        Unadapted. That of adapted frames, for frames, has as many components.
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

    one_model: OneModel = OneModel(12, 60, max_iter=10, scale=0.3, smoothing=2.0)
    shrinkage: float = 1000.0
    edges: tuple[tuple[int, int], ...] = ((0, 2), (2, 5), (5, 10))
    adapter_components: int = 4
    prior_frames: float = 1500.0
    segment_components: int = 24
    passes: int = 2


@dataclass(frozen=True)
class Result:
    """How many segments or frames of a part (`unit`) a system gets right."""

    system: str
    unit: str
    part: str
    right: int
    count: int


@dataclass(frozen=True, eq=False)
class Classification:
    """What was found.

    Parameters
    ----------
    results : list of Result
        System by system.
    phones : tuple of str
        P phones that are scored.
    counts : ndarray, shape (P, P), int64
        Confusion matrix of the last system's segments of the part `test`.
    """

    results: list[Result]
    phones: tuple[str, ...]
    counts: NDArray[np.int64]


def classify_by_one_model(train: LabelledFrames, tests: Parts, config: OneModel, *, jobs: int = 1) -> Classification:
    """Train one model, and classify the segments and frames of other parts.

    Parameters
    ----------
    train : LabelledFrames
    tests : mapping of str to LabelledFrames
        By the name of the part, `test` and perhaps others.
    config : OneModel
    jobs : int
        Threads.

    Raises
    ------
    DataError
        A part with a phone that has no training segment.
    """
    _check_known(train, tests)
    model, _, projected = _train_one_model(train, tests, config, jobs)
    results, counts = _one_model_results(model, projected, config)
    return Classification(results, _spoken_names(model), counts)


def classify_by_full_system(
    train: LabelledFrames, tests: Parts, config: FullSystem, *, jobs: int = 1
) -> Classification:
    """Train the full system, and classify the segments and frames of other parts.

    Three systems score a segment: one Gaussian of its vector, and a `PhoneGMM`, of unadapted and then of adapted
    frames, whose parts, duration and priors are weighted apart. Nothing is known of a test speaker but his frames and
    the boundaries in them; frames are adapted and classified without the boundaries.

    Parameters
    ----------
    train : LabelledFrames
    tests : mapping of str to LabelledFrames
        By the name of the part; weights are fitted on `dev`.
    config : FullSystem
    jobs : int
        Threads.

    Raises
    ------
    DataError
        A part with a phone that has no training segment.
    """
    _check_known(train, tests)
    model, projected_train, projected = _train_one_model(train, tests, config.one_model, jobs)
    names = model.phones_
    results, _ = _one_model_results(model, projected, config.one_model)

    gaussian = SegmentGaussian(shrinkage=config.shrinkage).fit(vectors_of(train, config), train.phones)
    vectors = {part: gaussian.log_likelihoods(vectors_of(data, config)) for part, data in tests.items()}
    alone = {part: scores + np.log(model.priors_) for part, scores in vectors.items()}
    results += _segment_results("segment vectors", projected, alone, names)[0]
    scores = combined_scores(model, projected, projected, vectors)
    results += _segment_results("both, unadapted", projected, scores, names)[0]

    target = config.one_model.mixtures(config.adapter_components, jobs)
    adapter, adapted_train = train_speaker_adapter(projected_train, target, prior_frames=config.prior_frames)
    of_frames, of_segments = (
        _fitted(config.one_model.mixtures(count, jobs), adapted_train)
        for count in (config.one_model.n_components, config.segment_components)
    )
    adapted: Parts = {part: adapter.adapt_frames(data) for part, data in projected.items()}
    results += _frame_results("one model, adapted", of_frames, adapted, config.one_model.smoothing)
    for _ in range(config.passes):
        posteriors = {part: softmax(of_part, axis=1) for part, of_part in scores.items()}
        adapted = {part: adapter.adapt_segments(data, posteriors[part]) for part, data in projected.items()}
        scores = combined_scores(of_segments, adapted, projected, vectors)
    last, counts = _segment_results("full system", projected, scores, names)
    return Classification(results + last, _spoken_names(model), counts)


def vectors_of(data: LabelledFrames, config: FullSystem) -> NDArray[np.float32]:
    """Segment vectors of all utterances, shape (S, E)."""
    utterances = data.segment_utterances()
    return np.concatenate(
        [
            segment_vectors(data.frames[rows], data.ranges[utterances == i] - rows.start, edges=config.edges)
            for i, rows in enumerate(data.utterance_rows())
        ]
    )


def combined_scores(model: PhoneGMM, adapted: Parts, tests: Parts, vectors: Scores) -> dict[str, NDArray[np.float64]]:
    """Scores of every part's segments, shape (S, P): weighted sums, by weights that suit the part `dev` best.

    What is weighted: the mean log-likelihoods of a segment's begin, middle and end under `model`, the log-likelihood
    of its vector, that of its duration, and the log prior.

    Parameters
    ----------
    model : PhoneGMM
    adapted, tests : mapping of str to LabelledFrames
        Frames as `model` knows them, and the segments and what they are.
    vectors : mapping of str to ndarray, shape (S, P)
    """
    systems = {}
    for part, data in adapted.items():
        means = model.average_parts(model.log_likelihoods(data.frames), data.ranges)
        priors = np.tile(np.log(model.priors_), (len(data.ranges), 1))
        systems[part] = np.stack([*means, vectors[part], model.duration_log_likelihoods(data.ranges), priors])
    spoken = _is_spoken(tests["dev"])
    columns = np.asarray(model.phones_) != SILENCE
    truth = np.searchsorted(_spoken_names(model), tests["dev"].phones[spoken])
    weights = fit_weights(systems["dev"][:, spoken][:, :, columns], truth)
    return {part: combine(scores, weights) for part, scores in systems.items()}


def _train_one_model(
    train: LabelledFrames, tests: Parts, config: OneModel, jobs: int
) -> tuple[PhoneGMM, LabelledFrames, dict[str, LabelledFrames]]:
    """Learn the projection, train the model; give it, and all frames projected."""
    projection = estimate_projection(train, context=config.context, dim=config.dim)
    projected = project(train, projection)
    model = _fitted(config.mixtures(config.n_components, jobs), projected)
    return model, projected, {part: project(data, projection) for part, data in tests.items()}


def _fitted(model: PhoneGMM, data: LabelledFrames) -> PhoneGMM:
    return model.fit(data.frames, data.ranges, data.phones)


def _one_model_results(model: PhoneGMM, tests: Parts, config: OneModel) -> tuple[list[Result], NDArray[np.int64]]:
    """Results of segments, then of frames; and the confusions of segments."""
    scores = {
        part: model.segment_log_posteriors(data.frames, data.ranges, scale=config.scale) for part, data in tests.items()
    }
    of_segments, counts = _segment_results("one model", tests, scores, model.phones_)
    return of_segments + _frame_results("one model", model, tests, config.smoothing), counts


def _segment_results(
    system: str, tests: Parts, scores: Scores, phones: Sequence[str]
) -> tuple[list[Result], NDArray[np.int64]]:
    """Results of every part, and the confusions of the part `test`."""
    columns = np.asarray(phones) != SILENCE
    names = np.asarray(phones)[columns]
    counts = {}
    for part, data in tests.items():
        spoken = _is_spoken(data)
        found = names[scores[part][spoken][:, columns].argmax(axis=1)]
        counts[part] = confusion_matrix(data.phones[spoken], found, names.tolist())
    results = [Result(system, "segments", part, int(np.trace(c)), int(c.sum())) for part, c in counts.items()]
    return results, counts["test"]


def _frame_results(system: str, model: PhoneGMM, tests: Parts, smoothing: float) -> list[Result]:
    """Results of every part, with frames by themselves, then smoothed."""
    model = model.select(_spoken_names(model))
    return [
        Result(f"{system}, smoothed" if deviation else system, "frames", part, *_count_frames(model, data, deviation))
        for deviation in (0.0, smoothing)
        for part, data in tests.items()
    ]


def _count_frames(model: PhoneGMM, data: LabelledFrames, smoothing: float) -> tuple[int, int]:
    """How many frames in segments that count are right, and how many there are."""
    together = data.utterance_rows() if smoothing else [slice(None)]  # windows don't reach beyond an utterance
    found = np.concatenate([model.predict_frames(data.frames[rows], smoothing=smoothing) for rows in together])
    ranges, phones = data.ranges[_is_spoken(data)], data.phones[_is_spoken(data)]
    right = found[rows_of(ranges)] == np.repeat(phones, np.diff(ranges)[:, 0])
    return int(right.sum()), len(right)


def _is_spoken(data: LabelledFrames) -> NDArray[np.bool_]:
    return data.phones != SILENCE


def _spoken_names(model: PhoneGMM) -> tuple[str, ...]:
    return tuple(phone for phone in model.phones_ if phone != SILENCE)


def _check_known(train: LabelledFrames, tests: Parts) -> None:
    known = set(train.phones.tolist())
    for part, data in tests.items():
        unknown = sorted(set(data.phones.tolist()) - known - {SILENCE})
        if unknown:
            raise DataError(
                f"{part}: found phone {unknown[0]}, expected those that are trained: {' '.join(sorted(known))}"
            )
