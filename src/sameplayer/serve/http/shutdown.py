"""Ending: requests have some seconds to be answered, then they are refused, and the server ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

STOPPING = 10  # seconds in which a server that is stopped ends, whatever is being worked on
ANSWERING = 6  # of them, in which requests may still be answered
ENDING = 2  # of them, in which threads may end


class Stop:
    """The moment when requests end, once there is one; used in the loop of the server."""

    def __init__(self) -> None:
        self._open: set[asyncio.Timeout] = set()
        self._at: float | None = None

    @asynccontextmanager
    async def bounded(self) -> AsyncIterator[None]:
        """Raise TimeoutError in what is inside when requests have to end; not before a stop."""
        async with asyncio.timeout_at(self._at) as own:
            self._open.add(own)
            try:
                yield
            finally:
                self._open.discard(own)

    def after(self, seconds: float) -> None:
        """End the requests that are open after some seconds, and those that come later."""
        self._at = asyncio.get_running_loop().time() + seconds
        for one in self._open:
            one.reschedule(self._at)

    @property
    def over(self) -> bool:
        """Tell whether requests had to end."""
        return self._at is not None and asyncio.get_running_loop().time() >= self._at
