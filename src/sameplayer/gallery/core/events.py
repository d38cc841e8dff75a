"""What was done, by whom and when: events in a hash chain, each with what undoes it.

An event's hash covers the hash before it, so that a changed, missing or added row shows. What an
event says in detail is covered by a salted digest of it: to forget a person, detail and salt are
deleted, and the chain still holds. A chain does not show that all of it was written anew: keep
its head (``Head``) elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from sameplayer.errors import DataError
from sameplayer.gallery.core.seals import Key, Seals
from sameplayer.gallery.store.base import EVENT, Cursor, Note, write_event
from sameplayer.gallery.store.tables import CHANGED

START = "0" * 64
BACKWARDS = timedelta(minutes=5)  # a clock that is behind the last event by less is not recorded
COLUMNS = f"{EVENT}, undone_by"


@dataclass(frozen=True)
class Event:
    """One thing that was done.

    seq          its number, from 1
    at           when, ISO 8601, UTC
    actor        who did it
    kind         create, enrol, ask, confirm, merge, forget, ...
    subjects     ids of the persons and questions that it is about
    detail       what was done; None once it was forgotten
    undone_by    the event that undid it, if any
    """

    seq: int
    at: str
    actor: str
    kind: str
    subjects: tuple[str, ...]
    detail: dict[str, Any] | None
    undone_by: int | None = None


class Head(NamedTuple):
    """The last event's number and hash: kept elsewhere, it shows whether all was written anew."""

    seq: int
    hash: str


