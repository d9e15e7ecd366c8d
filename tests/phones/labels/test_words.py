"""Words of text as people write it: by example, and by properties that hold of any text."""

from __future__ import annotations

import unicodedata
from collections import Counter

import pytest
from hypothesis import example, given, settings, strategies as st

from gmmspeech.formats.dictionary import read_dictionary
from gmmspeech.phones.hmm.graph import pronunciations
from gmmspeech.phones.labels.dictionary import make_dictionary
from gmmspeech.phones.labels.words import is_english, lower_case, words_of

ENGLISH = make_dictionary(
    (word, ["AH"])
    for word in [
        "a",
        "and",
        "don't",
        "'em",
        "em",
        "mr",
        "mr.",
        "u.s.",
        "it's",
        "dogs'",
        "dogs",
        "x-ray",
        "well",
        "known",
        "o'clock",
        "hello",
        "world",
        "the",
        "l'",
        "homme",
        "dog's",
        "end",
        "next",
        "<unk>",
        "uh-huh",
        "café",
    ]
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, World!", "Hello World"),
        ("“Hello” ‘world’ «hello» ¿world? ¡hello!", "Hello world hello world hello"),
        ("don’t donʼt don't don`t DON’T", "don't don't don't don't DON'T"),
        ("get 'em, ’em, and the dogs’ 'hello'", "get 'em 'em and the dogs' hello"),
        ("well-known x-ray x‐ray well‑known uh-huh!", "well known x-ray x-ray well known uh-huh"),
        ("hello—world, hello–world hello -- world hello...world…", "hello world hello world hello world hello world"),
        ("Mr. Hello in the U.S. and/or hello,world", "Mr. Hello in the U.S. and or hello world"),
        ("the end.Next hello.world", "the end Next hello world"),
        ("It's 10:30, 1,000 and 5% or $5, No. 7½ – 3-well", "It's 10:30 1,000 and 5% or $5 No 7½ 3 well"),
        ("hello & world + 5 % = the", "hello & world + 5 % = the"),
        ("[laughter] hello <unk> {cough}, (world) [world] the", "[laughter] hello <unk> {cough} world [world] the"),
        ("l’homme l'hello", "l' homme l' hello"),
        ("cafe\u0301 CAFÉ", "café CAFÉ"),
        ("hello\u00a0world\u3000the hel\u00adlo \u200bworld\u200b \ufeffthe", "hello world the hello world the"),
        ("— - -- ' \" ... ?! 😀 ♪ * |", ""),
        ("  \n\t ", ""),
        ("th- hello -world o'clock", "th hello world o'clock"),
        ("C++ C# @someone", "C++ C# @someone"),
        ("你好。 世界！", "你好 世界"),
        ("Wéll-Known hello\u0300 cafè", "Well Known hello cafè"),
    ],
)
def test_examples(text, expected) -> None:
    assert words_of(text, dictionary=ENGLISH) == expected.split()


def test_a_dictionary_with_other_spellings() -> None:
    """What it has is found: typographic apostrophes, letters with marks of their own, blanks in a word."""
    dictionary = make_dictionary([("it’s", ["a"]), ("cafe\u0301", ["b"]), ("10\u00a0000", ["c"])])
    words = words_of("It's IT’S café, 10\u00a0000! 10\u00a0001", dictionary=dictionary)
    assert words == ["It’s", "IT’S", "cafe\u0301", "10\u00a0000", "10", "001"]
    assert [bool(pronunciations(dictionary, word, optional=True)) for word in words] == [True] * 4 + [False] * 2


def test_accents_are_letters_but_in_english() -> None:
    """In French a dictionary that has sale does not have salé."""
    dictionary = make_dictionary([("sale", ["s", "a", "l"]), ("SALÉE", ["s", "a", "l", "e"])])
    assert words_of("Salé, salée", language="fr", dictionary=dictionary) == ["Salé", "salée"]
    assert words_of("Salé, salée", language="en-us", dictionary=dictionary) == ["Sale", "salée"]
    assert words_of("Salé") == ["Salé"]


def test_catalan() -> None:
    assert words_of("Un col·legi, intel·ligent·", language="ca") == ["Un", "col·legi", "intel·ligent"]


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("haw", "ʻEkahi, ‘maʻi’!", "ʻEkahi ma'i"),
        ("uz", "“bogʻ” toʼgʼ", "bogʻ to'gʼ"),
        ("he", 'צ׳יפס צה"ל צה״ל ״שלום״', "צ'יפס צה״ל צה״ל שלום"),
        ("hy", "Ի՞նչ, բարև՜։", "Ինչ բարև"),
        ("ar", "كـتاب", "كتاب"),
        ("en", "ʼhelloʼ", "hello"),
    ],
)
def test_marks_of_other_scripts(language, text, expected) -> None:
    assert words_of(text, language=language) == expected.split()


