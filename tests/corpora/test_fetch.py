"""From archives on a server to data directories, beside those that were made of the same audio by other means."""

from __future__ import annotations

import hashlib
import io
import re
import runpy
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import pytest
import soundfile
from click.testing import CliRunner
from said import works

from gmmspeech.corpora.corpus import Archive, Listing, OpenCorpus
from gmmspeech.corpora.fetch import fetch, samples_digest
from gmmspeech.corpora.registry import CORPORA, LISTS
from gmmspeech.errors import DataError, DownloadError
from gmmspeech.formats.datadir import read_data_dir, read_map
from gmmspeech.formats.trials import read_trials

RECIPES = Path(__file__).parent.parent.parent / "recipes"
FILES = {"text", "utt2spk", "spk2utt", "utt2dur", "spk2gender", "segments", "enroll_spk2utt", "trials", "group2utt"}


def tar_gz(files: Mapping[str, bytes]) -> bytes:
    """An archive, with folders of their own as tar writes them."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def wav(flac: Path) -> bytes:
    """The original of a lossless copy."""
    samples, rate = soundfile.read(flac, dtype="int16")
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def librispeech(shared: Path, part: str) -> dict[str, bytes]:
    """Files of LibriSpeech, of the utterances in a corpus' `all`."""
    data = read_data_dir(shared / "data" / "all")
    assert data.text is not None
    genders = read_map(data.path / "spk2gender")
    speakers = [f"{s:5}| {gender.upper()} | {part} | 8.1 | A | Name" for s, gender in genders.items()]
    files = {"LibriSpeech/SPEAKERS.TXT": "\n".join([";ID |SEX| SUBSET", *speakers]).encode()}
    for chapter, utterances in groupby(data.utterances, lambda u: u.rpartition("-")[0]):
        folder = f"LibriSpeech/{part}/{chapter.replace('-', '/')}"
        said = {u: data.text[u] for u in utterances}
        files |= {f"{folder}/{u}.flac": data.recordings[u].read_bytes() for u in said}
        files[f"{folder}/{chapter}-0000.flac"] = files.get(f"{folder}/{chapter}-0000.flac", b"not listed")
        files[f"{folder}/{chapter}.trans.txt"] = "".join(f"{u} {words}\n" for u, words in said.items()).encode()
    return files


def fsdd(shared: Path) -> dict[str, bytes]:
    """Files of the digits' repository, and a take that is not listed."""
    recordings = read_data_dir(shared / "data" / "all").recordings
    files = {"fsdd-26eb9aa/README.md": b"# Digits", "fsdd-26eb9aa/recordings/0_theo_49.wav": b""}
    for utterance, flac in recordings.items():
        speaker, digit, take = utterance.split("-")
        files[f"fsdd-26eb9aa/recordings/{digit}_{speaker}_{int(take)}.wav"] = wav(flac)
    files["fsdd-26eb9aa/recordings/0_theo_49.wav"] = wav(recordings["theo-0-00"])
    return files


def lists_of(shared: Path, out: Path, wanted: Mapping[str, str]) -> Path:
    """Lists of a corpus with ids (and which other files) only, from its data directories."""
    for part, files in wanted.items():
        (out / part).mkdir(parents=True)
        for name in files.split():
            (out / part / name).write_bytes((shared / "data" / part / name).read_bytes())
        names = read_data_dir(shared / "data" / part).utterances
        (out / part / "utterances").write_text("".join(f"{name}\n" for name in names))
    return out


@pytest.fixture
def place(origin) -> Callable[..., OpenCorpus]:
    """A function: a known corpus, its archives replaced by one on the server."""

    def placed(name: str, files: Mapping[str, bytes], *, checksum: bool = False) -> OpenCorpus:
        content = tar_gz(files)
        origin.files["a.tar.gz"] = content
        found = f"md5:{hashlib.md5(content).hexdigest()}" if checksum else None
        return replace(CORPORA[name], archives=(Archive(origin.url("a.tar.gz"), "1 MB", found),))

    return placed


def same_files(found: Path, expected: Path) -> None:
    """Whether all of one folder's lists are as in another, and the audio has the same samples."""
    for name in sorted(FILES & {path.name for path in expected.iterdir()}):
        assert (found / name).read_bytes() == (expected / name).read_bytes(), name
    ours, theirs = read_data_dir(found), read_data_dir(expected)
    assert list(ours.recordings) == list(theirs.recordings)
    for name in list(ours.recordings)[::10]:
        assert samples_digest(ours.recordings[name].read_bytes(), name) == samples_digest(
            theirs.recordings[name].read_bytes(), name
        )


