"""The pages of a pilot: same or not, and the report of it."""

from __future__ import annotations

import secrets

from fastapi.responses import HTMLResponse, Response

from sameplayer.pilot.acquisition import next_question
from sameplayer.pilot.folder import Pilot
from sameplayer.pilot.labels import record_answer
from sameplayer.pilot.page import Links, render_question, render_report
from sameplayer.pilot.results import report
from sameplayer.serve.auth import needs
from sameplayer.serve.http.http_errors import Refused
from sameplayer.serve.middleware import HEADERS
from sameplayer.serve.pages.base import Page, PageDep, page_router, redirect

router = page_router("/pilot")


@router.get("")
@needs()
def ask(page: PageDep) -> Response:
    """Show the pair whose label is most informative now."""
    pilot = _pilot(page)
    with page.caller.service.pilot_turn:
        pair = next_question(pilot)
    links = _links(page)
    return _shown(render_question(pilot, pair, links), links)


@router.post("/answer")
@needs()
def take(page: PageDep) -> Response:
    """Keep an answer, and ask the next."""
    with page.caller.service.pilot_turn:
        record_answer(_pilot(page), page.one("pair"), page.one("answer"))
    return redirect("/pilot")


@router.get("/report")
@needs(heavy=True)
def told(page: PageDep) -> Response:
    """Show the pilot's report."""
    pilot, links = _pilot(page), _links(page)
    return _shown(render_report(pilot, report(pilot), links), links)


@router.get("/pictures/{name}.jpg")
@needs()
def picture(page: PageDep, name: str) -> Response:
    """Return a picture of the pilot."""
    return Response(_pilot(page).picture(name), media_type="image/jpeg")


def _pilot(page: Page) -> Pilot:
    """Return the pilot; Refused (403) for a token that is good for a gallery alone."""
    if not page.caller.is_admin:
        raise Refused(
            403,
            "only the token of the server itself opens a pilot",
            where="token",
            expected="the server's token",
            found="a token of a gallery",
            hint="log in with the token of the token file, or the one that the server printed",
        )
    found = page.caller.service.pilot
    if found is None:
        raise Refused(404, "no pilot is served here")
    return found


def _links(page: Page) -> Links:
    return Links(
        answer="/pilot/answer",
        report="/pilot/report",
        question="/pilot",
        picture=lambda name: f"/pilot/pictures/{name}.jpg",
        hidden=(("csrf_token", page.session.csrf_token),),
        nonce=secrets.token_urlsafe(16),
    )


def _shown(text: str, links: Links) -> Response:
    """Return a page whose own style and script carry the nonce that the policy names."""
    own = f"; style-src 'nonce-{links.nonce}'; script-src 'nonce-{links.nonce}'"
    policy = HEADERS["Content-Security-Policy"] + own
    return HTMLResponse(text, headers={"Content-Security-Policy": policy})
