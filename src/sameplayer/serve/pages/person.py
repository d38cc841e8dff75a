"""A person's page: the pictures by date, and what can be said of them."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import numpy as np
from fastapi.responses import Response

from sameplayer.errors import MissingFile, SameplayerError, Stale
from sameplayer.gallery.core.records import Candidate, Person
from sameplayer.gallery.gallery import Gallery
from sameplayer.gallery.people import corrections as changes
from sameplayer.gallery.search.asking import answer_vectors
from sameplayer.serve.api.serializers import person_by_id, persons_out, picture_bytes
from sameplayer.serve.auth import needs
from sameplayer.serve.http.http_errors import Refused, as_refused
from sameplayer.serve.pages.base import (
    Page,
    PageCallerDep,
    PageDep,
    page_router,
    redirect,
    revision_of,
)

router = page_router()
LISTED = 60  # persons of a page
SHOWN = 300  # pictures of a page
ALIKE = 6
LARGE = 20  # pictures from which a merge is asked about twice


@router.get("/persons")
@needs("read")
def persons(caller: PageCallerDep, page: PageDep) -> Response:
    """Everybody by name."""
    after = page.request.query_params.get("after")
    return _persons(page, after)


@router.post("/persons")
@needs("read")
def find(caller: PageCallerDep, page: PageDep) -> Response:
    """Go to the person of a name, which stands in no address."""
    try:
        return redirect(
            f"{page.base_url}/persons/{caller.gallery.person(page.one('name').strip()).id}"
        )
    except MissingFile:
        return _persons(page, None, "Nobody has this name.", 404)


@router.get("/persons/{person}")
@needs("read")
def one(caller: PageCallerDep, page: PageDep, person: str) -> Response:
    """One person; whoever was merged away is who it was merged into."""
    found = person_by_id(caller.gallery, person)
    if found.id != person:
        return redirect(f"{page.base_url}/persons/{found.id}")
    return _person(page, found)


@router.post("/persons/{person}/{what}")
@needs("correct", "read")
def change(caller: PageCallerDep, page: PageDep, person: str, what: str) -> Response:
    """Rename, restrict, split, remove pictures, merge; a stale page is told so."""
    found = person_by_id(caller.gallery, person)
    try:
        if what not in CHANGES:
            raise Refused(404, "no such page")
        return redirect(CHANGES[what](page, person))
    except Stale:
        words = "Somebody changed this person meanwhile. Nothing was done; here is how it is now."
        return _person(page, found, words, 409)
    except SameplayerError as error:
        refused = as_refused(error, caller.service.hidden)
        return _person(page, found, refused.said["what"], refused.status_code)


@router.get("/persons/{person}/merge/{other}")
@needs("correct", "read")
def merge_page(caller: PageCallerDep, page: PageDep, person: str, other: str) -> Response:
    """Both persons beside each other, before they become one."""
    return _merge(page, person, other)


@router.get("/pictures/{picture}.jpg")
@needs("read")
def picture(caller: PageCallerDep, page: PageDep, picture: str) -> Response:
    """Return a picture of the gallery to a logged-in user."""
    return Response(picture_bytes(caller, picture), media_type="image/jpeg")


def _persons(page: Page, after: str | None, notice: str = "", status: int = 200) -> Response:
    gallery = page.caller.gallery
    found = persons_out(gallery, None, after, LISTED)
    keys = [one.id for one in found.persons]
    page.caller.record_view(*keys)
    return page.show(
        "persons.html.j2",
        status,
        persons=found.persons,
        following=found.next,
        thumbs=_thumbs(gallery, keys),
        notice=notice,
    )


def _person(page: Page, person: Person, notice: str = "", status: int = 200) -> Response:
    gallery = page.caller.gallery
    kept = gallery.pictures(person.id)
    shown = kept[-SHOWN:]
    alike = _alike(gallery, person)
    page.caller.record_view(person.id, *(one.person for one in alike))
    days = [(day, list(rows)) for day, rows in groupby(shown, lambda one: (one.taken or "")[:10])]
    return page.show(
        "person.html.j2",
        status,
        person=person,
        days=days[::-1],
        left_out=len(kept) - len(shown),
        alike=alike,
        notice=notice,
    )


def _merge(page: Page, person: str, other: str, notice: str = "") -> Response:
    gallery = page.caller.gallery
    both = [person_by_id(gallery, one) for one in (person, other)]
    if both[0].id == both[1].id:
        return redirect(f"{page.base_url}/persons/{both[0].id}")
    page.caller.record_view(*(each.id for each in both))
    thumbs = [[one.id for one in gallery.pictures(each.id) if one.file][-12:] for each in both]
    return page.show(
        "merge.html.j2",
        stays=both[0],
        goes=both[1],
        thumbs=thumbs,
        notice=notice,
        large=both[1].pictures >= LARGE,
    )


def _alike(gallery: Gallery, person: Person) -> list[Candidate]:
    """Return the persons who are most like this one: the first that a merge may be with."""
    with gallery.database.read() as cursor:
        row = cursor.one("SELECT mean FROM person WHERE id = ?", person.id)
    if row is None or row[0] is None:
        return []
    mean = np.frombuffer(row[0], np.float32)[None]
    found = answer_vectors(gallery, mean, top=ALIKE, without={person.id})
    return [one for one in found.candidates if one.evidence]


def _thumbs(gallery: Gallery, keys: list[str]) -> dict[str, str]:
    """Return a picture of each person."""
    if not keys:
        return {}
    sql = (
        "SELECT person, MAX(id) FROM picture WHERE state = 'kept' AND file IS NOT NULL "
        f"AND person IN ({', '.join('?' * len(keys))}) GROUP BY person"
    )
    with gallery.database.read() as cursor:
        return dict(cursor.rows(sql, *keys))


def _how(page: Page) -> dict[str, Any]:
    return {"actor": page.caller.actor, "expected": revision_of(page, "revision")}


def _rename(page: Page, person: str) -> str:
    event = changes.rename(page.caller.gallery, person, page.one("name"), **_how(page))
    return f"{page.base_url}/persons/{person}?done={event.seq}"


def _restrict(page: Page, person: str) -> str:
    event = changes.restrict(page.caller.gallery, person, page.one("on") == "yes", **_how(page))
    return f"{page.base_url}/persons/{person}?done={event.seq}"


def _split(page: Page, person: str) -> str:
    chosen = page.fields.get("picture", [])
    made = changes.split(page.caller.gallery, person, chosen, page.one("name"), **_how(page))
    return f"{page.base_url}/persons/{made.id}?done={made.revision}"


def _remove(page: Page, person: str) -> str:
    chosen = page.fields.get("picture", [])
    own = {one.id for one in page.caller.gallery.pictures(person)}
    if not set(chosen) <= own:
        raise Stale("Some of these pictures are not this person's any more.")
    event = changes.remove_pictures(page.caller.gallery, chosen, **_how(page))
    return f"{page.base_url}/persons/{person}?done={event.seq}"


def _find_other(page: Page, person: str) -> str:
    other = page.caller.gallery.person(page.one("name").strip())
    return f"{page.base_url}/persons/{person}/merge/{other.id}"


def _merge_now(page: Page, person: str) -> str:
    gallery, other = page.caller.gallery, page.one("other")
    goes = person_by_id(gallery, other)
    if goes.pictures >= LARGE and page.one("sure") != "yes":
        raise Refused(422, f"{goes.pictures} pictures would move; tick that you are sure")
    expected = {person: revision_of(page, "revision"), other: revision_of(page, "other_revision")}
    event = changes.merge(gallery, person, other, actor=page.caller.actor, expected=expected)
    return f"{page.base_url}/persons/{person}?done={event.seq}"


CHANGES = {
    "rename": _rename,
    "restrict": _restrict,
    "split": _split,
    "remove": _remove,
    "find-other": _find_other,
    "merge": _merge_now,
}
