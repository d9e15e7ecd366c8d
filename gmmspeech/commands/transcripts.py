"""From written transcripts to words with pronunciations, and the treatment of words that no dictionary has."""

from __future__ import annotations

import os
import re
import warnings
from collections import ChainMap, Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gmmspeech.errors import ConfigError, DataError, GmmSpeechWarning, counted, shown
from gmmspeech.files.atomic import remove_leftovers, write_lines
from gmmspeech.files.text import split_fields
from gmmspeech.formats.datadir import DataDir, read_data_dir
from gmmspeech.formats.dictionary import cmudict_dictionary, lazy_cmudict, read_dictionary
from gmmspeech.formats.recordings import read_recordings
from gmmspeech.phones.hmm.graph import Pronunciations, pronunciations
from gmmspeech.phones.hmm.spoken_noise import SPOKEN_NOISE
from gmmspeech.phones.labels.dictionary import (
    Dictionary,
    Pronunciation,
    as_probable,
    inventory,
    looks_like_word,
    supplemented,
)
from gmmspeech.phones.labels.ipa import IPA, letters_of_no_ipa, may_be_spelling, notation_of, transcribed
from gmmspeech.phones.labels.phone_sets import ARPABET, NOISES, has_stress, is_arpabet, is_speech
from gmmspeech.phones.labels.word_positions import without_positions
from gmmspeech.phones.labels.words import is_english, lower_case, words_of

Dictionaries = Pronunciations | str | os.PathLike[str] | Sequence[str]
UNKNOWN_WORDS = "unknown_words.txt"
PRONOUNCED_WORDS = "pronounced_words.dict"
SHOWN = 10  # unknown words on the screen; the file has all
_AMERICAN = ("en", "eng", "english", "en-us", "eng-us", "en-usa", "eng-usa")  # all that CMU's dictionary is of
_BRACKETS = (
    (
        re.compile(r"(?<!\S)\(+[^()]*[^\W\d_][^()]*\)+(?!\w)"),  # not of(ten), nor numbers
        "round brackets",
        "square ones for what is no word, [laughs]",
    ),
    (
        re.compile(r"(?<!\S)[\[<{][^\[\]<>{}\s]+\s[^\[\]<>{}]*[^\[\]<>{}\s][\]>}]"),
        "brackets with blanks",
        "_ for those of what is no word, [door_slams]",
    ),
)
_MANY = 20  # different words: if a dictionary lacks most of so many, it is of another language


