"""Lines of a pronunciation dictionary for words: what a dictionary has of them, and eSpeak NG says of others."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from gmmspeech.commands.transcripts import entries_of, phones_like
from gmmspeech.errors import DataError, counted
from gmmspeech.formats.espeak import pronounce_words
from gmmspeech.phones.hmm.graph import Pronunciations
from gmmspeech.phones.labels.dictionary import Dictionary
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
    lacking = [word for word, found in entries.items() if not found]
    if lacking:
        spoken = pronounce_words(lacking, language, phones=phones_like(known) if phones is None else phones)
        entries |= entries_of(spoken, lacking)
    found = {word: variants for word, variants in entries.items() if variants}
    if not found:
        raise DataError(f"found no pronunciation of {counted(len(entries), 'word')}, expected words in {language}")
    return found
