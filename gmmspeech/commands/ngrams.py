"""Train n-grams on transcripts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from gmmspeech.commands.transcripts import read_speech
from gmmspeech.errors import DataError
from gmmspeech.files.text import read_line_blocks
from gmmspeech.formats.arpa import write_arpa
from gmmspeech.phones.hmm.graph import Pronunciations
from gmmspeech.phones.labels.dictionary import dictionary_key
from gmmspeech.phones.labels.ngram import NGram, train_ngram
from gmmspeech.phones.labels.words import words_of


def make_ngram(
    places: Iterable[Path],
    out: Path,
    *,
    order: int = 3,
    language: str = "en",
    dictionary: Pronunciations | None = None,
    tiers: Sequence[str] = (),
) -> tuple[NGram, int, int]:
    """Estimate an n-gram of what is said in folders or written in files, and write it; tell how much that was too.

    Give the n-gram, and the number of sentences and of words. Of TextGrids these `tiers` are transcripts, if any are
    given.
    """
    lines = (line for place in places for line in _lines(place, tiers))
    sentences = [words_of(line, language=language, dictionary=dictionary) for line in lines]
    sentences = one_spelling([sentence for sentence in sentences if sentence])
    ngram = train_ngram(sentences, order=order)
    write_arpa(out, ngram)
    return ngram, len(sentences), sum(map(len, sentences))


def _lines(place: Path, tiers: Sequence[str]) -> Iterator[str]:
    """What is said in each utterance of a folder, or what stands in each line of a file."""
    if not place.is_dir():
        if place.name == "text" and (place.parent / "utt2spk").exists():
            raise DataError(f"{place}: found a file of a data directory, expected that directory: {place.parent}")
        for _, lines in read_line_blocks(place, expected="sentences, one a line"):
            yield from lines
        return
    data, _, _ = read_speech(place, tiers=tiers)
    if data.text is None:
        raise DataError(f"{place}: found no file text, expected one, with the words of each utterance")
    yield from data.text.values()


def one_spelling(sentences: Sequence[Sequence[str]]) -> list[list[str]]:
    """Spell words that differ in case alone as most of them are spelled.

    Examples
    --------
    >>> one_spelling([["The", "end"], ["the", "end"], ["in", "the", "END"]])
    [['the', 'end'], ['the', 'end'], ['in', 'the', 'end']]
    """
    counts: dict[str, Counter[str]] = {}
    for sentence in sentences:
        for word in sentence:
            counts.setdefault(dictionary_key(word), Counter())[word] += 1
    spelled = {key: max(found, key=lambda word: (found[word], word)) for key, found in counts.items()}
    return [[spelled[dictionary_key(word)] for word in sentence] for sentence in sentences]
