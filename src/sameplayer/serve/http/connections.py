"""Connections: how many, how long a head may take, and how they end when the server stops.

At the end requests have some seconds to be answered, then they are refused.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

STOPPING = 10  # seconds in which a server that is stopped ends, whatever is being worked on
ANSWERING = 6  # of them, in which requests may still be answered
ENDING = 2  # of them, in which threads may end
HERE = ("127.", "::/64")  # this machine, such as a proxy on it: nobody else would come first


class Places:
    """Places for ``most`` connections, at most half of them for one address of another machine.

    A new connection takes the place of the oldest that waits for a request, where there is no
    other: first of its own address, and of any once all places are taken.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: dict[Any, str] = {}

    def take(self, connection: Any, address: str) -> bool:
        """Give a connection a place; False where its address has its half and all of it is busy.

        connection    has ``idle``, a bool, and ``leave()``, which closes it
        """
        own = neighbours(address)
        of_it = [one for one, its in self._taken.items() if its == own]
        half = self._most if own.startswith(HERE) else max(1, self._most // 2)
        if len(of_it) >= half:
            if not self._free(of_it):
                return False
        elif len(self._taken) >= self._most:
            self._free(list(self._taken))  # where all are busy the server answers with 503
        self._taken[connection] = own
        return True

    def leave(self, connection: Any) -> None:
        """Give back the place of a connection; one without a place may leave too."""
        self._taken.pop(connection, None)

    def _free(self, among: list[Any]) -> bool:
        oldest = next((one for one in among if one.idle), None)
        if oldest is None:
            return False
        self.leave(oldest)
        oldest.leave()
        return True


def neighbours(address: str) -> str:
    """Return what counts as one address: of IPv6 the network of 64 bits, which one site has."""
    try:
        found = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))


def patient(seconds: float, places: Places) -> type[H11Protocol]:
    """Return uvicorn's protocol with a bound on connections, and on the time of a request's head.

    seconds    in which the head of a request must have come
    """

    class Patient(H11Protocol):
        _late: asyncio.TimerHandle | None = None

        @property
        def idle(self) -> bool:
            """Tell whether no request is being answered."""
            return self.cycle is None or self.cycle.response_complete

        def leave(self) -> None:
            """Close the connection."""
            self.transport.close()

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if places.take(self, self.client[0] if self.client else ""):
                self._wait()
            else:
                self.leave()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.idle and self.timeout_keep_alive_task is None:
                self._wait()
            else:
                self._no_more_wait()

        def connection_lost(self, exc: Exception | None) -> None:
            places.leave(self)
            self._no_more_wait()
            super().connection_lost(exc)

        def _wait(self) -> None:
            if self._late is None:
                self._late = self.loop.call_later(seconds, self.leave)

        def _no_more_wait(self) -> None:
            if self._late is not None:
                self._late.cancel()
                self._late = None

    return Patient


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
