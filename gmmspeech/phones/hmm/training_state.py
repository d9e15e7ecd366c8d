"""State of the training of phone HMMs, from which another run can resume."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from gmmspeech.described import Described
from gmmspeech.errors import ModelError, counted
from gmmspeech.files.saving import Saved, State
from gmmspeech.phones.hmm.forward_backward import StatePosteriors
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.progress import showing


@dataclass(frozen=True, repr=False)
class TrainingState(
    Described, Saved, format="gmmspeech phone training", version=2, hint="where training of phone HMMs is"
):
    """State of training, from which another run resumes and ends with the same bits.

    Attributes
    ----------
    iteration : int
        Number of updates done.
    model : PhoneHMM
        Model after these updates.
    posteriors : dict of str to StatePosteriors
        States of each utterance's frames, as last aligned.
    log_likelihood : float
        Log-likelihood of the frames in their states, in nats per frame, under the model before the last update.
    """

    iteration: int
    model: PhoneHMM
    posteriors: dict[str, StatePosteriors]
    log_likelihood: float

    def to_state(self) -> State:
        """Give the model and the posteriors side by side: small integers, and no weights that are all 1."""
        values = list(self.posteriors.values())
        weight = np.concatenate([p.weight for p in values])
        aligned: State = {
            "names": list(self.posteriors),
            "offsets": np.cumsum([0, *(len(p.frame) for p in values)]),
            "weight": None if (weight == 1).all() else weight,
            "stays": np.stack([p.stays for p in values]),
            "log_likelihood": np.array([p.log_likelihood for p in values]),
        }
        for name in ("frame", "state"):
            column = np.concatenate([getattr(p, name) for p in values])
            aligned[name] = column.astype(np.min_scalar_type(int(column.max(initial=0))))
        return {
            "iteration": self.iteration,
            "log_likelihood": self.log_likelihood,
            "model": self.model,
            "posteriors": aligned,
        }

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Make what `to_state` gave anew."""
        aligned = state["posteriors"]
        offsets = aligned["offsets"]
        frames, states = (aligned[name].astype(np.intp) for name in ("frame", "state"))
        weights = aligned.get("weight", np.ones(len(frames)))
        names = aligned["names"]
        if (
            len(set(names)) != len(names)
            or offsets.shape != (len(names) + 1,)
            or (np.diff(offsets, prepend=0) < 0).any()
        ):
            raise ModelError(
                f"posteriors: found {counted(len(names), 'name')}, expected each once, with rising offsets"
            )
        if len(weights) != len(frames) or len(states) != len(frames) or offsets[-1] != len(frames):
            raise ModelError(
                f"posteriors: found {counted(len(frames), 'frame')}, expected a state and a weight for each"
            )
        model = PhoneHMM.from_state(state["model"])
        if not ((frames >= 0) & (states >= 0) & (states < model.num_states)).all() or not (weights >= 0).all():
            raise ModelError("posteriors: found frames, states or weights out of range")
        posteriors = {}
        rows = zip(names, aligned["stays"], aligned["log_likelihood"], strict=True)
        for i, (utterance, stays, score) in enumerate(rows):
            here = slice(offsets[i], offsets[i + 1])
            posteriors[utterance] = StatePosteriors(frames[here], states[here], weights[here], stays, float(score))
        return cls(int(state["iteration"]), model, posteriors, float(state["log_likelihood"]))

    def describe(self) -> list[str]:
        """Describe the object in a few lines."""
        return [f"training of phone HMMs: {counted(self.iteration, 'update')}", *self.model.describe()]


def keeping_last(
    callback: Callable[[TrainingState], None] | None,
) -> tuple[Callable[[TrainingState], None], list[TrainingState]]:
    """Give a callback that passes on what it is called with, and a list that then holds the last of it."""
    last: list[TrainingState] = []

    def keep(state: TrainingState) -> None:
        last[:] = [state]
        if callback is not None:
            callback(state)

    return keep, last


def showing_updates(
    callback: Callable[[TrainingState], None] | None, updates: int, *, shown: bool
) -> AbstractContextManager[Callable[[TrainingState], None] | None]:
    """Give a callback that shows a bar, where it is to be `shown`, and calls another one."""
    bar: dict[str, Any] = {"desc": "training", "unit": "update", "total": updates, "shown": shown}
    return showing(callback, lambda state: state.iteration, note=_note, **bar)


def _note(state: TrainingState) -> str:
    return f"{state.log_likelihood:.3f} nats a frame"
