"""Forced alignment of one recording with its transcript."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmspeech.arguments import check, checked, told
from gmmspeech.audio import AudioFormat, audio_format, read_audio, sample_at
from gmmspeech.audio.samples import Channel, one_channel
from gmmspeech.checks import real_array
from gmmspeech.commands.conversion import converting, warn_of_conversions
from gmmspeech.commands.phone_features import front_end_of_waveforms
from gmmspeech.commands.phones import knows_no_times, language_of_text, open_model, warn_of_other_language
from gmmspeech.commands.quiet_edges import has_room_for_quiet, loud_part
from gmmspeech.commands.transcripts import Dictionaries, pronunciations_of, spoken_words, unknown_lines
from gmmspeech.errors import AudioError, DataError, GmmSpeechWarning, shown
from gmmspeech.files.text import read_text
from gmmspeech.formats.datadir import DataDir
from gmmspeech.formats.labels.labels import FORMATS
from gmmspeech.phones.decoding.alignment import Alignment, align
from gmmspeech.phones.decoding.sounding_edges import manners_of, with_sounding_edges
from gmmspeech.phones.hmm.adapted_system import AdaptedSystem
from gmmspeech.phones.hmm.model import PhoneHMM
from gmmspeech.phones.labels.labels import Label

Audio = str | os.PathLike[str] | tuple[NDArray, float]

_NAME = "audio"  # of the one utterance
_TRANSCRIPTS = (".txt", ".lab")
_LABELS = {*FORMATS.values()} - {*_TRANSCRIPTS}


@checked
def align_file(
    audio: Audio,
    transcript: str | os.PathLike[str],
    *,
    model: PhoneHMM | AdaptedSystem | str | os.PathLike[str] | None = None,
    dictionary: Dictionaries | None = None,
    language: str | None = None,
    channel: Channel = "mix",
    unknown_words: str | None = None,
    adapt: bool = True,
    goodness: bool = False,
) -> Alignment:
    """Align one recording with its transcript: times of its words and phones.

    For many recordings, pass the model as an object, so that it is read only once. If labels told the model no times,
    sonorants and fricatives end before silence where their level in the recording says, and the first phone begins so.

    Parameters
    ----------
    audio : path-like, or tuple of ndarray and float
        A recording in any format of `read_audio`, or samples in [-1, 1], of shape (n,) or (n, channels), and their
        rate in Hz. It is resampled to the model's rate.
    transcript : str or path-like
        The transcript in ordinary spelling, or a ``.txt`` or ``.lab`` file that contains it.
    model : PhoneHMM, AdaptedSystem or path-like, optional
        By default the English model that is included.
    dictionary : mapping, path-like, or list of names, optional
        Pronunciations of each word, or dictionary files; "cmudict" is included. By default CMU's for English, and
        eSpeak NG's pronunciations for other languages.
    language : str, optional
        Code such as "de" or "pt-br", or "ipa" for a transcript in IPA; by default that of the model, or English.
    channel : int or "mix"
        Which channel of several, counted from 0, or "mix" for their mean.
    unknown_words : {"spn", "skip", "g2p", "error"} or a phone, optional
        How to treat words that the dictionary lacks: use the phone of spoken noise, leave them out, take eSpeak NG's
        pronunciation, raise an error, or use the given phone. By default spoken noise if the model has it, else an
        error.
    adapt : bool
        First adapt the recording's frames to the model (fMLLR).
    goodness : bool
        Also compute the goodness of pronunciation of each phone, and the fit of the whole recording.

    Returns
    -------
    Alignment

    Raises
    ------
    AudioError, DataError, ModelError, FeatureError, ConfigError
        The input can't be found, read or aligned; the message says why.

    Warns
    -----
    GmmSpeechWarning
        Words that the dictionary lacks, or audio that is converted.

    Examples
    --------
    >>> import numpy as np, gmmspeech as gs
    >>> front = gs.FrontEnd.from_toml("phones").to_json()
    >>> model = gs.phones.PhoneHMM.from_phones(["SIL", "AA"], mean=np.zeros(48), variance=np.ones(48), front_end=front)
    >>> noise = np.random.default_rng(0).normal(0, 0.1, 16000)
    >>> found = gs.align_file((noise, 16000), "Ah!", model=model, dictionary={"AH": [["AA"]]})
    >>> [label.name for label in found.words], found.phones[-1].end <= 1.0
    (['Ah'], True)
    """
    hmm = open_model(model)
    front = front_end_of_waveforms(hmm.front_end)
    text = _text(transcript)
    said = DataDir(Path(), {_NAME: Path()}, None, (_NAME,), {_NAME: _NAME}, {_NAME: text})
    known = None if dictionary is None else pronunciations_of(dictionary, phones=hmm.phones)
    spoken = spoken_words(
        said, known, phones=hmm.phones, language=language_of_text(language, hmm), unknown_words=unknown_words
    )
    warn_of_other_language(language, hmm, known)
    for line in unknown_lines(spoken.unknown, None):
        warnings.warn(line, GmmSpeechWarning)
    samples, rate = samples_of(audio, channel, front.sample_frequency)
    start, end = loud_part(samples, rate) if has_room_for_quiet(len(samples) / rate, text) else (0.0, None)
    samples = samples[sample_at(start, rate) : None if end is None else sample_at(end, rate)]
    frames = converting(front)(samples, rate)
    speakers = said.utt2spk if adapt else None
    found = align(hmm, {_NAME: frames}, spoken.words, spoken.entries, utt2spk=speakers, goodness=goodness)
    alignment = found.alignments[_NAME]
    if knows_no_times(hmm):
        alignment = with_sounding_edges(alignment, manners_of(hmm, [alignment]), samples, rate)
    if not start:
        return alignment
    return replace(alignment, words=_moved(alignment.words, start), phones=_moved(alignment.phones, start))


def _moved(labels: Sequence[Label], seconds: float) -> list[Label]:
    """Labels so much later."""
    return [Label(round(begin + seconds, 9), round(end + seconds, 9), name) for begin, end, name in labels]


def _text(transcript: str | os.PathLike[str]) -> str:
    """Text itself, or that of a file; neither a file of labels nor the name of another one."""
    line = os.fspath(transcript)
    suffix = "" if "\n" in line else Path(line).suffix.lower()
    is_file = isinstance(transcript, os.PathLike) or suffix in _TRANSCRIPTS
    if suffix and (suffix in _LABELS or (not is_file and os.path.isfile(line))):
        raise DataError(f"transcript: found the file {shown(line)}, expected text, or a .txt or .lab file with it")
    text = read_text(transcript, expected="a transcript", any_line_ends=True) if is_file else os.fspath(transcript)
    if not text.strip():
        raise DataError(f"transcript: found {told(text)}, expected what is said")
    return " ".join(text.split("\n"))


def samples_of(audio: Audio, channel: Channel, rate: int) -> tuple[NDArray[np.float32], int]:
    """Samples of one channel and their rate; warn of those that will be converted."""
    if isinstance(audio, (str, os.PathLike)):
        warn_of_conversions({_NAME: audio_format(audio)}, rate, channel)
        return read_audio(audio, channel=channel)
    samples, own = audio
    check(lambda value: "" if _is_rate(value) else "a whole number of Hz", rate=own)
    given = real_array(samples, "audio", AudioError)
    found = one_channel(given, channel)
    if len(found):
        channels = given.shape[1] if given.ndim > 1 else 1
        warn_of_conversions({_NAME: AudioFormat(int(own), channels, len(found))}, rate, channel)
    return found, int(own)


def _is_rate(value: object) -> bool:
    """Say whether a value is a number of Hz."""
    known = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    return known and float(value) > 0 and float(value).is_integer()  # type: ignore[arg-type]
