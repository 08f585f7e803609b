"""Does a name imitate another with letters of another alphabet, and what would a hurried reader take it for?"""

from __future__ import annotations

import re
import unicodedata

# Letters that pass for a Latin one in a wallet's font, after compatibility folding and lower-casing; names are often
# in capitals, so a Greek eta counts as H. Our own short list: Cyrillic, Greek, Lisu, and Latin's own dotless i.
LOOKS = {
    **dict(zip(map(ord, "авсенијкморѕтухԁԛԝһі"), "abcehnjkmopstyxdqwhi", strict=True)),
    **dict(zip(map(ord, "αβγεζηικμνορτυχ"), "abyezhikmnoptyx", strict=True)),
    **dict(zip(map(ord, "ꓮꓐꓚꓓꓰꓢꓔꓴ"), "abcdestu", strict=True)),
    ord("ı"): "i",
}
# Alphabets that share shapes. A word may well stand in Chinese and Latin letters, or in Japanese ones of three kinds.
_ALPHABETS = {"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "LISU", "COPTIC", "GEORGIAN"}
_WORD = re.compile(r"[^\W\d_]+")


def fold_looks(text: str) -> str:
    """Fold a name to what a hurried reader takes it for: width, case, accents, look-alike letters, separators."""
    wide = unicodedata.normalize("NFKC", text).casefold()
    plain = "".join(c for c in unicodedata.normalize("NFD", wide) if not unicodedata.combining(c))
    return "".join(c for c in plain.translate(LOOKS) if c.isalnum())


def find_mixed(text: str) -> list[str]:
    """Return the words that mix alphabets which look alike: a word of one foreign alphabet is none."""
    return [] if text.isascii() else [word for word in _WORD.findall(text) if mixes_alphabets(word)]


def mixes_alphabets(word: str) -> bool:
    """Say whether letters of a word are of several alphabets that look alike."""
    kinds = {unicodedata.name(letter, "").partition(" ")[0] for letter in word}
    return len(kinds & _ALPHABETS) > 1
