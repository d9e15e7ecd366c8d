import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import kaldialign
import pytest

from gmmspeech.errors import ConfigError, GmmSpeechWarning, counted
from gmmspeech.formats import espeak
from gmmspeech.formats.dictionary import cmudict_dictionary
from gmmspeech.formats.espeak import espeak_languages, is_same_language, pronounce_words
from gmmspeech.phones.labels.articulation import articulation
from gmmspeech.phones.labels.phone_sets import ARPABET


def said(word, language):
    (pronunciations,) = pronounce_words([word], language).values()
    (phones,) = pronunciations
    return " ".join(phones)


# As pronouncing dictionaries have them (Duden, RAE, Wiktionary), where eSpeak agrees with those.
KNOWN = """
de: Zeit ts aɪ t, ich ɪ ç, Pfad pf ɑː t, Buch b uː x
de-AT: Zeit ts aɪ t
German: Zeit ts aɪ t
es: perro p e r o, pero p e ɾ o, queso k e s o, Chile tʃ i l e
ru: хорошо x ʌ r ʌ ʃ o, чай tʃʲ ɑ j, МОСКВА m ʌ s k v ɑ
cmn: 你好 n i²¹⁴ χ ɑu²¹⁴, 中 tʂ ʊ⁵⁵ ŋ
cmn: 六 l j ou⁵¹, 快 kʰ w ai⁵¹, 对 t w ei⁵¹
hak: liau l j au⁴
zh-CN: 吃 tʂʰ ɨ⁵⁵, 二 ɚ⁵¹
tr: çocuk tʃ o dʒ ʊ k, ağaç aː tʃ
fr: bonjour b ɔ̃ ʒ u ʁ
it: gli ʎ ɪ
yue: 你好 n ei⁵ h ou²
vi: chào tʃ aː² w
ko: 안녕 ɐ n n j ʌ ŋ
en: four f ɔː ɹ, bottle b ɑː ɾ ə l, fire f aɪ ɚ, during d ʊ ɹ ɪ ŋ
pt_BR: sim s i ŋ
# Words of one letter, which are no letters.
fr: y i, à a, l l, C s
it: l l, c tʃ, è e
ca: d d
pt-br: é ɛ, e i
cs: v v, k k
ru: с s
el: ο o, ή i
vi: ở əː⁴
# What eSpeak names otherwise than in IPA.
ru: люди ɭʲ ʉ dʲ ɪ, проверьте p r ʌ vʲ e r ɪ tʲ i
mi: tūi t ʉː i
et: padi p a dʲ ɪ
mk: ќе kʲ e
is: hross h r̥ ɔ s s
ky: тоо t̪ oː
pa: ਧੀ t i
ru: ты t ɨ
pt-br: sete s ɛ tʃ ɪ
yue: 三 s aː⁷ m, 水 s ɵy², 五 ŋ
tn: tlhano ɬ a n ʊ
sq: mollë m ɔ lː ə
si: අඹ ɐ m b ə
hi: चाय tʃ aː j, जल dʒ ʌ l
sw: maji m a ɟ i
gu: છ tʃʰ ə
bpy: ঘর ɡʰ ə ɾ
ko: 까치 q ɐ tʃʰ i
# Marks that are no phones: a stød, an ejective's apostrophe, points; the ʻokina is one.
da: hus h u s
qu: p'isaq pʼ i s a q
he: שָׁלוֹם ʃ a l o m
haw: maʻi m a ʔ i, ʻōʻō ʔ oː ʔ oː
uz: bogʻ b ɑ ʁ, bogʼ b ɑ ʁ
"""


@pytest.mark.parametrize("line", [line for line in KNOWN.strip().splitlines() if not line.startswith("#")])
def test_phones_of_words(line):
    language, _, entries = line.partition(": ")
    for word, phones in (entry.split(maxsplit=1) for entry in entries.split(", ")):
        assert said(word, language) == phones


def test_words_that_upper_case_would_make_one_keep_their_own():
    words = pronounce_words(["Maße", "Masse", "masse"], "de")
    assert words == {"MAßE": (("m", "ɑː", "s", "ə"),), "MASSE": (("m", "a", "s", "ə"),)}
    assert list(pronounce_words(["ılık", "ilik"], "tr").values()) == [(("ɯ", "ɫ", "ɯ", "k"),), (("i", "l", "i", "k"),)]


def test_american_english_in_arpabet_is_near_to_cmudict():
    """Another dictionary, by other people; names and reduced vowels differ most."""
    dictionary = cmudict_dictionary()
    words = random.Random(1).sample([word for word in dictionary if word.isalpha()], 2000)
    spoken = pronounce_words([word.lower() for word in words], "en", phones=ARPABET)
    assert len(spoken) == len(words)

    def errors(word):
        counts = [(kaldialign.edit_distance(list(p), list(spoken[word][0]))["total"], len(p)) for p in dictionary[word]]
        return min(counts)

    wrong, phones = map(sum, zip(*map(errors, words), strict=True))
    assert wrong / phones < 0.12
    expected = {"CATS": "K AE T S", "HURRY": "HH ER IY", "BUTTON": "B AH T AH N", "WATER": "W AO T ER"}
    assert {w: " ".join(p[0]) for w, p in pronounce_words(expected, "en", phones=ARPABET).items()} == expected


