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
from pathlib import Path
from typing import Any

from sameplayer.errors import DataError, SameplayerError
from sameplayer.scale.store import Store

BEAT_S = 10.0
GONE_S = 60.0  # after so long without a word a run counts as dead
SETTLE_S = 2.0  # a claim that another began to write is to be seen by then
_HELD: set[str] = set()  # tokens of this process; storage that fails may keep a claim that ended


@contextmanager
def claimed(store: Store, part: int = 1, parts: int = 1) -> Iterator[None]:
    """Hold a folder for one run, or one part of a run that has several.

    part, parts    which part this is, from 1, and how many there are

    Parts of equally many work beside each other. Raises DataError where another run works there:
    the same part, or one that cuts the work otherwise. The claim of a run that was killed is taken
    over: at once on its own machine, else after a minute without a word, by the clocks of both.

    The claim spares work; it guards nothing. On a disk one of several that start together gets it.
    Storage elsewhere cannot promise that, nor can two that take over a dead claim in the same
    instant be told apart: both may work then, and write equal files.
    """
    name, token = f"running/{part}-of-{parts}.json", secrets.token_hex(8)
    _check_others(store, name, parts)
    _HELD.add(token)
    try:
        _take(store, name, token)
        with _told(store, name, token):
            _check_others(store, name, parts)  # that started at the same moment
            yield
    finally:
        _HELD.discard(token)
        with suppress(SameplayerError):
            found = _read(store, name)
            if found is not None and found["token"] == token:
                store.remove(name)


@contextmanager
def _told(store: Store, name: str, token: str) -> Iterator[None]:
    """Say again and again that the run is at work."""
    stop = threading.Event()
    beat = threading.Thread(target=_beat, args=(store, name, token, stop), daemon=True)
    beat.start()
    try:
        yield
    finally:
        stop.set()
        beat.join()


def _check_others(store: Store, name: str, parts: int) -> None:
    """Raise DataError where a run works that cuts the work otherwise."""
    for other in store.names("running"):
        if other.endswith(".json") and not other.endswith(f"-of-{parts}.json"):
            found = _read(store, other)
            if found is not None and _works(found):
                raise DataError(_busy(store, found))


def _take(store: Store, name: str, token: str) -> None:
    """Write the claim; DataError where another run holds it, or wrote it at the same moment."""
    if store.local is not None and store.write_new(name, _words(token)):
        return
    old = _read(store, name)
    if old is None and store.local is not None:  # another is writing it, or it is damaged
        time.sleep(SETTLE_S)
        old = _read(store, name)
    if old is not None and _works(old):
        raise DataError(_busy(store, old))
    if store.local is not None:
        store.remove(name)
        if not store.write_new(name, _words(token)):
            raise DataError(_busy(store, _read(store, name)))
        return
    store.write_text(name, _words(token))
    time.sleep(SETTLE_S)
    kept = _read(store, name)
    late = kept is not None and old is not None and kept["token"] == old["token"]
    if not late and not _is_ours(kept, token):
        raise DataError(_busy(store, kept))


def _is_ours(found: dict[str, Any] | None, token: str) -> bool:
    """Say whether a claim is this run's; where storage shows none yet, nobody else holds it."""
    return found is None or found["token"] == token


def _beat(store: Store, name: str, token: str, stop: threading.Event) -> None:
    while not stop.wait(BEAT_S):
        with suppress(SameplayerError):  # a word that is lost is said again
            if _is_ours(_read(store, name), token):
                store.write_text(name, _words(token))


def _words(token: str) -> str:
    process = os.getpid()
    facts = {"token": token, "host": socket.gethostname(), "process": process}
    return json.dumps(facts | {"started": _started(process), "time": time.time()})


def _read(store: Store, name: str) -> dict[str, Any] | None:
    """Return a claim, or None where there is none that can be read."""
    try:
        found = json.loads(store.read_text(name) or "")
        keys = ("token", "host", "process", "started", "time")
        found = {key: found[key] for key in keys}
        return found | {"process": int(found["process"]), "time": float(found["time"])}
    except (ValueError, KeyError, TypeError):
        return None


def _works(found: dict[str, Any]) -> bool:
    """Say whether the run of a claim is at work, as far as can be told from here."""
    if found["process"] == os.getpid() and found["host"] == socket.gethostname():
        return found["token"] in _HELD
    if found["host"] == socket.gethostname() and os.name == "posix":
        return _alive(found["process"], found["started"])
    return time.time() - found["time"] < GONE_S


def _alive(process: int, started: str) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # it is another user's
        pass
    return _started(process) == started


def _started(process: int) -> str:
    """Return what tells a process from a later one of its number, as after a reboot."""
    try:
        words = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except (OSError, UnicodeDecodeError):  # not Linux
        return ""
    return "ended" if words[0] == "Z" else words[19]


def _busy(store: Store, found: dict[str, Any] | None) -> str:
    who = f"process {found['process']} on {found['host']}" if found else "it just began"
    return (
        f"{store.address}: another run works in this folder ({who}); expected none, or parts of "
        "one run that are cut alike. Wait for it, stop it, or choose another folder."
    )
