"""Which pictures of an enrolment are new, and who has the others."""

from __future__ import annotations

from dataclasses import dataclass, field

from sameplayer.gallery.core.records import COUNTED, AssignedToOther, Enrolled
from sameplayer.gallery.store.base import Cursor


@dataclass(frozen=True)
class Found:
    """Which count of ``Enrolled`` a picture belongs to, and who else has it."""

    verdict: str
    person: str | None = None
    name: str | None = None
    question: str | None = None


@dataclass
class Sorting:
    """An ``Enrolled`` in the making."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTED, 0))
    persons: dict[str, str] = field(default_factory=dict)
    created: list[str] = field(default_factory=list)
    held: list[AssignedToOther] = field(default_factory=list)
    policies: list[str] = field(default_factory=list)
    earlier: list[str] = field(default_factory=list)

    def count(self, found: Found, wanted: str, row: int | None = None) -> None:
        """Count a picture, and keep who has it where that is another."""
        self.counts[found.verdict] += 1
        if found.verdict == "assigned_to_other":
            self.held.append(AssignedToOther(wanted, row, found.person, found.name, found.question))

    def frozen(self) -> Enrolled:
        return Enrolled(
            **self.counts,
            persons=self.persons,
            created=tuple(self.created),
            held=tuple(self.held),
            policies=tuple(self.policies),
            earlier=tuple(self.earlier),
        )


def verdict_of(cursor: Cursor, digest: str, person: str | None) -> Found:
    """Return which count of ``Enrolled`` a picture belongs to that comes for a person."""
    if cursor.one("SELECT 1 FROM suppressed WHERE hash = ?", digest):
        return Found("suppressed")
    # Who took a picture out of a person stands in its row: it does not come back there.
    for key, owner, state, question, name in cursor.rows(
        "SELECT picture.id, picture.person, picture.state, picture.question, person.name "
        "FROM picture LEFT JOIN person ON person.id = picture.person WHERE digest = ? "
        "AND (picture.state = 'kept' OR pinned_by IS NOT NULL) "
        "ORDER BY picture.state, picture.person IS NULL",
        digest,
    ):
        if person is not None and owner == person:
            return Found("already_present" if state == "kept" else "rejected")
        if state == "removed":
            continue
        apart = "SELECT 1 FROM apart WHERE picture = ? AND person = ?"
        if person is not None and cursor.one(apart, key, person):
            return Found("rejected")
        return Found("assigned_to_other", owner, name, None if owner else question)
    return Found("added")
