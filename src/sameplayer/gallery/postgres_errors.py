"""What PostgreSQL's errors mean, in words."""

from __future__ import annotations

from typing import Any

UNCHANGED = "nothing was changed"
# By the start of the SQLSTATE, https://www.postgresql.org/docs/current/errcodes-appendix.html
STATES = {
    "55P03": "locked by another program for {patience:.0f} s; nothing was changed. End it or try "
    "again",
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


def meaning(error: Any, patience: float) -> str:
    """Return what a ``psycopg.Error`` means and says.

    The server's detail is left out: it quotes the row, and so a name.
    """
    said = (error.diag.message_primary or str(error)).strip().rstrip(".")
    said = " ".join(said.split())
    state = error.sqlstate or ("22" if type(error).__name__ == "DataError" else "")
    for start, meant in STATES.items():
        if state.startswith(start):
            return f"{meant.format(patience=patience)} ({said})"
    for word, meant in WORDS.items():
        if not state and word in said:
            return f"{meant} ({said})"
    if type(error).__name__ == "OperationalError":
        return f"{NO_SERVER} ({said})"
    return f"the gallery cannot be read or written ({said})"
