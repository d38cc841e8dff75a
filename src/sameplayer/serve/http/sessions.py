"""Who is logged in to the pages, and the pictures that were asked about a moment ago.

Both are in memory only: after a restart people log in again, and nothing of it is on a disk.
"""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from sameplayer.gallery.core.records import Answer, NewPicture

T = TypeVar("T")
IDLE_SECONDS = 12 * 3600.0  # seconds without a request
SESSION_SECONDS = 7 * 24 * 3600.0  # seconds that a login counts, also where it is used all the time
EACH = 20  # logins of one token; the one that was used longest ago goes first
SESSIONS = 10_000
QUERY_SECONDS = 15 * 60.0  # seconds that pictures which were asked about are held
HELD_BYTES = 64_000_000  # of all of them


@dataclass(frozen=True)
class Session:
    """A login: its token, its time, and the CSRF token that its forms must carry."""

    token: str
    made: float = field(default_factory=time.monotonic)
    csrf_token: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    def has_csrf_token(self, given: str) -> bool:
        """Tell whether a form came from a page of this session."""
        return hmac.compare_digest(given.encode(), self.csrf_token.encode())


@dataclass(frozen=True)
class Asked:
    """Pictures that somebody asked about, and the answers; each answer is about some of them."""

    gallery: str
    owner: str
    groups: tuple[tuple[tuple[NewPicture, ...], Answer], ...]

    @property
    def size(self) -> int:
        """Bytes of the pictures."""
        return sum(
            len(one.content or b"") + one.vector.nbytes for group, _ in self.groups for one in group
        )


class Recent(Generic[T]):
    """Keeps things by a random key for a while after they were last asked for; threads share it.

    most     things, or their ``size`` together where that is given; the oldest go first
    """

    def __init__(
        self,
        seconds: float,
        most: float,
        size: Callable[[T], float] = lambda _: 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seconds, self._most, self._size, self._clock = seconds, most, size, clock
        self._things: OrderedDict[str, tuple[float, T]] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, thing: T) -> str:
        """Keep a thing; return its key."""
        key = secrets.token_urlsafe(32)
        with self._lock:
            self._things[key] = (self._clock(), thing)
            self._drop()
        return key

    def get(self, key: str) -> T | None:
        """Return the thing of a key, or None once it is gone."""
        with self._lock:
            self._drop()
            found = self._things.get(key)
            if found is None:
                return None
            self._things[key] = (self._clock(), found[1])
            self._things.move_to_end(key)
            return found[1]

    def remove(self, key: str) -> None:
        """Drop a thing."""
        with self._lock:
            self._things.pop(key, None)

    def clear(self, which: Callable[[T], bool]) -> None:
        """Drop some things."""
        with self._lock:
            for key in [key for key, (_, one) in self._things.items() if which(one)]:
                del self._things[key]

    def _drop(self) -> None:
        until = self._clock() - self._seconds
        whole = sum(self._size(one) for _, one in self._things.values())
        while self._things:
            at, oldest = next(iter(self._things.values()))
            if at >= until and whole <= self._most:
                return
            whole -= self._size(oldest)
            self._things.popitem(last=False)


class Sessions(Recent[Session]):
    """Logged-in browsers: a few per token, none for longer than ``SESSION_SECONDS``."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(IDLE_SECONDS, SESSIONS, clock=clock)

    def add(self, thing: Session) -> str:
        """Keep a login; return its key. The logins of other tokens stay."""
        with self._lock:
            own = [key for key, (_, one) in self._things.items() if one.token == thing.token]
            for key in own[: max(0, len(own) + 1 - EACH)]:
                del self._things[key]
        return super().add(thing)

    def get(self, key: str) -> Session | None:
        """Return the login of a key, or None once it is over."""
        found = super().get(key)
        if found is not None and self._clock() - found.made > SESSION_SECONDS:
            self.remove(key)
            return None
        return found


def recent_queries() -> Recent[Asked]:
    """Return an empty list of pictures that were asked about."""
    return Recent(QUERY_SECONDS, HELD_BYTES, lambda one: one.size)
