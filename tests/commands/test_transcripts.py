"""Words with pronunciations from transcripts, and what becomes of those that no dictionary has."""

from __future__ import annotations

import os
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile

from gmmspeech.commands.transcripts import (
    open_pronunciations,
    phones_like,
    pronounced_lines,
    read_speech,
    said_pronunciations,
    said_words,
    spoken_words,
    unknown_lines,
    write_pronounced,
    write_unknown_words,
)
from gmmspeech.errors import ConfigError, DataError, GmmSpeechWarning
from gmmspeech.formats.datadir import DataDir, read_data_dir
from gmmspeech.formats.dictionary import read_dictionary
from gmmspeech.phones.labels.dictionary import probability_of

DICTIONARY = {"HELLO": (("HH", "AH"),), "WORLD": (("W", "D"), ("W", "ER"))}
PHONES = ("SIL", "SPN", "HH", "AH", "W", "D", "ER")


def data_of(**text: str) -> DataDir:
    names = tuple(sorted(text))
    return DataDir(Path("x"), {name: Path(name) for name in names}, None, names, dict.fromkeys(names, "s"), text)


TEXT = data_of(a="Hello, XYZZY world!", b="hello xyzzy — plugh", c="Добрый день", d=" … ", e="42")


def test_spoken_noise_stands_for_unknown_words() -> None:
    found = spoken_words(TEXT, DICTIONARY, phones=PHONES, skip_bad=True)
    assert found.words == {"a": ["Hello", "XYZZY", "world"], "b": ["hello", "xyzzy", "plugh"]}
    assert found.entries["Hello"] == DICTIONARY["HELLO"]
    assert found.entries["XYZZY"] == found.entries["plugh"] == (("SPN",),)
    assert {word: dict(seen) for word, seen in found.unknown.items()} == {
        "xyzzy": {"a": 1, "b": 1},
        "42": {"e": 1},
        "plugh": {"b": 1},
        "день": {"c": 1},
        "добрый": {"c": 1},
    }
    assert found.skipped == {
        "c": "found no word of 2 in the dictionary (Добрый, день), expected a transcript in its language",
        "d": "found no words in its transcript, expected one or more",
        "e": "found no word of 1 in the dictionary (42), expected a transcript in its language",
    }


@pytest.mark.parametrize(
    ("unknown_words", "phones", "expected"),
    [
        ("spn", PHONES, ["Hello", "XYZZY", "world"]),
        ("spn", ("sil", "spn", "HH"), ["Hello", "XYZZY", "world"]),
        ("SIL", PHONES, ["Hello", "XYZZY", "world"]),
        ("skip", PHONES, ["Hello", "world"]),
        (None, PHONES, ["Hello", "XYZZY", "world"]),
        (None, None, ["Hello", "XYZZY", "world"]),
    ],
)
def test_what_may_stand_for_them(unknown_words, phones, expected) -> None:
    found = spoken_words(TEXT.only(["a"]), DICTIONARY, unknown_words=unknown_words, phones=phones)
    assert found.words == {"a": expected}
    assert set(found.unknown) == {"xyzzy"}
    noise = {"SIL": "SIL"}.get(unknown_words, "spn" if phones and "spn" in phones else "SPN")
    assert found.entries.get("XYZZY", ((noise,),)) == ((noise,),)


def test_an_utterance_with_an_unknown_word_may_be_a_bad_one() -> None:
    for unknown_words, phones in (("error", PHONES), (None, ("SIL", "HH"))):
        how = {"unknown_words": unknown_words, "phones": phones}
        with pytest.raises(DataError, match=r"^utterance a: found no pronunciation of XYZZY, expected it in the dict"):
            spoken_words(TEXT, DICTIONARY, **how)
        with pytest.raises(DataError, match=r"; it lacks 5 words of all transcripts: xyzzy, 42, plugh, день, добрый$"):
            spoken_words(TEXT, DICTIONARY, **how)
        with pytest.raises(DataError, match="no utterance with words that can be used; the first: a: found no pronun"):
            spoken_words(TEXT, DICTIONARY, skip_bad=True, **how)
    with pytest.raises(ConfigError, match="unknown_words: found XX, no phone of the model, expected skip, g2p, err"):
        spoken_words(TEXT, DICTIONARY, unknown_words="XX", phones=PHONES)
    with pytest.raises(ConfigError, match="unknown_words: found spn, no phone of the model"):
        spoken_words(TEXT, DICTIONARY, unknown_words="spn", phones=("SIL",))


