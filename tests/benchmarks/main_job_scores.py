"""Steps of main_job.py: features, mixtures and their scores, metrics."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from em_data import quality_frames, save_workload
from em_sides import SIDES, Frames, Start
from main_job_steps import Step, Way, has
from metrics_speed import functions
from numpy.typing import NDArray

import gmmspeech as gs
from gmmspeech.audio.reading import read_audio
from gmmspeech.features.mfcc import mfcc
from gmmspeech.gmm.utterance_stats import StatsBatch
from gmmspeech.scoring.linear import linear_score

UTTERANCES = 40
FRAMES, COMPONENTS = 50_000, 512
MODELS = TESTS = 1000
LONG = 1000  # frames of a test, and of what a model is adapted to: 10 s
RELEVANCE = 16.0
TRIALS, TARGETS = 10_000_000, 100_000


def features(folder: Path) -> Iterator[Step]:
    """From FLAC to 13 MFCC of 23 filters, 25 ms every 10 ms."""
    corpus = Path(os.environ["GMMSPEECH_CORPORA"]) / "librispeech-mini"
    files = sorted((corpus / "audio").rglob("*.flac"))[:UTTERANCES]
    duration = sum(soundfile.info(file).duration for file in files)

    def each(function: Callable[[NDArray[np.float32], int], object]) -> Way:
        return Way(lambda: [function(*soundfile.read(file, dtype="float32")) for file in files])

    peers = {
        "librosa": each(with_librosa) if has("librosa") else None,
        "kaldi-native-fbank": each(with_native_fbank) if has("kaldi_native_fbank") else None,
        "Kaldi's binary, of WAV": kaldi_binary(files, folder) if shutil.which("compute-mfcc-feats") else None,
    }
    decoding = each(lambda signal, rate: None)
    name = f"FLAC → MFCC, {len(files)} utterances, {duration:.0f} s"
    yield Step(name, Way(lambda: [mfcc(*read_audio(file)) for file in files]), peers, ("decoding", decoding))


def with_librosa(signal: NDArray[np.float32], rate: int) -> None:
    """MFCC by librosa."""
    import librosa

    librosa.feature.mfcc(y=signal, sr=rate, n_mfcc=13, n_fft=512, win_length=400, hop_length=160, n_mels=23)


def with_native_fbank(signal: NDArray[np.float32], rate: int) -> None:
    """MFCC by Kaldi's code without Kaldi."""
    import kaldi_native_fbank

    options = kaldi_native_fbank.MfccOptions()
    options.frame_opts.samp_freq, options.frame_opts.dither = rate, 0
    computer = kaldi_native_fbank.OnlineMfcc(options)
    computer.accept_waveform(rate, (32768 * signal).tolist())
    computer.input_finished()
    np.stack([computer.get_frame(i) for i in range(computer.num_frames_ready)])


def kaldi_binary(files: list[Path], folder: Path) -> Way:
    """MFCC by Kaldi's program, which is given WAV files."""
    lines = []
    for i, file in enumerate(files):
        soundfile.write(folder / f"{i}.wav", *soundfile.read(file, dtype="int16"))
        lines.append(f"{i} {folder / f'{i}.wav'}\n")
    (folder / "wav.scp").write_text("".join(lines))
    words = ["compute-mfcc-feats", "--dither=0", f"scp:{folder / 'wav.scp'}", "ark:/dev/null"]
    return Way(lambda: subprocess.run(words, check=True, capture_output=True))


def mixtures(folder: Path) -> Iterator[Step]:
    """EM, adaptation, and the three ways to score."""
    frames, _ = quality_frames(FRAMES)
    save_workload(folder, frames, COMPONENTS)
    with np.load(folder / "start.npz") as arrays:
        start: Start = tuple(arrays.values())  # type: ignore[assignment]
    sides = {name: SIDES[name](frames, start, 1) for name in ("native", "sklearn32", "sklearn64", "products")}
    count, dim = frames.shape
    scikit = {
        f"scikit-learn, {name}": sides[side]["iterate"]
        for name, side in (("float32", "sklearn32"), ("float64", "sklearn64"))
    }
    peers: dict[str, Way | None] = {
        name: Way(lambda one=one: one(10_000), count / 10_000) for name, one in scikit.items()
    }
    peers["kaldi-hmm-gmm"] = None
    if has("kaldi_hmm_gmm"):
        kaldi = SIDES["kaldi"](frames, start, 1)["iterate"]
        peers["kaldi-hmm-gmm"] = Way(lambda: kaldi(500), count / 500)
    bob = bobs(start) if has("bob.learn.em") else None
    peers["bob.learn.em"] = Way(lambda: bob.acc_stats(frames[:2000]), count / 2000) if bob else None
    yield Step(
        f"UBM: a pass of EM, {count:,} × {dim} frames, {COMPONENTS} components",
        *(Way(lambda: sides["native"]["iterate"](count)), peers),
        ("two bare sgemm", Way(lambda: sides["products"]["iterate"](count))),
    )
    yield adaptation(frames, start, sides, bob)
    yield from frame_scores(frames, start, sides, bob)
    yield linear_scores(frames, start, bob)


def bobs(start: Start) -> Any:
    """A mixture of bob's, with three parameters to be trained."""
    from bob.learn.em import GMMMachine

    machine = GMMMachine(len(start[0]), update_variances=True, update_weights=True)
    machine.means, machine.variances, machine.weights = start[1], start[2], start[0]
    return machine


