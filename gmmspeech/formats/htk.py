"""HTK parameter files: a header of 12 bytes, then frames, big-endian (The HTK Book 3.4, section 5.10.1).

The header contains the parameter kind, such as ``MFCC_0_D_A``. With ``_C`` the frames are 16-bit numbers X after two
vectors A and B, and x = (X + B) / A gives the parameters; with ``_K`` a checksum ends the file.
"""

from __future__ import annotations

import os
import re
import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmspeech.arguments import checked
from gmmspeech.checks import check_finite_frames, frames_to_store
from gmmspeech.errors import ConfigError, DataError, FeatureError, counted, shown
from gmmspeech.files.atomic import atomic_path
from gmmspeech.files.names import id_of_name
from gmmspeech.files.text import check_distinct, read_bytes, read_lines
from gmmspeech.formats.datadir import find_base, script_bases
from gmmspeech.formats.htk_strings import split_names

_KINDS = (
    *("WAVEFORM", "LPC", "LPREFC", "LPCEPSTRA", "LPDELCEP", "IREFC"),
    *("MFCC", "FBANK", "MELSPEC", "USER", "DISCRETE", "PLP"),
)
_NOT_FRAMES = ("WAVEFORM", "DISCRETE")
_QUALIFIERS = {
    "E": 0o100,
    "D": 0o400,
    "N": 0o200,
    "A": 0o1000,
    "T": 0o100000,
    "C": 0o2000,
    "Z": 0o4000,
    "K": 0o10000,
    "0": 0o20000,
    "V": 0o40000,
}
_BASE = 0o77
_HEADER = 12
_TICKS = 10_000  # of 100 ns in a millisecond
_SHORT = 32767
_CHECKSUM_MODULUS = 36897
_SCRIPT_ENTRY = re.compile(r"(?:(?P<name>[^=]+)=)?(?P<file>.+?)(?P<range>\[[0-9]{1,18},[0-9]{1,18}\])?", re.DOTALL)
_EXPECTED = "an HTK parameter file"


class HtkFile(NamedTuple):
    """Content of an HTK parameter file, as returned by `read_htk`.

    Parameters
    ----------
    frames : ndarray, shape (T, D), float32
    kind : str
        Parameter kind, such as ``"MFCC_0_D_A"``, with the qualifiers ``_C`` and ``_K`` of the file.
    frame_shift : float
        In milliseconds.
    """

    frames: NDArray[np.float32]
    kind: str
    frame_shift: float


