"""Forgetting whose time is over: by the day a person must go, by retention, after removal.

Thirty days are 30 times 24 hours, to the millisecond: what is exactly so old stays, what is older
goes. The day after which a person must go ends when it ends in UTC."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from functools import partial

from sameplayer.common.dates import check_day
from sameplayer.errors import DataError, Unavailable
from sameplayer.gallery.core.events import COLUMNS as EVENT
from sameplayer.gallery.core.events import event_of
from sameplayer.gallery.core.gallery import GalleryCore
from sameplayer.gallery.core.name_search import merged_into
from sameplayer.gallery.core.records import Person
from sameplayer.gallery.people.consent import earliest
from sameplayer.gallery.privacy.deletion_plan import DeletionPlan, doomed_persons, doomed_pictures
from sameplayer.gallery.privacy.forgetting import Receipt, erase, finish
from sameplayer.gallery.privacy.pending_deletions import unfinished
from sameplayer.gallery.store.base import Cursor

REMOVED = 30  # days that what was taken out can still be brought back by undo
WITHOUT = "removed"  # the state of persons and pictures that were taken out


@dataclass(frozen=True)
class ExpiredPictures:
    """Pictures to delete that are nobody's any more, and why."""

    pictures: tuple[str, ...]
    why: str


class Incomplete(Unavailable):
    """Not everything could be forgotten: the receipts of the rest, and what failed, in words."""

    def __init__(self, receipts: list[Receipt], errors: list[str]) -> None:
        self.receipts, self.errors = receipts, errors
        lines = "".join(f"\n  {one}" for one in errors)
        super().__init__(
            f"{len(errors)} of {len(receipts) + len(errors)} could not be forgotten, the others "
            f"were:{lines}\nRemove what prevents it, and sweep again."
        )


def due(gallery: GalleryCore, now: datetime | None = None) -> list[tuple[Person, str]]:
    """Return the persons whose time is over, each with the reason in words.

    now    the moment that counts; None: the clock's. A clock that is behind forgets nobody too
           early; what was written while it was ahead counts as written then
    """
    days = gallery.refresh_settings().retention
    with gallery.database.read() as cursor:
        return list(_persons(cursor, days, _moment(now)))


def loose(gallery: GalleryCore, now: datetime | None = None) -> list[ExpiredPictures]:
    """Return the pictures whose time is over though no person's is: removed ones, old questions."""
    days = gallery.refresh_settings().retention
    with gallery.database.read() as cursor:
        return list(_loose(cursor, days, _moment(now)))


def sweep(
    gallery: GalleryCore, *, actor: str, dry_run: bool = False, now: datetime | None = None
) -> list[Receipt]:
    """Forget everyone and everything whose time is over; finish what was stopped.

    dry_run    delete nothing: the receipts say what would be deleted

    Persons who were removed, and pictures, may come back by enrolling; others may not, see
    ``lift_suppression``. Raises Incomplete, at the end, where some of it failed: the rest is done.
    """
    persons, pictures = due(gallery, now), loose(gallery, now)
    if dry_run:
        with gallery.database.read() as cursor:
            return [_planned(doomed_persons(cursor, one.id), one.id) for one, _ in persons] + [
                _planned(doomed_pictures(cursor, one.pictures), "") for one in pictures
            ]
    with gallery.database.read() as cursor:
        stopped = unfinished(gallery, cursor)
    work: list[tuple[str, Callable[[], Receipt]]] = [
        *((one.key, partial(finish, gallery, one, actor)) for one in stopped),
        *((one.id, partial(_forget_person, gallery, one, why, actor)) for one, why in persons),
        *((one.why, partial(_forget_pictures, gallery, one, actor)) for one in pictures),
    ]
    receipts, errors = [], []
    for what, do in work:
        try:
            receipts.append(do())
        except DataError as error:
            errors.append(f"{what}: {error}")
    if errors:
        raise Incomplete(receipts, errors)
    return receipts


def _forget_person(gallery: GalleryCore, person: Person, why: str, actor: str) -> Receipt:
    def collect(cursor: Cursor) -> tuple[str, DeletionPlan]:
        return person.id, doomed_persons(cursor, person.id)

    return erase(
        gallery, collect, actor=actor, facts={"reason": why}, keep_out=person.state != WITHOUT
    )


def _forget_pictures(gallery: GalleryCore, found: ExpiredPictures, actor: str) -> Receipt:
    def collect(cursor: Cursor) -> tuple[str, DeletionPlan]:
        return secrets.token_hex(8), doomed_pictures(cursor, found.pictures)

    return erase(gallery, collect, actor=actor, facts={"reason": found.why}, keep_out=False)


