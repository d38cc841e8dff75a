"""Names and pictures that were forgotten and must not come back: known by keyed hashes alone."""

from __future__ import annotations

import unicodedata

from sameplayer.common.names import clean_name, name_key
from sameplayer.gallery.core.gallery import GalleryCore
from sameplayer.gallery.store.base import Cursor


def name_hashes(gallery: GalleryCore, name: str) -> tuple[str, ...]:
    """Return the keyed hash under which a forgotten name is kept out, then those it had before.

    Galleries made when spellings were told apart hold hashes of the folded spelling itself; those
    hold on. Raises DataError for what is not a name.
    """
    shown = clean_name(name)
    before = (unicodedata.normalize(form, shown).casefold() for form in ("NFC", "NFD"))
    texts = dict.fromkeys((name_key(shown), *before))
    return tuple(gallery.digest("name", text.encode()) for text in texts)


def is_suppressed(gallery: GalleryCore, cursor: Cursor, name: str) -> bool:
    """Tell whether a name was forgotten, in whatever spelling, and must not come back."""
    hashes = name_hashes(gallery, name)
    marks = ", ".join("?" * len(hashes))
    return cursor.one(f"SELECT 1 FROM suppressed WHERE hash IN ({marks})", *hashes) is not None
