"""Which database a gallery's folder names: its own SQLite file, or a schema in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sameplayer.gallery.store.address import Address, read_address
from sameplayer.gallery.store.base import FILE, Database
from sameplayer.gallery.store.sqlite import SqliteDatabase


@contextmanager
def new_database(folder: Path, store: str | None, key: str) -> Iterator[Database]:
    """Make the empty tables of a gallery, and close them at the end; on an error nothing stays.

    store    connection string of a PostgreSQL database; None: a SQLite file in the folder
    key      random name of the gallery, which its schema gets
    """
    if store is None:
        database = SqliteDatabase(folder / FILE, create=True)
        try:
            yield database
            database.erase()  # all in one file, which may be moved
        finally:
            database.close()
        return
    from sameplayer.gallery.store.postgres import PostgresDatabase

    address = Address(store, f"sameplayer_{key}")
    address.write(folder)
    made = PostgresDatabase(address, create=True)
    try:
        yield made
    except BaseException:
        made.drop()
        raise
    finally:
        made.close()


def open_database(folder: Path) -> Database:
    """Return the database that a gallery's folder names.

    Raises MissingFile, DataError for what is none, MissingExtra without psycopg.
    """
    address = read_address(folder)
    if address is None:
        return SqliteDatabase(folder / FILE)
    from sameplayer.gallery.store.postgres import PostgresDatabase

    return PostgresDatabase(address)