def _planned(doomed: DeletionPlan, key: str) -> Receipt:
    return Receipt(
        key,
        len(doomed.persons),
        len(doomed.pictures),
        0,
        len(doomed.events),
        0,
        tuple(f"event {seq}, {at}: {place}" for seq, at, place in doomed.copies),
        0,
        "",
        0,
        0,
        ("not done: this is what would be deleted",),
    )


def _moment(now: datetime | None) -> datetime:
    return datetime.now(UTC) if now is None else now.astimezone(UTC)


def _persons(cursor: Cursor, retention: int | None, now: datetime) -> Iterator[tuple[Person, str]]:
    columns = ", ".join(f"person.{one.name}" for one in fields(Person))
    rows = cursor.rows(
        f"SELECT {columns}, MAX(picture.added), event.at FROM person "
        "LEFT JOIN picture ON picture.person = person.id AND picture.state = 'kept' "
        "LEFT JOIN event ON event.seq = person.revision "
        f"WHERE person.state <> 'merged' GROUP BY {columns}, event.at "
        "ORDER BY person.name, person.id"
    )
    days = _days_of_merged(cursor)
    for row in rows:
        person = Person(*row[:-2])
        day = earliest(person.expires, *days.get(person.id, ()))
        why = _why(
            person, day, row[-2] or person.created, row[-1] or person.created, retention, now
        )
        if why is not None:
            yield person, why


def _days_of_merged(cursor: Cursor) -> dict[str, list[str]]:
    """Return the days of those who were merged, by who they are now."""
    found: dict[str, list[str]] = {}
    for key, day in cursor.rows(
        "SELECT id, expires FROM person WHERE state = 'merged' AND expires IS NOT NULL ORDER BY id"
    ):
        found.setdefault(merged_into(cursor, key), []).append(day)
    return found


def _why(
    person: Person, day: str | None, last: str, changed: str, retention: int | None, now: datetime
) -> str | None:
    """Return why a person must go; None: not yet.

    day    after which the person, or somebody merged into the person, must go
    """
    if person.state == WITHOUT:
        return f"removed over {REMOVED} days ago" if _over(changed, REMOVED, now) else None
    check_day(f"expires of {person.id}", day)
    if day is not None and now.date() > date.fromisoformat(day):
        return f"to be kept until {day}"
    if retention is not None and _over(last, retention, now):
        return f"no new picture for over {retention} days"
    return None


def _loose(cursor: Cursor, retention: int | None, now: datetime) -> Iterator[ExpiredPictures]:
    gone = [
        row[0]
        for row in cursor.rows(
            "SELECT picture.id, picture.person, picture.question, picture.added FROM picture "
            "LEFT JOIN person ON person.id = picture.person WHERE picture.state = 'removed' "
            "AND COALESCE(person.state, '') <> 'removed' ORDER BY picture.id"
        )
        if _over(_removed(cursor, *row), REMOVED, now)
    ]
    if gone:
        yield ExpiredPictures(tuple(gone), f"pictures removed over {REMOVED} days ago")
    if retention is None:
        return
    old = [
        key
        for key, asked in cursor.rows(
            "SELECT picture.id, question.asked FROM picture "
            "JOIN question ON question.id = picture.question "
            "WHERE picture.person IS NULL AND picture.state <> 'removed' ORDER BY picture.id"
        )
        if _over(asked, retention, now)
    ]
    if old:
        yield ExpiredPictures(tuple(old), f"questions asked over {retention} days ago")


def _removed(
    cursor: Cursor, picture: str, person: str | None, question: str | None, added: str
) -> str:
    """Return when a picture was removed, as the events say; at the latest, where they forgot."""
    rows = cursor.rows(
        f"SELECT {', '.join(f'event.{name}' for name in EVENT.split(', '))} FROM event "
        "JOIN about ON about.seq = event.seq WHERE about.subject IN (?, ?) "
        "AND event.kind NOT IN ('ask', 'show', 'list', 'export') ORDER BY event.seq DESC",
        person or "",
        question or "",
    )
    for event in map(event_of, rows):
        if event.detail is None:
            return event.at
        for table, key, column, *values in event.detail.get("changed", ()):
            if (table, key, column) == ("picture", picture, "state") and WITHOUT in values:
                return event.at
    return added


def _over(at: str, days: int, now: datetime) -> bool:
    return now - datetime.fromisoformat(at) > timedelta(days=days)