class Change:
    """One event in the making: it changes rows, and remembers how they were.

    Use it within ``Database.write``, and call ``done`` last. Rows of ``CHANGED`` tables that it
    sets or adds get the event's number as their revision where they have one. Every other
    statement that writes rows of ``seals.UNITS`` is announced with ``touch`` before it runs.
    """

    def __init__(self, cursor: Cursor, actor: str, kind: str, seals: Seals) -> None:
        _, self._head, last = _end(cursor)
        self.cursor, self.actor, self.kind = cursor, actor, kind
        self.seq = self._head.seq + 1
        self.at, self.clock = now_after(last)
        self._seals = seals
        self._changed: list[list[Any]] = []
        self._subjects: dict[str, None] = {}
        self.journals: list[Path] = []  # of files that belong to rows of this change

    def about(self, *ids: str) -> None:
        """Name persons and questions that the event is about."""
        self._subjects.update(dict.fromkeys(ids))

    def touch(self, unit: str, *keys: Key, new: bool = False) -> None:
        """Say that rows are about to be written, see ``Seals.touch``."""
        self._seals.touch(unit, *keys, new=new)

    def seal_file(self, picture: str, content: bytes | None) -> None:
        """Seal the file of a picture; None: it goes."""
        self._seals.file(picture, content)

    def set(self, table: str, key: str, **values: Any) -> None:
        """Set columns of a row of ``CHANGED``, and remember what was there.

        Without columns it gets a new revision only: something that belongs to the row changed.
        """
        names = tuple(values)
        _check_names(table, names)
        self.touch(table, key)
        wanted = ", ".join(("id", *names))
        found = self.cursor.one(f"SELECT {wanted} FROM {table} WHERE id = ?", key)
        if found is None:
            raise DataError(f"No {table} {key!r} in this gallery.")
        for name, before in zip(names, found[1:], strict=True):
            if before != values[name]:
                self._changed.append([table, key, name, before, values[name]])
        if names:
            marks = ", ".join(f"{name} = ?" for name in names)
            self.cursor.run(f"UPDATE {table} SET {marks} WHERE id = ?", *values.values(), key)
        self._touch(table, key)

    def add(self, table: str, key: str, **values: Any) -> None:
        """Add a row of ``CHANGED`` whose column ``state`` says 'removed' once this is undone."""
        row = {"id": key, **values}
        if table != "picture":
            row["revision"] = self.seq
        _check_names(table, tuple(row))
        self.touch(table, key, new=True)
        marks = ", ".join("?" * len(row))
        self.cursor.run(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", *row.values())
        self._changed.append([table, key, "state", "removed", row["state"]])
        if table != "picture":
            self.about(key)

    def set_cannot_link(self, picture: str, person: str, on: bool) -> bool:
        """Say that a picture does not show a person, or take that back; tell whether it is new."""
        held = self.cursor.one(
            "SELECT 1 FROM apart WHERE picture = ? AND person = ?", picture, person
        )
        if on == (held is not None):
            return False
        self.touch("apart", picture)
        sql = (
            "INSERT INTO apart (picture, person) VALUES (?, ?)"
            if on
            else "DELETE FROM apart WHERE picture = ? AND person = ?"
        )
        self.cursor.run(sql, picture, person)
        self._changed.append(["apart", picture, person, not on, on])
        return True

    def done(self, **facts: Any) -> Event:
        """Write the event: the facts given, and every change; return it."""
        self.cursor.run("UPDATE latest SET changed = ?", self.seq)
        if self._changed:
            facts["changed"] = self._changed
        subjects, detail = tuple(self._subjects), {**facts, **self.clock}
        row = _row(self._head.hash, self.seq, self.at, self.actor, self.kind, subjects, detail)
        write_event(self.cursor, row, subjects)
        self._seals.close(self._head, chain_head(self.cursor), self.seq)
        return event_of((*row, None))

    def _touch(self, table: str, key: str) -> None:
        if table != "picture":
            self.cursor.run(f"UPDATE {table} SET revision = ? WHERE id = ?", self.seq, key)
            self.about(key)


def _row(
    previous: str,
    seq: int,
    at: str,
    actor: str,
    kind: str,
    subjects: tuple[str, ...],
    detail: dict[str, Any],
) -> tuple[Any, ...]:
    """Return the row of an event that comes after the one with the hash ``previous``."""
    salt, text, named = secrets.token_hex(16), canonical(detail), canonical(list(subjects))
    digest = detail_hash(salt, text)
    chained = event_hash(seq, at, actor, kind, named, digest, previous)
    return seq, at, actor, kind, named, text, salt, digest, previous, chained


def note(
    cursor: Cursor, seals: Seals, actor: str, kind: str, subjects: Iterable[str], **facts: Any
) -> Note:
    """Return an event for ``Database.note``: somebody read what it is about, nothing changes."""
    kept, head, last = _end(cursor)
    at, clock = now_after(last)
    named = tuple(dict.fromkeys(subjects))
    row = _row(head.hash, head.seq + 1, at, actor, kind, named, {**facts, **clock})
    return Note(kept, seals.following(kept, head, (head.seq + 1, row[-1])), row, named)


def chain_head(cursor: Cursor) -> Head:
    """Return the end of the chain; number 0 where nothing was done."""
    return _end(cursor)[1]


def _end(cursor: Cursor) -> tuple[str | None, Head, str | None]:
    """Return the text of the seals' head, and the end of the chain with its time, at one moment."""
    found = cursor.one(
        "SELECT (SELECT mac FROM seal WHERE unit = 'head'), seq, hash, at FROM event "
        "ORDER BY seq DESC LIMIT 1"
    )
    if found is None:
        return None, Head(0, START), None
    return found[0], Head(int(found[1]), str(found[2])), found[3]


def events(
    cursor: Cursor, subject: str | None = None, most: int = 100, before: int | None = None
) -> list[Event]:
    """Return events, the newest first: of a person or question, or all."""
    last = 2**62 if before is None else before
    if subject is None:
        sql = f"SELECT {COLUMNS} FROM event WHERE seq < ? ORDER BY seq DESC LIMIT ?"
        return [event_of(row) for row in cursor.rows(sql, last, most)]
    sql = (
        f"SELECT {COLUMNS} FROM event WHERE seq IN (SELECT seq FROM about WHERE subject = ?) "
        "AND seq < ? ORDER BY seq DESC LIMIT ?"
    )
    return [event_of(row) for row in cursor.rows(sql, subject, last, most)]


def event_of(row: tuple[Any, ...]) -> Event:
    """Return a row of COLUMNS as an event."""
    detail = None if row[5] is None else json.loads(row[5])
    return Event(row[0], row[1], row[2], row[3], tuple(json.loads(row[4])), detail, row[10])


def event_hash(
    seq: int, at: str, actor: str, kind: str, subjects: str, digest: str, previous: str
) -> str:
    """Return the SHA-256 that chains an event to the one before."""
    text = canonical([seq, at, actor, kind, subjects, digest, previous])
    return hashlib.sha256(text.encode()).hexdigest()


def detail_hash(salt: Any, detail: Any) -> str:
    """Return the digest of what an event says in detail."""
    return hashlib.sha256(f"{salt}{detail}".encode()).hexdigest()


def canonical(value: Any) -> str:
    """Return the one JSON text of a value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def now_after(at: str | None) -> tuple[str, dict[str, str]]:
    """Return the time of the next event, never before the last one's, and what it says of it.

    at    time of the last event; None: there is none

    A clock that was once ahead stops nothing: while the last event lies ahead of the clock by more
    than ``BACKWARDS``, events get its time, and say as ``clock`` what the clock says.
    """
    now = datetime.now(UTC)
    last = now if at is None else datetime.fromisoformat(at)
    behind = now < last - BACKWARDS
    return iso(max(now, last)), {"clock": iso(now)} if behind else {}


def iso(moment: datetime) -> str:
    """Return a moment as text, UTC, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def _check_names(table: str, names: tuple[str, ...]) -> None:
    if table not in CHANGED or not all(name.isidentifier() for name in names):
        raise ValueError(f"no changes of {table} {names}")
