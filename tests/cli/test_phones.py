"""The commands that work on phones, as a user types them."""

from __future__ import annotations

import functools
import os
import shutil
from pathlib import Path

import pytest
from click.testing import Result

from gmmspeech.formats.datadir import read_map
from gmmspeech.formats.dictionary import cmudict_dictionary, read_dictionary
from gmmspeech.formats.labels import read_ctm

cmudict_once = functools.cache(cmudict_dictionary)


@pytest.fixture
def digits(corpus, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("gmmspeech.commands.phones.cmudict_dictionary", cmudict_once)  # which takes a second
    return corpus("fsdd-tiny") / "data" / "test"


def test_train_align_recognize(run, digits: Path, tmp_path: Path) -> None:
    model, cmudict = tmp_path / "m.h5", ("--dictionary", "cmudict")
    few = ("--config", "phones_8khz", "-k", 80, "--max-iter", 8)
    words = ("train-phones", digits, model, *cmudict, *few)
    trained = run(*words, "--jobs", 2)
    assert trained.exit_code == 0, trained.output
    assert trained.stdout.startswith("20 phones, 60 states, ")
    assert "phone HMMs: 20 phones, 60 states" in run("show", model).stdout

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
    again = run("train-phones", digits, tmp_path / "n.h5", *cmudict, "--labels", tmp_path / "grids", *few)
    assert again.exit_code == 0, again.output
    same = run("compare-alignment", tmp_path / "al", tmp_path / "grids")
    assert "100.0 %" in same.stdout.splitlines()[3]
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
    assert "not in the dictionary: xyzzy (1 times)" in left_out.stderr
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
        (("--phone-map", tmp_path / "map"), "--phone-map: found it without --init, expected both"),
        ((*start, "--config", "phones"), "expected sample_frequency = 8000"),
        (("--init", english, "--phone-map", ipa), ".dict:1: found "),
        (("--init", english, "--labels", tmp_path / "al" / "phones.ctm"), "--init: found it beside --labels"),
    ):
        refused = run("train-phones", digits, tmp_path / "no.h5", "--dictionary", ipa, *options)
        assert refused.exit_code in (1, 2)
        assert expected in refused.stderr.splitlines()[-1]
        assert not (tmp_path / "no.h5").exists()


def test_another_language_with_the_english_model(run, digits: Path, tmp_path: Path) -> None:
    done = run("align", digits, "--language", "de", "--out", tmp_path / "al")
    assert done.exit_code == 0, done.output
    assert "found no model of language de, took that of English with the nearest phones" in done.stderr
    place = tmp_path / "al" / "pronounced_words.dict"
    assert f"pronounced by eSpeak NG: 10 words, all in {place}" in done.stderr
    named = {label.name for labels in read_ctm(tmp_path / "al" / "phones.ctm").values() for label in labels}
    assert {"SIL"} < named == {p for words in read_dictionary(place).values() for p in words[0]} | {"SIL"}
    model = tmp_path / "de.h5"
    options = ("--language", "de", "--init", "english", "--max-iter", 2)
    trained = run("train-phones", digits, model, *options)
    assert trained.exit_code == 0, trained.output
    again = run("align", digits, model, "--dictionary", place, "--out", tmp_path / "again")
    assert again.exit_code == 0, again.output
    assert "lacks" not in again.stderr
    assert not (tmp_path / "again" / place.name).exists()
