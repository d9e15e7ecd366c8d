"""A corpus of synthetic voices, generated locally, for the demonstration and, by default, the recipes.

eSpeak NG, in the wheel ``espeakng-loader`` (extra ``demo``), says ten sentences in each of 24 voices and reports
every phoneme with its first sample, so the phone times are the synthesizer's own. Note two conventions: the closure of
a stop belongs to the phoneme before it, because the event comes at the burst; and if eSpeak treats a vowel and the
following r as one phoneme ("four", "hear"), both have the vowel's label.
"""

from __future__ import annotations

import ctypes
import importlib.util
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray

from gmmspeech.corpora.corpus import Listing, Part
from gmmspeech.corpora.listing import write_part
from gmmspeech.errors import ConfigError, DataError
from gmmspeech.files.atomic import folder_beside, write_lines
from gmmspeech.formats.datadir import read_map, utterances_of

# The American English voice, plain and with eSpeak's speaker variants.
_VARIANTS = "m1 m2 m3 m4 m5 m6 m7 m8 f1 f2 f3 f4 f5 linda steph Annie belinda Alex Andy Gene Lee Michael adam"
VOICES = ("en-us", *(f"en-us+{variant}" for variant in _VARIANTS.split()))

# All 39 phones are in the first seven, those of the training part.
SENTENCES = (
    "Dial nine, eight, seven, six, five, four, three, two, one, zero.",
    "A judge in a beige cloak joined the noisy crowd at the gate.",
    "Good bakers choose fresh yeast and push the dough with both hands.",
    "My brother measures a huge box of toys with unusual pleasure.",
    "Their younger aunt has caught five thin fish near the harbour.",
    "We could hear the voice of a child shouting under the wide arch.",
    "The blue kettle sings while heavy rain drums on the old tin roof.",
    "Each evening the fog moves over the marsh and hides the bridge.",
    "Why did the grey owl watch that white mouse for an hour?",
    "Thirty sheep were happily chewing grass beside the quiet pool.",
)

# Sentences of the parts, by number.
TRAIN, TEST = range(7), range(7, 10)
ENROLL, VERIFY = range(5), range(5, 10)

# What differs between two sentences of a voice: speed in words a minute and pitch on eSpeak's scale of 0 to 99, each
# drawn evenly around its default, and white noise at an evenly drawn signal-to-noise ratio in dB.
SPEED, SPEED_SPREAD = 165, 20
PITCH, PITCH_SPREAD = 50, 12
SNR_LOW, SNR_HIGH = 15.0, 30.0

SEED = 1  # of eSpeak's own noise

# Phones of ARPAbet, and the mnemonics of eSpeak's American English (without stress marks) that stand for each.
_PHONES = (
    "AA 0 A: A@ | AE a aa | AH V @ @2 a# | AO O O2 O: O@ o@ | AW aU | AY aI aI@ | EH E e e@ | ER 3 3: | EY eI"
    "| IH I I2 I# | IY i i: i@ i@3 | OW oU | OY OI | UH U U@ | UW u u: | B b | CH tS | D d | DH D | F f | G g | HH h"
    "| JH dZ | K k | L l @L | M m | N n | NG N | P p | R r r- | S s | SH S | T t t# t2 ? | TH T | V v | W w | Y j ;"
    "| Z z | ZH Z"
)
_ARPABET = {mnemonic: phone for phone, *mnemonics in map(str.split, _PHONES.split("|")) for mnemonic in mnemonics}
_STRESS = str.maketrans("", "", "',%=")

Phones = list[tuple[int, int, str]]
"""First sample, sample after the last, phone."""


def write_voices(folder: str | os.PathLike[str], sentences: Sequence[str] = SENTENCES) -> Path:
    """Generate the corpus of synthetic voices: 24 voices, 10 sentences or given ones, exact phone times.

    The layout is that of all corpora here: ``audio/`` (WAV, 16 bits, 22050 Hz) and, in ``data/``, data directories
    with ``wav.scp``, ``utt2spk``, ``spk2utt``, ``text``, ``utt2dur`` and ``phones.ctm`` (ARPAbet and SIL). ``all`` has
    all utterances; the other parts exist only for the ten sentences.
    """
    final = Path(folder)
    if _is_complete(final, sentences):
        return final
    if final.exists() and (not final.is_dir() or any(final.iterdir())):
        raise DataError(f"{final}: found something else, expected a new or empty folder for the synthetic voices")
    if importlib.util.find_spec("espeakng_loader") is None:
        expected = 'the extra "demo": pip install "gmmspeech[demo]"'
        raise ConfigError(f"synthetic voices: found no package espeakng-loader, expected {expected}")
    try:
        with folder_beside(final.absolute()) as temporary:
            _in_new_process("_make", temporary, *sentences)
            temporary.replace(final)
    except OSError as error:
        if not _is_complete(final, sentences):  # else another process was faster
            raise DataError(f"{final}: can't be written ({error.strerror}), expected a place for a corpus") from error
    return final


