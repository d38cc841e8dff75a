"""Sealing all that a gallery holds: a new one, one of a version before, one taken as right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sameplayer.errors import DataError
from sameplayer.gallery.core.events import Change, Event, chain_head
from sameplayer.gallery.core.key import KEY
from sameplayer.gallery.core.seals import UNITS, Key, Seals
from sameplayer.gallery.store.base import Cursor, Database, rows_after

SEALED = "sealed"  # what the first event of a gallery says that had seals from the beginning
Read = Callable[[str], "bytes | None"]  # the content of a picture's file; None where it is gone


def seal_everything(
    cursor: Cursor, seals: Seals, read: Read, actor: str, kind: str = "seal", **facts: Any
) -> Event:
    """Take every row and picture file of a gallery as right, and write the event that says so.

    cursor    of a transaction that writes
    """
    seals.start(chain_head(cursor))
    for unit in UNITS:
        for keys in keys_of(cursor.rows, unit):
            seals.touch(unit, *keys, new=True)
    for (picture,) in cursor.rows("SELECT id FROM picture WHERE file IS NOT NULL"):
        seals.file(picture, read(picture))
    return Change(cursor, actor, kind, seals).done(**facts, **{SEALED: True})


def check_seals(database: Database, folder: Path, key: bytes, read: Read) -> None:
    """Refuse another gallery's key, and seal what a version without seals has written.

    key    of the seals

    Raises DataError for another key.
    """
    with database.read() as cursor:
        right = Seals(cursor, key).is_key()
        fresh = right is None and not was_sealed(cursor)
    if right is False:
        database.close()
        raise DataError(
            f"{folder / KEY}: the key of another gallery; nothing was changed. Restore this "
            "gallery's own key from a copy."
        )
    if fresh and not database.read_only:
        with database.write() as cursor:
            if not was_sealed(cursor):  # no other program has done it meanwhile
                seal_everything(cursor, Seals(cursor, key), read, "")


def was_sealed(cursor: Cursor) -> bool:
    """Tell whether the chain of events says that there are seals."""
    found = cursor.one("SELECT 1 FROM event WHERE detail LIKE ?", f'%"{SEALED}":true%')
    return found is not None


def keys_of(rows: Callable[..., list[tuple[Any, ...]]], unit: str) -> Iterator[list[Key]]:
    """Give the keys of a unit's rows in order, in parts.

    rows    runs a query: each in a transaction of its own, or not
    """
    one = UNITS[unit]
    sql = (
        f"SELECT DISTINCT {one.key} FROM {one.table} WHERE {one.only} AND {one.key} > ? "
        f"ORDER BY {one.key} LIMIT ?"
    )
    for part in rows_after(rows, sql, one.first):
        yield [row[0] for row in part]
