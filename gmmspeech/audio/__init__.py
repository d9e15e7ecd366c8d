"""From recordings to waveforms: decoding, cutting, resampling."""

from gmmspeech.audio.conditions import simulate_conditions
from gmmspeech.audio.opening import audio_file
from gmmspeech.audio.raw import RawAudio
from gmmspeech.audio.reading import (
    AudioFormat,
    audio_format,
    decode_audio,
    read_audio,
    read_audio_blocks,
    sample_at,
)
from gmmspeech.audio.samples import not_finite, resample

__all__ = [
    "AudioFormat",
    "RawAudio",
    "audio_file",
    "audio_format",
    "decode_audio",
    "not_finite",
    "read_audio",
    "read_audio_blocks",
    "resample",
    "sample_at",
    "simulate_conditions",
]
