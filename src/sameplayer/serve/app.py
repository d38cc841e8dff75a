"""The application: the API and the pages over the galleries of one server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, PlainTextResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from sameplayer._version import __version__
from sameplayer.errors import SameplayerError
from sameplayer.gallery.gallery import Gallery
from sameplayer.pilot.folder import Pilot
from sameplayer.serve.api import correct as api_correct
from sameplayer.serve.api import query as api_ask
from sameplayer.serve.api import read as api_read
from sameplayer.serve.http.hosts import Hosts
from sameplayer.serve.http.http_errors import (
    KINDS,
    as_refused,
    describe_problems,
    invalid,
    logger,
    response_of,
)
from sameplayer.serve.http.limits import Limits
from sameplayer.serve.middleware import LimitsMiddleware
from sameplayer.serve.pages import history as page_record
from sameplayer.serve.pages import home as page_home
from sameplayer.serve.pages import person as page_person
from sameplayer.serve.pages import pilot as page_pilot
from sameplayer.serve.pages import query as page_ask
from sameplayer.serve.pages import review as page_review
from sameplayer.serve.pages.base import frame_of, pages
from sameplayer.serve.service import Service

USUAL, ANY = Limits(), Hosts()
ROUTERS = (
    api_read.router,
    api_ask.router,
    api_correct.router,
    page_home.public_router,
    page_home.router,
    page_ask.router,
    page_person.router,
    page_review.router,
    page_record.router,
    page_pilot.router,
)
ABOUT = """Who is this? Ask a lasting gallery of known players, and correct it.

Send a token in the head of every request: `Authorization: Bearer TOKEN`. Errors are problem details
(RFC 9457, `application/problem+json`) that also say where, what was expected and found, and what to
do. HEAD is answered where GET is."""


def create_app(
    galleries: Mapping[str, Gallery],
    *,
    limits: Limits = USUAL,
    admin_tokens: Iterable[str] = (),
    pilot: Pilot | None = None,
    hosts: Hosts = ANY,
) -> FastAPI:
    """Return the application, for any ASGI server.

    galleries       open galleries, by the label that people see
    admin_tokens    tokens that may do everything in all of them, beside those in the galleries
    pilot           a pilot whose questions are asked beside them, or instead
    hosts           proxies that are believed, and host names that are served

    It closes the galleries when it ends. Raises ConfigError for two copies of one gallery.
    """
    service = Service(galleries, limits, admin_tokens, pilot)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        service.close()

    app = FastAPI(
        title="sameplayer",
        version=__version__,
        description=ABOUT,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        form_limits={"max_files": limits.crops + 1, "max_fields": 64, "max_part_size": 10_000},
    )
    app.state.service = service
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/static", StaticFiles(packages=[("sameplayer.serve", "static")]), "static")
    _add_health(app, service)
    for kind in (HTTPException, SameplayerError, RequestValidationError, Exception):
        app.add_exception_handler(kind, _answer_error)
    describe_problems(app)
    app.add_middleware(LimitsMiddleware, limits=limits, service=service, hosts=hosts)
    return app


async def _answer_error(request: Request, error: Exception) -> Response:
    service: Service = request.app.state.service
    refused = (
        invalid(error.errors())
        if isinstance(error, RequestValidationError)
        else as_refused(error, service.hidden)
    )
    if request.url.path.startswith("/v1"):
        return response_of(refused)
    frame = frame_of(request)
    back = (
        frame.get("base_url")
        and request.url.path == f"{frame['base_url']}/ask"
        and request.url.path
    )
    text = pages.get_template("error.html.j2").render(
        said=refused.said, kind=KINDS.get(refused.status_code, "failed"), back=back or "/", **frame
    )
    return HTMLResponse(text, refused.status_code, refused.headers)


def _add_health(app: FastAPI, service: Service) -> None:
    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> PlainTextResponse:
        """Say that the process is alive."""
        return PlainTextResponse("ok\n")

    @app.get("/readyz", include_in_schema=False)
    async def readyz() -> PlainTextResponse:
        """Every gallery can be read."""
        try:
            await service.run(service.check_ready)
        except SameplayerError as error:
            logger.error("%s", error)
            return PlainTextResponse("database not reachable\n", 503, {"Retry-After": "5"})
        return PlainTextResponse("ok\n")

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> PlainTextResponse:
        """Return counters for Prometheus, without names or ids."""
        gauges = {
            "requests_inside": (
                "Requests that are worked on.",
                sum(one.inside for one in service.gates.values()),
            ),
            "requests_waiting": (
                "Requests that wait for their turn.",
                sum(one.waiting for one in service.gates.values()),
            ),
            "galleries": ("Galleries that are served.", len(service.galleries)),
        }
        return PlainTextResponse(
            service.metrics.text(gauges), media_type="text/plain; version=0.0.4"
        )
