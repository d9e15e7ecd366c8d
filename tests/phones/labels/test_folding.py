"""Phone sets of three corpora, brought to TIMIT's 39."""

import pytest

from gmmspeech.errors import DataError
from gmmspeech.phones.labels.folding import fold_timit39, has_closures, join_closures
from gmmspeech.phones.labels.labels import Label
from gmmspeech.phones.labels.phone_sets import ARPABET_WITH_STRESS, TIMIT_39, TIMIT_61, TIMIT_61_TO_39

BUCKEYE = (
    "aa aan ae aen ah ahn ao aon aw awn ay ayn b ch d dh dx eh ehn el em en eng er ern ey eyn f g hh ih ihn iy iyn jh"
)
BUCKEYE += " k l m n ng nx ow own oy oyn p r s sh t th tq uh uhn uw uwn v w y z zh"


def apart(names):
    """Labels with gaps, so that no silence meets another."""
    return [Label(i, i + 0.5, name) for i, name in enumerate(names)]


def test_timit_is_folded_as_by_its_own_table():
    found = [label.name for label in fold_timit39(apart(TIMIT_61))]
    assert found == [TIMIT_61_TO_39[phone] for phone in TIMIT_61 if TIMIT_61_TO_39[phone]]


@pytest.mark.parametrize("names", [ARPABET_WITH_STRESS, BUCKEYE.split()], ids=["arpabet", "buckeye"])
def test_other_sets_end_there_too(names):
    assert {label.name for label in fold_timit39(apart(names))} <= set(TIMIT_39)


def test_some_phones_and_what_is_no_speech():
    names = {"AH0": "ah", "ZH": "sh", "AO2": "aa", "ern": "er", "own": "ow", "nx": "n", "dx": "dx", "SPN": "sil"}
    names |= {"<VOCNOISE>": "sil", "{B_TRANS}": "sil", "IVER-laugh": "sil", "sp": "sil", "HH": "hh", "ER1_B": "er"}
    assert [label.name for label in fold_timit39(apart(names))] == list(names.values())
    assert fold_timit39(apart(["tq", "q"])) == []


def test_a_symbol_of_no_set_is_named():
    with pytest.raises(DataError, match="u1: found label 'ʃ' at 1 s"):
        fold_timit39(apart(["AA", "ʃ"]), owner="u1")


def test_closures_and_releases_become_stops():
    labels = [
        Label(i / 10, (i + 1) / 10, name)
        for i, name in enumerate(["tcl", "t", "tcl", "ch", "dcl", "jh", "bcl", "m", "kcl", "kcl", "k", "dcl", "t"])
    ]
    joined = join_closures(labels)
    assert [label.name for label in joined] == ["t", "ch", "jh", "b", "m", "k", "k", "d", "t"]
    assert joined[0] == Label(0.0, 0.2, "t")
    assert [label.start for label in joined] == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 1.1, 1.2])
    assert joined[-1].end == pytest.approx(1.3)
    assert join_closures([Label(0.0, 0.1, "tcl"), Label(0.2, 0.3, "t")]) == [Label(0.0, 0.1, "t"), Label(0.2, 0.3, "t")]
    assert has_closures([labels])
    assert not has_closures([joined])
