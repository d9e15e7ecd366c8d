"""The commands that work on phones, as a user types them."""

from __future__ import annotations

import os
import re
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from said import stops, works

import gmmspeech as gs
from gmmspeech.formats import espeak
from gmmspeech.formats.datadir import read_map
from gmmspeech.formats.dictionary import read_dictionary
from gmmspeech.formats.labels.lines import read_ctm


def test_train_align_recognize(run, digits: Path, tmp_path: Path) -> None:
    model, cmudict = tmp_path / "m.h5", ("--dictionary", "cmudict")
    few = ("--config", "phones_8khz", "-k", 80, "--max-iter", 8)
    words = ("train-phones", digits, model, *cmudict, *few)
    trained = works(run(*words, "--jobs", 2))
    assert trained.stdout.startswith("21 phones, 63 states, ")
    assert re.findall(r"training: update (\d+)", trained.stderr) == 2 * list(map(str, range(1, 9)))
    assert "phone HMMs: 21 phones, 63 states" in run("show", model).stdout

    (tmp_path / "al").mkdir()
    (tmp_path / "al" / ".phones.01234567.ctm").touch()  # of a run that was killed
    report = ("--report", tmp_path / "al.html")
    aligned = works(run("align", digits, model, *cmudict, "--out", tmp_path / "al", "--goodness", *report))
    assert {path.name for path in (tmp_path / "al").iterdir()} == {"phones.ctm", "words.ctm", "alignment.csv"}
    phones = read_ctm(tmp_path / "al" / "phones.ctm")
    assert f"{len(phones)} utterances, {sum(map(len, phones.values()))} phones in " in aligned.stdout
    assert "<h2>Worst words</h2>" in (tmp_path / "al.html").read_text()
    grids = ("--format", "textgrid", "--confidence", "--out", tmp_path / "grids")
    assert run("align", digits, model, *cmudict, *grids).exit_code == 0
    works(run("train-phones", digits, tmp_path / "n.h5", *cmudict, "--labels", tmp_path / "grids", *few[:-1], 2))
    same = run("compare-alignment", tmp_path / "al", tmp_path / "grids")
    assert "100.0 %" in same.stdout.splitlines()[3]
    works(run("align", digits, model, *cmudict, "--times", "start", "--out", tmp_path / "early"))
    for name, labels in read_ctm(tmp_path / "early" / "phones.ctm").items():
        moved = [label.start - 0.0075 for label in phones[name][1:]]
        np.testing.assert_allclose([label.start for label in labels[1:]], moved, atol=1e-3)
    listed = run("align", digits, model, *cmudict)
    assert len(listed.stdout.splitlines()) == 1 + sum(map(len, phones.values()))

    for more in (("--isolated",), ("--penalty", 10, "--words", "zero,one,two,three,four,five,six,seven,eight,nine")):
        found = works(run("recognize", digits, model, *cmudict, *more))
        assert len(found.stdout.splitlines()) == len(phones) + 1
        assert float(found.stdout.splitlines()[-1].split()[3]) < 15  # per cent

    ctm = digits / "phones.ctm"
    found = works(run("recognize", digits, model, "--phones", tmp_path / "al" / "phones.ctm", "--reference", ctm))
    assert float(found.stdout.splitlines()[-1].split("phone error rate: ")[1].split()[0]) < 60  # per cent
    some = tmp_path / "some.ctm"
    first = next(iter(phones))
    some.write_text("".join(line for line in ctm.read_text().splitlines(True) if line.startswith(f"{first} ")))
    found = run("recognize", digits, model, "--phones", ctm, "--reference", some)
    assert f"not counted: {len(phones) - 1} utterances without a reference" in found.stderr
    some.write_text(some.read_text().upper().replace(first.upper(), "another"))
    stops(run("recognize", digits, model, "--phones", ctm, "--reference", some), "reference: found no phone of any of")
    assert "found neither of --dictionary and --phones" in run("recognize", digits, model).stderr


