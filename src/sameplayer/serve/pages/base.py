"""What all pages share: who is logged in, forms that only our pages can send, templates."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.routing import APIRoute
from starlette.datastructures import UploadFile

from sameplayer.common.pages import templates
from sameplayer.gallery.core.records import percent
from sameplayer.gallery.gallery import Gallery
from sameplayer.gallery.tokens import SCOPES
from sameplayer.serve.auth import Needs, authorize
from sameplayer.serve.http.http_errors import Refused
from sameplayer.serve.http.rate_limit import read_in_turn
from sameplayer.serve.http.sessions import Session
from sameplayer.serve.service import Caller, Service

FIELDS = 1000  # of a form: pictures that are ticked, among them
BANDS = ("likely", "unsure", "unknown")
pages = templates("sameplayer.serve", "templates", trim=True)
pages.filters["percent"] = percent
pages.filters["day"] = lambda moment: (moment or "")[:10]
pages.filters["minute"] = lambda moment: (moment or "")[:16].replace("T", " ")


class PageRoute(APIRoute):
    """A page for whoever is logged in and allowed; its forms come from our own pages."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()
        asked: Needs = self.endpoint.needs  # type: ignore[attr-defined]

        async def guarded(request: Request) -> Response:
            service: Service = request.app.state.service
            session = service.sessions.get(request.cookies.get(cookie_of(request), ""))
            if session is None:
                return to_login(request)
            if request.method != "GET":
                refuse_other_sites(request)
            request.state.session = session
            try:  # the token was right when it was given: that it is gone is no guess
                caller = await service.run(
                    service.caller, session.token, request.path_params.get("gallery")
                )
            except Refused as error:
                if error.status_code == 401:
                    return to_login(request)
                raise
            authorize(request, caller, asked.scopes)
            async with read_in_turn(request, caller.token.id, asked.heavy):
                return await answer(request)

        return guarded


@dataclass(frozen=True)
class Page:
    """A request for a page: who, and what the form said."""

    request: Request
    session: Session
    caller: Caller
    fields: dict[str, list[str]] = field(default_factory=dict)
    files: list[bytes] = field(default_factory=list)

    @property
    def gallery(self) -> Gallery:
        """The gallery of the page's address."""
        return self.caller.gallery

    @property
    def base_url(self) -> str:
        """The address of the gallery's pages."""
        return f"/g/{self.gallery.settings.id}"

    def one(self, name: str, default: str = "") -> str:
        """Return a field of the form."""
        return self.fields.get(name, [default])[0]

    def show(self, template: str, status: int = 200, **values: Any) -> Response:
        """Return a page; values are escaped."""
        gallery = self.caller.own
        common = {
            **frame_of(self.request),
            "settings": None if gallery is None else gallery.refresh_settings(),
            "limits": self.caller.service.limits,
            "done": done_of(self.request),
        }
        text = pages.get_template(template).render(**{**common, **values})
        return HTMLResponse(text, status)


def frame_of(request: Request) -> dict[str, Any]:
    """Return what the menu of a page needs; nothing where nobody is known to have asked."""
    session: Session | None = getattr(request.state, "session", None)
    caller: Caller | None = getattr(request.state, "caller", None)
    if session is None or caller is None:
        return {}
    own = None if caller.own is None else caller.own.settings.id
    return {
        "csrf_token": session.csrf_token,
        "can": {one: caller.token.allows(one) for one in SCOPES},
        "label": "" if own is None else caller.service.labels[own],
        "base_url": "" if own is None else f"/g/{own}",
    }


def revision_of(page: Page, name: str) -> int:
    """Return a revision that the form carries; one that nobody can have seen where it is none."""
    found = whole_number(page.one(name))
    return -1 if found is None else found


def whole_number(text: str) -> int | None:
    """Return the number that digits 0 to 9 write, at most 15 of them; None for any other text."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def redirect(address: str) -> Response:
    """Send the browser on to a page, after a form."""
    return RedirectResponse(address, 303)


def done_of(request: Request) -> int | None:
    """Return the event that a page tells of, so that it can be undone at once."""
    return whole_number(request.query_params.get("done", ""))


def cookie_of(request: Request) -> str:
    """Return the name of the login's cookie: browsers send those of one port to all others."""
    url = request.url
    return f"sameplayer-{url.port or (443 if url.scheme == 'https' else 80)}"


def to_login(request: Request) -> Response:
    """Send the browser to the login."""
    return redirect("/login")


def refuse_other_sites(request: Request) -> None:
    """Refuse (403) a form that a page of another site sent."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    if site not in ("same-origin", "none") or foreign:
        raise Refused(
            403,
            "this form was sent by a page of another site",
            where="header Origin",
            expected="a page of this server",
            hint="open the page again",
        )


async def _page(request: Request) -> Page:
    """Return what was asked for; Refused (403) for a form without its session's word."""
    session: Session = request.state.session
    caller: Caller = request.state.caller
    if request.method == "GET":
        return Page(request, session, caller)
    crops = caller.service.limits.crops
    async with request.form(max_files=crops + 1, max_fields=FIELDS, max_part_size=10_000) as form:
        fields: dict[str, list[str]] = {}
        files = []
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                files.append(await value.read())
            else:
                fields.setdefault(name, []).append(value)
    if not session.has_csrf_token(fields.get("csrf_token", [""])[0]):
        raise Refused(
            403,
            "this form is not of your login",
            where="csrf_token",
            hint="open the page again, and send it again",
        )
    return Page(request, session, caller, fields, [one for one in files if one])


PageDep = Annotated[Page, Depends(_page)]


def page_router(prefix: str = "/g/{gallery}") -> APIRouter:
    """Return a router of pages, which stand in no schema of the API."""
    return APIRouter(
        prefix=prefix,
        route_class=PageRoute,
        include_in_schema=False,
        redirect_slashes=False,
        default_response_class=HTMLResponse,
    )
