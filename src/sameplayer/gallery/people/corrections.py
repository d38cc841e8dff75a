"""What people say of persons and pictures: each is one event, and ``undo`` takes it back.

Every function takes

    actor       who says it, for the record
    expected    the revision that was seen of what is changed, or a dict from ids of persons and
                questions to revisions; None: whatever it is now

and raises Stale where that was changed since, MissingFile where there is no such thing, DataError
where it cannot be done; then nothing changes.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sameplayer.common.names import clean_name
from sameplayer.errors import DataError, MissingFile, SettingError
from sameplayer.gallery.core.events import Change, Event
from sameplayer.gallery.core.gallery import GalleryCore, find_person
from sameplayer.gallery.core.means import refresh_mean
from sameplayer.gallery.core.records import Consent, Person
from sameplayer.gallery.people.checks import (
    Expected,
    check_expected,
    free_name,
    kept_of,
    question_of,
    refuse_cannot_link,
    refuse_restricted,
    unmerged,
    waiting,
)
from sameplayer.gallery.people.consent import earliest, join_policies
from sameplayer.gallery.people.enrolment import NO_CONSENT, add_person


def confirm(
    gallery: GalleryCore, question: str, person: str, *, actor: str, expected: Expected = None
) -> Event:
    """Say who the pictures of a question show: the person gets them, and they stay there.

    An earlier word that it is not the person is taken back: the last word counts.
    """
    with gallery.change(actor, "confirm") as change:
        waiting(change.cursor, question, expected)
        found = find_person(change.cursor, person)
        refuse_restricted(found)
        _give(change, question, found.id)
        return change.done(person=found.id)


def confirm_new(
    gallery: GalleryCore,
    question: str,
    name: str,
    *,
    actor: str,
    expected: Expected = None,
    consent: Consent = NO_CONSENT,
) -> Person:
    """Say that the pictures of a question show a person who is new; return the person.

    Raises DataError where somebody has the name already: confirm to that person instead.
    """
    with gallery.change(actor, "confirm") as change:
        waiting(change.cursor, question, expected)
        key = add_person(gallery, change, free_name(gallery, change.cursor, name), consent)
        _give(change, question, key)
        change.done(person=key)
        return find_person(change.cursor, key)


def mark_unknown(
    gallery: GalleryCore, question: str, *, actor: str, expected: Expected = None
) -> Event:
    """Say that the pictures of a question show nobody of the gallery."""
    return _answer(gallery, question, "nobody", "nobody", actor, expected)


def skip(gallery: GalleryCore, question: str, *, actor: str, expected: Expected = None) -> Event:
    """Leave a question for later: it comes after all others."""
    return _answer(gallery, question, "skip", "skipped", actor, expected)


def reject(
    gallery: GalleryCore, what: str, person: str, *, actor: str, expected: Expected = None
) -> Event:
    """Say that a question, or one picture, does not show a person; no machine says so again.

    what        id of a question, or of a picture: one of the person's leaves the person and waits
                as a question of its own
    expected    revision of the question, or of the person whose picture it is
    """
    with gallery.change(actor, "reject") as change:
        found = find_person(change.cursor, person)
        question = question_of(change.cursor, what)
        if question is not None:
            _reject_question(change, question, found, expected)
        else:
            _take_out(change, what, found, expected)
        change.about(found.id)
        return change.done()


def merge(
    gallery: GalleryCore,
    into: str,
    other: str,
    *,
    actor: str,
    expected: Mapping[str, int] | None = None,
) -> Event:
    """Say that two persons are one: ``into`` gets the pictures, ``other`` is another name of it.

    Of two days after which they must go, the earlier one holds from now on; legal bases and
    references to a consent are both kept.

    Raises DataError where somebody said of a picture of one that it does not show the other, for a
    person who is restricted or merged already, and for one person given twice.
    """
    with gallery.change(actor, "merge") as change:
        cursor = change.cursor
        if isinstance(expected, int):
            raise SettingError("expected", expected, "a revision of each of the two, by id")
        stays, goes = unmerged(cursor, into, expected), unmerged(cursor, other)
        if stays.id == goes.id:
            raise DataError(f"{into!r} and {other!r} are one person already; expected two.")
        for one in (stays, goes):
            refuse_restricted(one)
        refuse_cannot_link(change.cursor, stays.id, goes.id)
        for key in kept_of(cursor, "person", goes.id):
            change.set("picture", key, person=stays.id)
        for (key,) in cursor.rows("SELECT picture FROM apart WHERE person = ?", goes.id):
            change.set_cannot_link(key, stays.id, True)
        join_policies(change, stays, goes)
        change.set("person", goes.id, state="merged", merged_into=stays.id)
        for one in (stays, goes):
            refresh_mean(change, one.id)
        return change.done()


def split(
    gallery: GalleryCore,
    person: str,
    pictures: Sequence[str],
    name: str,
    *,
    actor: str,
    expected: Expected = None,
    consent: Consent = NO_CONSENT,
) -> Person:
    """Say that some of a person's pictures show another, who is new; return the new person.

    The new person must go on the day of ``consent`` or on the first person's, whichever is earlier:
    the pictures came under that one.
    """
    with gallery.change(actor, "split") as change:
        cursor = change.cursor
        found = unmerged(cursor, person, expected)
        refuse_restricted(found)
        chosen = _chosen(pictures)
        kept = set(kept_of(cursor, "person", found.id))
        for key in chosen - kept:
            raise MissingFile(f"No picture {key!r} of person {found.id!r}; expected one of theirs.")
        if chosen == kept:
            raise DataError("These are all pictures of the person; rename the person instead.")
        within = replace(consent, expires=earliest(consent.expires, found.expires))
        key = add_person(gallery, change, free_name(gallery, change.cursor, name), within)
        for one in sorted(chosen):
            change.set("picture", one, person=key, pinned_by=actor)
            change.set_cannot_link(one, found.id, True)
            change.set_cannot_link(one, key, False)
        for owner in (found.id, key):
            refresh_mean(change, owner)
        change.done()
        return find_person(cursor, key)


def rename(
    gallery: GalleryCore, person: str, name: str, *, actor: str, expected: Expected = None
) -> Event:
    """Give a person another name, which nobody has."""
    with gallery.change(actor, "rename") as change:
        found = unmerged(change.cursor, person, expected)
        if clean_name(name) == found.name:
            raise DataError(f"Person {found.id!r} has this name already; expected another.")
        change.set("person", found.id, name=free_name(gallery, change.cursor, name, found.id))
        return change.done()


def restrict(
    gallery: GalleryCore, person: str, on: bool, *, actor: str, expected: Expected = None
) -> Event:
    """Keep a person, but never answer with one (``on``), or answer again."""
    with gallery.change(actor, "restrict") as change:
        found = unmerged(change.cursor, person, expected)
        state = "restricted" if on else "active"
        if found.state == state:
            raise DataError(f"Person {found.id!r} is {state} already; nothing was changed.")
        change.set("person", found.id, state=state)
        return change.done()


def remove_pictures(
    gallery: GalleryCore, pictures: Sequence[str], *, actor: str, expected: Expected = None
) -> Event:
    """Take pictures out of their persons and questions: they count no more, and do not come back.

    The pictures stay in the folder, so that this can be undone; to erase somebody, forget.

    expected    a revision of each person and question, by id; a number where there is one only
    """
    with gallery.change(actor, "remove") as change:
        cursor, owners = change.cursor, {}
        for key in sorted(_chosen(pictures)):
            row = cursor.one(
                "SELECT person, question FROM picture WHERE id = ? AND state = 'kept'", key
            )
            if row is None:
                raise MissingFile(f"No picture {key!r} in this gallery.")
            owners[row[0] or row[1]] = "person" if row[0] else "question"
            change.set("picture", key, state="removed", pinned_by=actor)
        if isinstance(expected, int) and len(owners) > 1:
            raise SettingError("expected", expected, f"a revision of each of {len(owners)}, by id")
        check_expected(cursor, expected, next(iter(owners)))
        for key, kind in owners.items():
            if kind == "person":
                refresh_mean(change, key)
            else:
                left = kept_of(cursor, "question", key)
                change.set("question", key, **({} if left else {"state": "removed"}))
        return change.done()


def _answer(
    gallery: GalleryCore, question: str, kind: str, state: str, actor: str, expected: Expected
) -> Event:
    with gallery.change(actor, kind) as change:
        waiting(change.cursor, question, expected)
        change.set("question", question, state=state)
        return change.done()


def _give(change: Change, question: str, person: str) -> None:
    """Make the pictures of a question a person's."""
    for key in kept_of(change.cursor, "question", question):
        change.set("picture", key, person=person, question=None, pinned_by=change.actor)
        change.set_cannot_link(key, person, False)
    change.set("question", question, state="answered")
    refresh_mean(change, person)