def test_a_dictionary_has_letters_that_look_like_apostrophes() -> None:
    dictionary = make_dictionary([("maʻi", ["m", "a", "ʔ", "i"]), ("ʻumi", ["ʔ", "u", "m", "i"])])
    assert words_of("maʻi ma'i ʻumi ’umi", language="haw", dictionary=dictionary) == ["maʻi", "maʻi", "ʻumi", "ʻumi"]
    assert words_of("ʼbonʼ", language="fr", dictionary=make_dictionary([("bon", ["b", "ɔ̃"])])) == ["bon"]


def test_turkish(tmp_path) -> None:
    path = tmp_path / "tr.dict"
    path.write_text("ısı ɯ s ɯ\nisi i s i\nistanbul i s\nışık ɯ ʃ\n", encoding="utf-8")
    dictionary = read_dictionary(path)
    assert len(dictionary) == 4
    for text, phones in {"ISI": "ɯ s ɯ", "ısı": "ɯ s ɯ", "İSİ": "i s i", "isi": "i s i", "IŞIK!": "ɯ ʃ"}.items():
        (word,) = words_of(text, language="tr", dictionary=dictionary)
        assert [" ".join(p) for p in pronunciations(dictionary, word)] == [phones]
    assert lower_case("I\u0307STANBUL", "tr-TR") == "istanbul"
    assert words_of("ISI", dictionary=dictionary) == ["ISI"]
    names = make_dictionary([("İzmir", ["i"]), ("Işık", ["ɯ"]), ("İSPİR", ["i", "s"])])
    for text, phones in {"İzmir": ("i",), "İZMİR": ("i",), "ışık": ("ɯ",), "IŞIK": ("ɯ",), "İspir": ("i", "s")}.items():
        assert pronunciations(names, *words_of(text, language="tr", dictionary=names)) == (phones,)
    assert words_of("Izmir", language="tr", dictionary=names) == ["ızmir"]


def test_cases_that_upper_case_would_make_one_word() -> None:
    dictionary = make_dictionary([("Maße", ["a"]), ("Masse", ["b"]), ("λόγος", ["c"])])
    assert [
        pronunciations(dictionary, word)[0] for word in words_of("maße MASSE λόγος ΛΌΓΟΣ", dictionary=dictionary)
    ] == [
        ("a",),
        ("b",),
        ("c",),
        ("c",),
    ]


TEXT = st.text(
    st.one_of(st.sampled_from("abtIİıs'’-–.,;:!?\"“”()[]<>{}&%$1 0\u00a0\u00ad\n"), st.characters(codec="utf-8")),
    max_size=40,
)
WORDS = st.lists(st.sampled_from(sorted(word.lower() for word in ENGLISH)), max_size=8)


def letters(text: str) -> Counter[str]:
    """Letters, digits and spoken signs; marks stand on them, and dictionaries may spell them apart."""
    return Counter(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c)[0] in "LN")


@settings(max_examples=300)
@given(TEXT)
@example("a.-'b")
@example("[a b]")
@example("'-'a")
def test_of_any_text(text) -> None:
    """No letter or digit is lost or made up; words have no blanks; they are the words of themselves."""
    words = words_of(text, dictionary=ENGLISH)
    apart = text.translate(dict.fromkeys(map(ord, "ʼʹʻꞌ\u0640")))
    assert letters(" ".join(words)) - letters(apart) == Counter() == letters(apart) - letters(" ".join(words))
    for word in words:
        assert word == word.strip()
        assert word
        assert words_of(word, dictionary=ENGLISH) == [word]
    assert words_of(" ".join(words), dictionary=ENGLISH) == words


@given(WORDS, st.sampled_from([" ", "\n", "\t", "  "]))
def test_words_of_the_dictionary_are_themselves(words, gap) -> None:
    assert words_of(gap.join(words), dictionary=ENGLISH) == words


@given(WORDS, st.sampled_from([", ", "! ", " – ", "… ", "? ", "” “", " (", ") "]))
def test_punctuation_between_words_changes_nothing(words, gap) -> None:
    words = [word for word in words if word.strip("'.<>") == word]
    text = f"“{gap.join(words)}.”"
    assert words_of(text, dictionary=ENGLISH) == words


def test_codes_of_english():
    """Of any country, and by name; Middle English is another language."""
    assert all(map(is_english, ("en", "EN-gb", "en_US", "eng", "English")))
    assert not any(map(is_english, ("enm", "de", "ipa")))
