"""Around the application: hosts, proxies, bounds of size and time, headers, and what is counted."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sameplayer.serve.http.hosts import HOST, Hosts, address_of
from sameplayer.serve.http.http_errors import Refused, response_of, stopping
from sameplayer.serve.http.limits import Limits
from sameplayer.serve.service import Service

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


def seen(scope: Scope, hosts: Hosts) -> Scope:
    """Return the ASGI scope with the client, scheme and host that a trusted proxy names."""
    if not hosts.trusts(address_of((scope.get("client") or ("",))[0])):
        return scope
    headers = MutableHeaders(raw=list(scope["headers"]))
    client, scheme = scope["client"], scope["scheme"]
    for hop in reversed(_listed(headers, "x-forwarded-for")):
        found = address_of(hop)
        if found is None:
            break
        client = (str(found), 0)
        if not hosts.trusts(found):
            break
    for said in _listed(headers, "x-forwarded-proto")[-1:]:
        scheme = said.lower() if said.lower() in ("http", "https") else scheme
    for host in _listed(headers, "x-forwarded-host")[-1:]:
        headers["host"] = host
    return {**scope, "client": client, "scheme": scheme, "headers": headers.raw}


def refuse_host(scope: Scope, hosts: Hosts) -> Refused | None:
    """Return the error for a request that names a malformed host, or one that is not served."""
    named = Headers(scope=scope).get("host", "")
    if not named:
        return None
    found = HOST.fullmatch(named)
    if found is None or int(found["port"] or 0) > 65535:
        return Refused(
            400,
            "the header Host is malformed",
            where="header Host",
            expected="HOST or HOST:PORT",
            found=named,
        )
    if hosts.serves(found["name"], (scope.get("server") or ("",))[0]):
        return None
    return Refused(
        421,
        "this host is not served here",
        where="header Host",
        expected="localhost, or an allowed host",
        found=named,
        hint="add it to allowed_hosts of the server",
    )


def _listed(headers: Headers, name: str) -> list[str]:
    """Return the values of a header that may be given several times, in order."""
    values = ",".join(headers.getlist(name)).split(",")
    return [one.strip() for one in values if one.strip()]
