"""FLAC: the actual length of a recording, from its last frame.

The header has the number of samples, or 0 if the file was written into a pipe. Every frame has its own number, and
checksums by which it can be found from the end of the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from gmmspeech.errors import AudioError, counted

_SIZES = {1: 192, 2: 576, 3: 1152, 4: 2304, 5: 4608, **{code: 1 << code for code in range(8, 16)}}
_HEADER_OF_UNKNOWN = {6: 1, 7: 2}  # bytes that hold the number of samples
_RATE_BYTES = {12: 1, 13: 2, 14: 2}
_TAILS = (2**14, 2**17, 2**20)  # bytes at the end of a file that are searched, in this order
_TRIES = 4  # what begins as a frame and is none is rare
_BEGIN = b"fLaC\0\0\0\x22"
_BLOCK = 2**20
_BESIDE = 2**28  # bytes of pictures, and of what else stands beside samples


def flac_length(name: str, file: BinaryIO, size: int) -> tuple[int, int] | None:
    """Samples that the header claims (0: not known), and those that there are; None where neither can be told."""
    file.seek(4)
    head = file.read(38)
    if len(head) < 38 or head[0] & 0x7F:
        return None
    block, packed = int.from_bytes(head[4:6], "big"), int.from_bytes(head[14:22], "big")
    claimed = packed & (1 << 36) - 1
    channels, width = (packed >> 41 & 7) + 1, ((packed >> 36 & 31) + 8) // 8
    most = _BESIDE + 2 * claimed * channels * width  # no encoder makes samples longer than they are
    if claimed and size > most:
        expected = f"at most {most} for the samples that its header tells of"
        raise AudioError(f"{name}: found {counted(size, 'byte')}, expected {expected}")
    _check_single(name, file)
    for length in _TAILS:
        tail, tried = _tail(file, size, length), 0
        for start in _candidates(tail):
            found = _samples_before_end(tail[start : start + 20], block)
            # what the header says too needs no checksum of the whole frame, which takes longer
            if found and (found == claimed or _crc16(tail[start:]) == 0):
                return claimed, found
            tried += found > 0
            if tried == _TRIES:
                break
        if tried or length >= size:
            break
    if claimed == 0:
        raise AudioError(f"{name}: cut short or damaged: found no whole FLAC frame at its end, expected one")
    return None


def _check_single(name: str, file: BinaryIO) -> None:
    """Refuse files that were joined, of which libsndfile reads the first."""
    file.seek(0)
    place, before = 0, b""
    while block := file.read(_BLOCK):
        found = (before + block).find(_BEGIN, 0 if place else 1)
        if found >= 0:
            raise AudioError(f"{name}: found a second FLAC file at byte {place - len(before) + found}, expected one")
        place, before = place + len(block), block[1 - len(_BEGIN) :]


def _tail(file: BinaryIO, size: int, length: int) -> bytes:
    """Last bytes of a file, without the tag that players show."""
    file.seek(max(0, size - length))
    tail = file.read()
    return tail[:-128] if tail[-128:-125] == b"TAG" else tail


def _candidates(tail: bytes) -> Iterator[int]:
    """Places at which a frame may begin, the last first."""
    place = tail.rfind(b"\xff")
    while place >= 0:
        if tail[place + 1 : place + 2] in (b"\xf8", b"\xf9"):
            yield place
        place = tail.rfind(b"\xff", 0, place)


def _samples_before_end(head: bytes, block: int) -> int:
    """Samples up to the end of a frame with this head; 0 if it is none. `block` is the size of all frames but one."""
    if len(head) < 6:
        return 0
    size_code, rate_code = head[2] >> 4, head[2] & 15
    number, place = _coded_number(head)
    if number < 0:
        return 0
    extra = _HEADER_OF_UNKNOWN.get(size_code, 0)
    samples = int.from_bytes(head[place : place + extra], "big") + 1 if extra else _SIZES.get(size_code, 0)
    place += extra + _RATE_BYTES.get(rate_code, 0)
    if not samples or place >= len(head) or _crc8(head[:place]) != head[place]:
        return 0
    return number * (1 if head[1] & 1 else block) + samples


def _coded_number(head: bytes) -> tuple[int, int]:
    """Number of a frame, or of its first sample, coded as in UTF-8, and the place behind it; -1 if it is none."""
    first = head[4]
    more = 0 if first < 0x80 else 8 - (first ^ 0xFF).bit_length() - 1
    rest = head[5 : 5 + more]
    if first == 0xFF or 0x80 <= first < 0xC0 or len(rest) < more or any(byte >> 6 != 2 for byte in rest):
        return -1, 0
    number = first if more == 0 else first & (1 << (6 - more)) - 1
    for byte in rest:
        number = number << 6 | byte & 0x3F
    return number, 5 + more


def _table(polynomial: int, width: int) -> list[int]:
    """Remainders of the bytes by a polynomial."""
    top, mask = 1 << (width - 1), (1 << width) - 1
    table = []
    for byte in range(256):
        rest = byte << (width - 8)
        for _ in range(8):
            rest = (rest << 1 ^ polynomial if rest & top else rest << 1) & mask
        table.append(rest)
    return table


_TABLE_8, _TABLE_16 = _table(0x07, 8), _table(0x8005, 16)


def _crc8(content: bytes) -> int:
    rest = 0
    for byte in content:
        rest = _TABLE_8[rest ^ byte]
    return rest


def _crc16(content: bytes) -> int:
    rest = 0
    for byte in content:
        rest = (rest << 8 & 0xFFFF) ^ _TABLE_16[rest >> 8 ^ byte]
    return rest
