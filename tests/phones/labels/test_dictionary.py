from gmmspeech.phones.labels.dictionary import make_dictionary, pronounce, supplemented

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


def test_tones_are_no_stress():
    entries = [("好", ["h", "ao3"]), ("高", ["k", "ao1"]), ("二", ["er2"])]
    assert make_dictionary(entries) == {"好": (("h", "ao3"),), "高": (("k", "ao1"),), "二": (("er2",),)}
    assert make_dictionary([("a", ["AH0"]), ("uh", ["SPN"])]) == {"A": (("AH",),), "UH": (("SPN",),)}
    assert make_dictionary([("a", ["ah0"]), ("b", ["dcl", "b"])])["A"] == (("ah",),)
    assert make_dictionary([("a", ["AH0"]), ("ö", ["OE1"])])["A"] == (("AH0",),)


def test_marks_of_stress_are_no_phones():
    entries = [("hello", ["h", "ə", "ˈl", "oʊ"]), ("banana", ["b", "ə", "ˈ", "n", "ɑː", "n", "ə"])]
    found = make_dictionary(entries)
    assert found == {"HELLO": (("h", "ə", "l", "oʊ"),), "BANANA": (("b", "ə", "n", "ɑː", "n", "ə"),)}
    assert make_dictionary(entries, keep_stress=True)["HELLO"] == (("h", "ə", "ˈl", "oʊ"),)


def test_marks_between_phones_are_no_phones():
    entries = [("hello", ["HH", "AH0", ".", "L", "OW1"]), ("dot", ["."]), ("hund", ['"', "h", "U", "%", "n", "t"])]
    found = make_dictionary(entries)
    assert found["HELLO"] == (("HH", "AH0", "L", "OW1"),)
    assert found["HUND"] == (("h", "U", "n", "t"),)
    assert found["DOT"] == ((".",),)  # is told where it is looked up
    assert make_dictionary(entries[:1])["HELLO"] == (("HH", "AH", "L", "OW"),)


def test_words_that_differ_in_case_stay_apart_where_they_sound_different():
    entries = [("s_i", "s i"), ("S_i", "S i"), ("The", "D @"), ("the", "D @"), ("the", "D i")]
    found = make_dictionary((word, phones.split()) for word, phones in entries)
    assert pronounce(["s_i", "S_i", "S_I", "the", "The"], found)[0] == [
        (("s", "i"),), (("S", "i"),), (("s", "i"), ("S", "i")), (("D", "@"), ("D", "i")), (("D", "@"), ("D", "i")),
    ]  # fmt: skip
    found = make_dictionary([("A", ["A"]), ("a", ["a"])])
    assert pronounce(["A", "a"], found)[0] == [(("A",),), (("a",),)]


def test_a_supplement_replaces_a_word_in_any_case():
    german = make_dictionary([("Sucht", ["z", "ʊ"]), ("sucht", ["z", "uː"]), ("a", ["a"])])
    assert sorted(german) == ["A", "SUCHT", "Sucht", "sucht"]
    assert supplemented(german, {"SUCHT": (("s",),)}) == {"A": (("a",),), "SUCHT": (("s",),)}
