"""Recordings to waveforms: decode, cut, resample."""

from __future__ import annotations

import io
import os
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from gmmspeech.errors import AudioError, ConfigError, one_line

MAX_OVERSHOOT = 0.5  # seconds a cut may end after the recording does: Kaldi's extract-segments, its default

# Data sizes from here on mean "not known", written by programs that stream into a pipe.
_STREAMED = 0x7FFF0000
# libsndfile's log of a header that promises more than the file holds (WAV, AIFF, AU, W64).
_SHORT_DATA = re.compile(r"^\s*(?:data|SSND|Data Size|riff) *: *(\d+) \(should be (\d+)\)", re.MULTILINE)
_SPHERE_SAMPLES = re.compile(rb"^sample_count -i (\d+)", re.MULTILINE)
_SPHERE_CODING = re.compile(rb"^sample_coding -s\d+ (\S+)", re.MULTILINE)
_HEAD = 1024  # bytes of a SPHERE header
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
    """What the missing header of a raw recording would say.

    Parameters
    ----------
    rate : int
        Samples a second.
    encoding : {"pcm16", "pcm24", "pcm32", "ulaw", "alaw", "float32"}
    channels : int
        Interleaved.
    big_endian : bool

    Raises
    ------
    ConfigError
        A rate or number of channels below 1, or another encoding.

    Examples
    --------
    >>> RawAudio(8000, "ulaw").channels
    1
    """

    rate: int
    encoding: str = "pcm16"
    channels: int = 1
    big_endian: bool = False

    def __post_init__(self) -> None:
        if self.encoding not in _ENCODINGS:
            raise ConfigError(f"encoding: found {self.encoding!r}, expected one of {', '.join(_ENCODINGS)}")
        for name, value in (("rate", self.rate), ("channels", self.channels)):
            if value < 1:
                raise ConfigError(f"{name}: found {value}, expected 1 or more")

    @classmethod
    def parse(cls, text: str) -> RawAudio:
        """Read ``RATE`` or ``RATE:ENCODING``, such as ``8000:ulaw``.

        Examples
        --------
        >>> RawAudio.parse("8000:ulaw")
        RawAudio(rate=8000, encoding='ulaw', channels=1, big_endian=False)
        """
        rate, _, encoding = text.partition(":")
        if not rate.isdecimal():
            raise ConfigError(f"raw: found {text!r}, expected RATE or RATE:ENCODING, such as 8000:ulaw")
        return cls(int(rate), encoding or "pcm16")


def read_audio(
    path: str | os.PathLike[str],
    *,
    channel: int | None = None,
    start: float = 0.0,
    end: float | None = None,
    raw: RawAudio | None = None,
) -> tuple[NDArray[np.float32], int]:
    """Read a recording, or a segment of it, as one channel of float samples.

    Everything that libsndfile decodes is taken: WAV, FLAC, OGG, MP3, AIFF, AU and NIST SPHERE (as PCM, mu-law or
    A-law; SPHERE compressed by shorten is not), and with `raw` samples without a header. Only the segment asked for is
    decoded. Times become samples as in Kaldi's ``extract-segments``: ``int(seconds * rate)``, the end not included; a
    segment that ends less than half a second after the recording is cut at the recording's end, one that ends later is
    an error. (Kaldi also drops segments shorter than 0.1 s; here only a segment without samples is an error.)

    Parameters
    ----------
    path : path-like
    channel : int, optional
        Which channel, from 0. Must be given if there are several.
    start : float
        Where the segment begins, in seconds.
    end : float, optional
        Where it ends, in seconds; by default where the recording does.
    raw : RawAudio, optional
        What the samples are, of a file without a header.

    Returns
    -------
    signal : ndarray, shape (n,), float32
        Integer formats scaled to [-1, 1]; a file of floats as it is.
    rate : int
        Samples a second.

    Raises
    ------
    AudioError
        If the file is missing, empty, no audio, cut short (the header promises more than there is), without
        samples, or has NaN or infinite ones; if it has several channels and none was chosen, or not that one;
        if the segment is not inside it. A FLAC or MP3 cut short is noticed when the missing part is asked for.

    Examples
    --------
    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/a.wav"
    >>> soundfile.write(path, np.linspace(0, 0.5, 8000), 8000)
    >>> signal, rate = read_audio(path, start=0.25, end=0.75)
    >>> signal.shape, signal.dtype, rate
    ((4000,), dtype('float32'), 8000)
    """
    name = os.fspath(path)
    _check_is_file(name)
    return _decode(name, name, os.path.getsize(name), channel, start, end, raw)


def decode_audio(
    content: bytes,
    *,
    name: str,
    channel: int | None = None,
    start: float = 0.0,
    end: float | None = None,
    raw: RawAudio | None = None,
) -> tuple[NDArray[np.float32], int]:
    """Do as `read_audio`, of a recording's bytes; `name` stands for it in messages.

    Examples
    --------
    >>> signal, rate = decode_audio(bytes(16000), name="silence", raw=RawAudio(8000))
    >>> signal.shape, rate
    ((8000,), 8000)
    """
    return _decode(name, io.BytesIO(content), len(content), channel, start, end, raw)


