"""LDA and MLLT on spliced frames, and fMLLR of speakers, trained on alignments by phone HMMs."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmmspeech.blocks import ordered_map, single_threaded_blas, tree_sum
from gmmspeech.checks import all_finite, as_matrix
from gmmspeech.errors import DataError, GmmSpeechError
from gmmspeech.features.compatibility import front_end_of
from gmmspeech.linear.fmllr import FMLLRStats, accumulate_fmllr, fmllr
from gmmspeech.linear.lda import LDAStats, accumulate_lda, lda
from gmmspeech.linear.mllt import MLLTStats, accumulate_mllt, mllt
from gmmspeech.linear.transforms import apply_transform, splice
from gmmspeech.phones.hmm.batches import read_batches
from gmmspeech.phones.hmm.corpus import path_posteriors
from gmmspeech.phones.hmm.fmllr_statistics import fmllr_statistics
from gmmspeech.phones.hmm.forward_backward import StatePosteriors, best_states
from gmmspeech.phones.hmm.graph import StateGraph
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.trellis import Transitions
from gmmspeech.phones.hmm.viterbi import viterbi
from gmmspeech.phones.hmm.workers import Batch, Workers, in_groups

if TYPE_CHECKING:
    from distributed import Client
    from scipy import sparse

Frames = Mapping[str, NDArray]

SWEEPS = (
    8  # over the rows of a transform: more of them move no boundary, and take most of the time of a short recording
)


@dataclass(frozen=True, eq=False)
class SplicedTransform:
    """Frames with their neighbors, put through a matrix.

    Attributes
    ----------
    context : int
        Frames on either side.
    matrix : ndarray, shape (D', (2 context + 1) D), float64
    """

    context: int
    matrix: NDArray[np.float64]

    def __call__(self, frames: NDArray[np.floating]) -> NDArray[np.floating]:
        """Transform frames, shape (T, D), to shape (T, D')."""
        return apply_transform(splice(frames, self.context), self.matrix)

    def then(self, matrix: NDArray[np.float64]) -> SplicedTransform:
        """Give the transform that is followed by another one."""
        with single_threaded_blas():
            return SplicedTransform(self.context, matrix @ self.matrix)


def train_lda(
    frames: Frames,
    posteriors: Mapping[str, StatePosteriors],
    num_states: int,
    *,
    context: int = 7,
    dim: int = 40,
    n_jobs: int | None = 1,
    client: Client | None = None,
) -> SplicedTransform:
    """LDA of spliced frames, whose classes are the states of an alignment."""
    statistics = functools.partial(_lda_statistics, context, num_states)
    workers = Workers(n_jobs, client)
    return SplicedTransform(context, lda(workers.sum(statistics, *_in_groups(workers, frames, posteriors)), dim))


def _lda_statistics(context: int, num_states: int, batch: Batch, posteriors: Sequence[StatePosteriors]) -> LDAStats:
    def of_utterance(pair: tuple[NDArray, StatePosteriors]) -> LDAStats:
        frame, state = best_states(pair[1])
        return accumulate_lda(splice(pair[0], context)[frame], state, num_states)

    return tree_sum(map(of_utterance, zip(batch.read(), posteriors, strict=True)))


def train_mllt(
    model: PhoneHMM,
    frames: Frames,
    posteriors: Mapping[str, StatePosteriors],
    *,
    n_jobs: int | None = 1,
    client: Client | None = None,
) -> NDArray[np.float64]:
    """MLLT of frames for the Gaussians of a model, (D, D)."""
    workers = Workers(n_jobs, client)
    stats = workers.sum(functools.partial(_mllt_statistics, model), *_in_groups(workers, frames, posteriors))
    return mllt(stats, model.means, model.variances)


def _mllt_statistics(model: PhoneHMM, batch: Batch, posteriors: Sequence[StatePosteriors]) -> MLLTStats:
    return tree_sum(
        accumulate_mllt(x, gaussian_posteriors(model, x, posterior), model.means, model.variances)
        for x, posterior in zip(batch.read(), posteriors, strict=True)
    )


def _in_groups(
    workers: Workers, frames: Frames, posteriors: Mapping[str, StatePosteriors]
) -> tuple[Sequence[Any], list[list[StatePosteriors]]]:
    """Columns of utterances in groups, and of their posteriors."""
    groups = in_groups(list(posteriors))
    return workers.batches(frames, groups), [[posteriors[name] for name in group] for group in groups]


def train_fmllr(
    model: PhoneHMM,
    frames: Frames,
    posteriors: Mapping[str, StatePosteriors],
    utt2spk: Mapping[str, str],
    *,
    transforms: Mapping[str, NDArray[np.float64]] | None = None,
    prior: FMLLRStats | None = None,
    prior_frames: float = 0.0,
    min_count: float = 500.0,
    max_iter: int = 40,
    n_jobs: int | None = 1,
    client: Client | None = None,
) -> tuple[dict[str, NDArray[np.float64]], FMLLRStats]:
    """Transform of each speaker's frames to the model.

    A full matrix has more numbers than some seconds of speech determine. So `prior_frames` frames of all speakers,
    which alone would give about the identity, can be added to each speaker's own statistics.
    """
    workers = Workers(n_jobs, client)
    batches, aligned = _in_groups(workers, frames, posteriors)
    speakers = [[utt2spk[name] for name in batch] for batch in in_groups(list(posteriors))]
    statistics = functools.partial(_fmllr_statistics, model, transforms)
    counts = itertools.chain.from_iterable(workers.map(statistics, batches, aligned, speakers))
    total: dict[str, FMLLRStats] = {}
    for name, stats in zip(posteriors, counts, strict=True):
        speaker = utt2spk[name]
        total[speaker] = total[speaker] + stats if speaker in total else stats
    everybody = sum(total.values(), start=0) if prior is None else prior
    if not isinstance(everybody, FMLLRStats):
        raise DataError("fMLLR: found no utterance, expected one or more")
    added = (prior_frames / everybody.beta) * everybody
    identity = np.eye(model.dim, model.dim + 1)
    found = {
        speaker: identity if stats.beta < min_count else fmllr(stats + added, max_iter=max_iter)
        for speaker, stats in total.items()
    }
    return found, everybody


def _fmllr_statistics(
    model: PhoneHMM,
    transforms: Mapping[str, NDArray[np.float64]] | None,
    batch: Batch,
    posteriors: Sequence[StatePosteriors],
    speakers: Sequence[str],
) -> list[FMLLRStats]:
    found = []
    for x, posterior, speaker in zip(batch.read(), posteriors, speakers, strict=True):
        adapted = x if transforms is None else apply_transform(x, transforms[speaker])
        found.append(accumulate_fmllr(x, gaussian_posteriors(model, adapted, posterior), model.means, model.variances))
    return found


def model_statistics(model: PhoneHMM) -> FMLLRStats:
    """Statistics for fMLLR that a frame drawn from the model itself is expected to give; their transform is none."""
    share = model.frames_of_gaussians / model.frames_of_gaussians.sum()
    extended = np.concatenate([model.means, np.ones((model.num_gaussians, 1))], axis=1)
    precise = share[:, None] / model.variances
    with single_threaded_blas():  # on a busy machine, threads wait longer for one another than such products take
        moments = np.stack([(extended * weight[:, None]).T @ extended for weight in precise.T])
    each = np.arange(model.dim)
    moments[:, each, each] += precise.T @ model.variances
    return FMLLRStats(1.0, (precise * model.means).T @ extended, moments)


def adapted_to_speakers(
    model: PhoneHMM,
    frames: Frames,
    graphs: Mapping[str, StateGraph],
    utt2spk: Mapping[str, str],
    *,
    prior_frames: float = 500.0,
    acoustic_scale: float = 1.0,
    beam: float | None = None,
    n_jobs: int | None = 1,
) -> Frames:
    """Bring the frames of each speaker to a model by fMLLR, after a first pass that finds the states of the frames.

    A speaker's own statistics are added to those of `prior_frames` frames that are as the model expects them, so that
    a second of speech changes little. An utterance without a path or a speaker, or that can't be read, has no part in
    it.
    """
    prior = prior_frames * model_statistics(model)

    def first_pass(batch: Mapping[str, NDArray]) -> list[_Part]:
        good = [name for name, x in batch.items() if _fits(model, x)]
        xs = [batch[name] for name in good]
        found = state_posteriors(
            *(model, xs, [graphs[name] for name in good]), acoustic_scale=acoustic_scale, beam=beam
        )
        aligned = [
            _Part(utt2spk[name], x, posterior.state)
            for name, x, posterior in zip(good, xs, found, strict=True)
            if posterior is not None
        ]
        return [_joined(list(parts)) for _, parts in itertools.groupby(aligned, lambda part: part.speaker)]

    def statistics(part: _Part) -> tuple[str, FMLLRStats]:
        return part.speaker, fmllr_statistics(model, part.frames, part.states)

    # speaker after speaker, so that the statistics of one are held at a time, and those that threads work on
    place = {speaker: i for i, speaker in enumerate(dict.fromkeys(utt2spk.values()))}
    known = sorted((name for name in graphs if name in utt2spk), key=lambda name: place[utt2spk[name]])
    parts = itertools.chain.from_iterable(ordered_map(first_pass, read_batches(frames, known), n_jobs=n_jobs))
    counted = ordered_map(statistics, parts, n_jobs=n_jobs)
    transforms = {
        speaker: fmllr(sum((stats for _, stats in own), start=prior), max_iter=SWEEPS)
        for speaker, own in itertools.groupby(counted, lambda pair: pair[0])
    }
    return through_transforms(frames, utt2spk, transforms)


class _Part(NamedTuple):
    """Frames of one speaker, (T, D), and the states that they are in, (T,)."""

    speaker: str
    frames: NDArray
    states: NDArray[np.intp]


def _joined(parts: Sequence[_Part]) -> _Part:
    """Parts of one speaker as one."""
    return _Part(parts[0].speaker, np.concatenate([p.frames for p in parts]), np.concatenate([p.states for p in parts]))


class MappedFrames(Mapping[str, NDArray]):
    """Frames of utterances that go through a function when they are read; their front end is told as it was."""

    def __init__(self, frames: Frames, function: Callable[[str, NDArray], NDArray]) -> None:
        self.frames, self.function = frames, function
        self.front_end, self.path = front_end_of(frames), getattr(frames, "path", "the frames")

    def __getitem__(self, name: str) -> NDArray:
        return self.function(name, self.frames[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self.frames)

    def __len__(self) -> int:
        return len(self.frames)

    def __contains__(self, name: object) -> bool:
        return name in self.frames


def _fits(model: PhoneHMM, frames: NDArray) -> bool:
    """Whether frames are what the model takes: others are told of where they are aligned."""
    try:
        x = as_matrix(frames, dim=model.dim)
    except GmmSpeechError:
        return False
    return len(x) > 0 and all_finite(x)


def through_transforms(
    frames: Frames, utt2spk: Mapping[str, str], transforms: Mapping[str, NDArray[np.float64]]
) -> Frames:
    """Frames that go through the transform of their speaker when they are read, or as they are if there is none."""

    def adapted(name: str, x: NDArray) -> NDArray:
        transform = transforms.get(utt2spk.get(name, ""))
        return x if transform is None else apply_transform(x, transform)

    return MappedFrames(frames, adapted)


def adapt_frames(
    frames: Frames, utt2spk: Mapping[str, str], transforms: Mapping[str, NDArray[np.float64]]
) -> dict[str, NDArray[np.floating]]:
    """Frames of each utterance through the transform of its speaker; as they are, if the speaker has none."""
    return dict(through_transforms(frames, utt2spk, transforms))


def state_posteriors(
    model: PhoneHMM,
    frames: Sequence[NDArray],
    graphs: Sequence[StateGraph],
    *,
    acoustic_scale: float = 1.0,
    beam: float | None = None,
) -> list[StatePosteriors | None]:
    """States of the frames of utterances on their best paths; None for an utterance without a path."""
    emissions = [model.log_likelihoods(x, states=graph.state) for x, graph in zip(frames, graphs, strict=True)]
    transitions = Transitions.of(model.self_loop)
    paths = viterbi(graphs, emissions, transitions, acoustic_scale=acoustic_scale, beam=beam)
    return [
        None if path is None else path_posteriors(model, graph.state[path], emission)
        for path, graph, emission in zip(paths, graphs, emissions, strict=True)
    ]


def gaussian_posteriors(model: PhoneHMM, frames: NDArray[np.floating], posteriors: StatePosteriors) -> sparse.csr_array:
    """Posterior probability of each Gaussian given each frame, and the states that it belongs to, (T, K)."""
    from scipy import sparse

    rows, columns, values = [], [], []
    for s in np.unique(posteriors.state):
        mine = posteriors.state == s
        frame, weight = posteriors.frame[mine], posteriors.weight[mine]
        here = np.arange(*model.mixture_offsets[s : s + 2])
        z = (frames[frame, None].astype(np.float64) - model.means[here]) ** 2 / model.variances[here]
        with np.errstate(divide="ignore"):
            joint = np.log(model.weights[here]) - 0.5 * (z + np.log(model.variances[here])).sum(axis=2)
        joint = np.exp(joint - joint.max(axis=1, keepdims=True))
        rows.append(np.repeat(frame, len(here)))
        columns.append(np.tile(here, len(frame)))
        values.append((joint * (weight / joint.sum(axis=1))[:, None]).ravel())
    entries = np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))
    return sparse.csr_array(sparse.coo_array(entries, shape=(len(frames), model.num_gaussians)))
