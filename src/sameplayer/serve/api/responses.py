"""What the API answers; records of the gallery are given as they are where they can be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field

from sameplayer.gallery.core.records import Answer, Person


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
    there: int
    elsewhere: int
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
