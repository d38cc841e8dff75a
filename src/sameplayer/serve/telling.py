"""The gallery's records as the API tells them."""

from __future__ import annotations

from sameplayer.errors import MissingFile
from sameplayer.gallery.gallery import KEPT, PERSON, Gallery, find_person
from sameplayer.gallery.history import Event
from sameplayer.gallery.records import Answer, Kept, Person
from sameplayer.serve.problems import Refused
from sameplayer.serve.schemas import (
    AnswerOut,
    CandidateOut,
    EventOut,
    GalleryOut,
    PersonOut,
    PersonsOut,
    PictureOut,
    RestOut,
    told,
)  # fmt: skip
from sameplayer.serve.service import Caller


def gallery_told(gallery: Gallery, label: str) -> GalleryOut:
    """Return what there is in a gallery."""
    with gallery.database.read() as cursor:
        counts = [
            cursor.one(f"SELECT COUNT(*) FROM {table} WHERE {condition}")
            for table, condition in (
                ("person", "state IN ('active', 'restricted')"),
                ("picture", "state = 'kept' AND person IS NOT NULL"),
                ("question", "state = 'open'"),
            )
        ]
    persons, pictures, questions = (0 if one is None else int(one[0]) for one in counts)
    settings = gallery.renewed()
    return told(
        GalleryOut, settings, label=label, encoder=settings.fingerprint, persons=persons,
        pictures=pictures, questions=questions, calibrated=settings.likelihood is not None,
    )  # fmt: skip


def persons_told(gallery: Gallery, state: str | None, after: str | None, most: int) -> PersonsOut:
    """Return a page of persons by name, those after the person ``after``."""
    with gallery.database.read() as cursor:
        last = ("", "")
        if after is not None:
            found = cursor.one("SELECT name, id FROM person WHERE id = ?", after)
            if found is None:
                raise MissingFile(f"No person {after!r} in this gallery; take next of a page.")
            last = found
        states = ("active", "restricted") if state is None else (state, state)
        rows = cursor.rows(
            f"SELECT {PERSON} FROM person WHERE (name, id) > (?, ?) AND state IN (?, ?) "
            "ORDER BY name, id LIMIT ?", *last, *states, most + 1,
        )  # fmt: skip
    shown = [Person(*row) for row in rows[:most]]
    following = shown[-1].id if len(rows) > most else None
    return PersonsOut(persons=[told(PersonOut, one) for one in shown], next=following)


def person_by_id(gallery: Gallery, key: str) -> Person:
    """Return a person by id alone; whoever was merged away is who it was merged into."""
    with gallery.database.read() as cursor:
        if cursor.one("SELECT 1 FROM person WHERE id = ?", key) is None:
            raise MissingFile(f"No person {key!r} in this gallery; expected an id of one.")
        return find_person(cursor, key)


def kept_picture(gallery: Gallery, key: str) -> Kept:
    """Return a picture that is kept; MissingFile where there is none."""
    with gallery.database.read() as cursor:
        row = cursor.one(f"SELECT {KEPT} FROM picture WHERE id = ? AND state = 'kept'", key)
    if row is None:
        raise MissingFile(f"No picture {key!r} in this gallery; expected an id of one.")
    return Kept(*row)


def picture_bytes(caller: Caller, key: str) -> bytes:
    """Return a picture's JPEG, as a look; Refused (404) where its pixels were not kept."""
    gallery = caller.gallery
    kept = kept_picture(gallery, key)
    caller.look(*filter(None, (kept.person, kept.question)))
    if kept.file is None:
        raise Refused(404, "the pixels of this picture were not kept", where="address",
                      expected="a picture with shown: true")  # fmt: skip
    return gallery.files.read(key)


def picture_told(kept: Kept) -> PictureOut:
    """Return a picture's facts."""
    return told(PictureOut, kept, shown=kept.file is not None)


def seen_in(answer: Answer | None) -> list[str]:
    """Return the ids of the persons that an answer names."""
    return [] if answer is None else [one.person for one in answer.candidates]


def answer_told(answer: Answer) -> AnswerOut:
    """Return an answer."""
    found = [
        told(CandidateOut, one, rests_on=[told(RestOut, rest) for rest in one.rests_on])
        for one in answer.candidates
    ]
    return told(AnswerOut, answer, candidates=found, calibrated=answer.nobody is not None)


def event_told(event: Event) -> EventOut:
    """Return an event without its detail, in which names may stand."""
    return told(EventOut, event, subjects=list(event.subjects), forgotten=event.detail is None)


def names_of(gallery: Gallery, keys: list[str]) -> dict[str, str]:
    """Return the names of persons by id, of those who are there now."""
    if not keys:
        return {}
    marks = ", ".join("?" * len(keys))
    sql = f"SELECT id, name FROM person WHERE state <> 'removed' AND id IN ({marks})"
    with gallery.database.read() as cursor:
        return dict(cursor.rows(sql, *keys))
