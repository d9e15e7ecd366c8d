"""A corpus of genuine speech and spoofs of it, made on the spot, laid out as ASVspoof 2019."""

import shutil
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
import soxr
from attacks import COPIES, RATE, VOICES, Signal, at_level_of

import gmmspeech as gs
from gmmspeech.corpora.voices import Sentence, say_sentences
from gmmspeech.formats import SpoofTrial
from gmmspeech.formats.datadir import read_map, write_map
from gmmspeech.progress import progress_bar

PIECE = 3.0  # seconds
MOST_PIECES = 3  # of a recording


def write_part(source: Path, out: Path, attacks: Sequence[str], speakers: set[str] | None = None) -> None:
    """Write pieces of recordings (of all speakers, or some), and of each recording one spoof of every kind.

    A spoof has the words, the length and the power of a piece; each attack takes the next piece of a recording.
    """
    data, texts = gs.read_data_dir(source), read_map(source / "text", rest_of_line=True)
    chosen = [u for u in data.utterances if speakers is None or data.utt2spk[u] in speakers]
    (out / "audio").mkdir(parents=True, exist_ok=True)
    spoken = say_words(out / "spoken", {u: texts[u] for u in chosen}, [a for a in attacks if a in VOICES])
    trials = []
    for number, utterance in enumerate(progress_bar("spoofs", "utt", total=len(chosen))(chosen)):
        speaker = data.utt2spk[utterance]
        pieces = cut(gs.formats.load_utterance(data, utterance)[0].astype(np.float64))
        for i, piece in enumerate(pieces):
            trials.append(write_piece(out, SpoofTrial(speaker, f"{utterance}-{i}", "bonafide", True), piece))
        for k, attack in enumerate(attacks):
            i = (number + k) % len(pieces)
            name = f"{utterance}-{i}-{attack}"
            if attack in VOICES:
                spoof = cut(spoken[utterance, attack])[0]
            else:
                spoof = COPIES[attack](pieces[i], np.random.default_rng(zlib.crc32(name.encode())))
            trial = SpoofTrial(speaker, name, attack, False)
            trials.append(write_piece(out, trial, at_level_of(spoof, pieces[i])))
    write_lists(out, trials)


def write_lists(folder: Path, trials: Sequence[SpoofTrial]) -> None:
    """Write a data directory of audio in the folder, its protocol, and utt2class to train on."""
    gs.formats.write_protocol(folder / "protocol", trials)
    write_map(folder / "utt2class", {t.utterance: "bonafide" if t.is_bonafide else "spoof" for t in trials})
    write_map(folder / "utt2spk", {t.utterance: t.speaker for t in trials})
    write_map(folder / "wav.scp", {t.utterance: f"audio/{t.utterance}.flac" for t in trials})


def write_piece(folder: Path, trial: SpoofTrial, signal: Signal) -> SpoofTrial:
    """Write a piece of audio, 16 bits, and give its trial."""
    soundfile.write(folder / "audio" / f"{trial.utterance}.flac", np.clip(signal, -1, 1), RATE, subtype="PCM_16")
    return trial


def cut(signal: Signal) -> list[Signal]:
    """Pieces of a signal, the first ones; all of it if it is shorter than one."""
    length = int(PIECE * RATE)
    starts = range(0, max(1, len(signal) - length + 1), length)
    return [signal[start : start + length] for start in starts][:MOST_PIECES]


def say_words(folder: Path, texts: dict[str, str], attacks: Sequence[str]) -> dict[tuple[str, str], Signal]:
    """Words of each recording in a synthetic voice, at the rate of the corpus."""
    sentences = {}
    for number, (utterance, text) in enumerate(texts.items()):
        for attack in attacks:
            voices = VOICES[attack]
            speed, pitch = 150 + 40 * (number % 3) // 2, 35 + 10 * (number % 4)
            words = text.capitalize()
            sentences[f"{utterance}-{attack}"] = Sentence(words, voices[number % len(voices)], speed, pitch)
    if not sentences:
        return {}
    shutil.rmtree(folder, ignore_errors=True)  # what a killed run left
    say_sentences(folder, sentences)
    spoken = {}
    for utterance in texts:
        for attack in attacks:
            signal, rate = soundfile.read(folder / f"{utterance}-{attack}.wav")
            spoken[utterance, attack] = soxr.resample(np.trim_zeros(signal), rate, RATE)
            (folder / f"{utterance}-{attack}.wav").unlink()
    folder.rmdir()
    return spoken
