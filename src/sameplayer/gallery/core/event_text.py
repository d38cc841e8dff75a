"""Which event changed what: the later one that stands in the way of an undo, or said a thing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sameplayer.gallery.core.events import COLUMNS, Event, event_of
from sameplayer.gallery.store.base import Cursor

BACK = ("undo", "redo")  # kinds of events that put back what another did
STEP = 500  # subjects asked about in one query
PART = 50  # events read at a time: one may hold thousands of cells

Cell = Sequence[Any]  # table, key, column, before, after; "apart", picture, person, before, after


def event_at(cursor: Cursor, seq: int) -> Event | None:
    """Return an event by its number."""
    row = cursor.one(f"SELECT {COLUMNS} FROM event WHERE seq = ?", seq)
    return None if row is None else event_of(row)


def cells_of(event: Event) -> list[Cell]:
    """Return what an event changed; nothing where that was forgotten."""
    return list((event.detail or {}).get("changed", []))


def last_touch(
    cursor: Cursor, subjects: Iterable[str], since: int, touches: Callable[[Cell], bool]
) -> Event | None:
    """Return the last event in effect, after ``since``, that changed a cell of those meant.

    subjects    persons and questions that such an event is about
    touches     tells whether a cell is meant

    An event that was undone has no effect, nor has its undo.
    """
    ids = sorted(set(subjects))
    found = [
        _last_of(cursor, ids[start : start + STEP], since, touches)
        for start in range(0, len(ids), STEP)
    ]
    return max((one for one in found if one is not None), key=lambda one: one.seq, default=None)


def _last_of(
    cursor: Cursor, subjects: Sequence[str], since: int, touches: Callable[[Cell], bool]
) -> Event | None:
    marks, before = ", ".join("?" * len(subjects)), 2**62
    sql = (
        f"SELECT {COLUMNS} FROM event WHERE seq IN "
        f"(SELECT seq FROM about WHERE subject IN ({marks}) AND seq > ?) AND seq < ? "
        f"AND undone_by IS NULL AND kind NOT IN {BACK} AND detail LIKE ? ORDER BY seq DESC LIMIT ?"
    )
    while True:
        rows = cursor.rows(sql, *subjects, since, before, '%"changed":[[%', PART)
        for row in rows:
            event = event_of(row)
            if any(touches(cell) for cell in cells_of(event)):
                return event
        if len(rows) < PART:
            return None
        before = rows[-1][0]


def in_words(event: Event) -> str:
    """Return which event it is, who did it and when."""
    return f"event {event.seq} ({event.kind}, by {event.actor or 'nobody named'}, {event.at})"
