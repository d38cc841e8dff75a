"""What a change needs to know first: what is there, as it was seen, and what forbids it."""

from __future__ import annotations

from collections.abc import Mapping

from sameplayer.common.names import clean_name
from sameplayer.errors import DataError, MissingFile, Stale
from sameplayer.gallery.core.event_text import Sought, event_at, in_words, last_touches
from sameplayer.gallery.core.gallery import PERSON, GalleryCore
from sameplayer.gallery.core.name_search import Register, ids_called, refuse_several
from sameplayer.gallery.core.records import Person
from sameplayer.gallery.people.suppression import is_suppressed
from sameplayer.gallery.store.base import Cursor

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


def unmerged(cursor: Cursor, who: str, expected: Expected = None) -> Person:
    """Return a person by id or name, and no other in whom one was merged.

    Raises MissingFile where there is none, Stale where it was changed since ``expected``, DataError
    for one who was merged away before that.
    """
    found = ids_called(cursor, who)
    refuse_several(who, found)
    row = cursor.one(f"SELECT {PERSON} FROM person WHERE id = ?", found[0]) if found else None
    if row is None:
        raise MissingFile(f"No person {who!r} in this gallery; expected a name or an id of one.")
    person = Person(*row)
    check_expected(cursor, expected, person.id)
    if person.state == "merged":
        raise DataError(
            f"Person {person.id!r} was merged into {person.merged_into!r}, "
            f"{_by(cursor, person.revision)}; nothing was changed. Choose {person.merged_into!r}, "
            "or undo the merge."
        )
    return person


def kept_of(cursor: Cursor, owner: str, key: str) -> list[str]:
    """Return ids of the pictures that are kept of a person or a question (``owner``), in order."""
    sql = f"SELECT id FROM picture WHERE {owner} = ? AND state = 'kept' ORDER BY id"
    return [str(row[0]) for row in cursor.rows(sql, key)]


def question_of(cursor: Cursor, what: str) -> str | None:
    """Return the question that an id names, or that a picture of this id belongs to, if any."""
    if cursor.one("SELECT 1 FROM question WHERE id = ?", what):
        return what
    row = cursor.one("SELECT question FROM picture WHERE id = ? AND state = 'kept'", what)
    return None if row is None else row[0]


def free_name(gallery: GalleryCore, cursor: Cursor, name: str, own: str = "") -> str:
    """Return a clean name; DataError where another than ``own`` has it, in whatever spelling."""
    cleaned = clean_name(name)
    if is_suppressed(gallery, cursor, cleaned):
        raise DataError("This name was forgotten and must not come back; nothing was changed.")
    for key in Register(cursor).ids(cleaned):
        if key != own:
            row = cursor.one("SELECT name FROM person WHERE id = ?", key)
            raise DataError(
                f"There is a person {'' if row is None else row[0]!r} already, {key}; nothing was "
                "changed. Choose that person, or give the new one a name of its own."
            )
    return cleaned


def refuse_restricted(person: Person) -> None:
    """Raise DataError for a person who is restricted."""
    if person.state == "restricted":
        raise DataError(
            f"Person {person.id!r} is restricted: kept, and not used; nothing was changed. Lift "
            "the restriction first."
        )


def refuse_cannot_link(cursor: Cursor, stays: str, goes: str) -> None:
    """Raise DataError where a picture of one of two persons was said not to show the other."""
    sql = (
        "SELECT apart.picture, apart.person FROM apart JOIN picture ON picture.id = apart.picture "
        "WHERE picture.state = 'kept' AND picture.person = ? AND apart.person = ?"
    )
    row = cursor.one(sql, stays, goes) or cursor.one(sql, goes, stays)
    if row is None:
        return
    said = Sought(
        frozenset((stays, goes)), 0, lambda cell: list(cell[:3]) == ["apart", *row] and cell[4]
    )
    (by,) = last_touches(cursor, [said])
    words = "" if by is None else f" in {in_words(by)}"
    raise DataError(
        f"Somebody said that picture {row[0]} of one does not show the other{words}; nothing was "
        "changed. Undo that, or take the picture out first."
    )


def _by(cursor: Cursor, revision: int) -> str:
    event = event_at(cursor, revision)
    return f"at revision {revision}" if event is None else f"by {in_words(event)}"
