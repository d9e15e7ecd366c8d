"""Find and open recordings: files, and WAV files inside Kaldi archives."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gmmspeech.audio.headers import STREAMED, Content, Sound, examine, examine_for_piece, how_to_convert
from gmmspeech.audio.raw import RawAudio, raw_options
from gmmspeech.errors import AudioError, counted, one_line, shown
from gmmspeech.files.regular import open_regular

if TYPE_CHECKING:
    import soundfile

# libsndfile's log of a header that promises more than the file holds (WAV, AIFF, AU, W64).
_SHORT_DATA = re.compile(r"^\s*(?:data|SSND|Data Size|riff) *: *(\d+) \(should be (\d+)\)", re.MULTILINE)
_UNKNOWN = 2**62  # libsndfile's number of samples that it can't tell, or nearly
_IN_ARCHIVE = re.compile(r"(?P<file>.+):(?P<offset>[0-9]{1,18})", re.DOTALL)


def audio_file(name: str) -> tuple[str, int | None]:
    """Split ``FILE:OFFSET``, a recording inside an archive.

    Parameters
    ----------
    name : str
        As written in ``wav.scp``.

    Returns
    -------
    file : str
    offset : int or None
        Byte at which the recording begins; None if the name is that of a file, or the archive does not exist.

    Examples
    --------
    >>> import tempfile, pathlib, gmmspeech as gs
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> (folder / "wav.ark").touch()
    >>> file, offset = gs.audio.audio_file(f"{folder}/wav.ark:57")
    >>> pathlib.Path(file).name, offset
    ('wav.ark', 57)
    """
    place = None if os.path.exists(name) else _IN_ARCHIVE.fullmatch(name)
    if place is None or not os.path.exists(place["file"]):
        return name, None
    return place["file"], int(place["offset"])


@contextmanager
def recording(name: str, raw: RawAudio | None, *, piece: bool = False) -> Iterator[tuple[str | Content, int, Sound]]:
    """Give where a recording is read from, its bytes and how it is read; what goes wrong meanwhile is an AudioError."""
    archive, offset = audio_file(name)
    _check_is_file(archive)
    try:
        if offset is not None:
            yield recording_of(_of_archive(archive, offset), name, raw)
            return
        with open_regular(name) as file:
            num_bytes = os.fstat(file.fileno()).st_size
            look = examine_for_piece if piece else examine
            sound = look(name, file, num_bytes) if raw is None else Sound(options=raw_options(name, num_bytes, raw))
        yield name, num_bytes, sound
    except OSError as error:
        reason = error.strerror or one_line(error)
        raise AudioError(f"{name}: can't be read ({reason}), expected a recording") from error


def recording_of(content: bytes, name: str, raw: RawAudio | None) -> tuple[Content, int, Sound]:
    """Give as `recording` does where a recording is all in memory."""
    file = Content(content)
    sound = examine(name, file, len(content)) if raw is None else Sound(options=raw_options(name, len(content), raw))
    file.seek(0)
    return file, len(content), sound


@contextmanager
def opened(name: str, source: str | Content, sound: Sound) -> Iterator[soundfile.SoundFile]:
    """Give a file that libsndfile has opened; what it can't decode is an AudioError."""
    import soundfile  # which loads a library that few commands need, as soxr does

    try:
        with soundfile.SoundFile(sound.content or source, **(sound.options or {})) as file:
            yield file
    except AudioError:
        raise
    except (soundfile.SoundFileError, RuntimeError, TypeError, ValueError) as error:
        reason = getattr(error, "error_string", "") or one_line(error)
        raise AudioError(f"{name}: can't be decoded ({reason}), expected whole audio that libsndfile reads") from error


def num_samples(name: str, file: soundfile.SoundFile, sound: Sound) -> int:
    """Give the number of samples that there are; compare with what the header promises, which libsndfile does not."""
    short = _SHORT_DATA.search(file.extra_info)
    if short and int(short[2]) < int(short[1]) < STREAMED:
        raise AudioError(f"{name}: cut short: found {short[2]} bytes of data, expected {short[1]} as its header says")
    if "MPEG" in file.subtype and not sound.counted:
        found = "MPEG audio whose frames can't be counted"
        raise AudioError(
            f"{name}: found {found}, expected nothing but frames of a known bit rate{how_to_convert(name)}"
        )
    frames = file.frames if sound.frames is None else sound.frames
    if frames > min(file.frames, _UNKNOWN):
        found = "a length that libsndfile can't tell"
        raise AudioError(f"{name}: found {found}, expected one{how_to_convert(name)}")
    return frames


def _of_archive(archive: str, offset: int) -> bytes:
    """Give the WAV file that begins at a byte of an archive, as long as its header says."""
    with open_regular(archive) as file:
        file.seek(offset)
        head = file.read(8)
        size = int.from_bytes(head[4:], "little")
        if len(head) < 8 or not head.startswith(b"RIFF") or not 0 < size < STREAMED:
            found = f"{head[:4]!r} of {counted(size, 'byte')}"
            raise AudioError(f"{archive}:{offset}: found {found}, expected a WAV file that says how long it is")
        return head + file.read(size)


def _check_is_file(name: str) -> None:
    """Check that there is something to read: a pipe would wait for someone who writes, a device may never end."""
    try:
        found = os.stat(name)
    except FileNotFoundError:
        raise AudioError(f"{name}: no such file, expected a recording") from None
    except (OSError, ValueError) as error:  # ValueError: a null byte
        reason = getattr(error, "strerror", None) or one_line(error)
        raise AudioError(f"{shown(name, 500)}: can't be read ({reason}), expected a recording") from None
    if not stat.S_ISREG(found.st_mode):
        raise AudioError(f"{name}: is no file, expected a recording")
    if found.st_size == 0:
        raise AudioError(f"{name}: found 0 bytes, expected a recording")
