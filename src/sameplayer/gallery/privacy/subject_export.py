"""All that is kept of one person, as one file that the person can be given."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Any, cast

import numpy as np

from sameplayer.common.files import whole_file
from sameplayer.common.names import name_key
from sameplayer.errors import DataError
from sameplayer.gallery.core.events import Event, events
from sameplayer.gallery.core.gallery import PERSON, STORED, GalleryCore, find_person
from sameplayer.gallery.core.records import Person, StoredPicture
from sameplayer.gallery.people.suppression import name_hashes
from sameplayer.gallery.privacy.deletion_plan import DeletionPlan, doomed_persons
from sameplayer.gallery.store.base import Cursor, Row
from sameplayer.gallery.store.picture_files import KIND

README = """What a gallery of known players keeps of one person.

person.json           facts, names now and before, legal basis, consent, the pictures' facts,
                      questions about the person, and what was done, and when
pictures/             the pictures, by their ids; person.json says which of them were removed
vectors.safetensors   one row of numbers a picture, by its id, and their mean, by the person's id:
                      what the machine compares

The gallery: {purpose}
Encoder of the vectors: {fingerprint}
"""
ALL = 2**31 - 1  # events
SPOOLED = 32_000_000  # bytes of a zip that are held in memory


def export_person(gallery: GalleryCore, person: str, path: str | Path, *, actor: str) -> Event:
    """Write a zip of all that is kept of a person, by name or id; the record says so.

    path    a file that ends with .zip, whole or not written; its name stands in the record and in
            the receipt of ``forget``, so that the copy can be erased: no name belongs in it

    All is what ``forget`` would delete: also pictures that were removed and not yet swept, and
    whoever was merged into the person. Of events about others too, only what is about the person
    is written. Raises MissingFile for nobody and for a picture whose file is gone, DataError
    where nothing can be written.
    """
    path = Path(path)
    if path.suffix != ".zip":
        raise DataError(f"{path}: expected the name of a file that ends with .zip.")
    with zipped_person(gallery, person) as zipped:
        names = {name for _, name in zipped.kept.names}
        # A number stands in any date, and says nothing by itself.
        if any(not one.isdigit() and name_key(one) in name_key(path.name) for one in names):
            raise DataError(
                f"{path}: the file's name would stand in the record. Choose one without the "
                f"person's name, such as {zipped.person}.zip."
            )
        with whole_file(path) as partial, open(partial, "wb") as out:
            event = zipped.note(str(path), actor)
            shutil.copyfileobj(zipped.file, out)
    return event


@dataclass(frozen=True)
class Zipped:
    """A zip of what is kept of a person, which nobody has yet.

    person    id
    kept      what ``forget`` would delete
    file      open at its beginning: in memory, or without a name in the gallery's folder, so that
              nothing of it stays when the program is killed
    """

    gallery: GalleryCore
    person: str
    kept: DeletionPlan
    file: IO[bytes]

    def __enter__(self) -> Zipped:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def note(self, place: str, actor: str) -> Event:
        """Write into the record where the copy goes; do it before it leaves."""
        with self.gallery.change(actor, "export") as change:
            change.about(find_person(change.cursor, self.person).id)
            return change.done(copies=[place], pictures=len(self.kept.pictures))


def zipped_person(gallery: GalleryCore, person: str) -> Zipped:
    """Return all that is kept of a person, by name or id, as a zip; close its ``file``.

    Raises MissingFile for nobody and for a picture whose file is gone, DataError where the disk
    is full.
    """
    with gallery.database.read() as cursor:
        found = find_person(cursor, person)
        kept = doomed_persons(cursor, found.id, name_hashes(gallery, found.name))
        facts = _facts(gallery, cursor, found, kept)
    file = cast("IO[bytes]", SpooledTemporaryFile(SPOOLED, dir=str(gallery.folder)))  # noqa: SIM115
    try:
        _write(gallery, file, facts, kept)
        file.seek(0)
    except OSError as error:
        file.close()
        raise DataError(f"{gallery.folder}: cannot be written ({error.strerror}).") from error
    except BaseException:
        file.close()
        raise
    return Zipped(gallery, found.id, kept, file)


def _write(gallery: GalleryCore, out: IO[bytes], facts: dict[str, Any], kept: DeletionPlan) -> None:
    from safetensors.numpy import save

    settings = gallery.settings
    vectors = {one.id: one.vector for one in kept.pictures if one.vector} | kept.means
    rows = {key: np.frombuffer(data, np.float32) for key, data in vectors.items()}
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("README.txt", README.format(**asdict(settings)))
        file.writestr("person.json", json.dumps(facts, indent=1, ensure_ascii=False))
        file.writestr("vectors.safetensors", save(rows, {"encoder": settings.fingerprint}))
        for one in kept.pictures:
            if one.has_file:
                content = gallery.files.read(one.id)
                file.writestr(f"pictures/{one.id}{KIND}", content, zipfile.ZIP_STORED)


def _facts(
    gallery: GalleryCore, cursor: Cursor, person: Person, kept: DeletionPlan
) -> dict[str, Any]:
    pictures = [one for key in kept.persons for one in _pictures_of(cursor, "person", key)]
    pictures += [
        one
        for key in kept.questions
        for one in _pictures_of(cursor, "question", key)
        if one.person is None
    ]
    asked = {*kept.questions, *(one.question for one in pictures if one.question is not None)}
    own = {*kept.persons, *asked, *(one.id for one in pictures)}
    persons = [
        asdict(Person(*row))
        for key in kept.persons
        for row in cursor.rows(f"SELECT {PERSON} FROM person WHERE id = ?", key)
    ]
    return {
        "gallery": {
            "id": gallery.settings.id,
            "purpose": gallery.settings.purpose,
            "retention_days": gallery.settings.retention,
            "basis": gallery.settings.basis,
        },
        "person": {**persons[0], "merged": persons[1:]},
        "names": [{"person": key, "name": name} for key, name in kept.names],
        "pictures": [asdict(one) for one in pictures],
        "questions": [_question(row, own) for row in _questions(cursor, asked, kept.persons)],
        "events": _events(
            cursor, kept, (*kept.persons, *asked, *name_hashes(gallery, person.name)), own
        ),
    }


def _pictures_of(cursor: Cursor, column: str, key: str) -> list[StoredPicture]:
    """Return the pictures of a person or a question, also removed ones: their ``state`` says so."""
    sql = f"SELECT {STORED} FROM picture WHERE {column} = ? ORDER BY COALESCE(taken, ''), added, id"
    return [StoredPicture(*row) for row in cursor.rows(sql, key)]


def _questions(cursor: Cursor, asked: set[str], persons: tuple[str, ...]) -> list[Row]:
    """Return the questions about a person's pictures, and those that were answered with one."""
    rows = cursor.rows("SELECT id, state, asked, answer FROM question ORDER BY asked, id")
    return [row for row in rows if row[0] in asked or any(one in (row[3] or "") for one in persons)]


