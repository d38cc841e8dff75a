"""The review page: one question at a time, in three bands, answered by a key."""

from __future__ import annotations

from typing import Any

from fastapi.responses import Response

from sameplayer.errors import SameplayerError, Stale
from sameplayer.gallery.people import corrections as changes
from sameplayer.gallery.review.queue import counts, duplicates, queue
from sameplayer.serve.api.questions import question_detail
from sameplayer.serve.api.serializers import persons_in, picture_bytes
from sameplayer.serve.auth import needs
from sameplayer.serve.http.http_errors import as_refused
from sameplayer.serve.pages.base import (
    BANDS,
    Page,
    PageCallerDep,
    PageDep,
    page_router,
    redirect,
    revision_of,
)
from sameplayer.serve.pages.explain import explain_pair

router = page_router()
NEXT = 9  # questions that are shown small, after the first
PAIRS = 20


@router.get("/review")
@needs("correct", "read")
def review(caller: PageCallerDep, page: PageDep) -> Response:
    """Show the most informative question, and the next ones."""
    return _queue(page, page.request.query_params.get("band"))


@router.get("/review/{question}")
@needs("correct", "read")
def one(caller: PageCallerDep, page: PageDep, question: str) -> Response:
    """One question by its id."""
    found = question_detail(caller.gallery, question)
    if not found.waits:
        return _queue(page, None, "Somebody has answered this question already.")
    caller.record_view(question, *persons_in(found.answer))
    return page.show("review.html.j2", item=found, following=[], band=None, bands=_bands(page))


@router.post("/review/{question}")
@needs("correct", "read")
def say(caller: PageCallerDep, page: PageDep, question: str) -> Response:
    """Take a word; a page that is no longer right is told so, and nothing is changed."""
    band = next((one for one in BANDS if one == page.one("band")), None)
    try:
        done = _said(page, question)
    except Stale:
        words = "Somebody changed this meanwhile. Nothing was done; here is how it is now."
        return _queue(page, band, words, 409)
    except SameplayerError as error:
        refused = as_refused(error, caller.service.hidden)
        return _queue(page, band, refused.said["what"], refused.status_code)
    return redirect(f"{page.base_url}/review?done={done}" + (f"&band={band}" if band else ""))


@router.get("/review/{question}/why/{picture}")
@needs("correct", "read", heavy=True)
def why(caller: PageCallerDep, page: PageDep, question: str, picture: str) -> Response:
    """Show what matches in both pictures, and the shirt numbers read in them."""
    found = question_detail(caller.gallery, question)
    shown = next((one.id for one in found.pictures if one.file), "")
    told = explain_pair(caller, picture_bytes(caller, shown), picture_bytes(caller, picture))
    return page.show("why.html.j2", why=told, back=f"{page.base_url}/review/{question}")


@router.get("/alike")
@needs("correct", "read", heavy=True)
def alike(caller: PageCallerDep, page: PageDep) -> Response:
    """Persons who may be one, the most alike first."""
    found = duplicates(caller.gallery, PAIRS)
    caller.record_view(*(one.id for pair in found for one in (pair.first, pair.second)))
    thumbs = {
        person.id: [kept.id for kept in caller.gallery.pictures(person.id) if kept.file][-3:]
        for pair in found
        for person in (pair.first, pair.second)
    }
    return page.show("alike.html.j2", pairs=found, thumbs=thumbs, bands=_bands(page))


def _queue(page: Page, band: str | None, notice: str = "", status: int = 200) -> Response:
    chosen = band if band in BANDS else None
    found = queue(page.caller.gallery, chosen, 1 + NEXT)
    page.caller.record_view(
        *(one.question for one in found), *persons_in(found[0].answer if found else None)
    )
    return page.show(
        "review.html.j2",
        status,
        item=found[0] if found else None,
        following=found[1:],
        band=chosen,
        bands=_bands(page),
        notice=notice,
    )


def _bands(page: Page) -> dict[str, int]:
    return counts(page.caller.gallery)


def _said(page: Page, question: str) -> int:
    """Do what the form says; return the number of the event."""
    gallery = page.caller.gallery
    how: dict[str, Any] = {"actor": page.caller.actor, "expected": revision_of(page, "revision")}
    what, _, person = page.one("do").partition(" ")
    if what == "new":
        return changes.confirm_new(gallery, question, page.one("name"), **how).revision
    if what == "named":
        found = gallery.person(page.one("name"))
        return changes.confirm(gallery, question, found.id, **how).seq
    if what in ("confirm", "reject"):
        return getattr(changes, what)(gallery, question, person, **how).seq
    if what == "nobody":
        return changes.mark_unknown(gallery, question, **how).seq
    if what == "skip":
        return changes.skip(gallery, question, **how).seq
    raise SameplayerError("The form says nothing that is known; open the page again.")
