"""One run at a time in a folder: who works there says so, and says so again while it works."""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sameplayer.errors import DataError, SameplayerError
from sameplayer.scale.store import Store

BEAT_S = 10.0
GONE_S = 60.0  # after so long without a word a run counts as dead


@contextmanager
def claimed(store: Store, part: int = 1, parts: int = 1) -> Iterator[None]:
    """Hold a folder for one run, or one part of a run that has several.

    part, parts    which part this is, from 1, and how many there are

    Parts of equally many work beside each other. Raises DataError where another run works there:
    the same part, or one that cuts the work otherwise. The claim of a run that was killed is taken
    over: at once on its own machine, else after a minute without a word.
    """
    name, token = f"running/{part}-of-{parts}.json", secrets.token_hex(8)
    for other in store.names("running"):
        found = _read(store, other)
        same_cut = other.endswith(f"-of-{parts}.json") and other != name
        if found is not None and _works(found) and not same_cut:
            raise DataError(_busy(store, found))
    _write(store, name, token)
    kept = _read(store, name)
    if kept is None or kept["token"] != token:
        raise DataError(_busy(store, kept or {}))
    stop = threading.Event()
    beat = threading.Thread(target=_beat, args=(store, name, token, stop), daemon=True)
    beat.start()
    try:
        yield
    finally:
        stop.set()
        beat.join()
        with suppress(SameplayerError):
            store.remove(name)


def _beat(store: Store, name: str, token: str, stop: threading.Event) -> None:
    while not stop.wait(BEAT_S):
        with suppress(SameplayerError):  # a word that is lost is said again
            _write(store, name, token)


def _write(store: Store, name: str, token: str) -> None:
    facts = {"token": token, "host": socket.gethostname(), "process": os.getpid()}
    store.write_text(name, json.dumps(facts | {"time": time.time()}))


def _read(store: Store, name: str) -> dict[str, Any] | None:
    try:
        found = json.loads(store.read_text(name) or "")
        return {key: found[key] for key in ("token", "host", "process", "time")}
    except (ValueError, KeyError, TypeError):
        return None


def _works(found: dict[str, Any]) -> bool:
    if found["host"] == socket.gethostname() and os.name == "posix":
        return _alive(found["process"])
    return time.time() - float(found["time"]) < GONE_S


def _alive(process: int) -> bool:
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's
        return True
    return True


def _busy(store: Store, found: dict[str, Any]) -> str:
    who = f"process {found.get('process')} on {found.get('host')}"
    return (
        f"{store.address}: another run works in this folder ({who}); expected none, or parts of "
        "one run that are cut alike. Wait for it, stop it, or choose another folder."
    )
