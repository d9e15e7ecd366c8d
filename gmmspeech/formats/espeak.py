"""Pronunciations by eSpeak NG, from the rules and word lists of a language, for words that no dictionary has.

eSpeak NG (GPL-3.0, about 130 languages) comes with the wheel ``espeakng-loader``, in the extra ``g2p``, and is called
directly: in this process, one word at a time, always with the same result. Other packages need more and give no better
phones: ``phonemizer`` (GPL-3.0, maintained) needs a system eSpeak and processes sentences through the same call;
``espeak-phonemizer`` and ``py-espeak-ng`` are no longer maintained.

Phones are eSpeak's own, in IPA: affricates (``tʃ``), diphthongs (``aɪ``) and long vowels (``iː``) are one phone each;
a vowel and a consonant that eSpeak treats as one (``ɔːɹ``, ``əl``) are two. Stress is left out. A tone belongs to its
vowel, as the number that eSpeak gives it: pitches from 1 to 5 for Mandarin (``ɑ²¹⁴``), tone numbers elsewhere.

Each word is pronounced in isolation, as in a list: without linking or reduction, and homographs (``read``) get the more
common pronunciation. For scripts that do not write vowels (Arabic, Hebrew, Persian), many vowels are missing.
"""

from __future__ import annotations

import ctypes
import difflib
import importlib.util
import itertools
import os
import re
import threading
import unicodedata
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from gmmspeech.arguments import checked, told
from gmmspeech.errors import ConfigError, DataError, GmmSpeechWarning, counted, shown
from gmmspeech.phones.labels.articulation import nearest_phones
from gmmspeech.phones.labels.dictionary import Dictionary, make_dictionary
from gmmspeech.phones.labels.ipa import VOWELS, notation_of, split_segments
from gmmspeech.phones.labels.words import is_noise

