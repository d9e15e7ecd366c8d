"""The full system: phone HMMs on frames that are spliced, transformed by LDA and MLLT, and adapted to each speaker.

Training goes from an alignment, made by `train_phone_hmm` on cepstra and deltas, to LDA and MLLT, to a model of those
frames that knows no speaker, to fMLLR of each training speaker and a model of the adapted frames, in turn
(speaker-adaptive training). Recognition takes two passes or more: the model that knows no speaker says which states
the frames belong to, fMLLR brings the speaker's frames to the other model, and that one decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from gmmspeech.blocks import ordered_map
from gmmspeech.checks import check_at_least
from gmmspeech.files.saving import Saved, State
from gmmspeech.linear.fmllr import FMLLRStats
from gmmspeech.phones.hmm.adaptation import (
    SplicedTransform,
    adapt_frames,
    state_posteriors,
    train_fmllr,
    train_lda,
    train_mllt,
)
from gmmspeech.phones.hmm.batches import read_batches
from gmmspeech.phones.hmm.forward_backward import StatePosteriors
from gmmspeech.phones.hmm.graph import Pronunciations, StateGraph
from gmmspeech.phones.hmm.inventory import phones_of, replaced_phones
from gmmspeech.phones.hmm.mapping import backing_off, mapped_model
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.training import TrainingState, train_phone_hmm

Frames = Mapping[str, NDArray]

MLLT_ROUNDS = 2
MLLT_GAUSSIANS = 4  # a state, when MLLT is estimated
MLLT_UPDATES = 12
UPDATES = 30
REALIGN_UNADAPTED = (10, 20, 28)
REALIGN_ADAPTED = (15, 25)


@dataclass(frozen=True)
class AdaptedSystem(Saved, kind="AdaptedSystem", hint="the full system of phone HMMs"):
    """Models that belong together.

    Attributes
    ----------
    transform : SplicedTransform
        Of the frames, before all else.
    unadapted : PhoneHMM
        Of transformed frames of any speaker.
    adapted : PhoneHMM
        Of transformed frames that fMLLR has adapted.
    prior : FMLLRStats
        Of all training speakers together.
    prior_frames : float
        How many of their frames are added to those of each speaker.
    """

    transform: SplicedTransform
    unadapted: PhoneHMM
    adapted: PhoneHMM
    prior: FMLLRStats
    prior_frames: float = field(metadata={"saved_as": "relevance"})

    def to_state(self) -> State:
        """Give the models by name, and what the transform and the prior are of beside them."""
        state = super().to_state()
        transform, prior = state.pop("transform"), state.pop("prior")
        priors = {f"prior_{name}": value for name, value in vars(prior).items()}
        return {"context": transform.context, "transform": transform.matrix, **priors, **state}

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Make a system of what `to_state` gave."""
        prior = {name: state[f"prior_{name}"] for name in ("beta", "k", "g")}
        transform = {"context": state["context"], "matrix": state["transform"]}
        return super().from_state({**state, "transform": transform, "prior": prior})

    def describe(self) -> list[str]:
        """Tell what it is, in a few lines."""
        return ["phone HMMs adapted to speakers by fMLLR", *self.adapted.describe()[:2]]