def test_transcripts_of_another_language() -> None:
    italian = "prego digitare il proprio numero di operatore seguito dal tasto cancelletto la conferenza non è valida"
    more = "i partecipanti saranno messi in attesa"
    english = "of the words of an english transcript a few may be unknown but most are not so xyzzy plugh go on"
    with pytest.warns(GmmSpeechWarning, match=r"^language: found en, while the dictionary lacks 1\d of 22 words"):
        spoken_words(data_of(a=italian, b=more), None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        spoken_words(data_of(a=italian), None)  # too few words to say so
        spoken_words(data_of(a=english), None)


def test_english_of_other_countries_is_told_to_be_taken_for_american() -> None:
    with pytest.warns(
        GmmSpeechWarning, match="^language: found en-gb, took CMU's dictionary.*; expected a dictionary of"
    ):
        found = spoken_words(data_of(a="a tomato"), None, language="en-gb")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert found.entries == spoken_words(data_of(a="a tomato"), None, language="EN_US").entries
        spoken_words(data_of(a="hello"), {"HELLO": (("AA",),)}, language="en-gb")


def test_noise_of_a_dictionary_is_the_model_s() -> None:
    mfa = {"<UNK>": (("spn",),), "[LAUGHTER]": (("lau",),), "A": (("AH",),)}
    assert spoken_words(data_of(a="a <unk> [laughter]"), mfa, phones=PHONES).entries == {
        "a": (("AH",),), "<unk>": (("SPN",),), "[laughter]": (("SPN",),),
    }  # fmt: skip
    assert spoken_words(data_of(a="a <unk>"), mfa, phones=[*PHONES, "spn"]).entries["<unk>"] == (("spn",),)
    assert spoken_words(data_of(a="a <unk>"), mfa).entries["<unk>"] == (("spn",),)


def test_brackets_are_told_to_hold_words() -> None:
    heard = data_of(a="hello (laughs) world", b="((coughs, loudly)). hello (laughs)", c="(be)cause of(ten) (12)")
    told = r"^transcripts: found \(laughs\), \(\(coughs, loudly\)\) in round brackets \(3 times\), taken for words"
    with pytest.warns(GmmSpeechWarning, match=told):
        assert spoken_words(heard, None).words["a"] == ["hello", "laughs", "world"]
    with pytest.warns(
        GmmSpeechWarning, match=r"found \[door slams\] in brackets with blanks \(1 time\), taken for words"
    ):
        assert spoken_words(data_of(a="hello [door slams] world"), None).words["a"] == [
            "hello",
            "door",
            "slams",
            "world",
        ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        spoken_words(data_of(a="hello [laughs]", b="of(ten) <door_slams> a < b > a"), None)
        spoken_words(data_of(a="(hɛ)"), None, language="ipa")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("El niño comió", r"letters that IPA lacks \(E\) in 1 of 3 different words \(El\)"),
        ("straße ɪst", r"letters that IPA lacks \(ß\) in 1 of 2 different words \(straße\)"),
        (
            " ".join(f"señ{a}{b}" for a in "aeiou" for b in "rstl"),
            "20 different words .* without a symbol that IPA alone",
        ),
    ],
)
def test_spelling_in_place_of_ipa_is_told(text, message) -> None:
    with pytest.warns(GmmSpeechWarning, match=f"transcripts: found {message}"):
        spoken_words(data_of(a=text), None, language="ipa")


def test_transcriptions_in_ipa_are_told_from_spelling(recwarn) -> None:
    """Of Hawaiian, which has but letters of the alphabet, and of symbols that look like capitals or marks."""
    spoken_words(data_of(a="aloha kakou mahalo"), None, language="ipa")
    spoken_words(data_of(a=" ".join(f"{a}{b}" for a in "ʀɢᵻæ" for b in "aeiou") + " ˈça!k ʘäː"), None, language="ipa")
    assert not recwarn


