"""A neural network beside Gaussian mixtures: it names the states of frames that are adapted to speakers.

Its posteriors of states, divided by how often the states are, stand for likelihoods (Bourlard and Morgan 1994).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gmmspeech import pipeline
from gmmspeech.commands import rungs
from gmmspeech.files.atomic import atomic_path
from gmmspeech.formats.labels.lines import write_ctm
from gmmspeech.formats.loading import load
from gmmspeech.linear.transforms import splice
from gmmspeech.phones.decoding.adapting import for_these_speakers
from gmmspeech.phones.decoding.alignment import describe_path
from gmmspeech.phones.hmm.adaptation import adapt_frames, state_posteriors, train_fmllr
from gmmspeech.phones.hmm.adapted_system import AdaptedSystem, transformed_frames
from gmmspeech.phones.hmm.forward_backward import StatePosteriors
from gmmspeech.phones.hmm.graph import Pronunciations, utterance_graph
from gmmspeech.phones.hmm.trellis import Transitions
from gmmspeech.phones.hmm.viterbi import best_paths
from gmmspeech.phones.labels.labels import FrameClock
from gmmspeech.stores.features import FeatureStore

ALL = "all"  # of what is recognized by the network and others
LEAST = 1e-10  # probability
BATCH = 40  # utterances aligned at a time


@dataclass(frozen=True)
class Network:
    """Layers of rectified units, then the softmax of states; frames with neighbors go in, normalized.

    Attributes
    ----------
    context : int
        Frames on either side.
    mean, deviation : ndarray, shape (D,)
        Of the frames learned from.
    log_priors : ndarray, shape (S,)
        Of the states there.
    weights, biases : sequence of ndarray, shapes (in, out) and (out,)
        Of the layers.
    """

    context: int
    mean: NDArray[np.float32]
    deviation: NDArray[np.float32]
    log_priors: NDArray[np.float32]
    weights: Sequence[NDArray[np.float32]]
    biases: Sequence[NDArray[np.float32]]

    def log_likelihoods(self, frames: NDArray[np.floating]) -> NDArray[np.float32]:
        """Logarithms of posteriors over priors, (T, S), in nats: likelihoods but for a factor that states share."""
        x = splice(((frames - self.mean) / self.deviation).astype(np.float32), self.context)
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            x = np.maximum(x @ weight + bias, 0)
        x = x @ self.weights[-1] + self.biases[-1]
        x -= np.logaddexp.reduce(x, axis=1, keepdims=True)
        return (np.maximum(x, np.log(LEAST)) - self.log_priors).astype(np.float32)

    def save(self, path: Path) -> None:
        """Write the numbers of the network as arrays of NumPy."""
        layers = {f"{kind}{i}": x for kind in ("weights", "biases") for i, x in enumerate(getattr(self, kind))}
        rest = {name: getattr(self, name) for name in ("context", "mean", "deviation", "log_priors")}
        with atomic_path(path) as temporary:
            np.savez(temporary, **rest, **layers)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote."""
        with np.load(path) as found:
            layers = [[found[f"{kind}{i}"] for i in range(len(found.files) // 2 - 2)] for kind in ("weights", "biases")]
            return cls(int(found["context"]), found["mean"], found["deviation"], found["log_priors"], *layers)


def fit(
    frames: Sequence[NDArray], states: Sequence[NDArray], num_states: int, *, context: int, hidden: int, rates: Sequence
) -> Network:
    """Train a network of a hidden layer by Adam: all frames once at each of the `rates`."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    everything = np.concatenate(frames)
    mean, deviation = everything.mean(axis=0), everything.std(axis=0)
    x = np.concatenate([splice((each - mean) / deviation, context) for each in frames])
    y = np.concatenate(states)
    counts = np.bincount(y, minlength=num_states)
    classifier = MLPClassifier((hidden,), batch_size=256, max_iter=1, warm_start=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # its passes are counted
        for rate in rates:
            classifier.set_params(learning_rate_init=rate).fit(x, y)
    log_priors = np.log(np.maximum(counts, 1) / counts.sum())
    seen = classifier.classes_
    last, bias = np.zeros((hidden, num_states), np.float32), np.full(num_states, np.log(LEAST), np.float32)
    last[:, seen], bias[seen] = classifier.coefs_[1], classifier.intercepts_[1]
    layers = [classifier.coefs_[0], last], [classifier.intercepts_[0], bias]
    return Network(context, mean, deviation, log_priors.astype(np.float32), *layers)


def train_network(
    run: pipeline.Run,
    name: str,
    system: Path,
    plain: rungs.Speech,
    copies: Mapping[str, rungs.Speech],
    dictionary: Pronunciations,
    **options: Any,
) -> Path:
    """Train a network on frames adapted to the speakers by a system without contexts, those of copies too.

    `copies` are by what the names of their utterances end with. The system aligns the plain speech, and copies are in
    the same states at the same times.
    """
    out = run.out / f"network-{name}.npz"
    if run.todo(f"network-{name}", makes=[out], settings=[plain.words, list(copies), options]):
        base = load(system, AdaptedSystem)
        states = _aligned(base, plain, dictionary, run.jobs)
        frames, targets = [], []
        for end, speech in {"": plain, **copies}.items():
            own = {f"{utterance}{end}": posterior for utterance, posterior in states.items()}
            for utterance, x in _adapted(base, speech, own, run.jobs).items():
                frames.append(x[own[utterance].frame].astype(np.float32))
                targets.append(own[utterance].state)
        fit(frames, targets, base.num_states, **options).save(out)
    return out


def _aligned(
    system: AdaptedSystem, speech: rungs.Speech, dictionary: Pronunciations, n_jobs: int
) -> dict[str, StatePosteriors]:
    """States along transcripts, of what can be aligned."""
    graphs = {u: utterance_graph(system.adapted, words, dictionary) for u, words in speech.words.items()}
    with FeatureStore(speech.features) as store:
        hmm, frames = for_these_speakers(system, store, graphs, speech.utt2spk, n_jobs=n_jobs)
        names, found = list(graphs), {}
        for begin in range(0, len(names), BATCH):
            batch = names[begin : begin + BATCH]
            aligned = state_posteriors(hmm, [frames[u] for u in batch], [graphs[u] for u in batch])
            found |= {u: posterior for u, posterior in zip(batch, aligned, strict=True) if posterior is not None}
    return found


def _adapted(
    system: AdaptedSystem, speech: rungs.Speech, states: Mapping[str, StatePosteriors], n_jobs: int
) -> dict[str, NDArray]:
    """Frames adapted to their speakers, whose states are known."""
    with FeatureStore(speech.features) as store:
        transformed = transformed_frames(system, store)
        frames, transforms = {u: transformed[u] for u in states}, None
    for model in (system.unadapted, system.adapted):
        how: dict[str, Any] = {"prior": system.prior, "prior_frames": system.prior_frames, "n_jobs": n_jobs}
        transforms, _ = train_fmllr(model, frames, states, speech.utt2spk, transforms=transforms, **how)
    return adapt_frames(frames, speech.utt2spk, transforms or {})


def recognize_by_all(
    run: pipeline.Run,
    to: str,
    systems: Sequence[tuple[Path, float]],
    network: tuple[Path, float],
    speech: rungs.Speech,
    learned: Path,
    *,
    scale: float,
) -> Path:
    """Recognize phones by the weighted sum of log-likelihoods of two systems and of the network on the second's frames.

    The first has contexts or none, the second has none; a bigram of `learned` phones goes with them.
    """
    found = rungs.recognized_at(run.out, to, ALL)
    settings = [list(speech.words), scale, [weight for _, weight in systems], network[1]]
    if run.todo(f"recognize-{to}-{ALL}", makes=[found], settings=settings):
        said, names = rungs.phone_sequences(learned), list(speech.words)
        how: dict[str, Any] = {"utt2spk": speech.utt2spk, "acoustic_scale": scale, "n_jobs": run.jobs}
        net = Network.load(network[0])
        with FeatureStore(speech.features) as store:
            clock = FrameClock.of(store.front_end, None, None, "start")
            (top, frames, graph), (beside, others, _) = (
                rungs.on_phone_loop(place, store, names, said, **how) for place, _ in systems
            )
            position, recognized = top.position_of_state, {}
            for u in names:
                x = others[u]
                more = systems[1][1] * beside.log_likelihoods(x) + network[1] * net.log_likelihoods(x)
                both = (systems[0][1] * top.log_likelihoods(frames[u]) + more[:, position]).astype(np.float32)
                path = best_paths([graph], [both], Transitions.of(top.self_loop), acoustic_scale=scale)[0]
                recognized[u] = [] if path is None else describe_path(top, graph, path, both, clock).phones
        write_ctm(found, recognized)
    return found
