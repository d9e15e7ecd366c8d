import unicodedata

import pytest

from gmmspeech.phones.labels.ipa import (
    ARPABET_IPA,
    BASES,
    XSAMPA_IPA,
    notation_of,
    phones_of_transcription,
    split_segments,
    to_ipa,
    transcribed_words,
)
from gmmspeech.phones.labels.manner import manners
from gmmspeech.phones.labels.phone_sets import ARPABET, ARPABET_WITH_STRESS, TIMIT_61


@pytest.mark.parametrize(
    ("phones", "notation"),
    [
        (ARPABET, "arpabet"),
        (ARPABET_WITH_STRESS, "arpabet"),
        ([*TIMIT_61, "sil"], "arpabet"),
        (["SIL", "SPN", "AH0", "S"], "arpabet"),
        (["s", "S", "i", "tS"], "x-sampa"),
        (["b", "d", "s"], "x-sampa"),  # which small letters mean the same in IPA
        (["ao1", "ao3", "er2"], "x-sampa"),
        (["AH", "s"], "x-sampa"),
        (["t", "ʃ", "aɪ"], "ipa"),
        ([*ARPABET, "9Q", "ʔ"], "arpabet"),  # strays change nothing of the others
        (["SIL"], "x-sampa"),
    ],
)
def test_the_notation_shows_from_all_phones(phones, notation):
    assert notation_of(phones) == notation


@pytest.mark.parametrize(
    ("xsampa", "ipa"),
    # the table of J. C. Wells, "Computer-coding the IPA" (1995)
    [
        *[
            ("s", "s"),
            ("S", "ʃ"),
            ("tS", "tʃ"),
            ("n`", "ɳ"),
            ("r\\", "ɹ"),
            ("r\\`", "ɻ"),
            ("J\\_<", "ʄ"),
            ("|\\|\\", "ǁ"),
        ],
        *[("2:", "øː"), ("@`", "ɚ"), ("9~", "œ\u0303"), ("t_h", "tʰ"), ("t'", "tʲ"), ("n=", "n\u0329"), ("}", "ʉ")],
        *[("ao1", "ao"), ("er2", "er"), ('"a', "a"), ("a_T", "a"), ("6", "ɐ"), ("3`", "ɝ"), ("I\\", "ɨ")],
    ],
)
def test_x_sampa_in_ipa(xsampa, ipa):
    assert to_ipa(xsampa, "x-sampa") == ipa


def test_arpabet_and_timit_in_ipa():
    assert [to_ipa(p, "arpabet") for p in ("AH0", "ah", "ER2", "CH", "dcl", "axr")] == ["ʌ", "ʌ", "ɝ", "tʃ", "d", "ɚ"]
    assert [to_ipa(p, "arpabet") for p in ("ʔ", "t_h")] == ["ʔ", "tʰ"]  # beside ARPAbet
    assert all(split_segments(ipa) for ipa in ARPABET_IPA.values())
    assert {p.upper() for p in TIMIT_61} - set(ARPABET_IPA) == {"H#", "PAU", "EPI"}


def test_every_base_of_x_sampa_is_one_of_ipa():
    letters = {ipa for ipa in XSAMPA_IPA.values() if unicodedata.category(ipa) in ("Ll", "Lo")}
    assert len(letters) > 70
    assert letters <= BASES


def test_tones_and_stress_are_left_out():
    assert [to_ipa(p, "ipa") for p in ("a˥˩", "ɑu²¹⁴", "ˈɛ", "a1")] == ["a", "ɑu", "ɛ", "a"]


def test_segments_keep_their_diacritics():
    assert split_segments("t͡ɕʰi") == ["t͡ɕʰ", "i"]
    assert split_segments("ç") == ["ç"]  # a letter of its own, not a c with a cedilla
    assert split_segments("õ") == ["o\u0303"]
    assert split_segments("ᵐbɔː") == ["ᵐb", "ɔː"]
    assert split_segments("Ж") == []


def test_a_ligature_is_what_a_tie_joins():
    assert [to_ipa(phone, "ipa") for phone in "ʦʧʨʣʤʥ"] == ["t͡s", "t͡ʃ", "t͡ɕ", "d͡z", "d͡ʒ", "d͡ʑ"]


