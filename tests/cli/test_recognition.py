"""The command recognize with an n-gram, as a user types it."""

import gzip
import shutil
import sys

import pytest
from said import works

import gmmspeech as gs
from gmmspeech.formats.arpa import write_arpa
from gmmspeech.formats.labels.lines import read_ctm
from gmmspeech.formats.labels.textgrid import read_textgrid
from gmmspeech.phones.labels.ngram import train_ngram

DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


@pytest.fixture
def digits(corpus):
    return corpus("fsdd-tiny") / "data" / "test"


@pytest.fixture
def arpa(tmp_path):
    path = tmp_path / "digits.arpa"
    write_arpa(path, train_ngram([[word] for word in DIGITS], order=2))
    return path


def test_words_of_a_data_directory_with_confidences_and_alternatives(run, digits, arpa, tmp_path):
    plain = works(run("recognize", digits, "--lm", arpa))
    lines = plain.stdout.splitlines()
    assert lines[-1].startswith("word error rate: ")
    assert float(lines[-1].split()[3]) < 40  # per cent, with a model of read English
    out = tmp_path / "out"
    done = run(
        "recognize", digits, "--lm", arpa, "--dictionary", "cmudict", "--n-best", 2, "--confidence", "--out", out
    )
    assert done.exit_code == 0, done.output
    assert {path.name for path in out.iterdir()} == {"words.ctm", "phones.ctm", "alignment.csv", "alternatives.csv"}
    rows = (out / "words.ctm").read_text().splitlines()
    assert all(0 <= float(row.split()[5]) <= 1 for row in rows)
    words = read_ctm(out / "words.ctm")
    assert [f"{name} {' '.join(w.name for w in words[name])}" for name in words] == sorted(
        done.stdout.splitlines()[:-1]
    )
    table = (out / "alternatives.csv").read_text().splitlines()
    assert table[0] == "utterance,rank,probability,words"
    first = [line.split(",") for line in table[1:] if line.split(",")[1] == "1"]
    assert [f"{row[0]} {row[3]}" for row in first] == done.stdout.splitlines()[:-1]


def test_words_of_a_folder_adapted_to_speakers(run, digits, arpa, corpus, tmp_path):
    folder = tmp_path / "folder"
    (folder / "ann").mkdir(parents=True)
    names = [line.split() for line in (digits / "wav.scp").read_text().splitlines()][:6]
    for name, path in names:
        shutil.copy(corpus("fsdd-tiny") / path, folder / "ann" / f"{name}.{path.rsplit('.')[-1]}")
    packed = tmp_path / "digits.arpa.gz"
    packed.write_bytes(gzip.compress(arpa.read_bytes()))
    out = tmp_path / "out"
    done = works(run("recognize", folder, "--lm", packed, "--adapt", "--confidence", "--out", out))
    assert len(done.stdout.splitlines()) == 6
    grid = read_textgrid(out / "ann" / f"{names[0][0]}.TextGrid")["confidence"]
    assert all(0 <= float(label.name) <= 1 for label in grid)


def test_words_that_a_dictionary_lacks_and_what_may_be_done(run, digits, arpa, tmp_path):
    few = tmp_path / "few.dict"
    few.write_text("".join(f"{word.upper()} {phones}\n" for word, phones in (("one", "W AH N"), ("two", "T UW"))))
    words = ("recognize", digits, "--lm", arpa, "--dictionary", few)
    done = run(*words)
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
    assert f"{arpa}: found 8 of 10 words without a pronunciation (eight, five, four, nine" in done.stderr
    assert (
        "in 24 of 32 n-grams), expected all in the dictionary: add them, or --unknown-words g2p or skip" in done.stderr
    )
    skipped = works(run(*words, "--unknown-words", "skip"))
    assert "not in the dictionary, and never recognized: 8 words (eight" in skipped.stderr
    assert "not in the n-gram: " in skipped.stderr
    assert {word for line in skipped.stdout.splitlines()[:-1] for word in line.split()[1:]} <= {"one", "two"}
    guessed = works(run(*words, "--unknown-words", "g2p"))
    assert len({word for line in guessed.stdout.splitlines()[:-1] for word in line.split()[1:]}) > 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--words", "one"], "--words: found it beside --lm, expected one of them"),
        (["--isolated"], "--isolated: found it beside --lm"),
        (["--n-best", 2], "--n-best: found it without --out, expected both"),
        (["--acoustic-scale", 0], "--acoustic-scale: found 0.0, expected above 0"),
    ],
)
def test_options_that_do_not_go_together(run, digits, arpa, options, message):
    done = run("recognize", digits, "--lm", arpa, *options)
    assert done.exit_code != 0
    assert message in done.stderr


