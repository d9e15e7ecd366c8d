"""Recordings to waveforms: decode, cut, resample."""

from gmmspeech.audio.reading import (
    RawAudio,
    audio_file,
    decode_audio,
    not_finite,
    read_audio,
    read_audio_blocks,
    resample,
    sample_at,
)

__all__ = [
    "RawAudio",
    "audio_file",
    "decode_audio",
    "not_finite",
    "read_audio",
    "read_audio_blocks",
    "resample",
    "sample_at",
]
