"""Spoofed copies of recordings: vocoders, synthetic voices and codecs, each a function of a signal or its words."""

import io
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from gmmspeech.errors import ConfigError

RATE = 16000
HOP = 80  # samples between frames of vocoders, 5 ms
Signal = NDArray[np.float64]


def world(signal: Signal, rng: np.random.Generator) -> Signal:
    """WORLD's analysis and resynthesis, nothing changed."""
    return _world().synthesize(*_analyzed(signal), RATE)


def world_converted(signal: Signal, rng: np.random.Generator) -> Signal:
    """WORLD with another voice: pitch and formants moved up or down by up to a quarter."""
    f0, envelope, aperiodicity = _analyzed(signal)
    pitch, formants = rng.uniform(0.75, 1.3), rng.uniform(0.85, 1.2)
    bins = np.arange(envelope.shape[1])
    moved = np.array([np.interp(bins / formants, bins, frame) for frame in envelope])
    return _world().synthesize(f0 * pitch, np.ascontiguousarray(moved), aperiodicity, RATE)


def world_coded(signal: Signal, rng: np.random.Generator) -> Signal:
    """WORLD from parameters as statistical synthesis has them: 25 mel cepstra, coded aperiodicity, smoothed in time."""
    pyworld = _world()
    f0, envelope, aperiodicity = _analyzed(signal)
    points = 2 * (envelope.shape[1] - 1)
    cepstra = pyworld.code_spectral_envelope(envelope, RATE, 25)
    smooth = np.array([np.convolve(column, np.full(5, 0.2), mode="same") for column in cepstra.T]).T
    coded = pyworld.code_aperiodicity(aperiodicity, RATE)
    return pyworld.synthesize(
        f0,
        pyworld.decode_spectral_envelope(np.ascontiguousarray(smooth), RATE, points),
        pyworld.decode_aperiodicity(coded, RATE, points),
        RATE,
    )


def lpc_vocoder(signal: Signal, rng: np.random.Generator) -> Signal:
    """Linear prediction of order 18, excited by pulses or by noise."""
    from scipy.linalg import solve_toeplitz
    from scipy.signal import lfilter

    length, order = 400, 18
    window, out = np.hanning(length), np.zeros(len(signal) + length)
    excitation = _excitation(signal, rng, length)
    for start in range(0, len(signal) - length, HOP):
        frame = window * signal[start : start + length]
        correlation = np.correlate(frame, frame, "full")[length - 1 : length + order]
        if correlation[0] < 1e-9:
            continue
        correlation[0] *= 1 + 1e-6
        predictor = solve_toeplitz(correlation[:-1], correlation[1:])
        gain = np.sqrt(max(correlation[0] - predictor @ correlation[1:], 0) / np.sum(window**2))
        piece = lfilter([gain], np.concatenate([[1], -predictor]), excitation[start : start + length])
        out[start : start + length] += window * piece
    return out[: len(signal)]


def cepstral_vocoder(signal: Signal, rng: np.random.Generator) -> Signal:
    """Envelopes of 20 to 49 cepstra, as responses of minimum phase to pulses or noise."""
    length, points = 400, 1024
    window, out = np.hanning(length), np.zeros(len(signal) + points)
    excitation = _excitation(signal, rng, length)
    fold = np.zeros(points)
    fold[0], fold[1 : rng.integers(20, 50)] = 1, 2  # cepstra of negative time, added to those of positive time
    for start in range(0, len(signal) - length, HOP):
        magnitudes = np.abs(np.fft.rfft(window * signal[start : start + length], points))
        response = np.exp(np.fft.rfft(fold * np.fft.irfft(np.log(magnitudes + 1e-7))))
        piece = np.fft.rfft(window * excitation[start : start + length], points)
        out[start : start + points] += np.fft.irfft(piece * response)
    return out[: len(signal)]


def channel_vocoder(signal: Signal, rng: np.random.Generator) -> Signal:
    """Pulses or noise through 16 to 32 bands, each as loud as in the recording."""
    from librosa import mel_frequencies
    from scipy.signal import butter, sosfilt

    excitation, out = _excitation(signal, rng, 0), np.zeros(len(signal))
    slow = butter(2, rng.uniform(25, 60), output="sos", fs=RATE)
    edges = mel_frequencies(int(rng.integers(17, 34)), fmin=60, fmax=7900)
    for band in pairwise(edges):
        filters = butter(2, band, "bandpass", output="sos", fs=RATE)
        carrier = sosfilt(filters, excitation)
        loudness = np.maximum(sosfilt(slow, np.abs(sosfilt(filters, signal))), 0)
        out += loudness * carrier / (np.std(carrier) + 1e-9)
    return out


def phase_vocoder(signal: Signal, rng: np.random.Generator) -> Signal:
    """Pitch and formants moved by one to five semitones, up or down, by the phase vocoder."""
    import librosa

    steps = rng.choice([-1, 1]) * rng.uniform(1, 5)
    return librosa.effects.pitch_shift(signal, sr=RATE, n_steps=steps, n_fft=int(rng.choice([512, 1024, 2048])))


