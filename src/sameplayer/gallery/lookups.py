"""What is there, and whether it is still as it was seen."""

from __future__ import annotations

from collections.abc import Mapping

from sameplayer.errors import DataError, MissingFile, Stale
from sameplayer.gallery.database import Cursor
from sameplayer.gallery.gallery import PERSON
from sameplayer.gallery.records import Person
from sameplayer.gallery.touched import event_at, in_words

WAITING = ("open", "skipped")  # states of a question that nobody has answered
Expected = int | Mapping[str, int] | None


def check_expected(cursor: Cursor, expected: Expected, main: str) -> None:
    """Raise Stale where a person or question was changed since ``expected``.

    main    the id that a plain number is meant for
    """
    if expected is None:
        return
    for key, seen in ({main: expected} if isinstance(expected, int) else expected).items():
        revision = revision_of(cursor, key)
        if revision is None:
            raise MissingFile(f"No person or question {key!r} in this gallery.")
        if revision != seen:
            raise Stale(
                f"{key} was changed since you looked, {_by(cursor, revision)}; you saw revision "
                f"{seen}. Nothing was changed. Look again."
            )


def revision_of(cursor: Cursor, key: str) -> int | None:
    """Return the event that changed a person or a question last; None where there is neither."""
    for table in ("question", "person"):
        row = cursor.one(f"SELECT revision FROM {table} WHERE id = ?", key)
        if row is not None:
            return int(row[0])
    return None


def waiting(cursor: Cursor, question: str, expected: Expected) -> None:
    """Raise MissingFile where there is no such question, Stale where it waits no more."""
    row = cursor.one("SELECT state, revision FROM question WHERE id = ?", question)
    if row is None or row[0] == "removed":
        raise MissingFile(f"No question {question!r} in this gallery.")
    check_expected(cursor, expected, question)
    if row[0] not in WAITING:
        raise Stale(
            f"Question {question} was answered already, {_by(cursor, row[1])}; nothing was "
            "changed. Look again, or undo that first."
        )


def unmerged(cursor: Cursor, who: str) -> Person:
    """Return a person by id or name, and no other in whom one was merged.

    Raises MissingFile where there is none, DataError for one who was merged away.
    """
    row = cursor.one(
        f"SELECT {PERSON} FROM person WHERE (id = ? OR name = ?) AND state <> 'removed' "
        "ORDER BY CASE WHEN id = ? THEN 0 ELSE 1 END", who, who, who,
    )  # fmt: skip
    if row is None:
        raise MissingFile(f"No person {who!r} in this gallery; expected a name or an id of one.")
    person = Person(*row)
    if person.state == "merged":
        raise DataError(
            f"Person {person.id!r} was merged into {person.merged_into!r}, "
            f"{_by(cursor, person.revision)}; nothing was changed. Choose {person.merged_into!r}, "
            "or undo the merge."
        )
    return person


def kept_of(cursor: Cursor, owner: str, key: str) -> list[tuple[str, str]]:
    """Return (id, digest) of the pictures kept of a person or a question (``owner``), by id."""
    sql = f"SELECT id, digest FROM picture WHERE {owner} = ? AND state = 'kept' ORDER BY id"
    return [(str(row[0]), str(row[1])) for row in cursor.rows(sql, key)]


def question_of(cursor: Cursor, what: str) -> str | None:
    """Return the question that an id names, or that a picture of this id belongs to, if any."""
    if cursor.one("SELECT 1 FROM question WHERE id = ?", what):
        return what
    row = cursor.one("SELECT question FROM picture WHERE id = ? AND state = 'kept'", what)
    return None if row is None else row[0]


def the_same_kept(cursor: Cursor, digest: str, person: str) -> str | None:
    """Return the person's picture of the same pixels, if any.

    Raises DataError where another person has it, or where it was forgotten.
    """
    if cursor.one("SELECT 1 FROM suppressed WHERE hash = ?", digest):
        raise DataError("A picture was forgotten and must not come back; nothing was changed.")
    rows = cursor.rows(
        "SELECT id, person FROM picture WHERE digest = ? AND state = 'kept' "
        "AND person IS NOT NULL", digest,
    )  # fmt: skip
    for key, owner in rows:
        if owner != person:
            raise DataError(
                f"Person {owner!r} has the same picture, {key}; nothing was changed. Say first "
                "that it does not show that person."
            )
    return rows[0][0] if rows else None


def _by(cursor: Cursor, revision: int) -> str:
    event = event_at(cursor, revision)
    return f"at revision {revision}" if event is None else f"by {in_words(event)}"
