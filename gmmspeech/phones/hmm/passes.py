"""Passes over the corpus in the training of phone HMMs: alignment of frames with a model, and statistics."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from gmmspeech.errors import ConfigError
from gmmspeech.gmm.kernels import get_backend
from gmmspeech.phones.hmm.corpus import Corpus, Span, equal_states, joined, path_posteriors
from gmmspeech.phones.hmm.estimation import HMMStats, accumulate
from gmmspeech.phones.hmm.forward_backward import StatePosteriors, forward_backward
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.hmm.silence_edges import StaticModel, place_silence
from gmmspeech.phones.hmm.trellis import Transitions
from gmmspeech.phones.hmm.viterbi import viterbi
from gmmspeech.phones.hmm.workers import Batch

REALIGN = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 18, 20, 23, 26, 29, 32, 35, 38)  # of Kaldi's train_mono.sh
LAST_SPLIT = 30  # Gaussians are added up to this iteration of Kaldi's 40
FRAMES_A_GAUSSIAN, MOST_GAUSSIANS = 175, 4000  # where their number is not given

MAX_ITER = 20  # updates of a pass, unless a caller wants others
Method = Literal["viterbi", "baum-welch"]


@dataclass(frozen=True)
class Options:
    total_gaussians: int | None
    max_iter: int
    num_passes: int
    realign: Sequence[int] | None
    method: Method
    acoustic_scale: float
    beam: float | None
    power: float
    variance_floor: float
    min_occupancy: float

    def __post_init__(self) -> None:
        expectations = {
            "total_gaussians": (self.total_gaussians is None or self.total_gaussians >= 1, "1 or more"),
            "max_iter": (self.max_iter >= 1, "1 or more"),
            "num_passes": (self.num_passes >= 1, "1 or more"),
            "method": (self.method in ("viterbi", "baum-welch"), "viterbi or baum-welch"),
            "acoustic_scale": (self.acoustic_scale > 0, "more than 0"),
            "beam": (self.beam is None or self.beam > 0, "more than 0"),
            "power": (0 <= self.power <= 1, "0 to 1"),
            "variance_floor": (0 < self.variance_floor < 1, "more than 0 and less than 1"),
            "min_occupancy": (self.min_occupancy > 0, "more than 0"),
        }
        for name, (holds, expected) in expectations.items():
            if not holds:
                raise ConfigError(f"{name}: found {getattr(self, name)!r}, expected {expected}")

    def realigns(self, iteration: int) -> bool:
        """Say whether frames are aligned anew before this update (those of number 0 are as given)."""
        if iteration == 0:
            return False
        if self.realign is not None:
            return iteration in self.realign
        return self.method == "baum-welch" or iteration in {round(i * self.max_iter / 40) for i in REALIGN}

    def gaussians(self, iteration: int, num_states: int, num_frames: int) -> int:
        """Number of Gaussians after this update."""
        total = self.total_gaussians
        if total is None:
            total = min(num_frames // FRAMES_A_GAUSSIAN, MOST_GAUSSIANS)
        grown = min(iteration / max(round(LAST_SPLIT * self.max_iter / 40), 1), 1)
        return round(num_states + grown * max(total - num_states, 0))


def align_corpus(
    corpus: Corpus, model: PhoneHMM, options: Options, *, tails: bool = False
) -> dict[str, StatePosteriors]:
    """States of all frames. With `tails`, what dies away goes to silence, which then is a worse one to recognize by."""
    # triphones begin with an alignment whose silence is in place, and name phones worse where it is placed again
    static = StaticModel.of(model, sights=1, tails=tails) if model.tree is None else None
    align = functools.partial(_align_batch, model, static, Transitions.of(model.self_loop), options)
    return corpus.map(align)


def _align_batch(
    model: PhoneHMM,
    static: StaticModel | None,
    transitions: Transitions,
    options: Options,
    batch: Batch,
    utterances: Sequence[Sequence[Span]],
) -> list[StatePosteriors]:
    frames = batch.read()
    emissions = [model.log_likelihoods(x) for x in frames]
    flat = [
        (span, x[span.start : span.stop], e[span.start : span.stop])
        for spans, x, e in zip(utterances, frames, emissions, strict=True)
        for span in spans
        if span.graph is not None
    ]
    graphs = [span.graph for span, _, _ in flat if span.graph is not None]
    theirs = [emission for _, _, emission in flat]
    aligned: Iterator[StatePosteriors | None] = iter(())
    if graphs and options.method == "viterbi":
        scale = options.acoustic_scale
        paths = viterbi(graphs, theirs, transitions, acoustic_scale=scale, beam=options.beam)
        reached = [(i, path) for i, path in enumerate(paths) if path is not None]
        edged = place_silence(
            *(static, [graphs[i] for i, _ in reached], [path for _, path in reached]),
            *([flat[i][1] for i, _ in reached], transitions),
            acoustic_scale=scale,
        )
        for (i, _), path in zip(reached, edged, strict=True):
            paths[i] = path
        aligned = (
            None if path is None else path_posteriors(model, graph.state[path], emission)
            for path, graph, emission in zip(paths, graphs, theirs, strict=True)
        )
    elif graphs:
        aligned = iter(
            forward_backward(graphs, theirs, transitions, acoustic_scale=options.acoustic_scale, beam=options.beam)
        )
    results = []
    for spans, emission in zip(utterances, emissions, strict=True):
        parts = []
        for span in spans:
            part = next(aligned) if span.graph is not None else None
            here = emission[span.start : span.stop]
            parts.append(path_posteriors(model, equal_states(span), here) if part is None else part)
        results.append(joined(parts, [span.start for span in spans]))
    return results


def accumulate_corpus(corpus: Corpus, model: PhoneHMM, posteriors: Mapping[str, StatePosteriors]) -> HMMStats:
    backend = get_backend().name.split()[0]  # the one that was chosen here, whatever another machine would choose
    return corpus.sum(functools.partial(_accumulate_batch, model, backend), posteriors)


def _accumulate_batch(model: PhoneHMM, backend: str, batch: Batch, posteriors: Sequence[StatePosteriors]) -> HMMStats:
    return accumulate(model, batch.read(), posteriors, backend=backend)
