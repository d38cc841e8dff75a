"""The server: where it listens, for whom, and how long it waits for slow callers."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from sameplayer.errors import ConfigError, DataError, MissingFile
from sameplayer.gallery.gallery import Gallery
from sameplayer.gallery.tokens import any_token
from sameplayer.serve.http.connections import ANSWERING, ENDING, STOPPING, Places, patient
from sameplayer.serve.http.hosts import is_loopback
from sameplayer.serve.http.limits import Limits

SHORTEST = 20  # letters of a token in a file


def admin_tokens(
    host: str, galleries: Sequence[Gallery], file: Path | None, pilot: bool = False
) -> tuple[list[str], str | None]:
    """Return the tokens that are good for all galleries, and one made for this run, if it was.

    One is made where nobody could use the server otherwise, and only this machine reaches it.
    Raises ConfigError for an address that others reach while no token exists.
    """
    if file is not None:
        return [read_token(file)], None
    without = [one for one in galleries if not any_token(one)]
    if not without and not pilot:
        return [], None
    if not is_loopback(host):
        raise ConfigError(
            f"Others reach {host}, but {_those(len(without), pilot)} no token; expected one in "
            "each gallery, or a file with a token for all. Make one with: sameplayer gallery token"
        )
    made = secrets.token_urlsafe(32)
    return [made], made


def _those(galleries: int, pilot: bool) -> str:
    words = f"{galleries} of the galleries" if galleries else ""
    return " and ".join([one for one in (words, "the pilot" if pilot else "") if one]) + (
        " has" if pilot and not galleries else " have"
    )


def read_token(file: Path) -> str:
    """Return the token of a file; MissingFile, DataError for an empty, short or open one."""
    try:
        text = file.read_text(encoding="utf-8").strip()
        mode = file.stat().st_mode
    except FileNotFoundError:
        raise MissingFile(f"{file}: no such file; expected one that holds a token.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: cannot be read as text ({error}).") from error
    if len(text) < SHORTEST or len(text.split()) != 1:
        raise DataError(
            f"{file}: holds no token; expected one line of {SHORTEST} letters or more, such as "
            "python -c 'import secrets; print(secrets.token_urlsafe(32))' prints."
        )
    if mode & 0o077:
        raise DataError(f"{file}: others may read it; expected chmod 600.")
    return text


class Server(uvicorn.Server):
    """A server that ends within ``STOPPING`` seconds, with an answer to every request."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let requests end for a while, then refuse those that are left, and end."""
        self.config.app.state.service.stop.after(ANSWERING)  # type: ignore[union-attr]
        await super().shutdown(sockets)


def make_server(app: FastAPI, host: str, port: int, limits: Limits) -> Server:
    """Return a server that is not started; it keeps no log of addresses."""
    most = 2 * limits.waiting
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=patient(limits.header_seconds, Places(most - 1)),
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=10,
        backlog=256,
        loop="asyncio",
        timeout_graceful_shutdown=STOPPING - ENDING,
        limit_concurrency=most,
    )
    return Server(config)


def serve(server: Server, started: Callable[[], None]) -> None:
    """Run until it is stopped; call ``started`` once it listens.

    Where a thread still works in native code, such as an encoder, this ends the process: no
    thread can be ended from outside. Raises DataError where the address cannot be listened on.
    """

    async def run() -> None:
        task = asyncio.create_task(server.serve())
        while not server.started and not task.done():
            await asyncio.sleep(0.02)
        if server.started:
            started()
        await task

    try:
        asyncio.run(run())
    except SystemExit:
        raise DataError(
            f"{server.config.host}:{server.config.port} cannot be listened on: another program "
            "does, or the address is not this machine's. Give another port."
        ) from None
    finally:
        if server.config.app.state.service.stuck:  # type: ignore[union-attr]
            sys.stdout.flush()
            os._exit(130 if isinstance(sys.exception(), KeyboardInterrupt) else 0)
