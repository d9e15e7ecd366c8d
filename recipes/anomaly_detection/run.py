"""Tell what is unlike anything in training: sounds that are no speech, and digits that are not a certain one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import gmmspeech as gs
from gmmspeech import pipeline
from gmmspeech.audio import resample
from gmmspeech.corpora import voices

FALSE_ALARMS = 0.05  # wanted share of alarms among what is normal
RATE = 16000
DIGITS = range(10)
CLIP = 4000  # samples, a quarter of a second: with a whole second both methods are right nearly always
SOUND_COMPONENTS, DIGIT_COMPONENTS, DIGIT_DIMENSIONS = 4, 2, 30


@pipeline.recipe(corpus=False, stages=False)
def main(run: pipeline.Run) -> None:
    """Thresholds on likelihood, set on normal data alone, against isolation forests."""
    run.out.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(10, 6.5), layout="constrained")
    panels = figure.subplot_mosaic([["sound", "digits"], ["normal", "alarm"]])
    rows = [sounds(run.out, run.jobs, panels), digits(panels["digits"])]
    figure.savefig(run.out / "anomalies.png", dpi=120)
    run.results(rows)


def sounds(out: Path, jobs: int, panels: dict[str, Axes]) -> dict[str, str]:
    """Learn from eight voices, set the threshold on four, and tell twelve others from six kinds of sounds."""
    corpus = voices.write_voices(out / "corpus")
    speech = {path.stem: resample(*gs.read_audio(path), RATE) for path in sorted((corpus / "audio").glob("*.wav"))}
    speakers = sorted({name.split("-")[0] for name in speech})
    # a threshold must be set on voices that the mixture has not heard
    known, spare, unknown = (
        [x for name, x in speech.items() if speakers.index(name.split("-")[0]) % 6 in some]
        for some in ((2, 4), (0,), (1, 3, 5))
    )
    rng = np.random.default_rng(0)
    others = [make(rng) for make in SOUNDS for _ in range(20)]
    scale = make_pipeline(StandardScaler(), PCA(whiten=True, random_state=0)).fit(describe(known))
    train, held_out, test, strange = (scale.transform(describe(some)) for some in (known, spare, unknown, others))
    gmm = gs.DiagonalGMM(SOUND_COMPONENTS, variance_floor=0.1, random_state=0, n_jobs=jobs).fit(train)
    forest = IsolationForest(random_state=0).fit(train)
    heard_by = gmm.score_samples, forest.score_samples
    task = "speech against other sounds, a quarter of a second"
    row, scores, threshold = judge(task, *heard_by, held_out, test, strange)
    histogram(panels["sound"], (scores[0], np.maximum(scores[1], -500)), threshold, "speech", "other sounds", "nats")
    others = np.concatenate([gs.fbank(make(rng)[:CLIP], RATE, num_mel_bins=40) for make in SOUNDS])
    six = unknown[:: len(unknown) // 6][:6]
    voices_heard = np.concatenate([gs.fbank(x[8000 : 8000 + CLIP], RATE, num_mel_bins=40) for x in six])
    kinds = ", ".join(make.__name__ for make in SOUNDS)
    for panel, picture, title in (("normal", voices_heard, "six voices"), ("alarm", others, kinds)):
        panels[panel].imshow(picture.T, origin="lower", aspect="auto", cmap="magma")
        panels[panel].set_title(f"{title}: mel spectrum over time", fontsize=10)
        panels[panel].set_axis_off()
    return row


def digits(axes: Axes) -> dict[str, str]:
    """Each digit in turn is normal, the other nine are not."""
    X, y = load_digits(return_X_y=True)
    rows, normals, stranges = [], [], []
    for digit in DIGITS:
        normal = X[y == digit]
        train, held_out, test = normal[::3], normal[1::3], normal[2::3]
        whiten = PCA(DIGIT_DIMENSIONS, whiten=True, random_state=0).fit(train)
        gmm = gs.DiagonalGMM(DIGIT_COMPONENTS, variance_floor=0.1, random_state=0).fit(whiten.transform(train))
        forest = IsolationForest(random_state=0).fit(train)
        row, (some_normal, some_strange), threshold = judge(
            "one handwritten digit against the other nine, mean over digits",
            lambda x, gmm=gmm, whiten=whiten: gmm.score_samples(whiten.transform(x)),
            forest.score_samples,
            held_out,
            test,
            X[y != digit],
        )
        rows.append(row)
        normals.append(some_normal - threshold)
        stranges.append(some_strange - threshold)
    both = np.concatenate(normals), np.maximum(np.concatenate(stranges), -600)
    histogram(axes, both, 0.0, "the digit", "other digits", "nats above the threshold")
    return {
        key: rows[0][key] if key == "task" else f"{np.mean([float(row[key].split()[0]) for row in rows]):.2f} %"
        for key in rows[0]
    }


def judge(task: str, likelihood: Callable, peer: Callable, held_out, test, strange) -> tuple:
    """Row of the table, likelihoods of normal and strange, and the threshold from the held-out normal ones."""
    normal, abnormal = likelihood(test), likelihood(strange)
    threshold = np.quantile(likelihood(held_out), FALSE_ALARMS)
    labels = np.repeat([1, 0], [len(test), len(strange)])
    peers = np.concatenate([peer(test), peer(strange)])
    row = {
        "task": task,
        "isolation forest, ROC AUC": f"{100 * roc_auc_score(labels, peers):.2f} %",
        "mixture, ROC AUC": f"{100 * roc_auc_score(labels, np.concatenate([normal, abnormal])):.2f} %",
        f"false alarms at the threshold for {FALSE_ALARMS:.0%}": f"{100 * (normal < threshold).mean():.2f} %",
        "anomalies found": f"{100 * (abnormal < threshold).mean():.2f} %",
    }
    return row, (normal, abnormal), threshold


def describe(signals: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """A vector for each clip of the signals: mean and spread of the cepstra in it, and spread of their changes.

    Likelihoods of single frames would not do: steady sounds consist of frames that speech has too, in its pauses.
    """
    clips = [clip for x in signals for clip in heard(x)]
    cepstra = [gs.mfcc(clip, RATE, use_energy=False)[:, 1:] for clip in clips]  # c0, the loudness, is left out
    spreads = [np.log(np.concatenate([X.std(axis=0), np.diff(X, axis=0).std(axis=0)])) for X in cepstra]
    return np.column_stack([[X.mean(axis=0) for X in cepstra], spreads])


def heard(x: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Cut a signal into clips; leave out those 20 dB below the loudest, the pauses."""
    clips = [x[start : start + CLIP] for start in range(0, len(x) - CLIP + 1, CLIP)]
    power = [np.square(clip).mean() for clip in clips]
    return [clip for clip, p in zip(clips, power, strict=True) if p > max(power) / 100]


