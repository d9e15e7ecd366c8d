"""Headers of recordings, compared with the actual data.

libsndfile trusts the header. Here a header that was never finished, because the file was written into a pipe or the
program was killed, is corrected before libsndfile reads it; one that gives more data than the file has is an error.
"""

from __future__ import annotations

import io
import mmap
import os
import shlex
import struct
import warnings
from collections.abc import Callable
from pathlib import PurePath
from typing import Any, BinaryIO, NamedTuple

from gmmspeech.audio.flac import flac_length
from gmmspeech.audio.mpeg import mend_mpeg
from gmmspeech.errors import AudioError, GmmSpeechWarning, counted, shown

# Data sizes from here on mean "not known", written by programs that stream into a pipe.
STREAMED = 0x7FFF0000
_STREAMED_64 = 2**48
_UNKNOWN_SIZE = 0xFFFFFFFF
_MPEG_CODINGS = (0x50, 0x55)  # in a WAV
_PLAIN_CODINGS = (1, 3, 0xFFFE)
_MAX_CHUNKS = 10_000  # before that of the samples
_REST = 4096  # bytes behind the samples that nobody misses
_PAGE = 27  # bytes of the head of an Ogg page
_BEGINS, _ENDS = 2, 4  # flags of an Ogg page

# What players play and libsndfile does not: place and bytes that tell it, and its name.
_OTHERS = (
    (4, b"ftyp", "MP4 (M4A, MOV, 3GP)"),
    (4, b"moov", "MOV"),
    (4, b"mdat", "MOV"),
    (0, b"\x1aE\xdf\xa3", "Matroska (WebM, MKA)"),
    (0, b"#!AMR", "AMR"),
    (0, b"0&\xb2u\x8ef\xcf\x11", "ASF (WMA, WMV)"),
    (8, b"AVI ", "AVI"),
    (0, b"FLV", "FLV"),
    (0, b"MAC ", "Monkey's Audio"),
    (0, b"wvpk", "WavPack"),
    (0, b"TTA1", "True Audio"),
    (0, b"MPCK", "Musepack"),
    (0, b"MP+", "Musepack"),
    (0, b"DSD ", "DSD"),
    (0, b".RMF", "RealMedia"),
    (0, b".ra\xfd", "RealAudio"),
    (0, b"\x0bw", "AC-3"),
    (0, b"\xf0\x7e", "MIDI sample dump"),  # of which libsndfile prints errors
    (0, b"Creative Voice File", "VOC"),  # of which libsndfile reads what stands between two blocks too
    (0, b" paf", "PAF"),  # whose 24 bits of three channels libsndfile reads wrongly
    (0, b"fap ", "PAF"),
    (0, b"\0\0\1\xba", "MPEG program stream"),
    (28, b"Speex   ", "Speex"),
    (28, b"\x80theora", "Theora video"),
)


