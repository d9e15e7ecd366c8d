"""LibriSpeech, from a local copy or OpenSLR: parts of train-clean-100 and test-other; dev-clean for a quick try."""

from __future__ import annotations

import re
from pathlib import Path, PurePath

from gmmspeech.corpora.corpus import Archive, Layout, Listing, OpenCorpus, Part, everything
from gmmspeech.corpora.listing import by_speaker, with_known
from gmmspeech.files.text import BLANKS
from gmmspeech.formats.datadir import read_fields, read_list_map, read_map

OPENSLR = "https://www.openslr.org/resources/12"
LICENSE = (
    "LibriSpeech, V. Panayotov, G. Chen, D. Povey, S. Khudanpur and the LibriVox readers, "
    "CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/)"
)
_NAME = re.compile(r"([0-9]+)-[0-9]+-[0-9]+")


def _identify(path: PurePath, _: PurePath) -> tuple[str, str] | None:
    found = _NAME.fullmatch(path.stem)
    return found and (path.stem, found[1])


def _complete(listing: Listing, source: Path) -> Listing:
    """Transcripts of a chapter lie beside its audio; speakers are described at the corpus' top."""
    text: dict[str, str] = {}
    for folder in sorted({path.parent for path in listing.recordings.values()}):
        for file in sorted(folder.glob("*.trans.txt")):
            text |= read_map(file, rest_of_line=True)
    genders: dict[str, str] = {}
    described = [place / "SPEAKERS.TXT" for place in (source, source.parent)]
    for file in [file for file in described if file.is_file()][:1]:
        for line in file.read_text(encoding="utf-8", errors="replace").split("\n"):
            speaker, *rest = (part.strip(BLANKS) for part in line.split("|"))
            if not line.startswith(";") and rest and rest[0] in ("F", "M"):
                genders[speaker] = rest[0].lower()
    return with_known(listing, text, genders)


def _belongs(path: PurePath, listed: set[str] | None) -> bool:
    """Whether a file describes the speakers, or has the transcripts of a chapter that is listed."""
    chapter = path.name.removesuffix(".trans.txt")
    if chapter == path.name:
        return path.name == "SPEAKERS.TXT"
    return listed is None or any(utterance.rpartition("-")[0] == chapter for utterance in listed)


LAYOUT = Layout("SPEAKER/CHAPTER/SPEAKER-CHAPTER-NUMBER.flac", _identify, _complete, _belongs)


def _listed_parts(listing: Listing, lists: Path) -> dict[str, Part]:
    """Parts of LibriSpeech: a folder each, with `utterances` or `segments`, and perhaps `enroll_spk2utt`."""
    parts = {}
    for folder in sorted(path for path in lists.iterdir() if path.is_dir()):
        utterances, segments, enrollment = (folder / name for name in ("utterances", "segments", "enroll_spk2utt"))
        parts[folder.name] = Part(
            [fields[0] for _, fields in read_fields(utterances)] if utterances.exists() else (),
            [" ".join(fields) for _, fields in read_fields(segments)] if segments.exists() else (),
            read_list_map(enrollment) if enrollment.exists() else {},
        )
    return parts


def _listed_recordings(lists: Path) -> set[str]:
    """Recordings of all parts."""
    names = [(folder / "utterances", 0) for folder in lists.iterdir()]
    names += [(folder / "segments", 1) for folder in lists.iterdir()]
    return {fields[column] for file, column in names if file.exists() for _, fields in read_fields(file)}


def _dev_clean_parts(listing: Listing, _: Path) -> dict[str, Part]:
    """Every other speaker is trained on, ten utterances each; of the others, three enroll and seven are tests."""
    first = {speaker: utterances[:10] for speaker, utterances in sorted(by_speaker(listing.utt2spk).items())}
    background, tested = list(first)[::2], list(first)[1::2]
    train = [u for speaker in background for u in first[speaker]]
    return {
        "background": Part(train),
        "ubm": Part(train),
        "dev-clean": Part(
            [u for speaker in tested for u in first[speaker]],
            enrollment={speaker: first[speaker][:3] for speaker in tested},
        ),
    }


MINI = OpenCorpus(
    LICENSE,
    (
        Archive(f"{OPENSLR}/train-clean-100.tar.gz", "6.3 GB", "md5:2a93770f6d5c6c964bc36631d331a522"),
        Archive(f"{OPENSLR}/test-other.tar.gz", "328 MB", "md5:fb5a50374b501bb3bac4815ee91d3135"),
    ),
    LAYOUT,
    _listed_parts,
    _listed_recordings,
)

DEV_CLEAN = OpenCorpus(
    LICENSE,
    (Archive(f"{OPENSLR}/dev-clean.tar.gz", "337 MB", "md5:42e2234ba48799c1f50f24a7926300a1"),),
    LAYOUT,
    _dev_clean_parts,
    everything,
)
