"""Is anything left of what was deleted? Every file of a gallery's folder, searched."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from sameplayer.errors import DataError
from sameplayer.gallery.core.gallery import GalleryCore
from sameplayer.gallery.core.key import KEY
from sameplayer.gallery.privacy.byte_patterns import AROUND, Place, Traces, search
from sameplayer.gallery.store.base import FILE, Cursor
from sameplayer.gallery.store.open import ADDRESS
from sameplayer.gallery.store.picture_files import KIND

MARKER = re.compile(
    r"forget-[0-9a-f]{16}\.json((\.[0-9a-f]{12})?\.partial)?"
)  # they hold the fingerprints
NO_ROWS = (KEY, ADDRESS, f"{FILE}-shm")  # of the gallery's own files, those without a row's bytes
LONG = 2000  # bytes from which a database may break off a value within a page
CHANCE = 6  # letters of a name that stand by chance in a picture's bytes
TEXTS = {  # columns of text that stand side by side in a row, in the order of the tables
    "setting": ("name", "value"),
    "person": (
        "id",
        "name",
        "state",
        "merged_into",
        "team",
        "basis",
        "consent",
        "expires",
        "created",
    ),
    "question": ("id", "state", "asked"),
    "question ": ("answer",),
    "picture": ("id", "person", "question", "state", "digest", "file"),
    "picture ": ("track", "team", "game", "camera", "taken", "added", "pinned_by"),
    "event": ("at", "actor", "kind", "subjects", "detail", "salt", "digest", "previous", "hash"),
    "about": ("subject",),
    "suppressed": ("hash", "kind", "at"),
    "once": ("key", "request", "response", "at"),
    "token": ("id", "hash", "label", "scopes", "created", "expires", "revoked"),
    "seal": ("unit", "id", "mac"),
}
BLOBS = {"vector": "data", "person": "mean"}
Value = tuple[str, bytes]  # what is kept, and its table.column, or "" where that is not told


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
        return sum(len(one.content) for one in self.places)


def look_for(gallery: GalleryCore, traces: Traces) -> Residue:
    """Search every file of the gallery for what must be gone.

    What rows say that are kept is no residue: another person's name may contain the one that is
    looked for, and the same picture may be kept as somebody else's.
    """
    own = gallery.database.files()
    files = sorted({*_files(gallery), *own})
    notes: dict[str, None] = {}
    left = []
    for place in search(traces, files):
        why = _kept_picture(gallery, place)
        if why is None:
            left.append(place)
        elif why:
            notes[why] = None
    if left:
        contents = {one.content for one in left}
        with gallery.database.read() as cursor:
            texts = gallery.database.own_texts(cursor)
            kept = _Kept(contents, (*_values(cursor, contents), *(("", one) for one in texts)))
        left = [one for one in left if not kept.explains(_within_page(gallery, one, own), notes)]
    return Residue(len(files), tuple(left), tuple(notes))


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
    if place.what == "picture":
        return f"picture {place.file.stem} is the same, and is kept as somebody else's"
    return "" if place.what == "name" and len(place.content) <= CHANCE else None


def _within_page(gallery: GalleryCore, place: Place, own: list[Path]) -> Place:
    """Return a place without what stands around it in another page of the record's file."""
    if place.file not in own:
        return place
    end = place.offset + len(place.content)
    first, last = gallery.database.page(place.file, place.offset)
    return replace(
        place,
        before=place.before[max(len(place.before) - (place.offset - first), 0) :],
        after=place.after[: max(last - end, 0)],
    )


class _Kept:
    """What stands around some contents wherever kept rows say them."""

    def __init__(self, contents: Iterable[bytes], values: Iterable[Value]) -> None:
        # By content and the lengths of both sides: a value may begin or end nearer than AROUND.
        self._around: dict[bytes, dict[tuple[int, int], dict[tuple[bytes, bytes], str]]] = {
            one: {} for one in contents
        }
        for where, value in values:
            for content, sides in self._around.items():
                offset = value.find(content)
                while offset >= 0:
                    before = value[max(offset - AROUND, 0) : offset]
                    last = offset + len(content)
                    after = value[last : last + AROUND]
                    for end in (after, b"") if len(value) >= LONG else (after,):
                        found = sides.setdefault((len(before), len(end)), {})
                        found[before, end] = found.get((before, end)) or where
                    offset = value.find(content, offset + 1)

    def explains(self, place: Place, notes: dict[str, None]) -> bool:
        """Tell whether a place lies within what is kept; add a note of where a name stands."""
        for (left, right), found in self._around[place.content].items():
            near = min(left, len(place.before)), min(right, len(place.after))
            there = _sides(place.before, place.after, *near)
            if near == (left, right):
                where = found.get(there)
            else:  # an end of the file or of a page cuts what stands around the place
                where = next(
                    (one for sides, one in found.items() if _sides(*sides, *near) == there), None
                )
            if where:
                notes[f"a name stands in {where} of what is kept"] = None
            if where is not None:
                return True
        return False


def _sides(before: bytes, after: bytes, left: int, right: int) -> tuple[bytes, bytes]:
    return before[len(before) - left :], after[:right]


def _values(cursor: Cursor, contents: set[bytes]) -> Iterator[Value]:
    """Give all that kept rows say in which one of these stands."""
    for table, columns in TEXTS.items():
        for row in cursor.rows(f"SELECT {', '.join(columns)} FROM {table}"):
            parts = [b"" if value is None else str(value).encode() for value in row]
            if not any(content in b"".join(parts) for content in contents):
                continue
            for column, part in zip(columns, parts, strict=True):
                if any(content in part for content in contents):
                    yield f"{table.strip()}.{column}", part
            yield "", b"".join(parts)
    for table, column in BLOBS.items():
        for (value,) in cursor.rows(f"SELECT {column} FROM {table}"):
            if value is not None and any(content in value for content in contents):
                yield "", bytes(value)
