"""What would somebody send who wants us to fail? Values, files and names, and how a refusal must look."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from intel.errors import IntelError

FORMULAS = ("=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1)", "\t=1", "\r=1", " =1", "\uff1d1+1", "%0a=1", "|calc")
MARKUP = ("<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "[x](javascript:alert(1))", "**b** `c` $d$ :e:")
BIDI = ("\u202egnp.exe", "a\u2066b\u2069", "\u200fabc", "\u200b\u200b", "\ufeffB")
HOMOGLYPHS = ("\u0412inance", "Bin\u0430nce", "\uff22inance", "B\u0131nance", "ＡＢＣ")
NUMBERS = ("nan", "NaN", "inf", "-inf", "Infinity", "1e400", "-1", "-0", "0x", "0b1", "1_000", "٣", "1.5", "1e18", "")
HUGE = (str(2**255), str(2**256), str(10**4000), "0x" + "f" * 64, "0x" + "f" * 65, "9" * 39, "-" + "9" * 40)
PATHS = ("../../../etc/passwd", "/etc/passwd", "..\\..\\x", "a/../../b", "\0", "CON", "~root", "%2e%2e%2f", "$(id)")
QUERIES = ("'; drop table t; --", '"', "'", "$1", "?", "{x}", "%s", "\\", "select 1", "null", "NULL", "None")
ODD = ("\0", "a\0b", "\x1b[31mred", "line\nbreak", "\r\n", "\u2028", "x" * 100_000, "\U0001f4a9", "e\u0301" * 300)
NASTY = (*FORMULAS, *MARKUP, *BIDI, *HOMOGLYPHS, *NUMBERS, *HUGE, *PATHS, *QUERIES, *ODD)

values = st.one_of(st.sampled_from(NASTY), st.text(max_size=40))

_PIECES = [
    b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b'"', b"'", b"\n", b"\r", b",", b";", b"\\", b"{", b"}", b"[", b"]", b":",
    b"null",
    b"NaN", b"1e999", b"-", b"- ", b"&a ", b"*a", b"<<: ", b"!!python/object/apply:os.system ['id']", b"%", b"\x80",
    b"9" * 500, b'\\u0000', b'\\ud800', b"[" * 2000, b"{" * 2000, b'{"a":' * 500, b"\x1f\x8b", b"PAR1", b"\t",
]  # fmt: skip


@st.composite
def spoiled(draw: st.DrawFn, sound: bytes) -> bytes:
    """Return the bytes of a sound file, damaged in up to four places: cut, replaced, doubled, put in."""
    content = bytearray(sound)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(content)))
        length = draw(st.sampled_from([1, 1, 2, 8, 40]))
        act = draw(st.sampled_from(["put", "replace", "cut", "double", "truncate", "bytes"]))
        if act == "put":
            content[place:place] = draw(st.sampled_from(_PIECES))
        elif act == "replace":
            content[place : place + length] = draw(st.sampled_from(_PIECES))
        elif act == "cut":
            del content[place : place + length]
        elif act == "double":
            content[place:place] = content[place : place + length * 4]
        elif act == "truncate":
            del content[place:]
        else:
            content[place : place + length] = draw(st.binary(min_size=length, max_size=length))
    return bytes(content)


def check_refusal(error: IntelError, *parts: Any) -> None:
    """A refusal names what is wrong, says what to do next, and stays short."""
    assert error.message
    assert error.hint, error.message
    assert len(str(error)) < 5000, str(error)[:500]
    for part in parts:
        assert str(part) in str(error), str(error)
