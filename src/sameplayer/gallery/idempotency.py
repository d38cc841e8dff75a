"""Requests that come with a key: what was answered, so that a repeat is answered alike.

What is kept of an answer holds ids and counts, no name; keys and requests are kept as keyed hashes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sameplayer.gallery.core.events import iso
from sameplayer.gallery.core.gallery import GalleryCore

STORED = timedelta(hours=24)
STALE_AFTER = timedelta(minutes=10)  # whoever worked on the request stopped


@dataclass(frozen=True)
class Earlier:
    """An earlier request with the same key.

    same      it asked the same
    answer    what it was answered; None: it is still worked on
    """

    same: bool
    answer: dict[str, Any] | None


def claim_key(gallery: GalleryCore, key: str, request: bytes) -> Earlier | None:
    """Return the earlier request with this key; None where there is none: the work is ours now."""
    named, asked = _digest(gallery, key), gallery.digest("once request", request)
    now = datetime.now(UTC)
    with gallery.database.write() as cursor:
        cursor.run("DELETE FROM once WHERE at < ?", iso(now - STORED))
        cursor.run("DELETE FROM once WHERE response = '' AND at < ?", iso(now - STALE_AFTER))
        found = cursor.one("SELECT request, response FROM once WHERE key = ?", named)
        if found is None:
            sql = "INSERT INTO once (key, request, response, at) VALUES (?, ?, '', ?)"
            cursor.run(sql, named, asked, iso(now))
            return None
    return Earlier(found[0] == asked, json.loads(found[1]) if found[1] else None)


def keep_answer(gallery: GalleryCore, key: str, answer: dict[str, Any]) -> None:
    """Keep what was answered to the request that claimed this key."""
    with gallery.database.write() as cursor:
        sql = "UPDATE once SET response = ? WHERE key = ?"
        cursor.run(sql, json.dumps(answer), _digest(gallery, key))


def release_key(gallery: GalleryCore, key: str) -> None:
    """Give a key back whose request failed."""
    with gallery.database.write() as cursor:
        cursor.run("DELETE FROM once WHERE key = ? AND response = ''", _digest(gallery, key))


def _digest(gallery: GalleryCore, key: str) -> str:
    return gallery.digest("once key", key.encode())
