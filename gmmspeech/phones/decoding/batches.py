"""Alignment and recognition in batches of utterances: log-likelihoods, and utterances that fail."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from gmmspeech.blocks import ordered_map
from gmmspeech.errors import FeatureError, GmmSpeechWarning, as_of_utterance, counted, first_of, text_or_type
from gmmspeech.features.compatibility import check_same_front_end, front_end_of
from gmmspeech.phones.hmm.adapted_system import AdaptedSystem
from gmmspeech.phones.hmm.batches import read_batches
from gmmspeech.phones.hmm.model import PhoneHMM

Found = TypeVar("Found")


def check_front_end(model: PhoneHMM | AdaptedSystem, frames: Mapping[str, NDArray]) -> None:
    """Raise a `FeatureError` if a feature store is of another front end than the model's."""
    check_same_front_end(
        model.front_end,
        front_end_of(frames),
        model="the phone HMM",
        frames=str(getattr(frames, "path", "the frames")),
    )


def batch_emissions(
    model: PhoneHMM, batch: Mapping[str, NDArray], skip_bad: bool
) -> tuple[dict[str, NDArray[np.float32]], dict[str, str]]:
    """Log-likelihoods of utterances, and the reasons why some have none."""
    emissions: dict[str, NDArray[np.float32]] = {}
    bad: dict[str, str] = {}
    for name, x in batch.items():
        try:
            if not len(x):
                raise FeatureError("found no frames, expected one or more")
            emissions[name] = model.log_likelihoods(x)
        except Exception as error:  # memory too, of which a long utterance may need more than there is
            if not skip_bad:
                raise as_of_utterance(name, error) from None
            bad[name] = text_or_type(error)
    return emissions, bad


def found_in_batches(
    search: Callable[[Mapping[str, NDArray]], Mapping[str, Found | str]],
    frames: Mapping[str, NDArray],
    names: Iterable[str],
    n_jobs: int | None,
    skipped: Mapping[str, str] | None = None,
    bar: Callable[[Iterable], Iterable] = iter,
) -> tuple[dict[str, Found], dict[str, str]]:
    """Search batches of utterances in threads, shown by a bar; give what `gathered` does."""
    names = list(names)
    return gathered(bar(ordered_map(search, read_batches(frames, names), n_jobs=n_jobs)), names, skipped)


def gathered(
    results: Iterable[Mapping[str, Found | str]], names: Sequence[str], skipped: Mapping[str, str] | None = None
) -> tuple[dict[str, Found], dict[str, str]]:
    """Give what was found in batches, in the order of the names, and the reasons why nothing was.

    A warning counts those, and the ones that were skipped before.
    """
    found: dict[str, Found] = {}
    reasons = dict(skipped or {})
    for batch in results:
        for name, result in batch.items():
            if isinstance(result, str):
                reasons[name] = result
            else:
                found[name] = result
    if reasons:
        told = first_of({name: f"utterance {name}: {reason}" for name, reason in reasons.items()})
        warnings.warn(f"skipped {counted(len(reasons), 'utterance')}; {told}", GmmSpeechWarning)
    return {name: found[name] for name in names if name in found}, reasons
