"""Are the rows, the files and the folder of a gallery as it wrote them?"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sameplayer.gallery.core.events import chain_head
from sameplayer.gallery.core.gallery import GalleryCore
from sameplayer.gallery.core.key import KEY
from sameplayer.gallery.core.means import stored_mean
from sameplayer.gallery.core.sealing import keys_of
from sameplayer.gallery.core.seals import FILE, UNITS, Key, Seals
from sameplayer.gallery.privacy.byte_search import MARKER
from sameplayer.gallery.store.address import ADDRESS
from sameplayer.gallery.store.base import Cursor, Row, rows_after

FLOAT = 4  # bytes of a float32
SAME = 1e-6  # a mean is computed anew, by another order of sums at most
OTHER = "by other means than the gallery"
WORDS = {  # what a row is, where the name of its table does not say it
    "vector": "vector of picture",
    "apart": "word of whom it does not show, picture",
    "suppressed": "what must not come back,",
    "undone": "who undid event",
}


def broken_seals(gallery: GalleryCore) -> Iterator[str]:
    """Give the rows and picture files that were changed, added or removed by other means."""
    with gallery.database.read() as cursor:
        yield from _wrong_head(cursor, gallery.seals(cursor))
    for unit in UNITS:
        name = WORDS.get(unit, unit)
        yield from _without_key(gallery, unit)
        for key, wrong in _wrong_rows(gallery, unit):
            yield f"{name} {key}: {wrong} {OTHER}"
    yield from _changed_files(gallery)


def _wrong_head(cursor: Cursor, seals: Seals) -> Iterator[str]:
    """Give what is wrong with the seals as a whole and with the end of the chain."""
    head, last = seals.head(), chain_head(cursor)
    if not seals.is_head(head):
        yield f"the head of the seals was changed {OTHER}"
    if seals.is_key() is None:
        yield f"what tells whether the key is the gallery's was removed {OTHER}"
    if head.seq > last.seq:
        yield f"events {last.seq + 1} to {head.seq}: removed at the end of the chain"
    elif tuple(last) != (head.seq, head.hash):
        yield f"event {last.seq}: the end of the chain was written {OTHER}"
    if cursor.rows("SELECT changed FROM latest") != [(head.changed,)]:
        yield f"the number of the last change was changed {OTHER}"
    if head.sum != seals.whole():
        yield f"seals were added, changed or removed {OTHER}"


def _wrong_rows(gallery: GalleryCore, unit: str) -> Iterator[tuple[Key, str]]:
    """Give the key of each row that does not fit its seal, and what happened to it."""
    for keys in _sealed(gallery, unit):
        with gallery.database.read() as cursor:
            seals = gallery.seals(cursor)
            kept, now = seals.kept(unit, keys), seals.computed(unit, keys)
        for key, mac in kept.items():
            if now.get(key) != mac:
                yield key, "changed" if key in now else "removed"

    for keys in keys_of(gallery.rows, unit):
        with gallery.database.read() as cursor:
            seals = gallery.seals(cursor)
            kept, now = seals.kept(unit, keys), seals.computed(unit, keys)
        yield from ((key, "added") for key in now if key not in kept)


def _without_key(gallery: GalleryCore, unit: str) -> Iterator[str]:
    """Give rows that no seal can have, for they come before the first key, or have none."""
    one = UNITS[unit]
    with gallery.database.read() as cursor:
        found = cursor.one(
            f"SELECT COUNT(*) FROM {one.table} "
            f"WHERE {one.only} AND ({one.key} IS NULL OR {one.key} <= ?)",
            one.first,
        )
    if found is not None and found[0]:
        yield f"{found[0]} rows of the table {one.table} without a {one.key}: added {OTHER}"


def _sealed(gallery: GalleryCore, unit: str) -> Iterator[list[Key]]:
    """Give the keys of a unit's seals, in parts."""
    number = unit in UNITS and isinstance(UNITS[unit].first, int)
    sql = f"SELECT id FROM seal WHERE unit = '{unit}' AND id > ? ORDER BY id LIMIT ?"
    for part in rows_after(gallery.rows, sql):
        # A seal of no number is foreign: the sum over all seals tells of it.
        yield [int(key) if number else key for (key,) in part if not number or key.isdecimal()]


def _changed_files(gallery: GalleryCore) -> Iterator[str]:
    """Give the pictures whose file is not the one that was written, nor gone."""
    for part in _rows(gallery, "picture", "id, file"):
        keys = [str(key) for key, file in part if file is not None]
        with gallery.database.read() as cursor:
            seals = gallery.seals(cursor)
            kept = seals.kept(FILE, keys)
            for key in seals.computed("picture", keys):  # those that are still there
                content = gallery.files.content(str(key))
                if content is not None and seals.of_file(str(key), content) != kept.get(key):
                    yield f"picture {key}: its file was changed {OTHER}"


