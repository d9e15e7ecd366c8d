"""Data augmentation: copies of data directories at other speeds, with noise, or with reverberation.

Names follow Kaldi's recipes: with another speed, ids of utterances and speakers begin with ``sp0.9-``, because it
changes the voices (``perturb_data_dir_speed.sh``); with noise, only ids of utterances end with ``-snr10``, with
reverberation with ``-reverb``.
"""

from __future__ import annotations

import functools
import os
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from gmmspeech.arguments import check, real, whole
from gmmspeech.audio import read_audio, resample
from gmmspeech.audio.folders import AUDIO, audio_files
from gmmspeech.audio.samples import Channel
from gmmspeech.checks import check_positive
from gmmspeech.errors import AudioError, ConfigError, DataError, shown
from gmmspeech.files.atomic import folder_beside, move_into_place
from gmmspeech.files.names import check_apart, file_name
from gmmspeech.files.text import read_lines, split_fields
from gmmspeech.formats.data_tables import Tables, by_speaker, read_whole_tables, write_tables
from gmmspeech.formats.datadir import DataDir, load_utterance, read_data_dir

Signal = NDArray[np.float32]
Perturb = Callable[[str, Signal, int], Signal]  # of an utterance, its samples and their rate
Name = Callable[[str], str]

Change = Callable[[Signal, Signal, np.random.Generator], Signal]  # of a signal, by another
Recordings = Mapping[str, tuple[Signal, int]]

_KEPT = ("text", "utt2lang")  # lists of utterances that stay true
_LARGEST = 32767 / 32768
_LEVEL_BELOW = 60.0  # Hz: noise that falls from lower on would be all rumble


def perturb_data(
    folder: Path,
    out: Path,
    *,
    speed: float | None = None,
    noise: Path | None = None,
    snr: float | None = None,
    reverb: Path | None = None,
    channel: Channel = None,
    allow_pipes: bool = False,
    random_state: int = 0,
) -> tuple[int, list[str]]:
    """Write a data directory whose utterances are perturbed, each a recording of its own.

    Exactly one of `speed` (a factor), `noise` and `reverb` (impulse responses of rooms) is given, and `snr` with noise.
    Noise and responses are a recording, a folder of such, a data directory, or a list of files. Give the number of
    utterances, and the lists that the copy lacks, since they are of the sound as it was.
    """
    kinds = {"speed": speed, "noise": noise, "reverb": reverb}
    found = [kind for kind, value in kinds.items() if value is not None]
    if len(found) != 1:
        raise ConfigError(f"{', '.join(kinds)}: found {' and '.join(found) or 'none'}, expected one of them")
    if (noise is None) != (snr is None):
        given, other = ("noise", "snr") if snr is None else ("snr", "noise")
        raise ConfigError(f"{given}: found it without {other}, expected both")
    check_positive(speed=1.0 if speed is None else speed)
    check(real(least=-100, most=100), snr=0.0 if snr is None else snr)
    check(whole(0), random_state=random_state)
    data = read_data_dir(folder, allow_pipes=allow_pipes)
    tables = read_whole_tables(folder)
    if speed is not None:
        prefix = f"sp{speed:g}-"
        seconds = _written(data, out, lambda u: prefix + u, lambda _, x, __: faster(x, speed), channel)
        lists = _renamed(tables, lambda u: prefix + u, lambda s: prefix + s)
    else:
        suffix, place = ("-reverb", reverb) if noise is None else (f"-snr{snr:g}", noise)
        what, change = "response", reverberated
        if snr is not None:
            what, change = "noise", functools.partial(with_noise, snr=snr)
        assert place is not None
        drawing = _drawing(_recordings(place, what, channel), what, change, random_state)
        seconds = _written(data, out, lambda u: u + suffix, drawing, channel)
        lists = _renamed(tables, lambda u: u + suffix, lambda s: s)
    places = {name: os.path.abspath(_place(out, name)) for name in seconds}
    durations = {name: f"{value:.6g}" for name, value in seconds.items()}
    written = {**lists, "utt2dur": durations, "wav.scp": places}
    write_tables(out, written)
    return len(seconds), [name for name in tables if name not in written]


def faster(signal: Signal, factor: float) -> Signal:
    """Play samples faster by a factor: n / factor of them, of a higher pitch, as ``sox speed`` does."""
    return soxr.resample(signal, factor, 1.0, quality="HQ")


def with_noise(signal: Signal, noise: Signal, rng: np.random.Generator, *, snr: float) -> Signal:
    """Add noise, from a place in it that is drawn and again from its beginning at its end, `snr` dB below the signal.

    Both are measured by their mean powers where they are added.
    """
    begin = rng.integers(len(noise))
    added = np.take(noise, np.arange(begin, begin + len(signal)), mode="wrap").astype(np.float64)
    powers = [np.mean(np.square(x, dtype=np.float64)) for x in (signal, added)]
    for power, what in zip(powers, ("signal", "noise"), strict=True):
        if not power > 0:
            raise AudioError(f"found {what} that is silent, expected some sound, for a ratio in dB")
    return (signal + added * np.sqrt(powers[0] / powers[1] * 10 ** (-snr / 10))).astype(np.float32)


