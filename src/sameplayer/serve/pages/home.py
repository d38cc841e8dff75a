"""Login, logout, and the list of galleries."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from sameplayer.serve.api.serializers import gallery_told
from sameplayer.serve.auth import admit, known, needs
from sameplayer.serve.http.bodies import bound_body
from sameplayer.serve.http.http_errors import Refused
from sameplayer.serve.http.sessions import AT_MOST, Session
from sameplayer.serve.pages.base import (
    By,
    Shown,
    cookie_of,
    go,
    page_router,
    refuse_other_sites,
    templates,
)
from sameplayer.serve.service import Service

LOGIN_BYTES = 10_000  # of a form that holds a token
router = page_router("")
doors = APIRouter(include_in_schema=False)


@doors.get("/login")
async def login_page(request: Request) -> Response:
    """The page that asks for a token."""
    return HTMLResponse(templates.get_template("login.html.j2").render(wrong=False, here=""))


@doors.post("/login")
async def login(request: Request) -> Response:
    """Take a token, and remember the browser by a cookie that no script can read."""
    service: Service = request.app.state.service
    refuse_other_sites(request)
    bound_body(request, LOGIN_BYTES)
    async with request.form(max_files=0, max_fields=4, max_part_size=1000) as form:
        text = str(form.get("token", "")).strip()
    try:
        admit(request, await known(request, service, text))
    except Refused as error:
        if error.status_code != 401:
            raise
        shown = templates.get_template("login.html.j2").render(wrong=True, here="")
        return HTMLResponse(shown, 401)
    answer = go("/")
    answer.set_cookie(
        cookie_of(request),
        service.sessions.add(Session(text)),
        max_age=int(AT_MOST),
        **_cookie(request),
    )
    return answer


@router.post("/logout")
@needs()
def logout(caller: By, page: Shown) -> Response:
    """Forget the login, or all logins with its token."""
    name = cookie_of(page.request)
    caller.service.sessions.remove(page.request.cookies.get(name, ""))
    if page.one("everywhere") == "yes":
        caller.service.sessions.clear(lambda one: one.token == page.session.token)
    answer = go("/login")
    answer.delete_cookie(name, **_cookie(page.request))
    return answer


@router.get("/")
@needs()
def home(caller: By, page: Shown) -> Response:
    """The galleries that one may see; the only one at once."""
    own = caller.galleries
    if not own and caller.service.pilot is not None:
        return go("/pilot")
    if len(own) == 1:
        return go(f"/g/{own[0].settings.id}/{_first(caller)}")
    labels = caller.service.labels
    shown = [gallery_told(one, labels[one.settings.id]) for one in own]
    return page.show("home.html.j2", galleries=shown, first=_first(caller))


def _cookie(request: Request) -> dict[str, Any]:
    return {"httponly": True, "samesite": "strict", "secure": request.url.scheme == "https"}


def _first(caller: By) -> str:
    return "ask" if caller.token.allows("answer") else "persons"
