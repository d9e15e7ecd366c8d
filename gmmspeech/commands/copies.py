"""Find recordings that are byte-for-byte copies: if their speakers differ, it is unclear which one is heard."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from gmmspeech.errors import shown
from gmmspeech.formats.datadir import DataDir


def file_digest(path: str) -> str:
    """SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def leave_copies_out(
    data: DataDir, seconds: dict[str, float], left_out: dict[str, str], digest: Callable[[str], str] = file_digest
) -> None:
    """Move copies from `seconds` to `left_out`, with reasons: all where speakers differ, else all but one.

    `digest` of a path is `file_digest`, or one that remembers.
    """
    said: dict[str, list[str]] = {}
    for utterance in seconds:
        said.setdefault(data.segment_of(utterance).recording, []).append(utterance)
    for copies in _equal_files(data, sorted(said), digest):
        speakers = {data.utt2spk[utterance] for recording in copies for utterance in said[recording]}
        for recording in copies[len(speakers) == 1 :]:
            other = copies[recording == copies[0]]
            whose = "" if len(speakers) == 1 else ", of another speaker"
            for utterance in said[recording]:
                left_out[utterance] = f"found the same bytes as in {shown(other)}{whose}, expected each recording once"
                del seconds[utterance]


def _equal_files(data: DataDir, recordings: Sequence[str], digest: Callable[[str], str]) -> Iterator[list[str]]:
    """Yield recordings whose files are equal; only those of one size are read."""
    by_size: dict[int, list[str]] = {}
    for recording in recordings:
        with suppress(OSError):  # a place in an archive
            by_size.setdefault(Path(data.recordings[recording]).stat().st_size, []).append(recording)
    for alike in by_size.values():
        by_digest: dict[str, list[str]] = {}
        for recording in alike if len(alike) > 1 else ():
            by_digest.setdefault(digest(str(data.recordings[recording])), []).append(recording)
        yield from (equal for equal in by_digest.values() if len(equal) > 1)