def test_what_needs_an_n_gram_and_what_needs_the_extra(run, digits, arpa, monkeypatch):
    for option in (["--confidence"], ["--beam", 10], ["--unknown-words", "skip"], ["--lm-scale", 0]):
        done = run("recognize", digits, "--dictionary", "cmudict", *option)
        assert f"{option[0]}: found it without --lm, expected both" in done.stderr
    monkeypatch.setitem(sys.modules, "kaldifst", None)
    done = run("recognize", digits, "--lm", arpa)
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
    assert "found no kaldifst, which makes graphs of n-grams and dictionaries, expected it: pip install" in done.stderr
    works(run("recognize", digits, "--dictionary", "cmudict", "--isolated", "--adapt"))


def test_a_damaged_n_gram(run, digits, arpa):
    arpa.write_text(arpa.read_text().replace("ngram 1=12", "ngram 1=13"))
    done = run("recognize", digits, "--lm", arpa)
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
    assert f"{arpa}: found 12 1-grams, expected the 13 that its header tells" in done.stderr


def test_a_model_of_another_language_wants_a_dictionary(run, digits, arpa, tmp_path):
    gs.phones.english_model().with_language("es").save(tmp_path / "es.h5")
    (line,) = run("recognize", digits, tmp_path / "es.h5", "--lm", arpa).stderr.splitlines()
    assert "--dictionary: found none, and a model of language es, expected one of its words" in line


def test_words_of_a_small_grammar_that_the_dictionary_lacks(run, digits):
    done = run("recognize", digits, "--dictionary", "cmudict", "--words", "one,zzyzx,plughs")
    (line,) = done.stderr.splitlines()
    assert "--words: found 2 of 3 words without a pronunciation (plughs, zzyzx), expected all in the dictionary" in line


def test_no_words_at_all(run, digits):
    done = run("recognize", digits, "--dictionary", "cmudict", "--words", " ,")
    assert "--words: found none, expected the words that may be said" in done.stderr


@pytest.mark.parametrize("isolated", [[], ["--isolated"]])
def test_phones_of_a_small_grammar_that_the_model_lacks(run, digits, tmp_path, isolated):
    (tmp_path / "ipa.dict").write_text("ONE w \u028c n\nTWO t u\n")
    done = run("recognize", digits, "--dictionary", tmp_path / "ipa.dict", "--words", "one,two", *isolated)
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
    assert "--dictionary: found phones that the model lacks: " in done.stderr
    assert "expected a dictionary in the phones of the model: " in done.stderr


def test_a_model_that_is_cut_off(run, digits, arpa, tmp_path):
    from gmmspeech.phones.shipped import english_model

    english_model().save(tmp_path / "whole.h5")
    whole = (tmp_path / "whole.h5").read_bytes()
    for size in (1000, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut.h5").write_bytes(whole[:size])
        done = run("recognize", digits, tmp_path / "cut.h5", "--lm", arpa, "--out", tmp_path / "out")
        assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
        assert "cut.h5: no readable HDF5" in done.stderr
        assert done.stderr.endswith("the file is cut off, copy or make it anew\n")
        assert not (tmp_path / "out").exists()


@pytest.fixture
def model_without(tmp_path):
    """A function that gives a file of the English model that lacks some phones."""
    from gmmspeech.phones.hmm.mapping import mapped_model
    from gmmspeech.phones.shipped import english_model

    def model_without(*lacking):
        whole = english_model()
        kept = [phone for phone in whole.phones if phone not in lacking]
        mapped_model(whole, kept, dict(zip(kept, kept, strict=True)), silence="SIL").save(tmp_path / "few.h5")
        return tmp_path / "few.h5"

    return model_without


@pytest.mark.parametrize("how", ["lm", "words", "phones"])
def test_a_phone_that_training_never_saw_is_taken_for_its_neighbor(run, digits, arpa, corpus, model_without, how):
    labels = corpus("fsdd-tiny") / "data" / "train" / "phones.ctm"
    options = {"lm": ["--lm", arpa], "words": ["--dictionary", "cmudict", "--isolated"], "phones": ["--phones", labels]}
    done = run("recognize", digits, model_without("OW"), *options[how])
    assert done.exit_code == 0, done.stderr
    assert "found 1 phone that the model lacks: each is taken for its neighbor, OW as " in done.stderr
    said = [line for line in done.stdout.splitlines() if " error rate: " not in line]
    assert len(said) == len((digits / "wav.scp").read_text().splitlines())


def test_labels_of_phones_in_another_notation_are_named_with_their_file(run, digits, tmp_path):
    (tmp_path / "ipa.ctm").write_text("a 1 0.0 0.1 \u028c\na 1 0.1 0.1 n\n")
    done = run("recognize", digits, "--phones", tmp_path / "ipa.ctm")
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
    assert f"{tmp_path / 'ipa.ctm'}: bigram: found phone \u028c, expected one of SIL AA" in done.stderr
