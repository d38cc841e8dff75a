"""A small cache for threads: each value is made once, however many threads ask for it."""

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
    """Keeps the ``limit`` values asked for last; errors reach all who wait and are not kept."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._values: OrderedDict[Hashable, Future[T]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the value of ``key``; the first thread that asks makes it with ``make``."""
        with self._lock:
            value = self._values.get(key)
            asked_first = value is None
            if value is None:
                value = self._values[key] = Future()
            self._values.move_to_end(key)
            while len(self._values) > self._limit:
                self._values.popitem(last=False)
        if asked_first:
            try:
                value.set_result(make())
            except BaseException as error:
                with self._lock:
                    if self._values.get(key) is value:
                        del self._values[key]
                value.set_exception(error)
        return value.result()


def file_version(path: Path) -> tuple[str, int, int]:
    """Return name, time of change and size of a file, which differ once it has changed.

    Raises MissingFile where there is none, DataError where it cannot be read.
    """
    try:
        facts = path.stat()
    except FileNotFoundError:
        raise MissingFile(f"{path}: no such file.{of_windows(path)}") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}).") from error
    return str(path), facts.st_mtime_ns, facts.st_size
