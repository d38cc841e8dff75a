"""A gallery anew, with another encoder, from the pictures that it keeps: whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np

from sameplayer.common.files import whole_folder
from sameplayer.data.images.picture import decode_content
from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.load import load_encoder
from sameplayer.errors import DataError
from sameplayer.gallery.core.events import Change, chain_head
from sameplayer.gallery.core.gallery import GalleryCore
from sameplayer.gallery.core.key import KEY
from sameplayer.gallery.core.means import refresh_mean
from sameplayer.gallery.core.records import Settings
from sameplayer.gallery.core.settings import absolute_source, write_settings
from sameplayer.gallery.store.base import Cursor
from sameplayer.gallery.store.open import new_database
from sameplayer.gallery.store.picture_files import PictureFiles

COPIED = ("question", "picture", "apart", "event", "about", "suppressed", "once", "token", "seal")
BATCH = 256
Progress = Callable[[int, int], None]


def re_embed(
    gallery: GalleryCore,
    out: str | Path,
    encoder: Encoder | str | Path,
    *,
    actor: str,
    store: str | None = None,
    progress: Progress | None = None,
) -> int:
    """Write a new gallery of the same persons, pictures and history; return how many pictures.

    out        new or empty folder; the gallery itself stays as it is, and its record says that
               there is a copy
    encoder    what ``load_encoder`` takes
    store      where the new record lies, as in ``create_gallery``

    The gallery can be used meanwhile; it waits only while its rows are copied, at the end. The new
    gallery is not calibrated. Raises DataError for a gallery that keeps no pictures, and
    where one of them cannot be read.
    """
    own = encoder if isinstance(encoder, Encoder) else load_encoder(encoder)
    named = "" if isinstance(encoder, Encoder) else absolute_source(encoder)
    settings = replace(
        gallery.settings,
        id=secrets.token_hex(8),
        encoder=named,
        fingerprint=own.fingerprint(),
        width=own.row_width,
        likelihood=None,
    )
    with whole_folder(out, private=True) as partial:
        shutil.copy2(gallery.folder / KEY, partial / KEY)
        with _Rows(gallery, own, partial, progress) as rows:
            while len(fresh := rows.missing()) > BATCH:
                rows.embed(fresh)
            with gallery.change(actor, "re-embed") as change:
                ids = _with_files(gallery, change.cursor)
                rows.finish(ids)
                with new_database(partial, store, settings.id) as made, made.write() as cursor:
                    _copy_rows(change.cursor, cursor)
                    _settle(gallery, cursor, settings, rows, ids, actor)
                change.done(copies=[str(out)], encoder=settings.fingerprint)
    return len(ids)


class _Rows:
    """The new rows of pictures, in a file of their own, and the pictures' files in a new folder.

    Pictures are embedded while others use the gallery; only ``finish`` runs alone with it.
    """

    def __init__(
        self, gallery: GalleryCore, encoder: Encoder, folder: Path, progress: Progress | None
    ) -> None:
        self._gallery, self._encoder, self._progress = gallery, encoder, progress
        self._files = PictureFiles(folder / "pictures")
        self._files.folder.mkdir(mode=0o700)
        self._path = folder / "vectors.partial"
        self._file = open(self._path, "x+b")  # noqa: SIM115
        self._row: dict[str, int] = {}  # of each picture
        self._tried: set[str] = set()

    def __enter__(self) -> _Rows:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)

    def missing(self) -> list[str]:
        """Return the pictures that were not embedded yet."""
        with self._gallery.database.read() as cursor:
            ids = _with_files(self._gallery, cursor)
        return [key for key in ids if key not in self._tried]

    def embed(self, ids: Sequence[str]) -> None:
        """Embed pictures and copy their files; those that went meanwhile are left out."""
        for start in range(0, len(ids), BATCH):
            self._tried.update(ids[start : start + BATCH])
            found = {key: self._gallery.files.content(key) for key in ids[start : start + BATCH]}
            self._embed({key: one for key, one in found.items() if one is not None})
            if self._progress is not None:
                self._progress(len(self._tried), max(len(self._tried), len(ids)))

    def finish(self, ids: Sequence[str]) -> None:
        """Embed what is left of these pictures, and remove the files of those that are not there.

        Raises MissingFile for a picture whose file is gone.
        """
        for start in range(0, len(left := [key for key in ids if key not in self._row]), BATCH):
            part = left[start : start + BATCH]
            self._embed({key: self._gallery.files.read(key) for key in part})
        self._files.remove(self._row.keys() - set(ids))
        self._file.flush()
        if self._progress is not None:
            self._progress(len(ids), len(ids))

    def of(self, ids: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Give (picture, bytes of its row)."""
        size = 4 * self._encoder.row_width
        for key in ids:
            self._file.seek(size * self._row[key])
            yield key, self._file.read(size)

    def _embed(self, contents: dict[str, bytes]) -> None:
        if not contents:
            return
        files = self._gallery.files
        pictures = [decode_content(str(files.path(key)), one) for key, one in contents.items()]
        vectors = np.ascontiguousarray(self._encoder.embed(pictures), np.float32)
        self._files.write(contents)
        self._row |= {key: len(self._row) + at for at, key in enumerate(contents)}
        self._file.seek(0, os.SEEK_END)
        self._file.write(vectors.tobytes())


def _with_files(gallery: GalleryCore, cursor: Cursor) -> list[str]:
    rows = cursor.rows("SELECT id, file FROM picture ORDER BY id")
    bare = sum(file is None for _, file in rows)
    if bare:
        raise DataError(
            f"{gallery.folder}: {bare} of {len(rows)} pictures were not kept, only their vectors; "
            "they cannot be embedded again. Enrol from the original pictures into a new gallery."
        )
    return [key for key, _ in rows]


def _copy_rows(old: Cursor, new: Cursor) -> None:
    """Copy every table but vectors and settings; merged persons last, whom others point to."""
    persons = old.rows("SELECT * FROM person ORDER BY id")
    _insert(new, "person", [(*row[:3], None, *row[4:]) for row in persons])
    pointing = [(row[3], row[0]) for row in persons if row[3] is not None]
    new.many("UPDATE person SET merged_into = ? WHERE id = ?", pointing)
    for table in COPIED:
        _insert(new, table, old.rows(f"SELECT * FROM {table}"))


def _insert(cursor: Cursor, table: str, rows: list[tuple[object, ...]]) -> None:
    if rows:
        marks = ", ".join("?" * len(rows[0]))
        cursor.many(f"INSERT INTO {table} VALUES ({marks})", rows)


def _settle(
    gallery: GalleryCore,
    cursor: Cursor,
    settings: Settings,
    rows: _Rows,
    ids: Sequence[str],
    actor: str,
) -> None:
    """Write what is new in the new gallery: settings, rows and means, and their seals."""
    seals, head = gallery.seals(cursor), chain_head(cursor)
    cursor.run("DELETE FROM seal WHERE unit IN ('setting', 'vector')")
    seals.adopt(head, 0)
    change = Change(cursor, actor, "re-embedded", seals)
    change.touch("setting", *(one.name for one in fields(Settings)), new=True)
    write_settings(cursor, settings)
    change.touch("vector", *ids, new=True)
    cursor.many("INSERT INTO vector (picture, data) VALUES (?, ?)", rows.of(ids))
    for (person,) in cursor.rows("SELECT id FROM person WHERE pictures > 0 ORDER BY id"):
        refresh_mean(change, person)
    change.done(encoder=settings.fingerprint)
