"""Where a gallery's rows lie: the seam of a database, and SQLite behind it."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

from sameplayer.errors import DataError, MissingFile
from sameplayer.gallery.place import Identity, identity, refuse_moved
from sameplayer.gallery.tables import FORMAT, statements

FILE = "gallery.sqlite"
APPLICATION = 0x53504C47  # "SPLG", in the file's header
HEADER = b"SQLite format 3\0"  # what the file begins with
PAGE = 16384  # bytes
NEXT = 4  # bytes at the beginning of a page that say where a long value goes on
LOG = "-wal"  # ends the name of the write-ahead log: a head, then pages, each with a head
LOG_HEAD, FRAME_HEAD = 32, 24  # bytes
PATIENCE = 10.0  # seconds to wait for another writer, or for readers when bytes are erased
Row = tuple[Any, ...]


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

    Raises DataError where the database is locked, read-only, full, damaged or of another kind.
    """

    name: str

    def read(self) -> AbstractContextManager[Cursor]:
        """Give a cursor on one state of the tables; keep it short: it delays ``erase``."""

    def write(self) -> AbstractContextManager[Cursor]:
        """Give the only writing cursor. All is kept, on the disk, at the end; nothing on errors."""

    def note(self) -> AbstractContextManager[Cursor]:
        """Like ``write``, but a power cut may lose the last ones; a killed program loses none."""

    def erase(self) -> None:
        """Make what was deleted unreadable in the files; DataError while a reader prevents it."""

    def rewrite(self) -> None:
        """Erase, and write the tables anew, for stale copies in the unused parts of pages."""

    def files(self) -> list[Path]:
        """Return the files in which rows lie, as far as this machine can see them."""

    def own_texts(self, cursor: Cursor) -> list[bytes]:
        """Return what stands in the files beside rows, such as the names of tables."""

    def page(self, file: Path, offset: int) -> tuple[int, int]:
        """Return the ends of the page around an offset of one of ``files``.

        A long value goes on in another page, which may lie elsewhere.
        """

    def remains(self) -> list[str]:
        """Return where ``erase`` leaves bytes that were deleted, in words; nothing: nowhere."""

    def problems(self) -> list[str]:
        """Return what the database itself finds wrong with its files."""

    def close(self) -> None:
        """Close every connection."""


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
    patience    seconds to wait for another writer, or for readers when bytes are erased
    """

    def __init__(
        self, path: str | Path, *, create: bool = False, patience: float = PATIENCE
    ) -> None:
        self.path = Path(path)
        self.patience = patience
        self.name = str(self.path)
        self._local = threading.local()
        self._open: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._identity: Identity | None = None
        if create:
            with self._told():
                self._create()
        elif not self.path.is_file():
            raise MissingFile(f"{self.path}: no such file. Make a gallery with: sameplayer gallery "
                              "create FOLDER")  # fmt: skip
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

    @contextmanager
    def note(self) -> Iterator[SqliteCursor]:
        with self._transaction("BEGIN IMMEDIATE", "NORMAL") as cursor:
            yield cursor

    def erase(self) -> None:
        with self._told():
            connection = self._connection()
            until = time.monotonic() + self.patience
            while True:
                busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                if not busy:
                    return
                if time.monotonic() > until:
                    raise DataError(
                        f"{self.path}: another program reads the gallery since "
                        f"{self.patience:.0f} s; deleted bytes stay in the file until it ends. "
                        "End it and run the same command again."
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

    def own_texts(self, cursor: Cursor) -> list[bytes]:
        rows = cursor.rows("SELECT type || name || tbl_name, sql FROM sqlite_schema")
        return [HEADER, *(text.encode() for row in rows for text in row if text)]

    def page(self, file: Path, offset: int) -> tuple[int, int]:
        start, head = (LOG_HEAD, FRAME_HEAD) if file.name.endswith(LOG) else (0, 0)
        page = start + (offset - start) // (head + PAGE) * (head + PAGE) + head
        return page + NEXT, page + PAGE

    def remains(self) -> list[str]:
        return []

    def problems(self) -> list[str]:
        with self.read() as cursor:
            found = [str(row[0]) for row in cursor.rows("PRAGMA integrity_check")]
            broken = [f"{row[0]}: a row points to no {row[2]}"
                      for row in cursor.rows("PRAGMA foreign_key_check")]  # fmt: skip
        return [one for one in found if one != "ok"] + broken

    def close(self) -> None:
        with self._lock:
            for connection in self._open:
                connection.close()
            self._open.clear()
            self._local = threading.local()

    @contextmanager
    def _transaction(self, begin: str, synchronous: str) -> Iterator[SqliteCursor]:
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
        kept: tuple[int, sqlite3.Connection] | None = getattr(self._local, "kept", None)
        if kept is not None and kept[0] == os.getpid():
            return kept[1]
        connection = sqlite3.connect(
            self.path, timeout=self.patience, isolation_level=None, check_same_thread=False
        )
        for pragma in ("secure_delete = ON", "foreign_keys = ON", "temp_store = MEMORY"):
            connection.execute(f"PRAGMA {pragma}")
        self._local.kept = (os.getpid(), connection)
        with self._lock:
            self._open.append(connection)
        return connection

    def _create(self) -> None:
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
        number = connection.execute("PRAGMA user_version").fetchone()[0]
        if found != APPLICATION:
            raise DataError(f"{self.path}: a database of another program, not a gallery.")
        if number != FORMAT:
            raise DataError(
                f"{self.path}: a gallery of format {number}; this version reads format {FORMAT}."
            )

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say what SQLite's errors mean."""
        try:
            yield
        except sqlite3.Error as error:
            raise DataError(f"{self.path}: {_meaning(error, self.patience)} ({error}).") from error


def _meaning(error: sqlite3.Error, patience: float) -> str:
    name = getattr(error, "sqlite_errorname", "") or ""
    for start, meaning in MEANINGS.items():
        if name.startswith(start):
            return meaning.format(patience=patience)
    return "the gallery cannot be read or written"


MEANINGS = {
    "SQLITE_BUSY": "locked by another program for {patience:.0f} s; nothing was changed. End it "
    "or try again",
    "SQLITE_READONLY": "read-only; nothing was changed. Give yourself the right to write there",
    "SQLITE_CANTOPEN": "cannot be opened; a folder that may be written to is expected",
    "SQLITE_FULL": "the disk is full; nothing was changed. Make room and run the command again",
    "SQLITE_IOERR": "the disk failed or is full; nothing was changed",
    "SQLITE_NOTADB": "not a gallery: no SQLite file",
    "SQLITE_CORRUPT": "damaged; restore it from a copy",
    "SQLITE_CONSTRAINT": "the change does not fit what is there; nothing was changed",
}
