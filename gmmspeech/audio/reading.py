"""Read recordings as waveforms: decoding and cutting."""

from __future__ import annotations

import math
import os
from collections.abc import Generator
from contextlib import closing
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmmspeech.arguments import NOTHING, PATH, any_of, check, instance, one_of, real, whole
from gmmspeech.audio.headers import Content, Sound
from gmmspeech.audio.opening import num_samples, opened, recording, recording_of
from gmmspeech.audio.raw import RawAudio
from gmmspeech.audio.samples import Channel, channel_column, check_not_canceled, energy, not_finite
from gmmspeech.errors import AudioError, counted

if TYPE_CHECKING:
    import soundfile

MAX_OVERSHOOT = 0.5  # seconds a cut may end after the recording does: Kaldi's extract-segments, its default

_MAX_SAMPLE = 2.0**62  # where a time in samples ends
_BLOCK = 2**16  # samples decoded at a time
_MPEG_LEAD = 10 * 1152  # samples: a frame of MPEG has data in up to 511 bytes of those before it
_LAST_PACKETS = 2**13  # samples: a packet of Opus has up to 5760; the last is trimmed wrongly if a read begins in it
_LAST_PAGE = 10  # seconds that the last page of Vorbis does not hold, where places are told from its untrimmed end
_A_BYTE = 16  # samples that a byte of a recording may hold before memory is taken step by step


def read_audio(
    path: str | os.PathLike[str],
    *,
    channel: Channel = None,
    start: float = 0.0,
    end: float | None = None,
    raw: RawAudio | None = None,
) -> tuple[NDArray[np.float32], int]:
    """Read a recording, or a segment of it, as one channel of float samples.

    All formats of libsndfile can be read: WAV, FLAC, OGG, MP3, AIFF, AU and NIST SPHERE (PCM, mu-law or A-law, but not
    compressed by shorten); and, with `raw`, samples without a header. A file that was written into a pipe and has no
    length in its header (or a wrong one, such as a WAV of size 0 or a variable bit rate MP3 without a Xing header) is
    read to its end. Only the requested segment is decoded. Times are converted to samples by `sample_at`, as in Kaldi's
    ``extract-segments``, with the end excluded. A segment that ends less than half a second after the recording is cut
    at the recording's end; one that ends later is an error. (Kaldi also drops segments shorter than 0.1 s; here only a
    segment without samples is an error.)

    Parameters
    ----------
    path : path-like
        A file, or ``FILE:OFFSET`` for the WAV file that starts at this byte of a Kaldi archive.
    channel : int or "mix", optional
        Channel, counted from 0, or "mix" for the mean of all. Required if there are several.
    start : float
        Start of the segment in seconds.
    end : float, optional
        End of the segment in seconds; by default the end of the recording.
    raw : RawAudio, optional
        Sample format of a file without a header.

    Returns
    -------
    signal : ndarray, shape (n,), float32
        Integer formats are scaled to [-1, 1]; floats are not changed.
    rate : int
        Sampling rate in Hz.

    Raises
    ------
    AudioError
        If the file is missing, not a regular file, empty, not audio, truncated (the header gives a greater length),
        several recordings in one, without samples, or has NaN or infinite samples; if it has several channels and none
        was chosen, or not the chosen one; if the segment is not inside it. For formats that need another decoder (M4A,
        WebM, AMR, WMA, video), the message gives the command that converts them.

    Warns
    -----
    GmmSpeechWarning
        If many bytes follow the samples given by the header (in Ogg, the pages); sox ignores them too. After FLAC and
        MP3 they are an error. Formats without a length in the header (raw, IRCAM, PVF) are read to the end of the
        file, and take memory for all of it.

    Examples
    --------
    >>> import soundfile, tempfile, numpy as np, gmmspeech as gs
    >>> path = tempfile.mkdtemp() + "/a.wav"
    >>> soundfile.write(path, np.linspace(0, 0.5, 8000), 8000)
    >>> signal, rate = gs.read_audio(path, start=0.25, end=0.75)
    >>> signal.shape, signal.dtype, rate
    ((4000,), dtype('float32'), 8000)
    """
    check(PATH, path=path)
    check(any_of(whole(), one_of("mix"), NOTHING), channel=channel)
    check(any_of(instance(RawAudio), NOTHING), raw=raw)
    check(real(nan=True), start=start)
    check(any_of(real(nan=True), NOTHING), end=end)
    end = None if end is None else float(end)
    with closing(read_audio_blocks(path, None, channel=channel, start=float(start), end=end, raw=raw)) as blocks:
        return next(blocks)


