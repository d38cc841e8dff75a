"""All that is kept of one person, as one file that the person can be given."""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from sameplayer.data.names import name_key
from sameplayer.errors import DataError, SettingError
from sameplayer.files import whole_file
from sameplayer.gallery.database import Cursor
from sameplayer.gallery.gallery import Gallery, find_person, pictures_of
from sameplayer.gallery.history import Event, events
from sameplayer.gallery.pictures import KIND
from sameplayer.gallery.records import Kept, Person

README = """What a gallery of known players keeps of one person.

person.json           facts, legal basis, consent, the pictures' facts, and what was done, and when
pictures/             the pictures, by their ids
vectors.safetensors   one row of numbers a picture, by its id: what the machine compares

The gallery: {purpose}
Encoder of the vectors: {fingerprint}
"""
ALL = 2**31 - 1  # events


def export_person(gallery: Gallery, person: str, path: str | Path, *, actor: str) -> Event:
    """Write a zip of all that is kept of a person, by name or id; the record says so.

    path    a file that ends with .zip, whole or not written; its name stands in the record and in
            the receipt of ``forget``, so that the copy can be erased: no name belongs in it

    Of events about others too, only what is about the person is written. Raises MissingFile for
    nobody and for a picture whose file is gone, DataError where nothing can be written.
    """
    path = Path(path)
    if path.suffix != ".zip":
        raise SettingError("path", repr(path.name), "a file that ends with .zip")
    with gallery.database.read() as cursor:
        found = find_person(cursor, person)
        pictures = pictures_of(cursor, "person", found.id)
        facts = _facts(gallery, cursor, found, pictures)
        vectors = _vectors(cursor, found.id, {one.id for one in pictures})
    # A number stands in any date, and says nothing by itself.
    if not found.name.isdigit() and name_key(found.name) in name_key(path.name):
        raise DataError(
            f"{path}: the file's name would stand in the record. Choose one without the person's "
            f"name, such as {found.id}.zip."
        )
    with whole_file(path) as partial:
        _write(gallery, partial, facts, pictures, vectors)
        with gallery.change(actor, "export") as change:
            change.about(find_person(change.cursor, found.id).id)
            return change.done(copies=[str(path)], pictures=len(pictures))


def _write(
    gallery: Gallery,
    path: Path,
    facts: dict[str, Any],
    pictures: list[Kept],
    vectors: dict[str, np.ndarray],
) -> None:
    from safetensors.numpy import save

    settings = gallery.settings
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("README.txt", README.format(**asdict(settings)))
        file.writestr("person.json", json.dumps(facts, indent=1, ensure_ascii=False))
        file.writestr("vectors.safetensors", save(vectors, {"encoder": settings.fingerprint}))
        for one in pictures:
            if one.file is not None:
                content = gallery.files.read(one.id)
                file.writestr(f"pictures/{one.id}{KIND}", content, zipfile.ZIP_STORED)


def _facts(
    gallery: Gallery, cursor: Cursor, person: Person, pictures: list[Kept]
) -> dict[str, Any]:
    merged = [
        {"id": key, "name": name}
        for key, name in cursor.rows(
            "SELECT id, name FROM person WHERE merged_into = ? ORDER BY id", person.id
        )
    ]
    own = {person.id, *(one["id"] for one in merged), *(one.id for one in pictures)}
    own |= {one.question for one in pictures if one.question is not None}
    return {
        "gallery": {
            "id": gallery.settings.id, "purpose": gallery.settings.purpose,
            "retention_days": gallery.settings.retention, "basis": gallery.settings.basis,
        },
        "person": {**asdict(person), "merged": merged},
        "pictures": [asdict(one) for one in pictures],
        "events": [
            _own_part(event, own)
            for subject in (person.id, *(one["id"] for one in merged))
            for event in reversed(events(cursor, subject, ALL))
        ],
    }  # fmt: skip


def _own_part(event: Event, own: set[str]) -> dict[str, Any]:
    """Return what an event says about the person, and nothing about others."""
    changed = (event.detail or {}).get("changed", ())
    return {
        "number": event.seq,
        "at": event.at,
        "by": event.actor,
        "kind": event.kind,
        "undone_by": event.undone_by,
        "changed": [row for row in changed if row[1] in own],
    }


def _vectors(cursor: Cursor, person: str, pictures: set[str]) -> dict[str, np.ndarray]:
    rows = cursor.rows(
        "SELECT vector.picture, vector.data FROM vector "
        "JOIN picture ON picture.id = vector.picture WHERE picture.person = ?", person,
    )  # fmt: skip
    return {key: np.frombuffer(data, np.float32) for key, data in rows if key in pictures}
