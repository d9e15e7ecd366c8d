"""Symbols as Praat has them typed: a backslash and two more characters, which Praat shows as one (``\\sh`` as ʃ).

They stand so in TextGrids that were typed in Praat, unless its *Convert to Unicode* was chosen. See "Special symbols"
and "Phonetic symbols" in Praat's manual.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence

from gmmspeech.phones.labels.labels import Label

# Letters, marks (on a circle) and punctuation; signs of mathematics and cards are left as they are.
_TABLE = r"""
!d ¡ "l “ "p ″ "r ” '1 ˈ '2 ˌ '^ ◌́ 'a ' 'p ′ +v ◌̟ -- – -^ ◌̄ -v ◌̠ .c · .f ˑ 0^ ◌̊ 0v ◌̥ 3v ◌̹ 9+ ע 9- ʢ 9e ʕ :^
◌̈ :f ː :v ◌̤ << « >> » ?+ א ?- ʡ ?d ¿ ?g ʔ A" Ä A' Á A; Ą A^ Â A` À Ae Æ Al Α Ao Å A~ Ã B+ ב Be Β C% ץ C' Ć C+ צ
C, Ç C< Č Ci Χ D+ ד D- Đ D< Ď De Δ Dv ◌̻ E" Ë E' É E; Ę E< Ě E^ Ê E` È Ep Ε Et Η FI ﬁ FL ﬂ Fi Φ G+ ג G< Ǧ G^ ʛ Ga
Γ H+ ה I" Ï I' Í I^ Î I` Ì Io Ι J+ י K% ך K+ כ Ka Κ L+ ל L/ Ł La Λ M% ם M+ מ Mu Μ N% ן N' Ń N+ נ N< Ň N^ ◌̆ Nu Ν
Nv ◌̪ N~ Ñ O" Ö O' Ó O. ʘ O/ Ø O: Ő O^ Ô O` Ò Oe ɶ Om Ω On Ο O~ Õ P% ף P+ פ Pi Π Ps Ψ Q+ ק R+ ר R< Ř Ro Ρ S' Ś S+
ס S< Š SS § Si Σ T( ◌̘ T) ◌̙ T+ ת T< Ť T^ ◌̝ Ta Τ Te Θ Th Þ Tv ◌̞ U" Ü U' Ú U: Ű U^ Û U` Ù Uo Ů Up Υ Uv ◌̺ V+ ו W+
ש X+ ח Xi Ξ Y" Ÿ Y' Ý Y+ ט Z! Ż Z' Ź Z+ ז Z< Ž Ze Ζ [f [ ]f ] ^9 ˁ ^? ˀ ^G ᶭ ^H ʱ ^M ᵚ ^N ᵑ ^Y ᶣ ^^ ◌̂ ^f ᶠ ^g ˠ
^h ʰ ^j ʲ ^l ˡ ^m ᵐ ^n ⁿ ^s ˢ ^w ʷ ^x ˣ ^y ʸ _u ‿ `^ ◌̀ a" ä a' á a; ą a^ â a_ ª a` à ab ɒ ae æ al α ao å ap ʼ as
ɑ at ɐ ay ɒ a~ ã b^ ɓ bc ʙ be β bf β bs \ bu • c' ć c, ç c< č cE ◌ֵ cc ɕ cf χ ci χ cn ◌̚ ct ɔ cv ◌̜ d- đ d. ɖ d< ď
d^ ɗ de δ dh ð dq ◌ּ e" ë e' é e- ɘ e; ę e< ě e^ ê e` è ef ɛ ep ε er ɜ et η f. ɽ f2 ϕ fd ƒ ff ɸ fh ɾ fi φ g< ǧ g^
ɠ ga γ gc ɢ gf ɣ gs ɡ h- ħ hI ◌ִ hO ◌ֹ h^ ɦ hc ʜ hj ɧ hr ˞ hs ʊ ht ɥ i" ï i' í i- ɨ i^ î i` ì ic ɪ id ɿ io ι ir ʅ
j- ɟ j^ ʄ jc ʝ ka κ kb ɞ l- ɬ l. ɭ l/ ł la λ lc ʟ li ◌͡ lz ɮ l~ ɫ mj ɱ ml ɰ mt ɯ mu μ n' ń n. ɳ n< ň nc ɴ ng ŋ nj
ɲ nu ν nv ◌̯ n~ ñ o" ö o' ó o- ɵ o/ ø o2 ϖ o: ő o^ ô o_ º o` ò oe œ om ω on ο o~ õ pA ◌ַ pi π ps ψ qA ◌ָ qU ◌ֻ r.
ɻ r< ř rc ʀ rh ɤ ri ʁ rl ɺ ro ρ rt ɹ s' ś s. ʂ s2 ς s< š sE ◌ֶ sU וּ sh ʃ si σ sr ɚ ss ß sw ə t. ʈ t2 ϑ t< ť tS ʧ
ta τ te θ tf θ th þ ts ʦ u" ü u' ú u- ʉ u: ű u^ û u` ù un _ uo ů up υ vO וֹ v^ ◌̌ vs ʋ vt ʌ wt ʍ xi ξ y" ÿ y' ý yc
ʏ yt ʎ z! ż z' ź z. ʐ z< ž zc ʑ ze ζ zh ʒ |- ǂ |1 ǀ |2 ǁ |v ◌̩ || ¶ ~< ◌̴ ~^ ◌̃ ~v ◌̰
"""
_FIELDS = _TABLE.replace("\u25cc", "").split()
_SYMBOLS = dict(zip(_FIELDS[::2], _FIELDS[1::2], strict=True))
_TYPED = re.compile(rf"\\({'|'.join(map(re.escape, _SYMBOLS))})")


def shown_by_praat(text: str) -> str:
    r"""Text as Praat shows it.

    Examples
    --------
    >>> shown_by_praat(r"\tSu\:f"), shown_by_praat(r"ni\n~o"), shown_by_praat("r\\")
    ('ʧuː', 'niño', 'r\\')
    """
    if "\\" not in text:
        return text
    return unicodedata.normalize("NFC", _TYPED.sub(lambda found: _SYMBOLS[found[1]], text))


def tiers_shown_by_praat(tiers: Mapping[str, Sequence[Label]]) -> dict[str, list[Label]]:
    """Tiers whose labels are as Praat shows them."""
    return {tier: [each._replace(name=shown_by_praat(each.name)) for each in labels] for tier, labels in tiers.items()}
