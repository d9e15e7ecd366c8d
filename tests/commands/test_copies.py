"""Copies of recordings, by bytes that are told apart by hand."""

from pathlib import Path

import pytest

import gmmspeech as gs
from gmmspeech.commands.copies import leave_copies_out
from gmmspeech.formats.datadir import DataDir, Segment


def directory(folder: Path, recordings: dict[str, bytes], segments: dict[str, Segment] | None = None) -> DataDir:
    for name, content in recordings.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    utterances = tuple(sorted(segments or recordings))
    paths = {name: folder / name for name in recordings}
    return DataDir(folder, paths, segments, utterances, {name: name[0] for name in utterances})


@pytest.mark.parametrize(
    ("recordings", "expected"),
    [
        ({"a/1": b"x", "a/2": b"y", "b/1": b"xx"}, {}),
        ({"a/1": b"x", "a/2": b"x", "a/3": b"x", "b/1": b"y"}, {"a/2": "a/1", "a/3": "a/1"}),
        ({"a/1": b"x", "b/1": b"x", "b/2": b"y"}, {"a/1": "b/1, of another", "b/1": "a/1, of another"}),
    ],
)
def test_copies_are_left_out(tmp_path: Path, recordings: dict[str, bytes], expected: dict[str, str]) -> None:
    seconds, left_out = dict.fromkeys(recordings, 1.0), {}
    leave_copies_out(directory(tmp_path, recordings), seconds, left_out)
    assert set(left_out) == set(expected)
    assert all(f"found the same bytes as in {other}" in left_out[name] for name, other in expected.items())
    assert set(seconds) == set(recordings) - set(expected)


def test_utterances_of_one_recording_are_no_copies(tmp_path: Path) -> None:
    pieces = {"a-1": Segment("r", 0, 1), "a-2": Segment("r", 1, 2), "b-1": Segment("s", 0, 1)}
    seconds, left_out = dict.fromkeys(pieces, 1.0), {}
    leave_copies_out(directory(tmp_path, {"r": b"x", "s": b"y"}, pieces), seconds, left_out)
    assert not left_out


def test_a_protocol_of_what_is_left_out(tmp_path: Path) -> None:
    """The reason is told."""
    from gmmspeech.commands.verify_protocol import read_protocol

    data = directory(tmp_path, {"a/0": b"x", "a/1": b"y", "b/0": b"z", "b/1": b"u"})
    for name, text in (("spk2utt", "a a/0\n"), ("trials", "a a/1 target\na b/0 nontarget\n")):
        (tmp_path / name).write_text(text)
    with pytest.raises(gs.errors.DataError, match=r"trials: found recording b/0, which is left out \(found a copy\)"):
        read_protocol(tmp_path, data, {"b/0": "found a copy"}, everyone=True)
