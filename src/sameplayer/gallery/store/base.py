"""Where a gallery's rows lie: the seam behind which SQLite and PostgreSQL stand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

FILE = "gallery.sqlite"
PATIENCE = 10.0  # seconds to wait for another writer, or for readers when bytes are erased
Row = tuple[Any, ...]


class Cursor(Protocol):
    """What runs statements within a transaction; a value stands as ``?`` in the text."""

    def rows(self, sql: str, *values: Any) -> list[Row]:
        """Return all rows of a query."""

    def one(self, sql: str, *values: Any) -> Row | None:
        """Return the first row of a query, or None."""

    def run(self, sql: str, *values: Any) -> int:
        """Run a statement; return how many rows it touched."""

    def many(self, sql: str, values: Iterable[Sequence[Any]]) -> None:
        """Run a statement for each of many rows."""


class Database(Protocol):
    """What a gallery asks of a database. All methods may be called from several threads.

    Raises Unavailable where the database is locked, full, stopped or out of reach, DataError where
    it is read-only, damaged or of another kind, InternalError for a statement that is wrong.

    read_only    nothing can be written, nor may files change meanwhile: a copy, or a snapshot
    """

    name: str
    read_only: bool

    def read(self) -> AbstractContextManager[Cursor]:
        """Give a cursor on one state of the tables; keep it short: it delays ``erase``."""

    def write(self) -> AbstractContextManager[Cursor]:
        """Give the only writing cursor. All is kept, on the disk, at the end; nothing on errors."""

    def note(self) -> AbstractContextManager[Cursor]:
        """Like ``write``, but a power cut may lose the last ones; a killed program loses none."""

    def erase(self) -> None:
        """Make what was deleted unreadable in the files; DataError while a reader prevents it."""

    def rewrite(self) -> None:
        """Erase, and write the tables anew, for stale copies in the unused parts of pages."""

    def files(self) -> list[Path]:
        """Return the files in which rows lie, as far as this machine can see them."""

    def own(self) -> list[Path]:
        """Return the files in the gallery's folder that belong to the database."""

    def own_texts(self, cursor: Cursor) -> list[bytes]:
        """Return what stands in the files beside rows, such as the names of tables."""

    def page(self, file: Path, offset: int) -> tuple[int, int]:
        """Return the ends of the page around an offset of one of ``files``.

        A long value goes on in another page, which may lie elsewhere.
        """

    def remains(self) -> list[str]:
        """Return where ``erase`` leaves bytes that were deleted, in words; nothing: nowhere."""

    def problems(self) -> list[str]:
        """Return what the database itself finds wrong with its files."""

    def close(self) -> None:
        """Close every connection."""
