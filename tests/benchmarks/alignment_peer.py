"""How near to exact times pocketsphinx and `align` come by the English models that come with them, and how fast.

    python tests/benchmarks/alignment_peer.py [DATA_DIR] [--repetitions 3]

Needs pocketsphinx (PyPI; without it, there is nothing to do). By default synthetic voices say the sentences of
recipes/voices, those that its test parts have; or DATA_DIR has phones.ctm. Both sides get the same samples at 16 kHz
and take turns; processor time counts, that of features too, not that of reading. Pocketsphinx tells the times at which
frames start, so a constant is no merit: each side is also told with its own median difference taken off.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

import gmmspeech as gs
from gmmspeech.commands.phone_features import front_end_of_waveforms
from gmmspeech.commands.transcripts import open_pronunciations, said_pronunciations, said_words
from gmmspeech.corpora.voices import write_voices
from gmmspeech.formats.datadir import DataDir, load_utterance
from gmmspeech.metrics.boundaries import BoundaryAgreement, boundary_agreement
from gmmspeech.phones.labels.labels import Label
from gmmspeech.phones.shipped import english_model

RATE, SHIFT = 16000, 0.01
SENTENCES = Path(__file__).parents[2] / "recipes" / "voices" / "sentences.txt"
LIMITS = (0.01, 0.02, 0.05)

Signals = Mapping[str, NDArray[np.int16]]
Words = Mapping[str, Sequence[str]]
Labels = dict[str, list[Label]]


def by_pocketsphinx(signals: Signals, words: Words) -> Labels:
    """Align by pocketsphinx as its manual has it, phones in a second pass; what it can't align is left out."""
    decoder = _decoder()
    found: Labels = {}
    for name, signal in signals.items():
        raw = signal.tobytes()
        try:
            decoder.set_align_text(" ".join(words[name]).lower())
            _decode(decoder, raw)
            decoder.set_alignment()
            _decode(decoder, raw)
            each = [phone for word in decoder.get_alignment() for phone in word]
        except RuntimeError:  # a word that it lacks, or no path
            decoder = _decoder()
            continue
        found[name] = [Label(p.start * SHIFT, (p.start + p.duration) * SHIFT, p.name) for p in each]
    return found


def _decoder() -> Any:
    from pocketsphinx import Decoder

    # with bestpath, which its own command turns off, the second pass failed for 14 of 60 utterances
    return Decoder(lm=None, samprate=RATE, loglevel="FATAL", bestpath=False)


def _decode(decoder: Any, raw: bytes) -> None:
    decoder.start_utt()
    decoder.process_raw(raw, full_utt=True)
    decoder.end_utt()


def by_gmmspeech(signals: Signals, words: Words, speakers: Mapping[str, str], *, adapt: bool) -> Labels:
    """Align by the model that comes along, each speaker's frames normalized, and perhaps adapted to it."""
    model = english_model()
    front = front_end_of_waveforms(model.front_end)
    names: dict[str, list[str]] = {}
    for name in signals:
        names.setdefault(speakers[name], []).append(name)
    frames = {}
    for own in names.values():
        plain = [front.unnormalized(signals[name].astype(np.float32) / 32768, RATE) for name in own]
        frames |= zip(own, front.of_speaker(plain), strict=True)
    dictionary = said_pronunciations(words, open_pronunciations(["cmudict"]))
    found = gs.align(model, frames, words, dictionary, utt2spk=speakers if adapt else None, n_jobs=1)
    return {name: alignment.phones for name, alignment in found.alignments.items()}


def parts(folder: Path | None) -> tuple[DataDir, list[str]]:
    """Utterances of a data directory, or those that recipes/voices aligns: a third of the sentences of each voice."""
    if folder is not None:
        data = gs.read_data_dir(folder)
        return data, list(data.utterances)
    place = Path(tempfile.mkdtemp(prefix="voices-"))
    sentences = SENTENCES.read_text(encoding="utf-8").splitlines()
    data = gs.read_data_dir(write_voices(place / "voices", sentences) / "data" / "all")
    voices = sorted(set(data.utt2spk.values()))
    number = {name: int(name.rpartition("-s")[2]) for name in data.utterances}
    return data, [n for n in data.utterances if (voices.index(data.utt2spk[n]) - number[n]) % 3 == 0]


def read(data: DataDir, names: Sequence[str]) -> dict[str, NDArray[np.int16]]:
    """Samples at 16 kHz, 16 bits."""
    found = {}
    for name in names:
        signal, rate = load_utterance(data, name)
        resampled = soxr.resample(np.asarray(signal, np.float64), rate, RATE)
        found[name] = np.clip(np.rint(resampled * 32768), -32768, 32767).astype(np.int16)
    return found


def row(name: str, found: BoundaryAgreement, speed: float) -> str:
    """Line of a table in Markdown: distances as they are, and without the median."""
    centered = dataclasses.replace(found, differences=found.differences - found.median)
    figures = [f"{100 * each.within(limit):.1f}" for each in (found, centered) for limit in LIMITS]
    start = [name, f"{len(found.differences)} of {found.num_reference}", f"{1000 * found.median:+.1f} ms"]
    means = [f"{1000 * each.mean_absolute:.1f} ms" for each in (found, centered)]
    return f"| {' | '.join([*start, *figures[:3], means[0], *figures[3:], means[1], f'{speed:,.0f}'])} |"


def main() -> None:
    """Align by every side, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", type=Path)
    parser.add_argument("--repetitions", type=int, default=3)
    options = parser.parse_args()
    if importlib.util.find_spec("pocketsphinx") is None:
        sys.exit("found no package pocketsphinx, nothing to do")
    warnings.simplefilter("ignore")
    data, names = parts(options.data)
    words, exact = said_words(data), gs.formats.read_labels(data.path / "phones.ctm")
    words = {name: words[name] for name in names}
    signals = read(data, names)
    length = sum(map(len, signals.values())) / RATE
    sides: dict[str, Callable[[], Labels]] = {
        "pocketsphinx": lambda: by_pocketsphinx(signals, words),
        "gmmspeech": lambda: by_gmmspeech(signals, words, data.utt2spk, adapt=True),
        "gmmspeech, not adapted": lambda: by_gmmspeech(signals, words, data.utt2spk, adapt=False),
    }
    took: dict[str, list[float]] = {side: [] for side in sides}
    found: dict[str, Labels] = {}
    for _ in range(options.repetitions):
        for side, align in sides.items():
            start = time.process_time()
            found[side] = align()
            took[side].append(time.process_time() - start)
    common = set.intersection(*(set(labels) for labels in found.values()))
    limits = [f"≤ {1000 * limit:g} ms" for limit in LIMITS]
    head = [
        "system",
        "matched",
        "median",
        *limits,
        "mean",
        *(f"{limit}, centered" for limit in limits),
        "mean, centered",
    ]
    print(f"{len(common)} of {len(names)} utterances that all align, {length:.0f} s of speech\n")
    print(f"| {' | '.join([*head, '× real time'])} |\n|{' --- |' * (len(head) + 1)}")
    for side, labels in found.items():
        agreement = boundary_agreement({u: exact[u] for u in sorted(common)}, {u: labels[u] for u in sorted(common)})
        print(row(side, agreement, length / statistics.median(took[side])))


if __name__ == "__main__":
    main()
