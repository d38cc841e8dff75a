"""What the API answers; records of the gallery are given as they are where they can be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from sameplayer.errors import Unfinished
from sameplayer.gallery.core.events import Event
from sameplayer.gallery.core.records import Answer, Person, StoredPicture
from sameplayer.gallery.gallery import Gallery
from sameplayer.gallery.privacy.subject_export import zipped_person
from sameplayer.gallery.search.lookups import count, person_by_id, picture_by_id
from sameplayer.serve.http.http_errors import Refused
from sameplayer.serve.service import Caller

CHUNK = 1 << 16  # bytes of a zip that are sent together


class Problem(BaseModel):
    """What went wrong, as problem details (RFC 9457)."""

    type: str = Field(description='always "about:blank": the status says what kind it is')
    title: str = Field(description="the phrase of the status")
    status: int
    detail: str = Field(description="what went wrong")
    where: str = Field(description="the part of the request, where it is one")
    expected: str
    found: str
    hint: str = Field(description="what to do")


class GalleryOut(BaseModel):
    """A gallery: ``known`` is the share of enrolled players among those asked about."""

    id: str
    label: str
    purpose: str
    encoder: str = Field(description="fingerprint of the encoder; vectors of another are refused")
    width: int = Field(description="numbers of a vector")
    persons: int
    pictures: int
    questions: int = Field(description="questions that wait for a word")
    calibrated: bool
    known: float
    retention: int | None = Field(description="days")
    created: str


class PersonsOut(BaseModel):
    """A page of persons by name; ``next`` goes into ``after`` for the next page."""

    persons: list[Person]
    next: str | None


class PictureOut(BaseModel):
    """A picture's facts; ``shown``: its pixels are kept too."""

    id: str
    shown: bool
    high: int
    wide: int
    quality: float
    track: str | None
    team: str | None
    game: str | None
    camera: str | None
    taken: str | None
    added: str
    pinned_by: str | None


class PicturesOut(BaseModel):
    """A page of a person's pictures by date; ``next`` goes into ``after`` for the next page."""

    pictures: list[PictureOut]
    all: int
    next: str | None


@dataclass(frozen=True, kw_only=True)
class AnswerOut(Answer):
    """Who it is, and whether the gallery is calibrated, so that there are probabilities."""

    calibrated: bool


class AnswersOut(BaseModel):
    """One answer for a track; else one for each picture, in their order."""

    answers: list[AnswerOut]


class QuestionOut(BaseModel):
    """Pictures that wait for a word; ``revision`` is what If-Match takes."""

    question: str
    revision: int
    state: str
    band: str | None
    information: float | None
    pictures: list[PictureOut]
    answer: AnswerOut | None


class QueueOut(BaseModel):
    """Questions, the most informative first, and how many wait in each band.

    ``next`` goes into ``after`` for the next page; answers that were given meanwhile move nothing.
    """

    questions: list[QuestionOut]
    counts: dict[str, int]
    next: str | None


class EnrolledOut(BaseModel):
    """What came of an enrolment; ``person`` is None where nothing was added or known."""

    added: int
    already_present: int
    assigned_to_other: int
    rejected: int
    suppressed: int
    person: str | None
    created: bool
    held_by: list[str] = Field(description="persons and questions that have the ones elsewhere")
    policy_changed: bool = Field(description="basis, consent or day of a person who was there")
    earlier_day_kept: bool = Field(description="the person must go before the day that was given")


class EventOut(BaseModel):
    """Something that was done."""

    seq: int
    at: str
    actor: str
    kind: str
    subjects: tuple[str, ...]
    undone_by: int | None
    forgotten: bool = Field(description="its detail was deleted with a person")


class EventsOut(BaseModel):
    """Events, the newest first; ``next`` goes into ``before`` for the next page."""

    events: list[EventOut]
    next: int | None


class ReceiptOut(BaseModel):
    """What was forgotten, in counts; ``copies`` are exports that somebody may still have."""

    person: str
    pictures: int
    rows: int
    events: int
    bytes_found: int
    copies: tuple[str, ...]
    notes: tuple[str, ...]


def to_schema(kind: type[BaseModel], record: Any, **more: Any) -> Any:
    """Return a record of the gallery as a model: its fields of the same names, and more."""
    names = kind.model_fields.keys() - more.keys()
    return kind(**{name: getattr(record, name) for name in names}, **more)


def gallery_out(gallery: Gallery, label: str) -> GalleryOut:
    """Return what there is in a gallery."""
    settings = gallery.refresh_settings()
    return to_schema(
        GalleryOut,
        settings,
        label=label,
        encoder=settings.fingerprint,
        calibrated=settings.likelihood is not None,
        **vars(count(gallery)),
    )


def picture_out(kept: StoredPicture) -> PictureOut:
    """Return a picture's facts."""
    return to_schema(PictureOut, kept, shown=kept.file is not None)


def answer_out(answer: Answer) -> AnswerOut:
    """Return an answer."""
    return AnswerOut(**vars(answer), calibrated=answer.nobody is not None)


def event_out(event: Event) -> EventOut:
    """Return an event without its detail, in which names may stand."""
    return to_schema(EventOut, event, forgotten=event.detail is None)


def persons_in(answer: Answer | None) -> list[str]:
    """Return the ids of the persons that an answer names."""
    return [] if answer is None else [one.person for one in answer.candidates]


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


def picture_bytes(caller: Caller, key: str) -> bytes:
    """Return a picture's JPEG, as a look; Refused (404) where its pixels were not kept."""
    kept = picture_by_id(caller.gallery, key)
    caller.record_view(*filter(None, (kept.person, kept.question)))
    if kept.file is None:
        raise Refused(
            404,
            "the pixels of this picture were not kept",
            where="address",
            expected="a picture with shown: true",
        )
    return caller.gallery.files.read(key)


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
