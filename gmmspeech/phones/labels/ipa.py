r"""Notations of phones: the segments of IPA, and the conversion of ARPAbet, TIMIT symbols and X-SAMPA to IPA.

The notation is recognized from all phones together: ARPAbet if nearly all are ARPAbet or TIMIT symbols, in one case,
with or without stress; X-SAMPA if they are otherwise ASCII; else IPA. Lower-case letters mean the same in X-SAMPA and
IPA, so ``"tS"`` and ``"tʃ"`` may both occur together with ``"t"``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Literal

from gmmspeech.phones.labels.phone_sets import is_speech
from gmmspeech.phones.labels.word_positions import without_position

Notation = Literal["arpabet", "x-sampa", "ipa"]


def _pairs(table: str) -> dict[str, str]:
    fields = table.split()
    return dict(zip(fields[::2], fields[1::2], strict=True))


# A closure of TIMIT's is told by the stop that it belongs to.
ARPABET_IPA = _pairs(
    """
    AA ɑ   AE æ   AH ʌ   AO ɔ   AW aʊ  AX ə   AXR ɚ  AX-H ə̥  AY aɪ  EH ɛ   ER ɝ   EY eɪ  IH ɪ   IX ɨ   IY i   OW oʊ
    OY ɔɪ  UH ʊ   UW u   UX ʉ   B b    CH tʃ  D d    DH ð    DX ɾ   EL l̩   EM m̩   EN n̩   ENG ŋ̍  F f    G ɡ    HH h
    HV ɦ   JH dʒ  K k    L l    M m    N n    NG ŋ   NX ɾ̃    P p    Q ʔ    R ɹ    S s    SH ʃ   T t    TH θ   V v
    W w    WH ʍ   Y j    Z z    ZH ʒ   BCL b  DCL d  GCL ɡ   PCL p  TCL t  KCL k
    """
)
XSAMPA_IPA = _pairs(
    r"""
    b_< ɓ    d` ɖ    d_< ɗ   g ɡ     g_< ɠ   h\ ɦ    j\ ʝ    l` ɭ    l\ ɺ    n` ɳ    p\ ɸ    r` ɽ    r\` ɻ   r\ ɹ
    s` ʂ     s\ ɕ    t` ʈ    v\ ʋ    P ʋ     x\ ɧ    z` ʐ    z\ ʑ    A ɑ     B\ ʙ    B β     C ç     D ð     E ɛ
    F ɱ      G\_< ʛ  G\ ɢ    G ɣ     H\ ʜ    H ɥ     I\ ɨ    I ɪ     J\_< ʄ  J\ ɟ    J ɲ     K\ ɮ    K ɬ     L\ ʟ
    L ʎ      M\ ɰ    M ɯ     N\ ɴ    N ŋ     O\ ʘ    O ɔ     Q ɒ     R\ ʀ    R ʁ     S ʃ     T θ     U\ ʊ    U ʊ
    V ʌ      W ʍ     X\ ħ    X χ     Y ʏ     Z ʒ     @` ɚ    @\ ɘ    @ ə     { æ     } ʉ     1 ɨ     2 ø     3` ɝ
    3\ ɞ     3 ɜ     4 ɾ     5 ɫ     6 ɐ     7 ɤ     8 ɵ     9 œ     & ɶ     ?\ ʕ    ? ʔ     <\ ʢ    >\ ʡ    !\ ǃ
    |\|\ ǁ   |\ ǀ    =\ ǂ    _h ʰ    _j ʲ    ' ʲ     _w ʷ    _G ˠ    _?\ ˤ   _l ˡ    _n ⁿ    _> ʼ    :\ ˑ    : ː
    """
) | {"~": "\u0303", "_~": "\u0303", "_0": "\u0325", "_v": "\u032c", "_t": "\u0324", "_k": "\u0330", "=": "\u0329"}
_XSAMPA_SYMBOL = re.compile("|".join(map(re.escape, sorted(XSAMPA_IPA, key=lambda s: -len(s)))) + r"|_[^_]|.")
_TONE = re.compile("[0-9⁰¹²³⁴⁵⁶⁷⁸⁹˥˦˧˨˩꜀-꜇↓↑]+$")
_STRESS = str.maketrans("", "", 'ˈˌ"%')

_MOST = 0.9  # of the phones are ARPAbet's where the others are strays: one misspelled, or added in IPA

BASES = frozenset(
    "pbtdʈɖcɟkɡgqɢʔʡmɱnɳɲŋɴʙrʀʜʢⱱɾɽɸβfvθðszʃʒʂʐɕʑçʝxɣχʁħʕhɦɬɮʋɹɻjɰlɭʎʟɫɺwɥʍɧʘǀǃǂǁɓɗᶑʄɠʛ"  # consonants
    "iyɨʉɯuɪʏʊeøɘɵɤoəɚɛœɜɝɞʌɔæɐaɶɑɒäᵻᵿ"  # vowels
)
VOWELS = frozenset("iyɨʉɯuɪʏʊeøɘɵɤoəɚɛœɜɝɞʌɔæɐaɶɑɒäᵻᵿ")
_OF_SPELLING = frozenset("çäœøæð")  # letters of IPA that spelling has too
IPA = "ipa"  # in place of a language's code: transcripts are transcriptions
# Letters that IPA once had, those of Sinologists and Americanists, and letters of other scripts that look like IPA's.
_OTHERS = _pairs(
    """
    ʦ t͡s  ʧ t͡ʃ  ʨ t͡ɕ  ʣ d͡z  ʤ d͡ʒ  ʥ d͡ʑ  ƛ t͡ɬ  č t͡ʃ  ǰ d͡ʒ  š ʃ   ž ʒ   ñ ɲ   ł ɫ
    ɩ ɪ    ɷ ʊ    ɿ ɨ    ʅ ɨ    ʮ ʉ    ʯ ʉ    ᴀ ä    ᴇ e̞   ʚ ɞ    ɼ r̝   ƞ n̩   ȹ p̪   ȸ b̪
    ʇ ǀ    ʗ ǃ    ʖ ǁ    ʞ k    ƥ ɓ̥    ƭ ɗ̥    ƈ ʄ̊    ƙ ɠ̊    ʠ ʛ̥    ꞎ ɬ    ʆ ʃʲ   ʓ ʒʲ
    ȶ tʲ   ȡ dʲ   ȵ ɲ    ȴ ʎ    ƫ tʲ   ᶀ bʲ   ᶁ dʲ   ᶂ fʲ   ᶃ ɡʲ   ᶄ kʲ   ᶅ lʲ   ᶆ mʲ   ᶇ nʲ
    ᶈ pʲ   ᶉ rʲ   ᶊ sʲ   ᶋ ʃʲ   ᶌ vʲ   ᶍ xʲ   ᶎ zʲ
    ꞵ β    ꭓ χ    ϑ θ    ε ɛ    γ ɣ    φ ɸ    ϕ ɸ    α ɑ    ι ɪ    ǝ ə    ә ə
    """
)
_LETTERS_OF_IPA = str.maketrans(_OTHERS)
_TYPED = _LETTERS_OF_IPA | str.maketrans({":": "ː", "!": "ǃ", "g": "ɡ", "'": "ʼ", "’": "ʼ"})
_AROUND = re.compile(r"[][/⟨⟩«»“”„|‖‿,;\s]+")
_UNSPOKEN = str.maketrans("", "", "ˈˌ.-()")
_NOT_EJECTIVE = re.compile("(?<![ptkqcʈsʃɬfχxʂɕʦʧʨčš\u0361\u035cʷʲʰ])['’]")  # but typed for stress
_BEFORE = frozenset("ⁿᵐᵑᶮˀ")  # superscripts that stand before what they change
_LETTERS = ("Lu", "Ll", "Lt", "Lo")  # categories, without those of modifiers
_TIES = frozenset("\u0361\u035c‿")


def notation_of(phones: Iterable[str]) -> Notation:
    """Notation that phones are written in, judged by all of them; silence and noise have none."""
    names = [without_position(phone) for phone in phones if is_speech(phone)]
    plain = [re.sub("[0-2]$", "", name) for name in names]
    for case in (str.upper, str.lower):
        own = [name for name in plain if name == case(name) and name.upper() in ARPABET_IPA]
        if len(own) >= _MOST * len(plain) and any(len(name) > 1 or case is str.upper for name in own):
            return "arpabet"
    return "x-sampa" if all(map(str.isascii, names)) else "ipa"


def to_ipa(phone: str, notation: Notation) -> str:
    """A phone in IPA, without stress, tone and its place in a word; of a phone in no notation, what can be read."""
    phone = without_position(phone)
    own = ARPABET_IPA.get(re.sub("[0-2]$", "", phone).upper()) if notation == "arpabet" else None
    if own is not None:
        return own
    plain = phone.translate(_STRESS)
    if notation == "ipa" or not plain.isascii():
        return _TONE.sub("", unicodedata.normalize("NFC", plain).translate(_LETTERS_OF_IPA))
    if not re.fullmatch("[0-9]", plain):  # else a vowel
        plain = re.sub("(_[TLMHBRF])+$|(?<=[a-z])[0-9]+$", "", plain)
    return "".join(XSAMPA_IPA.get(symbol, symbol) for symbol in _XSAMPA_SYMBOL.findall(plain))


def split_segments(ipa: str) -> list[str]:
    """Cut IPA into segments: a base with its diacritics; what ties join is one, as what cannot be read is none.

    Small letters belong to what is before them; ``ⁿ`` and the like to what is after, if that is no vowel.

    Examples
    --------
    >>> split_segments("ⁿdʲaːt͡ʃʰ"), split_segments("ʰpamˀatⁿ")
    (['ⁿdʲ', 'aː', 't͡ʃʰ'], ['ʰp', 'a', 'mˀ', 'a', 'tⁿ'])
    """
    segments: list[str] = []
    before, tied = "", False
    for symbol in _symbols(ipa):
        if symbol in BASES:
            if segments and symbol in VOWELS:
                segments[-1], before = segments[-1] + before, ""
            if tied:
                segments[-1] += symbol
            else:
                segments.append(before + symbol)
            before, tied = "", False
        elif symbol in _BEFORE or (not segments and unicodedata.category(symbol) == "Lm"):
            before += symbol
        elif segments:
            segments[-1] += symbol
            tied = symbol in _TIES
    return [*segments[:-1], segments[-1] + before] if segments else []


def transcribed_words(text: str) -> list[str]:
    """Cut a transcription in IPA into words: at blanks, brackets, slashes, bars and what links words.

    Examples
    --------
    >>> transcribed_words("[ˈakːwa] /pu.lita/")
    ['ˈakːwa', 'pu.lita']
    """
    return [word for word in _AROUND.split(unicodedata.normalize("NFC", text)) if word]


def phones_of_transcription(word: str) -> tuple[str, ...]:
    """Phones of a word in IPA, as `split_segments` cuts it, without stress; none where a symbol can't be read.

    Examples
    --------
    >>> phones_of_transcription("ˈt͡sviː.bak"), phones_of_transcription("дом")
    (('t͡s', 'v', 'iː', 'b', 'a', 'k'), ())
    """
    plain = _NOT_EJECTIVE.sub("", unicodedata.normalize("NFC", word)).translate(_TYPED).translate(_UNSPOKEN)
    marks = (symbol for symbol in _symbols(plain) if symbol not in BASES)
    if any(unicodedata.category(mark) not in ("Mn", "Lm", "Sk", "No") and not _TONE.fullmatch(mark) for mark in marks):
        return ()
    return tuple(unicodedata.normalize("NFC", phone) for phone in split_segments(plain))


def transcribed(words: Iterable[str]) -> dict[str, tuple[tuple[str, ...], ...]]:
    """Pronunciations of those of some words whose transcription in IPA can be read."""
    return {word: (phones,) for word in words if (phones := phones_of_transcription(word))}


def letters_of_no_ipa(words: Iterable[str]) -> list[str]:
    """Letters of transcriptions that IPA lacks, such as capitals, in the order of their coming.

    Examples
    --------
    >>> letters_of_no_ipa(["ˈmaʃa", "Straße"])
    ['S', 'ß']
    """
    symbols = (symbol for word in words for symbol in _symbols(word.translate(_TYPED)))
    return [s for s in dict.fromkeys(symbols) if unicodedata.category(s) in _LETTERS and s not in BASES]


def may_be_spelling(words: Iterable[str]) -> bool:
    """Say whether words have nothing that IPA alone has, neither letters nor marks.

    Examples
    --------
    >>> may_be_spelling(["año", "café"]), may_be_spelling(["aɲo", "kaˈfe"])
    (True, False)
    """
    return not any(
        not c.isascii() and c not in _OF_SPELLING and not unicodedata.decomposition(c)
        for word in words
        for c in unicodedata.normalize("NFC", word)
    )


def _symbols(ipa: str) -> list[str]:
    """Symbols of IPA: composed letters apart from their diacritics, unless IPA has the letter."""
    composed = unicodedata.normalize("NFC", ipa)
    return [s for c in composed for s in (c if c in BASES else unicodedata.normalize("NFD", c))]
