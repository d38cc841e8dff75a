"""Is anything left of what was deleted? Every file of a gallery's folder, searched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sameplayer.gallery.database import Cursor
from sameplayer.gallery.gallery import Gallery
from sameplayer.gallery.key import KEY
from sameplayer.gallery.pictures import KIND
from sameplayer.gallery.traces import Place, Traces, search

MARKER = "forget-"  # files that begin so hold the fingerprints themselves
AROUND = 24  # bytes before and after by which a place is known to be a kept row's
CHANCE = 6  # letters of a name that stand by chance in a picture's bytes
TEXTS = {  # columns of text that stand side by side in a row, in the order of the tables
    "setting": ("name", "value"),
    "person": ("id", "name", "state", "merged_into", "team", "basis", "consent", "expires",
               "created"),
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
}  # fmt: skip
BLOBS = {"vector": "data", "person": "mean"}
Value = tuple[str, bytes]  # what a kept row says, and its table.column, or "" where it is chance


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
        return sum(one.length for one in self.places)


def look_for(gallery: Gallery, traces: Traces) -> Residue:
    """Search every file of the gallery for what must be gone.

    What rows say that are kept is no residue: another person's name may contain the one that is
    looked for, and the same picture may be kept as somebody else's.
    """
    files = sorted(set(_files(gallery.folder)) | set(gallery.database.files()))
    notes: dict[str, None] = {}
    left = []
    for place in search(traces, files):
        why = _kept_picture(gallery, place)
        if why is None:
            left.append(place)
        elif why:
            notes[why] = None
    if left:
        with gallery.database.read() as cursor:
            kept = list(_values(cursor, {one.content for one in left}))
        left = [one for one in left if not _explained(one, kept, notes)]
    return Residue(len(files), tuple(left), tuple(notes))


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and path.name != KEY and not path.name.startswith(MARKER):
            yield path


def _kept_picture(gallery: Gallery, place: Place) -> str | None:
    """Return why a place in a picture's file is no residue; "": by chance; None: it may be one."""
    if place.file.suffix != KIND or not place.file.is_relative_to(gallery.files.folder):
        return None
    with gallery.database.read() as cursor:
        if cursor.one("SELECT 1 FROM picture WHERE id = ?", place.file.stem) is None:
            return None
    if place.what == "picture":
        return f"picture {place.file.stem} is the same, and is kept as somebody else's"
    return "" if place.what == "name" and place.length <= CHANCE else None


def _explained(place: Place, kept: list[Value], notes: dict[str, None]) -> bool:
    """Tell whether a place in a file lies within what a kept row says."""
    with open(place.file, "rb") as file:
        start = max(place.offset - AROUND, 0)
        file.seek(start)
        context = file.read(place.offset - start + place.length + AROUND)
    at = place.offset - start
    for where, value in kept:
        offset = value.find(place.content)
        while offset >= 0:
            if _fits(context, at, value, offset):
                if where:
                    notes[f"a name stands in {where} of what is kept"] = None
                return True
            offset = value.find(place.content, offset + 1)
    return False


def _fits(context: bytes, at: int, value: bytes, offset: int) -> bool:
    """Tell whether a value's bytes around ``offset`` are those of the context around ``at``."""
    before = min(at, offset)
    after = min(len(context) - at, len(value) - offset)
    return context[at - before : at + after] == value[offset - before : offset + after]


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
