"""A gallery anew, with another encoder, from the pictures that it keeps: whole or not at all."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from sameplayer.data.images import decode
from sameplayer.encoder.encoder import Encoder, load_encoder
from sameplayer.errors import DataError
from sameplayer.files import whole_folder
from sameplayer.gallery.database import Cursor
from sameplayer.gallery.gallery import KEY, Gallery, lasting_name
from sameplayer.gallery.history import Change
from sameplayer.gallery.rows import refresh_mean
from sameplayer.gallery.settings import write_settings
from sameplayer.gallery.stores import new_database

COPIED = ("question", "picture", "apart", "event", "about", "suppressed", "once", "token")
BATCH = 256
Progress = Callable[[int, int], None]


def re_embed(
    gallery: Gallery,
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

    The new gallery is not calibrated. Raises DataError for a gallery that keeps no pictures, and
    where one of them cannot be read.
    """
    own = encoder if isinstance(encoder, Encoder) else load_encoder(encoder)
    named = "" if isinstance(encoder, Encoder) else lasting_name(encoder)
    settings = replace(
        gallery.settings, id=secrets.token_hex(8), encoder=named, fingerprint=own.fingerprint(),
        width=own.row_width, likelihood=None,
    )  # fmt: skip
    with gallery.change(actor, "re-embed") as change, whole_folder(out) as partial:
        ids = _with_files(gallery, change.cursor)
        shutil.copy2(gallery.folder / KEY, partial / KEY)
        with new_database(partial, store, settings.id) as made, made.write() as cursor:
            _copy_rows(change.cursor, cursor)
            write_settings(cursor, settings)
            for start in range(0, len(ids), BATCH):
                part = ids[start : start + BATCH]
                _embed(gallery, own, part, cursor, partial / "pictures")
                if progress is not None:
                    progress(start + len(part), len(ids))
            _new_means(cursor, actor, settings.fingerprint)
        change.done(copies=[str(out)], encoder=settings.fingerprint)
    return len(ids)


def _with_files(gallery: Gallery, cursor: Cursor) -> list[str]:
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


def _embed(
    gallery: Gallery, encoder: Encoder, ids: list[str], cursor: Cursor, folder: Path
) -> None:
    paths = [gallery.files.path(key) for key in ids]
    vectors = encoder.embed([decode(path) for path in paths])
    rows = zip(ids, np.ascontiguousarray(vectors, np.float32), strict=True)
    cursor.many(
        "INSERT INTO vector (picture, data) VALUES (?, ?)",
        [(key, row.tobytes()) for key, row in rows],
    )
    for path in paths:
        to = folder / path.parent.name / path.name
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, to)


def _new_means(cursor: Cursor, actor: str, fingerprint: str) -> None:
    change = Change(cursor, actor, "re-embedded")
    for (person,) in cursor.rows("SELECT id FROM person WHERE pictures > 0 ORDER BY id"):
        refresh_mean(change, person)
    change.done(encoder=fingerprint)
