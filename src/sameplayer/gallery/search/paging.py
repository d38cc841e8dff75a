"""Places in a listing, as words that a caller sends back for the next page.

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
from sameplayer.gallery.core.gallery import GalleryCore

MARK = 16  # bytes by which a word is known to be the gallery's own
Place = Sequence[str | int | float]


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
