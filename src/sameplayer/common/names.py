"""Names of people: how one is written, and when two spellings are the same name.

Two spellings are one name where their keys (``name_key``) are equal. The key is the compatibility
form of Unicode (NFKC) without case, without invisible characters, and with single spaces:
letters composed or decomposed (macOS writes folder names decomposed), capitals, full-width letters
and ligatures make no second person. What is shown is the spelling that came first, in the composed
form (NFC), which changes no letter.
"""

from __future__ import annotations

import unicodedata

from sameplayer.errors import DataError, SettingError

LONGEST = 200
# Copied along with names, and never meant: soft hyphen, grapheme joiner, zero-width space, marks
# of direction, word joiner, byte order mark. The zero-width joiners (200C, 200D) stay: Persian and
# Indic names need them, though they make no other name.
STRAY = dict.fromkeys((0x00AD, 0x034F, 0x061C, 0x180E, 0x200B, 0x200E, 0x200F, 0x2060, 0xFEFF))
JOINERS = dict.fromkeys((0x200C, 0x200D))
# Letters that look like a space, and those that look like nothing: fillers of Hangul, vowels of
# Khmer, marks of Mongolian. They may belong to a spelling, but make no other name.
BLANKS = {0x2800: " ", 0x3164: " ", 0xFFA0: " "}
FILLERS = dict.fromkeys((0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F))
VARIANTS = dict.fromkeys((*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))  # of one character
UNSEEN = {**JOINERS, **BLANKS, **FILLERS, **VARIANTS}
BREAKS = {"Cc", "Cs", "Zl", "Zp"}  # control characters, lone surrogates, ends of lines
TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # of direction


def clean_name(name: str) -> str:
    """Return a name as it is shown: NFC, single spaces, no stray invisible characters.

    Raises DataError for an empty name, one of over 200 characters, and control characters.
    """
    shown = name if name.isascii() else composed(name).translate(STRAY)
    cleaned = " ".join(shown.split())
    visible = cleaned.translate(UNSEEN)
    if not visible.strip() or len(cleaned) > LONGEST or not visible.isprintable():
        raise DataError(
            f"{name[:LONGEST]!r} is not a name; expected 1 to {LONGEST} characters on one line, "
            "without control characters."
        )
    return cleaned


def composed(text: str) -> str:
    """Return a text with composed letters (NFC), which looks the same."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def name_key(name: str) -> str:
    """Return the key that spellings of one name share; "" where all of it is invisible."""
    if name.isascii():
        return " ".join(name.lower().split())
    text = unicodedata.normalize("NFD", name).translate(STRAY | UNSEEN).casefold()
    # Once more: full-width capitals are folded only after the compatibility form.
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(text.split())


def is_one_line(text: str) -> bool:
    """Tell whether a text has no control character, line break or lone surrogate in it."""
    return control_character(text) is None


def control_character(text: str) -> str | None:
    """Return the first control character, line break or change of direction, or None."""
    if text.isprintable():
        return None
    return next(
        (one for one in text if one in TURNING or unicodedata.category(one) in BREAKS), None
    )


def check_line(name: str, text: str | None) -> str | None:
    """Return a text, None for a blank one; SettingError for line breaks or control characters."""
    if text is None or not text.strip():
        return None
    if not is_one_line(text):
        raise SettingError(name, repr(text), "a text on one line, without control characters")
    return text
