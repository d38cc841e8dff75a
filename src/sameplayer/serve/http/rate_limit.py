"""Turns: how often a caller may come, and how many requests are in memory and worked on at once.

Bodies are read whole before a turn is taken, and only so many at once: a caller who sends slowly
holds room for bodies, and never more than a part of it; turns are for work.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import Request

from sameplayer.serve.http.http_errors import Refused
from sameplayer.serve.http.limits import Limits

PART = 3  # a caller may hold this part of the room for bodies
CALLERS = 10_000  # callers whose rate is remembered


class TokenBuckets:
    """A bucket of tokens for each caller: it fills at ``rate`` a second, up to ``burst``.

    Threads may share it.
    """

    def __init__(
        self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate, self._burst, self._clock = rate, float(burst), clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, caller: str) -> float:
        """Return the seconds until the caller may come; 0: now."""
        return max(0.0, (1.0 - self._now(caller)) / self._rate)

    def take(self, caller: str) -> None:
        """Count one request of the caller."""
        with self._lock:
            self._left[caller] = (self._now(caller) - 1.0, self._clock())
            self._left.move_to_end(caller)
            while len(self._left) > CALLERS:
                self._left.popitem(last=False)

    def _now(self, caller: str) -> float:
        left, at = self._left.get(caller, (self._burst, self._clock()))
        return min(self._burst, left + (self._clock() - at) * self._rate)


class ConcurrencyLimit:
    """Lets ``most`` through at a time; some wait in turn, for a while, and others are refused."""

    def __init__(self, most: int, waiting: int, queue_seconds: float) -> None:
        self._turn = asyncio.Semaphore(most)
        self._most_waiting, self._patience = waiting, queue_seconds
        self.waiting = self.inside = 0

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[None]:
        """Wait for one's turn; Refused (503) where too many wait, or it takes too long."""
        if self.waiting >= self._most_waiting:
            raise busy()
        self.waiting += 1
        try:
            await asyncio.wait_for(self._turn.acquire(), self._patience)
        except TimeoutError:
            raise busy() from None
        finally:
            self.waiting -= 1
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1
            self._turn.release()


class BodyLimit:
    """Room for some bodies at once, a part of it for each caller."""

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


def busy() -> Refused:
    """Return the answer of a server that has its hands full."""
    return Refused(
        503,
        "too many requests are waiting",
        expected="fewer requests at once",
        hint="send it again in a few seconds",
        headers={"Retry-After": "5"},
    )
