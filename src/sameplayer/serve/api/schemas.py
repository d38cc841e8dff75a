"""What the API takes and gives, as the records of the gallery are told in JSON."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, FailFast, Field, model_validator

from sameplayer.common.dates import MOMENT, iso_moment
from sameplayer.common.names import is_one_line
from sameplayer.serve.http.limits import MOST_ITEMS


def _one_line(text: str) -> str:
    if not is_one_line(text):
        raise ValueError("expected a text on one line, without control characters")
    return text


def _moment(text: str) -> str:
    if iso_moment(text) is None:
        raise ValueError(f"expected {MOMENT}")
    return text


T = TypeVar("T")
Hex16 = Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
Hex32 = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Word = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_one_line)]
Day = Annotated[
    str, Field(pattern=r"^\d{4}-\d\d-\d\d([T ][0-9:.+Z-]{0,30})?$"), AfterValidator(_moment)
]
Date = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$"), AfterValidator(_moment)]
# Lists of a request: too long ones are refused before their items are looked at, and the first
# wrong item ends the work, so that no body costs more than a walk over it.
Few = Annotated[list[T], Field(max_length=MOST_ITEMS), FailFast()]
Row = Annotated[list[float], Field(min_length=1, max_length=8192), FailFast()]


class Given(BaseModel):
    """What a caller sends: nothing that is not declared."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _one_unknown(cls, given: Any) -> Any:
        """Keep one of the fields that are not declared: an error for each would have no bound."""
        if not isinstance(given, dict):
            return given
        unknown = next((name for name in given if name not in cls.model_fields), None)
        kept = {name: given[name] for name in cls.model_fields if name in given}
        return kept if unknown is None else {**kept, unknown: given[unknown]}


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


class PersonOut(BaseModel):
    """A person; ``revision`` is what If-Match takes."""

    id: str
    name: str
    state: str
    team: str | None
    basis: str | None
    consent: str | None
    expires: str | None
    created: str
    revision: int
    pictures: int


class PersonsOut(BaseModel):
    """A page of persons by name; ``next`` goes into ``after`` for the next page."""

    persons: list[PersonOut]
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


class RestOut(BaseModel):
    """A picture that an answer rests on."""

    picture: str
    taken: str | None
    similarity: float


class CandidateOut(BaseModel):
    """A person who may be it; no probability in a gallery that is not calibrated."""

    person: str
    name: str
    similarity: float
    probability: float | None
    pictures: int
    evidence: list[RestOut]


class AnswerOut(BaseModel):
    """Who it is: ``nobody`` is the probability that it is nobody of the gallery."""

    candidates: list[CandidateOut]
    nobody: float | None
    calibrated: bool
    pictures: int
    persons: int
    known: float
    question: str | None


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


class WhereIn(Given):
    """Which pictures of the gallery count; left out: all."""

    team: Word | None = None
    game: Word | None = None
    camera: Word | None = None
    since: Day | None = None
    until: Day | None = None


class AskIn(Given):
    """How to ask."""

    track: bool = Field(False, description="all are of one person")
    where: WhereIn = WhereIn()
    top: int = Field(5, ge=1, le=100)
    known: float | None = Field(None, gt=0, lt=1)
    keep: bool = Field(False, description="keep as questions for a person's word")


class AskVectorsIn(AskIn):
    """Unit vectors of the gallery's encoder."""

    vectors: Few[Row]


class AskBase64In(AskIn):
    """Pictures in base64: JPEG, PNG or WebP files."""

    pictures: Few[str]


class FactsIn(Given):
    """What is known of pictures."""

    track: Word | None = None
    team: Word | None = None
    game: Word | None = None
    camera: Word | None = None
    taken: Day | None = None


class EnrolIn(Given):
    """Who it is, and why the person may be kept."""

    name: Name
    facts: FactsIn = FactsIn()
    basis: Word | None = None
    consent: Word | None = None
    expires: Date | None = None


class EnrolVectorsIn(EnrolIn):
    """Unit vectors of the gallery's encoder."""

    vectors: Few[Row]


class EnrolBase64In(EnrolIn):
    """Pictures in base64: JPEG, PNG or WebP files."""

    pictures: Few[str]


class EnrolledOut(BaseModel):
    """What came of an enrolment; ``person`` is None where nothing was added or known."""

    added: int
    already_present: int
    assigned_to_other: int
    rejected: int
    suppressed: int
    person: str | None
    created: bool
    held_by: list[str] = Field(
        description="persons and questions that have the ones assigned to another"
    )
    policy_changed: bool = Field(description="basis, consent or day of a person who was there")
    earlier_day_kept: bool = Field(description="the person must go before the day that was given")


class EventOut(BaseModel):
    """Something that was done."""

    seq: int
    at: str
    actor: str
    kind: str
    subjects: list[str]
    undone_by: int | None
    forgotten: bool = Field(description="its detail was deleted with a person")


class EventsOut(BaseModel):
    """Events, the newest first; ``next`` goes into ``before`` for the next page."""

    events: list[EventOut]
    next: int | None


def to_schema(kind: type[BaseModel], record: Any, **more: Any) -> Any:
    """Return a record of the gallery as a model: its fields of the same names, and more."""
    names = kind.model_fields.keys() - more.keys()
    return kind(**{name: getattr(record, name) for name in names}, **more)
