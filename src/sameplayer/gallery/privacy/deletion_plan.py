"""What the record holds about persons or pictures, and deleting all of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sameplayer.gallery.core.events import Change
from sameplayer.gallery.core.name_search import family
from sameplayer.gallery.store.base import Cursor, rows_in, run_in

Details = dict[int, "str | None"]  # of events, by their number
STAY = "'forget', 'receipt'"  # kinds of events that hold ids and counts only


@dataclass(frozen=True)
class PlannedDeletion:
    """A picture that is to be deleted: its id, digest, whether it has a file, its row's bytes."""

    id: str
    digest: str
    has_file: bool
    question: str | None
    vector: bytes


@dataclass(frozen=True)
class DeletionPlan:
    """All that is to be deleted.

    persons      ids of the person and of everyone merged into that person
    pictures     their pictures, or pictures of nobody
    questions    questions of which no picture is left
    names        (person id, name) now and before
    means        bytes of the persons' means, by id
    events       numbers of the events whose detail goes
    copies       (number, time, place) of exports that somebody may still have
    """

    persons: tuple[str, ...]
    pictures: tuple[PlannedDeletion, ...]
    questions: tuple[str, ...]
    names: tuple[tuple[str, str], ...] = ()
    means: dict[str, bytes] = field(default_factory=dict)
    events: tuple[int, ...] = ()
    copies: tuple[tuple[int, str, str], ...] = ()


def doomed_persons(cursor: Cursor, person: str, hashes: Iterable[str] = ()) -> DeletionPlan:
    """Return all that is kept about a person, and about everyone merged into that person.

    hashes    further subjects of events about the person: keyed hashes of the name
    """
    persons = family(cursor, person)
    about = _about(cursor, (*persons, *hashes))
    answered = _answered(cursor, about)
    pictures = (
        *_pictures(cursor, "picture.person", persons),
        *_pictures(cursor, "picture.person IS NULL AND picture.question", answered),
    )
    asked = {*answered, *(one.question for one in pictures if one.question is not None)}
    questions = _left_alone(cursor, asked, pictures)
    about |= _about(cursor, questions)
    rows = list(rows_in(cursor, "SELECT id, name, mean FROM person WHERE id IN", persons))
    names = {(str(row[0]), str(row[1])) for row in rows} | _former_names(about, set(persons))
    return DeletionPlan(
        tuple(persons),
        pictures,
        questions,
        tuple(sorted(names)),
        {row[0]: row[2] for row in rows if row[2] is not None},
        _all_about(cursor, about, {one.id for one in pictures}),
        _copies(cursor, about),
    )


def doomed_pictures(cursor: Cursor, keys: Iterable[str]) -> DeletionPlan:
    """Return all that is kept about pictures, and about questions that have no others."""
    pictures = tuple(_pictures(cursor, "picture.id", list(keys)))
    questions = _left_alone(cursor, {one.question for one in pictures if one.question}, pictures)
    ids = {one.id for one in pictures}
    sql = "SELECT person FROM picture WHERE person IS NOT NULL AND id IN"
    holders = {row[0] for row in rows_in(cursor, sql, ids)}
    near = {
        seq: detail for seq, detail in _about(cursor, holders).items() if _mentions(detail, ids)
    }
    about = _about(cursor, questions) | near
    return DeletionPlan((), pictures, questions, events=_all_about(cursor, about, ids))


def delete(change: Change, doomed: DeletionPlan) -> int:
    """Delete all rows, and what events say in detail: their hashes hold without it.

    Returns how many rows were deleted.
    """
    cursor, pictures = change.cursor, [one.id for one in doomed.pictures]
    _touch(change, doomed)
    run_in(cursor, "UPDATE person SET merged_into = NULL WHERE id IN", doomed.persons)
    run_in(cursor, "UPDATE event SET detail = NULL, salt = NULL WHERE seq IN", doomed.events)
    change.about(*doomed.persons, *doomed.questions)
    return _delete_once(cursor, doomed) + sum(
        run_in(cursor, f"DELETE FROM {table} WHERE {column} IN", values)
        for table, column, values in (
            ("apart", "picture", pictures),
            ("apart", "person", doomed.persons),
            ("vector", "picture", pictures),
            ("picture", "id", pictures),
            ("question", "id", doomed.questions),
            ("person", "id", doomed.persons),
        )
    )