def test_librispeech(corpus, origin, place, tmp_path: Path, capsys) -> None:
    shared = corpus("librispeech-tiny")
    lists = lists_of(shared, tmp_path / "lists", {"train": "", "test": "", "all": "enroll_spk2utt"})
    known = place("librispeech-mini", librispeech(shared, "test-other"), checksum=True)
    origin.cuts["a.tar.gz"] = [len(origin.files["a.tar.gz"]) // 2]
    folder = fetch("librispeech-tiny", known, lists, cache=tmp_path / "cache", pause=0)
    assert [asked is None for _, asked in origin.asked] == [True, False]
    for part in ("train", "test", "all"):
        same_files(folder / "data" / part, shared / "data" / part)
    assert read_map(folder / "data" / "all" / "wav.scp")["1688-142285-0002"] == (
        "audio/test-other/1688/142285/1688-142285-0002.flac"
    )
    assert len(list(folder.rglob("*.flac"))) == 28
    said = capsys.readouterr().err
    assert said.index("CC BY 4.0") < said.index(origin.url("a.tar.gz"))
    assert fetch("librispeech-tiny", known, lists, cache=tmp_path / "cache") == folder
    assert len(origin.asked) == 2
    assert capsys.readouterr().err == ""


def test_a_quick_try(corpus, place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = librispeech(corpus("librispeech-tiny"), "dev-clean")
    files = {name: content for name, content in files.items() if content != b"not listed"}
    known = place("librispeech-dev-clean", files)
    folder = fetch("librispeech-dev-clean", known, tmp_path / "none", cache=tmp_path, pause=0)
    background, ubm, test = (read_data_dir(folder / "data" / part) for part in ("background", "ubm", "dev-clean"))
    assert (len(background.utterances), len(test.utterances)) == (16, 12)
    assert background.recordings == ubm.recordings
    assert not set(background.utt2spk.values()) & set(test.utt2spk.values())
    trials = read_trials(folder / "data" / "dev-clean" / "trials")
    assert len(trials) == 3 * 3  # of four utterances, three make the model
    monkeypatch.syspath_prepend(RECIPES / "librispeech")  # where the script finds the file beside it
    main = runpy.run_path(str(RECIPES / "librispeech" / "run.py"))["main"]
    words = ["--corpus", folder, "--quick", "--out", tmp_path / "exp", "--components", 8, "--seeds", 1, "--jobs", 2]
    result = works(CliRunner().invoke(main, [str(word) for word in words]))
    assert "| dev-clean, MFCC | 9 (3) |" in result.output


def test_fsdd(corpus, place, tmp_path: Path) -> None:
    shared = corpus("fsdd-tiny")
    known = place("fsdd", fsdd(shared))
    folder = fetch("fsdd", known, tiny_lists(shared, tmp_path / "lists"), cache=tmp_path, pause=0)
    for part, theirs in {"train": "train", "test": "test", "verify": "all", "all": "all"}.items():
        (folder / "data" / part / "spk2gender").read_text()
        expected = shared / "data" / theirs
        if part == "all":  # which is no test here
            assert not (folder / "data" / part / "trials").exists()
            assert (folder / "data" / part / "text").read_bytes() == (expected / "text").read_bytes()
        else:
            same_files(folder / "data" / part, expected)
    assert len(read_data_dir(folder / "data" / "whole").utterances) == 241


def tiny_lists(shared: Path, out: Path) -> Path:
    """Lists of the digits, cut to those of a smaller corpus."""
    out.mkdir(parents=True)
    names = set(read_data_dir(shared / "data" / "all").utterances)
    lines = (LISTS / "fsdd" / "checksums").read_text().splitlines(keepends=True)
    (out / "checksums").write_text("".join(line for line in lines if line.split()[0] in names))
    (out / "spk2gender").write_bytes((LISTS / "fsdd" / "spk2gender").read_bytes())
    return out


def arabic(shared: Path, speakers: set[str]) -> dict[str, bytes]:
    """Files of the Arabic words' repository, of some speakers; and a word that is not listed."""
    data = read_data_dir(shared / "data" / "all")
    files = {"arabic-master/dataset/train.csv": b"", "arabic-master/dataset/zoom in/00000001_NO_01.wav": b""}
    for utterance, flac in data.recordings.items():
        speaker, word, take = utterance.split("-")
        if speaker in speakers:
            files[f"arabic-master/dataset/{word}/{speaker}_NO_{take}.wav"] = wav(flac)
    return files


def test_arabic_commands(corpus, place, tmp_path: Path) -> None:
    shared = corpus("arabic-speech-commands-mini")
    tested = {"00000017", "00000018"}
    lists = tmp_path / "lists"
    lists.mkdir()
    lines = (LISTS / shared.name / "checksums").read_text().splitlines(keepends=True)
    (lists / "checksums").write_text("".join(line for line in lines if line[:8] in {*tested, "00000001"}))
    (lists / "eval_speakers").write_text("".join(f"{speaker}\n" for speaker in sorted(tested)))
    folder = fetch(shared.name, place(shared.name, arabic(shared, {*tested, "00000001"})), lists, cache=tmp_path)
    assert set(read_data_dir(folder / "data" / "ubm").utt2spk.values()) == {"00000001"}
    ours, theirs = folder / "data" / "eval", shared / "data" / "eval"
    for name in ("trials", "trials_group5", "enroll_spk2utt", "group2utt", "text", "utt2spk", "utt2dur"):
        of_tested = [
            line
            for line in (theirs / name).read_text().splitlines()
            if set(re.findall(r"\b0000\d{4}\b", line)) <= tested
        ]
        assert (ours / name).read_text().splitlines() == of_tested, name


def test_the_lists_are_those_of_the_corpora(corpus) -> None:
    """What the whole lists would make, but for reading audio."""
    for name in ("librispeech-mini", "fsdd", "arabic-speech-commands-mini"):
        shared = corpus(name) / "data"
        for part, content in CORPORA[name].parts(Listing({}, {}), LISTS / name).items():
            if part == "whole":
                continue
            utterances = [line.split()[0] for line in content.segments] or list(content.utterances)
            assert utterances == list(read_map(shared / part / "utt2spk"))
            if (shared / part / "segments").exists():
                assert "\n".join(content.segments) + "\n" == (shared / part / "segments").read_text()
            if content.enrollment:
                lines = "".join(f"{s} {' '.join(names)}\n" for s, names in content.enrollment.items())
                assert lines == (shared / part / "enroll_spk2utt").read_text()


def test_checksums_are_of_samples(corpus) -> None:
    checksums = read_map(LISTS / "fsdd" / "checksums")
    data = read_data_dir(corpus("fsdd-tiny") / "data" / "all")
    for utterance in data.utterances[::24]:
        flac = data.recordings[utterance]
        assert samples_digest(flac.read_bytes(), "") == samples_digest(wav(flac), "") == checksums[utterance]


def test_an_utterance_with_other_samples(corpus, origin, place, tmp_path: Path) -> None:
    shared = corpus("fsdd-tiny")
    lists, files = tiny_lists(shared, tmp_path / "lists"), fsdd(shared)
    good = files["fsdd-26eb9aa/recordings/7_theo_5.wav"]
    for bad, problem in (
        (
            good[:-2] + b"\x00\x7f",
            r"found samples with SHA-256 \w+ in .*/7_theo_5\.wav \(deleted\), expected \w+$",
        ),
        (b"", r"7_theo_5\.wav: found no audio"),
    ):
        known = place("fsdd", {**files, "fsdd-26eb9aa/recordings/7_theo_5.wav": bad})
        with pytest.raises(DataError, match=problem):
            fetch("fsdd", known, lists, cache=tmp_path, pause=0)
        assert not list(tmp_path.rglob("7_theo_5.wav"))
        assert not list(tmp_path.rglob("wav.scp"))
        assert not list((tmp_path / "downloads").rglob("*.*"))
    folder = fetch("fsdd", place("fsdd", files), lists, cache=tmp_path, pause=0)
    assert (folder / "audio" / "recordings" / "7_theo_5.wav").read_bytes() == good


def test_an_archive_with_another_checksum(corpus, origin, place, tmp_path: Path) -> None:
    known = place("librispeech-mini", librispeech(corpus("librispeech-tiny"), "test-other"), checksum=True)
    origin.files["a.tar.gz"] += b"?"
    with pytest.raises(DownloadError, match=r"a\.tar\.gz: found a file with \w+ \(deleted\), expected md5:"):
        fetch("librispeech-mini", known, LISTS / "librispeech-mini", cache=tmp_path, pause=0)
    assert not list((tmp_path / "downloads").rglob("*.*"))
    assert not (tmp_path / "corpora").exists()


def test_an_archive_that_lacks_utterances(corpus, place, tmp_path: Path) -> None:
    known = place("librispeech-mini", librispeech(corpus("librispeech-tiny"), "test-other"))
    with pytest.raises(DataError, match=r"found no 1034-121119-0000 \(201 such\), expected the utter"):
        fetch("librispeech-mini", known, LISTS / "librispeech-mini", cache=tmp_path, pause=0)


def test_an_archive_that_is_none_or_leads_elsewhere(origin, place, corpus, tmp_path: Path) -> None:
    known = place("fsdd", {"fsdd/../../7_ann_1.wav": b"", "7_ann_2.wav": b""})
    with pytest.raises(DataError, match="audio"):
        fetch("fsdd", known, LISTS / "fsdd", cache=tmp_path, pause=0)
    assert not list(tmp_path.rglob("*.wav"))
    origin.files["a.tar.gz"] = b"<html>"
    (tmp_path / "downloads" / "fsdd" / "a.tar.gz").unlink()
    with pytest.raises(DataError, match="found a broken archive"):
        fetch("fsdd", known, LISTS / "fsdd", cache=tmp_path, pause=0)
