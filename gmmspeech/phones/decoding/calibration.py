"""Calibration of boundaries and their deviations, learned from time labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmmspeech.blocks import ordered_map
from gmmspeech.features.compatibility import timed_front_end
from gmmspeech.metrics.boundaries import partners_of
from gmmspeech.phones.decoding.boundaries import place_boundaries, unscaled
from gmmspeech.phones.decoding.paths import utterance_paths
from gmmspeech.phones.hmm.batches import read_batches
from gmmspeech.phones.hmm.deviation_scale import OFFSET, DeviationScale
from gmmspeech.phones.hmm.graph import (
    Pronunciations,
    StateGraph,
    phone_sequence_graph,
    pronunciations,
    utterance_graph,
)
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.silence_edges import StaticModel
from gmmspeech.phones.hmm.trellis import Transitions
from gmmspeech.phones.labels.labels import FrameClock, FrameTimes, Label
from gmmspeech.phones.labels.manner import MANNERS, OTHER, manners

LEAST, FEW = 200, 5000  # boundaries: below the first nothing is learned; below the second less than half of widths
PRIOR, PHONE_PRIOR = 40.0, 200.0  # precision of weights, and of what belongs to phones, about none
FOLLOWED_PHONE_PRIOR = 50.0  # the same where few of the utterances had labels, so that errors are as they will be
GREATEST, LEAST_ERROR = 10.0, 0.05  # frames: errors beyond the first count as it, and this is added to all
PAIR_PRIOR, ONE_PRIOR = 10.0, 20.0  # boundaries, of offsets of pairs of manners, and of those of single phones
FARTHEST = 0.15  # seconds that labelers differ by: what is farther was found in another place, or never there
COVERED = 0.975  # of the errors in 1.96 deviations: on what a model was trained on, they are smaller than elsewhere


class _Found(NamedTuple):
    """Of each boundary: deviations at both scales, phones on both sides, and how far the label's is from it, frames."""

    large: NDArray[np.float64]
    small: NDArray[np.float64]
    before: NDArray[np.intp]
    after: NDArray[np.intp]
    error: NDArray[np.float64]


def calibrated(
    model: PhoneHMM,
    frames: Mapping[str, NDArray],
    labels: Mapping[str, Sequence[Label]],
    *,
    transcripts: Mapping[str, Sequence[str]] | None = None,
    dictionary: Pronunciations | None = None,
    frame_length: float | None = None,
    frame_shift: float | None = None,
    times: FrameTimes = "center",
    offsets: bool = False,
    by_phone: bool = True,
    n_jobs: int | None = 1,
) -> PhoneHMM:
    """Give a model the scale of its deviations, from the errors of its boundaries beside labels with times.

    And, if asked for, `offsets` of its boundaries, for labelers who place some of them elsewhere than where the sound
    changes most: of a stop's closure, say. They are for models that were trained on transcripts above all; those of a
    model that was trained on the labels are small.

    Each utterance is aligned with its words, so that errors of pronunciations count too, and left out if they are not
    known. Without any transcripts it is aligned with the phones of its labels, which teaches less than it harms where
    others are then aligned with words. Errors are taken for draws of Laplace distributions, whose
    width depends on the posteriors and on the phones on both sides. As it is where too few boundaries are labeled.

    Without `by_phone`, the width depends on the posteriors of the larger scale alone: for a model that comes to speech
    whose labelers have other conventions.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> phones = [Label(0.2 * i, 0.2 * (i + 1), name) for i, name in enumerate(["SIL", "A", "S", "SIL"])]
    >>> places = np.repeat([0.0, 4.0, 6.0, 0.0], 20)[:, None]
    >>> frames = {f"u{i}": places + rng.normal(0, 1, (80, 1)) for i in range(100)}
    >>> model = PhoneHMM.from_phones(["SIL", "A", "S"], mean=[0.0], variance=[1.0], num_states=1)
    >>> model = replace(model, means=[[0.0], [4.0], [6.0]])
    >>> scale = calibrated(model, frames, dict.fromkeys(frames, phones), times="start").deviation_scale
    >>> bool(scale.after[2] > scale.after[1])  # S begins where A, which is near it, ends
    True
    """
    clock = FrameClock.of(timed_front_end(model.front_end, frames), frame_shift, frame_length, times)
    transitions, silence = Transitions.of(model.self_loop), model.phone_index[model.silence]
    static = StaticModel.of(model) if offsets else None

    def of_batch(batch: Mapping[str, NDArray]) -> list[_Found]:
        said = {name: None if transcripts is None else transcripts.get(name, ()) for name in batch}
        graphs = {name: _graph(model, labels[name], said[name], dictionary or {}) for name in batch}
        known = {name: graph for name, graph in graphs.items() if graph is not None and len(batch[name])}
        emissions = {name: model.log_likelihoods(batch[name]) for name in known}
        paths = utterance_paths(known, emissions, batch, transitions, static)
        spans, chains = [path.spans for path in paths.values()], [path.chain for path in paths.values()]
        placed = place_boundaries(spans, chains, [emissions[name] for name in paths], transitions, silence)
        parts = []
        for name, own, at in zip(paths, spans, placed, strict=True):
            phone = np.array([span.phone for span in own])
            truth = _truth(labels[name], [model.phones[p] for p in phone], model.silence)
            frame = (1000 * truth - clock.edge_of_first) / clock.frame_shift
            kept = np.flatnonzero(~np.isnan(frame[1:])) + 1
            error = frame[kept] - at.edges[kept]
            large, small = at.around[:, kept]
            parts.append(_Found(large, small, phone[kept - 1], phone[kept], error))
        return parts

    names = [name for name in labels if name in frames]
    found = [part for parts in ordered_map(of_batch, read_batches(frames, names), n_jobs=n_jobs) for part in parts]
    farthest = 1000 * FARTHEST / clock.frame_shift if offsets else np.inf
    if not found:
        return model
    every = [np.concatenate(column) for column in zip(*found, strict=True)]
    near = _Found._make(column[np.abs(every[-1]) <= farthest] for column in every)
    if len(near.error) < LEAST:
        return model
    moved = _offsets(model, near) if offsets else None
    left = near.error if moved is None else near.error - moved[near.before, near.after]
    prior = PHONE_PRIOR if moved is None else FOLLOWED_PHONE_PRIOR
    near = near._replace(error=np.abs(left))
    scale = _fitted(near, len(model.phones), prior) if by_phone else _fitted_to_all(near, len(model.phones))
    return replace(model, deviation_scale=replace(scale, offsets=moved))