def _touch(change: Change, doomed: DeletionPlan) -> None:
    """Say which rows and files go: their seals go with them."""
    pictures = [one.id for one in doomed.pictures]
    sql = "SELECT picture FROM apart WHERE person IN"
    parted = {str(row[0]) for row in rows_in(change.cursor, sql, doomed.persons)}
    change.touch("picture", *pictures)
    change.touch("vector", *pictures)
    change.touch("apart", *sorted(parted.union(pictures)))
    change.touch("question", *doomed.questions)
    change.touch("person", *doomed.persons)
    for one in pictures:
        change.seal_file(one, None)


def _answered(cursor: Cursor, about: Details) -> list[str]:
    """Return the questions whose last word is one of these events: that it is the person."""
    keys = {str(key) for table, key, *_ in _changes(about) if table == "question"}
    sql = "SELECT id, revision FROM question WHERE state = 'answered' AND id IN"
    return sorted(key for key, revision in rows_in(cursor, sql, keys) if revision in about)


def _pictures(cursor: Cursor, column: str, keys: Iterable[str]) -> Iterator[PlannedDeletion]:
    sql = (
        "SELECT picture.id, digest, file, question, data FROM picture "
        f"LEFT JOIN vector ON vector.picture = picture.id WHERE {column} IN"
    )
    for key, digest, file, question, data in rows_in(cursor, sql, keys):
        yield PlannedDeletion(key, digest, file is not None, question, data or b"")


def _left_alone(
    cursor: Cursor, questions: set[str], pictures: Iterable[PlannedDeletion]
) -> tuple[str, ...]:
    """Return the questions of which all pictures are among these."""
    ids = {one.id for one in pictures}
    others = {
        row[1]
        for row in rows_in(cursor, "SELECT id, question FROM picture WHERE question IN", questions)
        if row[0] not in ids
    }
    return tuple(sorted(questions - others))


def _about(cursor: Cursor, subjects: Iterable[str]) -> Details:
    """Return the events about any of these: number -> detail."""
    sql = (
        "SELECT event.seq, detail FROM event JOIN about ON about.seq = event.seq "
        f"WHERE kind NOT IN ({STAY}) AND about.subject IN"
    )
    return dict(rows_in(cursor, sql, subjects))


def _all_about(cursor: Cursor, about: Details, pictures: set[str]) -> tuple[int, ...]:
    """Return the events whose detail goes: these, and those about earlier holders of pictures."""
    seen: set[str] = set()
    found, fresh = dict(about), dict(about)
    while fresh:
        holders = _holders(fresh, pictures) - seen
        seen |= holders
        fresh = {
            seq: detail
            for seq, detail in _about(cursor, holders).items()
            if seq not in found and _mentions(detail, pictures)
        }
        found |= fresh
    return tuple(sorted(seq for seq, detail in found.items() if detail is not None))


def _holders(about: Details, pictures: set[str]) -> set[str]:
    """Return the persons and questions that had these pictures, as the events say."""
    return {
        str(value)
        for table, key, column, *values in _changes(about)
        if table == "picture" and key in pictures and column in ("person", "question")
        for value in values
        if value is not None
    }


def _former_names(about: Details, persons: set[str]) -> set[tuple[str, str]]:
    return {
        (str(key), str(value))
        for table, key, column, *values in _changes(about)
        if table == "person" and key in persons and column == "name"
        for value in values
        if value is not None
    }


def _changes(about: Details) -> Iterator[list[Any]]:
    for detail in about.values():
        if detail is not None:
            yield from json.loads(detail).get("changed", ())


def _mentions(detail: str | None, pictures: set[str]) -> bool:
    return detail is not None and any(row[1] in pictures for row in _changes({0: detail}))


def _copies(cursor: Cursor, about: Details) -> tuple[tuple[int, str, str], ...]:
    """Return the exports of these persons, and the copies of the whole gallery."""
    rows = cursor.rows(
        "SELECT seq, at, detail, subjects FROM event WHERE kind IN ('export', 're-embed') "
        "ORDER BY seq"
    )
    return tuple(
        (seq, at, " ".join(json.loads(detail or "{}").get("copies", ())))
        for seq, at, detail, subjects in rows
        if seq in about or subjects == "[]"
    )


def _delete_once(cursor: Cursor, doomed: DeletionPlan) -> int:
    """Delete the kept answers to requests in which a person or a name stands."""
    words = {*doomed.persons, *(one.id for one in doomed.pictures)}
    for _, name in doomed.names:
        words |= {name, json.dumps(name)[1:-1]}
    keys = [
        key
        for key, request, response in cursor.rows("SELECT key, request, response FROM once")
        if any(word in request or word in response for word in words)
    ]
    return run_in(cursor, "DELETE FROM once WHERE key IN", keys)
