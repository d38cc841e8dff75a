"""Text of a file: UTF-8, UTF-16 or the code page of an older program, found and said."""

from __future__ import annotations

import codecs
from pathlib import Path

from sameplayer.data.tabular.code_pages import WORD, likely_pages
from sameplayer.errors import DataError

BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
LOOK = 1 << 16  # bytes that tell UTF-16 without a mark


def decoded(content: bytes, path: Path) -> tuple[str, tuple[str, ...]]:
    """Return a file's text without its byte order mark, and a note where the code page is a guess.

    Raises DataError for what is no text.
    """
    bom, name = next((one for one in BOMS if content.startswith(one[0])), (b"", _without(content)))
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
        f"{path}: is no text: it holds bytes that no text holds. Expected a table; save it as CSV "
        "in UTF-8."
    )


def _without(content: bytes) -> str:
    """Return the encoding of a text without a mark: every second byte of UTF-16 is often 0."""
    head = content[:LOOK]
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
        word = next((one for one in WORD.findall(text) if not one.isascii()), "")
        return text, (
            f"The file is not in UTF-8: it is read in the code page {page}, such as {word[:40]!r}. "
            "Where names look wrong, save it as CSV in UTF-8.",
        )
    raise _no_text(path)
