"""The commands that work on phones, as a user types them."""

from __future__ import annotations

import functools
import os
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import Result

import gmmspeech as gs
from gmmspeech.formats import espeak
from gmmspeech.formats.datadir import read_data_dir, read_map
from gmmspeech.formats.dictionary import cmudict_dictionary, read_dictionary
from gmmspeech.formats.labels import read_ctm
from gmmspeech.formats.textgrid import read_textgrid, read_timed_textgrid, write_textgrid
from gmmspeech.phones.labels.labels import Label
from gmmspeech.phones.labels.words import words_of

cmudict_once = functools.cache(cmudict_dictionary)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def digits(corpus, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The first take of six speakers' digits."""
    monkeypatch.setattr("gmmspeech.commands.transcripts.cmudict_dictionary", cmudict_once)  # which takes a second
    whole, place = corpus("fsdd-tiny"), tmp_path_factory.mktemp("corpus")
    (place / "audio").symlink_to(whole / "audio")
    (place / "data" / "test").mkdir(parents=True)
    for name in ("wav.scp", "utt2spk", "text", "phones.ctm"):
        lines = (whole / "data" / "test" / name).read_text().splitlines(keepends=True)
        kept = (line for line in lines if line.split()[0].endswith("-00"))
        (place / "data" / "test" / name).write_text("".join(kept))
    return place / "data" / "test"


def test_train_align_recognize(run, digits: Path, tmp_path: Path) -> None:
    model, cmudict = tmp_path / "m.h5", ("--dictionary", "cmudict")
    few = ("--config", "phones_8khz", "-k", 80, "--max-iter", 8)
    words = ("train-phones", digits, model, *cmudict, *few)
    trained = run(*words, "--jobs", 2)
    assert trained.exit_code == 0, trained.output
    assert trained.stdout.startswith("21 phones, 63 states, ")
    assert "phone HMMs: 21 phones, 63 states" in run("show", model).stdout

    (tmp_path / "al").mkdir()
    (tmp_path / "al" / ".phones.01234567.ctm").touch()  # of a run that was killed
    report = ("--report", tmp_path / "al.html")
    aligned = run("align", digits, model, *cmudict, "--out", tmp_path / "al", "--goodness", *report)
    assert aligned.exit_code == 0, aligned.output
    assert {path.name for path in (tmp_path / "al").iterdir()} == {"phones.ctm", "words.ctm", "alignment.csv"}
    phones = read_ctm(tmp_path / "al" / "phones.ctm")
    assert f"{len(phones)} utterances, {sum(map(len, phones.values()))} phones in " in aligned.stdout
    assert "<h2>Worst words</h2>" in (tmp_path / "al.html").read_text()
    grids = ("--format", "textgrid", "--confidence", "--out", tmp_path / "grids")
    assert run("align", digits, model, *cmudict, *grids).exit_code == 0
    again = run("train-phones", digits, tmp_path / "n.h5", *cmudict, "--labels", tmp_path / "grids", *few[:-1], 2)
    assert again.exit_code == 0, again.output
    same = run("compare-alignment", tmp_path / "al", tmp_path / "grids")
    assert "100.0 %" in same.stdout.splitlines()[3]
    earlier = run("align", digits, model, *cmudict, "--times", "start", "--out", tmp_path / "early")
    assert earlier.exit_code == 0, earlier.output
    for name, labels in read_ctm(tmp_path / "early" / "phones.ctm").items():
        moved = [label.start - 0.0075 for label in phones[name][1:]]
        np.testing.assert_allclose([label.start for label in labels[1:]], moved, atol=1e-3)
    listed = run("align", digits, model, *cmudict)
    assert len(listed.stdout.splitlines()) == 1 + sum(map(len, phones.values()))

    for more in (("--isolated",), ("--penalty", 10, "--words", "zero,one,two,three,four,five,six,seven,eight,nine")):
        found = run("recognize", digits, model, *cmudict, *more)
        assert found.exit_code == 0, found.output
        assert len(found.stdout.splitlines()) == len(phones) + 1
        assert float(found.stdout.splitlines()[-1].split()[3]) < 15  # per cent

    ctm = digits / "phones.ctm"
    found = run("recognize", digits, model, "--phones", tmp_path / "al" / "phones.ctm", "--reference", ctm)
    assert found.exit_code == 0, found.output
    assert float(found.stdout.splitlines()[-1].split("phone error rate: ")[1].split()[0]) < 60  # per cent
    some = tmp_path / "some.ctm"
    first = next(iter(phones))
    some.write_text("".join(line for line in ctm.read_text().splitlines(True) if line.startswith(f"{first} ")))
    found = run("recognize", digits, model, "--phones", ctm, "--reference", some)
    assert f"not counted: {len(phones) - 1} utterances without a reference" in found.stderr
    some.write_text(some.read_text().upper().replace(first.upper(), "another"))
    found = run("recognize", digits, model, "--phones", ctm, "--reference", some)
    assert found.exit_code == 1
    assert "reference: found no phone of any of" in found.stderr
    assert "found both or none of --dictionary and --phones" in run("recognize", digits, model).stderr


def test_a_word_that_the_dictionary_lacks(run, digits: Path, tmp_path: Path) -> None:
    data = tmp_path / "corpus" / "data" / "test"
    shutil.copytree(digits.parents[1], tmp_path / "corpus")
    text = (data / "text").read_text().splitlines()
    (data / "text").write_text("\n".join([text[0].split()[0] + " xyzzy", *text[1:]]) + "\n")
    words = ("train-phones", data, tmp_path / "m.h5", "--dictionary", "cmudict", "--config", "phones_8khz")
    few = ("-k", 60, "--max-iter", 2)
    stopped = run(*words, *few)
    assert stopped.exit_code == 1
    assert "xyzzy" in stopped.stderr
    assert not (tmp_path / "m.h5").exists()
    assert run(*words, *few, "--skip-bad").exit_code == 0

    align = ("align", data, tmp_path / "m.h5", "--dictionary", "cmudict")
    assert "xyzzy" in run(*align).stderr
    left_out = run(*align, "--skip-bad", "--out", tmp_path / "al")
    assert left_out.exit_code == 0
    assert "not in the dictionary: xyzzy (1 time)" in left_out.stderr
    assert "1 skipped" in left_out.stdout


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes there")
def test_bad_recordings_are_skipped_named_and_counted(run, digits: Path, tmp_path: Path) -> None:
    data = tmp_path / "corpus" / "data" / "test"
    shutil.copytree(digits.parents[1], tmp_path / "corpus")
    paths = read_map(data / "wav.scp")
    names = sorted(paths)[:3]
    files = [tmp_path / "corpus" / paths[name] for name in names]
    for file in files:
        file.unlink()
    os.mkfifo(files[0])
    files[1].mkdir()
    files[2].write_bytes(b"\0\0\0\x20ftypM4A " + bytes(500))

    def says(done: Result) -> None:
        assert done.exit_code == 0, done.output
        assert all(name in done.stderr for name in names), done.stderr
        assert "3 skipped" in done.output or "skipped 3 utterances" in done.stderr

    front = ("--config", "phones_8khz")
    says(run("features", data, tmp_path / "f.h5", *front, "--skip-bad"))
    model, words = tmp_path / "m.h5", ("--dictionary", "cmudict")
    says(run("train-phones", data, model, *words, *front, "-k", 60, "--max-iter", 2, "--skip-bad"))
    says(run("align", data, model, *words, "--out", tmp_path / "al", "--skip-bad"))
    says(run("recognize", data, model, *words, "--isolated", "--skip-bad"))
    stopped = run("align", data, model, *words)
    assert stopped.exit_code == 1
    assert f"utterance {names[0]}: {files[0]}: is no file, expected a recording" in stopped.stderr


def test_training_begins_with_a_model_of_other_phones(run, digits: Path, tmp_path: Path) -> None:
    english, ipa = tmp_path / "english.h5", tmp_path / "ipa.dict"
    short = ("--max-iter", 3, "-k", 60)
    first = run("train-phones", digits, english, "--dictionary", "cmudict", "--config", "phones_8khz", *short)
    assert first.exit_code == 0, first.output
    digit_words = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    ipa.write_text(run("pronounce", *digit_words).stdout, encoding="utf-8")
    (tmp_path / "map").write_text("z S\nɹ W\n", encoding="utf-8")
    model = tmp_path / "ipa.h5"
    start = ("--init", english, "--phone-map", tmp_path / "map")
    done = run("train-phones", digits, model, "--dictionary", ipa, *start, *short)
    assert done.exit_code == 0, done.output
    assert "θ" in run("show", model).stdout
    aligned = run("align", digits, english, "--dictionary", ipa, "--out", tmp_path / "al")
    assert aligned.exit_code == 0, aligned.output
    assert "phones that the model lacks: each is taken for its neighbor" in aligned.stderr
    assert "θ" in {label.name for labels in read_ctm(tmp_path / "al" / "phones.ctm").values() for label in labels}

    for options, expected in (
        (("--phone-map", tmp_path / "map", "--init", "flat"), "--phone-map: found it without --init, expected both"),
        ((*start, "--config", "phones"), "expected sample_frequency = 8000"),
        (
            ("--init", english, "--phone-map", ipa),
            ".dict:1: found 5 fields, expected 2 (a phone, and the phone of --init that it begins as)",
        ),
        (("--phone-map", tmp_path / "map", "--labels", digits / "phones.ctm"), "--phone-map: found it without --init"),
        (("--contexts", "word-internal"), "--contexts: found it without --ladder, expected both"),
    ):
        refused = run("train-phones", digits, tmp_path / "no.h5", "--dictionary", ipa, *options)
        assert refused.exit_code in (1, 2)
        assert expected in refused.stderr.splitlines()[-1]
        assert not (tmp_path / "no.h5").exists()


def test_another_language_with_the_english_model(run, digits: Path, tmp_path: Path) -> None:
    done = run("align", digits, "--language", "de", "--out", tmp_path / "al")
    assert done.exit_code == 0, done.output
    assert "model: found one of language en for de, took the nearest phones; expected one that train" in done.stderr
    place = tmp_path / "al" / "pronounced_words.dict"
    assert f"pronounced by eSpeak NG: 10 words, all in {place}" in done.stderr
    before = place.read_bytes()
    refused = run("align", digits, "--language", "de", "--dictionary", place, "--out", tmp_path / "al")
    assert refused.exit_code == 1
    assert f"--dictionary: found {place}, which --out would replace" in refused.stderr
    assert place.read_bytes() == before
    named = {label.name for labels in read_ctm(tmp_path / "al" / "phones.ctm").values() for label in labels}
    assert {"SIL"} < named == {p for words in read_dictionary(place).values() for p in words[0]} | {"SIL"}
    model = tmp_path / "de.h5"
    options = ("--language", "de", "--init", "english", "--max-iter", 2)
    trained = run("train-phones", digits, model, *options)
    assert trained.exit_code == 0, trained.output
    beside = tmp_path / "de.pronounced_words.dict"
    assert f"pronounced by eSpeak NG: 10 words, all in {beside}" in trained.stderr
    assert read_dictionary(beside) == read_dictionary(place)
    refused = run("train-phones", digits, model, *options, "--dictionary", beside)
    assert f"--dictionary: found {beside}, which training {model} would replace, expected a copy" in refused.stderr
    assert read_dictionary(beside) == read_dictionary(place)
    again = run("align", digits, model, "--dictionary", place, "--out", tmp_path / "again")
    assert again.exit_code == 0, again.output
    assert "lacks" not in again.stderr
    assert not (tmp_path / "again" / place.name).exists()
    assert "language: de\n" in run("show", model).stdout
    german = run("align", digits, model, "--out", tmp_path / "own")
    assert "pronounced by eSpeak NG: 10 words" in german.stderr
    assert "language:" not in german.stderr
    assert read_dictionary(tmp_path / "own" / place.name) == read_dictionary(place)
    other = run("align", digits, model, "--language", "en", "--out", tmp_path / "other")
    assert "found one of language de for en" in other.stderr
    assert run("pronounce", "zwei", "--model", model).stdout.startswith("zwei ts v ")
    older = gs.load(model).with_language(None)
    older.save(tmp_path / "older.h5")
    untold = run("align", digits, tmp_path / "older.h5", "--out", tmp_path / "untold")
    assert "language: found none, and a model that does not tell its own, took en" in untold.stderr
    on = run("train-phones", digits, tmp_path / "on.h5", "--init", model, "--max-iter", 1)
    assert "language: found none, took de, that of the model to begin with" in on.stderr
    known = ("--dictionary", place, "--max-iter", 1)
    assert run("train-phones", digits, tmp_path / "on.h5", *known, "--init", model).exit_code == 0
    assert gs.load(tmp_path / "on.h5").language is None


def test_a_language_that_there_is_not_is_told_first(run, digits: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for words in (("align", digits), ("train-phones", digits, "m.h5")):
        refused = run(*words, "--language", "zz")
        assert refused.exit_code == 1
        assert refused.stderr.splitlines() == [
            "gmmspeech: error: --language: found 'zz', expected one that eSpeak NG has, such as de (German), es "
            "(Spanish (Spain)), ru (Russian), cmn (Chinese (Mandarin, latin as English))"
        ]
    monkeypatch.setattr("gmmspeech.formats.espeak.importlib.util.find_spec", lambda _: None)
    espeak._languages.cache_clear()
    refused = run("align", digits, "--language", "de")
    assert refused.exit_code == 1
    (line,) = refused.stderr.splitlines()
    assert 'found no package espeakng-loader, expected the extra "g2p" (pip install "gmmspeech[g2p]"), or a' in line
    warnings.simplefilter("error")
    with pytest.raises(gs.errors.ConfigError, match="espeakng-loader"):
        gs.align_file((np.zeros(16000), 16000), "ja", language="de")


def test_a_plain_text_as_dictionary(run, digits: Path, tmp_path: Path) -> None:
    text, few = tmp_path / "text.txt", tmp_path / "few.dict"
    text.write_text("one two three four five six\n")
    few.write_text("one W AH N\nzero zee er oh zero\n")
    for command in (("align", digits), ("train-phones", digits, tmp_path / "m.h5")):
        refused = run(*command, "--dictionary", text)
        assert refused.exit_code == 1
        assert f"{text}:1: found two three four five six behind one, expected the phones" in refused.stderr
    refused = run("align", digits, "--dictionary", few)
    assert refused.exit_code == 1
    assert refused.stderr.splitlines()[-1].startswith("gmmspeech: error: --dictionary: found zero in ")
    refused = run("recognize", digits, gs.phones.shipped.ENGLISH, "--dictionary", text)
    assert f"{text}:1: found two three" in refused.stderr
    with pytest.raises(gs.errors.DataError, match="dictionary: found world in hello, expected a phone, in IPA"):
        gs.align_file((np.zeros(16000), 16000), "hello", dictionary={"HELLO": [["world"]]})


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
    done = run("align", spoken, "--out", out)
    assert done.exit_code == 0, done.output
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
        done = run(*command, "--tier", "said")
        assert done.exit_code == 0, done.output
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
    strict = run("align", spoken, "--out", out, "--strict")
    assert strict.exit_code == 1
    assert "found 4 files that can't be used; the first: ann/alone.wav" in strict.stderr
    assert contents(out) == before
    other = run("align", spoken / "bob", "--out", out)
    assert other.exit_code == 0
    assert f"{out}: found results of 6 recordings that this run lacks, the first ann/0: they stay" in other.stderr
    after = contents(out)
    assert {name for name in before if after.get(name) != before[name]} == {"alignment.csv", "unknown_words.txt"}
    assert {name for name in after if name not in before} == {f"{n}.TextGrid" for n in (1, 3, 5)}
    compared = run("compare-alignment", out, out)
    assert "found 7 TextGrids that alignment.csv does not tell of, left out as of another run" in compared.stderr
    assert compared.stdout.startswith("3 files compared")
    refused = run("align", spoken / "bob", "--out", out, "--format", "ctm")
    assert refused.exit_code == 1
    assert "found 1.TextGrid of an earlier run, expected an empty folder, or results in the same" in refused.stderr
    inside = spoken / "bob" / "aligned"  # the results of one run lie among what the next reads
    assert run("align", spoken / "bob", "--out", inside).exit_code == 0
    again = run("align", spoken / "bob", "--out", spoken / "bob" / "more", "--strict")
    assert again.exit_code == 0, again.output
    assert "skipped:" not in again.stderr
    assert contents(out) == after


def test_train_phones_on_a_folder(run, spoken: Path, tmp_path: Path) -> None:
    model, dictionary = tmp_path / "m.h5", tmp_path / "digits.dict"
    english = cmudict_once()
    listed = ["ZERO", "ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE"]
    lines = [f"{word} {' '.join(phones)}" for word in listed for phones in english[word]]
    dictionary.write_text("\n".join([*lines, "bad", "worse 7.5 K"]) + "\n")
    words = ("train-phones", spoken, model, "--dictionary", dictionary, "-k", 40, "--max-iter", 2)
    done = run(*words)
    assert done.exit_code == 0, done.output
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
    stopped = run(*words, "--strict")
    assert stopped.exit_code == 1
    assert "digits.dict:" in stopped.stderr
    assert "found bad alone" in stopped.stderr


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
        done = run("train-phones", folder, model, "--labels", labels, "--init", init, "-k", 40, "--max-iter", 2)
        assert done.exit_code == 0, done.output
        known = set(gs.load(model).phones)
        assert known == (labeled | {"SIL", "SPN"} if init == "flat" else set(gs.phones.english_model().phones))
        if labels == fixed == folder:
            assert (
                f"{fixed}: found no labels of 1 recording of {fixed} and no transcript, left out: 3.flac" in done.stderr
            )
            assert "skipped: said: found labels hello my friends, expected phones" in done.stderr
            assert "1 skipped" in done.stdout
    aligned = run("align", spoken, model, "--out", tmp_path / "again")
    assert aligned.exit_code == 0, aligned.output
    strict = run("train-phones", fixed, model, "--labels", fixed, "--strict")
    assert strict.exit_code == 1
    assert "found no labels of 1 recording of " in strict.stderr
    only = run("train-phones", fixed, model, "--labels", fixed / "said.TextGrid")
    assert only.exit_code == 1
    assert "found 1 utterance without phones; the first: said: found labels hello my friends" in only.stderr


def test_front_ends_that_do_not_fit_are_refused_before_the_work(run, spoken: Path, tmp_path: Path) -> None:
    front, model = tmp_path / "front.toml", tmp_path / "m.h5"
    usual = (Path(gs.__file__).parent / "conf" / "phones.toml").read_text()
    for text, init, reason in (
        (usual.replace("[deltas]", "frame_shift = 5\n[deltas]"), "english", "frames with features.frame_shift = 5"),
        (usual + '[vad]\nmethod = "relative"\n', "flat", "found voice activity detection"),
    ):
        front.write_text(text)
        done = run("train-phones", spoken, model, "--config", front, "--init", init)
        assert done.exit_code == 1
        assert reason in done.stderr
        assert done.stderr.count("\n") == 1
        assert not (tmp_path / "m.unknown_words.txt").exists()


def test_each_line_of_what_was_left_out_has_its_name(run, spoken: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    signal, rate = gs.read_audio(spoken / "ann" / "0.flac")
    for name, text in {"a": "one", "frame": "one " * 900, "one": "two " * 900}.items():
        soundfile.write(alone / f"{name}.wav", signal, rate)
        (alone / f"{name}.txt").write_text(text)
    done = run("align", alone, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    for name in ("frame", "one"):
        assert f"skipped: {name}: found" in done.stderr
    trained = run("train-phones", alone, tmp_path / "m.h5", "--max-iter", 1)
    assert " of 1 utterance, all paths, 2 skipped" in trained.stdout, trained.output
    (alone / "a.wav").unlink()
    nothing = run("align", alone, "--out", tmp_path / "nothing")
    assert nothing.exit_code == 1
    assert "all 2 utterances are bad; the first: utterance frame: found" in nothing.stderr
    assert not (tmp_path / "nothing").exists()
    other = run("align", spoken, "--channel", 7, "--out", tmp_path / "other").stderr
    assert "error: all 7 utterances are bad; the first: utterance ann/0" in other  # and no temporary file


def test_recognize_takes_a_folder_of_recordings(run, spoken: Path, tmp_path: Path) -> None:
    words = ("--dictionary", "cmudict", "--words", "zero,one,two,three,four,five,six,seven,eight,nine", "--isolated")
    done = run("recognize", spoken, *words)
    assert done.exit_code == 0, done.output
    names = [line.split()[0] for line in done.stdout.splitlines()[:-1]]
    assert {"ann/0", "ann/alone", "bob/5"} <= set(names)
    assert "ann/cut" not in names
    assert "word error rate: " in done.stdout
    assert "skipped 4 utterances (" in done.stderr
    assert "ann/cut" in done.stderr
    assert run("align", spoken, "--out", tmp_path / "out").exit_code == 0
    for labels in (tmp_path / "out", tmp_path / "out" / "alignment.csv"):
        found = run("recognize", spoken, "--phones", labels, "--reference", labels)
        assert found.exit_code == 0, found.output
        assert "phone error rate: " in found.stdout
        assert "not counted: " in found.stderr
    strict = run("recognize", spoken, *words, "--strict")
    assert strict.exit_code == 1
    for path in (spoken / "ann").glob("*.txt"):
        path.unlink()
    alone = run("recognize", spoken / "ann", *words)
    assert alone.exit_code == 0, alone.output
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
        done = run("train-phones", spoken, tmp_path / "m.h5", "--labels", labels, "-k", 40, "--max-iter", 2)
        assert done.exit_code == 0, done.output
        models.append(gs.load(tmp_path / "m.h5"))
    assert models[0].phones == models[1].phones
    np.testing.assert_array_equal(models[0].means, models[1].means)
    assert ("labels: found no silence among them, took " in done.stderr) == (not name)