def test_transcriptions_in_ipa_are_their_own_pronunciations() -> None:
    text = data_of(a="[ˈakːwa] /t͡ʃaːo/", b="ʃest дом", c="дом")
    found = spoken_words(text, None, language="ipa", skip_bad=True)
    assert found.words == {"a": ["ˈakːwa", "t͡ʃaːo"], "b": ["ʃest", "дом"]}
    assert found.entries["ˈakːwa"] == (("a", "kː", "w", "a"),)
    assert found.entries["t͡ʃaːo"] == (("t͡ʃ", "aː", "o"),)
    assert (found.entries["дом"], set(found.unknown), set(found.skipped)) == ((("SPN",),), {"дом"}, {"c"})
    own = spoken_words(text, {"ƩEST": (("S", "T"),)}, language="IPA", skip_bad=True)
    assert own.entries["ʃest"] == (("S", "T"),)


def test_pronunciations_by_espeak() -> None:
    pytest.importorskip("espeakng_loader")
    found = spoken_words(TEXT.only(["a"]), DICTIONARY, unknown_words="g2p", phones=(*PHONES, "Z", "IH", "IY", "K", "S"))
    assert set(found.guessed) == {"XYZZY"}
    assert "Z" in found.entries["XYZZY"][0]
    assert set(found.unknown) == {"xyzzy"}
    german = spoken_words(data_of(a="Guten Tag!"), None, language="de")
    assert (german.unknown, list(german.words.values())) == ({}, [["Guten", "Tag"]])
    assert set(german.entries) == {"Guten", "Tag"}
    german = spoken_words(data_of(a="Guten Tag, 3 Bücher"), None, language="de")
    assert (set(german.unknown), german.entries["3"]) == ({"3"}, (("SPN",),))
    english = spoken_words(data_of(a="Guten Tag!"), None, language="de", phones=PHONES)
    assert english.entries["Tag"] == (("t", "ɑː", "k"),)  # which alignment takes for neighbors in the model


def test_words_that_a_dictionary_lacks_are_pronounced_in_its_phones(tmp_path: Path) -> None:
    pytest.importorskip("espeakng_loader")
    found = spoken_words(data_of(a="tomato wug"), None, unknown_words="g2p")
    assert found.entries["wug"] == (("W", "AH", "G"),)
    with pytest.warns(GmmSpeechWarning, match=r"found no pronunciation of 1 word, left out: \[wug\]"):
        noise = spoken_words(data_of(a="tomato [wug]"), None, unknown_words="g2p")
    assert (noise.entries["[wug]"], list(noise.unknown), noise.guessed) == ((("SPN",),), ["[wug]"], {})
    ipa = {"TOMATO": (("t", "ə", "m", "ɑː", "t", "əʊ"),), "BAG": (("b", "a", "ɡ"),), "WE": (("w", "iː"),)}
    found = spoken_words(data_of(a="tomato wug"), ipa, unknown_words="g2p", phones=PHONES)
    assert found.entries["wug"] == (("w", "ə", "ɡ"),)
    assert phones_like({}, PHONES) == PHONES
    assert list(pronounced_lines(found.guessed, None)) == ["pronounced by eSpeak NG: wug w ə ɡ"]
    place = tmp_path / "pronounced_words.dict"
    write_pronounced(place, found.guessed)
    assert read_dictionary(place) == {"WUG": (("w", "ə", "ɡ"),)}
    assert list(pronounced_lines(found.guessed, place))[1] == f"pronounced by eSpeak NG: 1 word, all in {place}"
    write_pronounced(place, {})
    assert not place.exists()
    small = {"TOMATO": (("t", "ah", "m", "ey", "t", "ow"),), "HER": (("hh", "er0"),)}
    found = spoken_words(data_of(a="tomato wug"), small, unknown_words="g2p", phones=PHONES)
    assert found.entries["wug"] == (("w", "ah", "g"),)


