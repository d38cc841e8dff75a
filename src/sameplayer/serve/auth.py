"""Who asks, whether they may, how often, and in whose turn: what every route of the API passes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from fastapi.params import Form
from fastapi.responses import Response
from fastapi.routing import APIRoute

from sameplayer.serve.http.http_errors import Refused
from sameplayer.serve.http.rate_limit import read_in_turn
from sameplayer.serve.service import Caller, Service, unknown_token

R = TypeVar("R")


@dataclass(frozen=True)
class Needs:
    """What a route needs: scopes of its caller, and a turn among the heavy or the light ones."""

    scopes: tuple[str, ...]
    heavy: bool = False


def needs(*scopes: str, heavy: bool = False) -> Callable[[Callable[..., R]], Callable[..., Any]]:
    """Declare what a route needs; its function, an ordinary one, runs in the server's threads."""

    def declare(function: Callable[..., R]) -> Callable[..., Coroutine[Any, Any, R]]:
        @functools.wraps(function)
        async def threaded(**values: Any) -> R:
            caller: Caller = values["caller"] if "caller" in values else values["page"].caller
            return await caller.service.run(function, **values)

        threaded.needs = Needs(scopes, heavy)  # type: ignore[attr-defined]
        return threaded

    return declare


class GuardedRoute(APIRoute):
    """A route whose caller is known and allowed before the body is read; then it waits its turn."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()
        asked: Needs = self.endpoint.needs  # type: ignore[attr-defined]

        async def guarded(request: Request) -> Response:
            service: Service = request.app.state.service
            caller = await authenticate(request, service, bearer(request))
            authorize(request, caller, asked.scopes)
            if self.body_field is not None:
                refuse_kind(request, isinstance(self.body_field.field_info, Form))
            async with read_in_turn(request, caller.token.id, asked.heavy):
                return await answer(request)

        return guarded


def refuse_kind(request: Request, form: bool) -> None:
    """Refuse (415) a body of another kind than the route takes: a form with files, or JSON."""
    expected = "multipart/form-data" if form else "application/json"
    found = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if found != expected:
        raise Refused(
            415,
            "a body of another kind",
            where="header Content-Type",
            expected=expected,
            found=found,
            hint="send it as that",
        )


async def authenticate(request: Request, service: Service, text: str) -> Caller:
    """Return who has this token; Refused (401, 404) where nobody does.

    Wrong tokens count against the address that sends them, and many are refused with 429. A right
    one is never refused for the wrong ones of others, and a request without a token is no guess.
    """
    if not text:
        raise unknown_token("no token")
    try:
        return await service.run(service.caller, text, request.path_params.get("gallery"))
    except Refused as error:
        if error.status_code == 401:
            address = request.client.host if request.client else "unknown"
            refuse_rate(service.failures.wait(address))
            service.failures.take(address)
        raise


def authorize(request: Request, caller: Caller, scopes: Iterable[str] = ()) -> None:
    """Keep the caller in the request; Refused (403, 429) for one who may not do this, or now."""
    service = caller.service
    refuse_rate(service.rates.wait(caller.token.id))
    service.rates.take(caller.token.id)
    for scope in scopes:
        if caller.token.allows(scope):
            continue
        raise Refused(
            403,
            f"this token may not do that; it needs the scope {scope!r}",
            where="token",
            expected=scope,
            found=" ".join(caller.token.scopes),
            hint="use a token with that scope",
        )
    request.state.caller = caller


def refuse_rate(seconds: float) -> None:
    """Refuse a caller who comes too often."""
    if seconds > 0:
        raise Refused(
            429,
            "too many requests",
            expected="fewer requests a second",
            hint=f"wait {seconds:.0f} s",
            headers={"Retry-After": str(max(1, round(seconds)))},
        )


def bearer(request: Request) -> str:
    """Return the token of a request's head; Refused (401) for a head of another kind."""
    kind, _, text = request.headers.get("authorization", "").partition(" ")
    if kind and kind.lower() != "bearer":
        raise unknown_token(f"a head of the kind {kind[:20]}")
    return text.strip()


async def _caller(request: Request) -> Caller:
    caller: Caller = request.state.caller
    return caller


CallerDep = Annotated[Caller, Depends(_caller)]
