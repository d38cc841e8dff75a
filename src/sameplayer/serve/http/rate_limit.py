"""Turns: how often a caller may come, and how many requests are worked on at once."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from sameplayer.serve.http.http_errors import Refused

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


def busy() -> Refused:
    """Return the answer of a server that has its hands full."""
    return Refused(
        503,
        "too many requests are waiting",
        expected="fewer requests at once",
        hint="send it again in a few seconds",
        headers={"Retry-After": "5"},
    )
