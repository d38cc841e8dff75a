"""Where a gallery's rows lie: the seam behind which SQLite and PostgreSQL stand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

FILE = "gallery.sqlite"
LOCK_TIMEOUT_S = 10.0  # seconds to wait for another writer, or for readers when bytes are erased
STEP = 500  # values that one statement names, rows that are read together
Row = tuple[Any, ...]


EVENT = "seq, at, actor, kind, subjects, detail, salt, digest, previous, hash"  # columns


class Note(NamedTuple):
    """An event that changes nothing, to be written at the end of the chain.

    before, after    the head of the seals as it is, and with the event; before: None where it is
                     gone
    event            values of EVENT
    subjects         what the event is about
    """

    before: str | None
    after: str
    event: tuple[Any, ...]
    subjects: tuple[str, ...]


class Cursor(Protocol):
    """What runs statements within a transaction; a value stands as ``?`` in the text."""

    def rows(self, sql: str, *values: Any) -> list[Row]:
        """Return all rows of a query."""

    def one(self, sql: str, *values: Any) -> Row | None:
        """Return the first row of a query, or None."""

    def run(self, sql: str, *values: Any) -> int:
        """Run a statement; return how many rows it touched."""

    def many(self, sql: str, values: Iterable[Sequence[Any]]) -> None:
        """Run a statement for each of many rows."""


class Database(Protocol):
    """What a gallery asks of a database. All methods may be called from several threads.

    Raises Unavailable where the database is locked, full, stopped or out of reach, DataError where
    it is read-only, damaged or of another kind, InternalError for a statement that is wrong.

    read_only    nothing can be written, nor may files change meanwhile: a copy, or a snapshot
    """

    name: str
    read_only: bool

    def read(self) -> AbstractContextManager[Cursor]:
        """Give a cursor on one state of the tables; keep it short: it delays ``erase``."""

    def write(self) -> AbstractContextManager[Cursor]:
        """Give the only writing cursor. All is kept, on the disk, at the end; nothing on errors."""

    def note(self, compose: Callable[[Cursor], Note]) -> Note:
        """Write an event that changes nothing, as ``compose`` makes it from what is there.

        A power cut may lose the last ones; a killed program loses none. ``compose`` is called
        again where another event was written meanwhile.
        """

    def erase(self) -> None:
        """Make what was deleted unreadable in the files; DataError while a reader prevents it."""

    def rewrite(self) -> None:
        """Erase, and write the tables anew, for stale copies in the unused parts of pages."""

    def files(self) -> list[Path]:
        """Return the files in which rows lie, as far as this machine can see them."""

    def own(self) -> list[Path]:
        """Return the files in the gallery's folder that belong to the database."""

    def remains(self) -> list[str]:
        """Return where ``erase`` leaves bytes that were deleted, in words; nothing: nowhere."""

    def problems(self) -> list[str]:
        """Return what the database itself finds wrong with its files."""

    def close(self) -> None:
        """Close every connection."""


def write_event(cursor: Cursor, event: Sequence[Any], subjects: Iterable[str]) -> None:
    """Add the row of an event, values of EVENT, and what it is about."""
    cursor.run(f"INSERT INTO event ({EVENT}) VALUES ({', '.join('?' * len(event))})", *event)
    rows = [(one, event[0]) for one in subjects]
    cursor.many("INSERT INTO about (subject, seq) VALUES (?, ?)", rows)


def parts_of(values: Iterable[Any], size: int = STEP) -> Iterator[list[Any]]:
    """Give values in parts of at most ``size``: as many as one statement names."""
    wanted = list(values)
    for start in range(0, len(wanted), size):
        yield wanted[start : start + size]


def rows_in(
    cursor: Cursor, sql: str, values: Iterable[Any], *before: Any, also: str = ""
) -> Iterator[Row]:
    """Give the rows of a query that ends with ``IN``, for however many values.

    before    values of the query before those
    also      what comes after them in the query
    """
    for part in parts_of(values):
        yield from cursor.rows(f"{sql} ({', '.join('?' * len(part))}) {also}", *before, *part)


def run_in(cursor: Cursor, sql: str, values: Iterable[Any]) -> int:
    """Run a statement that ends with ``IN``, for however many values; return the rows touched."""
    return sum(
        cursor.run(f"{sql} ({', '.join('?' * len(part))})", *part) for part in parts_of(values)
    )


def rows_after(
    read: Callable[..., list[Row]], sql: str, first: Any = "", size: int = STEP
) -> Iterator[list[Row]]:
    """Give the rows of a query in parts; each begins after the first column of the part before.

    read     runs a query, each in a transaction of its own or not
    sql      query with two values: what the rows come after, and how many there are at most
    first    a value before all others
    """
    while rows := read(sql, first, size):
        yield rows
        if len(rows) < size:
            return
        first = rows[-1][0]
