"""Manner of articulation of phones of three notations."""

import pytest

from gmmspeech.phones.labels.manner import MANNERS, OTHER, by_manner, manners
from gmmspeech.phones.labels.phone_sets import ARPABET_CONSONANTS, ARPABET_VOWELS, ARPABET_WITH_STRESS, TIMIT_61


def test_arpabet_has_its_vowels_and_no_other_symbol():
    found = manners(ARPABET_WITH_STRESS)
    assert {phone for phone, manner in found.items() if manner == "vowel"} == {
        vowel + stress for vowel in ARPABET_VOWELS for stress in "012"
    }
    assert {found[phone] for phone in ARPABET_CONSONANTS} == {
        *("approximant", "nasal", "fricative", "affricate", "stop")
    }


def test_all_of_timit_is_known():
    found = manners(TIMIT_61)
    assert set(found.values()) == set(MANNERS)
    assert {phone for phone, manner in found.items() if manner == "closure"} == {
        *("bcl", "dcl", "gcl", "pcl", "tcl", "kcl")
    }
    assert {phone for phone, manner in found.items() if manner == "silence"} == {"h#", "pau", "epi"}


@pytest.mark.parametrize(
    ("phone", "manner"),
    [
        ("y", "vowel"),
        ("j", "approximant"),
        ("r", "tap or trill"),
        ("t͡ʃ", "affricate"),
        ("tʃ", "affricate"),
        ("pʰ", "stop"),
        ("n̥", "nasal"),
        ("ç", "fricative"),  # also where it is one code point, which NFD takes apart
        ("aɪ", "vowel"),
        ("ã", "vowel"),
        ("kʷ", "stop"),
        ("ʔ", "stop"),
        ("5", OTHER),
        ("spn", OTHER),
        ("sil", "silence"),
    ],
)
def test_ipa_by_its_first_letter(phone, manner):
    assert manners([phone, "ə"])[phone] == manner


def test_the_order_of_tables():
    assert by_manner(["SIL", "T", "AA", "SPN", "S", "AE"]) == ["AA", "AE", "S", "T", "SPN", "SIL"]
    assert by_manner(["ʃ", "a", "sil"]) == ["a", "ʃ", "sil"]


@pytest.mark.parametrize("noise", ["SPN", "brth", "noise", "<unk>"])
def test_noises_leave_other_phones_what_they_are(noise):
    assert manners([noise, "AA1", "CH", "<p:>"]) == {noise: OTHER, "AA1": "vowel", "CH": "affricate", "<p:>": "silence"}
    assert manners([noise, "a", "t͡s"]) == {noise: OTHER, "a": "vowel", "t͡s": "affricate"}