def _decode(
    name: str,
    source: str | io.BytesIO,
    size: int,
    channel: int | None,
    start: float,
    end: float | None,
    raw: RawAudio | None,
) -> tuple[NDArray[np.float32], int]:
    options = {} if raw is None else _raw_options(name, size, raw)
    try:
        with soundfile.SoundFile(source, **options) as file:
            _check_whole(name, file, source)
            column = _column(name, file.channels, channel)
            first, last = _piece(name, file.frames, file.samplerate, start, end)
            if first:  # which takes a decoder a while, wherever it leads
                file.seek(first)
            samples = file.read(last - first, dtype="float32", always_2d=True)
            rate = file.samplerate
    except (soundfile.SoundFileError, RuntimeError, TypeError) as error:  # TypeError: a name ending in .raw
        head = _head(source)
        coding = _SPHERE_CODING.search(head)
        if head.startswith(b"NIST_1A") and coding and b"shorten" in coding[1]:
            found = f"SPHERE with samples as {coding[1].decode('ascii', 'replace')}"
            raise AudioError(f"{name}: found {found}, expected pcm or ulaw (sph2pipe or w_decode unpack it)") from error
        reason = one_line(error)
        raise AudioError(f"{name}: can't be decoded ({reason}), expected whole audio that libsndfile reads") from error
    if len(samples) < last - first:
        found = f"{first + len(samples)} samples, then nothing more"
        raise AudioError(f"{name}: cut short: found {found}, expected {last} as its header says")
    signal = np.ascontiguousarray(samples[:, column])
    bad = not_finite(signal)
    if len(bad):
        at = (first + bad[0]) / rate
        raise AudioError(f"{name}: sample at {at:.3f} s: found {signal[bad[0]]}, expected finite samples")
    return signal, rate


def not_finite(samples: NDArray) -> NDArray[np.intp]:
    """Places of the samples that are infinite or no number.

    Examples
    --------
    >>> not_finite(np.array([0.5, np.nan, 1.0, -np.inf])).tolist()
    [1, 3]
    """
    with np.errstate(over="ignore", invalid="ignore"):
        total = samples.sum()  # takes half the time of looking at every sample
    return np.flatnonzero([] if np.isfinite(total) else ~np.isfinite(samples))


def resample(signal: NDArray, rate: int, target_rate: int) -> NDArray:
    """Change the sampling rate, by soxr's high-quality polyphase filter.

    Shapes: `signal` (n,); gives (about n * target_rate / rate,).
    """
    signal = np.asarray(signal)
    if signal.ndim != 1 or signal.dtype not in (np.float32, np.float64, np.int16, np.int32):
        expected = "(n,) of float32, float64, int16 or int32"
        raise AudioError(f"signal: found {signal.dtype} of shape {signal.shape}, expected {expected}")
    for name, value in (("rate", rate), ("target_rate", target_rate)):
        if not value > 0:
            raise ConfigError(f"{name}: found {value}, expected more than 0 samples a second")
    return signal if rate == target_rate else soxr.resample(signal, rate, target_rate, quality="HQ")


def _check_is_file(name: str) -> None:
    if not os.path.exists(name):
        raise AudioError(f"{name}: no such file, expected a recording")
    if not os.path.isfile(name):
        raise AudioError(f"{name}: is no file, expected a recording")
    if os.path.getsize(name) == 0:
        raise AudioError(f"{name}: found 0 bytes, expected a recording")


def _raw_options(name: str, size: int, raw: RawAudio) -> dict[str, Any]:
    """What libsndfile wants to know of a file without a header."""
    subtype, width = _ENCODINGS[raw.encoding]
    if size % (width * raw.channels):
        expected = f"a multiple of {width * raw.channels} ({raw.encoding}, {raw.channels} channels)"
        raise AudioError(f"{name}: found {size} bytes, expected {expected}")
    endian = "BIG" if raw.big_endian else "LITTLE"
    return {
        "format": "RAW",
        "samplerate": raw.rate,
        "channels": raw.channels,
        "subtype": subtype,
        "endian": endian,
    }


def _head(source: str | io.BytesIO) -> bytes:
    """Bytes in which a SPHERE header says what libsndfile does not pass on."""
    if isinstance(source, io.BytesIO):
        return source.getvalue()[:_HEAD]
    with open(source, "rb") as file:
        return file.read(_HEAD)


def _check_whole(name: str, file: soundfile.SoundFile, source: str | io.BytesIO) -> None:
    """Compare what the header promises with what is there; libsndfile itself goes on with what is there."""
    short = _SHORT_DATA.search(file.extra_info)
    if short and int(short[2]) < int(short[1]) < _STREAMED:
        raise AudioError(f"{name}: cut short: found {short[2]} bytes of data, expected {short[1]} as its header says")
    if file.format == "NIST":
        promised = _SPHERE_SAMPLES.search(_head(source))
        if promised and file.frames < int(promised[1]):
            count = int(promised[1])
            raise AudioError(f"{name}: cut short: found {file.frames} samples, expected {count} as its header says")


def _column(name: str, channels: int, channel: int | None) -> int:
    if channel is None:
        if channels != 1:
            choice = "channel=0 for the first; --channel 0 on the command line"
            raise AudioError(f"{name}: found {channels} channels, expected one, or a choice ({choice})")
        return 0
    if not 0 <= channel < channels:
        raise AudioError(f"{name}: channel {channel} of {channels}, expected 0 to {channels - 1}")
    return channel


def _piece(name: str, frames: int, rate: int, start: float, end: float | None) -> tuple[int, int]:
    """First sample and the one after the last."""
    length = f"{frames / rate:.3f} s"
    if frames == 0:
        raise AudioError(f"{name}: found 0 samples, expected some")
    if not start >= 0 or not (end is None or end > start):
        raise AudioError(f"{name}: segment from {start} to {end} s, expected 0 <= start < end")
    first, last = int(start * rate), frames if end is None else int(end * rate)
    if first >= frames:
        raise AudioError(f"{name}: segment begins at {start} s, expected inside the recording of {length}")
    if last >= frames + int(MAX_OVERSHOOT * rate):
        raise AudioError(f"{name}: segment ends at {end} s, expected inside the recording of {length}")
    if first == last:
        raise AudioError(f"{name}: segment from {start} to {end} s has no sample at {rate} Hz, expected some")
    return first, min(last, frames)
