import itertools

import numpy as np
import pytest

from gmmspeech.corpora.voices import _ARPABET as OF_ESPEAK
from gmmspeech.phones.labels.articulation import articulation, nearest_phones
from gmmspeech.phones.labels.ipa import ARPABET_IPA, BASES
from gmmspeech.phones.labels.phone_sets import ARPABET, TIMIT_61_TO_48


def nearest(phones, known=ARPABET):
    return {phone: found for phone, (found, _) in nearest_phones(phones, known).items()}


@pytest.mark.parametrize(
    ("phone", "expected"),
    [
        *[("t", "T"), ("ʈ", "T"), ("t̪", "T"), ("tʰ", "T"), ("tʼ", "T"), ("tʃ", "CH"), ("t͡ʃ", "CH"), ("tɕ", "CH")],
        *[
            ("ɲ", "N"),
            ("ɳ", "N"),
            ("ŋ", "NG"),
            ("ɱ", "M"),
            ("x", "HH"),
            ("ħ", "HH"),
            ("ɸ", "F"),
            ("β", "V"),
            ("ʂ", "SH"),
        ],
        *[("r", "R"), ("ʁ", "R"), ("ʎ", "L"), ("ɫ", "L"), ("ɓ", "B"), ("ⁿd", "D"), ("ʋ", "V"), ("ʝ", "Y"), ("ɣ", "G")],
        *[("y", "IY"), ("ø", "EY"), ("œ", "EH"), ("iː", "IY"), ("uː", "UW"), ("ə", "AH"), ("a", "AA"), ("ɛ̃", "EH")],
        *[("e", "EY"), ("o", "OW"), ("ai", "AY"), ("aj", "AY"), ("ɔø", "OY"), ("au", "AW"), ("ɚ", "ER"), ("n̩", "N")],
        *[
            ("ɑ²¹⁴", "AA"),
            ("u˥", "UW"),
            ("ⁿt͡s", "CH"),
            ("ŋǃ", "NG"),
            ("ŋ͡ǃ", "NG"),
            ("ɡ͡ǀ", "D"),
            ("ƛ", "CH"),
            ("ɷ", "UH"),
        ],
        *[("r̝", "ZH"), ("r̝̊", "SH"), ("ɹ˔", "ZH"), ("e̝", "EY"), ("n̝", "N")],
    ],
)
def test_the_nearest_phone_of_english(phone, expected):
    assert nearest([phone, "ʃ"])[phone] == expected


def test_clicks_come_to_stops():
    assert set(nearest(["ʘ", "ǀ", "ǃ", "ǂ", "ǁ"]).values()) <= {"P", "T", "K"}


def test_other_notations():
    assert nearest(["s", "S", "tS", "n`", "@", "2:"]) == {
        "s": "S", "S": "SH", "tS": "CH", "n`": "N", "@": "AH", "2:": "EY",
    }  # fmt: skip
    assert nearest(["ao1", "ao3", "er2"], ["AW", "EH", "T"]) == {"ao1": "AW", "ao3": "AW", "er2": "EH"}
    assert nearest(ARPABET, ["i", "u", "ɑ", "p", "t", "s", "ʃ"])["CH"] == "ʃ"
    assert nearest(["AH0", "AH1"], ["AH", "EH"]) == {"AH0": "AH", "AH1": "AH"}


def test_where_in_a_word_a_phone_stands_does_not_matter():
    for case in (str.upper, str.lower):
        placed = {case(phone) + place: phone for phone in ARPABET for place in ("_B", "_I", "_E", "_S")}
        assert nearest(placed) == placed
    assert nearest(["aː_B", "ʃ_E"]) == {"aː_B": "AA", "ʃ_E": "SH"}
    assert nearest(["ʃ", "y"], ["IY1_B", "SH_B", "SH_E"]) == {"ʃ": "SH_B", "y": "IY1_B"}


def test_arpabet_in_ipa_comes_back_as_itself():
    assert nearest([ARPABET_IPA[phone] for phone in ARPABET]) == {ARPABET_IPA[phone]: phone for phone in ARPABET}


def test_a_phone_of_the_same_name_is_its_own():
    known = ["a˥", "a˩", "t", "SIL"]
    assert nearest_phones(["a˩", "a˧", "SIL", "d"], known) == {
        "a˩": ("a˩", 0.0), "a˧": ("a˥", 0.0), "SIL": ("SIL", 0.0), "d": ("t", 1.0),
    }  # fmt: skip


def test_a_stray_phone_leaves_the_others_as_they_are():
    found = nearest_phones([*ARPABET, "9Q", "ʔ"], ARPABET)
    assert {phone: near for phone, (near, _) in found.items() if phone != near} == {"9Q": "AO", "ʔ": "K"}


def test_what_cannot_be_read_has_no_nearest_phone():
    assert nearest(["Ж", "SPN", "t"], ["T", "SIL"]) == {"t": "T"}
    assert nearest_phones(["Ж", "щ"], ["Ж", "T"]) == {"Ж": ("Ж", 0.0)}
    assert nearest_phones(["ʃ"], ["SIL"]) == {}
    assert nearest_phones([], ARPABET) == {}


def test_each_letter_of_ipa_is_known_and_apart_from_all_others():
    assert all(articulation(letter) is not None for letter in BASES)
    points = {letter: articulation(letter) for letter in BASES - set("gᵻᵿä")}
    same = [a + b for a, b in itertools.combinations(sorted(points), 2) if np.array_equal(points[a], points[b])]
    assert same == ["ɚɝ"]


def test_timit_phones_come_to_what_lee_and_hon_fold_them_to():
    folded = {a: b for a, b in TIMIT_61_TO_48.items() if b and a != b and b not in ("sil", "cl", "vcl")}
    known = [p.lower() for p in ARPABET] + ["ax"]
    found = nearest(folded, known)
    assert {a for a, b in found.items() if b != folded[a]} <= {"em", "axr", "eng", "nx"} & set(folded)


def test_espeaks_phonemes_of_english_come_to_the_phones_that_hand_gave_them():
    """The table of the synthetic voices was made by hand from eSpeak's names."""
    names = {"tS": "tʃ", "dZ": "dʒ", "A:": "ɑː", "0": "ɑː", "a": "æ", "V": "ʌ", "@": "ə", "O:": "ɔː", "E": "ɛ"}
    names |= {"eI": "eɪ", "I": "ɪ", "i:": "iː", "oU": "oʊ", "OI": "ɔɪ", "U": "ʊ", "u:": "uː", "aI": "aɪ", "aU": "aʊ"}
    names |= {"D": "ð", "T": "θ", "S": "ʃ", "Z": "ʒ", "N": "ŋ", "r": "ɹ", "j": "j", "h": "h", "3": "ɚ"}
    assert nearest(names.values()) == {ipa: OF_ESPEAK[name] for name, ipa in names.items()}