@dataclass(frozen=True)
class Spoken:
    """Words of utterances, each with a pronunciation.

    Parameters
    ----------
    words : dict of str to list of str
        By utterance.
    entries : dict
        Pronunciations of all of these words, and of no others.
    unknown : dict of str to Counter
        Word that the dictionary lacks, in lower case, to how often each utterance has it.
    skipped : dict of str to str
        Utterances that have no usable words, and why.
    guessed : dict
        Those of the pronunciations that eSpeak NG gave.
    """

    words: dict[str, list[str]]
    entries: Dictionary
    unknown: dict[str, Counter[str]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    guessed: Dictionary = field(default_factory=dict)


def is_data_dir(folder: Path) -> bool:
    """Say whether a folder is a data directory of Kaldi's, and not one of recordings."""
    return (folder / "wav.scp").exists() or not folder.is_dir()


def read_speech(
    folder: Path,
    *,
    allow_pipes: bool = False,
    skip_bad: bool | None = None,
    out: Path | None = None,
    transcripts: bool = True,
    tiers: Sequence[str] = (),
) -> tuple[DataDir, dict[str, str], bool]:
    """Read a data directory, or a folder of recordings with transcripts beside them.

    Give it, the files that were left out with the reasons, and whether bad utterances are to be left out: of
    recordings by default, of a data directory if asked for. What lies in `out` is of an earlier run. Recordings without
    transcripts are left out, unless no `transcripts` are needed. Of TextGrids these `tiers` are transcripts, if any are
    given.
    """
    if not folder.is_dir():
        expected = "recordings with transcripts beside them, or a data directory (with wav.scp and utt2spk)"
        raise DataError(f"{folder}: no such folder, expected {expected}")
    if is_data_dir(folder):
        if tiers:
            found = f"found {shown(', '.join(tiers))} for {folder}, a data directory"
            raise ConfigError(f"tiers: {found}, expected a folder of recordings with TextGrids beside them")
        return read_data_dir(folder, allow_pipes=allow_pipes), {}, bool(skip_bad)
    data, left_out = read_recordings(folder, transcripts=transcripts, tiers=tiers)
    if out is not None:
        own = Path(os.path.realpath(out))
        left_out = {n: r for n, r in left_out.items() if not Path(os.path.realpath(folder / n)).is_relative_to(own)}
    if left_out and skip_bad is False:
        name, reason = next(iter(left_out.items()))
        raise DataError(
            f"{folder}: found {counted(len(left_out), 'file')} that can't be used; the first: {name}: {reason}"
        )
    return data, left_out, skip_bad is not False


def open_pronunciations(
    names: Sequence[str], *, skip_bad: bool = False, phones: Collection[str] | None = None
) -> Pronunciations:
    """Read dictionaries, later ones replacing words of earlier ones; CMU's ("cmudict") takes a tenth of a second.

    That is if it comes first, to be supplemented: its words are then split into phones when they are looked up. Stress
    stays where it is told apart by the phones of a model.
    """
    keep_stress = _tells_stress(phones)
    first: Pronunciations = {}
    others: Dictionary = {}
    notations: dict[str, list[str]] = {}
    for name in names:
        if name != "cmudict" and not Path(name).exists():
            raise ConfigError(f"dictionary: found no file {shown(name)}, expected one of words and phones, or cmudict")
        if name != "cmudict" or Path(name).exists():
            read = read_dictionary(name, keep_stress=keep_stress, skip_bad=skip_bad)
            notations[name] = inventory(read)
            others = supplemented(others, read)
        elif others:
            others = supplemented(others, cmudict_dictionary(keep_stress=keep_stress))
        else:
            first = lazy_cmudict(keep_stress=keep_stress)
    _check_notations(notations, of_arpabet="cmudict" in names)
    return ChainMap(others, first) if others and first else others or first  # type: ignore[arg-type]


def _check_notations(phones: Mapping[str, list[str]], *, of_arpabet: bool) -> None:
    """Raise a ConfigError for a dictionary in X-SAMPA beside one in ARPAbet, where the same names are other sounds."""
    if not of_arpabet and not any(is_arpabet(own) for own in phones.values()):
        return
    for name, own in phones.items():
        shared = [phone for phone in own if phone in ARPABET]
        if shared and not is_arpabet(own) and notation_of(own) == "x-sampa" and any(map(str.islower, own)):
            found = f"found {shown(name)} in X-SAMPA beside one in ARPAbet, whose {shown(' '.join(shared), 60)}"
            raise ConfigError(f"dictionary: {found} are other sounds, expected one notation")


def pronunciations_of(
    dictionary: Dictionaries, *, skip_bad: bool = False, phones: Collection[str] | None = None
) -> Pronunciations:
    """Pronunciations that are given, or those of files, for a model of these phones."""
    if isinstance(dictionary, Mapping):
        return dictionary
    names = [dictionary] if isinstance(dictionary, (str, os.PathLike)) else dictionary
    return open_pronunciations([os.fspath(name) for name in names], skip_bad=skip_bad, phones=phones)


def _tells_stress(phones: Collection[str] | None) -> bool:
    """Say whether a model's vowels are told apart by stress."""
    return phones is not None and has_stress(without_positions(phones))


def spoken_words(
    data: DataDir,
    dictionary: Pronunciations | None,
    *,
    language: str = "en",
    unknown_words: str | None = None,
    phones: Collection[str] | None = None,
    skip_bad: bool = False,
) -> Spoken:
    """Give the words of a data directory's text, as `words_of` cuts it, and their pronunciations.

    Parameters
    ----------
    data : DataDir
    dictionary : mapping, optional
        Without one, CMU's where English is spoken by a model of its phones (or one that is to be trained), and eSpeak
        NG's pronunciations elsewhere.
    language : str
        Its code, or "ipa" where words are transcribed: their phones are then what they say.
    unknown_words : str, optional
        What becomes of words that the dictionary lacks: "spn" (the phone of spoken noise stands for them), "skip" (they
        are left out), "g2p" (eSpeak NG pronounces them), "error" (their utterance is a bad one), or a phone. By
        default "spn" where there is that phone, else "error".
    phones : collection of str, optional
        Of the model; None where it is to be trained.
    skip_bad : bool
        Leave out utterances without usable words instead of raising.
    """
    if data.text is None:
        raise DataError(f"{data.path}: found no file text, expected one, with the words of each utterance")
    arpabet = phones is None or is_arpabet(without_positions(phones))
    if dictionary is None and is_english(language) and arpabet:
        _warn_of_american(language)
        dictionary = lazy_cmudict(keep_stress=_tells_stress(phones))
    known: Pronunciations = {} if dictionary is None else dictionary
    text = {utterance: data.text[utterance] for utterance in data.utterances if utterance in data.text}
    if language.lower() != IPA:
        _warn_of_brackets(text.values())
    listed = {name: words_of(line, language=language, dictionary=known) for name, line in text.items()}
    each = dict.fromkeys(word for words in listed.values() for word in words)
    entries: Dictionary = {
        word: tuple(_with_noise(p, phones or ()) for p in pronunciations(known, word, optional=True)) for word in each
    }
    _check_phones(entries, phones)
    if language.lower() == IPA:
        own = [word for word in each if not entries[word]]
        _warn_of_spelling(own)
        entries |= transcribed(own)
    lacking = [word for word in each if not entries[word]]
    absent = lacking
    guessed: Dictionary = {}
    if lacking and language.lower() != IPA and (dictionary is None or unknown_words == "g2p"):
        guessed = _pronounced(lacking, language, None if dictionary is None else phones_like(dictionary, phones))
        entries |= guessed
        lacking = [word for word in lacking if word not in guessed]
    elif len(each) >= _MANY and 2 * len(absent) > len(each):
        found = f"found {shown(language)}, while the dictionary lacks {len(absent)} of {counted(len(each), 'word')}"
        expected = "the language of the transcripts (ipa, if they are transcribed), or a dictionary of it"
        warnings.warn(f"language: {found}; expected {expected}", GmmSpeechWarning)
    unknown = _counted(listed, lacking if dictionary is None else absent, language)
    stands = _in_place(unknown_words, phones)
    return _checked(Spoken(listed, entries, unknown, {}, guessed), lacking, stands, skip_bad)


def said_words(data: DataDir, dictionary: Pronunciations | None = None) -> dict[str, list[str]]:
    """Words of the utterances of a data directory that has ``text``, between blanks or as a dictionary has them."""
    if data.text is None:
        raise DataError(f"{data.path}: found no file text, expected one, with the words of each utterance")
    lines = {utterance: data.text[utterance] for utterance in data.utterances if utterance in data.text}
    if dictionary is None:
        return {utterance: split_fields(line) for utterance, line in lines.items()}
    return {utterance: words_of(line, dictionary=dictionary) for utterance, line in lines.items()}


def said_pronunciations(words: Mapping[str, Sequence[str]], dictionary: Pronunciations) -> Pronunciations:
    """Give what a dictionary has of the words of utterances, sorted; nothing for a word it lacks."""
    said = sorted({word for sentence in words.values() for word in sentence})
    return {word: pronunciations(dictionary, word, optional=True) for word in said}


def _warn_of_american(language: str) -> None:
    """Warn of English that is spoken elsewhere, since CMU's dictionary is of American English."""
    if language.lower().replace("_", "-") not in _AMERICAN:
        found = f"found {shown(language)}, took CMU's dictionary, which is of American English"
        warnings.warn(f"language: {found}; expected a dictionary of {shown(language)}", GmmSpeechWarning)


def _warn_of_spelling(words: Sequence[str]) -> None:
    """Warn of words that are to be transcriptions in IPA, and seem to be spelled."""
    if letters := letters_of_no_ipa(words):
        having = [word for word in words if letters_of_no_ipa([word])]
        such = f"in {len(having)} of {counted(len(words), 'different word')} ({shown(', '.join(having), 60)})"
        found = f"letters that IPA lacks ({shown(' '.join(letters), 40)}) {such}"
    elif len(words) >= _MANY and may_be_spelling(words):
        found = f"{len(words)} different words ({shown(', '.join(words), 60)}) without a symbol that IPA alone has"
    else:
        return
    expected = "transcriptions, or the language in which they are spelled in place of ipa"
    warnings.warn(f"transcripts: found {found}; expected {expected}", GmmSpeechWarning)


def _warn_of_brackets(text: Collection[str]) -> None:
    """Warn of what stands in brackets and is taken for words: it may be heard and no word."""
    for pattern, where, expected in _BRACKETS:
        found = [piece for line in text for piece in pattern.findall(line)]
        if found:
            listed = shown(", ".join(dict.fromkeys(found)), 60)
            told = f"found {listed} in {where} ({counted(len(found), 'time')}), taken for words that are said"
            warnings.warn(f"transcripts: {told}; expected {expected}", GmmSpeechWarning)


def _check_phones(entries: Dictionary, phones: Collection[str] | None) -> None:
    """Raise a DataError if a phone is neither one of a model's nor one that another could be taken for."""
    known = set(phones or ())
    for word, variants in entries.items() if known else ():
        for phone in (p for variant in variants for p in variant if p not in known and looks_like_word(p)):
            expected = f"a phone, in IPA, X-SAMPA or ARPAbet, or one of the model: {shown(' '.join(known), 200)}"
            raise DataError(f"dictionary: found {shown(phone)} in {shown(word)}, expected {expected}")


def phones_like(dictionary: Pronunciations, phones: Collection[str] | None = None) -> Collection[str] | None:
    """Give the phones in which words are pronounced that a dictionary lacks: those of a model in its notation, or its.

    None, for any in IPA, where it has no word.
    """
    own = inventory(dictionary)
    if not own:
        return phones
    small = _is_small_arpabet(own)
    if phones is not None and notation_of(own) == notation_of(phones) and small == _is_small_arpabet(phones):
        return phones
    if is_arpabet(own):
        return [phone.lower() for phone in ARPABET] if small else ARPABET
    return own


def _is_small_arpabet(phones: Collection[str]) -> bool:
    """Say whether phones are ARPAbet's in small letters."""
    return is_arpabet(phones) and all(phone.islower() for phone in phones if is_speech(phone))


def _pronounced(words: Sequence[str], language: str, phones: Collection[str] | None) -> Dictionary:
    """Pronunciations by eSpeak NG of the words that it knows to say, each as it is spelled."""
    from gmmspeech.formats.espeak import pronounce_words  # which loads a library

    found = pronounce_words([word for word in words if any(map(str.isalpha, word))], language, phones=phones)
    return {word: each for word, each in entries_of(found, words).items() if each}


def entries_of(dictionary: Pronunciations, words: Iterable[str]) -> Dictionary:
    """What a dictionary has of words; nothing for one that it lacks."""
    return {word: tuple(map(tuple, pronunciations(dictionary, word, optional=True))) for word in words}


def _with_noise(pronunciation: Sequence[str], known: Collection[str]) -> Pronunciation:
    """Give a pronunciation in which noise that a model lacks, such as MFA's ``spn``, is the model's spoken noise."""
    noise = _noise_of(known)
    lacks = (phone.lower() in NOISES and phone not in known for phone in pronunciation)
    named = [(noise or phone) if lacking else phone for phone, lacking in zip(pronunciation, lacks, strict=True)]
    return as_probable(named, pronunciation)


def _noise_of(phones: Collection[str]) -> str | None:
    """Give a model's phone of spoken noise."""
    return next((phone for phone in phones if phone.upper() == SPOKEN_NOISE), None)


def _in_place(unknown_words: str | None, phones: Collection[str] | None) -> str:
    """Give "error", "skip", or the phone that stands for unknown words."""
    noise = SPOKEN_NOISE if phones is None else _noise_of(phones)
    if unknown_words in (None, "g2p"):
        return noise or "error"
    if unknown_words in ("error", "skip"):
        return unknown_words
    phone = noise if unknown_words == "spn" and noise else unknown_words
    if phones is not None and phone not in phones:
        found = f"unknown_words: found {shown(unknown_words)}, no phone of the model"
        raise ConfigError(f"{found}, expected skip, g2p, error, or one of {shown(' '.join(phones), 300)}")
    return phone


def _counted(listed: Mapping[str, Sequence[str]], lacking: Collection[str], language: str) -> dict[str, Counter[str]]:
    """Unknown words in lower case with the utterances that have them, the most frequent first."""
    wanted, found = set(lacking), dict[str, Counter[str]]()
    for utterance, words in listed.items():
        for word in words:
            if word in wanted:
                found.setdefault(lower_case(word, language), Counter())[utterance] += 1
    return dict(sorted(found.items(), key=lambda entry: (-entry[1].total(), entry[0])))


def _checked(spoken: Spoken, lacking: Collection[str], stands: str, skip_bad: bool) -> Spoken:
    """Put something in the place of unknown words, and leave out the utterances that then have nothing to say."""
    entries = {word: each for word, each in spoken.entries.items() if each}
    if stands not in ("error", "skip"):
        entries |= dict.fromkeys(lacking, ((stands,),))
    wanted, words, skipped = set(lacking), dict[str, list[str]](), dict[str, str]()
    for utterance, listed in spoken.words.items():
        missing = [word for word in listed if word in wanted]
        reason = _reason(listed, missing, stands)
        if reason and not skip_bad:
            raise DataError(f"utterance {utterance}: {reason}{_all_of(spoken.unknown)}")
        if reason:
            skipped[utterance] = reason
        else:
            words[utterance] = [word for word in listed if word not in wanted] if stands == "skip" else listed
    if not words:
        name, reason = next(iter(skipped.items()), ("", "expected text"))
        raise DataError(f"found no utterance with words that can be used; the first: {name}: {reason}")
    return Spoken(words, entries, spoken.unknown, skipped, spoken.guessed)


def _all_of(unknown: Mapping[str, Counter[str]]) -> str:
    """Words that tell all that the dictionary lacks, where that is more than one word."""
    if len(unknown) < 2:
        return ""
    return f"; it lacks {counted(len(unknown), 'word')} of all transcripts: {shown(', '.join(unknown), 300)}"


def _reason(words: Sequence[str], missing: Sequence[str], stands: str) -> str:
    """Give the reason why an utterance has no usable words, or nothing."""
    listed = shown(", ".join(dict.fromkeys(missing)), 300)
    if not words:
        return "found no words in its transcript, expected one or more"
    if missing and stands == "error":
        return f"found no pronunciation of {listed}, expected it in the dictionary"
    if len(missing) == len(words):
        return f"found no word of {len(words)} in the dictionary ({listed}), expected a transcript in its language"
    return ""


def write_unknown_words(path: Path, unknown: Mapping[str, Counter[str]]) -> None:
    """Write unknown words with how often and where they came; remove the list of an earlier run if there are none."""
    _write_any(path, [f"{word} {seen.total()} {' '.join(sorted(seen))}" for word, seen in unknown.items()])


def dictionary_lines(dictionary: Dictionary) -> Iterator[str]:
    """A line for each pronunciation, as `read_dictionary` reads them."""
    return (f"{word} {' '.join(phones)}" for word, variants in dictionary.items() for phones in variants)


def write_pronounced(path: Path, guessed: Dictionary) -> None:
    """Write pronunciations of eSpeak NG as a dictionary; remove that of an earlier run if there are none."""
    _write_any(path, list(dictionary_lines(guessed)))


def _write_any(path: Path, lines: Sequence[str]) -> None:
    """Write lines, or remove the file of an earlier run where there are none."""
    remove_leftovers(path)
    if lines:
        write_lines(path, lines)
    else:
        path.unlink(missing_ok=True)


def pronounced_lines(guessed: Dictionary, place: Path | None) -> Iterator[str]:
    """Lines that tell how eSpeak NG pronounced words: all of them, or the first and where all are."""
    lines = list(dictionary_lines(guessed))
    for line in lines[: None if place is None else SHOWN]:
        yield f"pronounced by eSpeak NG: {line}"
    if place is not None and guessed:
        yield f"pronounced by eSpeak NG: {counted(len(guessed), 'word')}, all in {place}"


def unknown_lines(unknown: Mapping[str, Counter[str]], place: Path | None) -> Iterator[str]:
    """Lines that tell the first unknown words, and where all of them are."""
    for word, seen in list(unknown.items())[:SHOWN]:
        yield f"not in the dictionary: {word} ({counted(seen.total(), 'time')})"
    if numbers := [word for word in unknown if any(map(str.isdigit, word)) and not any(map(str.isalpha, word))]:
        yield f"not in the dictionary: numbers in digits, such as {shown(numbers[0])}: write them as they are said"
    if place is not None and unknown:
        times = counted(sum(seen.total() for seen in unknown.values()), "time")
        yield f"not in the dictionary: {counted(len(unknown), 'word')}, {times}, all in {place}"
    elif len(unknown) > SHOWN:
        yield f"not in the dictionary: {counted(len(unknown) - SHOWN, 'more word')}"
