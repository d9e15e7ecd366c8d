"""Steps of main_job.py: i-vectors, PLDA, and phone HMMs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from align_speed import pocketsphinx
from main_job_scores import bobs
from main_job_steps import Step, Way, has
from numpy.typing import NDArray
from speaker_speed import draw

import gmmspeech as gs
from gmmspeech.commands.phone_features import features_of
from gmmspeech.commands.transcripts import open_pronunciations, said_pronunciations, said_words
from gmmspeech.formats.datadir import load_utterance
from gmmspeech.gmm.utterance_stats import StatsBatch
from gmmspeech.phones.shipped import english_model
from gmmspeech.speaker.ivector import train_ivector_extractor
from gmmspeech.speaker.plda import PLDA

UTTERANCES, COMPONENTS, DIM, RANK = 1000, 512, 60, 100
BOBS = 4  # utterances
UPDATES = 5
ALIGNED = 20  # utterances
DIGITS = Path(__file__).parents[2] / "recipes" / "fsdd" / "digits.dict"


def ivectors(folder: Path) -> Iterator[Step]:
    """Training, extraction, and scores by PLDA."""
    rng = np.random.default_rng(0)
    shape = COMPONENTS, DIM
    start = rng.dirichlet(np.full(COMPONENTS, 5.0)), rng.normal(size=shape), rng.uniform(0.5, 2, shape)
    ubm = gs.DiagonalGMM.from_parameters(*start)
    stats = draw(rng, ubm, UTTERANCES, RANK)
    extractor = train_ivector_extractor(ubm, stats, RANK, max_iter=1)
    theirs: dict[str, list[Way | None]] = {"bob.learn.em": [None, None]}
    if has("bob.learn.em"):
        theirs = {"bob.learn.em": bobs_ways(start, stats)}
    products = [Way(lambda: Products(stats).training()), Way(lambda: Products(stats).extraction())]
    names = f"{UTTERANCES:,} utterances, {COMPONENTS} components, rank {RANK}"
    steps = {
        f"i-vector training, an iteration, {names}": lambda: train_ivector_extractor(ubm, stats, RANK, max_iter=1),
        f"i-vector extraction, {names}": lambda: extractor.extract(stats),
    }
    for i, (name, function) in enumerate(steps.items()):
        peers = {peer: ways[i] for peer, ways in theirs.items()}
        yield Step(name, Way(function), peers, ("its products, dgemm", products[i]))

    vectors, identity = rng.normal(size=(UTTERANCES, RANK)), np.eye(RANK)
    plda = PLDA(np.zeros(RANK), identity, identity)
    product = Way(lambda: vectors @ vectors.T)
    name = f"PLDA scores of {UTTERANCES**2 / 1e6:.0f} M trials, {RANK} dimensions"
    yield Step(name, Way(lambda: plda.score(vectors, vectors)), {}, ("one dgemm", product))


class Products:
    """Matrix products that i-vectors can't do without, each in one call."""

    def __init__(self, stats: StatsBatch) -> None:
        k, d = stats.sum_x.shape[1:]
        self.counts, self.sums = np.ascontiguousarray(stats.n), stats.sum_x.reshape(len(stats.n), -1)
        self.squares = np.ones((k, RANK * (RANK + 1) // 2))
        self.matrix = np.ones((k * d, RANK))

    def extraction(self) -> tuple[NDArray, NDArray]:
        """Precisions and linear terms of all utterances."""
        return self.counts @ self.squares, self.sums @ self.matrix

    def training(self) -> None:
        """The same, and the sums that the update needs."""
        precisions, linear = self.extraction()
        self.counts.T @ precisions
        self.sums.T @ linear


def bobs_ways(start: Any, stats: StatsBatch) -> list[Way | None]:
    """The E-step of training, and extraction, of some utterances."""
    from bob.learn.em import GMMStats, IVectorMachine
    from bob.learn.em.ivector import e_step

    machine = IVectorMachine(bobs(start), dim_t=RANK)
    machine.dim_c, machine.dim_d = COMPONENTS, DIM
    machine.T, machine.sigma = np.random.default_rng(0).normal(size=(COMPONENTS, DIM, RANK)), start[2]
    some = []
    for i in range(BOBS):
        one = GMMStats(COMPONENTS, DIM)
        one.n, one.sum_px, one.t = stats.n[i], stats.sum_x[i], stats.num_frames[i]
        one.sum_pxx = stats.sum_x[i] ** 2
        some.append(one)
    times = UTTERANCES / BOBS
    return [Way(lambda: e_step(machine, some), times), Way(lambda: machine.transform(some), times)]


def phones(folder: Path) -> Iterator[Step]:
    """Training from a flat start, and alignment with what was said."""
    corpora = Path(os.environ["GMMSPEECH_CORPORA"])
    yield flat_start(gs.read_data_dir(corpora / "fsdd" / "data" / "train"))
    whole = gs.read_data_dir(corpora / "librispeech-mini" / "data" / "test-other")
    yield alignment(whole.only(list(whole.utterances)[:ALIGNED]))


def flat_start(data: gs.formats.DataDir) -> Step:
    """HMMs of digits: of phones by us, of whole words of as many states by hmmlearn."""
    front = gs.FrontEnd.from_toml("phones_8khz")
    frames = {name: front(*load_utterance(data, name)) for name in data.utterances}
    said = said_words(data)
    dictionary = said_pronunciations(said, open_pronunciations([str(DIGITS)]))
    states = {word: 3 * len(next(iter(ways))) for word, ways in dictionary.items()}
    phones = {phone for ways in dictionary.values() for way in ways for phone in way} | {"SIL"}
    options: dict[str, Any] = {"max_iter": UPDATES, "num_passes": 1, "method": "baum-welch"}
    options["total_gaussians"] = 3 * len(phones)
    count = sum(map(len, frames.values()))
    return Step(
        f"HMM flat start, Baum-Welch, {UPDATES} updates, {len(frames)} digits, {count:,} frames",
        Way(lambda: gs.train_phone_hmm(frames, said, dictionary, **options)),
        {"hmmlearn": Way(lambda: with_hmmlearn(frames, said, states)) if has("hmmlearn") else None},
    )


def with_hmmlearn(frames: Mapping[str, NDArray], said: Mapping[str, Sequence[str]], states: Mapping[str, int]) -> None:
    """Train an HMM of every word, from left to right, from equal shares of the frames."""
    from hmmlearn.hmm import GaussianHMM

    for word, count in states.items():
        some = [frames[name] for name, words in said.items() if list(words) == [word] and len(frames[name]) > count]
        hmm = GaussianHMM(count, n_iter=UPDATES, tol=-np.inf, params="tmc", init_params="")
        hmm.startprob_ = np.eye(count)[0]
        hmm.transmat_ = 0.5 * (np.eye(count) + np.eye(count, k=1))
        hmm.transmat_[-1, -1] = 1
        hmm.means_ = np.array(
            [np.mean([np.array_split(x, count)[i].mean(axis=0) for x in some], axis=0) for i in range(count)]
        )
        hmm.covars_ = np.tile(np.concatenate(some).var(axis=0), (count, 1))
        hmm.fit(np.concatenate(some), list(map(len, some)))


def alignment(data: gs.formats.DataDir) -> Step:
    """From audio to words, phones and their times."""
    model = english_model()
    words, known = said_words(data), open_pronunciations(["cmudict"])
    dictionary = {word: known[word] for line in words.values() for word in line if word in known}
    front = gs.FrontEnd.from_json(model.front_end)

    def ours() -> None:
        with features_of(data, front) as (store, _):
            gs.align(model, store, words, dictionary, unknown_words="SPN")

    peer = pocketsphinx(data, words)
    with features_of(data, front) as (store, _):
        duration = sum(len(store[name]) for name in words) / 100
    name = f"alignment, {len(words)} utterances, {duration:.0f} s"
    return Step(name, Way(ours), {"pocketsphinx": Way(peer) if peer else None})