def write_recordings(corpus: Path, folder: Path) -> None:
    """Copy half of the voices once, to a folder for each speaker, with NAME.txt beside NAME.wav."""
    if folder.exists():
        return
    with folder_beside(folder.absolute()) as temporary:
        for name, speaker in read_map(corpus / "data/eval/utt2spk").items():
            place = temporary / speaker
            place.mkdir(exist_ok=True)
            shutil.copyfile(corpus / f"audio/{name}.wav", place / f"{name}.wav")
            (place / f"{name}.txt").write_text(f"{SENTENCES[int(name[-1])]}\n", encoding="utf-8")
        temporary.replace(folder)


class Sentence(NamedTuple):
    """What a voice of eSpeak NG shall say, how many words a minute, and how high on its scale of 0 to 99."""

    text: str
    voice: str
    speed: int = SPEED
    pitch: int = PITCH


def say_sentences(folder: Path, sentences: Mapping[str, Sentence]) -> None:
    """Write each sentence to ``NAME.wav`` in a new folder; the same samples each time."""
    if importlib.util.find_spec("espeakng_loader") is None:
        expected = 'the extra "demo": pip install "gmmspeech[demo]"'
        raise ConfigError(f"synthetic voices: found no package espeakng-loader, expected {expected}")
    folder.mkdir(parents=True)
    (folder / "sentences.json").write_text(json.dumps(sentences), encoding="utf-8")
    _in_new_process("_say_listed", folder)
    (folder / "sentences.json").unlink()


def _say_listed(folder: str) -> None:
    espeak = _Espeak()
    for name, (text, voice, speed, pitch) in json.loads((Path(folder) / "sentences.json").read_bytes()).items():
        samples = espeak.samples(text, voice, speed=speed, pitch=pitch)
        soundfile.write(Path(folder) / f"{name}.wav", samples, espeak.rate, "PCM_16")


def _in_new_process(function: str, *words: object) -> None:
    """Call a function of this module in a fresh interpreter.

    eSpeak NG keeps the phase of its waves, its flutter and more in global variables that nothing resets, so only
    a process that has said nothing yet says the same thing again.
    """
    code = f"import sys; from gmmspeech.corpora.voices import {function}; {function}(*sys.argv[1:])"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, words)], env=environment, capture_output=True, text=True
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        reason = re.sub(r"^[\w.]+Error: (synthetic voices: )?", "", reason)
        raise ConfigError(f"synthetic voices: can't be made ({reason}), expected eSpeak NG to work")


def _make(folder: str, *sentences: str) -> None:
    base, espeak = Path(folder), _Espeak()
    (base / "audio").mkdir()
    listing, times = Listing({}, {}), {}
    for voice, sentence in itertools.product(range(len(VOICES)), range(len(sentences))):
        speaker = VOICES[voice].partition("+")[2].lower() or "base"
        name = f"{speaker}-s{sentence}"
        listing.recordings[name], listing.utt2spk[name] = base / "audio" / f"{name}.wav", speaker
        listing.text[name] = _words(sentences[sentence])
        times[name] = _say_one(espeak, listing.recordings[name], voice, sentence, sentences[sentence])
    parts = {"all": Part(list(times)), **(_parts(listing.utt2spk) if sentences == SENTENCES else {})}
    for part, content in parts.items():
        write_part(base / "data" / part, content, listing, base)
        lines = (f"{u} 1 {s:.6f} {e - s:.6f} {phone}" for u in sorted(content.utterances) for s, e, phone in times[u])
        write_lines(base / "data" / part / "phones.ctm", lines)


def _parts(utt2spk: Mapping[str, str]) -> dict[str, Part]:
    speakers = list(dict.fromkeys(utt2spk.values()))
    judged = speakers[1::2]  # men and women, as in the others

    def of(speakers: Sequence[str], sentences: range = range(len(SENTENCES))) -> list[str]:
        return [u for u, speaker in utt2spk.items() if speaker in speakers and int(u[-1]) in sentences]

    enrollment = utterances_of({u: utt2spk[u] for u in of(judged, ENROLL)})
    return {
        "ubm": Part(of(speakers[::2])),
        "eval": Part(of(judged), enrollment=enrollment, tests=of(judged, VERIFY)),
        "train": Part(of(speakers, TRAIN)),
        "test": Part(of(speakers, TEST)),
    }


