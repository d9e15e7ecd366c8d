"""The command pronounce, as a user types it."""

import pytest

from gmmspeech.formats.dictionary import read_dictionary
from gmmspeech.phones.hmm.model import PhoneHMM


def test_lines_of_a_dictionary(run, tmp_path):
    done = run("pronounce", "Häuser", "Zeit,", "--language", "de")
    assert (done.exit_code, done.stdout) == (0, "Häuser h ɔø z ɜ\nZeit ts aɪ t\n")
    path = tmp_path / "more.dict"
    path.write_text(done.stdout, encoding="utf-8")
    assert read_dictionary(path) == {"HÄUSER": (("h", "ɔø", "z", "ɜ"),), "ZEIT": (("ts", "aɪ", "t"),)}


def test_what_a_dictionary_has_and_others_in_its_phones(run, tmp_path):
    (tmp_path / "unknown_words.txt").write_text("wug 3 u1 u2\nblick 1 u1\nwug 1 u9\n")
    (tmp_path / "a.dict").write_text("a AH0\na EY1\ncub K AH1 B\nlit L IH1 T\nwig W IH1 G\n")
    done = run("pronounce", "A", "--words", tmp_path / "unknown_words.txt", "--dictionary", tmp_path / "a.dict")
    assert done.stdout.splitlines() == ["A AH", "A EY", "wug W AH G", "blick B L IH K"]


def test_phones_of_a_model(run, tmp_path):
    PhoneHMM.from_phones(["SIL", "S", "AA", "IY"], mean=[0.0], variance=[1.0]).save(tmp_path / "m.h5")
    done = run("pronounce", "ich", "--language", "de", "--model", tmp_path / "m.h5")
    assert done.stdout == "ich IY S\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "WORDS: found none, expected words, or a file of them with --words"),
        (
            ["Zeit", "--language", "ger"],
            "--language: found 'ger', expected one that eSpeak NG has, such as de (German)",
        ),
        (["亽", "--language", "zh"], "found no pronunciation of 1 word, expected words in zh"),
    ],
)
def test_bad_input(run, words, expected):
    done = run("pronounce", *words)
    assert done.exit_code in (1, 2)
    assert expected in done.stderr.splitlines()[-1]
    assert done.stdout == ""


def test_words_that_cannot_be_pronounced_are_named_and_the_others_done(run):
    done = run("pronounce", "好", "亽", "--language", "cmn")
    assert (done.exit_code, done.stdout) == (0, "好 χ ɑu²¹⁴\n")
    assert "found no pronunciation of 1 word, left out: 亽" in done.stderr