def train_adapted_system(
    frames: Frames,
    transcripts: Mapping[str, Sequence[str]],
    dictionary: Pronunciations,
    utt2spk: Mapping[str, str],
    alignment: TrainingState,
    *,
    context: int = 7,
    dim: int = 40,
    total_gaussians: int = 1500,
    prior_frames: float = 1000.0,
    rounds: int = 2,
    n_jobs: int | None = 1,
) -> AdaptedSystem:
    """Train the full system."""
    check_at_least(1, rounds=rounds)
    names = list(alignment.posteriors)
    posteriors, phones = alignment.posteriors, alignment.model.phones
    num_states, silence = alignment.model.num_states, alignment.model.silence
    # rare phones were trained as their neighbors
    lacking = set(phones_of(transcripts, names, dictionary, silence)) - set(phones)
    near = backing_off(sorted(lacking), phones, silence=silence)
    dictionary = replaced_phones(dictionary, transcripts, near)

    def train(
        data: Frames, start: Mapping[str, StatePosteriors], total: int, updates: int, realign: Sequence[int]
    ) -> TrainingState:
        states: list[TrainingState] = []
        train_phone_hmm(
            *(data, transcripts, dictionary),
            phones=phones,
            silence=silence,
            total_gaussians=total,
            max_iter=updates,
            num_passes=1,
            realign=realign,
            start=start,
            n_jobs=n_jobs,
            callback=lambda state: states.__setitem__(slice(None), [state]),
        )
        return states[0]

    transform = train_lda(frames, posteriors, num_states, context=context, dim=dim, n_jobs=n_jobs)
    for _ in range(MLLT_ROUNDS):
        data = _transformed(transform, frames, names, n_jobs)
        model = train(data, posteriors, MLLT_GAUSSIANS * num_states, MLLT_UPDATES, ()).model
        transform = transform.then(train_mllt(model, data, posteriors, n_jobs=n_jobs))
    data = _transformed(transform, frames, names, n_jobs)
    state = train(data, posteriors, total_gaussians, UPDATES, REALIGN_UNADAPTED)
    unadapted, transforms = state.model, None
    for _ in range(rounds):
        transforms, prior = train_fmllr(
            *(state.model, data, state.posteriors, utt2spk),
            transforms=transforms,
            prior_frames=prior_frames,
            n_jobs=n_jobs,
        )
        state = train(
            adapt_frames(data, utt2spk, transforms), state.posteriors, total_gaussians, UPDATES, REALIGN_ADAPTED
        )
    adapted = state.model
    if near:
        sources = near | {phone: phone for phone in phones}
        unadapted, adapted = (
            mapped_model(model, [*phones, *near], sources, silence=silence) for model in (unadapted, adapted)
        )
    return AdaptedSystem(transform, unadapted, adapted, prior, prior_frames)


def adapt_speakers(
    system: AdaptedSystem,
    frames: Frames,
    utt2spk: Mapping[str, str],
    graphs: StateGraph | Mapping[str, StateGraph],
    *,
    acoustic_scale: float = 1.0,
    rounds: int = 2,
    n_jobs: int | None = 1,
) -> dict[str, NDArray]:
    """Bring the frames of speakers to the system's adapted model, without transcripts or with, (T, dim)."""
    data = _transformed(system.transform, frames, list(frames), n_jobs)
    model, adapted, transforms = system.unadapted, data, None
    for _ in range(rounds):
        posteriors = _states(model, adapted, graphs, acoustic_scale, n_jobs)
        model = system.adapted
        transforms, _ = train_fmllr(
            *(model, data, posteriors, utt2spk),
            transforms=transforms,
            prior=system.prior,
            prior_frames=system.prior_frames,
            n_jobs=n_jobs,
        )
        adapted = adapt_frames(data, utt2spk, transforms)
    return adapted


def _transformed(
    transform: SplicedTransform, frames: Frames, names: Sequence[str], n_jobs: int | None
) -> dict[str, NDArray[np.floating]]:
    return dict(zip(names, ordered_map(lambda name: transform(frames[name]), names, n_jobs=n_jobs), strict=True))


def _states(
    model: PhoneHMM,
    frames: Frames,
    graphs: StateGraph | Mapping[str, StateGraph],
    acoustic_scale: float,
    n_jobs: int | None,
) -> dict[str, StatePosteriors]:
    def of_batch(batch: Mapping[str, NDArray]) -> list[StatePosteriors | None]:
        theirs = [graphs if isinstance(graphs, StateGraph) else graphs[name] for name in batch]
        return state_posteriors(model, list(batch.values()), theirs, acoustic_scale=acoustic_scale)

    results = ordered_map(of_batch, read_batches(frames, frames), n_jobs=n_jobs)
    found = (posterior for batch in results for posterior in batch)
    return {name: posterior for name, posterior in zip(frames, found, strict=True) if posterior is not None}
