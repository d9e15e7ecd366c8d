"""Text normalization: from written text to the words of dictionaries.

`words_of` splits text into words by these rules, in this order:

- Text is normalized to Unicode's form NFC. Soft hyphens and other zero-width characters are removed, except the joiners
  that scripts need, and so are marks inside words that are no letters: Arabic's tatweel, Armenian's signs of question
  and emphasis. All apostrophes become ``'``, all hyphens ``-``; dashes and ellipses separate words, like blanks.
- At the edges of a word ``ʻ``, ``ʼ`` and ``ꞌ`` are letters, except in English: Hawaiian ``ʻekahi``, Uzbek ``bogʻ``.
- A piece between blanks that the dictionary has is a word, whatever it contains: ``'em``, ``Mr.``, ``<unk>``,
  ``x-ray``.
- A piece in square, angle or curly brackets, such as ``[laughter]``, stays whole: it stands for a sound that is not a
  word, and is never pronounced by eSpeak NG. Round brackets are punctuation, because people write (words that are
  spoken) in them.
- Punctuation around a piece is removed, apostrophes last: ``'em`` is a word, ``'hello'`` is ``hello``.
- A piece with a hyphen that the dictionary lacks is split: ``well-known`` is ``well`` and ``known``. So is a piece with
  other punctuation inside, ``and/or``, or with an apostrophe if the dictionary has both parts, as in ``l'homme``.
- An English word with accents that the dictionary lacks is looked up without them: ``café`` is ``cafe``.
- Numbers, and signs that are read aloud (``&``, ``%``, ``$``), are words as written: no dictionary has them, so they
  are listed as unknown words and never spelled out, because it is not known what was said.
- Words keep their case, but look-up ignores it. In Turkish and Azerbaijani words become lower case, because there ``I``
  is the capital of ``ı``, not of ``i``.

Transcriptions in IPA (``--language ipa``) have their own rules: `gmmspeech.phones.labels.ipa.transcribed_words`.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Collection, Iterator

from gmmspeech.arguments import checked
from gmmspeech.files.text import split_fields
from gmmspeech.phones.labels.dictionary import dictionary_key
from gmmspeech.phones.labels.ipa import IPA, transcribed_words

_APOSTROPHES = "\u2019\u2018\u02bc\u02b9\u02bb\u2032\u201b\uff07\u0060\u00b4\u055a\ua78c"
_LETTERS = "\u02bb\u02bc\ua78c"  # those that are letters to Unicode: at the edge of a word they are no quotes
_HYPHENS = "\u2010\u2011\ufe63\uff0d\u2043"
# Without width, and without meaning but for how text is set; joiners (U+200C, U+200D) tell words apart.
_INVISIBLE = "\u00ad\u200b\u2060\ufeff\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_UNREAD = "\u034f\u0640\u055b\u055c\u055e"  # marks inside words, of Hebrew, Arabic and Armenian
_REPLACED = str.maketrans(
    {**dict.fromkeys(_APOSTROPHES, "'"), **dict.fromkeys(_HYPHENS, "-"), **dict.fromkeys(_INVISIBLE + _UNREAD)}
)
_REPLACED_BUT_LETTERS = {code: other for code, other in _REPLACED.items() if chr(code) not in _LETTERS}
_INSIDE = re.compile(f"(?<=[\\w\u0300-\u036f])[{_LETTERS}\u05f3](?=\\w)")  # and Hebrew's geresh
_GERSHAYIM = re.compile('(?<=[\u05d0-\u05ea])"(?=[\u05d0-\u05ea])')
_BREAK = re.compile(r"[\u2012-\u2015\u2212\u2026\u22ef\u2e3a\u2e3b]|--+|\.\.+")
_NOISE = re.compile(r"[\[<{][^\[\]<>{}]+[\]>}]")
_SPOKEN = frozenset("&%\u2030@+=\u00d7\u00f7#\u00a7\u00b0\uff06\uff05\uff20\uff0b\uff1d\uff03")
_DOTTED_I = ("tr", "az", "tur", "aze")  # languages
_ENGLISH = ("en", "eng", "english")  # languages


@checked
def words_of(text: str, *, language: str = "en", dictionary: Collection[str] | None = None) -> list[str]:
    """Cut text into words, as this module's text tells.

    Parameters
    ----------
    text : str
        As people write it.
    language : str
        Its code, such as "en" or "tr", which decides about case; or "ipa", where text is transcribed in IPA.
    dictionary : mapping, optional
        Word to pronunciations, as `gmmspeech.formats.read_dictionary` gives it: which words there are.

    Returns
    -------
    list of str
        What the dictionary lacks is among them.

    Examples
    --------
    >>> words_of("“Don’t,” she said: it’s a well-known x-ray!", dictionary={"X-RAY": ()})
    ["Don't", 'she', 'said', "it's", 'a', 'well', 'known', 'x-ray']
    >>> words_of("IŞIK", language="tr"), words_of("In 1984 – [laughter] – 5 % left…")
    (['ışık'], ['In', '1984', '[laughter]', '5', '%', 'left'])
    """
    if language.lower() == IPA:
        return transcribed_words(text)
    known = {} if dictionary is None else dictionary
    lowered = lower_case(text, language) if _has_dotted_i(language) else text
    text = _GERSHAYIM.sub("\u05f4", _INSIDE.sub("'", unicodedata.normalize("NFC", lowered)))
    text = text.translate(_REPLACED if is_english(language) else _REPLACED_BUT_LETTERS)
    words = (word for piece in split_fields(text) for word in _of_piece(piece, known))
    if is_english(language):  # elsewhere another accent is another word
        return [_without_accents(word, known) for word in words]
    if _has_dotted_i(language):
        return [_with_capitals(word, known) for word in words]
    return list(words)


def lower_case(text: str, language: str = "en") -> str:
    """Give text in lower case, by the rules of a language."""
    if _has_dotted_i(language):
        text = unicodedata.normalize("NFC", text).replace("I", "ı").replace("İ", "i")
    return text.lower()


def is_noise(word: str) -> bool:
    """Say whether brackets around a piece tell that it is no word."""
    return _NOISE.fullmatch(word) is not None


def is_english(language: str) -> bool:
    """Say whether a code or name is that of English, of any country."""
    return _language(language) in _ENGLISH


def _has_dotted_i(language: str) -> bool:
    return _language(language) in _DOTTED_I


def _language(code: str) -> str:
    """Of a code such as en-us."""
    return re.split("[-_]", code.lower())[0]


def _of_piece(piece: str, known: Collection[str]) -> Iterator[str]:
    """Words of what stands between blanks."""
    blank = len(piece.split()) > 1  # a no-break space, of which some are inside words
    for form in (piece, _stripped(piece, "'-")) if blank else (piece,):
        found = _known_form(form, known) if form.strip("'-.") else None
        if found is not None:
            yield found
            return
    for part in (part for blank in piece.split() for part in _BREAK.split(blank)):
        yield from _of_part(part, known)


def _of_part(part: str, known: Collection[str]) -> Iterator[str]:
    """Words of a piece without blanks and dashes."""
    noise = _NOISE.search(part)
    if noise and not any(map(_is_letter, part[: noise.start()] + part[noise.end() :])):
        yield noise[0]
        return
    quoted = _stripped(part, "'-")
    bare = _stripped(part, "")
    forms = (part, quoted, quoted.rstrip("'-"), quoted.lstrip("'-"), bare, f"{bare}.", bare.strip(_LETTERS))
    for form in dict.fromkeys(forms):
        found = _known_form(form, known) if form.strip("'-.") else None
        if found is not None:
            yield found
            return
    if any(map(_is_letter, bare)) or any(map(_is_sign, bare)):
        yield from _of_unknown(bare, known)


def _of_unknown(word: str, known: Collection[str]) -> Iterator[str]:
    """Parts of a word that the dictionary lacks, or the word itself."""
    if "-" in word:
        for part in word.split("-"):
            yield from _of_part(part, known)
        return
    inside = [i for i, character in enumerate(word) if _separates(word, i)]
    if inside:
        for start, stop in itertools.pairwise([-1, *inside, len(word)]):
            yield from _of_part(word[start + 1 : stop], known)
        return
    dots = [part for part in word.split(".") if part]
    if len(dots) > 1 and all(_known_form(part, known) for part in dots) and any(len(part) > 1 for part in dots):
        yield from dots  # a full stop without a blank after it
        return
    head, apostrophe, rest = word.partition("'")
    parts = [_known_form(head + apostrophe, known), _known_form(rest, known)] if apostrophe and rest else [None]
    if None not in parts:
        yield from (part for part in parts if part is not None)
    else:
        yield word


def _known_form(word: str, known: Collection[str]) -> str | None:
    """Spelling of a word that the dictionary has, of those that look alike; None where it has none."""
    for form in (word, *_alike(word)) if word else ():
        if form in known or dictionary_key(form) in known or form.upper() in known:
            return form
    return None


def _alike(word: str) -> Iterator[str]:
    """Other spellings of a word: with other apostrophes, and in the other normalization form."""
    plain = word.translate(_REPLACED)
    spelled = [plain.replace("'", other) for other in ("'", "\u2019", *_LETTERS)] if "'" in plain else []
    yield from spelled
    if not word.isascii():
        yield from (unicodedata.normalize("NFD", form) for form in (word, *spelled))


def _without_accents(word: str, known: Collection[str]) -> str:
    """Give a word that the dictionary lacks as the one without accents that it has."""
    if word.isascii() or _known_form(word, known) is not None:
        return word
    letters = unicodedata.normalize("NFD", word)
    return _known_form("".join(c for c in letters if unicodedata.category(c) != "Mn"), known) or word


def _with_capitals(word: str, known: Collection[str]) -> str:
    """Give a Turkish word that the dictionary has with a capital alone, such as ``İzmir``, as it has it."""
    if _known_form(word, known) is not None:
        return word
    first, every = word[:1].replace("i", "İ").upper() + word[1:], word.replace("i", "İ").upper()
    return _known_form(first, known) or _known_form(every, known) or word


def _stripped(text: str, kept: str) -> str:
    """Text without what is around its words, but for some characters."""
    inside = [i for i, character in enumerate(text) if character in kept or not _is_around(character)]
    return text[inside[0] : inside[-1] + 1] if inside else ""


def _is_around(character: str) -> bool:
    """Say whether a character is punctuation, or a symbol that nobody reads aloud."""
    return unicodedata.category(character)[0] in "PSZC" and character not in "\u200c\u200d" and not _is_sign(character)


def _is_sign(character: str) -> bool:
    """Say whether a character is a sign that is read aloud."""
    return character in _SPOKEN or unicodedata.category(character) == "Sc"


def _is_letter(character: str) -> bool:
    return unicodedata.category(character)[0] in "LMN"


def _separates(word: str, place: int) -> bool:
    """Say whether a character inside a word is punctuation between two words: not in 1,000, it's, nor col·legi."""
    character = word[place]
    if character in "'-._·\u05f4" or not _is_around(character):
        return False
    return not (word[place - 1 : place].isnumeric() and word[place + 1 : place + 2].isnumeric())
