"""Lookups of persons and pictures by their ids, and how many there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sameplayer.errors import MissingFile
from sameplayer.gallery.core.gallery import STORED, GalleryCore, find_person
from sameplayer.gallery.core.index import last_change
from sameplayer.gallery.core.records import Person, StoredPicture


@dataclass(frozen=True)
class Counts:
    """How much a gallery holds: persons, pictures of theirs, and questions that are open."""

    persons: int
    pictures: int
    questions: int


def count(gallery: GalleryCore) -> Counts:
    """Return how many persons, pictures and open questions there are."""
    with gallery.database.read() as cursor:
        row = cursor.one(
            "SELECT (SELECT COUNT(*) FROM person WHERE state IN ('active', 'restricted')), "
            "(SELECT COUNT(*) FROM picture WHERE state = 'kept' AND person IS NOT NULL), "
            "(SELECT COUNT(*) FROM question WHERE state = 'open')"
        )
    return Counts(*map(int, row or (0, 0, 0)))


def check_readable(gallery: GalleryCore) -> None:
    """Read a row, and look for the folder of pictures; raise what prevents it."""
    gallery.files.refuse_moved()
    with gallery.database.read() as cursor:
        last_change(cursor)


def person_by_id(gallery: GalleryCore, key: str) -> Person:
    """Return a person by id, not by name, following merges; MissingFile where there is none."""
    with gallery.database.read() as cursor:
        if cursor.one("SELECT 1 FROM person WHERE id = ?", key) is None:
            raise MissingFile(f"No person {key!r} in this gallery; expected the id of a person.")
        return find_person(cursor, key)


def picture_by_id(gallery: GalleryCore, key: str) -> StoredPicture:
    """Return a picture that is kept; MissingFile where there is none."""
    with gallery.database.read() as cursor:
        row = cursor.one(f"SELECT {STORED} FROM picture WHERE id = ? AND state = 'kept'", key)
    if row is None:
        raise MissingFile(f"No picture {key!r} in this gallery; expected the id of a picture.")
    return StoredPicture(*row)


def names_of(gallery: GalleryCore, persons: Sequence[str]) -> dict[str, str]:
    """Return the names of persons by id, of those who are there now."""
    sql = "SELECT id, name FROM person WHERE state <> 'removed' AND id IN {}"
    return _by_person(gallery, sql, persons)


def thumbnails(gallery: GalleryCore, persons: Sequence[str]) -> dict[str, str]:
    """Return the id of one picture of each person who has one with its pixels kept."""
    sql = (
        "SELECT person, MAX(id) FROM picture WHERE state = 'kept' AND file IS NOT NULL "
        "AND person IN {} GROUP BY person"
    )
    return _by_person(gallery, sql, persons)


def _by_person(gallery: GalleryCore, sql: str, persons: Sequence[str]) -> dict[str, str]:
    if not persons:
        return {}
    with gallery.database.read() as cursor:
        return dict(cursor.rows(sql.format(f"({', '.join('?' * len(persons))})"), *persons))
