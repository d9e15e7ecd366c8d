"""Phones named by where in a word they stand."""

from gmmspeech.phones.labels.dictionary import WeightedPronunciation, probability_of
from gmmspeech.phones.labels.word_positions import has_positions, with_positions, without_positions


def test_places_in_words():
    known = {"SIL", "AA_B", "AA_I", "AA_E", "AA_S", "T_B", "T_E", "SPN"}
    entries = {"a": [["AA"]], "tat": [["T", "AA", "T"]], "noise": [["SPN"]], "x": [["X"]], "named": [["AA_S"]]}
    assert with_positions(entries, known) == {
        "a": [("AA_S",)],
        "tat": [("T_B", "AA_I", "T_E")],
        "noise": [("SPN",)],
        "x": [("X",)],
        "named": [("AA_S",)],
    }
    assert has_positions(known)
    assert not has_positions({"AA", "SIL"})
    assert without_positions(["AA_B", "T", "AA_S"]) == ["AA", "T"]
    (weighted,) = with_positions({"a": [WeightedPronunciation(["AA"], 0.2)]}, known)["a"]
    assert (weighted, probability_of(weighted)) == (("AA_S",), 0.2)
