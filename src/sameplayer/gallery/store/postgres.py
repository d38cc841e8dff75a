"""A gallery's rows in PostgreSQL: the same tables in a schema of their own, for many users at once.

The gallery's folder keeps the pictures, the key, and ``postgres.txt``: the connection string and
the schema. Vectors are bytes and are searched in memory, as with SQLite. One change at a time is
made, from whatever machine, because each first takes a lock: so the chain of events is one chain.

``erase`` does not reach the write-ahead log, which the server overwrites or removes at a checkpoint
at the earliest, nor replicas, archived log and backups. ``remains`` says which of these there are.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sameplayer.errors import DataError, InternalError, Unavailable, import_extra
from sameplayer.gallery.store.address import Address
from sameplayer.gallery.store.base import LOCK_TIMEOUT_S, Cursor, Note
from sameplayer.gallery.store.pool import Connections, PostgresCursor
from sameplayer.gallery.store.postgres_errors import meaning, rows_kept, words_of
from sameplayer.gallery.store.postgres_statements import (
    CONTENT,
    FILES,
    INDEXES,
    NOTE,
    READ,
    REMAINS,
    SCHEMA,
    WRITE,
)
from sameplayer.gallery.store.tables import ERASED, FORMAT, UPGRADES, statements, wrong_schema

TYPES = {"integer": "BIGINT", "bytes": "BYTEA", "real": "DOUBLE PRECISION"}
MARK = "sameplayer gallery, format "  # the comment of the schema, before the number


class PostgresDatabase:
    """One schema of a PostgreSQL database, which its role owns.

    address     where it is; a password comes from PGPASSWORD or ~/.pgpass
    create      make the schema, which must be new
    lock_timeout_s    seconds to wait for another writer, or for readers when bytes are erased

    Raises DataError where there is no such server, database or gallery, MissingExtra without
    psycopg.
    """

    def __init__(
        self, address: Address, *, create: bool = False, lock_timeout_s: float = LOCK_TIMEOUT_S
    ) -> None:
        self._psycopg = import_extra("psycopg", "postgres", "A gallery in PostgreSQL")
        self.address = address
        self.name = f"PostgreSQL, schema {address.schema}"
        self.lock_timeout_s = lock_timeout_s
        self.read_only = False
        self._pool = Connections(address, lock_timeout_s)
        self._unsure = False  # whether the server left unsaid what it had to keep
        with self._told():
            if create:
                self._create()
            else:
                self._refuse_foreign()

    @contextmanager
    def read(self) -> Iterator[PostgresCursor]:
        with self._transaction(READ) as cursor:
            yield cursor

    @contextmanager
    def write(self) -> Iterator[PostgresCursor]:
        with self._transaction(WRITE) as cursor:
            yield cursor

    def note(self, compose: Callable[[Cursor], Note]) -> Note:
        until = time.monotonic() + self.lock_timeout_s
        with self._told(), self._pool.lent() as connection:
            cursor = PostgresCursor(connection)
            while True:
                made = compose(cursor)
                values = *made.event, made.before, list(made.subjects)
                if cursor.rows(NOTE, made.after, made.before, *values):
                    return made
                if time.monotonic() > until:
                    raise Unavailable(
                        f"{self.name}: other programs write events all the time, for "
                        f"{self.lock_timeout_s:.0f} s; nothing was changed. Try again."
                    )

    def erase(self) -> None:
        """Write the tables anew without what was deleted; the old files are emptied at once.

        A plain VACUUM would leave the bytes in the unused part of a page. A transaction that is
        open anywhere in the database may still look at deleted rows: then they are kept, and this
        waits for its end.
        """
        until = time.monotonic() + self.lock_timeout_s
        with self._told(), self._pool.lent() as connection:
            for table in ERASED:
                while self._rewrite(connection, table):
                    if time.monotonic() > until:
                        raise Unavailable(
                            f"{self.name}: another transaction is open since "
                            f"{self.lock_timeout_s:.0f} s; deleted bytes stay in the tables until "
                            "it ends. End it and run the same command again."
                        )
                    time.sleep(0.05)
            # Log segments before a checkpoint are not needed any more; only some may ask for one.
            with suppress(self._psycopg.errors.InsufficientPrivilege):
                connection.execute("SELECT pg_switch_wal()")
                connection.execute("CHECKPOINT")

    def rewrite(self) -> None:
        self.erase()  # which does

    def files(self) -> list[Path]:
        """Return the files of the tables and their indexes, where the server's folder is readable.

        The write-ahead log is not among them, see ``remains``.
        """
        denied = self._psycopg.errors.InsufficientPrivilege
        with self._told(), self._pool.lent() as connection:
            try:
                folder, number = connection.execute(
                    "SELECT current_setting('data_directory'), system_identifier "
                    "FROM pg_control_system()"
                ).fetchone()
            except denied:
                return []
            if not _is_server(Path(folder), number):
                return []
            names = [row[0] for row in connection.execute(FILES, [self.address.schema])]
        found = [
            one
            for name in names
            for one in sorted(Path(folder, name).parent.glob(Path(name).name + "*"))
            if re.fullmatch(re.escape(Path(name).name) + r"(\.\d+)?", one.name)
        ]
        return [one for one in found if os.access(one, os.R_OK)]

    def own(self) -> list[Path]:
        return []

    def remains(self) -> list[str]:
        with self._told(), self._pool.lent() as connection:
            log_goes, archive, others = connection.execute(REMAINS).fetchone()
        found = ["Backups of the server keep what was deleted until they are made again."]
        if self._unsure:
            found.append(
                "The server does not say whether a transaction that was open made it keep deleted "
                "rows in its tables: end all transactions of the database, and VACUUM FULL it."
            )
        if not log_goes:
            found.append(
                "The server's write-ahead log keeps it until that is written over; it goes at once "
                "where wal_recycle is off and the role may run CHECKPOINT and pg_switch_wal."
            )
        if archive != "off":
            found.append("The server archives its write-ahead log: the archive keeps it.")
        if others:
            found.append(f"{others} replicas or slots of replicas follow the server: they keep it.")
        return found

    def problems(self) -> list[str]:
        found = []
        with self._told(), self._pool.lent() as connection:
            if connection.execute("SHOW fsync").fetchone()[0] != "on":
                found.append("fsync is off: a power cut may damage all tables")
            for name, valid in connection.execute(INDEXES, [self.address.schema]):
                if not valid:
                    found.append(f"index {name} is not valid")
            found += wrong_schema(connection.execute(SCHEMA, [self.address.schema]))
            for table in ERASED:
                try:  # reads every byte of every row
                    connection.execute(f"SELECT count(md5(one::text)) FROM {table} one")
                except self._psycopg.DatabaseError as error:
                    found.append(f"{table}: {words_of(error, self.lock_timeout_s)}")
        return found

    def drop(self) -> None:
        """Remove the schema with all its tables."""
        with self._told(), self._pool.lent() as connection:
            connection.execute(f"DROP SCHEMA {self.address.schema} CASCADE")
        self.close()

    def close(self) -> None:
        self._pool.close()

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[PostgresCursor]:
        with self._told(), self._pool.lent(begin) as connection:
            yield PostgresCursor(connection)
            if connection.execute("COMMIT").statusmessage != "COMMIT":
                raise InternalError(f"{self.name}: a statement failed; nothing was changed.")

    def _rewrite(self, connection: Any, table: str) -> int:
        """Write a table anew; return how many deleted rows had to be kept.

        What the server says of it is in the language that it was set up for: which of its
        functions says it is not. ``remains`` tells where it does not say it.
        """
        said: list[tuple[str, str]] = []

        def notice(one: Any) -> None:
            said.append((one.source_function or "", one.message_detail or ""))

        connection.add_notice_handler(notice)
        try:
            connection.execute(f"VACUUM (FULL, VERBOSE) {table}")
        finally:
            connection.remove_notice_handler(notice)
        kept = rows_kept(said)
        self._unsure = self._unsure or kept is None
        return kept or 0

    def _create(self) -> None:
        schema = self.address.schema
        with self._pool.lent("BEGIN; SET LOCAL synchronous_commit = on") as connection:
            encoding = connection.execute("SHOW server_encoding").fetchone()[0]
            if encoding != "UTF8":
                raise DataError(f"{self.name}: a database in {encoding}; expected UTF8.")
            connection.execute(f"CREATE SCHEMA {schema}")
            connection.execute(f"COMMENT ON SCHEMA {schema} IS '{MARK}{FORMAT}'")
            self._make(connection, statements(TYPES))
            for table, column in (("vector", "data"), ("person", "mean")):
                connection.execute(f"ALTER TABLE {table} ALTER {column} SET STORAGE EXTERNAL")
            connection.execute("COMMIT")

    def _make(self, connection: Any, made: list[str]) -> None:
        """Run statements that make tables."""
        for statement in made:
            # Bytes in order, as SQLite has them, whatever the language of the server.
            connection.execute(statement.replace("TEXT", 'TEXT COLLATE "C"'))
        for table, column in connection.execute(CONTENT, [self.address.schema]).fetchall():
            # The planner's statistics are samples: no name or vector may lie there.
            connection.execute(f"ALTER TABLE {table} ALTER {column} SET STATISTICS 0")

    def _refuse_foreign(self) -> None:
        with self._pool.lent() as connection:
            found = self._mark(connection)
        if found in {f"{MARK}{number}" for number in UPGRADES}:
            found = self._upgraded()
        if found is None:
            raise DataError(f"{self.name}: no such schema in this database.")
        if found != f"{MARK}{FORMAT}":
            expected = f"{MARK}{FORMAT}"
            raise DataError(f"{self.name}: says {found!r}; this version reads {expected!r}.")

    def _mark(self, connection: Any) -> str | None:
        sql = "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = $1"
        found = connection.execute(sql, [self.address.schema]).fetchone()
        return None if found is None else str(found[0])

    def _upgraded(self) -> str:
        """Make tables of a format before those of this one; return the mark that they have."""
        with self._pool.lent(WRITE) as connection:
            mark = str(self._mark(connection))  # another program may have been first
            number = int(mark.removeprefix(MARK))
            while number in UPGRADES:
                self._make(connection, [UPGRADES[number]])
                number += 1
                mark = f"{MARK}{number}"
                connection.execute(f"COMMENT ON SCHEMA {self.address.schema} IS '{mark}'")
            connection.execute("COMMIT")
        return mark

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say what PostgreSQL's errors mean."""
        try:
            yield
        except self._psycopg.Error as error:
            raise meaning(error, self.name, self.lock_timeout_s) from error


def _is_server(folder: Path, number: int) -> bool:
    """Tell whether a folder is that of the server with this number, not of another one."""
    try:
        with open(folder / "global" / "pg_control", "rb") as file:
            return int.from_bytes(file.read(8), "little") == number & (2**64 - 1)
    except OSError:
        return False
