"""Which database a gallery's folder names: its own SQLite file, or a schema in PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sameplayer.common.files import write_text
from sameplayer.errors import DataError, SettingError, import_extra
from sameplayer.gallery.store.base import FILE, Database
from sameplayer.gallery.store.sqlite import SqliteDatabase

ADDRESS = "postgres.txt"
SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,62}")


@dataclass(frozen=True)
class Address:
    """A connection string, as PostgreSQL's own programs take it, and a schema.

    Raises SettingError for a string that cannot be read, or that holds a password.
    """

    connection: str
    schema: str

    def __post_init__(self) -> None:
        psycopg = import_extra("psycopg", "postgres", "A gallery in PostgreSQL")
        expected = "a connection string such as postgresql://USER@HOST/DATABASE"
        try:
            parts = psycopg.conninfo.conninfo_to_dict(self.connection)
        except psycopg.Error as error:
            raise SettingError("store", f"unreadable ({error})", expected) from None
        if "password" in parts:
            raise SettingError(
                "store",
                "a string with a password",
                f"{expected}; a password stands in PGPASSWORD or ~/.pgpass",
            )

    def write(self, folder: Path) -> None:
        """Keep the address in a gallery's folder."""
        write_text(folder / ADDRESS, f"{self.connection}\n{self.schema}\n")


def read_address(folder: Path) -> Address | None:
    """Return the address in a gallery's folder; None where the rows are not in PostgreSQL.

    Raises DataError where the file is not as expected.
    """
    path = folder / ADDRESS
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}).") from error
    if len(lines) != 3 or lines[2] or not SCHEMA.fullmatch(lines[1]):
        raise DataError(
            f"{path}: expected two lines, a connection string and a schema of small letters, "
            "digits and _."
        )
    try:
        return Address(lines[0], lines[1])
    except SettingError as error:
        raise DataError(f"{path}: {error}") from error


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
