"""Requests that are sent with a key: a repeat is answered alike, and changes nothing.

What is kept of an answer holds ids and counts, no name; keys and requests are kept as keyed hashes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sameplayer.gallery.core.events import iso
from sameplayer.gallery.gallery import Gallery
from sameplayer.serve.http.http_errors import Refused

STORED = timedelta(hours=24)
GIVEN_UP = timedelta(minutes=10)  # a server that stopped in the middle answers no more


def once(
    gallery: Gallery, actor: str, key: str | None, request: bytes, work: Callable[[], dict]
) -> dict[str, Any]:
    """Do the work, or return what it gave when this caller sent the same key before.

    request    what was asked, as bytes: another request with the same key is refused (422), and a
               repeat while the first is still worked on too (409)
    """
    if key is None:
        return work()
    named = gallery.digest("once key", f"{actor}\0{key}".encode())
    asked = gallery.digest("once request", request)
    kept = _claim(gallery, named, asked)
    if kept is not None:
        return kept
    try:
        result = work()
    except BaseException:
        with gallery.database.write() as cursor:
            cursor.run("DELETE FROM once WHERE key = ? AND response = ''", named)
        raise
    with gallery.database.write() as cursor:
        cursor.run("UPDATE once SET response = ? WHERE key = ?", json.dumps(result), named)
    return result


def _claim(gallery: Gallery, named: str, asked: str) -> dict[str, Any] | None:
    """Return the answer of before; None: the work is ours now."""
    now = datetime.now(UTC)
    with gallery.database.write() as cursor:
        cursor.run("DELETE FROM once WHERE at < ?", iso(now - STORED))
        cursor.run("DELETE FROM once WHERE response = '' AND at < ?", iso(now - GIVEN_UP))
        found = cursor.one("SELECT request, response FROM once WHERE key = ?", named)
        if found is None:
            cursor.run(
                "INSERT INTO once (key, request, response, at) VALUES (?, ?, '', ?)",
                named,
                asked,
                iso(now),
            )
            return None
    if found[0] != asked:
        raise Refused(
            422,
            "this key came with another request before",
            where="header Idempotency-Key",
            expected="the same request, or a new key",
            do="make a random key for each request",
        )
    if not found[1]:
        raise Refused(
            409,
            "the first request with this key is still worked on",
            where="header Idempotency-Key",
            do="send it again in a few seconds",
            headers={"Retry-After": "5"},
        )
    kept: dict[str, Any] = json.loads(found[1])
    return kept
