"""Passes over the utterances of speakers: the result of the first pass adapts their frames to the model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from numpy.typing import NDArray

from gmmspeech.phones.hmm.adaptation import adapted_to_speakers, through_transforms
from gmmspeech.phones.hmm.adapted_system import AdaptedSystem, speakers_transforms, transformed_frames
from gmmspeech.phones.hmm.graph import StateGraph
from gmmspeech.phones.hmm.mapping import extended_model
from gmmspeech.phones.hmm.model import PhoneHMM

Frames = Mapping[str, NDArray]


def base_of(model: PhoneHMM | AdaptedSystem) -> PhoneHMM:
    """Phone HMMs that graphs of states are made for: of a system, those of adapted frames."""
    return model.adapted if isinstance(model, AdaptedSystem) else model


def with_phones(model: PhoneHMM | AdaptedSystem, phones: Iterable[str]) -> PhoneHMM | AdaptedSystem:
    """Give a model, or both of a system, phones that it lacks, as `extended_model` has it."""
    phones = list(phones)
    return model.extended(phones) if isinstance(model, AdaptedSystem) else extended_model(model, phones)


def for_any_speaker(model: PhoneHMM | AdaptedSystem, frames: Frames) -> tuple[PhoneHMM, Frames]:
    """Model that knows no speaker, and frames as it takes them."""
    if isinstance(model, AdaptedSystem):
        return model.unadapted, transformed_frames(model, frames)
    return model, frames


def for_these_speakers(
    model: PhoneHMM | AdaptedSystem,
    frames: Frames,
    graphs: Mapping[str, StateGraph],
    utt2spk: Mapping[str, str],
    *,
    acoustic_scale: float = 1.0,
    beam: float | None = None,
    n_jobs: int | None = 1,
) -> tuple[PhoneHMM, Frames]:
    """Model of adapted frames, and frames adapted by fMLLR on what graphs say of the utterances of each speaker."""
    searching: dict[str, Any] = {"acoustic_scale": acoustic_scale, "beam": beam, "n_jobs": n_jobs}
    if isinstance(model, AdaptedSystem):
        frames = transformed_frames(model, frames)
        transforms = speakers_transforms(model, frames, utt2spk, graphs, **searching)
        return model.adapted, through_transforms(frames, utt2spk, transforms)
    return model, adapted_to_speakers(model, frames, graphs, utt2spk, **searching)