def test_a_word_that_the_dictionary_lacks(run, digits: Path, tmp_path: Path) -> None:
    data = tmp_path / "corpus" / "data" / "test"
    shutil.copytree(digits.parents[1], tmp_path / "corpus")
    text = (data / "text").read_text().splitlines()
    (data / "text").write_text("\n".join([text[0].split()[0] + " xyzzy", *text[1:]]) + "\n")
    words = ("train-phones", data, tmp_path / "m.h5", "--dictionary", "cmudict", "--config", "phones_8khz")
    few = ("-k", 60, "--max-iter", 2)
    stops(run(*words, *few), "xyzzy")
    assert not (tmp_path / "m.h5").exists()
    assert run(*words, *few, "--skip-bad").exit_code == 0

    align = ("align", data, tmp_path / "m.h5", "--dictionary", "cmudict")
    assert "xyzzy" in run(*align).stderr
    left_out = works(run(*align, "--skip-bad", "--out", tmp_path / "al"))
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
    stops(run("align", data, model, *words), f"utterance {names[0]}: {files[0]}: is no file, expected a recording")


def test_training_begins_with_a_model_of_other_phones(run, digits: Path, tmp_path: Path) -> None:
    english, ipa = tmp_path / "english.h5", tmp_path / "ipa.dict"
    short = ("--max-iter", 3, "-k", 60)
    works(run("train-phones", digits, english, "--dictionary", "cmudict", "--config", "phones_8khz", *short))
    digit_words = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    ipa.write_text(run("pronounce", *digit_words).stdout, encoding="utf-8")
    (tmp_path / "map").write_text("z S\nɹ W\n", encoding="utf-8")
    model = tmp_path / "ipa.h5"
    start = ("--init", english, "--phone-map", tmp_path / "map")
    works(run("train-phones", digits, model, "--dictionary", ipa, *start, *short))
    assert "θ" in run("show", model).stdout
    aligned = works(run("align", digits, english, "--dictionary", ipa, "--out", tmp_path / "al"))
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


def test_a_dictionary_that_links_to_itself(run, digits: Path, tmp_path: Path) -> None:
    loop = tmp_path / "loop.dict"
    loop.symlink_to(loop)
    for words in (("align", digits, "--out", tmp_path / "out"), ("train-phones", digits, tmp_path / "m.h5")):
        stops(run(*words, "--dictionary", loop), "--dictionary: found no file ", "loop.dict")


def test_another_language_with_the_english_model(run, digits: Path, tmp_path: Path) -> None:
    done = works(run("align", digits, "--language", "de", "--out", tmp_path / "al"))
    assert "model: found one of language en for de, took the nearest phones; expected one that train" in done.stderr
    place = tmp_path / "al" / "pronounced_words.dict"
    assert f"pronounced by eSpeak NG: 10 words, all in {place}" in done.stderr
    before = place.read_bytes()
    refused = run("align", digits, "--language", "de", "--dictionary", place, "--out", tmp_path / "al")
    stops(refused, f"--dictionary: found {place}, which --out would replace")
    assert place.read_bytes() == before
    named = {label.name for labels in read_ctm(tmp_path / "al" / "phones.ctm").values() for label in labels}
    assert {"SIL"} < named == {p for words in read_dictionary(place).values() for p in words[0]} | {"SIL"}
    model = tmp_path / "de.h5"
    options = ("--language", "de", "--init", "english", "--max-iter", 2)
    trained = works(run("train-phones", digits, model, *options))
    beside = tmp_path / "de.pronounced_words.dict"
    assert f"pronounced by eSpeak NG: 10 words, all in {beside}" in trained.stderr
    assert read_dictionary(beside) == read_dictionary(place)
    refused = run("train-phones", digits, model, *options, "--dictionary", beside)
    assert f"--dictionary: found {beside}, which training {model} would replace, expected a copy" in refused.stderr
    assert read_dictionary(beside) == read_dictionary(place)
    again = works(run("align", digits, model, "--dictionary", place, "--out", tmp_path / "again"))
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
            "(Spanish (Spain)), ru (Russian), cmn (Chinese (Mandarin, latin as English)), or a dictionary of it"
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
        stops(refused, f"{text}:1: found two three four five six behind one, expected the phones")
    refused = run("align", digits, "--dictionary", few)
    assert refused.exit_code == 1
    assert refused.stderr.splitlines()[-1].startswith("gmmspeech: error: --dictionary: found zero in ")
    refused = run("recognize", digits, gs.phones.shipped.ENGLISH, "--dictionary", text)
    assert f"{text}:1: found two three" in refused.stderr
    with pytest.raises(gs.errors.DataError, match="dictionary: found world in hello, expected a phone, in IPA"):
        gs.align_file((np.zeros(16000), 16000), "hello", dictionary={"HELLO": [["world"]]})
