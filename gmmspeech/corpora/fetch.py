"""Download of a corpus from its publisher, and the data directories for recipes."""

from __future__ import annotations

import hashlib
import io
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import soundfile

from gmmspeech.corpora.corpus import Archive, OpenCorpus
from gmmspeech.corpora.download import cache_folder, download, read_archive
from gmmspeech.corpora.listing import find_utterances, write_part
from gmmspeech.errors import DataError, DownloadError
from gmmspeech.files.atomic import atomic_path, write_lines
from gmmspeech.formats.datadir import read_map

VERSION = 1  # of what is written here
DIGEST = 32  # hexadecimal digits of a SHA-256


def fetch(name: str, corpus: OpenCorpus, lists: Path, *, cache: Path | None = None, pause: float = 1.0) -> Path:
    """Download a corpus and write its data directories, unless that is done.

    Archives go to ``downloads`` in the cache, audio and data directories to ``corpora`` and the corpus' name; the
    archives are then no longer needed. An interrupted run resumes.
    """
    cache = cache_folder() if cache is None else cache
    folder = cache / "corpora" / name
    record, digest = folder / ".fetched", _digest(corpus.archives, lists)
    if record.exists() and record.read_text(encoding="utf-8").strip() == digest:
        return folder
    print(f"{name}: {corpus.license}", file=sys.stderr)
    for archive in corpus.archives:
        target = cache / "downloads" / name / PurePosixPath(archive.url).name
        print(f"{name}: from {archive.url} ({archive.size}) to {target}", file=sys.stderr)
        download(archive.url, target, checksum=archive.checksum, pause=pause)
        _unpack(archive, target, folder / "audio", corpus, lists)
    listing = find_utterances(corpus.layout, folder / "audio")
    if (lists / "spk2gender").exists():
        listing = replace(listing, spk2gender=read_map(lists / "spk2gender"))
    for part, content in corpus.parts(listing, lists).items():
        write_part(folder / "data" / part, content, listing, folder)
    write_lines(record, [digest])
    print(f"{name}: ready in {folder}", file=sys.stderr)
    return folder


def _digest(archives: Sequence[Archive], lists: Path) -> str:
    """Tell apart what was written from what would be written now."""
    files = sorted(path for path in lists.rglob("*") if path.is_file()) if lists.is_dir() else []
    parts = [str(VERSION).encode(), *(archive.url.encode() for archive in archives)]
    parts += [part for file in files for part in (file.relative_to(lists).as_posix().encode(), file.read_bytes())]
    return hashlib.sha256(b"\n".join(parts)).hexdigest()


def _unpack(archive: Archive, file: Path, out: Path, corpus: OpenCorpus, lists: Path) -> None:
    """Unpack the listed utterances of an archive and what belongs to them, without the archive's topmost folder."""
    listed = corpus.listed(lists)
    checksums = read_map(lists / "checksums") if (lists / "checksums").exists() else {}

    def place(name: str) -> Path:
        return out.joinpath(*PurePosixPath(name).parts[1:])

    def utterance_of(name: str) -> str | None:
        path = PurePosixPath(name)
        found = corpus.layout.identify(path, path.parent) if path.suffix in (".wav", ".flac") else None
        return found and found[0]

    def wanted(name: str) -> bool:
        path = PurePosixPath(name)
        if ".." in path.parts or len(path.parts) < 2 or place(name).exists():
            return False
        utterance = utterance_of(name)
        if utterance is None:
            return corpus.layout.belongs(path, listed)
        return listed is None or utterance in listed

    for name, content in read_archive(file, wanted):
        try:
            _check_samples(archive, name, content, checksums.get(utterance_of(name) or ""))
        except DataError:
            file.unlink()  # to be fetched again
            raise
        with atomic_path(place(name)) as temporary:
            temporary.write_bytes(content)


def _check_samples(archive: Archive, name: str, content: bytes, expected: str | None) -> None:
    found = expected and samples_digest(content, f"{archive.url}: {name}")
    if found != expected:
        problem = f"found samples with SHA-256 {found} in {name} (deleted), expected {expected}"
        raise DownloadError(f"{archive.url}: {problem}")


def samples_digest(content: bytes, name: str) -> str:
    """First half of the SHA-256 of an audio file's samples (int16, little-endian), the same for any lossless format.

    Archives that a server makes anew each time have no checksum of their own.
    """
    try:
        samples, _ = soundfile.read(io.BytesIO(content), dtype="int16")
    except soundfile.LibsndfileError as error:
        raise DataError(f"{name}: found no audio ({error.error_string}), expected WAV or FLAC") from error
    return hashlib.sha256(samples.astype("<i2").tobytes()).hexdigest()[:DIGEST]