def _question(row: Row, own: set[str]) -> dict[str, Any]:
    """Return a question, with what the answer says of the person alone."""
    key, state, asked, answer = row
    persons = json.loads(answer).get("persons", {}) if answer else {}
    said = {one: probability for one, probability in persons.items() if one in own}
    return {"id": key, "state": state, "asked": asked, "own_pictures": key in own, "answer": said}


def _events(
    cursor: Cursor, kept: DeletionPlan, subjects: tuple[str, ...], own: set[str]
) -> list[dict[str, Any]]:
    found = {one.seq: one for subject in subjects for one in events(cursor, subject, ALL)}
    for seq in kept.events:  # of those who had a picture before
        if seq not in found:
            (found[seq],) = events(cursor, most=1, before=seq + 1)
    return [_own_part(found[seq], own) for seq in sorted(found)]


def _own_part(event: Event, own: set[str]) -> dict[str, Any]:
    """Return what an event says about the person, and nothing about others."""
    changed = (event.detail or {}).get("changed", ())
    return {
        "number": event.seq,
        "at": event.at,
        "by": event.actor,
        "kind": event.kind,
        "undone_by": event.undone_by,
        "changed": [
            [table, key, column, *(_own_value(column, one, own) for one in values)]
            for table, key, column, *values in changed
            if key in own and (table != "apart" or column in own)
        ],
    }


def _own_value(column: str, value: Any, own: set[str]) -> Any:
    others = column in ("person", "question", "merged_into") and value is not None
    return "another" if others and value not in own else value
