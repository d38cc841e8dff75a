"""The review page: one question at a time, in three bands, answered by a key."""

from __future__ import annotations

from fastapi.responses import Response

from sameplayer.errors import SameplayerError, Stale
from sameplayer.gallery.review.queue import counts, duplicates, question_by_id, queue
from sameplayer.serve.api.changes import QUESTION_CHANGES, number_of
from sameplayer.serve.api.responses import persons_in, picture_bytes
from sameplayer.serve.auth import needs
from sameplayer.serve.http.http_errors import as_refused
from sameplayer.serve.pages.base import BANDS, Page, PageDep, page_router, redirect, revision_of
from sameplayer.serve.pages.explain import explain_pair

router = page_router()
NEXT = 9  # questions that are shown small, after the first
PAIRS = 20


@router.get("/review")
@needs("correct", "read")
def review(page: PageDep) -> Response:
    """Show the most informative question, and the next ones."""
    return _queue(page, page.request.query_params.get("band"))


@router.get("/review/{question}")
@needs("correct", "read")
def one(page: PageDep, question: str) -> Response:
    """One question by its id."""
    found = question_by_id(page.gallery, question)
    if not found.waits:
        return _queue(page, None, "Somebody has answered this question already.")
    page.caller.record_view(question, *persons_in(found.answer))
    return page.show("review.html.j2", item=found, following=[], band=None, bands=_bands(page))


@router.post("/review/{question}")
@needs("correct", "read")
def say(page: PageDep, question: str) -> Response:
    """Take a word; a page that is no longer right is told so, and nothing is changed."""
    band = next((one for one in BANDS if one == page.one("band")), None)
    try:
        done = _said(page, question)
    except Stale:
        words = "Somebody changed this meanwhile. Nothing was done; here is how it is now."
        return _queue(page, band, words, 409)
    except SameplayerError as error:
        refused = as_refused(error, page.caller.service.hidden)
        return _queue(page, band, refused.said["what"], refused.status_code)
    return redirect(f"{page.base_url}/review?done={done}" + (f"&band={band}" if band else ""))


@router.get("/review/{question}/why/{picture}")
@needs("correct", "read", heavy=True)
def why(page: PageDep, question: str, picture: str) -> Response:
    """Show what matches in both pictures, and the shirt numbers read in them."""
    found = question_by_id(page.gallery, question)
    shown = next((one.id for one in found.pictures if one.file), "")
    told = explain_pair(
        page.caller, picture_bytes(page.caller, shown), picture_bytes(page.caller, picture)
    )
    return page.show("why.html.j2", why=told, back=f"{page.base_url}/review/{question}")


@router.get("/alike")
@needs("correct", "read", heavy=True)
def alike(page: PageDep) -> Response:
    """Persons who may be one, the most alike first."""
    found = duplicates(page.gallery, PAIRS)
    page.caller.record_view(*(one.id for pair in found for one in (pair.first, pair.second)))
    thumbs = {
        person.id: [kept.id for kept in page.gallery.pictures(person.id) if kept.file][-3:]
        for pair in found
        for person in (pair.first, pair.second)
    }
    return page.show("alike.html.j2", pairs=found, thumbs=thumbs, bands=_bands(page))


def _queue(page: Page, band: str | None, notice: str = "", status: int = 200) -> Response:
    chosen = band if band in BANDS else None
    found = queue(page.gallery, chosen, 1 + NEXT)
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
    return counts(page.gallery)


def _said(page: Page, question: str) -> int:
    """Do what the form says; return the number of the event."""
    word, _, person = page.one("do").partition(" ")
    if word == "named":
        word, person = "confirm", page.gallery.person(page.one("name")).id
    change = QUESTION_CHANGES.get(word)
    if change is None:
        raise SameplayerError("The form says nothing that is known; open the page again.")
    values = {"person": person, "name": page.one("name")}
    return number_of(change.apply(page.caller, question, values, revision_of(page, "revision")))
