"""Estimate densities, draw from them, and hear what a mixture knows of a voice."""

from __future__ import annotations

from pathlib import Path

import librosa
import numpy as np
import soundfile
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.datasets import load_wine
from sklearn.model_selection import ShuffleSplit, cross_val_score
from sklearn.neighbors import KernelDensity
from sklearn.preprocessing import StandardScaler

import gmmspeech as gs
from gmmspeech import pipeline
from gmmspeech.corpora import voices

COLUMNS = (6, 12)  # flavanoids and proline
COMPONENTS = (1, 2, 3, 4, 6, 8, 12, 16, 24)
FOLDS = 20
WIDTHS = np.geomspace(0.1, 1, 10)  # of the kernels, in deviations
VOICE, VOICE_COMPONENTS, CEPSTRA, SECONDS = "linda", 64, 20, 3
HOP, HOLD = 512, 4  # samples from frame to frame; frames from one that is drawn to the next


@pipeline.recipe(corpus=False, stages=False)
def main(run: pipeline.Run) -> None:
    """Contours and samples of two columns of a table, and sound made from a mixture of a voice's cepstra."""
    run.out.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(11, 7.5), layout="constrained")
    panels = figure.subplot_mosaic(
        [["data", "drawn", "held out"], ["voice", "voice", "voice"], ["made", "made", "made"]]
    )
    row = densities(panels, run.jobs)
    speak(run.out, panels, run.jobs)
    figure.savefig(run.out / "densities.png", dpi=120)
    run.results([row])


def densities(panels: dict[str, Axes], jobs: int) -> dict[str, str]:
    """Held-out likelihood by the number of components, against kernel densities; contours and samples of the best."""
    wine = load_wine()
    X = StandardScaler().fit_transform(wine.data[:, COLUMNS])
    folds = ShuffleSplit(FOLDS, test_size=0.25, random_state=0)

    def held_out(estimator) -> float:
        return cross_val_score(estimator, X, cv=folds).mean()

    mixtures = {k: held_out(gs.DiagonalGMM(k, max_iter=100, variance_floor=0.05, random_state=0)) for k in COMPONENTS}
    size = len(X) - len(X) * 3 // 4  # KernelDensity.score is the sum of a fold, not its mean
    kernels = {width: held_out(KernelDensity(bandwidth=width)) / size for width in WIDTHS}
    k, width = max(mixtures, key=mixtures.get), max(kernels, key=kernels.get)
    gmm = gs.DiagonalGMM(k, max_iter=100, variance_floor=0.05, random_state=0, n_jobs=jobs).fit(X)

    names = [wine.feature_names[c] for c in COLUMNS]
    drawn, _ = gmm.sample(len(X))
    for panel, points, title in (("data", X, "178 wines"), ("drawn", drawn, f"178 drawn from {k} components")):
        contours(panels[panel], gmm, X)
        panels[panel].scatter(*points.T, s=9, color="black", linewidths=0)
        panels[panel].set(title=title, xlabel=f"{names[0]}, deviations", ylabel=f"{names[1]}, deviations")
    panels["held out"].plot(list(mixtures), list(mixtures.values()), "o-", color="#0072b2", label="mixture")
    panels["held out"].axhline(kernels[width], color="#d55e00", label="kernels of the best width")
    panels["held out"].set(title="held-out log-likelihood, nats", xlabel="components")
    panels["held out"].legend(frameon=False)
    return {
        "data": f"wine, {len(X)} cases, 2 columns",
        "kernel densities, best width": f"{kernels[width]:.3f} nats ({len(X)} kernels)",
        "mixture, best number of components": f"{mixtures[k]:.3f} nats ({k} components)",
    }


def contours(axes: Axes, gmm: gs.DiagonalGMM, X: NDArray[np.float64]) -> None:
    low, high = X.min(axis=0) - 0.7, X.max(axis=0) + 0.7
    x, y = np.meshgrid(*np.linspace(low, high, 120).T)
    density = gmm.score_samples(np.column_stack([x.ravel(), y.ravel()])).reshape(x.shape)
    axes.contourf(x, y, density, levels=density.max() - np.array([8, 6, 4, 3, 2, 1, 0.5, 0]), cmap="Blues")


def speak(out: Path, panels: dict[str, Axes], jobs: int) -> None:
    """Draw frames from a mixture of one voice's cepstra, glide from one to the next, and make them sound."""
    corpus = voices.write_voices(out / "corpus")
    files = sorted((corpus / "audio").glob(f"{VOICE}-s*.wav"))
    rate = gs.read_audio(files[0])[1]
    cepstra = [gs.mfcc(gs.read_audio(file)[0], rate, convention="librosa", num_ceps=CEPSTRA) for file in files]
    gmm = gs.DiagonalGMM(VOICE_COMPONENTS, random_state=0, n_jobs=jobs).fit(np.concatenate(cepstra))
    drawn, _ = gmm.sample(SECONDS * rate // HOP // HOLD)
    places = np.arange(HOLD * (len(drawn) - 1))
    made = np.stack([np.interp(places, HOLD * np.arange(len(drawn)), column) for column in drawn.T], axis=1)
    for panel, X, title in (
        ("voice", cepstra[0][: len(made)], "cepstra of the voice"),
        ("made", made, f"drawn from its mixture, a frame every {1000 * HOLD * HOP / rate:.0f} ms"),
    ):
        panels[panel].imshow(X.T[1:], origin="lower", aspect="auto", cmap="magma", vmin=-60, vmax=60)
        panels[panel].set(title=title, xlabel=f"frame of {1000 * HOP / rate:.0f} ms", ylabel="cepstrum")
    for name, X in (("voice", cepstra[0][: len(made)]), ("drawn", made)):
        sound = librosa.feature.inverse.mfcc_to_audio(X.T.astype(np.float64), sr=rate, hop_length=HOP)
        soundfile.write(out / f"{name}.wav", 0.5 * sound / np.abs(sound).max(), rate)


if __name__ == "__main__":
    main()
