"""Listings a page at a time, and places in them as words that a caller sends back for the next.

A place is what the listing is sorted by, of the last row shown, and not a row's id or number: rows
that are renamed, answered or forgotten meanwhile move no other. Names may be part of it, and the
word may stand in an address, so it is sealed with the gallery's key and says nothing by itself.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Sequence

from sameplayer.errors import DataError
from sameplayer.gallery.core.gallery import PERSON, GalleryCore
from sameplayer.gallery.core.records import Person, StoredPicture

MARK = 16  # bytes by which a word is known to be the gallery's own
Place = Sequence[str | int | float]


def persons_page(
    gallery: GalleryCore, state: str | None, after: str | None, most: int
) -> tuple[list[Person], str | None]:
    """Return persons by name, and the word for the page after these; None: these are the last.

    state    active or restricted; None: both
    after    the word of the page before; None: from the first
    """
    last = ("", "") if after is None else unseal(gallery, "persons", after)
    states = ("active", "restricted") if state is None else (state, state)
    with gallery.database.read() as cursor:
        rows = cursor.rows(
            f"SELECT {PERSON} FROM person WHERE (name, id) > (?, ?) AND state IN (?, ?) "
            "ORDER BY name, id LIMIT ?",
            *last,
            *states,
            most + 1,
        )
    shown = [Person(*row) for row in rows[:most]]
    if len(rows) <= most:
        return shown, None
    return shown, seal(gallery, "persons", (shown[-1].name, shown[-1].id))


def pictures_page(
    gallery: GalleryCore, person: str, after: str | None, most: int
) -> tuple[list[StoredPicture], int, str | None]:
    """Return a person's pictures by date, how many there are, and the word for the next page."""
    last = None if after is None else unseal(gallery, "pictures", after)
    found = gallery.pictures(person)
    left = [one for one in found if last is None or _place(one) > last]
    shown = left[:most]
    following = seal(gallery, "pictures", _place(shown[-1])) if len(left) > most else None
    return shown, len(found), following


def _place(kept: StoredPicture) -> list[str | int | float]:
    return [kept.taken or "", kept.added, kept.id]


def seal(gallery: GalleryCore, listing: str, place: Place) -> str:
    """Return the word of a place in a listing, which is named so that no other takes it."""
    text = json.dumps([listing, *place]).encode()
    mark = _mark(gallery, text)
    word = mark + _mixed(gallery, mark, text)
    return base64.urlsafe_b64encode(word).decode().rstrip("=")


def unseal(gallery: GalleryCore, listing: str, word: str) -> list[str | int | float]:
    """Return the place of a word; DataError for one that this gallery did not give."""
    try:
        found = base64.b64decode(word.encode() + b"=" * (-len(word) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        found = b""
    mark = found[:MARK]
    text = _mixed(gallery, mark, found[MARK:])
    if not text or not hmac.compare_digest(mark, _mark(gallery, text)):
        raise DataError("Unknown place in the listing; expected next of the page before.")
    kind, *place = json.loads(text)
    if kind != listing:
        raise DataError(f"A place among {kind}; expected next of a page of {listing}.")
    return list(place)


def _mark(gallery: GalleryCore, text: bytes) -> bytes:
    return hmac.digest(gallery.secret("place"), text, hashlib.sha256)[:MARK]


def _mixed(gallery: GalleryCore, mark: bytes, text: bytes) -> bytes:
    """Return a text sealed, or a sealed one opened: both are the same exclusive or."""
    stream = hashlib.shake_256(gallery.secret("seal") + mark).digest(len(text))
    return bytes(a ^ b for a, b in zip(text, stream, strict=True))
