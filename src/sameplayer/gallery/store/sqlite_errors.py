"""What SQLite's errors mean, in words."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sameplayer.errors import DataError, InternalError, Unavailable

# By the start of the name, https://www.sqlite.org/rescode.html; any other is a mistake of ours.
MEANINGS: dict[str, tuple[type[DataError], str]] = {
    "SQLITE_BUSY": (
        Unavailable,
        "locked by another program for {wait:.0f} s; nothing was changed. End it or try again",
    ),
    "SQLITE_LOCKED": (Unavailable, "locked by another program; nothing was changed. Try again"),
    "SQLITE_READONLY": (
        DataError,
        "read-only; nothing was changed. Give yourself the right to write there",
    ),
    "SQLITE_CANTOPEN": (DataError, "cannot be opened; a folder that may be written to is expected"),
    "SQLITE_FULL": (
        Unavailable,
        "the disk is full; nothing was changed. Make room and run the command again",
    ),
    "SQLITE_IOERR": (Unavailable, "the disk failed or is full; nothing was changed"),
    "SQLITE_NOMEM": (Unavailable, "there is not enough memory; nothing was changed"),
    "SQLITE_NOTADB": (DataError, "not a gallery: no SQLite file"),
    "SQLITE_CORRUPT": (DataError, "damaged; restore it from a copy"),
    "SQLITE_TOOBIG": (DataError, "a value that is too long to be kept; nothing was changed"),
}


def meaning(error: sqlite3.Error, path: Path, lock_timeout_s: float) -> Exception:
    """Return what an error of the database at ``path`` means, to be raised in its place."""
    name = getattr(error, "sqlite_errorname", None) or type(error).__name__
    for start, (kind, words) in MEANINGS.items():
        if name.startswith(start):
            return kind(f"{path}: {words.format(wait=lock_timeout_s)} ({error}).")
    if "decode to UTF-8" in str(error):  # which has no code: Python's own words
        return DataError(f"{path}: damaged; restore it from a copy (a text is not UTF-8).")
    return InternalError(f"{path}: a statement failed ({error}).")
