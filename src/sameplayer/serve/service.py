"""What the server holds: galleries, who may use them, threads, turns, and what is counted."""

from __future__ import annotations

import asyncio
import gc
import hmac
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from sameplayer.errors import ConfigError
from sameplayer.gallery.gallery import Gallery
from sameplayer.gallery.review import queue as review
from sameplayer.gallery.search.lookups import check_readable
from sameplayer.gallery.tokens import SCOPES, Token, find_token, hash_of
from sameplayer.pilot.folder import Pilot
from sameplayer.serve.http.connections import ENDING, Stop
from sameplayer.serve.http.http_errors import Refused
from sameplayer.serve.http.limits import Limits
from sameplayer.serve.http.metrics import Metrics
from sameplayer.serve.http.rate_limit import ConcurrencyLimit, TokenBuckets, body_limits
from sameplayer.serve.http.sessions import Sessions, recent_queries
from sameplayer.serve.images.decoders import Decoders

P = ParamSpec("P")
R = TypeVar("R")
LOOK = 300.0  # seconds in which looks of one caller at one person are one event
ADMIN = Token("admin", "Administrator", SCOPES, "")


@dataclass(frozen=True)
class Caller:
    """Who sent a request, checked.

    token        the token
    own          the gallery that the address names
    galleries    where the address names none: all that the token is good for
    """

    service: Service
    token: Token
    own: Gallery | None = None
    galleries: tuple[Gallery, ...] = ()

    @property
    def is_admin(self) -> bool:
        """Whether the token is good for everything that is served."""
        return self.token is ADMIN

    @property
    def gallery(self) -> Gallery:
        """The gallery of the request's address."""
        if self.own is None:
            raise Refused(404, "no gallery in the address")
        return self.own

    @property
    def actor(self) -> str:
        """Who did it, for the record: the id of the token, never what people call it."""
        return f"token {self.token.id}"

    def record_view(self, *subjects: str) -> None:
        """Write that the caller sees persons or questions, given by id, as one event.

        Those that the caller saw within ``LOOK`` seconds are left out.
        """
        if not self.gallery.settings.audit_reads:
            return
        keys = {one: f"{self.gallery.settings.id} {self.actor} {one}" for one in subjects}
        looked = self.service.looked
        new = [one for one, key in keys.items() if looked.wait(key) == 0]
        if new:
            self.gallery.note(self.actor, "look", *new)
        for one in new:
            looked.take(keys[one])


class Service:
    """Everything that requests share."""

    def __init__(
        self,
        galleries: Mapping[str, Gallery],
        limits: Limits,
        admin_tokens: Iterable[str] = (),
        pilot: Pilot | None = None,
    ) -> None:
        """Take galleries by the label that people see, and tokens that are good for all of them."""
        self.galleries = {one.settings.id: one for one in galleries.values()}
        self.labels = {one.settings.id: label for label, one in galleries.items()}
        if len(self.galleries) < len(galleries):
            raise ConfigError(
                "Two of the galleries are copies of each other; expected each once. Serve one, or "
                "serve the copy by itself."
            )
        self.limits, self.pilot = limits, pilot
        self.pilot_turn = threading.Lock()
        self._admins = [hash_of(text) for text in admin_tokens]
        self.pool = ThreadPoolExecutor(limits.light + limits.heavy, "serve")
        self.gates = {
            False: ConcurrencyLimit(limits.light, limits.waiting, limits.queue_seconds),
            True: ConcurrencyLimit(limits.heavy, limits.waiting, limits.queue_seconds),
        }
        self.body_limits = body_limits(limits)
        self.stop = Stop()
        self.decoders = Decoders(limits)
        self._working: set[Future[Any]] = set()
        self.rates = TokenBuckets(limits.rate, limits.burst)
        self.failures = TokenBuckets(0.5, limits.failures)
        self.looked = looks()
        self.encoder_turn = threading.Semaphore(1)
        self.metrics = Metrics()
        self.sessions = Sessions()
        self.asked = recent_queries()
        self.hidden = {
            text: "the gallery"
            for one in self.galleries.values()
            for text in (str(one.folder), one.database.name)
        }
        if pilot is not None:
            self.hidden[str(pilot.folder)] = "the pilot"

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a function in one of the server's threads, which keep their connections."""
        work = self.pool.submit(function, *args, **kwargs)
        self._working.add(work)
        work.add_done_callback(self._working.discard)
        return await asyncio.wrap_future(work)

    def caller(self, text: str, gallery: str | None) -> Caller:
        """Return who has this token; Refused (401, 404) where it is not good for the gallery."""
        named = None if gallery is None else self.galleries.get(gallery)
        if self._is_admin(text):
            if gallery is not None and named is None:
                raise no_gallery()
            return Caller(self, ADMIN, named, () if named else tuple(self.galleries.values()))
        if named is not None:
            token = find_token(named, text)
            if token is not None:
                return Caller(self, token, named)
        # Each gallery is asked once: a token that is revoked meanwhile counts as it was found.
        found = [(one, find_token(one, text)) for one in self.galleries.values()]
        good = [(one, token) for one, token in found if token is not None]
        if not good:
            raise unknown_token("an unknown, expired or revoked token" if text else "no token")
        if gallery is not None:
            raise no_gallery()
        return Caller(self, good[0][1], None, tuple(one for one, _ in good))

    def _is_admin(self, text: str) -> bool:
        given = hash_of(text)
        return any([hmac.compare_digest(given, one) for one in self._admins])  # noqa: C419

    def evict(self, gallery: str) -> None:
        """Drop what memory holds of a gallery from which somebody was forgotten."""
        self.asked.clear(lambda one: one.gallery == gallery)
        self.looked = looks()
        review.evict_deleted(self.galleries[gallery])
        gc.collect()

    def check_ready(self) -> None:
        """Read a row of every gallery, and look for its pictures; raise what prevents it."""
        for one in self.galleries.values():
            check_readable(one)

    def close(self) -> None:
        """End decoders and threads, and close the galleries.

        Threads have ``ENDING`` seconds. Those that still work cannot be ended from outside; the
        galleries stay open for them, and ``stuck`` says so.
        """
        self.decoders.close()
        self.pool.shutdown(wait=False, cancel_futures=True)
        wait(tuple(self._working), ENDING)
        if not self.stuck:
            for one in self.galleries.values():
                one.close()

    @property
    def stuck(self) -> bool:
        """Tell whether threads still work."""
        return any(one.running() for one in tuple(self._working))


def looks() -> TokenBuckets:
    """Return an empty record of who looked at whom."""
    return TokenBuckets(1 / LOOK, 1)


def unknown_token(found: str) -> Refused:
    """Return the answer to whoever shows no token that counts."""
    return Refused(
        401,
        "missing or invalid token",
        where="header Authorization",
        expected="Bearer TOKEN",
        found=found,
        hint="make a token with: sameplayer gallery token",
        headers={"WWW-Authenticate": "Bearer"},
    )


def no_gallery() -> Refused:
    """Return the answer for a gallery that is not served, or not to this caller."""
    return Refused(404, "no such gallery", where="address", expected="an id of /v1/galleries")