# What stands for a language without its country, where it is not the first that eSpeak lists.
_USUAL = {"en": "en-us", "english": "en-us", "mandarin": "cmn", "chinese": "cmn"}
# Codes of ISO 639-3, which phoneticians use, beside those of two letters.
_THREE_LETTERS = """
afr af als sq amh am ara ar arb ar arg an asm as aze az azj az bak ba bel be ben bn bos bs bul bg cat ca ces cs chv cv
cym cy dan da deu de ekk et ell el eng en epo eo est et eus eu fas fa fin fi fra fr gaz om gla gd gle ga grn gn gug gn
guj gu hat ht heb he hin hi hrv hr hun hu hye hy ido io ina ia ind id isl is ita it jpn ja kal kl kan kn kat ka kaz kk
kir ky kmr ku kor ko kur ku lat la lav lv lit lt ltz lb lvs lv mal ml mar mr mkd mk mlt mt mri mi msa ms mya my nep ne
nld nl nob nb npi ne ori or orm om ory or pan pa pes fa pol pl por pt que qu quz qu ron ro rus ru sin si slk sk slv sl
snd sd spa es sqi sq srp sr swa sw swe sv swh sw tam ta tat tt tel te tha th tir ti tsn tn tuk tk tur tr uig ug ukr uk
urd ur uzb uz uzn uz vie vi zho zh zsm ms
"""
_OF_THREE_LETTERS = dict(zip(_THREE_LETTERS.split()[::2], _THREE_LETTERS.split()[1::2], strict=True))
_TONAL = ("cmn", "yue", "hak", "vi", "shn")
_HAN = ("cmn", "yue", "hak")
_MISREAD = {"th": "Thai", "my": "Burmese"}  # its rules are drafts: the vowel of "มาก" is an s
_ELIDED = {"fr": ("cdjlmnst", "a"), "it": ("cdlmnstv", "e"), "ca": ("dlmnst", "e")}  # and a vowel to say them before
_SEPARATOR = "\u00b7"
_SWITCH = re.compile(r"\([^()]*\)")  # "(en)", where eSpeak takes another language's rules
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_MARKS = str.maketrans("", "", "ˈˌ-_|.\u200d")
# IPA in place of eSpeak's names, where those have none.
_UNWRITTEN = {"onɡ": "ʊŋ", "unɡ": "ʊŋ", "o-": "ɤ", "ər": "ɚ", "i.": "ɨ", "i̪": "ɨ", "tɕh": "tɕʰ", "ts.h": "tʂʰ"}
_UNWRITTEN |= {"ts.": "tʂ", "s.": "ʂ", "r.": "ɽ", "n^": "ɲ", "ᵻ": "ɪ", "sx": "ɧ", "ɪ^": "ɪ", 'u"': "ʉ", 'u"ː': "ʉː"}
_UNWRITTEN |= {"oe": "ø", "oe:": "øː", "ᵐ": "m", "ⁿ": "n", "ᵑ": "ŋ"}
# Letters that mean something else in the names of one language; Cantonese ones are Jyutping's.
_RENAMED = {"ru": "y ɨ", "vi": "y ɨ", "pt": "y ɪ", "uz": "y ɪ", "yue": "nɡ ŋ eoi ɵy eo ɵ oe œː yu yː z dz c ts"}
_OF_INDIA = ("as", "bn", "bpy", "gu", "hi", "kn", "kok", "ml", "mr", "ne", "or", "pa", "sd", "si", "ta", "te", "ur")
_RENAMED |= dict.fromkeys(_OF_INDIA, "c tʃ ɟ dʒ")
# Beside letters: long, voiceless (Icelandic), palatalized (Estonian), and a tone of Punjabi's, left out.
_LETTERS = str.maketrans("εΦ?SZNXAK`[:#^", "ɛɸʔʃʒŋχɑɬʼ\u032aː\u0325ʲ", "+") | {ord("ʦ"): "ts"}
_VOWEL = f"[{''.join(sorted(VOWELS))}]"
_TRIPHTHONG = re.compile(f"^[iu](?={_VOWEL}{{2}})")  # whose beginning is a glide, as in Mandarin's "iou" and "uai"
_STOD = re.compile(f"^ʔ(?={_VOWEL})")  # of Danish vowels; elsewhere a phoneme of its own
_GLOTTAL_STOP = re.compile("[ʻʼꞌ‘’']")  # in these languages, where eSpeak has a pause or nothing
_WITH_GLOTTAL_STOPS = ("haw", "gn", "om", "mto")
_TYPED = str.maketrans("ʼ", "'", "\0\u05f4")  # whose name it says; Hebrew's gershayim is in acronyms that are words
_UNKNOWN_HAN = "@:11"  # said for a character that eSpeak does not know
# American English in ARPAbet, where the nearest phone is not what dictionaries have.
_ENGLISH = {"ɜː": ("ɝ",), "ɾ": ("t",), "ʔ": ("t",), "n̩": ("ə", "n"), "l̩": ("ə", "l"), "oː": ("ɔ",), "ɐ": ("ʌ",)}
_JOINED = {("ɚ", "ɹ"), ("ɝ", "ɹ")}

_LOCK = threading.Lock()  # eSpeak has one state in a process

# eSpeak NG's C interface (speak_lib.h).
_SYNCHRONOUS, _UTF8, _IPA = 2, 1, 0x02