TIME = np.arange(RATE) / RATE  # s


def chord(rng: np.random.Generator) -> NDArray[np.float32]:
    """Three notes of a guitar-like sound, each with eight harmonics, dying away."""
    root = 110 * 2 ** rng.uniform(0, 2)
    notes = [root, root * 2 ** (rng.choice([3, 4]) / 12), root * 2 ** (7 / 12)]
    tone = sum(np.sin(2 * np.pi * f * h * TIME) / h**1.5 for f in notes for h in range(1, 9))
    return _played(tone * np.exp(-3 * TIME), rng)


def siren(rng: np.random.Generator) -> NDArray[np.float32]:
    swing = rng.uniform(500, 900) + rng.uniform(150, 300) * np.sin(2 * np.pi * rng.uniform(0.5, 3) * TIME)
    phase = 2 * np.pi * np.cumsum(swing) / RATE
    return _played(np.sin(phase) + 0.3 * np.sin(3 * phase), rng)


def rain(rng: np.random.Generator) -> NDArray[np.float32]:
    drops = rng.standard_normal(RATE) * (1 + 6 * (rng.random(RATE) < 0.002))
    return _played(np.diff(drops, prepend=0), rng)


def engine(rng: np.random.Generator) -> NDArray[np.float32]:
    firing = rng.uniform(25, 60) * (1 + 0.02 * np.cumsum(rng.standard_normal(RATE)) / np.sqrt(RATE))
    pulse = np.maximum(np.sin(2 * np.pi * np.cumsum(firing) / RATE), 0) ** 8
    return _played(pulse - pulse.mean() + 0.05 * rng.standard_normal(RATE), rng)


def bird(rng: np.random.Generator) -> NDArray[np.float32]:
    call = np.abs(np.sin(2 * np.pi * rng.uniform(2, 5) * TIME)) ** 3
    pitch = rng.uniform(2500, 4000) + 1200 * np.sin(2 * np.pi * rng.uniform(10, 25) * TIME)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    return _played(np.sin(phase) * call, rng)


def hammer(rng: np.random.Generator) -> NDArray[np.float32]:
    since = (TIME * rng.uniform(3, 8)) % 1
    blow = rng.standard_normal(RATE) * np.exp(-40 * since)
    return _played(blow + np.sin(2 * np.pi * 900 * TIME) * np.exp(-25 * since), rng)


SOUNDS = (chord, siren, rain, engine, bird, hammer)


def _played(sound: NDArray, rng: np.random.Generator) -> NDArray[np.float32]:
    """At a random loudness, with the noise that the voices have too."""
    sound = sound / np.abs(sound).max() * rng.uniform(0.1, 0.7)
    noise = rng.standard_normal(len(sound)) * sound.std() * 10 ** (-rng.uniform(15, 30) / 20)
    return (sound + noise).astype(np.float32)


def histogram(
    axes: Axes, scores: tuple[NDArray, NDArray], threshold: float, normal: str, strange: str, unit: str
) -> None:
    bins = np.linspace(min(s.min() for s in scores), max(s.max() for s in scores), 60)
    for values, label, color in zip(scores, (normal, strange), ("#0072b2", "#d55e00"), strict=True):
        axes.hist(values, bins, density=True, alpha=0.6, color=color, label=label)
    axes.axvline(threshold, color="black", linewidth=1, label=f"threshold for {FALSE_ALARMS:.0%} false alarms")
    axes.set_xlabel(f"log-likelihood, {unit}")
    axes.set_yticks([])
    axes.legend(frameon=False, fontsize=9)


if __name__ == "__main__":
    main()
