"""Connections to PostgreSQL, lent to one transaction at a time, and the statements they run."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any

from sameplayer.errors import import_extra
from sameplayer.gallery.store.address import Address
from sameplayer.gallery.store.base import Row

IDLE = 8  # connections that a process keeps open for the next transactions


class PostgresCursor:
    """``Cursor`` of one PostgreSQL connection."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def rows(self, sql: str, *values: Any) -> list[Row]:
        return self._execute(sql, values).fetchall()

    def one(self, sql: str, *values: Any) -> Row | None:
        found: Row | None = self._execute(sql, values).fetchone()
        return found

    def run(self, sql: str, *values: Any) -> int:
        return self._execute(sql, values).rowcount

    def many(self, sql: str, values: Iterable[Sequence[Any]]) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(numbered(sql), values)

    def _execute(self, sql: str, values: Sequence[Any]) -> Any:
        return self._connection.execute(numbered(sql), values, binary=True)


class Connections:
    """Opens connections, and keeps some for the next transaction; threads may share it."""

    def __init__(self, address: Address, lock_timeout_s: float) -> None:
        self._psycopg = import_extra("psycopg", "postgres", "A gallery in PostgreSQL")
        self._address, self._lock_timeout_s = address, lock_timeout_s
        self._idle: dict[int, list[Any]] = {}  # by process: a forked one must not use them

    def close(self) -> None:
        """Close those that nobody uses."""
        for connection in self._idle.pop(os.getpid(), []):
            connection.close()

    @contextmanager
    def lent(self, begin: str = "") -> Iterator[Any]:
        """Lend a connection that has run ``begin``; rolled back on an error."""
        connection = self._begun(begin)
        try:
            yield connection
        except BaseException:
            with suppress(self._psycopg.Error):
                connection.execute("ROLLBACK")
            raise
        finally:
            idle = self._idle.setdefault(os.getpid(), [])
            sound = connection.info.transaction_status == 0  # open, and in no transaction
            if sound and len(idle) < IDLE:
                idle.append(connection)
            else:
                connection.close()

    def _begun(self, begin: str) -> Any:
        idle = self._idle.setdefault(os.getpid(), [])
        while True:
            try:
                connection, fresh = idle.pop(), False
            except IndexError:
                connection, fresh = self._connect(), True
            try:
                connection.execute(begin or "SELECT 1")
                return connection
            except BaseException:
                # The server may have been started again since the connection was used last.
                lost = connection.closed
                connection.close()
                if fresh or not lost:
                    raise

    def _connect(self) -> Any:
        psycopg = self._psycopg
        connection = psycopg.connect(
            self._address.connection,
            autocommit=True,
            cursor_factory=psycopg.RawCursor,
            client_encoding="utf8",
            application_name="sameplayer",
        )
        # As text, for PostgreSQL cannot tell the type of a value that is compared with a value.
        connection.adapters.register_dumper(str, psycopg.types.string.StrDumper)
        connection.adapters.register_dumper(bytes, psycopg.types.string.BytesBinaryDumper)
        connection.execute(
            f"SET search_path TO {self._address.schema}, pg_temp; "
            f"SET lock_timeout TO {max(1, round(self._lock_timeout_s * 1000))}; "
            "SET synchronous_commit TO off"  # of notes; writers switch it on
        )
        return connection


@lru_cache(maxsize=1024)
def numbered(sql: str) -> str:
    """Return a statement with its ``?`` as $1, $2, ...; those within quotes stay."""
    parts = re.split(r"('(?:[^']|'')*')", sql)
    count = 0
    for at in range(0, len(parts), 2):
        pieces = parts[at].split("?")
        parts[at] = pieces[0] + "".join(
            f"${count + row}{piece}" for row, piece in enumerate(pieces[1:], 1)
        )
        count += len(pieces) - 1
    return "".join(parts)