def test_english_is_pronounced_by_cmudict() -> None:
    found = spoken_words(data_of(a="Tomato, don’t xyzzy"), None)
    assert found.entries["Tomato"] == (("T", "AH", "M", "EY", "T", "OW"), ("T", "AH", "M", "AA", "T", "OW"))
    assert (set(found.entries), set(found.unknown)) == ({"Tomato", "don't", "xyzzy"}, {"xyzzy"})


def test_stress_and_probabilities_stay_where_the_model_tells_them_apart(tmp_path: Path) -> None:
    phones = ("sil", "AH0_B", "AH0_I", "AH1_E", "T_B", "K_S")
    assert spoken_words(data_of(a="tomato"), None, phones=phones).entries["tomato"][0][1] == "AH0"
    (tmp_path / "a").write_text("hut 0.25 HH AH1 T\nhut 1.0 HH AH0 T\n")
    opened = open_pronunciations([str(tmp_path / "a")], phones=phones)
    variants = spoken_words(data_of(a="Hut"), opened).entries["Hut"]
    assert [(phones[1], probability_of(phones)) for phones in variants] == [("AH1", 0.25), ("AH0", 1.0)]
    (variant,) = open_pronunciations([str(tmp_path / "a")], phones=PHONES)["HUT"]
    assert (variant[1], probability_of(variant)) == ("AH", 1.0)


