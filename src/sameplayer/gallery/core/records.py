"""What passes in and out of a gallery: settings, persons, pictures, answers."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sameplayer.common.dates import check_day, check_moment
from sameplayer.common.names import check_line


@dataclass(frozen=True)
class Settings:
    """What holds for a whole gallery.

    id              random name of the gallery
    encoder         what ``load_encoder`` takes
    fingerprint     of the encoder; vectors of another are refused
    width           columns of a vector
    purpose         what the gallery is for, in words
    retention       days that a person is kept after the last picture came; None: for ever
    basis           legal basis of persons that come without one of their own, in words
    require_basis   refuse persons without a legal basis
    keep_pictures   keep the pictures beside the vectors
    audit_reads     write an event for every answer and every look at a person
    known           share of the players asked about who are enrolled, see ``posterior``
    likelihood      record of the fitted ``Likelihood``; None: not calibrated
    created         when
    """

    id: str
    encoder: str
    fingerprint: str
    width: int
    purpose: str
    retention: int | None
    basis: str | None
    require_basis: bool
    keep_pictures: bool
    audit_reads: bool
    known: float
    likelihood: dict[str, Any] | None
    created: str


@dataclass(frozen=True)
class Person:
    """A known person.

    state         active; restricted: kept, never answered; merged: another name of ``merged_into``;
                  removed: enrolled, and that was undone
    revision      number of the event that changed the person last
    pictures      how many there are
    """

    id: str
    name: str
    state: str
    merged_into: str | None
    team: str | None
    basis: str | None
    consent: str | None
    expires: str | None
    created: str
    revision: int
    pictures: int


@dataclass(frozen=True)
class StoredPicture:
    """A picture in the gallery, of a person or of a question (or of nobody any more)."""

    id: str
    person: str | None
    question: str | None
    state: str
    file: str | None
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


@dataclass(frozen=True, eq=False)
class NewPicture:
    """A picture on its way into a gallery.

    vector     (d,) unit row
    digest     keyed digest of its pixels, see ``Gallery.digest``
    content    bytes of the file to keep, or None
    taken      ISO date, also with a time; kept in the form of ``iso_moment``

    Raises SettingError for another date, and for facts that are no single line.
    """

    vector: np.ndarray
    digest: str
    high: int
    wide: int
    quality: float
    content: bytes | None = None
    track: str | None = None
    team: str | None = None
    game: str | None = None
    camera: str | None = None
    taken: str | None = None

    def __post_init__(self) -> None:
        for name in ("track", "team", "game", "camera"):
            object.__setattr__(self, name, check_line(name, getattr(self, name)))
        object.__setattr__(self, "taken", check_moment("taken", self.taken))


@dataclass(frozen=True)
class Consent:
    """Why a person may be kept; a blank text is none.

    basis      the legal basis, in words
    consent    where the consent is recorded and of which date, in words
    expires    ISO date after which the person must go
    """

    basis: str | None = None
    consent: str | None = None
    expires: str | None = None

    def __post_init__(self) -> None:
        for name in ("basis", "consent"):
            object.__setattr__(self, name, check_line(name, getattr(self, name)))
        check_day("expires", self.expires)


@dataclass(frozen=True)
class AssignedToOther:
    """A picture that was not enrolled, since another person or a question has it.

    wanted     name of the person for whom it came
    row        its row in the table; None: it came in no table
    person     id of the person who has it; None: a question has it
    name       name of that person
    question   id of the question that has it; None: a person has it
    """

    wanted: str
    row: int | None
    person: str | None
    name: str | None
    question: str | None


@dataclass(frozen=True)
class Enrolled:
    """What came of an enrolment.

    added               pictures that are new
    already_present     pictures that the person had already
    assigned_to_other   pictures that another person or question has; they stay there
    rejected            pictures of which somebody said that they do not show the person, or took
                        out
    suppressed          pictures or names on the suppression list: they were forgotten
    unnamed             rows without a person, which are left out
    persons             ids of the persons that got pictures, by name
    created             names of persons that are new
    held                who has the pictures that are assigned to another
    policies            names of persons whose basis, consent or day this changed
    earlier             names of persons who keep a day that is earlier than the one given
    """

    added: int = 0
    already_present: int = 0
    assigned_to_other: int = 0
    rejected: int = 0
    suppressed: int = 0
    unnamed: int = 0
    persons: dict[str, str] = field(default_factory=dict)
    created: tuple[str, ...] = ()
    held: tuple[AssignedToOther, ...] = ()
    policies: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()

    def plus(self, other: Enrolled) -> Enrolled:
        """Return both as one."""
        return Enrolled(
            self.added + other.added,
            self.already_present + other.already_present,
            self.assigned_to_other + other.assigned_to_other,
            self.rejected + other.rejected,
            self.suppressed + other.suppressed,
            self.unnamed + other.unnamed,
            {**self.persons, **other.persons},
            (*self.created, *other.created),
            (*self.held, *other.held),
            tuple(dict.fromkeys((*self.policies, *other.policies))),
            tuple(dict.fromkeys((*self.earlier, *other.earlier))),
        )


COUNTED = ("added", "already_present", "assigned_to_other", "rejected", "suppressed", "unnamed")


@dataclass(frozen=True)
class PictureFilter:
    """Which pictures of the gallery count; None: all.

    team, game, camera    as the picture says
    since, until          ISO dates between which it was taken, both counted; also with a time,
                          before or after which pictures known by the day alone still count

    Raises SettingError for other dates.
    """

    team: str | None = None
    game: str | None = None
    camera: str | None = None
    since: str | None = None
    until: str | None = None

    def __post_init__(self) -> None:
        for name in ("since", "until"):
            object.__setattr__(self, name, check_moment(name, getattr(self, name)))


@dataclass(frozen=True)
class SupportingPicture:
    """A picture that an answer rests on: its id, when it was taken, its cosine to the query."""

    picture: str
    taken: str | None
    similarity: float


@dataclass(frozen=True)
class Candidate:
    """A person who may be the one that was asked about.

    similarity     cosine of the query's mean row and the person's
    probability    None in a gallery that is not calibrated
    pictures       how many of the person's pictures count
    evidence       the person's pictures that are most like the query, the most alike first
    """

    person: str
    name: str
    similarity: float
    probability: float | None
    pictures: int
    evidence: tuple[SupportingPicture, ...]


@dataclass(frozen=True)
class Answer:
    """Who it is.

    candidates    the most likely persons, the likeliest first
    nobody        probability that it is nobody we know; None: not calibrated
    pictures      how many pictures the query had
    persons       how many persons it was compared with
    known         the share of enrolled players among those asked about that was assumed
    question      id under which the pictures wait for a person's word, if they were kept
    """

    candidates: tuple[Candidate, ...]
    nobody: float | None
    pictures: int
    persons: int
    known: float
    question: str | None = None


def percent(probability: float) -> str:
    """Return a probability as people read it: rounded down, so that those of one answer sum to 100.

    What is not 0 is "under 0.1 %", and what is not 1 never 100 %.
    """
    if 0 < probability < 0.001:
        return "under 0.1 %"
    return f"{math.floor(round(1000 * probability, 6)) / 10:.1f} %"
