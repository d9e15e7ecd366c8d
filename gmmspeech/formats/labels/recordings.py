"""Folders of recordings with time labels: TextGrids beside them, or label files elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

from gmmspeech.arguments import checked
from gmmspeech.audio.folders import audio_files
from gmmspeech.errors import DataError, counted, shown
from gmmspeech.formats.datadir import DataDir, Segment
from gmmspeech.formats.labels.tiers import at_rate_of, by_file, match_files, read_kind_and_tiers
from gmmspeech.formats.recordings import id_of_path
from gmmspeech.phones.labels.labels import Label


@checked
def read_labeled_recordings(
    folder: str | os.PathLike[str],
    labels: str | os.PathLike[str] | None = None,
    *,
    tier: str | None = None,
    skip_bad: bool = False,
) -> tuple[DataDir, dict[str, list[Label]], list[str]]:
    """Read a folder of recordings, and the labels of those that have some.

    Parameters
    ----------
    folder : path-like
        Recordings, in one folder or one a speaker.
    labels : path-like, optional
        Anything that `read_tiers` reads; by default the TextGrids beside the recordings. Where they count samples
        (``.phn``, ``.wrd``), it is those of the recordings.
    tier : str, optional
    skip_bad : bool
        As for `read_tiers`.

    Returns
    -------
    data : DataDir
        An utterance a recording, or a speaker of it where a TextGrid has tiers of several.
    labels : dict of str to list of Label
        Of each utterance.
    left_out : list of str
        Recordings without labels, by their paths below the folder, and folders that can't be read.

    Raises
    ------
    DataError
        As for `read_tiers`; or no recording has labels.

    Examples
    --------
    >>> import tempfile, numpy as np, soundfile
    >>> from gmmspeech.formats.labels.textgrid import write_textgrid
    >>> folder = Path(tempfile.mkdtemp())
    >>> (folder / "ann").mkdir()
    >>> soundfile.write(folder / "ann" / "a.wav", np.zeros(800), 8000)
    >>> write_textgrid(folder / "ann" / "a.TextGrid", {"phones": [Label(0.0, 0.1, "AA")]})
    >>> data, labels, left_out = read_labeled_recordings(folder)
    >>> data.utt2spk, labels
    ({'ann/a': 'ann'}, {'ann/a': [Label(start=0.0, end=0.1, name='AA')]})
    """
    top = Path(folder)
    if not top.is_dir():
        raise DataError(f"{top}: no such folder, expected one of recordings, or a data directory (with wav.scp)")
    format = "textgrid" if labels is None else None
    kind, voices = read_kind_and_tiers(top if labels is None else labels, tier, format=format, skip_bad=skip_bad)
    unreadable: dict[Path, str] = {}
    of_file, files = by_file(voices), audio_files(top, unreadable if skip_bad else None)[0]
    places = {file: file.relative_to(top).with_suffix("").as_posix() for file in files}
    matches = match_files({file: (place, id_of_path(place)) for file, place in places.items()}, of_file)
    recordings, segments, speakers, known = {}, {}, {}, {}
    left_out = [f"{path.relative_to(top).as_posix()} ({reason})" for path, reason in unreadable.items()]
    for file in files:
        recording, match = id_of_path(places[file]), matches.get(file)
        if match is None or recording in recordings:
            left_out.append(file.relative_to(top).as_posix())
            continue
        recordings[recording] = file
        for speaker, found in of_file[match].items():
            utterance = f"{recording}#{id_of_path(speaker)}" if len(of_file[match]) > 1 else recording
            segments[utterance], known[utterance] = Segment(recording, 0.0, None), at_rate_of(file, found, kind)
            parent = file.parent.relative_to(top)
            own = parent.as_posix() if parent.parts else Path(os.path.abspath(top)).name
            speakers[utterance] = speaker or own or "speaker"
    if not known:
        first = shown(next(iter(of_file), "none"))
        expected = "files of the same names"
        raise DataError(
            f"{top}: found {counted(len(files), 'recording')} and labels of others, such as "
            f"{first}, expected {expected}"
        )
    whole = len(segments) == len(recordings)
    data = DataDir(top, recordings, None if whole else segments, tuple(sorted(known)), speakers)
    return data, known, left_out
