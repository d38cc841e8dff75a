"""The address of a gallery in PostgreSQL, kept in its folder."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from sameplayer.common.files import write_text
from sameplayer.errors import DataError, SettingError, import_extra

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
