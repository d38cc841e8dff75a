"""Storage: whole files in a folder, on a local disk or at any address that fsspec knows.

A failed request to remote storage is repeated for some seconds, and so is one for a file that must
exist. A written file counts as written only once its size has been checked.
"""

from __future__ import annotations

import io
import os
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sameplayer.errors import ConfigError, DataError, MissingFile

WHOLE_PUTS = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oci"}
PARTIAL = ".partial"

T = TypeVar("T")


class StorageUnavailable(DataError):  # noqa: N818
    """Remote storage does not answer, so its content is not known."""


@dataclass(frozen=True)
class RetryPolicy:
    """How often, and how long apart, requests to remote storage are repeated."""

    attempts: int = 5
    """Requests in all, the first one included."""
    first_s: float = 0.2
    """Seconds before the second attempt; each further pause is twice as long."""


RETRY = RetryPolicy()


class Storage:
    """The files of a folder.

    local    its path on a local disk, which needs no retries; None for remote storage

    All methods raise MissingFile; StorageUnavailable where remote storage does not answer in time;
    DataError for errors of a local disk.
    """

    def __init__(self, address: str, retry: RetryPolicy | None) -> None:
        self.address, self.retry = address, retry or RETRY
        self._fs, root = _open(address)
        self._root = root.rstrip("/")
        self.local = root if _is_local(self._fs) else None
        self._written: set[str] = set()  # by this object: such a name must be there

    def place(self, name: str) -> str:
        """Return the full address of a name, for messages."""
        return f"{self.address.rstrip('/')}/{name}"

    def path(self, name: str) -> str:
        """Return a name as the file system takes it."""
        return f"{self._root}/{name}"

    def names(self, folder: str) -> list[str]:
        try:
            found = self._request(lambda: self._fs.ls(self.path(folder), detail=False), folder)
        except MissingFile:
            return []
        return sorted(f"{folder}/{Path(path).name}".removeprefix("./") for path in found)

    def age(self, name: str) -> float:
        """Return seconds since a file was written; 0 where the storage does not say."""
        try:
            changed = self._request(lambda: self._fs.modified(self.path(name)), name)
            return time.time() - float(changed.timestamp())
        except DataError:
            return 0.0

    def read(self, name: str, *, sure: bool = False) -> bytes:
        """Return a file's content; ``sure``: it must exist, so it is asked for again."""
        return bytes(self._request(lambda: self._fs.cat_file(self.path(name)), name, sure=sure))

    def open(self, name: str, *, sure: bool = False) -> _Ranges:
        """Return a remote file as one that is read piece by piece."""
        size = int(self._request(lambda: self._fs.size(self.path(name)), name, sure=sure))
        return _Ranges(lambda start, stop: self._range(name, start, stop), size)

    def _range(self, name: str, start: int, stop: int) -> bytes:
        def request() -> bytes:
            content = bytes(self._fs.cat_file(self.path(name), start=start, end=stop))
            if len(content) != stop - start:
                raise OSError(f"{len(content)} bytes came; expected {stop - start}")
            return content

        return self._request(request, name, sure=True)

    def write(self, source: Path, name: str) -> None:
        """Copy a local file to remote storage; repeating a step changes nothing."""
        if _protocols(self._fs) & WHOLE_PUTS:
            self._put(source, name)
        else:
            moved = f"{name}.{secrets.token_hex(8)}{PARTIAL}"
            folder = self.path(name).rpartition("/")[0]
            self._request(lambda: self._fs.makedirs(folder, exist_ok=True), name)
            self._put(source, moved)
            with suppress(MissingFile):  # it was moved, and the answer was lost
                self._request(lambda: self._fs.mv(self.path(moved), self.path(name)), name)
            if self._size(name) != source.stat().st_size:
                raise StorageUnavailable(
                    f"{self.place(name)}: kept in part only. Run the same command again."
                )
        self._written.add(name)

    def _put(self, source: Path, name: str) -> None:
        """Upload a file until its size there is right."""
        expected = source.stat().st_size
        for seconds in self.pauses():
            self._request(lambda: self._fs.put_file(str(source), self.path(name)), name)
            found = self._size(name)
            if found == expected:
                return
            time.sleep(seconds)
        raise StorageUnavailable(
            f"{self.place(name)}: the storage kept {found} of {expected} bytes in each of "
            f"{self.retry.attempts} attempts. Finished parts are kept; run the same command again."
        )

    def _size(self, name: str) -> int:
        return int(self._request(lambda: self._fs.size(self.path(name)), name, sure=True))

    def remove(self, name: str) -> None:
        self._written.discard(name)
        self._request(lambda: self._fs.rm_file(self.path(name)), name)

    def pauses(self) -> list[float]:
        """Return the seconds to wait after each attempt."""
        if self.local is not None:
            return [0.0]
        return [self.retry.first_s * 2**attempt for attempt in range(self.retry.attempts)]

    def _request(self, request: Callable[[], T], name: str, *, sure: bool = False) -> T:
        """Make a request, and repeat it while remote storage fails."""
        pauses = self.pauses()
        for attempt, seconds in enumerate(pauses, 1):
            last = attempt == len(pauses)
            try:
                self._fs.invalidate_cache()  # others write too
                return request()
            except FileNotFoundError:
                if last or not (sure or name in self._written):
                    raise MissingFile(f"{self.place(name)}: no such file.") from None
            except Exception as error:  # each kind of storage has errors of its own
                if last:
                    raise self._refused(error, name, attempt) from error
            time.sleep(seconds)
        raise AssertionError("not reached")

    def _refused(self, error: Exception, name: str, attempts: int) -> DataError:
        if self.local is not None:
            said = getattr(error, "strerror", None) or error
            return DataError(f"{self.place(name)}: cannot be read or changed ({said}).")
        return StorageUnavailable(
            f"{self.place(name)}: the storage failed {attempts} times "
            f"({type(error).__name__}: {error}). Finished parts are kept; run the same command "
            "again."
        )


class _Ranges(io.RawIOBase):
    """A remote file; each read is a request of its own, which is repeated where it fails."""

    def __init__(self, request: Callable[[int, int], bytes], size: int) -> None:
        self._request, self._size, self._at = request, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        stop = self._size if size is None or size < 0 else min(self._at + size, self._size)
        content = self._request(self._at, stop) if stop > self._at else b""
        self._at += len(content)
        return content


def _open(address: str) -> tuple[Any, str]:
    import fsspec

    try:
        fs, root = fsspec.core.url_to_fs(address)
    except ImportError as error:
        raise ConfigError(f"{address}: this kind of storage needs a package ({error}).") from error
    except (ValueError, OSError) as error:
        raise ConfigError(f"{address}: no address that fsspec knows ({error}).") from error
    return fs, str(root)


def _is_local(fs: Any) -> bool:
    from fsspec.implementations.local import LocalFileSystem

    return isinstance(fs, LocalFileSystem)


def _protocols(fs: Any) -> set[str]:
    return {fs.protocol} if isinstance(fs.protocol, str) else set(fs.protocol)