@checked
def pronounce_words(words: Iterable[str], language: str, *, phones: Collection[str] | None = None) -> Dictionary:
    """Pronounce words by eSpeak NG.

    Parameters
    ----------
    words : iterable of str
        Words in ordinary spelling, in upper or lower case.
    language : str
        Code of eSpeak NG (see `espeak_languages`), such as ``"de"``, ``"pt-br"``, ``"cmn"``; or of ISO 639-3, such as
        ``"deu"``. A country that it lacks is ignored (``"de-AT"``); ``"en"`` is American English.
    phones : collection of str, optional
        Phones of a model or of a dictionary, in any notation: each phone of eSpeak is replaced by the one with the most
        similar articulation (``gmmspeech.phones.labels.articulation.nearest_phones``).

    Returns
    -------
    dict of str to tuple of tuple of str
        Words as in dictionaries (``gmmspeech.phones.labels.dictionary.dictionary_key``), each with one pronunciation.

    Raises
    ------
    ConfigError
        If eSpeak NG lacks the language, or is not installed.

    Warns
    -----
    GmmSpeechWarning
        Words that can't be pronounced and are left out: those of punctuation only, those in brackets, such as
        ``[laughter]``, or in a script for which eSpeak NG would only spell letter names.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> gs.formats.pronounce_words(["Zeit", "Häuser"], "de")
    {'ZEIT': (('ts', 'aɪ', 't'),), 'HÄUSER': (('h', 'ɔø', 'z', 'ɜ'),)}
    >>> gs.formats.pronounce_words(["phonetician"], "en", phones=["F", "AH", "N", "T", "IH", "SH"])
    {'PHONETICIAN': (('F', 'AH', 'N', 'IH', 'T', 'IH', 'SH', 'AH', 'N'),)}
    """
    listed = list(dict.fromkeys(_texts(words, "words")))
    known = None if phones is None else _texts(phones, "phones")
    voice = _voice(language)
    words_alone = [word for word in listed if not is_noise(word)]
    found = {word: of_word for word, of_word in zip(words_alone, _spoken(words_alone, voice), strict=True) if of_word}
    if known is not None:
        found = _mapped(found, voice, known)
    if missing := [word for word in listed if word not in found]:
        names = shown(", ".join(missing), 300)
        message = f"eSpeak NG ({voice}): found no pronunciation of {counted(len(missing), 'word')}, left out: {names}"
        warnings.warn(message, GmmSpeechWarning)
    return make_dictionary(found.items(), keep_stress=True)


@checked
def espeak_languages() -> dict[str, str]:
    """Return the codes and names of the languages of eSpeak NG.

    Returns
    -------
    dict of str to str

    Raises
    ------
    ConfigError
        If eSpeak NG is not installed.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> gs.formats.espeak_languages()["tr"]
    'Turkish'
    """
    return {code: name for code, (name, _) in _languages()[0].items()}


def _texts(values: Iterable[str], owner: str) -> list[str]:
    """A list of texts, or a `DataError`."""
    single = isinstance(values, str) or getattr(values, "shape", None) == ()
    listed: list[Any] = [values] if single else list(values)
    for value in listed:
        if not isinstance(value, str):
            raise DataError(f"{owner}: found {told(value)}, expected text")
    return listed


def _voice(language: str) -> str:
    """Code of the voice for a language, or a `ConfigError` that names near ones."""
    names, others = _languages()
    tags = language.strip().lower().replace("_", "-").split("-")
    tags[0] = _OF_THREE_LETTERS.get(tags[0], tags[0])
    if tags[0] in _MISREAD or language.strip().title() in _MISREAD.values():
        reason = "whose vowels eSpeak NG takes for consonants"
        raise ConfigError(f"language: found {shown(repr(language))}, {reason}, expected a dictionary of it")
    for end in range(len(tags), 0, -1):
        code = "-".join(tags[:end])
        code = _USUAL.get(code, code if code in names else others.get(code, ""))
        if code:
            return code
    of_name = {name.lower(): code for code, (name, _) in names.items()}
    if language.lower() in of_name:
        return of_name[language.lower()]
    text = language.lower()
    near = [code for name, code in of_name.items() if text[:3] in name and len(text) > 2]
    near += [of_name.get(n, n) for n in difflib.get_close_matches(text, [*of_name, *names], 3)]
    some = ", ".join(
        f"{code} ({names[code][0]})" for code in list(dict.fromkeys(near))[:4] or ["de", "es", "ru", "cmn"]
    )
    expected = f"one that eSpeak NG has, such as {some}, or a dictionary of it"
    raise ConfigError(f"language: found {shown(repr(language))}, expected {expected}")


def is_same_language(one: str, other: str) -> bool:
    """Say whether two codes or names are those of one language: "de", "de-AT", "deu", and "German" by eSpeak NG."""
    return _two_letters(one) == _two_letters(other) or _two_letters(_known(one)) == _two_letters(_known(other))