def other_phases(signal: Signal, rng: np.random.Generator) -> Signal:
    """Magnitudes of the short-time spectrum with phases that are drawn, or turn evenly in each bin."""
    import librosa

    points = int(rng.choice([512, 1024]))
    magnitudes = np.abs(librosa.stft(signal, n_fft=points, hop_length=points // 4))
    bins, frames = magnitudes.shape
    phases = rng.uniform(0, 2 * np.pi, (bins, frames))
    if rng.integers(2):
        phases = phases[:, :1] + np.pi / 2 * np.outer(np.arange(bins), np.arange(frames))
    return librosa.istft(magnitudes * np.exp(1j * phases), hop_length=points // 4, length=len(signal))


def griffin_lim(signal: Signal, rng: np.random.Generator) -> Signal:
    """80 mel bands made a waveform again by the phases of Griffin and Lim, 16 iterations."""
    import librosa

    sizes = {"n_fft": 1024, "hop_length": 256}
    filters = librosa.filters.mel(sr=RATE, n_fft=1024, n_mels=80)
    power = np.abs(librosa.stft(signal, **sizes)) ** 2
    again = np.maximum(np.linalg.pinv(filters) @ (filters @ power), 0)
    return librosa.griffinlim(
        np.sqrt(again), n_iter=16, hop_length=256, length=len(signal), random_state=int(rng.integers(2**31))
    )


def mp3(signal: Signal, rng: np.random.Generator) -> Signal:
    """MPEG-2 Layer III and back, at 16 to 32 kbit/s or so."""
    return _round_trip(signal, RATE, "MP3", "MPEG_LAYER_III", level=rng.uniform(0.8, 0.95))


def vorbis(signal: Signal, rng: np.random.Generator) -> Signal:
    """Ogg Vorbis and back, at a low quality."""
    return _round_trip(signal, RATE, "OGG", "VORBIS", level=rng.uniform(0.8, 1.0))


def opus(signal: Signal, rng: np.random.Generator) -> Signal:
    """Opus and back, at 13 to 31 kbit/s or so."""
    return _round_trip(signal, RATE, "OGG", "OPUS", level=rng.uniform(0.9, 0.97))


def a_law(signal: Signal, rng: np.random.Generator) -> Signal:
    """A-law at 8 kHz and back, as a telephone line has it."""
    return _over_telephone(signal, "ALAW")


def gsm(signal: Signal, rng: np.random.Generator) -> Signal:
    """GSM 06.10 at 8 kHz and back, as a telephone has it."""
    return _over_telephone(signal, "GSM610")


COPIES: dict[str, Callable[[Signal, np.random.Generator], Signal]] = {
    "WORLD": world,
    "WORLD-converted": world_converted,
    "cepstral-vocoder": cepstral_vocoder,
    "channel-vocoder": channel_vocoder,
    "phase-vocoder": phase_vocoder,
    "other-phases": other_phases,
    "A-law": a_law,
    "MP3": mp3,
    "Vorbis": vorbis,
    "WORLD-coded": world_coded,
    "LPC-vocoder": lpc_vocoder,
    "Griffin-Lim": griffin_lim,
    "Opus": opus,
    "GSM": gsm,
}
"""Attacks that make a copy of a recording."""

CODECS = ("MP3", "Vorbis", "A-law", "Opus", "GSM")
"""Those that synthesize nothing: genuine speech over another channel."""

VOICES: dict[str, list[str]] = {
    "eSpeak": [f"en-us+{variant}" for variant in ("m1", "m2", "m3", "m4", "f1", "f2", "f3", "f4")],
    "eSpeak-Klatt": [f"en-us+{variant}" for variant in ("klatt", "klatt2", "klatt3", "klatt4")],
}
"""Attacks that say a recording's words in other voices."""


def at_level_of(spoof: Signal, signal: Signal) -> Signal:
    """Give a spoof the length and the power of the recording that it stands for."""
    spoof = np.pad(spoof, (0, max(0, len(signal) - len(spoof))))[: len(signal)]
    power = float(np.mean(spoof**2))
    return spoof * np.sqrt(np.mean(signal**2) / power) if power else spoof


def _round_trip(signal: Signal, rate: int, kind: str, subtype: str, *, level: float | None = None) -> Signal:
    """What is left of a signal after it was written and read by libsndfile."""
    file = io.BytesIO()
    options = {} if level is None else {"compression_level": level}
    soundfile.write(file, np.clip(signal, -1, 1), rate, format=kind, subtype=subtype, **options)
    file.seek(0)
    decoded, found = soundfile.read(file)
    return decoded if found == rate else soxr.resample(decoded, found, rate)


def _over_telephone(signal: Signal, subtype: str) -> Signal:
    """What is left of a signal after it was coded at 8 kHz."""
    narrow = soxr.resample(signal, RATE, 8000)
    return soxr.resample(_round_trip(narrow, 8000, "WAV", subtype), 8000, RATE)


def _excitation(signal: Signal, rng: np.random.Generator, extra: int) -> Signal:
    """Pulses at the pitch of a signal, noise where it has none, of the same power; some samples longer."""
    f0, _ = _world().dio(signal, RATE)  # every 5 ms
    excitation = rng.standard_normal(len(signal) + extra)
    phase = 0.0
    for t, pitch in enumerate(f0[: len(signal) // HOP]):
        if pitch > 0:
            turns = phase + np.arange(1, HOP + 1) * pitch / RATE
            pulses = np.floor(turns) > np.floor(np.concatenate([[phase], turns[:-1]]))
            excitation[t * HOP : (t + 1) * HOP] = pulses * np.sqrt(RATE / pitch)
            phase = turns[-1] % 1
    return excitation


def _analyzed(signal: Signal) -> tuple[NDArray, NDArray, NDArray]:
    """F0, spectral envelope and aperiodicity every 5 ms."""
    pyworld = _world()
    f0, times = pyworld.dio(signal, RATE)
    f0 = pyworld.stonemask(signal, f0, times, RATE)
    return f0, pyworld.cheaptrick(signal, f0, times, RATE), pyworld.d4c(signal, f0, times, RATE)


def _world():
    try:
        import pyworld
    except ImportError:
        expected = 'the extra "spoofing": pip install "gmmspeech[spoofing]"'
        raise ConfigError(f"vocoder: found no package pyworld, expected {expected}") from None
    return pyworld
