"""How much faster `mfcc` is than librosa.feature.mfcc on the same decoded audio.

    GMMSPEECH_CORPORA=... python tests/benchmarks/mfcc_speed.py [--utterances 40] [--repetitions 15]

Frame shift 10 ms, window 25 ms, 512-point FFT, 23 mel filters and 13 coefficients on both sides, one call an
utterance as in real use. The sides take turns, so that a busy machine slows both; the ratio is the median over
the repetitions of librosa's time by ours.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import librosa
import numpy as np
import soundfile
from numpy.typing import NDArray
from threadpoolctl import threadpool_info

from gmmspeech.features.mfcc import mfcc

Signals = list[NDArray[np.float32]]


def _librosa(signal: NDArray[np.float32], rate: int) -> None:
    librosa.feature.mfcc(y=signal, sr=rate, n_mfcc=13, n_fft=512, win_length=400, hop_length=160, n_mels=23)


def _as_librosa(signal: NDArray[np.float32], rate: int) -> None:
    mfcc(signal, rate, convention="librosa", num_ceps=13, num_mel_bins=23, frame_length=25, frame_shift=10)


SIDES: dict[str, Callable[[NDArray[np.float32], int], object]] = {
    "librosa.feature.mfcc": _librosa,
    'mfcc(convention="librosa")': _as_librosa,
    'mfcc(convention="kaldi")': mfcc,
}


def _seconds(side: Callable[[NDArray[np.float32], int], object], signals: Signals, rate: int) -> float:
    start = time.process_time()
    for signal in signals:
        side(signal, rate)
    return time.process_time() - start


def main() -> None:
    """Time every side and print the median ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--utterances", type=int, default=40)
    parser.add_argument("--repetitions", type=int, default=15)
    options = parser.parse_args()

    corpus = Path(os.environ["GMMSPEECH_CORPORA"]) / "librispeech-mini"
    files = sorted((corpus / "audio").rglob("*.flac"))[: options.utterances]
    read = [soundfile.read(file, dtype="float32") for file in files]
    signals, rate = [signal for signal, _ in read], read[0][1]

    times: dict[str, list[float]] = {name: [] for name in SIDES}
    for side in SIDES.values():  # imports, compiled functions and cached matrices are not what is timed
        side(signals[0], rate)
    for _ in range(options.repetitions):
        for name, side in SIDES.items():
            times[name].append(_seconds(side, signals, rate))

    for pool in threadpool_info():
        print(f"{pool['internal_api']} {pool['version']}: {pool['num_threads']} threads, {pool.get('architecture')}")
    duration = sum(len(signal) for signal in signals) / rate
    print(f"{len(signals)} utterances, {duration:.0f} s of audio, {options.repetitions} repetitions")
    slow = times["librosa.feature.mfcc"]
    for name, fast in times.items():
        ratio = statistics.median(s / f for s, f in zip(slow, fast, strict=True))
        print(f"{name:28} {1000 * statistics.median(fast):8.1f} ms   ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