@checked
def read_htk(path: str | os.PathLike[str]) -> HtkFile:
    """Read an HTK parameter file of any kind except waveforms and discrete symbols, compressed or with a checksum.

    Parameters
    ----------
    path : path-like
        Big-endian as written by HTK, or little-endian (``NATURALWRITEORDER``), recognized by the size of the file.

    Returns
    -------
    HtkFile

    Raises
    ------
    DataError
        The file is missing, shorter or longer than its header says, of an unknown kind or one without frames, or its
        checksum is wrong. The message names the field.

    Examples
    --------
    >>> import tempfile, numpy as np, gmmspeech as gs
    >>> path = tempfile.mkdtemp() + "/a.mfc"
    >>> gs.formats.write_htk(path, np.ones((3, 13)), kind="MFCC_E")
    >>> found = gs.formats.read_htk(path)
    >>> found.frames.shape, found.kind, found.frame_shift
    ((3, 13), 'MFCC_E', 10.0)
    """
    name = os.fspath(path)
    content = read_bytes(path, expected=_EXPECTED)
    if len(content) < _HEADER:
        raise DataError(
            f"{name}: found {counted(len(content), 'byte')}, expected {_EXPECTED}, whose header has {_HEADER}"
        )
    order = ">" if _fits(content, ">") or not _fits(content, "<") else "<"
    samples, period, size, code = struct.unpack(f"{order}iihH", content[:_HEADER])
    kind = _kind_of(name, code)
    base, *qualifiers = kind.split("_")
    width = 2 if "C" in qualifiers or base == "IREFC" else 4
    if base in _NOT_FRAMES:
        raise DataError(f"{name}: parmKind: found {kind}, expected parameters, frames of numbers")
    if samples < 1 or size < 1 or size % width or period <= 0:
        found = f"nSamples {samples}, sampPeriod {period}, sampSize {size}"
        raise DataError(
            f"{name}: found {found} in the header, expected numbers above 0, frames of {width} bytes a number"
        )
    body = content[_HEADER:]
    expected = samples * size + (2 if "K" in qualifiers else 0)
    if len(body) != expected:
        reason = " (is it cut short?)" if len(body) < expected else ""
        raise DataError(
            f"{name}: found {counted(len(body), 'byte')} behind the header, expected {expected} as it says{reason}"
        )
    if "K" in qualifiers:
        body, stored = body[:-2], struct.unpack(f"{order}H", body[-2:])[0]
        if _checksum(body, order) != stored:
            raise DataError(f"{name}: CRC: found {_checksum(body, order)}, expected {stored} as the file's end says")
    with np.errstate(over="ignore", invalid="ignore"):  # of what is refused below
        frames = _decode(name, body, order, size // width, kind)
    check_finite_frames(name, frames, DataError)
    return HtkFile(frames, kind, period / _TICKS)


@checked
def write_htk(
    path: str | os.PathLike[str], frames: ArrayLike, *, kind: str = "USER", frame_shift: float = 10.0
) -> None:
    """Write an HTK parameter file, big-endian, atomically.

    Parameters
    ----------
    path : path-like
    frames : array_like, shape (T, D)
        Columns in HTK's order, as from `gmmspeech.mfcc` with ``convention="htk"``.
    kind : str
        Parameter kind, such as ``"MFCC_0_D_A"``; ``_C`` compresses to 16 bits per number, ``_K`` adds a checksum.
    frame_shift : float
        In milliseconds.

    Raises
    ------
    ConfigError
        An unknown parameter kind, or an invalid frame shift.
    FeatureError
        Frames are not (T, D), not finite in float32, or too wide for the format.
    DataError
        The file can't be written.

    Examples
    --------
    >>> import tempfile, numpy as np, gmmspeech as gs
    >>> path = tempfile.mkdtemp() + "/a.fea"
    >>> gs.formats.write_htk(path, np.ones((3, 2)))
    >>> len(open(path, "rb").read())  # a header of 12 bytes, 6 numbers of 4
    36
    """
    code = _code_of(kind)
    base, *qualifiers = kind.split("_")
    period = round(frame_shift * _TICKS) if 0 < frame_shift < 2**31 / _TICKS else 0
    if period < 1:
        raise ConfigError(f"frame_shift: found {frame_shift}, expected milliseconds above 0")
    array = frames_to_store(frames, os.fspath(path))
    if 4 * array.shape[1] > _SHORT:
        found = f"found frames of {counted(array.shape[1], 'column')}"
        raise FeatureError(f"{os.fspath(path)}: {found}, expected at most {_SHORT // 4}")
    samples, size, body = len(array), 4 * array.shape[1], array.astype(">f4").tobytes()
    if "C" in qualifiers or base == "IREFC":
        samples, size, body = _compress(array, base)
    header = struct.pack(">iihH", samples, period, size, code)
    checksum = struct.pack(">H", _checksum(body, ">")) if "K" in qualifiers else b""
    with atomic_path(path) as temporary:
        temporary.write_bytes(header + body + checksum)


def read_htk_range(file: str, where: str = "") -> HtkFile:
    """Read a parameter file, or a range ``"[first,last]"`` of its frames, the last included."""
    found = read_htk(file)
    if not where:
        return found
    first, last = map(int, where.strip("[]").split(","))
    if not first <= last < len(found.frames):
        raise DataError(f"{file}: found the range {where}, expected one inside {counted(len(found.frames), 'frame')}")
    return found._replace(frames=found.frames[first : last + 1])


def htk_places(path: str) -> dict[str, tuple[str, str]]:
    """Find the parameter files of a folder, or of a script file of HTK's: file, and perhaps range of frames, by id."""
    places: dict[str, tuple[str, str]] = {}
    if Path(path).is_dir():
        found = [
            (id_of_name(file.stem), str(file), "")
            for file in sorted(Path(path).iterdir())
            if file.is_file() and file.name[0] != "."
        ]
    else:
        found = [_script_entry(f"{path}:{number}", line) for number, line in enumerate(read_lines(path), 1)]
    base = find_base(path, (file for _, file, _ in found), script_bases(path))
    for name, file, where in found:
        if name in places:
            raise DataError(f"{path}: found two files of the name {shown(name)}, expected each once")
        places[name] = str(base / file), where
    check_distinct(path, places)
    if not places:
        raise DataError(f"{path}: found no file, expected parameter files of HTK's")
    return places


def _script_entry(where: str, line: str) -> tuple[str, str, str]:
    """Name, file and range of a line of a script file, in which names may have HTK's quotes and escapes."""
    try:
        names = split_names(line)
    except ValueError as error:
        raise DataError(f"{where}: {error}") from None
    entry = _SCRIPT_ENTRY.fullmatch(names[0]) if len(names) == 1 else None
    if entry is None or "\0" in names[0]:
        raise DataError(f"{where}: found {shown(repr(line))}, expected a file, or name=file[first,last]")
    return Path(entry["name"] or entry["file"]).stem, entry["file"], entry["range"] or ""


def _fits(content: bytes, order: str) -> bool:
    """Say whether the size that a header gives in a byte order is that of the file."""
    samples, _, size, code = struct.unpack(f"{order}iihH", content[:_HEADER])
    return len(content) == _HEADER + samples * size + (2 if code & _QUALIFIERS["K"] else 0)


def _kind_of(name: str, code: int) -> str:
    if code & _BASE >= len(_KINDS):
        raise DataError(
            f"{name}: parmKind: found {code & _BASE}, expected a kind from 0 to {len(_KINDS) - 1} ({_EXPECTED})"
        )
    return "_".join([_KINDS[code & _BASE], *(letter for letter, bit in _QUALIFIERS.items() if code & bit)])


def _code_of(kind: str) -> int:
    base, *qualifiers = kind.split("_")
    allowed = [known for known in _KINDS if known not in _NOT_FRAMES]
    if base not in allowed or not set(qualifiers) <= set(_QUALIFIERS) or len(set(qualifiers)) < len(qualifiers):
        expected = f"one of {', '.join(allowed)}, and any of the qualifiers _{', _'.join(_QUALIFIERS)}"
        raise ConfigError(f"kind: found {kind!r}, expected {expected}")
    return _KINDS.index(base) + sum(_QUALIFIERS[letter] for letter in qualifiers)


def _checksum(body: bytes, order: str) -> int:
    """HTK's CRC: the file's 16-bit words, as one long number, modulo a constant."""
    return int.from_bytes(np.frombuffer(body, f"{order}u2").astype(">u2").tobytes(), "big") % _CHECKSUM_MODULUS


def _decode(name: str, body: bytes, order: str, dim: int, kind: str) -> NDArray[np.float32]:
    base, *qualifiers = kind.split("_")
    if base == "IREFC":  # reflection coefficients, all below 1
        return (np.frombuffer(body, f"{order}i2").reshape(-1, dim) / np.float32(_SHORT)).astype(np.float32)
    if "C" not in qualifiers:
        return np.frombuffer(body, f"{order}f4").reshape(-1, dim).astype(np.float32)
    if len(body) <= 8 * dim:
        raise DataError(
            f"{name}: found {counted(len(body), 'byte')} of compressed frames, expected more than A and B, {8 * dim}"
        )
    scale, offset = np.frombuffer(body, f"{order}f4", 2 * dim).reshape(2, dim)
    if not (scale != 0).all():
        raise DataError(f"{name}: A: found 0 in column {np.flatnonzero(scale == 0)[0]}, expected scales other than 0")
    return ((np.frombuffer(body, f"{order}i2", offset=8 * dim).reshape(-1, dim) + offset) / scale).astype(np.float32)


def _compress(frames: NDArray[np.float32], base: str) -> tuple[int, int, bytes]:
    """Samples and their size as the header wants them, and the numbers; A and B count as four samples."""
    count, dim = frames.shape
    if base == "IREFC":
        return count, 2 * dim, np.rint(frames * _SHORT).clip(-_SHORT, _SHORT).astype(">i2").tobytes()
    least, most = frames.min(axis=0).astype(np.float64), frames.max(axis=0).astype(np.float64)
    varies = most - least > 1e-30  # where not, A is 1 and B the value; a smaller spread would overflow A
    spread = np.where(varies, most - least, 1.0)
    scale = np.where(varies, 2 * _SHORT / spread, 1.0).astype(">f4")
    offset = np.where(varies, (most + least) * _SHORT / spread, most).astype(">f4")
    numbers = np.rint(frames * scale.astype(np.float64) - offset).clip(-_SHORT, _SHORT).astype(">i2")
    return count + 4, 2 * dim, scale.tobytes() + offset.tobytes() + numbers.tobytes()
