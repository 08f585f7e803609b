"""What does a text from outside look like when nothing in it can hide, or turn what stands beside it?"""

from __future__ import annotations

import unicodedata

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}  # control, direction and zero width, half a pair, private, line ends
_MARK = "\ufffd"


def show_hidden(text: str) -> str:
    """Return the text with a mark in place of every character that has no form of its own; letters stay as they are."""
    if text.isprintable():
        return text
    return "".join(_MARK if unicodedata.category(c) in _HIDDEN else c for c in text)
