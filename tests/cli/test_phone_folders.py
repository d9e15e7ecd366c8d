"""The commands that work on phones, on a folder of recordings with transcripts beside them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from contents import contents
from said import stops, works

import gmmspeech as gs
from gmmspeech.formats.datadir import read_data_dir
from gmmspeech.formats.dictionary import cmudict_dictionary
from gmmspeech.formats.labels.textgrid import read_textgrid, read_timed_textgrid, write_textgrid
from gmmspeech.phones.labels.labels import Label
from gmmspeech.phones.labels.words import words_of


@pytest.fixture
def spoken(digits: Path, tmp_path: Path) -> Path:
    """A folder of two speakers' digits with transcripts beside them, and of all that may be wrong with such."""
    data = read_data_dir(digits)
    folder = tmp_path / "spoken"
    for number, utterance in enumerate(data.utterances[:6]):
        speaker = folder / ("ann", "bob")[number % 2]
        speaker.mkdir(parents=True, exist_ok=True)
        signal, rate = gs.read_audio(data.recordings[utterance])
        soundfile.write(speaker / f"{number}.flac", np.stack([signal, signal], axis=1) if number else signal, rate)
        (speaker / f"{number}.txt").write_text(f"{data.text[utterance].capitalize()}!\n")
    (folder / "ann" / "2.txt").write_text("Zzyzx zero 42")
    signal, rate = gs.read_audio(data.recordings[data.utterances[0]])
    for name in ("alone", "empty", "dots", "foreign", "long", "cut"):
        soundfile.write(folder / "ann" / f"{name}.wav", signal, rate)
    (folder / "ann" / "cut.wav").write_bytes((folder / "ann" / "cut.wav").read_bytes()[:-100])
    for name, text in {"empty": "", "dots": "…!", "foreign": "Добрый день", "nosound": "one", "cut": "one"}.items():
        (folder / "ann" / f"{name}.txt").write_text(text, encoding="utf-8")
    write_textgrid(folder / "ann" / "long.TextGrid", {"ann": [Label(0.0, 9.0, "one")]})
    return folder


BAD = {
    "ann/alone.wav": "found no transcript beside it",
    "ann/empty.txt": "found no text",
    "ann/dots": "found no words in its transcript",
    "ann/foreign": "found no word of 2 in the dictionary",
    "ann/long.TextGrid": "found a TextGrid of 9.000 s, expected",
    "ann/nosound.txt": "found no recording of that name beside it",
    "ann/cut": "cut short",
}


def test_a_folder_becomes_textgrids_by_one_command(run, spoken: Path, tmp_path: Path) -> None:
    out = tmp_path / "aligned"
    done = works(run("align", spoken, "--out", out))
    assert "7 skipped" in done.stdout
    told = [line for line in done.stderr.splitlines() if line.startswith("gmmspeech: skipped: ")]
    for name, reason in BAD.items():
        assert any(name in line and reason in line for line in told), (name, told)
    assert len(told) == len(BAD)
    assert "resampled 6 of 6 recordings from 8000 Hz to 16000; mixed 5 of 6 from two channels" in done.stderr
    assert (out / "unknown_words.txt").read_text().splitlines() == [
        "42 1 ann/2",
        "zzyzx 1 ann/2",
        "день 1 ann/foreign",
        "добрый 1 ann/foreign",
    ]
    grids = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.TextGrid"))
    assert grids == [f"{place}.TextGrid" for place in ("ann/0", "ann/2", "ann/4", "bob/1", "bob/3", "bob/5")]
    for name in grids:
        end, tiers = read_timed_textgrid(out / name)
        sound = soundfile.info(spoken / name.replace("TextGrid", "flac"))
        assert end == pytest.approx(sound.duration, abs=1e-6)
        assert [word.name for word in tiers["words"]] == words_of((spoken / name).with_suffix(".txt").read_text())
    phones = [label.name for label in read_textgrid(out / "ann" / "2.TextGrid")["phones"] if label.name != "SIL"]
    assert phones == ["SPN", "Z", *phones[2:-1], "SPN"]


