"""What does a text from outside look like when nothing in it can hide, or turn what stands beside it?"""

from __future__ import annotations

import re
import unicodedata

from intel.looks import find_mixed

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}  # control, direction and zero width, half a pair, private, line ends
_MARK = "\ufffd"
_MIXED = " [mixed alphabets]"


def show_hidden(text: str) -> str:
    """Return the text with a mark in place of every character that has no form of its own; letters stay as they are.

    A word that mixes alphabets which look alike is followed by words that say so; done twice, they stand once.
    """
    if text.isascii() and text.isprintable():
        return text
    shown = text
    if not text.isprintable():
        shown = "".join(_MARK if unicodedata.category(c) in _HIDDEN else c for c in text)
    for word in dict.fromkeys(find_mixed(shown)):
        whole = rf"(?<![^\W\d_]){re.escape(word)}(?![^\W\d_])(?!{re.escape(_MIXED)})"
        shown = re.sub(whole, word + _MIXED, shown)
    return shown
