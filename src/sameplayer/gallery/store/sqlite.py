"""A gallery's rows in one SQLite file."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sameplayer.common.files import may_write
from sameplayer.errors import DataError, MissingFile, Unavailable
from sameplayer.gallery.store.base import LOCK_TIMEOUT_S, Cursor, Note, Row, write_event
from sameplayer.gallery.store.file_identity import Identity, identity, refuse_moved
from sameplayer.gallery.store.sqlite_errors import meaning
from sameplayer.gallery.store.tables import FORMAT, UPGRADES, own_schema, statements, wrong_schema

APPLICATION = 0x53504C47  # "SPLG", in the file's header
PAGE = 16384  # bytes
SCHEMA = "SELECT type, name FROM sqlite_schema WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!'"
LOG = "-wal"  # ends the name of the write-ahead log
INHERITED: list[sqlite3.Connection] = []  # kept for ever, see ``_Held``


class SqliteCursor:
    """``Cursor`` of one SQLite connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, sql: str, *values: Any) -> list[Row]:
        return self._connection.execute(sql, values).fetchall()

    def one(self, sql: str, *values: Any) -> Row | None:
        found: Row | None = self._connection.execute(sql, values).fetchone()
        return found

    def run(self, sql: str, *values: Any) -> int:
        return self._connection.execute(sql, values).rowcount

    def many(self, sql: str, values: Iterable[Sequence[Any]]) -> None:
        self._connection.executemany(sql, values)


