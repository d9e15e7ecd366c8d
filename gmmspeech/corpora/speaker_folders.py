"""Folders of speakers: the name of the top folder is the speaker."""

from __future__ import annotations

import os
from pathlib import Path, PurePath

from gmmspeech.audio.folders import OTHER_AUDIO, audio_files
from gmmspeech.audio.headers import how_to_convert
from gmmspeech.corpora.corpus import Layout
from gmmspeech.errors import DataError, counted, shown
from gmmspeech.files.folders import below
from gmmspeech.files.text import check_distinct
from gmmspeech.formats.datadir import DataDir
from gmmspeech.formats.recordings import id_of_path


def _identify(path: PurePath, source: PurePath) -> tuple[str, str] | None:
    """All names on the way to a file make its id, which so begins with the speaker."""
    names = path.relative_to(source).with_suffix("").parts
    return ("-".join(names), names[0]) if len(names) > 1 else None


LAYOUT = Layout("SPEAKER/.../NAME.wav", _identify)


def read_speaker_folders(folder: str | os.PathLike[str]) -> tuple[DataDir, dict[str, str]]:
    """Read a folder with a subfolder for each speaker, with any names.

    The id of a recording is its path below the folder without the suffix, escaped as by `id_of_path`; it begins with
    that of the speaker.

    Returns
    -------
    data : DataDir
        Every recording an utterance.
    left_out : dict of str to str
        Audio that can't be used, and folders that can't be read: path below the folder, and the reason.

    Raises
    ------
    DataError
        The folder does not exist, has no audio in speaker folders, or has two names that differ only in their Unicode
        normalization form.
    """
    top = Path(folder)
    if not top.is_dir():
        raise DataError(f"{shown(top, 400)}: no such folder, expected one with a folder of recordings for each speaker")
    unreadable: dict[Path, str] = {}
    files, others = audio_files(top, unreadable)
    left_out = {below(path, top): reason for path, reason in unreadable.items()}
    for path in others:
        if path.suffix.lower() in OTHER_AUDIO and path.is_file() and not path.name.startswith("."):
            how = how_to_convert(str(path), beside=True)
            left_out[below(path, top)] = f"found audio that libsndfile does not read{how}"
    recordings: dict[str, Path] = {}
    for path in files:
        name = id_of_path(path.relative_to(top).with_suffix(""))
        if "/" not in name:
            left_out[below(path, top)] = "found a recording beside the folders, expected it in that of its speaker"
        elif name in recordings:
            found = f"{shown(recordings[name].name)} too"
            left_out[below(path, top)] = f"found {found}, expected one recording of a name"
        else:
            recordings[name] = path
    if not recordings:
        first = next(iter(left_out.items()), None)
        reason = f" ({counted(len(left_out), 'file')} left out; the first: {first[0]}: {first[1]})" if first else ""
        raise DataError(
            f"{shown(top, 400)}: found no recording that can be used{reason}, expected SPEAKER/.../NAME.wav"
        )
    speakers = {name: name.split("/")[0] for name in recordings}
    check_distinct(shown(top, 400), [*speakers.values(), *recordings])
    return DataDir(top, recordings, None, tuple(sorted(recordings)), speakers), left_out