class Content(io.BytesIO):
    """Bytes that libsndfile may look for beyond their ends, where a header sends it."""

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Stay where the file ends, or begins."""
        start = (0, self.tell(), self.getbuffer().nbytes)[whence]
        return super().seek(min(max(start + offset, 0), 2**62))


class Sound(NamedTuple):
    """How libsndfile is to read a recording.

    `content` takes the place of the file where its header is mended; `options` are those of a file without a header;
    `frames` is the number of samples where the header does not say it. MPEG audio is `counted`, or its length is a
    guess of libsndfile's.
    """

    content: Content | None = None
    options: dict[str, Any] | None = None
    frames: int | None = None
    counted: bool = False


class _Chunk(NamedTuple):
    """Where the samples of a file of chunks begin, and how many bytes they are said to be."""

    begin: int
    size: int
    place64: int = 0  # of the three long numbers of RF64
    layout: bytes = b""  # of the samples of a WAV: coding, channels, rate, bytes a second and a sample, bits


def examine(name: str, file: BinaryIO, size: int) -> Sound:
    """Say how to read a recording, or raise an AudioError if that would give a part of it or nothing."""
    head = file.read(192)
    for place, magic, kind in _OTHERS:
        if head.startswith(magic, place):
            raise AudioError(f"{name}: found {kind}, expected what libsndfile reads{how_to_convert(name)}")
    if head[0:1] == b"\xff" and len(head) > 1 and head[1] & 0xF6 == 0xF0:
        raise AudioError(f"{name}: found AAC, expected what libsndfile reads{how_to_convert(name)}")
    if head[:1] == b"G" == head[188:189]:
        raise AudioError(f"{name}: found MPEG-TS, expected what libsndfile reads{how_to_convert(name)}")
    for magic, reader in _READERS.items():
        if head.startswith(magic):
            return reader(name, file, size)
    return Sound()


def examine_for_piece(name: str, file: BinaryIO, size: int) -> Sound:
    """Do as `examine`; of the last few files it is remembered, until they change.

    It may take a walk through the whole file, which for each piece of a long recording would take hours.
    """
    status = os.fstat(file.fileno())
    key = name, status.st_dev, status.st_ino, size, status.st_mtime_ns
    sound = _EXAMINED.get(key)
    if sound is None:
        sound = examine(name, file, size)
        if sound.content is None:  # which is as large as the file
            for oldest in list(_EXAMINED)[: 1 - _MOST_EXAMINED]:
                _EXAMINED.pop(oldest, None)
            _EXAMINED[key] = sound
    return sound


_EXAMINED: dict[tuple[str, int, int, int, int], Sound] = {}
_MOST_EXAMINED = 8  # recordings whose pieces are read at the same time


def how_to_convert(name: str, *, beside: bool = False) -> str:
    """Words that tell of the command that makes a WAV file of anything, in the folder where one is or beside it."""
    shell, path = shlex.quote(name), PurePath(name)
    other = "-converted" if path.suffix.lower() == ".wav" else ""  # so that nothing is written to what is read
    out = str(path.with_name(f"{path.stem}{other}.wav")) if beside else f"{path.stem}{other}.wav"
    return f"; ffmpeg -i {shown(shell, 400)} {shown(shlex.quote(out), 400)} makes WAV of it"


def _riff(name: str, file: BinaryIO, size: int) -> Sound:
    file.seek(0)
    kind = file.read(12)
    big, wide = kind[:4] == b"RIFX", kind[:4] in (b"RF64", b"BW64")
    if kind[8:] != b"WAVE":
        return Sound()
    data = _find_chunk(file, b"data", big_endian=big)
    if data is None:
        return Sound()
    _check_layout(name, data.layout, big_endian=big)
    if not big and int.from_bytes(data.layout[:2], "little") in _MPEG_CODINGS:
        file.seek(data.begin)
        frames = file.read(data.size if 0 < data.size < STREAMED else -1)
        found = mend_mpeg(name, frames)
        return Sound() if found is None else Sound(Content(found[0] or frames), None, found[1], counted=True)
    there = size - data.begin
    limit = _STREAMED_64 if wide and data.place64 else STREAMED
    if 0 < data.size <= there:
        _check_behind(name, file, data.begin + data.size, size)
        return Sound()
    if limit > data.size > there:
        raise AudioError(
            f"{name}: cut short: found {counted(there, 'byte')} of data, expected {data.size} as its header says"
        )
    if data.size == 0 and _are_chunks(file, data.begin, size):  # which libsndfile takes for samples
        raise AudioError(f"{name}: found 0 samples, expected some")
    if not there:
        return Sound()
    if data.size and not wide:
        return Sound()  # which libsndfile takes for not known
    content = _content(file)
    if data.place64:
        struct.pack_into("<QQQ", content, data.place64, size - 8, there, 0)
    struct.pack_into(">I" if big else "<I", content, 4, min(size - 8, _UNKNOWN_SIZE))
    struct.pack_into(">I" if big else "<I", content, data.begin - 4, min(there, _UNKNOWN_SIZE))
    return Sound(Content(content))


def _check_layout(name: str, layout: bytes, *, big_endian: bool) -> None:
    """Refuse samples that lie in more bytes than they need, which libsndfile takes to lie closer."""
    if len(layout) < 16:
        return
    coding, channels, rate, in_second, in_frame, bits = struct.unpack(">HHIIHH" if big_endian else "<HHIIHH", layout)
    needed = (bits + 7) // 8
    if coding in _PLAIN_CODINGS and in_frame > channels * needed > 0 and in_second == rate * in_frame:
        found = f"samples of {bits} bits in {in_frame / channels:g} bytes"
        raise AudioError(f"{name}: found {found}, expected {needed}")


def _aiff(name: str, file: BinaryIO, size: int) -> Sound:
    data = _find_chunk(file, b"SSND", big_endian=True)
    if data is not None and 8 < data.size <= size - data.begin:
        _check_behind(name, file, data.begin + data.size, size)
    return Sound()


def _au(name: str, file: BinaryIO, size: int) -> Sound:
    file.seek(4)
    begin, length = struct.unpack(">II", file.read(8).ljust(8, b"\0"))
    if begin >= size or size < 24:
        return Sound()
    if length == 0 or length >= STREAMED > size - begin:
        content = _content(file)
        struct.pack_into(">I", content, 8, _UNKNOWN_SIZE)
        return Sound(Content(content))
    _check_single(name, file, begin + length)
    if size - begin - length > _REST:
        _warn_of_rest(name, size - begin - length)
    return Sound()


def _w64(name: str, file: BinaryIO, size: int) -> Sound:
    place = 40  # behind two names of 16 bytes and a size
    for _ in range(_MAX_CHUNKS):
        file.seek(place)
        head = file.read(24)
        if len(head) < 24:
            break
        length = int.from_bytes(head[16:], "little")
        end = place + length
        place += max(24, min(length + -length % 8, size))
        if head.startswith(b"data"):
            _check_single(name, file, place)
            if length > 24 and end < size:  # libsndfile takes all to the end of the file for samples
                if size - place > _REST:
                    _warn_of_rest(name, size - place)
                file.seek(0)
                return Sound(Content(file.read(end)))
            break
    return Sound()


def _caf(name: str, file: BinaryIO, size: int) -> Sound:
    place = 8
    for _ in range(_MAX_CHUNKS):
        file.seek(place)
        head = file.read(12)
        if len(head) < 12:
            break
        length = int.from_bytes(head[4:], "big", signed=True)
        place += 12
        if head.startswith(b"data"):
            if length > size - place:
                found = f"{counted(size - place, 'byte')} of data"
                raise AudioError(f"{name}: cut short: found {found}, expected {length} as its header says")
            if length == -1:
                content = _content(file)
                struct.pack_into(">q", content, place - 8, size - place)
                return Sound(Content(content))
            break
        if length < 0:
            break
        place += length
    return Sound()


def _flac(name: str, file: BinaryIO, size: int) -> Sound:
    length = flac_length(name, file, size)
    if length is None:
        return Sound()
    claimed, found = length
    if claimed == 0:
        content = _content(file)
        content[18:26] = struct.pack(">Q", int.from_bytes(content[18:26], "big") | found)
        return Sound(Content(content))
    if found != claimed:
        short = "cut short: " if found < claimed else ""
        raise AudioError(f"{name}: {short}found {counted(found, 'sample')}, expected {claimed} as its header says")
    return Sound()


def _ogg(name: str, file: BinaryIO, size: int) -> Sound:
    """Walk through the pages: libsndfile would read a part of what was cut short, or was joined."""
    place, ended = 0, False
    while place < size:
        file.seek(place)
        page = file.read(_PAGE)
        if not page.startswith(b"OggS"):
            break
        lengths = file.read(page[_PAGE - 1]) if len(page) == _PAGE else b""
        place += _PAGE + len(lengths) + sum(lengths)
        if len(page) < _PAGE or len(lengths) < page[_PAGE - 1] or place > size:
            raise AudioError(f"{name}: cut short: found a part of an Ogg page at its end, expected whole pages")
        if ended and page[5] & _BEGINS:
            found = "a second recording behind the first"
            raise AudioError(f"{name}: found {found}, expected one{how_to_convert(name)}")
        ended = ended or bool(page[5] & _ENDS)
    if not ended:
        found = f"no end of the Ogg stream in {counted(size, 'byte')}"
        raise AudioError(f"{name}: cut short: found {found}, expected one{how_to_convert(name)}")
    if size - place > _REST:  # in which libsndfile would search for pages
        _warn_of_rest(name, size - place)
        file.seek(0)
        return Sound(Content(file.read(place)))
    return Sound()


def _mpeg(name: str, file: BinaryIO, size: int) -> Sound:
    found = mend_mpeg(name, file.getvalue() if isinstance(file, Content) else _mapped(file))
    if found is None:
        return Sound()
    content, frames = found
    return Sound(None if content is None else Content(content), None, frames, counted=True)


def _mapped(file: BinaryIO) -> mmap.mmap:
    """Bytes of a file, which take no memory before they are looked at."""
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _sphere(name: str, file: BinaryIO, size: int) -> Sound:
    """Read a header of NIST's as sox does: of any length, one channel where it does not say how many."""
    file.seek(8)
    length = file.read(8).strip()
    if not length.isdigit() or not 16 <= int(length) <= size:
        expected = f"a number of 16 to {size}, which the file has"
        raise AudioError(f"{name}: found a SPHERE header of {shown(repr(length)[1:])} bytes, expected {expected}")
    begin = int(length)
    fields = _sphere_fields(file.read(begin - 16))
    coding = fields.get("sample_coding", "pcm").lower()
    file.seek(begin)
    if file.read(4) == b"ajkg" and "shorten" not in coding:
        coding += ", shorten"
    ulaw = coding in ("ulaw", "mu-law")
    encoding = "ULAW" if ulaw else {"pcm": "PCM", "alaw": "ALAW", "a-law": "ALAW"}.get(coding)
    if encoding is None:
        found = f"SPHERE with samples as {shown(coding)}"
        raise AudioError(f"{name}: found {found}, expected pcm or ulaw (sph2pipe or w_decode unpack it)")
    numbers = {key: _sphere_number(name, fields, key) for key in ("sample_rate", "channel_count", "sample_n_bytes")}
    rate, channels, width = numbers["sample_rate"], numbers["channel_count"] or 1, numbers["sample_n_bytes"]
    width = width or (2 if encoding == "PCM" else 1)
    count = _sphere_number(name, fields, "sample_count")
    order = fields.get("sample_byte_format", "01")
    if not rate or channels > 1024 or width > 4 or (encoding != "PCM" and width != 1):
        found = f"sample_rate {rate or 'not given'}, channel_count {channels}, sample_n_bytes {width}"
        raise AudioError(f"{name}: found {found}, expected a rate, 1 to 1024 channels and 1 to 4 bytes (1 of ulaw)")
    if width > 1 and order not in ("01", "10", "0123", "3210", "012", "210"):
        raise AudioError(f"{name}: sample_byte_format: found {shown(order)}, expected 01 (little-endian) or 10")
    there = (size - begin) // (width * channels)
    if count and count > there:
        raise AudioError(f"{name}: cut short: found {counted(there, 'sample')}, expected {count} as its header says")
    if count and (there - count) * width * channels > _REST:
        _warn_of_rest(name, size - begin - count * width * channels)
    file.seek(begin)
    content = Content(file.read((count or there) * width * channels))
    subtype = encoding if encoding != "PCM" else "PCM_S8" if width == 1 else f"PCM_{8 * width}"
    endian = "LITTLE" if order.startswith("0") else "BIG"
    options = {"format": "RAW", "samplerate": rate, "channels": channels, "subtype": subtype, "endian": endian}
    return Sound(content, options)


