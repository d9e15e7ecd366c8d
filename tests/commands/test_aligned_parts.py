"""Folders that are aligned part by part: runs that are killed go on where they were, and end with the same bytes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from contents import contents

import gmmspeech as gs
from gmmspeech.commands import aligned_parts
from gmmspeech.commands.alignment import align_dir

KILLED = """
import os, signal, sys
from pathlib import Path
from gmmspeech.commands import aligned_parts, phone_features
from gmmspeech.commands.alignment import align_dir

aligned_parts.PART_BYTES, phone_features.SHARDS = 150_000, 4
folder, out = map(Path, sys.argv[1:])
align, aligned = aligned_parts.align, []
def counted(model, store, words, *rest, **options):
    if len(aligned) == last:
        os.kill(os.getpid(), signal.SIGKILL)
    aligned.extend(words)
    return align(model, store, words, *rest, **options)
aligned_parts.align = counted
for last in (0, 4, None):  # utterances that are aligned before
    if (child := os.fork()) == 0:
        align_dir(folder, None, None, out=out, confidence=True)
        print(*aligned)
        sys.stdout.flush()
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status == (0 if last is None else -signal.SIGKILL), status
    assert last is None or not list(out.glob("*.csv"))
"""


@pytest.fixture
def recordings(corpus, tmp_path: Path) -> Path:
    """Folders of three speakers who read two sentences each; one transcript is of nothing."""
    data = gs.read_data_dir(corpus("librispeech-tiny") / "data" / "all")
    speakers = sorted(set(data.utt2spk.values()))[:3]
    for speaker in speakers:
        own = [u for u in data.utterances if data.utt2spk[u] == speaker][:2]
        for utterance in own:
            audio = data.recordings[utterance]
            place = tmp_path / "in" / speaker / utterance
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(audio, place.with_suffix(audio.suffix))
            place.with_suffix(".txt").write_text(data.text[utterance])
    place.with_suffix(".txt").write_text("oh " * 400)  # far more words than frames
    return tmp_path / "in"


@pytest.mark.skipif(os.name == "nt", reason="needs fork")
@pytest.mark.filterwarnings("ignore::gmmspeech.errors.GmmSpeechWarning")
def test_a_killed_run_goes_on_and_ends_with_the_bytes_of_one_that_aligns_all_at_once(recordings, tmp_path):
    at_once, in_parts = tmp_path / "expected", tmp_path / "found"
    done = align_dir(recordings, None, None, out=at_once, confidence=True)
    assert len(done.alignments) == 5
    words = [sys.executable, "-c", KILLED, str(recordings), str(in_parts)]
    last = subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()
    assert set(last) <= {*done.alignments, *done.skipped}
    assert len(last) == 2  # what others had not aligned
    assert contents(in_parts) == contents(at_once)
    assert not list(tmp_path.glob(".*"))


@pytest.mark.filterwarnings("ignore::gmmspeech.errors.GmmSpeechWarning")
def test_what_was_kept_of_other_words_is_not_taken(recordings, tmp_path, monkeypatch):
    monkeypatch.setattr(aligned_parts, "PART_BYTES", 150_000)
    transcript = next(recordings.rglob("*.txt"))
    with monkeypatch.context() as patch:
        patch.setattr("gmmspeech.commands.alignment.write_alignments", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            align_dir(recordings, None, None, out=tmp_path / "out")
    assert len(list((tmp_path / ".out.unfinished").glob("part-*"))) == 3
    transcript.write_text("hello")
    done = align_dir(recordings, None, None, out=tmp_path / "out")
    assert [word.name for word in done.alignments[f"{transcript.parent.name}/{transcript.stem}"].words] == ["hello"]
    assert not list(tmp_path.glob(".*"))


@pytest.mark.filterwarnings("ignore::gmmspeech.errors.GmmSpeechWarning")
def test_what_was_kept_of_a_model_with_another_question_is_not_taken(recordings, tmp_path, monkeypatch):
    monkeypatch.setattr(aligned_parts, "PART_BYTES", 150_000)
    model = gs.phones.english_model(contexts=True)
    questions = model.tree.questions.copy()
    questions[len(questions) // 2] ^= True  # in the midst of an array that NumPy would not print whole
    others = [model, replace(model, tree=replace(model.tree, questions=questions))]
    for number, each in enumerate(others, start=1):
        each.save(tmp_path / "model.h5")
        with monkeypatch.context() as patch:
            patch.setattr("gmmspeech.commands.alignment.write_alignments", lambda *_, **__: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                align_dir(recordings, tmp_path / "model.h5", None, out=tmp_path / "out")
        assert len(list((tmp_path / ".out.unfinished").glob("part-*"))) == 3 * number


@pytest.mark.filterwarnings("ignore::gmmspeech.errors.GmmSpeechWarning")
def test_damaged_parts_are_aligned_again_and_lie_in_the_output_where_nothing_may_lie_beside_it(
    recordings, tmp_path, monkeypatch
):
    at_once, out = tmp_path / "expected", tmp_path / "out"
    align_dir(recordings, None, None, out=at_once)
    out.mkdir()
    monkeypatch.setattr(aligned_parts, "PART_BYTES", 150_000)
    monkeypatch.setattr(aligned_parts.os, "access", lambda path, mode: Path(path) != tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("gmmspeech.commands.alignment.write_alignments", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            align_dir(recordings, None, None, out=out)
    first, second, third = (out / ".unfinished").glob("part-*")
    first.write_text(first.read_text()[:-9])
    second.write_text("".join(second.read_text().splitlines(keepends=True)[:-1]))
    third.write_text("")
    align_dir(recordings, None, None, out=out)
    assert contents(out) == contents(at_once)