def test_phones_of_another_language_are_the_nearest_of_a_model():
    assert pronounce_words(["Zürich"], "de", phones=["CH", "IY", "R", "IH", "SH", "HH", "S", "SIL"]) == {
        "ZÜRICH": (("CH", "IY", "R", "IH", "HH"),)
    }


def test_words_that_it_can_only_spell_are_left_out_and_named():
    for language, words in {
        "de": ["Привет", "你", "-", "'", "Zeit"],
        "en": ["Привет", "好", "مرحبا", "time"],
        "ja": ["漢字", "12時", "カメラ"],
        "ru": ["你好", "чай"],
        "cmn": ["привет", "亽", "好"],
        "kok": ["दोन", "घर"],
    }.items():
        *bad, good = words
        with pytest.warns(
            GmmSpeechWarning, match=f"no pronunciation of {counted(len(bad), 'word')}, left out: {', '.join(bad)}"
        ):
            assert list(pronounce_words(words, language)) == [good.upper()]


def test_letters_of_another_language_that_it_knows_are_read():
    assert list(pronounce_words(["γειά", "नमस्ते", "Team"], "de")) == ["ΓΕΙΆ", "नमस्ते", "TEAM"]


@pytest.mark.parametrize("language", ["ger", "germ", "xx", "", "fo", "\x1b[2J" * 999])
def test_a_language_that_it_lacks(language):
    with pytest.raises(ConfigError) as error:
        pronounce_words(["a"], language)
    message = str(error.value)
    assert message.startswith("language: found '")
    assert "expected one that eSpeak NG has, such as " in message
    assert "de (German)" in message
    assert "\n" not in message
    assert len(str(error.value)) < 500


@pytest.mark.parametrize("language", ["th", "tha", "Burmese"])
def test_languages_that_it_misreads(language):
    with pytest.raises(ConfigError, match=f"found '{language}', whose vowels .* expected a dictionary of it"):
        pronounce_words(["ดี"], language)


def test_all_languages_give_phones_that_can_be_read():
    languages = espeak_languages()
    assert len(languages) > 100
    assert {"de", "es", "ru", "cmn", "tr", "nb", "en-us"} <= set(languages)
    numbers = ["1", "2", "3", "7", "10", "45", "1000"]
    for code in languages:
        with pytest.warns(GmmSpeechWarning) if code.startswith(("chr", "cv", "sjn")) else _nothing():
            phones = {p for spoken in pronounce_words(numbers, code).values() for p in spoken[0]}
        assert all(articulation(phone.rstrip("⁰¹²³⁴⁵⁶⁷⁸⁹")) is not None for phone in phones), code


def test_any_number_of_threads_gives_the_same():
    jobs = [("de", ["Zeit", "Buch"]), ("es", ["perro"]), ("cmn", ["你好"]), ("en", ["water", "four"])] * 20
    alone = [pronounce_words(words, language) for language, words in jobs]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda job: pronounce_words(job[1], job[0]), jobs)) == alone


def test_it_starts_once_and_without_threads_of_its_own():
    code = (
        "import os, espeakng_loader; from gmmspeech.formats import espeak; before = os.listdir('/proc/self/task')\n"
        "assert espeak._library() is espeak._library(); espeak.espeak_languages()\n"
        "assert os.listdir('/proc/self/task') == before"
    )
    if not Path("/proc/self/task").is_dir():
        pytest.skip("counts threads as Linux tells them")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_codes_of_iso_639_3():
    """Of the same languages, as the names that eSpeak gives them say."""
    for code, name in {"deu": "German", "tur": "Turkish", "rus": "Russian", "pes": "Persian", "uzn": "Uzbek"}.items():
        assert pronounce_words(["a"], code) == pronounce_words(["a"], name)
    assert set(espeak._OF_THREE_LETTERS.values()) <= {code[:2] for code in espeak_languages()} | {"zh", "th", "my"}
    assert said("Zeit", "deu-AT") == "ts aɪ t"


def test_one_language_has_several_codes():
    for one, other in (("de", "de-AT"), ("deu", "de"), ("German", "de"), ("pt-br", "por"), ("zh", "cmn"), ("x", "x")):
        assert is_same_language(one, other)
    for one, other in (("de", "nl"), ("German", "en"), ("tlh", "en"), ("", "en")):
        assert not is_same_language(one, other)


def test_odd_words():
    assert pronounce_words([], "de") == {}
    with pytest.warns(GmmSpeechWarning, match="left out"):
        assert pronounce_words(["", "\0", " "], "de") == {}
    assert len(pronounce_words(["a" * 10_000], "de").popitem()[1][0]) > 0


def test_without_the_package_it_says_what_to_install(monkeypatch):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r'expected the extra "g2p" .pip install "gmmspeech\[g2p\]"'):
        espeak._library()


def _nothing():
    import contextlib

    return contextlib.nullcontext()
