"""Is the chain of events as it was written?"""

from __future__ import annotations

import json
from typing import Any

from sameplayer.gallery.core.events import COLUMNS, START, detail_hash, event_hash
from sameplayer.gallery.store.base import Cursor


def broken_links(cursor: Cursor, size: int = 10_000) -> list[str]:
    """Return what is wrong with the chain, in words; nothing: every event is as it was written."""
    wrong: list[str] = []
    before = cursor.one("SELECT COUNT(*) FROM event WHERE seq < 1")
    if before is not None and before[0]:
        wrong.append(f"{before[0]} events with numbers before 1: added since")
    previous, last = START, 0
    while True:
        sql = f"SELECT {COLUMNS} FROM event WHERE seq > ? ORDER BY seq LIMIT ?"
        found = cursor.rows(sql, last, size)
        about = _about(cursor, last, found[-1][0] if found else last)
        for row in found:
            seq, at, actor, kind, subjects, detail, salt, digest, said, chained = row[:10]
            if seq != last + 1:
                wrong.append(f"event {last + 1} to {seq - 1}: missing")
            if said != previous:
                wrong.append(f"event {seq}: does not follow the one before it")
            if not _is_hash(chained, seq, at, actor, kind, subjects, digest, said):
                wrong.append(f"event {seq}: changed since it was written")
            if detail is not None and detail_hash(salt, detail) != digest:
                wrong.append(f"event {seq}: its detail was changed")
            if _named(subjects) != about.get(seq, []):
                wrong.append(f"event {seq}: whom it is about was changed")
            previous, last = chained, seq
        if len(found) < size:
            return wrong


def _is_hash(chained: str, *row: Any) -> bool:
    try:
        return event_hash(*row) == chained
    except TypeError:  # somebody wrote bytes there
        return False


def _named(subjects: Any) -> list[str] | None:
    """Return the subjects of an event in order; None for what is no list of them."""
    try:
        return sorted(set(json.loads(subjects)))
    except (TypeError, ValueError):
        return None


def _about(cursor: Cursor, after: int, last: int) -> dict[int, list[str]]:
    """Return the subjects, in order, by which events are found."""
    found: dict[int, list[str]] = {}
    sql = "SELECT seq, subject FROM about WHERE seq > ? AND seq <= ? ORDER BY subject"
    for seq, subject in cursor.rows(sql, after, last):
        found.setdefault(seq, []).append(subject)
    return found
