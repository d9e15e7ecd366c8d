"""Manifests of lhotse: recordings and supervisions, in JSON lines, become what a data directory holds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from gmmspeech.errors import ConfigError, DataError, text_or_type
from gmmspeech.formats.datadir import DataDir, Segment


def read_lhotse(
    recordings: str | os.PathLike[str],
    supervisions: str | os.PathLike[str] | None = None,
    *,
    allow_pipes: bool = False,
) -> DataDir:
    """Read manifests of lhotse's, through lhotse (extra ``[lhotse]``).

    Parameters
    ----------
    recordings : path-like
        A recording manifest, such as ``recordings.jsonl.gz``. Relative files in it are looked for from the current
        directory, as lhotse does.
    supervisions : path-like, optional
        A supervision manifest: its segments are the utterances, with their speakers and texts. Without one each
        recording is an utterance, and its own speaker.
    allow_pipes : bool
        Take recordings that are commands, as `gmmspeech.formats.datadir.read_data_dir` does.

    Returns
    -------
    DataDir
        As of a data directory; `text` only if every supervision has one.

    Raises
    ------
    ConfigError
        lhotse is not installed.
    DataError
        A manifest is missing, malformed, or of another kind; a recording is more than one file, lies behind a URL, is
        changed on loading (speed, volume, reverberation), or is a command without `allow_pipes`; a supervision is of an
        unknown recording, of several channels, or comes twice.

    Examples
    --------
    >>> data = read_lhotse("recordings.jsonl.gz", "supervisions.jsonl.gz")  # doctest: +SKIP
    """
    found = _read(recordings, "RecordingSet")
    files: dict[str, Path] = {}
    commands: dict[str, str] = {}
    for recording in found:
        kind, source = _source(recordings, recording)
        if kind == "command":
            if not allow_pipes:
                expected = "a file (commands are not run without allow_pipes)"
                raise DataError(f"{recordings}: found a command for {recording.id}, expected {expected}")
            commands[recording.id] = source
        else:
            files[recording.id] = Path(source)
    known = {**files, **commands}
    folder = Path(recordings).parent
    if supervisions is None:
        return DataDir(folder, files, None, tuple(sorted(known)), {name: name for name in known}, None, commands)
    channels = {recording.id: recording.num_channels for recording in found}
    segments: dict[str, Segment] = {}
    speakers: dict[str, str] = {}
    texts: dict[str, str | None] = {}
    for supervision in _read(supervisions, "SupervisionSet"):
        name = supervision.id
        if name in segments:
            raise DataError(f"{supervisions}: found supervision {name} again, expected each once")
        if supervision.recording_id not in known:
            raise DataError(
                f"{supervisions}: supervision {name}: found recording {supervision.recording_id}, expected one that is "
                f"in {recordings}"
            )
        channel = supervision.channel
        if isinstance(channel, list):
            if len(channel) != 1:
                raise DataError(f"{supervisions}: supervision {name}: found channels {channel}, expected one")
            channel = channel[0]
        several = channels[supervision.recording_id] > 1
        segments[name] = Segment(
            supervision.recording_id, supervision.start, supervision.end, channel if several else None
        )
        speakers[name] = supervision.speaker or supervision.recording_id
        texts[name] = supervision.text
    said = {name: text for name, text in texts.items() if text is not None}
    return DataDir(
        folder,
        files,
        segments,
        tuple(sorted(segments)),
        speakers,
        said if len(said) == len(texts) else None,
        commands,
    )


def _read(path: str | os.PathLike[str], kind: str) -> list[Any]:
    try:
        import lhotse
    except ImportError as error:
        raise ConfigError("found no lhotse, which manifests need: pip install 'gmmspeech[lhotse]'") from error
    if not Path(path).is_file():
        raise DataError(f"{os.fspath(path)}: no such file, expected a manifest of lhotse's ({kind})")
    try:
        manifest = lhotse.load_manifest(path)
        items = list(manifest)
    except Exception as error:  # lhotse raises what its parsers do: ValueError, KeyError, AssertionError, OSError ...
        reason = text_or_type(error)
        raise DataError(f"{os.fspath(path)}: can't be read ({reason}), expected a {kind} of lhotse's") from error
    if type(manifest).__name__ != kind or not items:
        found = f"a {type(manifest).__name__} of {len(items)}"
        raise DataError(f"{os.fspath(path)}: found {found}, expected a {kind} with one or more")
    return items


def _source(path: str | os.PathLike[str], recording: Any) -> tuple[str, str]:
    """Give the kind of a recording's only source, and where it is."""
    name = f"{os.fspath(path)}: recording {recording.id}"
    if recording.transforms:
        raise DataError(f"{name}: found transforms, expected the recording as it is on disk")
    if len(recording.sources) != 1:
        raise DataError(f"{name}: found {len(recording.sources)} sources, expected one file")
    source = recording.sources[0]
    if source.type not in ("file", "command"):
        raise DataError(f"{name}: found a source of type {source.type}, expected a file")
    return source.type, str(source.source)
