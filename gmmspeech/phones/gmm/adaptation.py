"""Adaptation of frames to phone mixtures by fMLLR for each speaker, and models trained on adapted frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import logsumexp
from sklearn.base import clone

from gmmspeech.checks import check_at_least
from gmmspeech.errors import ConfigError, DataError, counted
from gmmspeech.files.saving import State, from_fields
from gmmspeech.linear.fmllr import FMLLRStats, accumulate_fmllr, fmllr
from gmmspeech.linear.transforms import apply_transform
from gmmspeech.phones.gmm.phone_gmm import PhoneGMM
from gmmspeech.phones.labels.segments import LabeledFrames, part_of_frames
from gmmspeech.progress import progress_bar

SMALLEST_POSTERIOR = 1e-3  # of a part or a component that counts


@dataclass(frozen=True, eq=False)
class SpeakerAdapter:
    r"""Unsupervised fMLLR: what is needed to adapt the frames of speakers whose phones are not known.

    The first pass finds posteriors with a model of unadapted frames and estimates a transform to it; further passes
    find posteriors on adapted frames, with the model of adapted frames, and estimate the transform to that one.

    A speaker's statistics are joined by `prior_frames` frames' worth of those of all training speakers, which keeps
    the transform of a few seconds of speech near to the one of all speakers (in the spirit of fMAPLR, Lei et al. 2009).

    Parameters
    ----------
    unadapted, adapted : PhoneGMM
        Models of unadapted and of adapted frames. Few components serve best.
    priors : pair of FMLLRStats
        Statistics of all training speakers under the first and the second model, for one frame.
    prior_frames : float
    """

    unadapted: PhoneGMM
    adapted: PhoneGMM
    priors: tuple[FMLLRStats, FMLLRStats]
    prior_frames: float

    def to_state(self) -> State:
        """Give the models and their statistics by name, for a file."""
        first, second = self.priors
        return {
            "prior_frames": self.prior_frames,
            "unadapted": self.unadapted,
            "adapted": self.adapted,
            "unadapted_prior": first,
            "adapted_prior": second,
        }

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Make an adapter of what `to_state` gave."""
        unadapted, adapted = (PhoneGMM.from_state(state[name]) for name in ("unadapted", "adapted"))
        first, second = (from_fields(FMLLRStats, state[f"{name}_prior"]) for name in ("unadapted", "adapted"))
        return cls(unadapted, adapted, (first, second), float(state["prior_frames"]))

    def adapt_frames(self, data: LabeledFrames, *, passes: int = 2) -> LabeledFrames:
        """Adapt the frames of all speakers, where boundaries of phones are not known. Segments are not looked at.

        Parameters
        ----------
        data : LabeledFrames
            Unadapted.
        passes : int
            1 or more.
        """
        check_at_least(1, passes=passes)
        now = data
        for number in range(passes):
            now = self._transform(data, now, frame_parts(self._model(number), now.frames), number)
        return now

    def adapt_segments(self, data: LabeledFrames, posteriors: NDArray[np.float64]) -> LabeledFrames:
        """Adapt the frames of all speakers, where boundaries are known. The segments' names are not looked at.

        Parameters
        ----------
        data : LabeledFrames
            Unadapted.
        posteriors : ndarray, shape (S, P)
            Of the models' phones for each segment, such as a first pass has found.
        """
        parts = segment_parts(data, posteriors, self.adapted.parts)
        now = self._transform(data, data, parts, 0)
        return self._transform(data, now, parts, 1)

    def _model(self, number: int) -> PhoneGMM:
        return self.adapted if number else self.unadapted

    def _transform(
        self, data: LabeledFrames, now: LabeledFrames, parts: sparse.csr_array, number: int
    ) -> LabeledFrames:
        """One pass: `parts` are posteriors given the frames as they are now."""
        statistics = _speaker_statistics(self._model(number), data, now.frames, parts)
        return _transformed(data, statistics, self.priors[min(number, 1)], self.prior_frames)


def train_speaker_adapter(
    data: LabeledFrames, model: PhoneGMM, *, prior_frames: float = 1500.0
) -> tuple[SpeakerAdapter, LabeledFrames]:
    """Speaker-adaptive training (Anastasakos et al. 1996) with fMLLR.

    Every training speaker gets a transform to the model, estimated from their known segments, and the model is trained
    anew on the transformed frames.
    """
    if not prior_frames > 0:
        raise ConfigError(f"prior_frames: found {prior_frames}, expected more than 0")
    unadapted = clone(model).fit(data.frames, data.ranges, data.phones)
    statistics, prior = _known_statistics(unadapted, data, data.frames)
    now = _transformed(data, statistics, prior, prior_frames)
    adapted = clone(model).fit(now.frames, data.ranges, data.phones)
    priors = prior, _known_statistics(adapted, data, now.frames)[1]
    return SpeakerAdapter(unadapted, adapted, priors, prior_frames), now


