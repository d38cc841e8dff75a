"""Login, logout, and the list of galleries."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from sameplayer.serve.api.responses import gallery_out
from sameplayer.serve.auth import authenticate, authorize, needs
from sameplayer.serve.http.http_errors import Refused
from sameplayer.serve.http.rate_limit import bound_body
from sameplayer.serve.http.sessions import SESSION_SECONDS, Session
from sameplayer.serve.pages.base import (
    PageDep,
    cookie_of,
    page_router,
    pages,
    redirect,
    refuse_other_sites,
)
from sameplayer.serve.service import Service

LOGIN_BYTES = 10_000  # of a form that holds a token
router = page_router("")
public_router = APIRouter(include_in_schema=False)


@public_router.get("/login")
async def login_page(request: Request) -> Response:
    """Show the login page."""
    return HTMLResponse(pages.get_template("login.html.j2").render(wrong=False, base_url=""))


@public_router.post("/login")
async def login(request: Request) -> Response:
    """Take a token, and remember the browser by a cookie that no script can read."""
    service: Service = request.app.state.service
    refuse_other_sites(request)
    bound_body(request, LOGIN_BYTES)
    async with request.form(max_files=0, max_fields=4, max_part_size=1000) as form:
        text = str(form.get("token", "")).strip()
    try:
        authorize(request, await authenticate(request, service, text))
    except Refused as error:
        if error.status_code != 401:
            raise
        shown = pages.get_template("login.html.j2").render(wrong=True, base_url="")
        return HTMLResponse(shown, 401)
    answer = redirect("/")
    answer.set_cookie(
        cookie_of(request),
        service.sessions.add(Session(text)),
        max_age=int(SESSION_SECONDS),
        **_cookie(request),
    )
    return answer


@router.post("/logout")
@needs()
def logout(page: PageDep) -> Response:
    """Forget the login, or all logins with its token."""
    name = cookie_of(page.request)
    page.caller.service.sessions.remove(page.request.cookies.get(name, ""))
    if page.one("everywhere") == "yes":
        page.caller.service.sessions.clear(lambda one: one.token == page.session.token)
    answer = redirect("/login")
    answer.delete_cookie(name, **_cookie(page.request))
    return answer


@router.get("/")
@needs()
def home(page: PageDep) -> Response:
    """List the galleries a user may see; open the only one at once."""
    own = page.caller.galleries
    if not own and page.caller.service.pilot is not None:
        return redirect("/pilot")
    if len(own) == 1:
        return redirect(f"/g/{own[0].settings.id}/{_first(page)}")
    labels = page.caller.service.labels
    shown = [gallery_out(one, labels[one.settings.id]) for one in own]
    return page.show("home.html.j2", galleries=shown, first=_first(page))


def _cookie(request: Request) -> dict[str, Any]:
    return {"httponly": True, "samesite": "strict", "secure": request.url.scheme == "https"}


def _first(page: PageDep) -> str:
    return "ask" if page.caller.token.allows("query") else "persons"
