"""What PostgreSQL's errors and notices mean."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from sameplayer.errors import DataError, InternalError, Unavailable

REWRITER = "copy_table_data"  # the function of the server that says what VACUUM FULL kept
UNCHANGED = "nothing was changed"
# By the start of the SQLSTATE, https://www.postgresql.org/docs/current/errcodes-appendix.html
STATES = {
    "55P03": "locked by another program for {wait:.0f} s; nothing was changed. End it or try again",
    "57014": f"the server stopped the statement; {UNCHANGED}",
    "57P03": "the server is starting or stopping; try again",
    "57P": f"the server was stopped; {UNCHANGED}. Start it and try again",
    "25006": f"read-only; {UNCHANGED}. Ask for a role that may write",
    "42501": f"the role may not do that; {UNCHANGED}. Use the role that made the gallery",
    "42P01": "its tables are gone; restore them from a backup",
    "53100": f"the server's disk is full; {UNCHANGED}. Make room and run the command again",
    "53300": "the server has too many connections; close some, or let it take more",
    "53": f"the server is out of memory or room; {UNCHANGED}",
    "58": f"the server's disk failed; {UNCHANGED}",
    "XX": "damaged; restore it from a backup",
    "40": f"another program changed the same rows; {UNCHANGED}. Try again",
    "42P06": "the schema is there already",
    "22": f"a value that PostgreSQL cannot keep; {UNCHANGED}",
    "23": f"the change does not fit what is there; {UNCHANGED}",
    "28": "the server refuses the role or its password; set PGPASSWORD or ~/.pgpass",
    "3D": "the server has no such database",
}
# Where no connection came about, there is no SQLSTATE, only the server's words.
WORDS = {
    "password": STATES["28"],
    "pg_hba.conf": "the server does not let this role in from here",
    "not permitted to log in": "the server does not let this role in",
    "too many": STATES["53300"],
    "remaining connection slots": STATES["53300"],
    "starting up": STATES["57P03"],
    "shutting down": STATES["57P03"],
    "does not exist": "the server has no such role or database",
    "closed the connection": "the connection was lost; what was not finished is undone. Try again",
}
NO_SERVER = "the server cannot be reached; start it, or correct the address"


LATER = ("08", "40", "53", "55P03", "57", "58")  # SQLSTATEs of what may work when it is tried again
OURS = ("0A", "23", "25", "26", "34", "42")  # a statement that is wrong, or came at a wrong time
THEIRS = ("25006", "42501", "42P01", "42P06")  # of these, what is no mistake of the package


def meaning(error: Any, name: str, lock_timeout_s: float) -> Exception:
    """Return what a ``psycopg.Error`` of the database ``name`` means, to be raised in its place.

    Unavailable for what may work later, InternalError for a mistake of the package, else
    DataError.
    """
    return kind_of(error)(f"{name}: {words_of(error, lock_timeout_s)}.")


def kind_of(error: Any) -> type[Exception]:
    """Return which error a ``psycopg.Error`` is."""
    state = error.sqlstate or ""
    bases = {one.__name__ for one in type(error).__mro__}
    if state.startswith(LATER) or (not state and "OperationalError" in bases):
        return Unavailable
    if state.startswith(OURS) and state not in THEIRS:
        return InternalError
    if not state and bases & {"ProgrammingError", "IntegrityError", "InternalError"}:
        return InternalError
    return DataError


def words_of(error: Any, lock_timeout_s: float) -> str:
    """Return what a ``psycopg.Error`` means and says, in words.

    The server's detail is left out: it quotes the row, and so a name.
    """
    said = (error.diag.message_primary or str(error)).strip().rstrip(".")
    said = " ".join(said.split())
    state = error.sqlstate or ("22" if type(error).__name__ == "DataError" else "")
    for start, meant in STATES.items():
        if state.startswith(start):
            return f"{meant.format(wait=lock_timeout_s)} ({said})"
    for word, meant in WORDS.items():
        if not state and word in said:
            return f"{meant} ({said})"
    if kind_of(error) is Unavailable:
        return f"{NO_SERVER} ({said})"
    return f"the gallery cannot be read or written ({said})"


def rows_kept(said: Iterable[tuple[str, str]]) -> int | None:
    """Return how many deleted rows a VACUUM FULL had to keep; None: not said.

    said    the notices: the server's function that says it, and the detail, of which the first
            line holds that number alone, in every language
    """
    for function, detail in said:
        numbers = re.findall(r"\d+", detail.partition("\n")[0])
        if function == REWRITER and len(numbers) == 1:
            return int(numbers[0])
    return None