def _known_statistics(
    model: PhoneGMM, data: LabeledFrames, now: NDArray[np.floating]
) -> tuple[dict[str, FMLLRStats], FMLLRStats]:
    """Statistics of each speaker's known segments, and those of a frame of all of them."""
    statistics = _speaker_statistics(model, data, now, known_parts(model, data))
    total = sum(list(statistics.values())[1:], next(iter(statistics.values())))
    return statistics, (1 / total.beta) * total


def known_parts(model: PhoneGMM, data: LabeledFrames) -> sparse.csr_array:
    """Give each frame the part it is labeled with, shape (N, P * parts), as sparse posteriors."""
    codes = part_of_frames(data.ranges, model.phone_indices(data.phones), len(data.frames), model.parts)
    rows = np.flatnonzero(codes >= 0)
    return sparse.csr_array((np.ones(len(rows)), (rows, codes[rows])), shape=(len(codes), len(model.models_)))


def frame_parts(model: PhoneGMM, frames: NDArray[np.floating]) -> sparse.csr_array:
    """Posteriors of all parts given each frame alone, shape (N, P * parts), sparse."""
    joint = model.log_likelihoods(frames) + np.log(np.maximum(model.part_priors_, np.finfo(np.float64).tiny))
    return _sparse(np.exp(joint - logsumexp(joint, axis=1, keepdims=True)))


def segment_parts(data: LabeledFrames, posteriors: NDArray[np.float64], parts: int) -> sparse.csr_array:
    """Give each frame the posteriors of its segment, shape (N, P * parts), sparse."""
    if len(posteriors) != len(data.ranges):
        raise DataError(
            f"posteriors: found {counted(len(posteriors), 'row')}, expected {len(data.ranges)}, one for each segment"
        )
    segment = part_of_frames(data.ranges, np.arange(len(data.ranges)), len(data.frames), parts)
    rows = np.flatnonzero(segment >= 0)
    of_frames = _sparse(posteriors[segment[rows] // parts]).tocoo()
    columns = of_frames.col * parts + segment[rows][of_frames.row] % parts
    shape = (len(data.frames), posteriors.shape[1] * parts)
    return sparse.csr_array((of_frames.data, (rows[of_frames.row], columns)), shape=shape)


def component_posteriors(model: PhoneGMM, frames: NDArray[np.floating], parts: sparse.csr_array) -> sparse.csr_array:
    """Posteriors of the components of all mixtures side by side, (N, all), sparse, given those of the parts."""
    by_mixture = parts.tocsc()
    rows, columns, values, first = [], [], [], 0
    for code, mixture in enumerate(model.models_):
        entries = slice(by_mixture.indptr[code], by_mixture.indptr[code + 1])
        of_mixture = by_mixture.indices[entries]
        size = len(mixture.weights_)
        if len(of_mixture):
            posteriors = mixture.predict_proba(frames[of_mixture]) * by_mixture.data[entries, None]
            row, column = np.nonzero(posteriors > SMALLEST_POSTERIOR)
            rows.append(of_mixture[row])
            columns.append(first + column)
            values.append(posteriors[row, column])
        first += size
    places = (np.concatenate(rows), np.concatenate(columns)) if rows else (np.empty(0, int), np.empty(0, int))
    return sparse.csr_array((np.concatenate(values or [np.empty(0)]), places), shape=(len(frames), first))


def _speaker_statistics(
    model: PhoneGMM, data: LabeledFrames, adapted: NDArray[np.floating], parts: sparse.csr_array
) -> dict[str, FMLLRStats]:
    """Statistics of each speaker's unadapted frames, by posteriors that the adapted ones give."""
    means = np.concatenate([mixture.means_ for mixture in model.models_])
    variances = np.concatenate([mixture.covariances_ for mixture in model.models_])
    speakers, statistics = data.frame_speakers(), {}
    names = np.unique(data.speakers)
    for name in progress_bar("adapting", "speaker", len(names))(names):
        rows = np.flatnonzero(speakers == name)
        own = parts[rows]
        used = np.diff(own.indptr) > 0  # frames in no segment have no posteriors
        rows, own = rows[used], own[used]
        posteriors = component_posteriors(model, adapted[rows], own)
        statistics[str(name)] = accumulate_fmllr(data.frames[rows], posteriors, means, variances)
    return statistics


def _transformed(
    data: LabeledFrames, statistics: dict[str, FMLLRStats], prior: FMLLRStats, prior_frames: float
) -> LabeledFrames:
    """Each speaker's frames, put through the transform that their statistics and the prior give."""
    frames, speakers = data.frames.copy(), data.frame_speakers()
    for name, own in statistics.items():
        transform = fmllr(own + prior_frames * prior)  # the prior determines it
        frames[speakers == name] = apply_transform(data.frames[speakers == name], transform)
    return data.with_frames(frames)


def _sparse(posteriors: NDArray[np.float64]) -> sparse.csr_array:
    return sparse.csr_array(np.where(posteriors < SMALLEST_POSTERIOR, 0.0, posteriors))
