"""MPEG audio (MP3): the actual length.

A file gives its length in a first frame without sound, named Xing or Info, or not at all; decoders then make a guess
that is right only for a constant bit rate. Here all frames are counted, and the decoder gets a first frame with the
count.
"""

from __future__ import annotations

import functools
import mmap
import struct
from typing import NamedTuple

from gmmspeech.errors import AudioError, counted

_BITRATES = {  # kbit/s by version (1, or 2 and 2.5) and layer
    (1, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_KIND = 0xFFFE0C00  # bits of a header that are the same in all frames of a file: version, layer, sampling rate
_MONO = 3
_NO_CRC, _BITRATE, _PADDING = 1 << 16, 12, 1 << 9
_HAS_COUNT, _HAS_BYTES, _HAS_TABLE, _HAS_QUALITY = 1, 2, 4, 8
_AFTER_TAG = 2**16  # bytes
_MOST_BEHIND = 2**24  # bytes that are searched for more frames
_DELAY = 529  # samples by which decoders are late


Bytes = bytes | mmap.mmap


class _Frame(NamedTuple):
    """What the header of a frame says of it."""

    version: int
    layer: int
    size: int
    samples: int


class _Stream(NamedTuple):
    """The frames of a file: where they begin and end, how many they are, and the header of the first."""

    first: int
    end: int
    frames: int
    word: int


def mend_mpeg(name: str, content: Bytes) -> tuple[bytes | None, int | None] | None:
    """Give content whose first frame says how many there are, and the number of samples where no frame can say it.

    None where content is no MPEG audio, and None in place of content that is right as it is.
    """
    stream = _walk(name, content)
    if stream is None:
        return None
    frame = _frame_of(stream.word >> 9)
    assert frame is not None
    if frame.layer != 3:
        return None, stream.frames * frame.samples
    tag = stream.first + _tag_offset(stream.word)
    if content[tag : tag + 4] not in (b"Xing", b"Info"):
        return _begin(stream.word, stream.frames) + content[stream.first : stream.end], None
    flags, claimed = struct.unpack_from(">II", content, tag + 4)
    count = stream.frames - 1  # without the tag itself
    if not flags & _HAS_COUNT:
        begin = stream.first + _size_at(content, stream.first)
        return _begin(stream.word, count) + content[begin : stream.end], None
    if claimed == count:
        return None, None
    size = struct.unpack_from(">I", content, tag + 12)[0] if flags & _HAS_BYTES else 0
    # some programs count one too many; then all bytes are there
    if claimed > count and not (claimed == count + 1 and size <= len(content) - stream.first):
        raise AudioError(f"{name}: cut short: found {counted(count, 'frame')}, expected {claimed} as its header says")
    mended = bytearray(content[stream.first : stream.end])
    struct.pack_into(">I", mended, tag + 8 - stream.first, count)
    sizes = ((_HAS_COUNT, 4), (_HAS_BYTES, 4), (_HAS_TABLE, 100), (_HAS_QUALITY, 4))
    lame = tag - stream.first + 8 + sum(length for flag, length in sizes if flags & flag)
    if claimed < count and lame + 24 <= _size_at(content, stream.first):
        mended[lame + 22] &= 0xF0  # the padding at the end, which is that of the first of several files
        mended[lame + 23] = 0
    return bytes(mended), None


def _walk(name: str, content: Bytes) -> _Stream | None:
    """Find the frames, or nothing; an AudioError where not all bytes from the first to the last one are frames."""
    place = _behind_tags(content, 0)
    if place:  # some write zeros behind a tag
        zeros = content[place : place + _AFTER_TAG]
        place += len(zeros) - len(zeros.lstrip(b"\0"))
    first = place
    word = _word_at(content, place)
    size = _size_at(content, place)
    if not size or not (place + size >= len(content) or _size_at(content, place + size)):
        return None
    kind, mono, count = word & _KIND, _is_mono(word), 0
    while place + 4 <= len(content):
        other, size = _word_at(content, place), _size_at(content, place)
        if not size or other & _KIND != kind or _is_mono(other) != mono:
            behind = _behind_tags(content, place)
            if behind == place:
                break
            place = behind
        elif place + size > len(content):
            found = f"{len(content) - place} of {counted(size, 'byte')} of the last frame"
            raise AudioError(f"{name}: cut short: found {found}, expected whole frames")
        else:
            place, count = place + size, count + 1
    if len(content) - place > _MOST_BEHIND:
        found = f"{counted(len(content) - place, 'byte')} behind its frames"
        raise AudioError(
            f"{name}: found {found}, expected frames of one sampling rate and number of channels to the end"
        )
    lost = _find_frames(content, place)
    if lost is not None:
        expected = "frames of one sampling rate and number of channels to the end"
        raise AudioError(f"{name}: found bytes {place} to {lost} that don't belong to its frames, expected {expected}")
    return _Stream(first, place, count, word)


@functools.cache
def _frame_of(bits: int) -> _Frame | None:
    """Size and samples of a frame with these upper 23 bits of its header; None if it is none, or of a free bit rate."""
    version_bits, layer_bits = bits >> 10 & 3, bits >> 8 & 3
    bitrate, rate, padding = bits >> 3 & 15, bits >> 1 & 3, bits & 1
    if bits >> 12 != 0x7FF or version_bits == 1 or not layer_bits or bitrate in (0, 15) or rate == 3:
        return None
    version, layer = 1 if version_bits == 3 else 2, 4 - layer_bits
    kbits, hertz = _BITRATES[version, layer][bitrate], _RATES[version_bits][rate]
    if layer == 1:
        return _Frame(version, layer, (12000 * kbits // hertz + padding) * 4, 384)
    samples = 576 if (version, layer) == (2, 3) else 1152
    return _Frame(version, layer, samples // 8 * 1000 * kbits // hertz + padding, samples)


def _word_at(content: Bytes, place: int) -> int:
    return int.from_bytes(content[place : place + 4], "big")


def _size_at(content: Bytes, place: int) -> int:
    """Bytes of the frame that begins at a place, 0 if none does."""
    frame = _frame_of(_word_at(content, place) >> 9) if place + 4 <= len(content) else None
    return 0 if frame is None else frame.size


def _is_mono(word: int) -> bool:
    return word >> 6 & 3 == _MONO


def _tag_offset(word: int) -> int:
    """Where Xing's header stands in a frame: behind the side information."""
    version = 1 if word >> 19 & 3 == 3 else 2
    return 4 + {(1, False): 32, (1, True): 17, (2, False): 17, (2, True): 9}[version, _is_mono(word)]


def _behind_tags(content: Bytes, place: int) -> int:
    """Skip what players show: ID3, at the start or the end, and APE."""
    while True:
        if content[place : place + 3] == b"ID3" and place + 10 <= len(content):
            size = 0
            for byte in content[place + 6 : place + 10]:
                size = size << 7 | byte & 0x7F
            place += 10 + size + (10 if content[place + 5] & 0x10 else 0)
        elif content[place : place + 3] == b"TAG":
            place += 128
        elif content[place : place + 8] == b"APETAGEX" and place + 32 <= len(content):
            place += 32 + int.from_bytes(content[place + 12 : place + 16], "little")
        else:
            return min(place, len(content))


def _find_frames(content: Bytes, place: int) -> int | None:
    """Find where two frames follow each other behind a place."""
    place = content.find(b"\xff", place)
    while place >= 0:
        size = _size_at(content, place)
        if size and _size_at(content, place + size):
            return place
        place = content.find(b"\xff", place + 1)
    return None


def _begin(word: int, count: int) -> bytes:
    """Two frames without sound, of the kind of a header: the first says that `count` frames follow the second.

    Where the first is, mpg123 leaves out as many samples as it says, and those by which decoders are late: the second.
    """
    silent = _silent_frame(word, 0)
    frame = _frame_of(_word_at(silent, 0) >> 9)
    assert frame is not None
    left_out = frame.samples - _DELAY
    tag = b"Xing" + struct.pack(">II", _HAS_COUNT, count + 1)
    tag += b"gmmspeech" + bytes(12) + bytes([left_out >> 4, left_out << 4 & 0xFF, 0])  # LAME's, with an encoder's name
    counting = _silent_frame(word, _tag_offset(word) + len(tag))
    place = _tag_offset(word)
    return counting[:place] + tag + counting[place + len(tag) :] + silent


def _silent_frame(word: int, size: int) -> bytes:
    """Give the smallest frame of so many bytes or more."""
    word = (word | _NO_CRC) & ~_PADDING
    for index in range(1, 15):
        word = word & ~(15 << _BITRATE) | index << _BITRATE
        frame = _frame_of(word >> 9)
        if frame and frame.size >= size:
            return word.to_bytes(4, "big").ljust(frame.size, b"\0")
    raise ValueError(f"found no frame of {counted(size, 'byte')}, expected one")
