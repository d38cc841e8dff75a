"""The gallery's records as the API tells them."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi.responses import StreamingResponse

from sameplayer.errors import MissingFile, Unfinished
from sameplayer.gallery.core.events import Event
from sameplayer.gallery.core.gallery import PERSON, STORED, find_person
from sameplayer.gallery.core.records import Answer, Person, StoredPicture
from sameplayer.gallery.gallery import Gallery
from sameplayer.gallery.privacy.subject_export import zipped_person
from sameplayer.gallery.search.paging import seal, unseal
from sameplayer.serve.api.schemas import (
    AnswerOut,
    CandidateOut,
    EventOut,
    GalleryOut,
    PersonOut,
    PersonsOut,
    PictureOut,
    PicturesOut,
    RestOut,
    to_schema,
)
from sameplayer.serve.http.http_errors import Refused
from sameplayer.serve.service import Caller

CHUNK = 1 << 16  # bytes of a zip that are sent together


def gallery_out(gallery: Gallery, label: str) -> GalleryOut:
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
    settings = gallery.refresh_settings()
    return to_schema(
        GalleryOut,
        settings,
        label=label,
        encoder=settings.fingerprint,
        persons=persons,
        pictures=pictures,
        questions=questions,
        calibrated=settings.likelihood is not None,
    )


def persons_out(gallery: Gallery, state: str | None, after: str | None, most: int) -> PersonsOut:
    """Return a page of persons by name; ``after`` is ``next`` of the page before."""
    last = ("", "") if after is None else unseal(gallery, "persons", after)
    states = ("active", "restricted") if state is None else (state, state)
    with gallery.database.read() as cursor:
        rows = cursor.rows(
            f"SELECT {PERSON} FROM person WHERE (name, id) > (?, ?) AND state IN (?, ?) "
            "ORDER BY name, id LIMIT ?",
            *last,
            *states,
            most + 1,
        )
    shown = [Person(*row) for row in rows[:most]]
    following = None
    if len(rows) > most:
        following = seal(gallery, "persons", (shown[-1].name, shown[-1].id))
    return PersonsOut(persons=[to_schema(PersonOut, one) for one in shown], next=following)


def pictures_out(gallery: Gallery, person: str, after: str | None, most: int) -> PicturesOut:
    """Return a page of a person's pictures by date; ``after`` is ``next`` of the page before."""
    last = None if after is None else unseal(gallery, "pictures", after)
    found = gallery.pictures(person)
    left = [one for one in found if last is None or _place(one) > last]
    shown = left[:most]
    following = seal(gallery, "pictures", _place(shown[-1])) if len(left) > most else None
    pictures = [picture_out(one) for one in shown]
    return PicturesOut(pictures=pictures, all=len(found), next=following)


def _place(kept: StoredPicture) -> list[str | int | float]:
    return [kept.taken or "", kept.added, kept.id]


def person_by_id(gallery: Gallery, key: str) -> Person:
    """Return a person by id alone; whoever was merged away is who it was merged into."""
    with gallery.database.read() as cursor:
        if cursor.one("SELECT 1 FROM person WHERE id = ?", key) is None:
            raise MissingFile(f"No person {key!r} in this gallery; expected an id of one.")
        return find_person(cursor, key)


def refuse_stale(caller: Caller, person: str, seen: int | None) -> None:
    """Refuse (409) what names an old revision of a person."""
    found = person_by_id(caller.gallery, person)
    if found.id != person or (seen is not None and found.revision != seen):
        raise Refused(
            409,
            "this person was changed since you looked",
            where="header If-Match",
            expected=str(found.revision),
            found=str(seen),
            hint="look again",
        )


def kept_picture(gallery: Gallery, key: str) -> StoredPicture:
    """Return a picture that is kept; MissingFile where there is none."""
    with gallery.database.read() as cursor:
        row = cursor.one(f"SELECT {STORED} FROM picture WHERE id = ? AND state = 'kept'", key)
    if row is None:
        raise MissingFile(f"No picture {key!r} in this gallery; expected an id of one.")
    return StoredPicture(*row)


def picture_bytes(caller: Caller, key: str) -> bytes:
    """Return a picture's JPEG, as a look; Refused (404) where its pixels were not kept."""
    gallery = caller.gallery
    kept = kept_picture(gallery, key)
    caller.record_view(*filter(None, (kept.person, kept.question)))
    if kept.file is None:
        raise Refused(
            404,
            "the pixels of this picture were not kept",
            where="address",
            expected="a picture with shown: true",
        )
    return gallery.files.read(key)


def picture_out(kept: StoredPicture) -> PictureOut:
    """Return a picture's facts."""
    return to_schema(PictureOut, kept, shown=kept.file is not None)


def exported(caller: Caller, person: str) -> StreamingResponse:
    """Return the zip of a person; the record says so before the first byte leaves."""
    zipped = zipped_person(caller.gallery, person_by_id(caller.gallery, person).id)
    # The name stands in the receipt of a later forgetting, so that the copy can be found.
    zipped.note(f"downloaded-by-token-{caller.token.id}.zip", caller.actor)

    def parts() -> Iterator[bytes]:
        with zipped:
            while part := zipped.file.read(CHUNK):
                yield part

    return StreamingResponse(parts(), media_type="application/zip")


def not_finished(caller: Caller, error: Unfinished) -> Refused:
    """Return what is told (503) of a deletion that could not be finished."""
    said = str(error)
    for text, instead in caller.service.hidden.items():
        said = said.replace(text, instead)
    return Refused(
        503,
        said,
        hint="send the same request again: it finishes this",
        headers={"Retry-After": "5"},
    )


def persons_in(answer: Answer | None) -> list[str]:
    """Return the ids of the persons that an answer names."""
    return [] if answer is None else [one.person for one in answer.candidates]


def answer_out(answer: Answer) -> AnswerOut:
    """Return an answer."""
    found = [
        to_schema(CandidateOut, one, evidence=[to_schema(RestOut, rest) for rest in one.evidence])
        for one in answer.candidates
    ]
    return to_schema(AnswerOut, answer, candidates=found, calibrated=answer.nobody is not None)


def event_out(event: Event) -> EventOut:
    """Return an event without its detail, in which names may stand."""
    return to_schema(EventOut, event, subjects=list(event.subjects), forgotten=event.detail is None)


def names_of(gallery: Gallery, keys: list[str]) -> dict[str, str]:
    """Return the names of persons by id, of those who are there now."""
    if not keys:
        return {}
    marks = ", ".join("?" * len(keys))
    sql = f"SELECT id, name FROM person WHERE state <> 'removed' AND id IN ({marks})"
    with gallery.database.read() as cursor:
        return dict(cursor.rows(sql, *keys))
