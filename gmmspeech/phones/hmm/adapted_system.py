"""The full system: phone HMMs on frames that are spliced, transformed by LDA and MLLT, and adapted to each speaker.

Training starts from an alignment by `train_phone_hmm` on cepstra and deltas, and proceeds to LDA and MLLT, to a
speaker-independent model of those frames, and then to fMLLR of each training speaker and a model of the adapted frames,
in turn (speaker-adaptive training). Recognition takes two or more passes: the speaker-independent model aligns the
frames to states, fMLLR adapts the speaker's frames to the other model, and that model decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from gmmspeech.blocks import ordered_map
from gmmspeech.checks import all_finite, as_matrix, check_at_least
from gmmspeech.described import Described
from gmmspeech.errors import FeatureError, ModelError, counted, shown
from gmmspeech.files.checkpoints import Checkpoint
from gmmspeech.files.saving import Saved, State
from gmmspeech.linear.fmllr import FMLLRStats
from gmmspeech.phones.hmm.adaptation import (
    MappedFrames,
    SplicedTransform,
    adapt_frames,
    model_statistics,
    state_posteriors,
    through_transforms,
    train_fmllr,
    train_lda,
    train_mllt,
)
from gmmspeech.phones.hmm.batches import read_batches
from gmmspeech.phones.hmm.forward_backward import StatePosteriors
from gmmspeech.phones.hmm.graph import Pronunciations, StateGraph
from gmmspeech.phones.hmm.inventory import neighbors_trained, replaced_phones, with_copies
from gmmspeech.phones.hmm.mapping import extended_model, extended_sources, mapped_model
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.spoken_noise import add_spoken_noise
from gmmspeech.phones.hmm.training import train_phone_hmm
from gmmspeech.phones.hmm.training_state import TrainingState, keeping_last
from gmmspeech.phones.hmm.tree import Contexts, same_tree
from gmmspeech.phones.hmm.triphones import train_triphone_hmm

if TYPE_CHECKING:
    from distributed import Client

Frames = Mapping[str, NDArray]

MLLT_ROUNDS = 2
MLLT_GAUSSIANS = 4  # a state, when MLLT is estimated
MLLT_UPDATES = 12
UPDATES = 30
REALIGN_UNADAPTED = (10, 20, 28)
REALIGN_ADAPTED = (15, 25)


@dataclass(frozen=True, repr=False)
class AdaptedSystem(Described, Saved, kind="AdaptedSystem", hint="the full system of phone HMMs"):
    """Speaker-independent and speaker-adapted models with their transform.

    Attributes
    ----------
    transform : SplicedTransform
        First transform of the frames.
    unadapted : PhoneHMM
        Speaker-independent model of transformed frames.
    adapted : PhoneHMM
        Model of transformed frames adapted by fMLLR.
    prior : FMLLRStats
        Statistics of all training speakers together.
    prior_frames : float
        Weight of the prior, as a number of frames added to those of each speaker.

    Raises
    ------
    ModelError
        Parts that don't belong together: other phones, states, trees or columns; numbers that are not finite.
    """

    transform: SplicedTransform
    unadapted: PhoneHMM
    adapted: PhoneHMM
    prior: FMLLRStats
    prior_frames: float = field(metadata={"saved_as": "relevance"})

    def __post_init__(self) -> None:
        one, other = self.unadapted, self.adapted
        for name in ("phones", "silence", "dim"):
            found, expected = getattr(one, name), getattr(other, name)
            if found != expected:
                told = f"{shown(str(found))} in the model of any speaker and {shown(str(expected))} in the adapted one"
                raise ModelError(f"AdaptedSystem: {name}: found {told}, expected the same")
        if one.num_states != other.num_states or not same_tree(one.tree, other.tree):
            told = f"trees of {counted(one.num_states, 'state')} and {other.num_states}, which differ"
            raise ModelError(f"AdaptedSystem: found models with {told}, expected two of one system, trained together")
        rows, columns, width = *self.transform.matrix.shape, 2 * self.transform.context + 1
        if rows != other.dim or columns % width or not columns:
            expected = f"{other.dim} rows, as the models have columns, and a multiple of {width} columns"
            raise ModelError(f"AdaptedSystem: transform: found {rows} rows of {columns} columns, expected {expected}")
        if self.prior.k.shape != (rows, rows + 1) or self.prior.g.shape != (rows, rows + 1, rows + 1):
            found = f"k, g of shapes {self.prior.k.shape}, {self.prior.g.shape}"
            raise ModelError(f"AdaptedSystem: prior: found {found}, expected those of {counted(rows, 'column')}")
        numbers = np.array([self.prior.beta, self.prior_frames])
        if not all_finite(self.transform.matrix, self.prior.k, self.prior.g, numbers) or not self.prior.beta > 0:
            raise ModelError("AdaptedSystem: found a transform or a prior of no frames, or not finite, expected some")
        if self.prior_frames < 0:
            raise ModelError(f"AdaptedSystem: prior_frames: found {self.prior_frames}, expected 0 or more")

    @property
    def dim(self) -> int:
        """Columns of the frames before the transform: cepstra without deltas."""
        return self.transform.matrix.shape[1] // (2 * self.transform.context + 1)

    @property
    def phones(self) -> tuple[str, ...]:
        """Names of the phones."""
        return self.adapted.phones

    @property
    def silence(self) -> str:
        """Which of them is silence."""
        return self.adapted.silence

    @property
    def num_states(self) -> int:
        """States of each of both models."""
        return self.adapted.num_states

    @property
    def num_gaussians(self) -> int:
        """Gaussians of the adapted model."""
        return self.adapted.num_gaussians

    @property
    def front_end(self) -> str | None:
        """Front end, as JSON text, whose first columns those frames are."""
        return self.adapted.front_end

    def with_front_end(self, front_end: str | None) -> AdaptedSystem:
        """Give the same system with another note of its front end."""
        return self._with_both(lambda model: model.with_front_end(front_end))

    @property
    def language(self) -> str | None:
        """Code of the language of its transcripts, where it is known."""
        return self.adapted.language

    def with_language(self, language: str | None) -> AdaptedSystem:
        """Give the same system with another note of its language."""
        return self._with_both(lambda model: model.with_language(language))

    def with_noise(self) -> AdaptedSystem:
        """Give the system a phone of spoken noise, as `add_spoken_noise` has it."""
        return self._with_both(add_spoken_noise)

    def _with_both(self, change: Callable[[PhoneHMM], PhoneHMM]) -> AdaptedSystem:
        return replace(self, unadapted=change(self.unadapted), adapted=change(self.adapted))

    def extended(self, phones: Sequence[str]) -> AdaptedSystem:
        """Give the system phones that it lacks, as `extended_model` has it."""
        adapted = extended_model(self.adapted, phones)
        if adapted is self.adapted:
            return self
        sources = extended_sources(self.unadapted, phones)
        unadapted = mapped_model(self.unadapted, list(sources), sources, silence=adapted.silence)
        return replace(self, adapted=adapted, unadapted=unadapted)

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
        """Describe the object in a few lines."""
        splice = f"{2 * self.transform.context + 1} frames of {counted(self.dim, 'column')}"
        lines = [f"frames: {splice}, by LDA and MLLT to {len(self.transform.matrix)}"]
        return ["phone HMMs adapted to speakers by fMLLR", *self.adapted.describe(), *lines]


def train_adapted_system(
    frames: Frames,
    transcripts: Mapping[str, Sequence[str]],
    dictionary: Pronunciations,
    utt2spk: Mapping[str, str],
    alignment: TrainingState,
    *,
    context: int = 7,
    dim: int = 40,
    total_gaussians: int | None = 1500,
    adapted_gaussians: int | None = None,
    num_leaves: int | None = None,
    contexts: Contexts = "cross-word",
    prior_frames: float = 1000.0,
    rounds: int = 2,
    n_jobs: int | None = 1,
    client: Client | None = None,
    checkpoint: Callable[[str], Checkpoint | None] = lambda step: None,
    callback: Callable[[TrainingState], None] | None = None,
    progress: bool = True,
) -> AdaptedSystem:
    """Train the full system; of triphones with so many leaves and such contexts, or of phones without any.

    Its adapted model may have more Gaussians than those that transforms are estimated with in training: more of them
    recognize better on the same transforms, and estimate worse ones. By default it has as many.

    Without `rounds`, both models are the one that knows no speaker, and the prior of fMLLR is what it expects itself.
    `checkpoint` gives one for a step by its name; a run that was killed goes on from those that there are.
    """
    check_at_least(0, rounds=rounds)
    names, model = list(alignment.posteriors), alignment.model
    working: dict[str, Any] = {"n_jobs": n_jobs, "client": client}
    near = neighbors_trained(model, {name: transcripts[name] for name in names}, dictionary)
    dictionary = replaced_phones(dictionary, transcripts, near)

    def train(data: Frames, start: TrainingState, step: str, **options: Any) -> TrainingState:
        keep, last = keeping_last(callback)
        options |= working | {"checkpoint": checkpoint(step), "callback": keep, "progress": progress}
        if num_leaves is None:
            options |= {"phones": model.phones, "silence": model.silence, "num_passes": 1, "start": start.posteriors}
            train_phone_hmm(data, transcripts, dictionary, **options)
        else:
            # a tree is kept: graphs for the model of any speaker are those for the adapted one
            options |= {"num_leaves": num_leaves, "tree": None if start is alignment else start.model.tree}
            train_triphone_hmm(data, transcripts, dictionary, start, contexts=contexts, **options)
        return last[0]

    transform = train_lda(frames, alignment.posteriors, model.num_states, context=context, dim=dim, **working)
    few = MLLT_GAUSSIANS * (num_leaves or model.num_states)
    for number in range(1, MLLT_ROUNDS + 1):
        data = _transformed(transform, frames, names, n_jobs)
        state = train(data, alignment, f"mllt{number}", total_gaussians=few, max_iter=MLLT_UPDATES, realign=())
        transform = transform.then(train_mllt(state.model, data, state.posteriors, **working))
    data = _transformed(transform, frames, names, n_jobs)
    size = {"total_gaussians": total_gaussians, "max_iter": UPDATES}
    state = train(data, alignment, "unadapted", realign=REALIGN_UNADAPTED, **size)
    unadapted, transforms, prior = state.model, None, model_statistics(state.model)
    last = size | ({} if adapted_gaussians is None else {"total_gaussians": adapted_gaussians})
    for number in range(1, rounds + 1):
        transforms, prior = train_fmllr(
            *(state.model, data, state.posteriors, utt2spk),
            transforms=transforms,
            prior_frames=prior_frames,
            **working,
        )
        adapted_frames = adapt_frames(data, utt2spk, transforms)
        step, options = f"adapted{number}", last if number == rounds else size
        state = train(adapted_frames, state, step, realign=REALIGN_ADAPTED, **options)
    unadapted, adapted = with_copies(unadapted, near), with_copies(state.model, near)
    return AdaptedSystem(transform, unadapted, adapted, prior, prior_frames)


def transformed_frames(system: AdaptedSystem, frames: Frames) -> Frames:
    """Frames that are cut to their cepstra, spliced and transformed when they are read."""
    dim = system.dim

    def transformed(name: str, x: NDArray) -> NDArray[np.floating]:
        x = as_matrix(x)
        if x.shape[1] < dim:
            found = f"found frames of {counted(x.shape[1], 'column')}"
            raise FeatureError(f"utterance {name}: {found}, expected {dim} or more: what the system is of, then deltas")
        return system.transform(x[:, :dim])

    return MappedFrames(frames, transformed)


def speakers_transforms(
    system: AdaptedSystem,
    frames: Frames,
    utt2spk: Mapping[str, str],
    graphs: Mapping[str, StateGraph],
    *,
    acoustic_scale: float = 1.0,
    beam: float | None = None,
    rounds: int = 2,
    n_jobs: int | None = 1,
) -> dict[str, NDArray[np.float64]]:
    """Transform of each speaker's transformed frames to the system's adapted model, without transcripts or with."""
    model, adapted = system.unadapted, frames
    transforms: dict[str, NDArray[np.float64]] | None = None
    for _ in range(rounds):
        posteriors = _states(model, adapted, utt2spk, graphs, acoustic_scale, beam, n_jobs)
        if not posteriors:
            return {}
        model = system.adapted
        transforms, _ = train_fmllr(
            *(model, frames, posteriors, utt2spk),
            transforms=transforms,
            prior=system.prior,
            prior_frames=system.prior_frames,
            n_jobs=n_jobs,
        )
        adapted = through_transforms(frames, utt2spk, transforms)
    return transforms or {}


def _transformed(
    transform: SplicedTransform, frames: Frames, names: Sequence[str], n_jobs: int | None
) -> dict[str, NDArray[np.floating]]:
    return dict(zip(names, ordered_map(lambda name: transform(frames[name]), names, n_jobs=n_jobs), strict=True))


def _states(
    model: PhoneHMM,
    frames: Frames,
    utt2spk: Mapping[str, str],
    graphs: Mapping[str, StateGraph],
    acoustic_scale: float,
    beam: float | None,
    n_jobs: int | None,
) -> dict[str, StatePosteriors]:
    def of_batch(batch: Mapping[str, NDArray]) -> list[StatePosteriors | None]:
        return state_posteriors(
            model, list(batch.values()), [graphs[name] for name in batch], acoustic_scale=acoustic_scale, beam=beam
        )

    names = [name for name in graphs if name in utt2spk]
    results = ordered_map(of_batch, read_batches(frames, names), n_jobs=n_jobs)
    found = (posterior for batch in results for posterior in batch)
    return {name: posterior for name, posterior in zip(names, found, strict=True) if posterior is not None}