def test_tiers_are_chosen(run, spoken: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "tiers", tmp_path / "aligned"
    folder.mkdir()
    for number in (1, 3):
        shutil.copy(spoken / "bob" / f"{number}.flac", folder)
        end = soundfile.info(folder / f"{number}.flac").duration
        said = Label(0.0, end, (spoken / "bob" / f"{number}.txt").read_text().strip())
        tiers = {"said": [said], "German": [said._replace(name="Auf Wiedersehen")]}
        write_textgrid(folder / f"{number}.TextGrid", tiers, duration=end)
    both = run("align", folder, "--out", tmp_path / "both")
    assert "warning: --tier: found two of the same times in 2 TextGrids, took both for speakers'" in both.stderr
    for command in (
        ("align", folder, "--out", out),
        ("train-phones", folder, tmp_path / "m.h5", "--max-iter", 2, "-k", 40),
        ("recognize", folder, "--dictionary", "cmudict"),
        ("make-ngram", folder, tmp_path / "words.arpa"),
    ):
        done = works(run(*command, "--tier", "said"))
        assert "two of the same times" not in done.stderr
        assert "not in the dictionary" not in done.stderr
        refused = run(*command, "--tier", "sagt")
        (line,) = refused.stderr.splitlines()
        assert line.endswith(f"error: --tier: found no tier sagt in {folder}, expected one of said, German")
    assert list(read_textgrid(out / "1.TextGrid")) == ["words", "phones"]
    labels = ("train-phones", folder, tmp_path / "m.h5", "--labels", out, "--tier", "words", "--tier", "phones")
    assert "--tier: found 2 beside labels, expected one" in run(*labels).stderr


def test_another_run_replaces_its_own_files_alone(run, spoken: Path, tmp_path: Path) -> None:
    out = tmp_path / "aligned"
    (out / "ann").mkdir(parents=True)
    for name in ("notes.txt", "ann/9.TextGrid"):
        (out / name).write_text("of someone else")
    assert run("align", spoken, "--out", out).exit_code == 0
    before = contents(out)
    stops(run("align", spoken, "--out", out, "--strict"), "found 4 files that can't be used; the first: ann/alone.wav")
    assert contents(out) == before
    other = works(run("align", spoken / "bob", "--out", out))
    assert f"{out}: found results of 6 recordings that this run lacks, the first ann/0: they stay" in other.stderr
    after = contents(out)
    assert {name for name in before if after.get(name) != before[name]} == {"alignment.csv", "unknown_words.txt"}
    assert {name for name in after if name not in before} == {f"{n}.TextGrid" for n in (1, 3, 5)}
    compared = run("compare-alignment", out, out)
    assert "found 7 TextGrids that alignment.csv does not tell of, left out as of another run" in compared.stderr
    assert compared.stdout.startswith("3 files compared")
    refused = run("align", spoken / "bob", "--out", out, "--format", "ctm")
    stops(refused, "found 1.TextGrid of an earlier run, expected an empty folder, or results in the same")
    inside = spoken / "bob" / "aligned"  # the results of one run lie among what the next reads
    assert run("align", spoken / "bob", "--out", inside).exit_code == 0
    again = works(run("align", spoken / "bob", "--out", spoken / "bob" / "more", "--strict"))
    assert "skipped:" not in again.stderr
    assert contents(out) == after


def test_train_phones_on_a_folder(run, spoken: Path, tmp_path: Path) -> None:
    model, dictionary = tmp_path / "m.h5", tmp_path / "digits.dict"
    english = cmudict_dictionary()
    listed = ["ZERO", "ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE"]
    lines = [f"{word} {' '.join(phones)}" for word in listed for phones in english[word]]
    dictionary.write_text("\n".join([*lines, "bad", "worse 7.5 K"]) + "\n")
    words = ("train-phones", spoken, model, "--dictionary", dictionary, "-k", 40, "--max-iter", 2)
    done = works(run(*words))
    assert "left out 2 lines of a dictionary; the first: " in done.stderr
    assert f"; the others: {len(lines) + 2}\n" in done.stderr
    assert f"{dictionary}:{len(lines) + 1}: found bad alone" in done.stderr
    assert "not in the dictionary: zzyzx (1 time)" in done.stderr
    assert (tmp_path / "m.unknown_words.txt").read_text().startswith("42 1 ann/2\nzzyzx 1 ann/2\n")
    for name, reason in BAD.items():
        assert name in done.stderr
        assert reason in done.stderr
    assert "7 skipped" in done.stdout
    assert "SPN" in gs.load(model).phones
    for more in (("--unknown-words", "skip"), ("--unknown-words", "SIL"), ("--channel", 0)):
        assert run(*words, *more).exit_code == 0
    stops(run(*words, "--strict"), "digits.dict:", "found bad alone")


def test_correct_some_train_on_them_and_align_the_rest(run, spoken: Path, tmp_path: Path) -> None:
    first, fixed, model = tmp_path / "first", tmp_path / "fixed", tmp_path / "m.h5"
    assert run("align", spoken, "--out", first).exit_code == 0
    fixed.mkdir()  # recordings with TextGrids beside them, and no transcripts
    for place in ("ann/0", "ann/2", "bob/1"):
        shutil.copy(spoken / f"{place}.flac", fixed)
        shutil.copy(first / f"{place}.TextGrid", fixed)
    shutil.copy(spoken / "bob" / "3.flac", fixed)
    soundfile.write(fixed / "said.wav", np.zeros(8000), 8000)
    write_textgrid(fixed / "said.TextGrid", {"phones": [Label(0.1, 0.9, "hello my friends")]})
    labeled = {
        label.name
        for path in ("ann/0", "ann/2", "bob/1")
        for label in read_textgrid(first / f"{path}.TextGrid")["phones"]
    }
    for folder, labels, init in (
        (fixed, fixed, "flat"),
        (fixed, fixed, "english"),
        (spoken, fixed, "english"),
        (fixed, first / "alignment.csv", tmp_path / "before.h5"),
    ):
        if model.exists():
            model.replace(tmp_path / "before.h5")
        done = works(run("train-phones", folder, model, "--labels", labels, "--init", init, "-k", 40, "--max-iter", 2))
        known = set(gs.load(model).phones)
        assert known == (labeled | {"SIL", "SPN"} if init == "flat" else set(gs.phones.english_model().phones))
        if labels == fixed == folder:
            assert (
                f"{fixed}: found no labels of 1 recording of {fixed} and no transcript, left out: 3.flac" in done.stderr
            )
            assert "skipped: said: found labels hello my friends, expected phones" in done.stderr
            assert "1 skipped" in done.stdout
    works(run("align", spoken, model, "--out", tmp_path / "again"))
    stops(run("train-phones", fixed, model, "--labels", fixed, "--strict"), "found no labels of 1 recording of ")
    only = run("train-phones", fixed, model, "--labels", fixed / "said.TextGrid")
    stops(only, "found 1 utterance without phones; the first: said: found labels hello my friends")


def test_front_ends_that_do_not_fit_are_refused_before_the_work(run, spoken: Path, tmp_path: Path) -> None:
    front, model = tmp_path / "front.toml", tmp_path / "m.h5"
    usual = (Path(gs.__file__).parent / "conf" / "phones.toml").read_text()
    for text, init, reason in (
        (usual.replace("[deltas]", "frame_shift = 5\n[deltas]"), "english", "frames with features.frame_shift = 5"),
        (usual + '[vad]\nmethod = "relative"\n', "flat", "found voice activity detection"),
    ):
        front.write_text(text)
        stops(run("train-phones", spoken, model, "--config", front, "--init", init), reason)
        assert not (tmp_path / "m.unknown_words.txt").exists()


def test_each_line_of_what_was_left_out_has_its_name(run, spoken: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    signal, rate = gs.read_audio(spoken / "ann" / "0.flac")
    for name, text in {"a": "one", "frame": "one " * 900, "one 100%": "two " * 900}.items():
        soundfile.write(alone / f"{name}.wav", signal, rate)
        (alone / f"{name}.txt").write_text(text)
    done = works(run("align", alone, "--out", tmp_path / "out"))
    for name in ("frame", "one 100%"):
        assert f"skipped: {name}: found" in done.stderr
    trained = run("train-phones", alone, tmp_path / "m.h5", "--max-iter", 1)
    assert " of 1 utterance, all paths, 2 skipped" in trained.stdout, trained.output
    (alone / "a.wav").unlink()
    nothing = run("align", alone, "--out", tmp_path / "nothing")
    stops(nothing, "all 2 utterances are bad; the first: utterance frame: found")
    assert not (tmp_path / "nothing").exists()
    other = run("align", spoken, "--channel", 7, "--out", tmp_path / "other").stderr
    assert "error: all 7 utterances are bad; the first: utterance ann/0" in other  # and no temporary file


def test_recognize_takes_a_folder_of_recordings(run, spoken: Path, tmp_path: Path) -> None:
    words = ("--dictionary", "cmudict", "--words", "zero,one,two,three,four,five,six,seven,eight,nine", "--isolated")
    done = works(run("recognize", spoken, *words))
    names = [line.split()[0] for line in done.stdout.splitlines()[:-1]]
    assert {"ann/0", "ann/alone", "bob/5"} <= set(names)
    assert "ann/cut" not in names
    assert "word error rate: " in done.stdout
    assert "skipped 4 utterances (" in done.stderr
    assert "ann/cut" in done.stderr
    assert run("align", spoken, "--out", tmp_path / "out").exit_code == 0
    for labels in (tmp_path / "out", tmp_path / "out" / "alignment.csv"):
        found = works(run("recognize", spoken, "--phones", labels, "--reference", labels))
        assert "phone error rate: " in found.stdout
        assert "not counted: " in found.stderr
    strict = run("recognize", spoken, *words, "--strict")
    assert strict.exit_code == 1
    for path in (spoken / "ann").glob("*.txt"):
        path.unlink()
    alone = works(run("recognize", spoken / "ann", *words))
    assert "error rate" not in alone.stdout
    nothing = run("recognize", tmp_path / "out", *words)
    assert "found no recordings; the first: " in nothing.stderr
    assert nothing.stderr.endswith("expected recordings, or a data directory with wav.scp\n")


@pytest.mark.parametrize("name", ["sil", "sp", ""])
def test_silence_of_another_name_is_silence(run, spoken: Path, tmp_path: Path, name: str) -> None:
    first, other = tmp_path / "first", tmp_path / "other"
    assert run("align", spoken, "--out", first).exit_code == 0
    for path in sorted(first.rglob("*.TextGrid")):
        phones = [
            label._replace(name=name) if label.name == "SIL" else label for label in read_textgrid(path)["phones"]
        ]
        write_textgrid(other / path.relative_to(first), {"phones": [label for label in phones if label.name]})
    models = []
    for labels in (first, other):
        done = works(run("train-phones", spoken, tmp_path / "m.h5", "--labels", labels, "-k", 40, "--max-iter", 2))
        models.append(gs.load(tmp_path / "m.h5"))
    assert models[0].phones == models[1].phones
    np.testing.assert_array_equal(models[0].means, models[1].means)
    assert ("labels: found no silence among them, took " in done.stderr) == (not name)