def _two_letters(language: str) -> str:
    """Code of a language without its country, of two letters where it has such."""
    tag = language.strip().lower().replace("_", "-").split("-")[0]
    return _OF_THREE_LETTERS.get(tag, tag)


def _known(language: str) -> str:
    """Code of eSpeak NG's for a language, if there is one."""
    with suppress(ConfigError):
        return _voice(language)
    return language


@lru_cache(maxsize=1)
def _languages() -> tuple[dict[str, tuple[str, str]], dict[str, str]]:
    """Name and file of eSpeak's voices by their code, and other codes of them, such as "zh" of "cmn"."""
    library = _library()
    with _LOCK:
        voices = list(_each(library.espeak_ListVoices(None)))
    names: dict[str, tuple[str, str]] = {}
    others: dict[str, tuple[int, str]] = {}
    for voice in voices:
        (_, code), *more = _codes(voice.languages)
        if code in _MISREAD or not _has_rules(code, voice.identifier.decode()):
            continue
        names.setdefault(code.lower(), (voice.name.decode().strip(), voice.identifier.decode()))
        for priority, other in more:
            others[other.lower()] = min(others.get(other.lower(), (99, "")), (priority, code.lower()))
    return names, {other: code for other, (_, code) in others.items() if other not in names}


def _each(voices: ctypes._Pointer[ctypes._Pointer[_Voice]]) -> Iterator[_Voice]:
    """The entries of a list that ends with a null pointer."""
    i = 0
    while voices[i]:
        yield voices[i].contents
        i += 1


def _codes(at: int) -> list[tuple[int, str]]:
    """Priority and code of each language of a voice: a byte and a string each, closed by a byte of 0."""
    found = []
    while priority := ctypes.string_at(at, 1)[0]:
        code = ctypes.string_at(at + 1)
        found.append((priority, code.decode()))
        at += len(code) + 2
    return found


def _spoken(words: Iterable[str], voice: str) -> list[tuple[str, ...]]:
    """Phones of each word; none where eSpeak can't read it."""
    library, file = _library(), _languages()[0][voice][1]
    with _LOCK:
        if library.espeak_SetVoiceByName(file.encode()) != 0:
            raise ConfigError(f"language: found no voice of eSpeak NG for {voice}, expected its data to be whole")
        return [_phones_of(word, voice, library) for word in words]


def _phones_of(word: str, voice: str, library: ctypes.CDLL) -> tuple[str, ...]:
    text = unicodedata.normalize("NFC", word).translate(_TYPED)
    if voice in _WITH_GLOTTAL_STOPS and _GLOTTAL_STOP.search(text):
        first, *others = (_phones_of(part, voice, library) if part else () for part in _GLOTTAL_STOP.split(text))
        return first + tuple(phone for part in others for phone in ("ʔ", *part))
    translate: Callable[[str, ctypes.CDLL, int], str] = _translate
    if len(text) == 1 and not voice.startswith(_HAN):
        elided, vowel = _ELIDED.get(voice.partition("-")[0], ("", ""))
        translate = partial(_of_elided, vowel) if text.lower() in elided else _of_letter
    ipa = translate(text, library, _IPA)
    if not _is_read(text, ipa, voice) or _names_a_sign(text, ipa, library):
        unpointed = _without_points(text)
        return _phones_of(unpointed, voice, library) if unpointed != text else ()
    pieces = _pieces(ipa)
    names = _pieces(translate(text, library, 0)) if voice.startswith(_TONAL) else pieces
    if len(names) != len(pieces):
        names = pieces
    if any(name.strip("',%=") == _UNKNOWN_HAN for name in names):
        return ()
    phones = [p for piece, name in zip(pieces, names, strict=True) for p in _split(piece, name, voice)]
    phones = [phone for before, phone in itertools.pairwise(["", *phones]) if not _is_said(before, phone)]
    return tuple(_aspirated(phones) if voice in (*_OF_INDIA, "ko") else phones)


