"""The picture files of a gallery, by random name, and no file that no row knows."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sameplayer.common.files import write_text
from sameplayer.errors import DataError, MissingFile
from sameplayer.gallery.store.base import Cursor
from sameplayer.gallery.store.file_identity import identity, refuse_moved

KIND = ".jpg"
JOURNAL, PARTIAL = "journal-", ".partial"


class PictureFiles:
    """A folder of pictures: ``pictures/ab/abcd....jpg``.

    Before files are written or removed, their names are kept in a journal; after a stop in the
    middle, ``settle`` removes every file named there that no row of the tables has.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._identity = identity(self.folder)

    def path(self, picture: str) -> Path:
        """Return where a picture's file is."""
        return self.folder / picture[:2] / (picture + KIND)

    def read(self, picture: str) -> bytes:
        """Return the bytes of a picture's file; MissingFile where there is none."""
        try:
            return self.path(picture).read_bytes()
        except OSError as error:
            raise MissingFile(f"{self.path(picture)}: cannot be read ({error.strerror}).") from None

    def content(self, picture: str) -> bytes | None:
        """Return the bytes of a picture's file; None where there is none."""
        try:
            return self.path(picture).read_bytes()
        except OSError:
            return None

    def journal(self, pictures: Iterable[str]) -> Path:
        """Keep the names of files that are about to be written or removed."""
        path = self.folder / f"{JOURNAL}{secrets.token_hex(8)}"
        write_text(path, "\n".join(pictures), private=not self._mode() & 0o077)
        return path

    def add(self, contents: Mapping[str, bytes]) -> list[Path]:
        """Write files whose rows come in the same change; return journals, for ``Change``."""
        if not contents:
            return []
        journal = self.journal(contents)
        self.write(contents)
        return [journal]

    def write(self, contents: Mapping[str, bytes]) -> None:
        """Write files to the disk; DataError where that fails, and then none of them stays."""
        try:
            with ThreadPoolExecutor(8) as pool:
                list(pool.map(self._write_one, contents, contents.values()))
        except OSError as error:
            self.remove(contents)
            raise DataError(
                f"{self.folder}: pictures cannot be written ({error.strerror}); nothing was "
                "changed. Make room, or give yourself the right to write there."
            ) from error

    def remove(self, pictures: Iterable[str]) -> None:
        """Remove files; those that are gone already do not matter."""
        for picture in pictures:
            try:
                self.path(picture).unlink(missing_ok=True)
            except OSError as error:
                raise DataError(
                    f"{self.path(picture)}: cannot be removed ({error.strerror})."
                ) from error

    def refuse_moved(self) -> None:
        """Refuse (Unavailable) to go on where the folder is not the one that was opened."""
        if self._identity is None:
            self._identity = identity(self.folder)
        else:
            refuse_moved(self.folder, self._identity)

    def settle(self, cursor: Cursor) -> None:
        """Finish what was stopped: call it first within every ``Database.write``.

        Raises Unavailable where the folder was moved: nothing is written to another one.
        """
        self.refuse_moved()
        for path in sorted(self.folder.glob(f"{JOURNAL}*")):
            self.remove(one for one in self.named(path) if not _known(cursor, one))
            path.unlink(missing_ok=True)

    def on_their_way(self) -> set[Path]:
        """Return the files that changes are writing or removing now, or were when they stopped."""
        journals = self.folder.glob(f"{JOURNAL}*")
        return {self.path(one) for journal in journals for one in self.named(journal)}

    def is_journal(self, path: Path) -> bool:
        """Tell whether a file is a journal, or is to become one."""
        return path.parent == self.folder and path.name.startswith(JOURNAL)

    def named(self, journal: Path) -> list[str]:
        """Return the pictures that a journal names."""
        if journal.suffix == PARTIAL:
            return []
        try:
            return journal.read_text(encoding="utf-8").split()
        except FileNotFoundError:  # the writer it belonged to has just finished
            return []

    def _mode(self) -> int:
        """Return who may do what with the folder: so it is for what comes into it."""
        try:
            return stat.S_IMODE(self.folder.stat().st_mode)
        except OSError:  # it is made with what comes into it
            return 0o700

    def _write_one(self, picture: str, content: bytes) -> None:
        path = self.path(picture)
        mode = self._mode()
        path.parent.mkdir(mode=mode, parents=True, exist_ok=True)
        with open(path, "wb", opener=lambda name, how: os.open(name, how, mode & 0o666)) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())


def _known(cursor: Cursor, picture: str) -> bool:
    sql = "SELECT 1 FROM picture WHERE id = ? AND file IS NOT NULL"
    return cursor.one(sql, picture) is not None