class _Espeak:
    """The synthesizer, once in a process."""

    def __init__(self) -> None:
        import espeakng_loader

        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        self._library.espeak_Synth.argtypes = _SYNTH_ARGUMENTS
        data = Path(espeakng_loader.get_data_path()).parent
        self.rate: int = self._library.espeak_Initialize(_SYNCHRONOUS, 0, os.fsencode(data), _REPORT_PHONEMES)
        if self.rate <= 0:
            raise ConfigError(f"synthetic voices: eSpeak NG gave code {self.rate}, expected to start with {data}")
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(SEED))  # otherwise the clock seeds the noise of breath
        self._pieces: list[NDArray[np.int16]] = []
        self._events: list[tuple[int, str]] = []
        self._callback = _CALLBACK(self._receive)  # the library holds a bare pointer: keep it alive
        self._library.espeak_SetSynthCallback(self._callback)

    def say(self, text: str, voice: str, *, speed: int, pitch: int) -> tuple[NDArray[np.int16], Phones]:
        """Say a sentence.

        Gives `samples` (n,).
        """
        samples = self.samples(text, voice, speed=speed, pitch=pitch)
        return samples, _phones(self._events, len(samples))

    def samples(self, text: str, voice: str, *, speed: int, pitch: int) -> NDArray[np.int16]:
        """Say a sentence of any words, (n,); phones are not looked at."""
        self._pieces.clear()
        self._events.clear()
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ConfigError(f"synthetic voices: found no voice {voice}, expected it in eSpeak NG")
        self._library.espeak_SetParameter(_SPEED, speed, 0)
        self._library.espeak_SetParameter(_PITCH, pitch, 0)
        raw = text.encode() + b"\0"
        self._library.espeak_Synth(raw, len(raw), 0, 1, 0, _UTF8, None, None)
        return np.concatenate(self._pieces)

    def _receive(self, samples: ctypes._Pointer[ctypes.c_short], count: int, events: ctypes._Pointer[_Event]) -> int:
        if samples and count > 0:
            self._pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        index = 0
        while events[index].type != _END_OF_LIST:
            if events[index].type == _PHONEME:
                mnemonic = bytes(events[index].id.text).split(b"\0")[0].decode("utf-8", "replace")
                self._events.append((events[index].sample, mnemonic))
            index += 1
        return 0  # go on


def _phones(events: Sequence[tuple[int, str]], end: int) -> Phones:
    """Turn the beginnings of phonemes into phones without gaps; phonemes of no length go, silences join."""
    starts = [0, *(min(start, end) for start, _ in events), end]
    names = ["SIL", *(_arpabet(mnemonic) for _, mnemonic in events)]
    phones: Phones = []
    for start, stop, name in zip(starts, starts[1:], names, strict=False):
        if start == stop:
            continue
        if name == "SIL" and phones and phones[-1][2] == "SIL":
            start = phones.pop()[0]
        phones.append((start, stop, name))
    return phones


def _arpabet(mnemonic: str) -> str:
    plain = mnemonic.translate(_STRESS)
    if not plain or plain.startswith("_"):
        return "SIL"
    if plain not in _ARPABET:
        raise DataError(f"synthetic voices: found eSpeak's phoneme {mnemonic!r}, expected one of American English")
    return _ARPABET[plain]


def _say_one(espeak: _Espeak, path: Path, voice: int, sentence: int, text: str) -> list[tuple[float, float, str]]:
    """Write a sentence of a voice to a file, with noise; give start, end and name of its phones."""
    random = np.random.default_rng([voice, sentence])
    speed = SPEED + int(random.integers(-SPEED_SPREAD, SPEED_SPREAD, endpoint=True))
    pitch = PITCH + int(random.integers(-PITCH_SPREAD, PITCH_SPREAD, endpoint=True))
    snr = random.uniform(SNR_LOW, SNR_HIGH)
    clean, phones = espeak.say(text, VOICES[voice], speed=speed, pitch=pitch)
    level = np.sqrt(np.mean(np.square(clean, dtype=np.float64))) * 10 ** (-snr / 20)
    noisy = np.rint(clean + level * random.standard_normal(len(clean)))
    soundfile.write(path, np.clip(noisy, -32768, 32767).astype(np.int16), espeak.rate, "PCM_16")
    return [(start / espeak.rate, stop / espeak.rate, phone) for start, stop, phone in phones]


def _words(sentence: str) -> str:
    return re.sub("[^A-Z' ]", "", sentence.upper())


def _is_complete(folder: Path, sentences: Sequence[str]) -> bool:
    """Tell whether `write_voices` made the folder of these sentences; it names it last, so what is there is whole."""
    parts = (folder / "data/eval/trials").is_file() or tuple(sentences) != SENTENCES
    if not parts or not (folder / "audio/base-s0.wav").is_file() or not (folder / "data/all/text").is_file():
        return False
    lines = (folder / "data/all/text").read_text(encoding="utf-8").splitlines()
    return {line.partition(" ")[2] for line in lines} == set(map(_words, sentences))


# eSpeak NG's C interface (speak_lib.h): the constants and structures used above.
_SYNCHRONOUS, _REPORT_PHONEMES, _UTF8 = 2, 1, 1
_SPEED, _PITCH = 1, 3
_END_OF_LIST, _PHONEME = 0, 7


class _EventId(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("text", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),  # ms
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    )


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))
_SYNTH_ARGUMENTS: tuple[Any, ...] = (
    *(ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int),  # text, its size, position, its unit
    *(ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p),  # end, flags, identifier, user data
)
