"""What every request passes: who asks, how often, in whose turn, how large and how slow."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from fastapi.params import Form
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sameplayer.serve.http.bodies import read_in_turn
from sameplayer.serve.http.hosts import Hosts
from sameplayer.serve.http.http_errors import Refused, response_of, stopping
from sameplayer.serve.http.limits import Limits
from sameplayer.serve.http.proxies import refuse_host, seen
from sameplayer.serve.service import Caller, Service, unknown_token

R = TypeVar("R")
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}


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
            caller: Caller = values["caller"]
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


class LimitsMiddleware:
    """Around the application: hosts, bounds of size and time, safe headers, and what is counted."""

    def __init__(self, app: ASGIApp, limits: Limits, service: Service, hosts: Hosts) -> None:
        self.app, self.limits, self.service, self.hosts = app, limits, service, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, status, head = time.perf_counter(), 0, scope["method"] == "HEAD"
        # HEAD is GET without the body of the answer.
        inner = {**seen(scope, self.hosts), "method": "GET" if head else scope["method"]}
        refused = refuse_host(inner, self.hosts)
        app = self.app if refused is None else response_of(refused)

        async def told(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _with_headers(message["headers"])
            elif head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await asyncio.wait_for(send(message), self.limits.send_seconds)

        try:
            async with self.service.stop.bounded():
                await app(inner, _bounded(inner, receive, self.limits), told)
        except ClientDisconnect:
            status = status or 499  # nobody is there to be answered
        except TimeoutError:  # the server stops, or the caller does not take the answer
            if not status and not self.service.stop.over:
                raise
            if not status:
                await response_of(stopping())(inner, receive, told)
        finally:
            route = getattr(inner.get("route"), "path", "other")
            seconds = time.perf_counter() - start
            self.service.metrics.add(scope["method"], route, status or 500, seconds)


def _with_headers(given: Any) -> list[tuple[bytes, bytes]]:
    there = {name.lower() for name, _ in given}
    added = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
    return [*given, *(one for one in added if one[0] not in there)]


def _bounded(scope: Scope, receive: Receive, limits: Limits) -> Receive:
    """Return ``receive`` that refuses a body which is too large or comes too slowly."""
    read, until, whole = 0, 0.0, False
    heads = dict(scope["headers"])

    async def bounded() -> Message:
        nonlocal read, until, whole
        if whole:
            return await receive()
        most = scope.get("state", {}).get("body_bytes", limits.body_bytes)
        declared = heads.get(b"content-length", b"0")
        if not declared.isdigit() or int(declared) > most:
            raise too_large(most)
        until = until or time.monotonic() + limits.body_seconds
        try:
            message = await asyncio.wait_for(receive(), max(0.0, until - time.monotonic()))
        except TimeoutError:
            raise Refused(
                408,
                "the request came too slowly",
                where="body",
                expected=f"all of it within {limits.body_seconds:g} s",
                hint="send it again",
                headers={"Connection": "close"},
            ) from None
        read += len(message.get("body", b""))
        whole = message["type"] != "http.request" or not message.get("more_body", False)
        if read > most:
            raise too_large(most)
        return message

    return bounded


def too_large(most: int) -> Refused:
    """Return the answer to a body that is too large."""
    return Refused(
        413,
        "the request is too large",
        where="body",
        expected=f"at most {most:,} bytes",
        hint="send fewer or smaller pictures",
        headers={"Connection": "close"},
    )
