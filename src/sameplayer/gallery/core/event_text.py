"""Which event changed what: the later one that stands in the way of an undo, or said a thing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from sameplayer.gallery.core.events import COLUMNS, Event, event_of
from sameplayer.gallery.store.base import Cursor, parts_of

BACK = ("undo", "redo")  # kinds of events that put back what another did
READ = 50  # events read at a time: one may hold thousands of cells

Cell = Sequence[Any]  # table, key, column, before, after; "apart", picture, person, before, after


class Sought(NamedTuple):
    """A change that is looked for.

    subjects    persons and questions that its event is about
    since       number of an event before it
    touches     tells whether a cell is meant
    """

    subjects: frozenset[str]
    since: int
    touches: Callable[[Cell], bool]


def event_at(cursor: Cursor, seq: int) -> Event | None:
    """Return an event by its number."""
    row = cursor.one(f"SELECT {COLUMNS} FROM event WHERE seq = ?", seq)
    return None if row is None else event_of(row)


def cells_of(event: Event) -> list[Cell]:
    """Return what an event changed; nothing where that was forgotten."""
    return list((event.detail or {}).get("changed", []))


def last_touches(cursor: Cursor, sought: Sequence[Sought]) -> list[Event | None]:
    """Return for each change that is sought the last event in effect that made it.

    An event that was undone has no effect, nor has its undo.
    """
    found: list[Event | None] = [None] * len(sought)
    for part in parts_of(sorted({key for one in sought for key in one.subjects})):
        waiting = [at for at, one in enumerate(sought) if not one.subjects.isdisjoint(part)]
        for event in _changes(cursor, part, min(sought[at].since for at in waiting)):
            for at in tuple(waiting):
                one, before = sought[at], found[at]
                if event.seq <= max(one.since, before.seq if before else 0):
                    waiting.remove(at)
                elif not one.subjects.isdisjoint(event.subjects) and any(
                    map(one.touches, cells_of(event))
                ):
                    found[at] = event
                    waiting.remove(at)
            if not waiting:
                break
    return found


def _changes(cursor: Cursor, subjects: Sequence[str], since: int) -> Iterator[Event]:
    """Give the events in effect after ``since`` that changed something of these, newest first."""
    marks, before = ", ".join("?" * len(subjects)), 2**62
    sql = (
        f"SELECT {COLUMNS} FROM event WHERE seq IN "
        f"(SELECT seq FROM about WHERE subject IN ({marks}) AND seq > ?) AND seq < ? "
        f"AND undone_by IS NULL AND kind NOT IN {BACK} AND detail LIKE ? ORDER BY seq DESC LIMIT ?"
    )
    while True:
        rows = cursor.rows(sql, *subjects, since, before, '%"changed":[[%', READ)
        yield from map(event_of, rows)
        if len(rows) < READ:
            return
        before = rows[-1][0]


def in_words(event: Event) -> str:
    """Return which event it is, who did it and when."""
    return f"event {event.seq} ({event.kind}, by {event.actor or 'nobody named'}, {event.at})"
