"""A person's page: the pictures by date, and what can be said of them."""

from __future__ import annotations

from itertools import groupby

from fastapi.responses import Response

from sameplayer.errors import MissingFile, SameplayerError, Stale
from sameplayer.gallery.core.events import Event
from sameplayer.gallery.core.records import Person
from sameplayer.gallery.people.corrections import remove_pictures
from sameplayer.gallery.search.asking import most_alike
from sameplayer.gallery.search.lookups import person_by_id, thumbnails
from sameplayer.gallery.search.paging import persons_page
from sameplayer.serve.api.changes import PERSON_CHANGES, number_of
from sameplayer.serve.api.responses import picture_bytes
from sameplayer.serve.auth import needs
from sameplayer.serve.http.http_errors import Refused, as_refused
from sameplayer.serve.pages.base import Page, PageDep, page_router, redirect, revision_of

router = page_router()
LISTED = 60  # persons of a page
SHOWN = 300  # pictures of a page
ALIKE = 6
LARGE = 20  # pictures from which a merge is asked about twice


@router.get("/persons")
@needs("read")
def persons(page: PageDep) -> Response:
    """Everybody by name."""
    after = page.request.query_params.get("after")
    return _persons(page, after)


@router.post("/persons")
@needs("read")
def find(page: PageDep) -> Response:
    """Go to the person of a name, which stands in no address."""
    try:
        return redirect(
            f"{page.base_url}/persons/{page.gallery.person(page.one('name').strip()).id}"
        )
    except MissingFile:
        return _persons(page, None, "Nobody has this name.", 404)


@router.get("/persons/{person}")
@needs("read")
def one(page: PageDep, person: str) -> Response:
    """One person; whoever was merged away is who it was merged into."""
    found = person_by_id(page.gallery, person)
    if found.id != person:
        return redirect(f"{page.base_url}/persons/{found.id}")
    return _person(page, found)


@router.post("/persons/{person}/{what}")
@needs("correct", "read")
def change(page: PageDep, person: str, what: str) -> Response:
    """Rename, restrict, split, remove pictures, merge; a stale page is told so."""
    found = person_by_id(page.gallery, person)
    try:
        if what not in (*PERSON_CHANGES, "remove", "find-other"):
            raise Refused(404, "no such page")
        return redirect(_changed(page, person, what))
    except Stale:
        words = "Somebody changed this person meanwhile. Nothing was done; here is how it is now."
        return _person(page, found, words, 409)
    except SameplayerError as error:
        refused = as_refused(error, page.caller.service.hidden)
        return _person(page, found, refused.said["what"], refused.status_code)


@router.get("/persons/{person}/merge/{other}")
@needs("correct", "read")
def merge_page(page: PageDep, person: str, other: str) -> Response:
    """Both persons beside each other, before they become one."""
    return _merge(page, person, other)


@router.get("/pictures/{picture}.jpg")
@needs("read")
def picture(page: PageDep, picture: str) -> Response:
    """Return a picture of the gallery to a logged-in user."""
    return Response(picture_bytes(page.caller, picture), media_type="image/jpeg")


def _persons(page: Page, after: str | None, notice: str = "", status: int = 200) -> Response:
    gallery = page.gallery
    found, following = persons_page(gallery, None, after, LISTED)
    keys = [one.id for one in found]
    page.caller.record_view(*keys)
    return page.show(
        "persons.html.j2",
        status,
        persons=found,
        following=following,
        thumbs=thumbnails(gallery, keys),
        notice=notice,
    )


def _person(page: Page, person: Person, notice: str = "", status: int = 200) -> Response:
    gallery = page.gallery
    kept = gallery.pictures(person.id)
    shown = kept[-SHOWN:]
    alike = most_alike(gallery, person.id, ALIKE)
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
    gallery = page.gallery
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


def _remove(page: Page, person: str) -> Event:
    chosen = page.fields.get("picture", [])
    own = {one.id for one in page.gallery.pictures(person)}
    if not set(chosen) <= own:
        raise Stale("Some of these pictures are not this person's any more.")
    expected = revision_of(page, "revision")
    return remove_pictures(page.gallery, chosen, actor=page.caller.actor, expected=expected)


def _refuse_unsure(page: Page) -> None:
    """Refuse (422) a merge that moves many pictures, until somebody ticked that they are sure."""
    goes = person_by_id(page.gallery, page.one("other"))
    if goes.pictures >= LARGE and page.one("sure") != "yes":
        raise Refused(422, f"{goes.pictures} pictures would move; tick that you are sure")


def _changed(page: Page, person: str, what: str) -> str:
    """Do what the form says; return the address of the page that shows it."""
    if what == "find-other":
        other = page.gallery.person(page.one("name").strip())
        return f"{page.base_url}/persons/{person}/merge/{other.id}"
    if what == "merge":
        _refuse_unsure(page)
    done: Event | Person
    if what == "remove":
        done = _remove(page, person)
    else:
        values = {
            "name": page.one("name"),
            "on": page.one("on") == "yes",
            "pictures": page.fields.get("picture", []),
            "other": page.one("other"),
            "expected_other": revision_of(page, "other_revision"),
        }
        expected = revision_of(page, "revision")
        done = PERSON_CHANGES[what].apply(page.caller, person, values, expected)
    shown = done.id if isinstance(done, Person) else person
    return f"{page.base_url}/persons/{shown}?done={number_of(done)}"