def read_audio_blocks(
    path: str | os.PathLike[str],
    size: int | None,
    *,
    channel: Channel = None,
    start: float = 0.0,
    end: float | None = None,
    raw: RawAudio | None = None,
) -> Generator[tuple[NDArray[np.float32], int]]:
    """Read a recording as `read_audio` does, but yield it in blocks of `size` samples; the last may be shorter.

    MP3 comes as one block, because its frames share data, which a decoder that starts in the middle loses. A recording
    inside an archive also comes as one block, as does any recording with `size` None. The last block of Opus may be
    longer.

    Parameters
    ----------
    path, channel, start, end, raw
        As for `read_audio`.
    size : int or None
        Samples per block.

    Yields
    ------
    signal : ndarray, shape (n,), float32
    rate : int

    Raises
    ------
    AudioError
        As for `read_audio`, when the faulty part is reached.

    Examples
    --------
    >>> import soundfile, tempfile, numpy as np, gmmspeech as gs
    >>> path = tempfile.mkdtemp() + "/a.wav"
    >>> soundfile.write(path, np.linspace(0, 0.5, 8000), 8000)
    >>> [len(signal) for signal, rate in gs.audio.read_audio_blocks(path, 3000)]
    [3000, 3000, 2000]
    """
    name = os.fspath(path)
    with recording(name, raw, piece=bool(start) or end is not None) as (source, num_bytes, sound):
        block = None if isinstance(source, Content) else size
        yield from _decode(name, source, num_bytes, sound, block, channel, start, end)


def decode_audio(
    content: bytes,
    *,
    name: str,
    channel: Channel = None,
    start: float = 0.0,
    end: float | None = None,
    raw: RawAudio | None = None,
) -> tuple[NDArray[np.float32], int]:
    """Decode a recording from its bytes, like `read_audio`.

    Parameters
    ----------
    content : bytes
        The whole file.
    name : str
        Name for messages.
    channel, start, end, raw
        As for `read_audio`.

    Returns
    -------
    signal : ndarray, shape (n,), float32
    rate : int
        Sampling rate in Hz.

    Raises
    ------
    AudioError
        As for `read_audio`.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> signal, rate = gs.audio.decode_audio(bytes(16000), name="silence", raw=gs.audio.RawAudio(8000))
    >>> signal.shape, rate
    ((8000,), 8000)
    """
    with closing(_decode(name, *recording_of(content, name, raw), None, channel, start, end)) as blocks:
        return next(blocks)


class AudioFormat(NamedTuple):
    """Format of a recording, as returned by `audio_format`.

    Attributes
    ----------
    rate : int
        Sampling rate in Hz.
    channels, num_samples : int
        Number of channels, and of samples per channel.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> gs.audio.AudioFormat(8000, 1, 4000).duration
    0.5
    """

    rate: int
    channels: int
    num_samples: int

    @property
    def duration(self) -> float:
        """Duration in seconds."""
        return self.num_samples / self.rate


def audio_format(path: str | os.PathLike[str], *, raw: RawAudio | None = None) -> AudioFormat:
    """Read the sampling rate, channels and length of a recording without decoding it.

    Parameters
    ----------
    path, raw
        As for `read_audio`.

    Returns
    -------
    AudioFormat

    Raises
    ------
    AudioError
        The file is missing, or is not a recording that can be read.

    Examples
    --------
    >>> import soundfile, tempfile, numpy as np, gmmspeech as gs
    >>> path = tempfile.mkdtemp() + "/a.wav"
    >>> soundfile.write(path, np.zeros((4000, 2)), 8000)
    >>> gs.audio.audio_format(path), gs.audio.audio_format(path).duration
    (AudioFormat(rate=8000, channels=2, num_samples=4000), 0.5)
    """
    name = os.fspath(path)
    with recording(name, raw) as (source, _, sound), opened(name, source, sound) as file:
        return AudioFormat(file.samplerate, file.channels, num_samples(name, file, sound))


def sample_at(seconds: float, rate: float) -> int:
    """Index of the sample nearest to a time, as in Kaldi's ``extract-segments``: ``int(seconds * rate + 0.5)``.

    Parameters
    ----------
    seconds : float
        Time from the start of the recording.
    rate : float
        Sampling rate in Hz.

    Returns
    -------
    int

    Examples
    --------
    >>> import gmmspeech as gs
    >>> gs.audio.sample_at(1.001, 16000), int(1.001 * 16000)
    (16016, 16015)
    """
    return int(min(seconds * rate + 0.5, _MAX_SAMPLE))