def sloped_noise(size: int, rate: int, slope: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw steady noise whose power falls by `slope` dB an octave above 60 Hz: at 0 that of a fan, at 6 of a street."""
    frequency = np.maximum(np.fft.rfftfreq(size, 1 / rate), _LEVEL_BELOW)
    fall = slope / (20 * np.log10(2))
    return np.fft.irfft(np.fft.rfft(rng.normal(size=size)) * (frequency / _LEVEL_BELOW) ** -fall, size)


def reverberated(signal: Signal, response: Signal, _: object = None) -> Signal:
    """Let samples sound as in the room of an impulse response, as long, as loud and at the same time as before.

    As Kaldi's ``wav-reverberate`` does with ``--shift-output`` and ``--normalize-output``: what the strongest sample of
    the response answers stays in its place, and the mean power is kept.
    """
    wet = fftconvolve(signal.astype(np.float64), response.astype(np.float64))
    wet = wet[np.abs(response).argmax() :][: len(signal)]
    before, after = (float(np.mean(np.square(x, dtype=np.float64))) for x in (signal, wet))
    if not after > 0:
        silent = "response" if before > 0 else "signal"
        raise AudioError(f"found {silent} that is silent, expected some sound")
    return (wet * np.sqrt(before / after)).astype(np.float32)


def _drawing(recordings: Recordings, what: str, change: Change, random_state: int) -> Perturb:
    """Change each utterance by one of some recordings, drawn by its name, so that others change nothing."""
    names = sorted(recordings)

    def perturb(utterance: str, signal: Signal, rate: int) -> Signal:
        rng = np.random.default_rng([random_state, zlib.crc32(utterance.encode(errors="surrogateescape"))])
        name = names[rng.integers(len(names))]
        other, other_rate = recordings[name]
        try:
            return change(signal, resample(other, other_rate, rate), rng)
        except AudioError as error:
            raise AudioError(f"utterance {shown(utterance)} with {what} {shown(name)}: {error}") from error

    return perturb


def _recordings(place: Path, what: str, channel: Channel) -> Recordings:
    """Read a recording, those of a list or a folder, or all of a data directory."""
    if (place / "wav.scp").exists():
        data = read_data_dir(place)
        found = {name: load_utterance(data, name, channel=channel) for name in data.utterances}
    else:
        listed = place.suffix.lower() not in AUDIO and place.is_file()
        files = audio_files(place)[0] if place.is_dir() else _files_of(place) if listed else [place]
        found = {str(file): read_audio(file, channel=channel) for file in files}
    if not found:
        raise DataError(f"{place}: found no recording, expected one {what} or more")
    return found


def _files_of(place: Path) -> list[Path]:
    """Files of a list: the last word of each line, as in a ``rir_list``; from here, or from where the list is."""
    files = [Path(fields[-1]) for fields in map(split_fields, read_lines(place)) if fields]
    return [file if file.exists() else place.parent / file for file in files]


def _written(data: DataDir, out: Path, named: Name, perturb: Perturb, channel: Channel) -> dict[str, float]:
    """Write what becomes of utterances as recordings; they are put in place once all are there. Give their seconds."""
    read = {os.path.realpath(path) for path in data.recordings.values()}
    for utterance in data.utterances:
        place = _place(out, named(utterance))
        if os.path.realpath(place) in read:
            raise DataError(f"{place}: found it as a recording of {data.path}, expected another place to write to")
    check_apart((_place(out, named(utterance)).name for utterance in data.utterances), out)
    seconds = {}
    with folder_beside(_place(out, "").parent.absolute()) as made:
        for utterance in data.utterances:
            signal, rate = load_utterance(data, utterance, channel=channel)
            found = within_range(perturb(utterance, signal, rate))
            if not len(found):
                raise AudioError(f"utterance {shown(utterance)}: found no sample left, expected a longer one")
            seconds[named(utterance)] = len(found) / rate
            soundfile.write(made / _place(out, named(utterance)).name, to_int16(found), rate)
        for name in seconds:
            place = _place(out, name)
            place.parent.mkdir(exist_ok=True)
            move_into_place(made / place.name, place)
    return seconds


def within_range(signal: Signal) -> Signal:
    """Make samples softer, all by the same factor, where some would not go into 16 bits."""
    peak = float(np.abs(signal).max(initial=0.0))
    return signal if peak <= 1 else signal * np.float32(_LARGEST / peak)


def to_int16(signal: Signal) -> NDArray[np.int16]:
    """Give samples in [-1, 1] as those of 16 bits that are read as the same."""
    return np.clip(np.rint(signal * 32768), -32768, 32767).astype(np.int16)


def _place(out: Path, name: str) -> Path:
    return out / "wav" / file_name(name, ".wav")


def _renamed(tables: Tables, named: Name, speaker_named: Name) -> Tables:
    """Lists that stay true, with other names, and which utterance each was."""
    utt2spk = {named(u): speaker_named(speaker) for u, speaker in tables["utt2spk"].items()}
    uniq = tables.get("utt2uniq", {})
    found = {name: {named(u): value for u, value in tables[name].items()} for name in _KEPT if name in tables}
    if "spk2gender" in tables:
        found["spk2gender"] = {speaker_named(s): value for s, value in tables["spk2gender"].items()}
    return {
        **found,
        "utt2spk": utt2spk,
        "spk2utt": by_speaker(utt2spk),
        "utt2uniq": {named(u): uniq.get(u, u) for u in tables["utt2spk"]},
    }