def _graph(
    model: PhoneHMM, labels: Sequence[Label], words: Sequence[str] | None, dictionary: Pronunciations
) -> StateGraph | None:
    """What was said: words, or the phones of labels where none are given; None if it is of other phones."""
    known = model.phone_index.keys()
    if words is None:
        said = [label.name for label in labels]
        return phone_sequence_graph(model, said) if said and set(said) <= known else None
    variants = [pronunciations(dictionary, word, optional=True) for word in words]
    usable = variants and all(variants) and {p for each in variants for v in each for p in v} <= known
    return utterance_graph(model, words, dictionary) if usable else None


def _truth(labels: Sequence[Label], phones: Sequence[str], silence: str) -> NDArray[np.float64]:
    """Start of the label of each phone, in seconds, matched in order; NaN of those without one, and of silence."""
    spoken = [label for label in labels if label.name != silence]
    places = [i for i, phone in enumerate(phones) if phone != silence]
    found = np.full(len(phones), np.nan)
    for ours, theirs in partners_of([label.name for label in spoken], [phones[i] for i in places]).items():
        found[places[theirs]] = spoken[ours].start
    return found


def _offsets(model: PhoneHMM, found: _Found) -> NDArray[np.float64]:
    """Estimate offsets of boundaries, (P, P): of both phones' manners, plus those of the one before and of the other.

    All are drawn to zero, as if they were Gaussian. Where silence begins, labels tell too little.
    """
    of_phone, number = manners(model.phones), len(model.phones)
    manner = np.array([(*MANNERS, OTHER).index(of_phone[phone]) for phone in model.phones])
    pair = manner[:, None] * (len(MANNERS) + 1) + manner
    first = np.array([0, (len(MANNERS) + 1) ** 2, (len(MANNERS) + 1) ** 2 + number])
    terms = np.stack([pair[found.before, found.after], found.before, found.after]) + first[:, None]
    precision = np.repeat([PAIR_PRIOR, ONE_PRIOR, ONE_PRIOR], [first[1], number, number])
    normal, total = np.diag(precision), np.zeros(len(precision))
    for ours in terms:
        np.add.at(total, ours, found.error)
        for theirs in terms:
            np.add.at(normal, (ours, theirs), 1.0)
    pairs, before, after = np.split(np.linalg.solve(normal, total), first[1:])
    offsets: NDArray[np.float64] = pairs[pair] + before[:, None] + after
    offsets[:, model.phone_index[model.silence]] = 0.0
    return offsets


def _fitted_to_all(found: _Found, num_phones: int) -> DeviationScale:
    """Fit widths to the posteriors of the larger scale alone, the same for all phones."""
    none = np.zeros_like(found.before)
    one = _fitted(found._replace(before=none, after=none), 1, PHONE_PRIOR, used=(1.0, 0.0))
    constant = one.weights[0] + one.before[0] + one.after[0]
    return DeviationScale(np.array([constant, *one.weights[1:]]), np.zeros(num_phones), np.zeros(num_phones))


def _fitted(
    found: _Found, num_phones: int, phone_prior: float, used: tuple[float, float] = (1.0, 1.0)
) -> DeviationScale:
    """Fit widths of Laplace distributions by their posterior probability, and scale them to what they are to cover.

    Of few boundaries, which tell little of others, they are on the whole nearer to those of the posteriors.
    """
    from scipy.optimize import minimize  # which takes a while

    logs = np.log(np.stack([found.large, found.small]) + OFFSET) * np.array(used)[:, None]
    middle = logs.mean(axis=1, keepdims=True)
    error = np.minimum(found.error, GREATEST) + LEAST_ERROR
    precision = np.concatenate([[0.0, PRIOR, PRIOR], np.full(2 * num_phones, phone_prior)])

    def split(values: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        return np.split(values, [3, 3 + num_phones])

    def cost(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights, before, after = split(values)
        width = weights[0] + weights[1:] @ (logs - middle) + before[found.before] + after[found.after]
        relative = error * np.exp(-width)
        slope = 1 - relative
        gradient = [
            np.array([slope.sum(), *((logs - middle) @ slope)]),
            np.bincount(found.before, slope, minlength=num_phones),
            np.bincount(found.after, slope, minlength=num_phones),
        ]
        return float((width + relative).sum() + precision @ values**2 / 2), np.concatenate(
            gradient
        ) + precision * values

    start = np.zeros(3 + 2 * num_phones)
    start[0] = np.log(error.mean())
    weights, before, after = split(minimize(cost, start, jac=True, method="L-BFGS-B").x)
    weights[0] -= weights[1:] @ middle[:, 0]
    scale = DeviationScale(weights, before, after)
    own = scale(*found[:4])
    covered = np.log(np.quantile(found.error / own, COVERED) / 1.96)
    wider = max(0.0, np.log(unscaled(found.small) / own).mean() - covered)
    weights[0] += covered + wider * FEW / (FEW + len(own))
    return DeviationScale(weights, before, after)