def _decode(
    name: str,
    source: str | Content,
    num_bytes: int,
    sound: Sound,
    size: int | None,
    channel: Channel,
    start: float,
    end: float | None,
) -> Generator[tuple[NDArray[np.float32], int]]:
    """Yield the samples of a segment, and their rate, in blocks of `size`."""
    with opened(name, source, sound) as file:
        rate, frames = file.samplerate, num_samples(name, file, sound)
        column = channel_column(name, file.channels, channel)
        first, last = _piece(name, frames, rate, start, end)
        lead = _lead(file, first, frames)
        if first > lead:  # which takes a decoder a while, wherever it leads
            file.seek(first - lead)
        if size is None or "MPEG" in file.subtype:
            size = last - first
        uncut = _LAST_PACKETS if file.subtype == "OPUS" else 0
        place = first
        for stop in chain(range(first + size, last - uncut, size), [last]):
            wanted = lead + stop - place
            signal = _read(name, file, wanted, column, num_bytes)
            _check_samples(name, signal, place - lead, last, wanted, rate)
            yield signal[lead:], rate
            place, lead = stop, 0


def _lead(file: soundfile.SoundFile, first: int, frames: int) -> int:
    """Samples to decode before a segment, for it to be as in the whole."""
    if not file.seekable():  # G.721, and others whose samples each depend on the one before
        return first
    if "MPEG" in file.subtype:
        return min(first, _MPEG_LEAD)
    return max(0, first - max(0, frames - _LAST_PAGE * file.samplerate)) if file.subtype == "VORBIS" else 0


def _check_samples(name: str, signal: NDArray[np.float32], place: int, last: int, wanted: int, rate: int) -> None:
    """Check that all samples from a place on are there, and finite."""
    if len(signal) < wanted:
        found = f"{counted(place + len(signal), 'sample')}, then nothing more"
        raise AudioError(f"{name}: cut short: found {found}, expected {last} as its header says")
    bad = not_finite(signal)
    if len(bad):
        at = (place + bad[0]) / rate
        raise AudioError(f"{name}: sample at {at:.3f} s: found {signal[bad[0]]}, expected finite samples")


def _read(name: str, file: soundfile.SoundFile, count: int, column: int | None, size: int) -> NDArray[np.float32]:
    """Read so many samples of a channel, or as many as there are: these take memory, not what a header says."""
    # a decoder of MPEG loses what frames share wherever it is told to go on; its frames were counted
    block = count if "MPEG" in file.subtype else max(1, _BLOCK // file.channels)
    signal = np.empty(min(count, max(_A_BYTE * size, block)), np.float32)
    done, mixed = 0, 0.0
    while done < count:
        wanted = block if count - done >= 2 * block else count - done  # the end is not cut, for Opus' sake
        if done + wanted > len(signal):
            signal.resize(min(count, max(2 * len(signal), done + wanted)), refcheck=False)
        if file.channels == 1:
            found = len(file.read(out=signal[done : done + wanted]))
        else:
            samples = file.read(wanted, dtype="float32", always_2d=True)
            found = len(samples)
            signal[done : done + found] = samples.mean(axis=1) if column is None else samples[:, column]
            mixed += energy(samples) / file.channels if column is None else 0.0
        if not found:
            break
        done += found
    signal.resize(done, refcheck=False)
    check_not_canceled(name, signal, mixed)
    return signal


def _piece(name: str, frames: int, rate: int, start: float, end: float | None) -> tuple[int, int]:
    """First sample and the one after the last."""
    length = f"{frames / rate:.3f} s"
    if frames == 0:
        raise AudioError(f"{name}: found 0 samples, expected some")
    if not 0 <= start < math.inf or not (end is None or start < end < math.inf):
        until = "the end" if end is None else f"{end} s"
        raise AudioError(f"{name}: segment from {start} s to {until}, expected 0 <= start < end, both finite")
    first, last = sample_at(start, rate), frames if end is None else sample_at(end, rate)
    if first >= frames:
        raise AudioError(f"{name}: segment begins at {start} s, expected inside the recording of {length}")
    if last >= frames + int(MAX_OVERSHOOT * rate):
        raise AudioError(f"{name}: segment ends at {end} s, expected inside the recording of {length}")
    if first == last:
        raise AudioError(f"{name}: segment from {start} to {end} s has no sample at {rate} Hz, expected some")
    return first, min(last, frames)
