"""What callers send to the API, checked: bodies of requests and the kinds of their fields."""

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


class ToPersonIn(Given):
    """A person by id."""

    person: Hex16


class NameIn(Given):
    """A name of a person; it stands in no address."""

    name: Name


class MergeIn(Given):
    """Who is the same person too, and the revision of that one that was seen."""

    other: Hex16
    expected_other: int


class SplitIn(Given):
    """Pictures that show somebody else, and the name of that one."""

    pictures: Few[Hex32]
    name: Name


class RestrictIn(Given):
    """Keep, and never answer with (true), or answer with again."""

    on: bool


class ForgetIn(Given):
    """Why, in words that name nobody: they stay."""

    reason: str = ""
