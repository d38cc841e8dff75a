"""Bodies of requests: read whole before a turn is taken, and only so many at once.

A caller who sends slowly holds room for bodies, and never more than a part of it; turns are for
work.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Request

from sameplayer.serve.http.limits import Limits
from sameplayer.serve.http.rate_limit import ConcurrencyLimit

PART = 3  # a caller may hold this part of the room


class BodyLimit:
    """BodyLimit for some bodies at once, a part of it for each caller."""

    def __init__(self, most: int, limits: Limits) -> None:
        self._most, self._limits = max(1, most), limits
        self._whole = self._gate(self._most)
        self._own: dict[str, ConcurrencyLimit] = {}

    @asynccontextmanager
    async def of(self, caller: str) -> AsyncIterator[None]:
        """Wait for room; Refused (503) where too many wait, or it takes too long."""
        own = self._own.setdefault(caller, self._gate(max(1, self._most // PART)))
        try:
            async with own.acquire(), self._whole.acquire():
                yield
        finally:
            if not own.inside and not own.waiting:
                self._own.pop(caller, None)

    def _gate(self, most: int) -> ConcurrencyLimit:
        return ConcurrencyLimit(most, self._limits.waiting, self._limits.queue_seconds)


def body_limits(limits: Limits) -> dict[bool, BodyLimit]:
    """Return room for bodies with pictures (True) and without: as many bytes for each."""
    small = limits.bodies * limits.body_bytes // limits.json_bytes
    return {True: BodyLimit(limits.bodies, limits), False: BodyLimit(small, limits)}


def bound_body(request: Request, most: int) -> None:
    """Let the body of a request have so many bytes, and not as many as any request may."""
    request.state.body_bytes = min(most, request.app.state.service.limits.body_bytes)


@asynccontextmanager
async def read_in_turn(request: Request, caller: str, heavy: bool) -> AsyncIterator[None]:
    """Read the body of a request, then take a turn; Refused (503) where either takes too long."""
    service = request.app.state.service
    if request.method in ("GET", "HEAD"):
        async with service.gates[heavy].acquire():
            yield
        return
    limits: Limits = service.limits
    bound_body(request, limits.body_bytes if heavy else limits.json_bytes)
    async with service.body_limits[heavy].of(caller):
        await request.body()  # what reads the request later finds it there
        async with service.gates[heavy].acquire():
            yield