def scikit_learns(start: Start, dtype: type = np.float64) -> Any:
    """A mixture of scikit-learn's."""
    from sklearn.mixture import GaussianMixture

    gmm = GaussianMixture(len(start[0]), covariance_type="diag")
    gmm.weights_, gmm.means_, gmm.covariances_ = (parameter.astype(dtype) for parameter in start)
    gmm.precisions_cholesky_ = 1 / np.sqrt(gmm.covariances_)
    return gmm


def adaptation(frames: Frames, start: Start, sides: dict[str, Any], bob: Any) -> Step:
    """MAP adaptation of the means; scikit-learn, which has none, gives the posteriors."""
    ubm, theirs = gs.DiagonalGMM.from_parameters(*start), scikit_learns(start, np.float32)
    starts = np.linspace(0, len(frames) - LONG, 100, dtype=int)

    def with_scikit_learn(some: Frames) -> NDArray[np.float32]:
        posteriors = theirs.predict_proba(some)
        counts = posteriors.sum(axis=0)[:, None]
        return (posteriors.T @ some + RELEVANCE * theirs.means_) / (counts + RELEVANCE)

    def with_bob(some: Frames) -> None:
        from bob.learn.em import GMMMachine

        options = {"trainer": "map", "ubm": bob, "map_relevance_factor": RELEVANCE, "max_fitting_steps": 1}
        GMMMachine(len(start[0]), **options).fit(some)

    def each(function: Callable[[Frames], object], models: int) -> Way:
        return Way(lambda: [function(frames[i : i + LONG]) for i in starts[:models]], MODELS / models)

    return Step(
        f"MAP enrollment of {MODELS:,} models, 10 s each",
        each(lambda some: gs.map_adapt(ubm, some, relevance_factor=RELEVANCE), 100),
        {
            "scikit-learn's posteriors, float32": each(with_scikit_learn, 10),
            "bob.learn.em": each(with_bob, 2) if bob else None,
        },
        ("two bare sgemm", Way(lambda: sides["products"]["iterate"](len(frames)), MODELS * LONG / len(frames))),
    )


def frame_scores(frames: Frames, start: Start, sides: dict[str, Any], bob: Any) -> Iterator[Step]:
    """Log-likelihood ratios of all frames, by all components and by the ten best."""
    test, few = frames[:LONG], 50
    native = sides["native"]
    for number, top in ((few, None), (MODELS, 10)):
        native["prepare models"](number, top)
    gmms = {name: scikit_learns(start, dtype) for name, dtype in (("float32", np.float32), ("float64", np.float64))}
    tests = {"float32": test, "float64": test.astype(np.float64)}
    peers: dict[str, Way | None] = {
        f"scikit-learn, {name}": Way(lambda name=name: gmms[name].score_samples(tests[name]), MODELS * TESTS)
        for name in gmms
    }
    peers["bob.learn.em"] = Way(lambda: bob.log_likelihood(test), MODELS * TESTS) if bob else None
    product = Way(lambda: sides["products"]["score"](len(frames)), MODELS * TESTS * LONG / len(frames))
    trials = f"{MODELS:,} models × {TESTS:,} tests of 10 s"
    full = Way(lambda: native["score models"](few, None), MODELS / few * TESTS)
    yield Step(f"full scoring, {trials}", full, peers, ("one sgemm", product))
    best = Way(lambda: native["score models"](MODELS, 10), TESTS)
    yield Step(f"scoring by the top 10, {trials}", best, {"our full scoring": full})


def linear_scores(frames: Frames, start: Start, bob: Any) -> Step:
    """Linear scores of statistics that are there."""
    ubm, rng = gs.DiagonalGMM.from_parameters(*start), np.random.default_rng(0)
    means = start[1] + 0.1 * np.sqrt(start[2]) * rng.standard_normal((MODELS, *start[1].shape))
    some = [ubm.accumulate(frames[i : i + LONG]) for i in np.linspace(0, len(frames) - LONG, 100, dtype=int)]
    times = TESTS // len(some)
    n, sums = np.array([each.n for each in some] * times), np.array([each.sum_x for each in some] * times)
    stats = StatsBatch(n, sums, np.full(TESTS, float(LONG)))
    flat = means.reshape(MODELS, -1), sums.reshape(TESTS, -1)
    theirs = None
    if bob:
        from bob.learn.em import GMMStats, linear_scoring

        test_stats = []
        for counts, sum_x in zip(n, sums, strict=True):
            one = GMMStats(*start[1].shape)
            one.n, one.sum_px, one.t = counts, sum_x, LONG
            test_stats.append(one)
        theirs = Way(lambda: linear_scoring(means, bob, test_stats))
    name = f"linear scoring, {MODELS:,} × {TESTS:,}, statistics given"
    limit = ("one dgemm", Way(lambda: flat[0] @ flat[1].T))
    return Step(name, Way(lambda: linear_score(means, ubm, stats)), {"bob.learn.em": theirs}, limit)


def metrics(folder: Path) -> Iterator[Step]:
    """Equal error rate, detection costs, Cllr; scikit-learn gives the curve only."""
    rng = np.random.default_rng(0)
    ways = functions(rng.normal(2, 1, TARGETS), rng.normal(0, 1, TRIALS - TARGETS))
    peers: dict[str, Way | None] = {"scikit-learn's det_curve alone": Way(ways["sklearn det_curve"])}
    peers["scikit-learn's roc_curve alone"] = Way(ways["sklearn roc_curve"])
    name = f"EER, minDCF, Cllr, min Cllr of {TRIALS / 1e6:.0f} M trials"
    yield Step(name, Way(ways["summarize"]), peers, ("one sort of NumPy's", Way(ways["numpy.sort"])))
