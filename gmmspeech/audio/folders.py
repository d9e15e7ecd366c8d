"""Find audio files in a folder among other files."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from gmmspeech.errors import DataError

_READ = ".wav .flac .ogg .oga .opus .mp3 .mp2 .aif .aiff .aifc .au .snd .caf .w64 .rf64 .bwf .sph .nist"
_CONVERTED = (
    ".m4a .m4b .m4v .mp4 .mov .3gp .3g2 .webm .mkv .mka .amr .awb .wma .wmv .asf .aac .flv .avi .rm .ra .ac3 .wv .ape"
    " .tta .mpc .dsf .dff .spx .mpg .mpeg .vob .ts .mts .ogv .shn"
)
AUDIO = frozenset(_READ.split())
OTHER_AUDIO = frozenset(_CONVERTED.split())  # and video, that has to be converted first


def audio_files(folder: Path, unreadable: dict[Path, str] | None = None) -> tuple[list[Path], list[Path]]:
    """Audio files under a folder, and what else there is, both sorted.

    Hidden ones are no audio, some archivers leave them beside the real ones; nor what lies in hidden folders, copies of
    notebooks and trash cans; nor is SX1.WAV.wav, a copy of SX1.WAV for those who can't read that. Links are followed,
    after all that is no link, but not to a folder that was there.

    Folders that can't be read are gathered in `unreadable` with reasons; without it, or at the top, they are errors.
    """
    files: list[Path] = []
    others: list[Path] = []
    folders: list[str] = [str(folder)]
    links: list[str] = []
    seen: set[str] = set()
    while folders or links:
        current = folders.pop() if folders else links.pop(0)
        real = os.path.realpath(current)
        if real in seen:
            others.append(Path(current))
            continue
        seen.add(real)
        try:
            entries = _entries(current)
        except DataError as error:
            if unreadable is None or current == str(folder):
                raise
            unreadable[Path(current)] = str(error).removeprefix(f"{current}: ")
            continue
        for name, entry in entries.items():
            stem, suffix = os.path.splitext(name)
            if _leads_to(entry, stat.S_ISDIR):
                if name.startswith("."):
                    others.append(Path(entry.path))
                    continue
                (links if entry.is_symlink() else folders).append(entry.path)
            elif (
                suffix.lower() in AUDIO
                and not (name.startswith(".") or stem in entries)
                and _leads_to(entry, stat.S_ISREG)
            ):
                files.append(Path(entry.path))
            else:
                others.append(Path(entry.path))
        links.sort()
    return sorted(files), sorted(others)


def _entries(folder: str) -> dict[str, os.DirEntry[str]]:
    """Give what is in a folder, by name."""
    try:
        with os.scandir(folder) as entries:
            return {entry.name: entry for entry in entries}
    except OSError as error:
        raise DataError(f"{folder}: can't be read ({error.strerror}), expected a folder of audio") from error


def _leads_to(entry: os.DirEntry[str], kind: Callable[[int], bool]) -> bool:
    """Say whether an entry, or what it links to, is of a kind."""
    try:
        return kind(entry.stat().st_mode)
    except OSError:
        return False
