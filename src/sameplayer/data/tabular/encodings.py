"""Text encodings: UTF-8, UTF-16, or the code page of an older program, guessed by its letters."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from sameplayer.errors import DataError

HEAD = 1 << 16  # bytes that recognise a format, and UTF-16 without a byte order mark
BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def decoded(content: bytes, path: Path) -> tuple[str, tuple[str, ...]]:
    """Return a file's text without its byte order mark, and a note where its encoding is a guess.

    Raises DataError where it is not a text file.
    """
    bom, name = next(
        (mark for mark in BOMS if content.startswith(mark[0])), (b"", _without(content))
    )
    notes: tuple[str, ...] = ()
    try:
        text = content[len(bom) :].decode(name)
    except UnicodeDecodeError:
        if bom or b"\0" in content:
            raise _no_text(path) from None
        text, notes = _code_page(content, path)
    if "\0" in text:
        raise _no_text(path)
    return text, notes


def _no_text(path: Path) -> DataError:
    return DataError(
        f"{path}: is not a text file: no encoding fits its bytes. Expected a table; save it as CSV "
        "in UTF-8."
    )


def _without(content: bytes) -> str:
    """Return the encoding of a text without a mark: every second byte of UTF-16 is often 0."""
    head = content[:HEAD]
    low, high = head[0::2].count(0), head[1::2].count(0)
    if not low and not high:
        return "utf-8"
    return "utf-16-le" if high > low else "utf-16-be"


def _code_page(content: bytes, path: Path) -> tuple[str, tuple[str, ...]]:
    for page in likely_pages(content):
        try:
            text = content.decode(page)
        except UnicodeDecodeError:
            continue
        word = next((word for word in WORD.findall(text) if not word.isascii()), "")
        return text, (
            f"The file is not in UTF-8: it is read in the code page {page}, such as {word[:40]!r}. "
            "Where names look wrong, save it as CSV in UTF-8.",
        )
    raise _no_text(path)


_LANGUAGES = {
    "cp1252": "üöäß ãçáéíóêúâôõà éèçêëïôâîûàœù íáéóúñü öåäøæéü ðáóíöúæþéý éëïóöü èòàùìéç",
    "cp1250": "łóśęążćńź áíéčřšěýžůúňťďóľäôĺŕ áéöóüíőúű ćčšžđ ășțâîşţ",
    "cp1254": "ıüçşöğiâ",
    "cp1251": "аоиенрвслктмдяпгйбузчьюхжшцщфыэёъіїєґђјљњћџ",
    "cp1253": "αοιςνησρτάκλπμεςίόδγύήθωέχβφξζώψϊ",
    "cp1257": "ėšųžįąčęū āīņšēļķģūžč õäöüšž",
}
LANGUAGES = {page: letters.split() for page, letters in _LANGUAGES.items()}
"""Code page -> the letters of languages beyond a to z, the usual ones first."""
LANGUAGES["mac_roman"] = LANGUAGES["cp1252"]
LANGUAGES["iso8859_2"] = LANGUAGES["cp1250"]
OTHER_LETTERS = ("cp1251", "cp1253")
PRIOR = {"cp1252": 0.0, "mac_roman": -0.12, "iso8859_2": -0.07}
OTHERS = -0.05
OTHER_LANGUAGE = 0.4  # what a letter of another language of the page counts
RARE = 0.03  # what a letter counts less than the one before it
COMMON = {
    "cp932": ((0x82, 0x83), (0x88, 0x98)),
    "cp949": ((0xB0, 0xC8),),
    "gbk": ((0xB0, 0xD7),),
    "big5": ((0xA4, 0xC6),),
}
"""Code page of two bytes a letter -> first bytes of the usual letters."""
GUESSED_FROM = 1 << 18  # bytes
WORD = re.compile(r"[^\W\d_]+|[^\x00-\x7f]")


def likely_pages(content: bytes) -> Iterator[str]:
    """Yield code pages, the likeliest first. Of pages that look alike cp1252 comes first."""
    lines = re.split(rb"[\r\n]+", content[:GUESSED_FROM])
    if len(content) > GUESSED_FROM:
        lines = lines[:-1] or lines  # the last may end within a letter
    head = b"\n".join(line for line in lines if not line.isascii())
    scores = {page: _of_letters(head, page) for page in LANGUAGES}
    scores |= {page: _of_pairs(head, page) for page in COMMON}
    yield from sorted(scores, key=lambda page: -scores[page])


def _of_letters(content: bytes, page: str) -> float:
    """Return how well the letters fit one language of a page of one byte a letter, up to 1."""
    try:
        words = WORD.findall(content.decode(page))
    except UnicodeDecodeError:
        return -1.0
    words = [word for word in words if not word.isascii()]
    strange = [letter for word in words for letter in word if not letter.isascii()]
    turned = sum(
        letter.islower() and two.isupper() for word in words for letter, two in pairwise(word)
    )
    if page in OTHER_LETTERS:  # no word has letters of two alphabets
        turned += sum(len(word) for word in words if any(letter.isascii() for letter in word))
    every = "".join(LANGUAGES[page])
    best = max(
        sum(_weight(letter, alphabet, every) for letter in strange) for alphabet in LANGUAGES[page]
    )
    return (best - turned) / max(1, len(strange)) + PRIOR.get(page, OTHERS)


def _weight(letter: str, alphabet: str, every: str) -> float:
    """Return 1 for the usual letters of a language, less for others of the page, below 0 else."""
    letter = letter.lower()[0]
    place = alphabet.find(letter)
    if place < 0:
        return OTHER_LANGUAGE if letter in every else -0.5
    return 1 - RARE * min(place, 20)


def _of_pairs(content: bytes, page: str) -> float:
    """Return the share of usual letters, up to 1, in a page of two bytes a letter."""
    try:
        letters = [letter for letter in content.decode(page) if not letter.isascii()]
    except UnicodeDecodeError:
        return -1.0
    pairs = [letter.encode(page)[0] for letter in letters if len(letter.encode(page)) == 2]
    usual = sum(any(low <= byte <= high for low, high in COMMON[page]) for byte in pairs)
    rare = len(letters) - len(pairs)
    return (usual - rare) / max(1, len(letters)) + 2 * OTHERS


def head_lines(path: Path) -> list[str]:
    """Return the lines in the first 64 KB of a text, without blanks around them; never raises.

    Returns [] where the file is missing or not text.
    """
    try:
        with path.open("rb") as file:
            text, _ = decoded(file.read(HEAD), path)
    except (OSError, ValueError, DataError):
        return []
    return [line.strip() for line in text.splitlines()]
