"""Taking a change back: every cell is put back as it was, or the error says what stands between."""

from __future__ import annotations

from collections.abc import Sequence

from sameplayer.errors import DataError, MissingFile, Stale
from sameplayer.gallery.core.event_text import BACK, event_at, in_words
from sameplayer.gallery.core.events import COLUMNS, Change, Event, event_of, events
from sameplayer.gallery.core.gallery import GalleryCore, find_person
from sameplayer.gallery.core.means import refresh_mean
from sameplayer.gallery.reverting.conflicts import Plan, obstacles, plan_of
from sameplayer.gallery.store.base import Cursor

FINAL = {
    "create": "a gallery that was made is removed as a folder",
    "settings": "set the setting again",
    "calibrate": "calibrate again",
    "forget": "what was forgotten is gone",
    "readmit": "forget whoever came since",
}


def undo(gallery: GalleryCore, seq: int | None = None, *, actor: str) -> Event:
    """Take a change back, or an undo, which does the change again; return the new event.

    seq    number of the event; None: the last change that has effect, so that a second undo takes
           back the one before

    Means and counts are then as they were, bit by bit; revisions are new. Raises MissingFile where
    there is no such event, Stale where it was undone already, DataError where it cannot be undone:
    the message names the later event to undo first.
    """
    with gallery.change(actor, "undo") as change:
        event = _last(change.cursor) if seq is None else event_at(change.cursor, seq)
        if event is None:
            raise MissingFile(
                f"No event {seq} in this gallery." if seq else "Nothing was changed yet."
            )
        if event.undone_by is not None:
            raise Stale(
                f"{_first_up(in_words(event))} was undone already, by event {event.undone_by}; "
                "nothing was changed. Look again."
            )
        (reason,) = _why_not(gallery, change.cursor, [event])
        if reason is not None:
            raise DataError(f"{_first_up(in_words(event))} cannot be undone: {reason}.")
        change.kind = "redo" if event.kind == "undo" else "undo"
        _put_back(change, plan_of(event))
        change.about(*event.subjects)
        _mark(change, event)
        return change.done(of=_origin(event))


def why_not_undone(gallery: GalleryCore, events: Sequence[Event]) -> list[str | None]:
    """Return why each of some events cannot be undone now, in words; None: it can.

    The rows of all of them are read together: a page of a history takes few statements.
    """
    with gallery.database.read() as cursor:
        return _why_not(gallery, cursor, events)


def history(
    gallery: GalleryCore, person: str | None = None, most: int = 100, before: int | None = None
) -> list[Event]:
    """Return what was done, the newest first.

    person    a person's or question's id, or a person's name; None: everything
    before    only events of a smaller number, to read on
    """
    with gallery.database.read() as cursor:
        if person is not None and not cursor.one("SELECT 1 FROM about WHERE subject = ?", person):
            person = find_person(cursor, person).id
        return events(cursor, person, most, before)


def _last(cursor: Cursor) -> Event | None:
    """Return the last event that changed something and was not undone."""
    kinds = tuple(FINAL)
    row = cursor.one(
        f"SELECT {COLUMNS} FROM event WHERE undone_by IS NULL AND kind NOT IN {BACK} "
        f"AND (kind IN {kinds} OR detail LIKE ?) ORDER BY seq DESC LIMIT 1",
        '%"changed":[[%',
    )
    return None if row is None else event_of(row)


def _why_not(gallery: GalleryCore, cursor: Cursor, events: Sequence[Event]) -> list[str | None]:
    """Return why each event cannot be undone now; None: it can."""
    found = [_final(event) for event in events]
    rest = [event for event, reason in zip(events, found, strict=True) if reason is None]
    others = iter(obstacles(gallery, cursor, rest))
    return [next(others) if reason is None else reason for reason in found]


def _final(event: Event) -> str | None:
    """Return why an event cannot be undone, as far as it says so itself."""
    if event.kind in FINAL:
        return FINAL[event.kind]
    if event.undone_by is not None:
        return f"event {event.undone_by} undid it already"
    if event.detail is None:
        return "what it did was forgotten with a person"
    if event.kind == "redo":
        return f"it did event {event.detail['of']} again; undo that one"
    return None if event.detail.get("changed") else "it changed nothing"


def _put_back(change: Change, plan: Plan) -> None:
    owners: set[tuple[str, str]] = set()
    # What goes gives its name free for what comes back.
    for (table, key), values in sorted(
        plan.before.items(), key=lambda one: one[1].get("state") != "removed"
    ):
        if table == "picture":
            owners |= _owner(change.cursor, key)
        change.set(table, key, **values)
        if table == "picture":
            owners |= _owner(change.cursor, key)
    for (picture, person), apart in plan.cannot_link.items():
        change.set_cannot_link(picture, person, apart)
    for table, owner in sorted(owners):
        if table == "person":
            refresh_mean(change, owner)
        else:
            change.set(table, owner)


def _owner(cursor: Cursor, picture: str) -> set[tuple[str, str]]:
    row = cursor.one("SELECT person, question FROM picture WHERE id = ?", picture)
    person, question = row or (None, None)
    if person is not None:
        return {("person", person)}
    return set() if question is None else {("question", question)}


def _mark(change: Change, event: Event) -> None:
    """Say in the event who undid it; the event that an undone undo had undone has effect again."""
    sql = "UPDATE event SET undone_by = ? WHERE seq = ?"
    change.touch("undone", event.seq, _origin(event))
    change.cursor.run(sql, change.seq, event.seq)
    if event.kind == "undo":
        change.cursor.run(sql, None, _origin(event))


def _origin(event: Event) -> int:
    """Return the event that an undo is about; any other event is about itself."""
    return int((event.detail or {})["of"]) if event.kind == "undo" else event.seq


def _first_up(words: str) -> str:
    return words[0].upper() + words[1:]
