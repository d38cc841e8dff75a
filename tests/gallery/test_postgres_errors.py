"""What a PostgreSQL error is: something to try again, a mistake of ours, or neither."""

from __future__ import annotations

import pytest

from sameplayer.errors import DataError, InternalError, Unavailable
from sameplayer.gallery.store.postgres_errors import meaning

psycopg = pytest.importorskip("psycopg")
errors = psycopg.errors


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        ("LockNotAvailable", Unavailable),
        ("DeadlockDetected", Unavailable),
        ("SerializationFailure", Unavailable),
        ("AdminShutdown", Unavailable),
        ("CannotConnectNow", Unavailable),
        ("DiskFull", Unavailable),
        ("TooManyConnections", Unavailable),
        ("QueryCanceled", Unavailable),
        ("ConnectionFailure", Unavailable),
        ("OperationalError", Unavailable),
        ("SyntaxError", InternalError),
        ("UndefinedColumn", InternalError),
        ("UniqueViolation", InternalError),
        ("InFailedSqlTransaction", InternalError),
        ("ProgrammingError", InternalError),
        ("UndefinedTable", DataError),
        ("InsufficientPrivilege", DataError),
        ("ReadOnlySqlTransaction", DataError),
        ("NumericValueOutOfRange", DataError),
        ("DataError", DataError),
        ("DataCorrupted", DataError),
    ],
)
def test_an_error_of_the_server_is_of_the_class_that_says_what_to_do(
    raised: str, kind: type[Exception]
) -> None:
    error = getattr(errors, raised, None) or getattr(psycopg, raised)
    found = meaning(error("so it is"), "here", 1)
    assert type(found) is kind
    assert str(found).startswith("here: ")