# The chart of the International Phonetic Association (2020), row by row.
CHART = """
p b t d ʈ ɖ c ɟ k ɡ q ɢ ʔ m ɱ n ɳ ɲ ŋ ɴ ʙ r ʀ ⱱ ɾ ɽ ɸ β f v θ ð s z ʃ ʒ ʂ ʐ ç ʝ x ɣ χ ʁ ħ ʕ h ɦ ɬ ɮ ʋ ɹ ɻ j ɰ l ɭ ʎ ʟ
ʘ ǀ ǃ ǂ ǁ ɓ ɗ ʄ ɠ ʛ ʍ w ɥ ʜ ʢ ʡ ɕ ʑ ɺ ɧ i y ɨ ʉ ɯ u ɪ ʏ ʊ e ø ɘ ɵ ɤ o ə ɛ œ ɜ ɞ ʌ ɔ æ ɐ a ɶ ɑ ɒ
"""
MARKS = "◌̥ ◌̬ ◌ʰ ◌̹ ◌̜ ◌̟ ◌̠ ◌̈ ◌̽ ◌̩ ◌̯ ◌˞ ◌̤ ◌̰ ◌̼ ◌ʷ ◌ʲ ◌ˠ ◌ˤ ◌̴ ◌̝ ◌̞ ◌̘ ◌̙ ◌̪ ◌̺ ◌̻ ◌̃ ◌ⁿ ◌ˡ ◌̚ ◌ʼ ◌ː ◌ˑ ◌̆ ◌̋ ◌́ ◌̄ ◌̀ ◌̏ ◌̌ ◌̂ ◌᷄ ◌᷅ ◌᷈ ◌˥ ◌˩˥"


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_every_letter_of_the_chart_is_a_phone_of_a_manner_with_each_of_its_marks(form):
    letters = CHART.split()
    assert "other" not in manners(letters).values()
    marks = MARKS.replace("◌", "").split()
    for letter in letters:
        told = {mark: phones_of_transcription(unicodedata.normalize(form, letter + mark)) for mark in marks}
        whole = {mark: (unicodedata.normalize("NFC", letter + mark),) for mark in marks}
        others = {mark: phones for mark, phones in told.items() if phones != whole[mark]}
        known = {"c": {"\u030c": ("t͡ʃ",)}, "s": {"\u030c": ("ʃ",)}, "z": {"\u030c": ("ʒ",)}}  # no tone, on these
        known |= {"j": {"\u030c": ("d͡ʒ",)}, "n": {"\u0303": ("ɲ",)}}
        assert others == known.get(letter, {})


@pytest.mark.parametrize(
    ("text", "phones"),
    [
        ("[ˈakːwa]", "a kː w a"),
        ("/pu.liˌta/", "p u l i t a"),
        ("(ə)pa-ta", "ə p a t a"),
        ("kʼa k'a", "kʼ a kʼ a"),
        ("'kasa a'ba mʼa", "k a s a a b a mʼ a"),  # as people type stress
        ("t͡ʃaⁿda", "t͡ʃ a ⁿd a"),
        ("ʧaʤa", "t͡ʃ a d͡ʒ a"),
        ("ma˥˩, ma⁵¹", "m a˥˩ m a⁵¹"),
        ("a:g | a˞ ‖", "aː ɡ a˞"),
        ("!xoõ ᵑǃaŋ", "ǃ x o õ ᵑǃ a ŋ"),
        ("pʰa‿ɡa", "pʰ a ɡ a"),
        ("k͡pa a̰ɪ̯", "k͡p a a̰ ɪ̯"),
        ("ʰpaˀma mˀa tⁿ", "ʰp a ˀm a mˀ a tⁿ"),
        ("ɩɷʇa ƛa čaša ǝnεγα", "ɪ ʊ ǀ a t͡ɬ a t͡ʃ a ʃ a ə n ɛ ɣ ɑ"),  # old, Americanists', and of other scripts
        ("дом 你 a→b 42", ""),
    ],
)
def test_transcriptions(text, phones):
    found = [phone for word in transcribed_words(text) for phone in phones_of_transcription(word)]
    assert found == [unicodedata.normalize("NFC", phone) for phone in phones.split()]