class SqliteDatabase:
    """One file: write-ahead log, every commit on the disk, deleted bytes overwritten.

    create      make the file, which must be new
    lock_timeout_s    seconds to wait for another writer, or for readers when bytes are erased
    """

    def __init__(
        self, path: str | Path, *, create: bool = False, lock_timeout_s: float = LOCK_TIMEOUT_S
    ) -> None:
        self.path = Path(path)
        self.lock_timeout_s = lock_timeout_s
        self.name = str(self.path)
        self._local = threading.local()
        self._open: weakref.WeakSet[_Held] = weakref.WeakSet()
        self._lock = threading.Lock()
        self.read_only = not create and not may_write(self.path)
        self._identity: Identity | None = None
        if create:
            with self._told():
                self._create()
        elif not self.path.is_file():
            raise MissingFile(
                f"{self.path}: no such file. Make a gallery with: sameplayer gallery create FOLDER"
            )
        else:
            with self._told():
                self._refuse_foreign()
        self._identity = identity(self.path)

    @contextmanager
    def read(self) -> Iterator[SqliteCursor]:
        with self._transaction("BEGIN", "FULL") as cursor:
            yield cursor

    @contextmanager
    def write(self) -> Iterator[SqliteCursor]:
        with self._transaction("BEGIN IMMEDIATE", "FULL") as cursor:
            yield cursor

    def note(self, compose: Callable[[Cursor], Note]) -> Note:
        with self._transaction("BEGIN IMMEDIATE", "NORMAL") as cursor:
            made = compose(cursor)
            cursor.run("UPDATE seal SET mac = ? WHERE unit = 'head'", made.after)
            write_event(cursor, made.event, made.subjects)
        return made

    def erase(self) -> None:
        with self._told():
            connection = self._connection()
            until = time.monotonic() + self.lock_timeout_s
            while not self.read_only:
                busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                if not busy:
                    return
                if time.monotonic() > until:
                    raise Unavailable(
                        f"{self.path}: another program reads the gallery since "
                        f"{self.lock_timeout_s:.0f} s; deleted bytes stay in the file until it "
                        "ends. End it and run the same command again."
                    )
                time.sleep(0.02)

    def rewrite(self) -> None:
        with self._told():
            self._connection().execute("VACUUM")
        self.erase()

    def files(self) -> list[Path]:
        path = self.path.resolve()  # SQLite keeps its other files beside the file itself
        found = (path, *(path.with_name(path.name + end) for end in (LOG, "-journal")))
        return [one for one in found if one.exists()]

    def own(self) -> list[Path]:
        ends = ("", LOG, "-journal", "-shm")
        return [self.path.with_name(self.path.name + end) for end in ends]

    def remains(self) -> list[str]:
        return []

    def problems(self) -> list[str]:
        with self.read() as cursor:
            found = [str(row[0]) for row in cursor.rows("PRAGMA integrity_check")]
            broken = [
                f"{row[0]}: a row points to no {row[2]}"
                for row in cursor.rows("PRAGMA foreign_key_check")
            ]
            broken += wrong_schema((row[0], row[1]) for row in cursor.rows(SCHEMA))
        return [one for one in found if one != "ok"] + broken

    def close(self) -> None:
        with self._lock:
            for held in list(self._open):
                held.close()
            self._local = threading.local()

    @contextmanager
    def _transaction(self, begin: str, synchronous: str) -> Iterator[SqliteCursor]:
        if self.read_only and begin != "BEGIN":
            raise DataError(
                f"{self.path}: read-only; nothing was changed. Give yourself the right "
                "to write there, or to a copy."
            )
        with self._told():
            connection = self._connection()
            connection.execute(f"PRAGMA synchronous = {synchronous}")
            connection.execute(begin)
            try:
                yield SqliteCursor(connection)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def _connection(self) -> sqlite3.Connection:
        """Return this thread's connection; a forked process opens its own."""
        if self._identity is not None:
            refuse_moved(self.path, self._identity)
        kept: _Held | None = getattr(self._local, "kept", None)
        if kept is not None and kept.process == os.getpid():
            return kept.connection
        connection = sqlite3.connect(
            self._address(),
            uri=True,
            timeout=self.lock_timeout_s,
            isolation_level=None,
            check_same_thread=False,
        )
        for pragma in ("secure_delete = ON", "foreign_keys = ON", "temp_store = MEMORY"):
            connection.execute(f"PRAGMA {pragma}")
        self._local.kept = held = _Held(connection)
        with self._lock:
            self._open.add(held)
        return connection

    def _address(self) -> str:
        """Return the file as a URI: one that cannot be written to is read as it lies there."""
        log = self.path.with_name(self.path.name + LOG)
        settled = not log.exists() or not log.stat().st_size  # all rows are in the file itself
        how = ("?mode=ro&immutable=1" if settled else "?mode=ro") if self.read_only else "?mode=rw"
        return self.path.absolute().as_uri() + how

    def _create(self) -> None:
        os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        connection = self._connection()
        connection.execute(f"PRAGMA page_size = {PAGE}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {FORMAT}")
        with self.write() as cursor:
            for statement in statements({"integer": "INTEGER", "bytes": "BLOB", "real": "REAL"}):
                cursor.run(statement)

    def _refuse_foreign(self) -> None:
        connection = self._connection()
        found = connection.execute("PRAGMA application_id").fetchone()[0]
        if found != APPLICATION:
            raise DataError(f"{self.path}: a database of another program, not a gallery.")
        number = connection.execute("PRAGMA user_version").fetchone()[0]
        if number in UPGRADES and not self.read_only:
            number = self._upgraded()
        if number != FORMAT:
            older = " Open it once where it can be written to." if number in UPGRADES else ""
            raise DataError(
                f"{self.path}: a gallery of format {number}; this version reads "
                f"format {FORMAT}.{older}"
            )
        there = {name for _, name in connection.execute(SCHEMA)}
        gone = sorted(name for kind, name in own_schema() if kind == "table" and name not in there)
        if gone:
            raise DataError(
                f"{self.path}: damaged; restore it from a copy (no table {', '.join(gone)})."
            )

    def _upgraded(self) -> int:
        """Make tables of a format before those of this one; return the format that they have."""
        with self.write() as cursor:
            found = cursor.one("PRAGMA user_version")  # another program may have been first
            number = 0 if found is None else int(found[0])
            while number in UPGRADES:
                cursor.run(UPGRADES[number])
                number += 1
                cursor.run(f"PRAGMA user_version = {number}")
        return number

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say what SQLite's errors mean."""
        try:
            yield
        except sqlite3.Error as error:
            raise meaning(error, self.path, self.lock_timeout_s) from error


class _Held:
    """A thread's connection: closed when the thread is gone, unless a forked process inherits it.

    To close a connection of the process before would take away that one's locks.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection, self.process = connection, os.getpid()

    def close(self) -> None:
        if self.process == os.getpid():
            self.connection.close()
        else:
            INHERITED.append(self.connection)

    def __del__(self) -> None:
        self.close()
