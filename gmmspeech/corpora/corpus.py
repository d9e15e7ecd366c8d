"""Definition of a corpus: the layout of its audio on disk, and its download location."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from gmmspeech.phones.labels.labels import Label


@dataclass(frozen=True)
class Listing:
    """Content of a corpus; the utterances are whole files.

    Parameters
    ----------
    recordings : dict
        Audio file by utterance id.
    utt2spk : dict
        Speaker id by utterance id.
    text : dict
        Words by utterance id, for utterances with a transcript.
    spk2gender : dict
        ``f`` or ``m`` by speaker id, if known.
    phones : dict
        Phones by utterance id, if the corpus has their times.
    left_out : dict
        Number of other files by extension.
    utt2class : dict
        Class by utterance id, if the corpus has classes: bona fide speech or a spoof.
    """

    recordings: dict[str, Path]
    utt2spk: dict[str, str]
    text: dict[str, str] = field(default_factory=dict)
    spk2gender: dict[str, str] = field(default_factory=dict)
    phones: dict[str, list[Label]] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    utt2class: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Layout:
    """Layout of the files of a corpus.

    Parameters
    ----------
    pattern : str
        Pattern of paths, for messages.
    identify : callable
        Takes a path and the searched folder; returns the ids of the utterance and its speaker, None for other files.
    complete : callable
        Adds information from other files to the listing of a folder.
    belongs : callable
        Takes the path of a file that is not audio, and the utterances to unpack (None for all); returns whether to
        unpack this file too.
    """

    pattern: str
    identify: Callable[[PurePath, PurePath], tuple[str, str] | None]
    complete: Callable[[Listing, Path], Listing] = lambda listing, source: listing
    belongs: Callable[[PurePath, set[str] | None], bool] = lambda path, listed: False


@dataclass(frozen=True)
class Archive:
    """A ``.tar.gz`` file on a server; `checksum` is such as ``md5:...``, None if the server generates the file anew."""

    url: str
    size: str
    checksum: str | None = None


@dataclass(frozen=True)
class Part:
    """Utterances of a corpus that form one data directory.

    Parameters
    ----------
    utterances : sequence of str
        Whole recordings.
    segments : sequence of str
        Lines of ``segments``, if recordings are cut into other utterances.
    enrollment : dict
        Enrollment utterances by speaker; all models are scored against all tests.
    tests : sequence of str
        Test utterances; by default all that are not for enrollment.
    groups : dict
        By the name of a test, utterances to score as one: a second list of trials.
    """

    utterances: Sequence[str]
    segments: Sequence[str] = ()
    enrollment: Mapping[str, Sequence[str]] = field(default_factory=dict)
    tests: Sequence[str] = ()
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class OpenCorpus:
    """Archives of a corpus, and the data directories made from them.

    Parameters
    ----------
    license : str
        Copyright holder and license, shown before the download.
    archives : sequence of Archive
    layout : Layout
    parts : callable
        Takes the listing and the folder of the lists; returns the `Part` of each data directory by name.
    listed : callable
        Takes the folder of the lists; returns the utterances to unpack, None for all.
    """

    license: str
    archives: Sequence[Archive]
    layout: Layout
    parts: Callable[[Listing, Path], dict[str, Part]]
    listed: Callable[[Path], set[str] | None]


def everything(_: Path) -> None:
    """Say that all utterances of an archive are unpacked, for `OpenCorpus.listed`."""
    return