def _aspirated(phones: Iterable[str]) -> list[str]:
    """Join an h to the stop or affricate before it, in languages where both are one sound."""
    return re.sub("([ptkbdɡʈɖ]|tʃ|dʒ) h(?= |$)", r"\1ʰ", " ".join(phones)).split()


def _is_said(before: str, phone: str) -> bool:
    """Tell whether a phone is already in the one before it: the r of "ʊɹ·ɹ" ("during"), the glottal stop of "pʼ·ʔ"."""
    return before == phone == "ɹ" or (phone == "ʔ" and before.endswith("ʼ"))


def _of_letter(letter: str, library: ctypes.CDLL, mode: int) -> str:
    """What eSpeak says for a letter that is a word ("il y a"), where it says the name of one that stands alone."""
    alone, twice = (_translate(text, library, mode) for text in (letter, f"{letter} {letter}"))
    words = twice.split()
    return words[0] if len(words) == len(alone.split()) + 1 else alone  # the first as a word, the last by its name


def _of_elided(vowel: str, letter: str, library: ctypes.CDLL, mode: int) -> str:
    """What eSpeak says for what is left of a word before a vowel ("l' homme"), whose name it says elsewhere."""
    return _translate(f"{letter}'{vowel}", library, mode).rpartition(_SEPARATOR)[0]


def _translate(text: str, library: ctypes.CDLL, mode: int) -> str:
    """What eSpeak says for a text, its phonemes apart: their names, or IPA."""
    raw = ctypes.create_string_buffer(text.encode("utf-8", "replace"))
    rest = ctypes.c_void_p(ctypes.addressof(raw))
    parts = []
    while rest.value is not None:  # a clause at a time
        said = library.espeak_TextToPhonemes(ctypes.byref(rest), _UTF8, mode | ord(_SEPARATOR) << 8)
        parts.append((said or b"").decode("utf-8", "replace"))
    return " ".join(parts)


def _pieces(said: str) -> list[str]:
    return _SWITCH.sub(_SEPARATOR, said).replace(" ", _SEPARATOR).split(_SEPARATOR)


def _is_read(text: str, ipa: str, voice: str) -> bool:
    """Tell whether eSpeak reads the text, not the names of letters that it can't read."""
    letters = [c for c in text if c.isalpha()]
    scripts = [unicodedata.name(c, "") for c in letters]
    if any("CJK" in script for script in scripts) and not voice.startswith(_HAN):
        return False
    if not letters or any(script.startswith("LATIN") for script in scripts):
        return True
    spelled = " " in ipa.strip() and len(letters) == len(text) and not voice.startswith(_HAN)
    return not spelled and "(en)" not in ipa


def _names_a_sign(text: str, ipa: str, library: ctypes.CDLL) -> bool:
    """Tell whether eSpeak says the name of a sign that is no letter, such as a vowel's: it has no rule for it."""
    said = _SEPARATOR.join(_sounds(ipa))
    signs = {c for c in text if unicodedata.category(c) in ("Mn", "Mc")}
    names = [name for sign in signs if not _SWITCH.search(name := _translate(sign, library, _IPA))]
    return any(len(_sounds(name)) > 2 and _SEPARATOR.join(_sounds(name)[:3]) in said for name in names)


def _sounds(ipa: str) -> list[str]:
    """Phonemes that are heard, without stress."""
    return [sound for piece in _pieces(ipa) if (sound := piece.strip("ˈˌ"))]


def _without_points(text: str) -> str:
    """A text in Hebrew or Arabic letters without its vowel points, which may be left out; any other as it is."""
    if not any(unicodedata.bidirectional(c) in ("R", "AL") for c in text):
        return text
    return "".join(c for c in text if unicodedata.category(c) != "Mn")


