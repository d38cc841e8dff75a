"""What an SQLite error is: something to try again, a mistake of ours, or neither."""

from __future__ import annotations

from pathlib import Path

import pytest

from sameplayer.errors import DataError, InternalError, Unavailable
from sameplayer.gallery.gallery import Gallery
from sameplayer.gallery.store.sqlite_errors import meaning


class _RaisedError(Exception):
    def __init__(self, name: str) -> None:
        super().__init__("so it is")
        self.sqlite_errorname = name


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("SQLITE_BUSY_SNAPSHOT", Unavailable),
        ("SQLITE_LOCKED", Unavailable),
        ("SQLITE_FULL", Unavailable),
        ("SQLITE_IOERR_WRITE", Unavailable),
        ("SQLITE_READONLY", DataError),
        ("SQLITE_CORRUPT", DataError),
        ("SQLITE_ERROR", InternalError),
        ("SQLITE_CONSTRAINT_UNIQUE", InternalError),
        ("SQLITE_MISUSE", InternalError),
    ],
)
def test_an_error_is_of_the_class_that_says_what_to_do(name: str, kind: type[Exception]) -> None:
    found = meaning(_RaisedError(name), Path("here"), 1)  # type: ignore[arg-type]
    assert type(found) is kind
    assert str(found).startswith("here: ")


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_a_wrong_statement_is_no_busy_database(gallery: Gallery) -> None:
    with pytest.raises(InternalError, match="syntax error"):
        with gallery.database.read() as cursor:
            cursor.rows("SELECT  FROM question")