def wrong_files(gallery: GalleryCore) -> list[str]:
    """Compare the folder's files with the rows; what changes meanwhile is looked at twice."""
    files = gallery.files
    there = {path for path in files.folder.rglob("*") if not path.is_dir()}
    rows = [key for part in _rows(gallery, "picture", "id, file") for key, file in part if file]
    foreign = _of_no_picture(gallery, there.difference(files.path(key) for key in rows))
    missing = [key for key in sorted(rows) if files.path(key) not in there and _lost(gallery, key)]
    own = {gallery.folder / KEY, gallery.folder / ADDRESS, files.folder, *gallery.database.own()}
    beside = {path for path in gallery.folder.iterdir() if not MARKER.fullmatch(path.name)}
    return [
        *(f"picture {key}: its file is gone" for key in missing),
        *(f"{path.relative_to(gallery.folder)}: a file of no picture" for path in sorted(foreign)),
        *(
            f"{path.name}: no part of the gallery; it may be a copy of what is in it"
            for path in sorted(beside - own)
        ),
    ]


def _of_no_picture(gallery: GalleryCore, paths: set[Path]) -> list[Path]:
    """Return the files that belong to no picture, nor to a change that is on its way.

    A change keeps a journal, then writes files, then rows, and ends the journal last; one that
    deletes ends it after the files. So journals are looked at first, and the files themselves last.
    """
    files = gallery.files
    coming = files.on_their_way()
    sql = "SELECT 1 FROM picture WHERE id = ? AND file IS NOT NULL"
    with gallery.database.read() as cursor:
        found = [
            path
            for path in paths - coming
            if not files.is_journal(path)
            and not (files.path(path.stem) == path and cursor.one(sql, path.stem))
        ]
    return [path for path in found if path.exists()]


def open_to_others(gallery: GalleryCore) -> list[str]:
    """Return what every user of the machine may read, in words."""
    if os.name != "posix" or not _mode(gallery.folder) & stat.S_IXOTH:
        return []
    found = [
        path.name
        for path in (gallery.folder / KEY, gallery.files.folder, *gallery.database.own())
        if path.exists() and _mode(path) & stat.S_IROTH
    ]
    if not found:
        return []
    return [
        f"every user of this machine may read {', '.join(found)}; "
        f"run: chmod -R go-rwx {gallery.folder}"
    ]


def _mode(path: Path) -> int:
    return path.stat().st_mode


def _lost(gallery: GalleryCore, picture: str) -> bool:
    if gallery.files.path(picture).exists():
        return False
    with gallery.database.read() as cursor:
        return cursor.one("SELECT 1 FROM picture WHERE id = ?", picture) is not None


def wrong_means(gallery: GalleryCore) -> Iterator[str]:
    """Give the persons whose mean or count is not that of their pictures."""
    for part in _rows(gallery, "person", "id"):
        with gallery.database.read() as cursor:
            for (key,) in part:
                yield from _wrong_mean(cursor, key, gallery.settings.width)


def _wrong_mean(cursor: Cursor, person: str, width: int) -> Iterator[str]:
    said = cursor.one("SELECT pictures, mean FROM person WHERE id = ?", person)
    rows = cursor.rows(
        "SELECT vector.data FROM picture LEFT JOIN vector ON vector.picture = picture.id "
        "WHERE picture.person = ? AND picture.state = 'kept' ORDER BY picture.id",
        person,
    )
    if said is None:  # forgotten meanwhile
        return
    if any(row[0] is None for row in rows):
        yield f"person {person}: a picture has no vector"
        return
    held = [one for one in (*(row[0] for row in rows), said[1]) if one is not None]
    if any(not isinstance(one, bytes) or len(one) != FLOAT * width for one in held):
        yield f"person {person}: a vector or the mean is not of the gallery's width"
        return
    if said[0] != len(rows):
        yield f"person {person}: {said[0]} pictures by the row, {len(rows)} are there"
    elif rows:
        mean = stored_mean([row[0] for row in rows])
        if said[1] is None or np.abs(np.frombuffer(said[1], np.float32) - mean).max() > SAME:
            yield f"person {person}: the mean is not that of the pictures"
    elif said[1] is not None:
        yield f"person {person}: a mean, but no pictures"


def _rows(gallery: GalleryCore, table: str, columns: str) -> Iterator[list[Row]]:
    """Give the rows of a table by id, in parts: no long read holds up an erasure."""
    sql = f"SELECT {columns} FROM {table} WHERE id > ? ORDER BY id LIMIT ?"
    return rows_after(gallery.rows, sql)
