"""Pronunciations of words as dictionary lines, from a dictionary or, for words it lacks, from eSpeak NG."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable

from gmmspeech.commands.transcripts import entries_of, phones_like
from gmmspeech.errors import DataError, GmmSpeechWarning, counted, shown
from gmmspeech.formats.espeak import pronounce_words
from gmmspeech.phones.hmm.graph import Pronunciations
from gmmspeech.phones.labels.dictionary import Dictionary
from gmmspeech.phones.labels.ipa import IPA, transcribed
from gmmspeech.phones.labels.words import words_of


def pronounced(
    words: Iterable[str],
    language: str = "en",
    *,
    dictionary: Pronunciations | None = None,
    phones: Collection[str] | None = None,
) -> Dictionary:
    """Pronounce words, as they are spelled, in the order of their coming.

    Those that a dictionary has are pronounced as there, all others by eSpeak NG. Its phones are the nearest ones of
    `phones`, of the dictionary where that is given alone, or its own in IPA.
    """
    known: Pronunciations = dictionary or {}
    listed = [w for word in words for w in words_of(word, language=language, dictionary=known)]
    entries = entries_of(known, dict.fromkeys(listed))
    if language.lower() == IPA:
        entries |= transcribed(word for word in listed if not entries[word])
    lacking = [word for word, found in entries.items() if not found]
    if lacking and language.lower() == IPA:
        found = f"{counted(len(lacking), 'word')} with letters that IPA lacks, left out"
        warnings.warn(f"found {found}: {shown(', '.join(lacking), 300)}", GmmSpeechWarning)
    elif lacking:
        spoken = pronounce_words(lacking, language, phones=phones_like(known) if phones is None else phones)
        entries |= entries_of(spoken, lacking)
    told = {word: variants for word, variants in entries.items() if variants}
    if not told:
        raise DataError(f"found no pronunciation of {counted(len(entries), 'word')}, expected words in {language}")
    return told