def _split(piece: str, name: str, voice: str) -> list[str]:
    """Phones in IPA of one of eSpeak's phonemes, whose name has the tone."""
    tone = ""
    if voice.startswith(_TONAL) and (digits := re.search("[0-9]+$", name)):
        tone = digits[0].translate(_SUPERSCRIPTS)
        piece = re.sub("[0-9ɜ]+$", "", piece)
    piece = piece.strip("ˈˌ")
    renamed = _RENAMED.get(voice.partition("-")[0], "").split()
    for old, new in zip(renamed[::2], renamed[1::2], strict=True):
        piece = piece.replace(old, new)
    plain = re.sub("[0-9]", "", _UNWRITTEN.get(piece, piece).translate(_LETTERS).translate(_MARKS))
    plain = _STOD.sub("", re.sub("ː+", "ː", re.sub("(?<=[ptkcqsʂɕfbdɡʃ])h$", "ʰ", plain)))
    plain = _TRIPHTHONG.sub(lambda found: "j" if found[0] == "i" else "w", plain)
    phones: list[str] = []
    for segment in split_segments(plain):
        if phones and phones[-1] == segment:
            phones[-1] = segment.rstrip("ː") + "ː"
        elif phones and _joins(phones[-1], segment):
            phones[-1] += segment
        else:
            phones.append(segment)
    toned = [phone + tone if phone[0] in VOWELS else phone for phone in phones]
    return [unicodedata.normalize("NFC", phone) for phone in toned]


def _joins(phone: str, segment: str) -> bool:
    """Tell whether a segment makes a diphthong or an affricate with what comes before it."""
    if segment[0] in VOWELS:
        return phone[0] in VOWELS and len(split_segments(phone)) == 1 and segment[0] not in "ɚɝ"
    return phone[0] in "ptkbdɡʈɖ" and len(split_segments(phone)) == 1 and segment[0] in "fvszʃʒʂʐɕʑθðxçɬ"


def _mapped(found: dict[str, tuple[str, ...]], voice: str, phones: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Pronunciations in the nearest of given phones; words go where none can be read."""
    english = voice.startswith("en") and notation_of(phones) == "arpabet"
    replaced = {word: _for_english(spoken) if english else spoken for word, spoken in found.items()}
    own = {p for spoken in replaced.values() for p in spoken}
    nearest = nearest_phones(sorted(own), phones)
    return {
        word: tuple(nearest[p][0] for p in spoken)
        for word, spoken in replaced.items()
        if all(p in nearest for p in spoken)
    }


def _for_english(spoken: Iterable[str]) -> tuple[str, ...]:
    """Phones of English as dictionaries in ARPAbet have them; an r after its vowel is a part of that."""
    phones = [q for p in spoken for q in _ENGLISH.get(p, (p,))]
    return tuple(p for p, before in zip(phones, ["", *phones], strict=False) if (before, p) not in _JOINED)


class _Voice(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
        ("kind", ctypes.c_ubyte * 4),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


def _library() -> ctypes.CDLL:
    """The library, or a `ConfigError` that says what to install."""
    if importlib.util.find_spec("espeakng_loader") is None:
        expected = 'the extra "g2p" (pip install "gmmspeech[g2p]"), or a dictionary of all words'
        raise ConfigError(f"eSpeak NG: found no package espeakng-loader, expected {expected}")
    with _LOCK:
        return _started()


@lru_cache(maxsize=1)
def _started() -> ctypes.CDLL:
    """The library, started once in a process: eSpeak does not give back what an earlier start left.

    Of its modes the synchronous one starts no thread of its own.
    """
    import espeakng_loader

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    rate = library.espeak_Initialize(_SYNCHRONOUS, 0, os.fsencode(_data()), 0)
    if rate <= 0:
        raise ConfigError(f"eSpeak NG: found code {rate}, expected it to start with {_data()}")
    library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    library.espeak_TextToPhonemes.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_int)
    return library


def _has_rules(code: str, file: str) -> bool:
    """Tell whether a voice's rules come along; those of some languages are only planned."""
    data = _data() / "espeak-ng-data"
    named = re.search(r"^dictionary\s+(\S+)", (data / "lang" / file).read_text("utf-8"), re.MULTILINE)
    return (data / f"{named[1] if named else code.split('-')[0]}_dict").is_file()


def _data() -> Path:
    """The folder in which eSpeak looks for its data."""
    import espeakng_loader

    return Path(espeakng_loader.get_data_path()).parent
