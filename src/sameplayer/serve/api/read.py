"""The API's reading half: galleries, persons, pictures, events."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Response, Security
from fastapi.security import HTTPBearer

from sameplayer.gallery.core.records import Person
from sameplayer.gallery.reverting.undo import history
from sameplayer.gallery.search.lookups import names_of, person_by_id
from sameplayer.gallery.search.paging import persons_page, pictures_page
from sameplayer.serve.api.requests import NameIn
from sameplayer.serve.api.responses import (
    EventsOut,
    GalleryOut,
    PersonsOut,
    PicturesOut,
    Problem,
    event_out,
    gallery_out,
    picture_bytes,
    picture_out,
)
from sameplayer.serve.auth import CallerDep, GuardedRoute, needs

GalleryId = Annotated[str, Path(pattern="^[0-9a-f]{16}$", description="id of a gallery")]
PersonId = Annotated[str, Path(pattern="^[0-9a-f]{16}$", description="id of a person")]
PictureId = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="id of a picture")]
Most = Annotated[int, Query(ge=1, le=500, description="how many to give, at most")]
After = Annotated[
    str | None,
    Query(max_length=4000, pattern="^[A-Za-z0-9_-]+$", description="next of the page before"),
]
JPEG: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}}
}


def api_router() -> APIRouter:
    """Return a router whose routes all want a token, and tell errors alike."""
    statuses = (400, 401, 403, 404, 405, 408, 409, 413, 415, 421, 422, 428, 429, 500, 503)
    return APIRouter(
        prefix="/v1",
        route_class=GuardedRoute,
        redirect_slashes=False,
        dependencies=[Security(HTTPBearer(auto_error=False, description="a token of the gallery"))],
        responses={status: {"model": Problem} for status in statuses},
    )


router = api_router()


@router.get("/galleries", tags=["galleries"])
@needs("read")
def list_galleries(caller: CallerDep) -> list[GalleryOut]:
    """List the galleries that this token gives access to."""
    labels = caller.service.labels
    return [gallery_out(one, labels[one.settings.id]) for one in caller.galleries]


@router.get("/galleries/{gallery}", tags=["galleries"])
@needs("read")
def one_gallery(caller: CallerDep, gallery: GalleryId) -> GalleryOut:
    """Return a gallery's settings and counts."""
    return gallery_out(caller.gallery, caller.service.labels[gallery])


@router.get("/galleries/{gallery}/persons", tags=["persons"])
@needs("read")
def list_persons(
    caller: CallerDep,
    gallery: GalleryId,
    state: Literal["active", "restricted"] | None = None,
    after: After = None,
    most: Most = 100,
) -> PersonsOut:
    """Persons by name, a page at a time."""
    found, following = persons_page(caller.gallery, state, after, most)
    caller.record_view(*(one.id for one in found))
    return PersonsOut(persons=found, next=following)


@router.post("/galleries/{gallery}/persons/find", tags=["persons"])
@needs("read")
def find_by_name(caller: CallerDep, gallery: GalleryId, body: NameIn) -> Person:
    """Find a person by name; a merged person redirects to the one it was merged into."""
    found = caller.gallery.person(body.name)
    caller.record_view(found.id)
    return found


@router.get("/galleries/{gallery}/persons/{person}", tags=["persons"])
@needs("read")
def one_person(
    caller: CallerDep, gallery: GalleryId, person: PersonId, response: Response
) -> Person:
    """Return a person; send its ETag as If-Match when you change it."""
    found = person_by_id(caller.gallery, person)
    caller.record_view(found.id)
    response.headers["ETag"] = f'"{found.revision}"'
    return found


@router.get("/galleries/{gallery}/persons/{person}/pictures", tags=["persons"])
@needs("read")
def person_pictures(
    caller: CallerDep, gallery: GalleryId, person: PersonId, after: After = None, most: Most = 100
) -> PicturesOut:
    """List a person's pictures by date, page by page."""
    key = person_by_id(caller.gallery, person).id
    caller.record_view(key)
    found, whole, following = pictures_page(caller.gallery, key, after, most)
    pictures = [picture_out(one) for one in found]
    return PicturesOut(pictures=pictures, all=whole, next=following)


@router.get("/galleries/{gallery}/persons/{person}/events", tags=["events"])
@needs("read")
def person_events(
    caller: CallerDep,
    gallery: GalleryId,
    person: PersonId,
    before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
    most: Most = 100,
) -> EventsOut:
    """List the events of a person, newest first."""
    found = person_by_id(caller.gallery, person)
    return _events(caller, found.id, before, most)


@router.get("/galleries/{gallery}/events", tags=["events"])
@needs("read")
def list_events(
    caller: CallerDep,
    gallery: GalleryId,
    before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
    most: Most = 100,
) -> EventsOut:
    """Everything that was done, the newest first."""
    return _events(caller, None, before, most)


@router.get(
    "/galleries/{gallery}/pictures/{picture}",
    tags=["pictures"],
    response_class=Response,
    responses=JPEG,
)
@needs("read")
def one_picture(caller: CallerDep, gallery: GalleryId, picture: PictureId) -> Response:
    """Return a picture as JPEG; caches must not store it."""
    return Response(picture_bytes(caller, picture), media_type="image/jpeg")


def _events(caller: CallerDep, person: str | None, before: int | None, most: int) -> EventsOut:
    found = history(caller.gallery, person, most + 1, before)
    about = {one for event in found[:most] for one in event.subjects}
    caller.record_view(*(names_of(caller.gallery, sorted(about)) if person is None else (person,)))
    following = found[most - 1].seq if len(found) > most else None
    return EventsOut(events=[event_out(one) for one in found[:most]], next=following)