def _sphere_fields(text: bytes) -> dict[str, str]:
    """Values of a SPHERE header by name: lines of a name, a type such as -i or -s5, and a value."""
    fields = {}
    for line in text.split(b"\n"):
        if line.startswith(b"end_head"):
            break
        parts = line.decode("ascii", "replace").split(None, 2)
        if len(parts) == 3 and parts[1].startswith("-"):
            fields[parts[0]] = parts[2].strip()
    return fields


def _sphere_number(name: str, fields: dict[str, str], key: str) -> int:
    """Give a whole number of a SPHERE header, 0 where it has none."""
    text = fields.get(key, "0").removesuffix(".0")
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise AudioError(f"{name}: {key}: found {shown(text)}, expected a whole number")
    return int(text)


def _find_chunk(file: BinaryIO, wanted: bytes, *, big_endian: bool) -> _Chunk | None:
    """Find the samples of a file of chunks (RIFF, AIFF)."""
    form = ">4sI" if big_endian else "<4sI"
    place, place64, size64, layout = 12, 0, 0, b""
    for _ in range(_MAX_CHUNKS):
        file.seek(place)
        head = file.read(8)
        if len(head) < 8:
            return None
        chunk, length = struct.unpack(form, head)
        if chunk == wanted:
            return _Chunk(place + 8, size64 if place64 and length == _UNKNOWN_SIZE else length, place64, layout)
        if chunk == b"fmt ":
            layout = file.read(16)
        if chunk == b"ds64":
            numbers = file.read(24)
            if len(numbers) == 24:
                place64, size64 = place + 8, struct.unpack("<QQQ", numbers)[1]
        place += 8 + length + length % 2
    return None


