"""The picture of what the package does, on synthetic voices; ``python docs/overview.py`` draws it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

import gmmspeech as gs
from gmmspeech.corpora.voices import write_voices

PICTURE = Path(__file__).with_name("overview.png")
TEXT = "A judge in a beige cloak joined the noisy crowd at the gate."
END = 1.35  # seconds of it that are shown
SOUNDS = ("AW", "EY", "L", "N", "ZH")
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00")  # told apart by the color-blind too


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        corpus = write_voices(folder)
        plt.rcParams |= {"font.size": 11, "axes.spines.top": False, "axes.spines.right": False}
        figure, axes = plt.subplots(1, 3, figsize=(15, 4.2), width_ratios=[1.5, 1, 1], layout="constrained")
        when(axes[0], corpus)
        which(axes[1], corpus)
        who(axes[2], corpus)
        _save(figure)


def when(axes: Axes, corpus: Path) -> None:
    """When was each word and phone said: a spectrogram with the alignment above it."""
    path = corpus / "audio" / "m3-s1.wav"
    signal, rate = gs.read_audio(path)
    bands = gs.fbank(signal, rate, num_mel_bins=80)
    found = gs.align_file(path, TEXT)
    axes.imshow(bands.T, origin="lower", aspect="auto", extent=(0, len(bands) / 100, 0, 80), cmap="magma")
    for height, tier in ((80, found.phones), (90, found.words)):
        for label in tier:
            if label.start < END - 0.01:
                axes.plot([label.start] * 2, [height, height + 10], color="black", lw=0.7)
                middle = (label.start + min(label.end, END)) / 2
                axes.text(middle, height + 5, label.name.replace("SIL", ""), ha="center", va="center", fontsize=9)
    axes.set(xlim=(0, END), ylim=(0, 100), yticks=[], xlabel="seconds", title="When was it said?")


def which(axes: Axes, corpus: Path) -> None:
    """Which sound is it: frames of some, and the mixture of each."""
    frames, names = [], []
    for path in sorted((corpus / "audio").glob("*-s1.wav"))[:12]:
        signal, rate = gs.read_audio(path)
        cepstra = gs.cmvn(gs.mfcc(signal, rate, num_ceps=13))
        for phone in gs.align_file(path, TEXT).phones:
            if phone.name in SOUNDS:
                inside = cepstra[round(phone.start * 100) : round(phone.end * 100)]
                frames.append(inside)
                names += [phone.name] * len(inside)
    names = np.array(names)
    plane = LinearDiscriminantAnalysis(n_components=2).fit_transform(np.concatenate(frames), names)
    low, high = plane.min(axis=0), plane.max(axis=0)
    grid = np.stack(np.meshgrid(*np.linspace(low, high, 150).T), axis=-1)
    for sound, color in zip(sorted(set(names)), COLORS, strict=False):
        inside = plane[names == sound]
        axes.scatter(*inside.T, s=5, color=color, alpha=0.4, lw=0)
        density = gs.GMM(2, random_state=0).fit(inside).score_samples(grid.reshape(-1, 2)).reshape(150, 150)
        axes.contour(
            *np.moveaxis(grid, -1, 0), density, density.max() - np.array([2.0, 0.7]), colors=color, linestyles="solid"
        )
        axes.text(*np.median(inside, axis=0), sound, weight="bold", ha="center")
    axes.set(xticks=[], yticks=[], xlabel="a mixture of Gaussians for each sound", title="Which sound is it?")


def who(axes: Axes, corpus: Path) -> None:
    """Who is speaking: scores of true and of false claims."""
    front = gs.FrontEnd.from_toml("voices")
    frames = {path.stem: front(*gs.read_audio(path)) for path in sorted((corpus / "audio").glob("*.wav"))}
    voices = sorted({name.split("-")[0] for name in frames})
    verifier = gs.SpeakerVerifier(gs.train_ubm([frames[f"{v}-s0"] for v in voices], n_components=32))
    for voice in voices:
        verifier.enroll(voice, [frames[f"{voice}-s1"], frames[f"{voice}-s2"]])
    scores = {True: [], False: []}
    for claimed in voices:
        for voice in voices:
            scores[claimed == voice] += [verifier.score(claimed, frames[f"{voice}-s{n}"]) for n in range(5, 10)]
    rate = gs.eer(np.array(scores[True]), np.array(scores[False]))
    bins = np.linspace(min(scores[False]), max(scores[True]), 40)
    for kind, color, name in ((False, COLORS[1], "somebody else"), (True, COLORS[0], "the speaker")):
        axes.hist(scores[kind], bins, density=True, color=color, alpha=0.7, label=name)
    axes.legend(frameon=False)
    axes.set(yticks=[], xlabel=f"log-likelihood ratio (equal error rate {100 * rate:.1f} %)", title="Who is speaking?")


def _save(figure: Figure) -> None:
    figure.savefig(PICTURE, dpi=110, metadata={"Software": None})
    print(PICTURE)


if __name__ == "__main__":
    main()
