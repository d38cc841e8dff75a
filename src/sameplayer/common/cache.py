"""The latest few things that were made: each is made once, however many threads ask for it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from pathlib import Path
from threading import Lock
from typing import Generic, TypeVar

from sameplayer.errors import DataError, MissingFile, of_windows

T = TypeVar("T")


class Latest(Generic[T]):
    """Keeps the ``limit`` things asked for last; an error goes to all who wait and is forgotten."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._things: OrderedDict[Hashable, Future[T]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what ``key`` names, made by ``make`` in the first thread that asks."""
        with self._lock:
            thing = self._things.get(key)
            asked_first = thing is None
            if thing is None:
                thing = self._things[key] = Future()
            self._things.move_to_end(key)
            while len(self._things) > self._limit:
                self._things.popitem(last=False)
        if asked_first:
            try:
                thing.set_result(make())
            except BaseException as error:
                with self._lock:
                    if self._things.get(key) is thing:
                        del self._things[key]
                thing.set_exception(error)
        return thing.result()


def file_version(path: Path) -> tuple[str, int, int]:
    """Return what tells a file from what it was before: name, time of change, size.

    Raises MissingFile where there is none, DataError where it cannot be looked at.
    """
    try:
        facts = path.stat()
    except FileNotFoundError:
        raise MissingFile(f"{path}: no such file.{of_windows(path)}") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}).") from error
    return str(path), facts.st_mtime_ns, facts.st_size