def test_dictionaries_are_opened_one_on_another(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("HELLO HH\nXYZZY Z\n")
    (tmp_path / "b").write_text("xyzzy S\nplugh 1 2 K\nbad\n")
    opened = open_pronunciations(["cmudict", str(tmp_path / "a")])
    assert (opened["HELLO"], opened["XYZZY"], opened["WORLD"]) == ((("HH",),), (("Z",),), (("W", "ER", "L", "D"),))
    with pytest.raises(DataError, match=r"b:3: found bad alone"):
        open_pronunciations([str(tmp_path / "a"), str(tmp_path / "b")])
    with pytest.warns(GmmSpeechWarning, match=r"left out 1 line of a dictionary; the first: .*b:3: found bad alone"):
        opened = open_pronunciations([str(tmp_path / "a"), str(tmp_path / "b")], skip_bad=True)
    assert (opened["XYZZY"], opened["HELLO"]) == ((("S",),), (("HH",),))


def test_cmudict_supplements_what_comes_before_it(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("Hello x\nhello y\nxyzzy z\n")
    (tmp_path / "b").write_text("WORLD W\n")
    opened = open_pronunciations([str(tmp_path / "a"), "cmudict", str(tmp_path / "b")])
    found = [spoken_words(data_of(a=word), opened).entries[word] for word in ("Hello", "xyzzy", "world")]
    assert found == [(("HH", "AH", "L", "OW"), ("HH", "EH", "L", "OW")), (("z",),), (("W",),)]
    assert open_pronunciations([]) == {}


def test_all_unknown_words_are_listed(tmp_path: Path) -> None:
    place = tmp_path / "unknown_words.txt"
    many = " ".join(f"zzq{i}" for i in range(30))
    unknown = spoken_words(data_of(a=f"hello {many}", b="hello zzq7 zzq7"), DICTIONARY).unknown
    write_unknown_words(place, unknown)
    lines = place.read_text().splitlines()
    assert lines[:2] == ["zzq7 3 a b", "zzq0 1 a"]
    assert len(lines) == 30
    told = list(unknown_lines(unknown, place))
    assert told[0] == "not in the dictionary: zzq7 (3 times)"
    assert told[10:] == [f"not in the dictionary: 30 words, 32 times, all in {place}"]
    assert list(unknown_lines(unknown, None))[10:] == ["not in the dictionary: 20 more words"]
    write_unknown_words(place, {})
    assert not place.exists()
    numbers = spoken_words(data_of(a="hello 42 zz9"), DICTIONARY).unknown
    assert list(unknown_lines(numbers, None))[2:] == [
        "not in the dictionary: numbers in digits, such as 42: write them as they are said"
    ]


@pytest.mark.skipif(os.name == "nt", reason="nothing is locked there, and no leftovers are removed")
@pytest.mark.parametrize("write", [write_unknown_words, write_pronounced])
def test_what_a_killed_run_left_of_lists_of_words_is_removed(tmp_path: Path, write) -> None:
    for name in (".p.words.01234567.txt", ".other.01234567.txt"):
        (tmp_path / name).touch()
    write(tmp_path / "p.words.txt", {})
    assert [path.name for path in tmp_path.iterdir()] == [".other.01234567.txt"]


def test_bad_files_of_a_folder(tmp_path: Path) -> None:
    for name in "ab":
        soundfile.write(tmp_path / f"{name}.wav", np.zeros(800), 8000)
    (tmp_path / "a.txt").write_text("hello")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.TextGrid").write_text("of an earlier run")
    data, left_out, skip = read_speech(tmp_path, out=tmp_path / "out")
    assert (data.utterances, list(left_out), skip) == (("a",), ["b.wav"], True)
    with pytest.raises(DataError, match=r"found 2 files that can't be used; the first: b.wav: found no transcript"):
        read_speech(tmp_path, skip_bad=False)
    (tmp_path / "b.txt").write_text("world")
    assert read_speech(tmp_path, skip_bad=False, out=tmp_path / "out")[1:] == ({}, False)
    (tmp_path / "wav.scp").write_text(f"a {tmp_path}/a.wav\n")
    (tmp_path / "utt2spk").write_text("a s\n")
    assert read_speech(tmp_path)[1:] == ({}, False)
    assert read_speech(tmp_path, skip_bad=True)[2] is True


def test_a_missing_folder_tells_what_folders_are_taken(tmp_path):
    with pytest.raises(DataError, match=r"no such folder, expected recordings with transcripts beside them, or a data"):
        read_speech(tmp_path / "none")


def test_dictionaries_in_two_notations(tmp_path) -> None:
    """X-SAMPA's Z is ARPAbet's ZH: beside one another they would be one; IPA has letters of its own."""
    files = {"sampa": "beige b eI Z\nus V s\n", "arpabet": "rouge R UW1 ZH\n", "ipa": "beige b eɪ ʒ\n"}
    paths = {name: tmp_path / f"{name}.dict" for name in files}
    for name, lines in files.items():
        paths[name].write_text(lines)
    for names in (["cmudict", paths["sampa"]], [paths["sampa"], paths["arpabet"]]):
        with pytest.raises(
            ConfigError, match=r"sampa\.dict in X-SAMPA beside one in ARPAbet, whose V Z are other sounds"
        ):
            open_pronunciations(list(map(str, names)))
    for names in (["cmudict", paths["ipa"]], ["cmudict", paths["arpabet"]], [paths["sampa"]]):
        assert open_pronunciations(list(map(str, names)))


def test_dictionaries_add_up(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("CAT K AE1 T\nDOG D AO1 G\n")
    (tmp_path / "b").write_text("DOG D AA1 G\nGNU N UW1\n")
    both = open_pronunciations([str(tmp_path / "a"), str(tmp_path / "b")])
    assert both == {"CAT": (("K", "AE", "T"),), "DOG": (("D", "AA", "G"),), "GNU": (("N", "UW"),)}


def test_pronunciations_of_the_words_said() -> None:
    entries = said_pronunciations({"u": ["see", "me"], "v": ["see"]}, {"SEE": [["S", "IY"]], "SAW": [["S", "AO"]]})
    assert entries == {"me": (), "see": [["S", "IY"]]}


def test_data_without_text_and_missing_dictionaries_are_refused(digits: Path, tmp_path: Path) -> None:
    shutil.copytree(digits.parents[1], tmp_path / "corpus")
    silent = tmp_path / "corpus" / "data" / "all"
    (silent / "text").unlink()
    with pytest.raises(DataError, match="all: found no file text"):
        said_words(read_data_dir(silent))
    with pytest.raises((ConfigError, DataError), match="nosuch"):
        open_pronunciations([str(tmp_path / "nosuch")])