def _reject_question(change: Change, question: str, person: Person, expected: Expected) -> None:
    waiting(change.cursor, question, expected)
    said = [
        change.set_cannot_link(key, person.id, True)
        for key in kept_of(change.cursor, "question", question)
    ]
    if not any(said):
        raise DataError(f"Somebody said already that question {question} is not {person.id!r}.")
    change.set("question", question, state="open")


def _take_out(change: Change, picture: str, person: Person, expected: Expected) -> None:
    """Make a person's picture a question of its own, of which that person is no candidate."""
    check_expected(change.cursor, expected, person.id)
    found = change.cursor.one(
        "SELECT 1 FROM picture WHERE id = ? AND person = ? AND state = 'kept'", picture, person.id
    )
    if found is None:
        raise MissingFile(
            f"No question and no picture {picture!r} of person {person.id!r} in this gallery."
        )
    key = secrets.token_hex(8)
    change.add("question", key, state="open", asked=change.at)
    change.set("picture", picture, person=None, question=key, pinned_by=None)
    change.set_cannot_link(picture, person.id, True)
    refresh_mean(change, person.id)


def _chosen(pictures: Sequence[str]) -> set[str]:
    if isinstance(pictures, str) or not pictures:
        raise DataError("No pictures chosen; expected the ids of one or more.")
    return set(pictures)
