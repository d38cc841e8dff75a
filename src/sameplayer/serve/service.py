"""What the server holds: galleries, who may use them, threads, turns, and what is counted."""

from __future__ import annotations

import asyncio
import gc
import hmac
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import ParamSpec, TypeVar

from sameplayer.errors import ConfigError
from sameplayer.gallery import review
from sameplayer.gallery.gallery import Gallery
from sameplayer.pilot.folder import Pilot
from sameplayer.serve.limits import Limits
from sameplayer.serve.metrics import Metrics
from sameplayer.serve.problems import Refused
from sameplayer.serve.sessions import recently_asked, sessions
from sameplayer.serve.tokens import SCOPES, Token, find_token, hash_of
from sameplayer.serve.turns import Buckets, Gate

P = ParamSpec("P")
R = TypeVar("R")
OWNER = Token("owner", "whoever runs the server", SCOPES, "")


@dataclass(frozen=True)
class Caller:
    """Who sent a request, checked: the token, and the gallery that it is good for."""

    service: Service
    token: Token
    own: Gallery | None = None

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


class Service:
    """Everything that requests share."""

    def __init__(
        self,
        galleries: Mapping[str, Gallery],
        limits: Limits,
        owner_tokens: Iterable[str] = (),
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
        self._owners = [hash_of(text) for text in owner_tokens]
        self.pool = ThreadPoolExecutor(limits.light + limits.heavy, "serve")
        self.gates = {
            False: Gate(limits.light, limits.waiting, limits.patience),
            True: Gate(limits.heavy, limits.waiting, limits.patience),
        }
        self.rates = Buckets(limits.rate, limits.burst)
        self.failures = Buckets(0.5, limits.failures)
        self.encoder_turn = threading.Semaphore(1)
        self.metrics = Metrics()
        self.sessions = sessions()
        self.asked = recently_asked()
        self.hidden = {str(one.folder): "the gallery" for one in self.galleries.values()}
        if pilot is not None:
            self.hidden[str(pilot.folder)] = "the pilot"

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a function in one of the server's threads, which keep their connections."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.pool, partial(function, *args, **kwargs))

    def caller(self, text: str, gallery: str | None) -> Caller:
        """Return who has this token; Refused (401, 404) where it is not good for the gallery."""
        if self.is_owner(text):
            if gallery is not None and gallery not in self.galleries:
                raise no_gallery()
            return Caller(self, OWNER, None if gallery is None else self.galleries[gallery])
        if gallery in self.galleries:
            token = find_token(self.galleries[gallery], text)
            if token is not None:
                return Caller(self, token, self.galleries[gallery])
        for own in self.open_to(text):
            if gallery is None:
                token = find_token(own, text)
                return Caller(self, token or OWNER, None)
            raise no_gallery()
        raise unknown_token("no such token, or it counts no more" if text else "no token")

    def is_owner(self, text: str) -> bool:
        """Tell whether a token is good for everything that is served."""
        given = hash_of(text)
        return any([hmac.compare_digest(given, one) for one in self._owners])  # noqa: C419

    def holds(self, gallery: Gallery, key: str) -> bool:
        """Tell whether a token that counted a moment ago is one of this gallery."""
        with gallery.database.read() as cursor:
            return cursor.one("SELECT 1 FROM token WHERE id = ?", key) is not None

    def open_to(self, text: str) -> list[Gallery]:
        """Return the galleries that a token is good for."""
        if self.is_owner(text):
            return list(self.galleries.values())
        return [one for one in self.galleries.values() if find_token(one, text) is not None]

    def dropped(self, gallery: str) -> None:
        """Drop what memory holds of a gallery from which somebody was forgotten."""
        self.asked.clear(lambda one: one.gallery == gallery)
        review.let_go(self.galleries[gallery])
        gc.collect()

    def look(self) -> None:
        """Read a row of every gallery, and look for its pictures; raise what prevents it."""
        for one in self.galleries.values():
            one.files.refuse_moved()
            with one.database.read() as cursor:
                cursor.one("SELECT changed FROM latest")

    def close(self) -> None:
        """End the threads and the connections of the galleries."""
        self.pool.shutdown(wait=True, cancel_futures=True)
        for one in self.galleries.values():
            one.close()


def unknown_token(found: str) -> Refused:
    """Return the answer to whoever shows no token that counts."""
    return Refused(
        401, "who asks is not known", where="header Authorization", expected="Bearer TOKEN",
        found=found, do="make a token with: sameplayer gallery token",
        headers={"WWW-Authenticate": "Bearer"},
    )  # fmt: skip


def no_gallery() -> Refused:
    """Return the answer for a gallery that is not served, or not to this caller."""
    return Refused(404, "no such gallery", where="address", expected="an id of /v1/galleries")
