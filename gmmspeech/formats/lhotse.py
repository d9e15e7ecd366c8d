"""lhotse manifests: recordings and supervisions, in JSON lines, read as a data directory."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gmmspeech.arguments import checked
from gmmspeech.errors import ConfigError, DataError, counted, shown, text_or_type
from gmmspeech.files.text import check_distinct, look_alike
from gmmspeech.formats.datadir import DataDir, Segment

_LONGEST = 1e9  # seconds, thirty years: no recording is longer


@checked
def read_lhotse(
    recordings: str | os.PathLike[str],
    supervisions: str | os.PathLike[str] | None = None,
    *,
    allow_pipes: bool = False,
) -> DataDir:
    """Read lhotse manifests, through lhotse (extra ``[lhotse]``).

    Parameters
    ----------
    recordings : path-like
        A recording manifest, such as ``recordings.jsonl.gz``. Relative paths in it are resolved from the current
        directory, as in lhotse.
    supervisions : path-like, optional
        A supervision manifest: its segments are the utterances, with their speakers and texts. Without one each
        recording is an utterance, and its own speaker.
    allow_pipes : bool
        Accept recordings that are commands, like `gmmspeech.formats.datadir.read_data_dir`.

    Returns
    -------
    DataDir
        As for a data directory; `text` only if every supervision has one.

    Raises
    ------
    ConfigError
        lhotse is not installed.
    DataError
        A manifest is missing, malformed, or of another kind; a recording has more than one file, is at a URL, is
        modified on loading (speed, volume, reverberation), or is a command without `allow_pipes`; a supervision is of
        an unknown recording, of several channels, or occurs twice.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> data = gs.formats.read_lhotse("recordings.jsonl.gz", "supervisions.jsonl.gz")  # doctest: +SKIP
    """
    found = _read(recordings, "RecordingSet")
    files: dict[str, Path] = {}
    commands: dict[str, str] = {}
    channels: dict[str, int] = {}
    for recording in found:
        name = _text(recording.id, f"{os.fspath(recordings)}: id of a recording")
        if name in channels:
            raise DataError(f"{recordings}: found recording {shown(name)} again, expected each once")
        with _malformed(f"{os.fspath(recordings)}: recording {shown(name)}") as owner:
            kind, source = _source(owner, recording)
            channels[name] = recording.num_channels
        if kind == "command" and not allow_pipes:
            expected = "a file (commands are not run without allow_pipes)"
            raise DataError(f"{recordings}: found a command for {shown(name)}, expected {expected}")
        if kind == "command":
            commands[name] = source
        else:
            files[name] = Path(source)
    check_distinct(recordings, channels)
    folder = Path(recordings).parent
    if supervisions is None:
        return DataDir(folder, files, None, tuple(sorted(channels)), {name: name for name in channels}, None, commands)
    segments: dict[str, Segment] = {}
    speakers: dict[str, str] = {}
    texts: dict[str, str | None] = {}
    for supervision in _read(supervisions, "SupervisionSet"):
        name = _text(supervision.id, f"{os.fspath(supervisions)}: id of a supervision")
        if name in segments:
            raise DataError(f"{supervisions}: found supervision {shown(name)} again, expected each once")
        with _malformed(f"{os.fspath(supervisions)}: supervision {shown(name)}") as owner:
            segments[name] = _segment(owner, supervision, channels, recordings)
        speaker, text = supervision.speaker, supervision.text
        speakers[name] = _text(speaker, f"{owner}: speaker") if speaker else segments[name].recording
        texts[name] = None if text is None else _text(text, f"{owner}: text", empty=True)
    check_distinct(supervisions, segments)
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


@contextmanager
def _malformed(owner: str) -> Iterator[str]:
    """Turn what wrong types raise, inside of lhotse too, into a `DataError`; gives the owner."""
    try:
        yield owner
    except DataError:
        raise
    except (TypeError, ValueError, AttributeError, LookupError) as error:
        raise DataError(f"{owner}: found values of other types ({text_or_type(error)}), expected lhotse's") from error


def _segment(owner: str, supervision: Any, channels: Mapping[str, int], recordings: str | os.PathLike[str]) -> Segment:
    """Piece of a recording that a supervision is about."""
    recording = _text(supervision.recording_id, f"{owner}: recording_id")
    if recording not in channels:
        expected = f"one that is in {os.fspath(recordings)}{look_alike(recording, channels)}"
        raise DataError(f"{owner}: found recording {shown(recording)}, expected {expected}")
    channel = supervision.channel
    if isinstance(channel, list):
        if len(channel) != 1:
            raise DataError(f"{owner}: found channels {shown(channel)}, expected one")
        channel = channel[0]
    if type(channel) is not int or channel < 0:
        raise DataError(f"{owner}: channel: found {shown(channel)}, expected a whole number from 0")
    start, duration = supervision.start, supervision.duration
    for name, time in (("start", start), ("duration", duration)):
        if type(time) not in (int, float) or not 0 <= time <= _LONGEST:
            raise DataError(f"{owner}: {name}: found {shown(time)}, expected seconds from 0")
    return Segment(recording, start, supervision.end, channel if channels[recording] > 1 else None)


def _text(value: Any, owner: str, *, empty: bool = False) -> str:
    if not isinstance(value, str) or not (value or empty):
        raise DataError(f"{owner}: found {shown(value) or 'nothing'}, expected text")
    return value


def _read(path: str | os.PathLike[str], kind: str) -> list[Any]:
    try:
        import lhotse
    except ImportError as error:
        raise ConfigError("found no lhotse, which manifests need: pip install 'gmmspeech[lhotse]'") from error
    if not Path(path).is_file():
        raise DataError(f"{os.fspath(path)}: no such file, expected a manifest of lhotse's ({kind})")
    try:
        manifest = lhotse.load_manifest(os.path.abspath(path))  # a name such as pipe:... would be a command
        items = list(manifest)
    except Exception as error:  # lhotse raises what its parsers do: ValueError, KeyError, AssertionError, OSError ...
        reason = text_or_type(error)
        raise DataError(f"{os.fspath(path)}: can't be read ({reason}), expected a {kind} of lhotse's") from error
    if type(manifest).__name__ != kind or not items:
        found = f"a {type(manifest).__name__} of {len(items)}"
        raise DataError(f"{os.fspath(path)}: found {found}, expected a {kind} with one or more")
    return items


def _source(owner: str, recording: Any) -> tuple[str, str]:
    """Give the kind of a recording's only source, and where it is."""
    if recording.transforms:
        raise DataError(f"{owner}: found transforms, expected the recording as it is on disk")
    if len(recording.sources) != 1:
        raise DataError(f"{owner}: found {counted(len(recording.sources), 'source')}, expected one file")
    source = recording.sources[0]
    if source.type not in ("file", "command"):
        raise DataError(f"{owner}: found a source of type {shown(source.type)}, expected a file")
    return source.type, _text(source.source, f"{owner}: source")