def _are_chunks(file: BinaryIO, place: int, size: int) -> bool:
    """Say whether chunks follow each other from a place to the end of the file, sizes in either byte order."""
    for order in ("little", "big"):
        at = place
        for _ in range(_MAX_CHUNKS):
            file.seek(at)
            head = file.read(8)
            if len(head) < 8 or not all(32 <= byte < 127 for byte in head[:4]):
                break
            length = int.from_bytes(head[4:], order)
            at += 8 + length + length % 2
        if at in (size, size + 1):
            return True
    return False


def _check_single(name: str, file: BinaryIO, end: int) -> None:
    """Refuse a second file behind the samples of the first."""
    file.seek(end)
    if file.read(4) in (b"RIFF", b"RF64", b"FORM", b"riff", b".snd"):
        found = "a second recording behind the first"
        raise AudioError(f"{name}: found {found}, expected one{how_to_convert(name)}")


def _check_behind(name: str, file: BinaryIO, end: int, size: int) -> None:
    """Refuse a second file behind the samples of the first, and warn of much that is no chunk."""
    end += end % 2
    _check_single(name, file, end)
    if size - end > _REST and not _are_chunks(file, end, size):
        _warn_of_rest(name, size - end)


def _warn_of_rest(name: str, count: int) -> None:
    found = f"{counted(count, 'byte')} behind the samples that its header tells of"
    warnings.warn(f"{name}: found {found}, expected none; they are left out", GmmSpeechWarning)


def _content(file: BinaryIO) -> bytearray:
    file.seek(0)
    return bytearray(file.read())


_READERS: dict[bytes, Callable[[str, BinaryIO, int], Sound]] = {
    b"RIFF": _riff,
    b"RIFX": _riff,
    b"RF64": _riff,
    b"BW64": _riff,
    b"FORM": _aiff,
    b".snd": _au,
    b"riff": _w64,
    b"caff": _caf,
    b"fLaC": _flac,
    b"OggS": _ogg,
    b"NIST_1A": _sphere,
    b"ID3": _mpeg,
    **{bytes([0xFF, second]): _mpeg for second in range(0xE0, 0x100)},
}
