"""Sample format of recordings without a header."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gmmspeech.arguments import checked
from gmmspeech.errors import AudioError, ConfigError, counted, shown

# Encodings of raw audio: libsndfile's name, and the bytes of a sample.
_ENCODINGS = {
    "pcm16": ("PCM_16", 2),
    "pcm24": ("PCM_24", 3),
    "pcm32": ("PCM_32", 4),
    "ulaw": ("ULAW", 1),
    "alaw": ("ALAW", 1),
    "float32": ("FLOAT", 4),
}


@dataclass(frozen=True)
class RawAudio:
    """Sample format of a raw recording, which has no header.

    Parameters
    ----------
    rate : int
        Sampling rate in Hz.
    encoding : {"pcm16", "pcm24", "pcm32", "ulaw", "alaw", "float32"}
    channels : int
        Number of channels, interleaved.
    big_endian : bool

    Raises
    ------
    ConfigError
        A rate or number of channels below 1, or an unknown encoding.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> gs.audio.RawAudio(8000, "ulaw").channels
    1
    """

    rate: int
    encoding: str = "pcm16"
    channels: int = 1
    big_endian: bool = False

    def __post_init__(self) -> None:
        if self.encoding not in _ENCODINGS:
            raise ConfigError(f"encoding: found {shown(repr(self.encoding))}, expected one of {', '.join(_ENCODINGS)}")
        for name, value in (("rate", self.rate), ("channels", self.channels)):
            if value < 1:
                raise ConfigError(f"{name}: found {value}, expected 1 or more")

    @classmethod
    @checked
    def parse(cls, text: str) -> RawAudio:
        """Parse ``RATE`` or ``RATE:ENCODING``, such as ``8000:ulaw``.

        Examples
        --------
        >>> import gmmspeech as gs
        >>> gs.audio.RawAudio.parse("8000:ulaw")
        RawAudio(rate=8000, encoding='ulaw', channels=1, big_endian=False)
        """
        rate, _, encoding = text.partition(":")
        if not (rate.isascii() and rate.isdigit() and len(rate) < 10):
            raise ConfigError(f"raw: found {shown(repr(text))}, expected RATE or RATE:ENCODING, such as 8000:ulaw")
        return cls(int(rate), encoding or "pcm16")


def raw_options(name: str, size: int, raw: RawAudio) -> dict[str, Any]:
    """What libsndfile wants to know of a file without a header."""
    subtype, width = _ENCODINGS[raw.encoding]
    if size % (width * raw.channels):
        expected = f"a multiple of {width * raw.channels} ({raw.encoding}, {counted(raw.channels, 'channel')})"
        raise AudioError(f"{name}: found {counted(size, 'byte')}, expected {expected}")
    endian = "BIG" if raw.big_endian else "LITTLE"
    return {
        "format": "RAW",
        "samplerate": raw.rate,
        "channels": raw.channels,
        "subtype": subtype,
        "endian": endian,
    }
