from gmmspeech.phones.labels.dictionary import make_dictionary, pronounce

ENTRIES = [("record", ["R", "AH0", "K", "AO1", "R", "D"]), ("Record", ["R", "EH1", "K", "ER0", "D"]), ("a", ["AH0"])]


def test_words_are_in_upper_case_and_pronunciations_in_order():
    found = make_dictionary(ENTRIES)
    assert found == {"RECORD": (("R", "AH", "K", "AO", "R", "D"), ("R", "EH", "K", "ER", "D")), "A": (("AH",),)}


def test_pronunciations_that_differ_in_stress_alone_become_one():
    entries = [("permit", ["P", "ER0", "M", "IH1", "T"]), ("permit", ["P", "ER1", "M", "IH2", "T"])]
    assert make_dictionary(entries) == {"PERMIT": (("P", "ER", "M", "IH", "T"),)}
    assert make_dictionary(entries, keep_stress=True)["PERMIT"] == tuple(tuple(phones) for _, phones in entries)


def test_words_are_looked_up_in_any_case_and_missing_ones_named_once():
    dictionary = make_dictionary(ENTRIES)
    found, missing = pronounce(iter(["A", "xyzzy", "record", "Plugh", "xyzzy"]), dictionary)
    assert found == [(("AH",),), (), dictionary["RECORD"], (), ()]
    assert missing == ["xyzzy", "Plugh"]
    assert pronounce([], dictionary) == ([], [])


def test_a_supplement_is_added_with_a_bar():
    merged = make_dictionary(ENTRIES) | make_dictionary([("a", ["EY1"]), ("xyzzy", ["Z", "IH1", "Z", "IY0"])])
    assert merged["A"] == (("EY",),)
    assert pronounce(["XYZZY", "a", "record"], merged)[1] == []
