import pytest

from gmmspeech.commands.pronounce import pronounced
from gmmspeech.commands.transcripts import dictionary_lines
from gmmspeech.errors import DataError, GmmSpeechWarning


def test_words_as_people_write_them_in_order():
    found = pronounced(["Zeit – „Straße!“", "Zeit"], "de")
    assert list(dictionary_lines(found)) == ["Zeit ts aɪ t", "Straße ʃ t ɾ ɑː s ə"]


def test_no_word_of_the_language():
    with pytest.raises(DataError, match="found no pronunciation of 1 word, expected words in ja"), pytest.warns():
        pronounced(["漢字"], "ja")


def test_transcriptions():
    with pytest.warns(GmmSpeechWarning, match="found 1 word with letters that IPA lacks, left out: дом"):
        assert list(dictionary_lines(pronounced(["[ˈa͡ɪ.ta]", "дом"], "ipa"))) == ["ˈa͡ɪ.ta a͡ɪ t a"]
