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
        Utterance id to audio file.
    utt2spk : dict
        Utterance id to speaker id.
    text : dict
        Utterance id to words, of those utterances that have a transcript.
    spk2gender : dict
        Speaker id to ``f`` or ``m``, where known.
    phones : dict
        Utterance id to its phones, where the corpus has their times.
    left_out : dict
        What else there is: extension to the number of files.
    utt2class : dict
        Utterance id to what it is, where the corpus has classes: genuine speech or a spoof.
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
        What paths look like, for people.
    identify : callable
        Of a path, and the folder that was searched: id of the utterance and of its speaker; None for any other file.
    complete : callable
        Adds what lies beside the audio to a listing of a folder.
    belongs : callable
        Of the path of a file that is no audio, and the utterances that are unpacked (all if None): whether it is too.
    """

    pattern: str
    identify: Callable[[PurePath, PurePath], tuple[str, str] | None]
    complete: Callable[[Listing, Path], Listing] = lambda listing, source: listing
    belongs: Callable[[PurePath, set[str] | None], bool] = lambda path, listed: False


@dataclass(frozen=True)
class Archive:
    """A ``.tar.gz`` file on the network; `checksum` is such as ``md5:...``, None where the server makes it anew."""

    url: str
    size: str
    checksum: str | None = None


@dataclass(frozen=True)
class Part:
    """Utterances of a corpus that make one data directory.

    Parameters
    ----------
    utterances : sequence of str
        Whole recordings.
    segments : sequence of str
        Lines of ``segments``, where recordings are cut into other utterances.
    enrollment : dict
        Speaker to utterances that their model is made of; all models are tried with all tests.
    tests : sequence of str
        Utterances; where nothing is said, all those that are not for enrollment.
    groups : dict
        Name of a test to utterances that are scored as one: a second list of trials.
    """

    utterances: Sequence[str]
    segments: Sequence[str] = ()
    enrollment: Mapping[str, Sequence[str]] = field(default_factory=dict)
    tests: Sequence[str] = ()
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class OpenCorpus:
    """Archives of a corpus, and the data directories made of them.

    Parameters
    ----------
    license : str
        Whose it is and how it may be used: shown before it is fetched.
    archives : sequence of Archive
    layout : Layout
    parts : callable
        Of all that was found, and the folder of the lists: name of a data directory to its `Part`.
    listed : callable
        Of the folder of the lists: the utterances that are unpacked; all if None.
    """

    license: str
    archives: Sequence[Archive]
    layout: Layout
    parts: Callable[[Listing, Path], dict[str, Part]]
    listed: Callable[[Path], set[str] | None]


def everything(_: Path) -> None:
    """Say that all utterances of an archive are unpacked, for `OpenCorpus.listed`."""
    return
