"""Is anything left of what was deleted? Every file of a gallery's folder, searched.

No file of the record is opened in this process: a process that closes any descriptor of a file
loses all its POSIX locks on it, so SQLite's too, and the next program would take the database for
unused. A child process reads those files.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from typing import IO

from sameplayer.errors import DataError
from sameplayer.gallery.core.gallery import GalleryCore
from sameplayer.gallery.core.key import KEY
from sameplayer.gallery.privacy.byte_patterns import Piece, Traces, find_pieces
from sameplayer.gallery.store.address import ADDRESS
from sameplayer.gallery.store.base import FILE
from sameplayer.gallery.store.file_identity import Identity, identity
from sameplayer.gallery.store.picture_files import KIND

# Of deletions that are not finished: they hold the fingerprints.
MARKER = re.compile(r"forget-[0-9a-f]{16}\.json((\.[0-9a-f]{12})?\.partial)?")
NO_ROWS = (KEY, ADDRESS, f"{FILE}-shm")  # of the gallery's own files, those without a row's bytes
CHANCE = 6  # letters of a name that stand by chance in a picture's bytes
READ = "import shutil, sys; shutil.copyfileobj(open(sys.argv[1], 'rb'), sys.stdout.buffer)"


@dataclass(frozen=True)
class Place:
    """Where something was found: file, offset in bytes, and which piece."""

    file: Path
    offset: int
    piece: Piece


@dataclass(frozen=True)
class Residue:
    """What a search found.

    files     how many files were searched
    places    what is left, and where
    notes     what was found and is no residue, in words without a name
    """

    files: int
    places: tuple[Place, ...]
    notes: tuple[str, ...]

    @property
    def bytes_found(self) -> int:
        return sum(one.piece.length for one in self.places)


def look_for(gallery: GalleryCore, traces: Traces) -> Residue:
    """Search every file of the gallery for what must be gone.

    Where something is found in the record, all of it is written anew without what was deleted: a
    page may hold stale copies where its rows once were. What stands there after that stands in rows
    that are kept: another person's name may contain the one that is looked for.
    """
    database = gallery.database
    own, outside = _identities(database.files()), _identities(database.own())
    files = sorted(path for path in _files(gallery) if identity(path) not in own)
    left, notes = [], dict[str, None]()
    for place in search(traces, files):
        why = _kept_picture(gallery, place)
        if why is None:
            left.append(place)
        elif why:
            notes[why] = None
    if next(search(traces, database.files(), outside), None) is not None:
        database.rewrite()
        for place in search(traces, database.files(), outside):
            notes[f"a {place.piece.what} stands also in the record of others, who are kept"] = None
    return Residue(len(files) + len(own), tuple(left), tuple(notes))


def search(
    traces: Traces, files: Iterable[Path], outside: frozenset[Identity | None] = frozenset()
) -> Iterator[Place]:
    """Give every place in which a piece stands, file by file; a file that is not there is empty.

    outside    which files a child process reads

    Raises DataError for a file that cannot be read.
    """
    for path in files:
        try:
            with _opened(path, identity(path) in outside) as file:
                yield from (Place(path, at, piece) for at, piece in find_pieces(traces, file))
        except FileNotFoundError:  # another process has just removed it
            continue
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror or error}).") from error


@contextmanager
def _opened(path: Path, outside: bool) -> Iterator[IO[bytes]]:
    """Open a file to read; raise OSError where a child process did not read all of it."""
    if not outside:
        with open(path, "rb") as file:
            yield file
        return
    program = [sys.executable, "-I", "-S", "-c", READ, os.fspath(path)]
    with Popen(program, stdout=PIPE, stderr=DEVNULL) as child:
        assert child.stdout is not None  # for the type checker: it is a pipe
        yield child.stdout
        if child.wait():
            raise OSError("the process that reads it failed")


def _identities(files: Iterable[Path]) -> frozenset[Identity | None]:
    return frozenset(one for path in files if (one := identity(path)) is not None)


def _files(gallery: GalleryCore) -> Iterator[Path]:
    """Give the files of the folder; links are followed where the gallery's pictures lie."""
    yield from (
        path
        for path in _walk(gallery.folder)
        if path.parent != gallery.folder
        or not (path.name in NO_ROWS or MARKER.fullmatch(path.name))
    )
    if gallery.files.folder.is_symlink():
        yield from _walk(gallery.files.folder)


def _walk(folder: Path) -> Iterator[Path]:
    """Give the files below a folder; DataError where a part of it cannot be listed."""

    def fail(error: OSError) -> None:
        raise DataError(
            f"{error.filename}: cannot be listed ({error.strerror}), so it cannot be searched."
        ) from error

    for here, _, names in os.walk(folder, onerror=fail):
        yield from (path for name in names if (path := Path(here, name)).is_file())


def _kept_picture(gallery: GalleryCore, place: Place) -> str | None:
    """Return why a place in a picture's file is no residue; "": by chance; None: it may be one."""
    if place.file.suffix != KIND or not place.file.is_relative_to(gallery.files.folder):
        return None
    with gallery.database.read() as cursor:
        if cursor.one("SELECT 1 FROM picture WHERE id = ?", place.file.stem) is None:
            return None
    if place.piece.what == "picture":
        return f"picture {place.file.stem} is the same, and is kept as somebody else's"
    return "" if place.piece.what == "name" and place.piece.length <= CHANCE else None
