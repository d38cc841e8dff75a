"""A storage in memory that fails, answers late, writes twice and cuts uploads short."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import fsspec
from fsspec.implementations.memory import MemoryFileSystem


class FaultyFileSystem(MemoryFileSystem):  # type: ignore[misc]
    """``faulty://folder/name``; what goes wrong is set on the class."""

    protocol = "faulty"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    every: ClassVar[int] = 0  # of so many requests, one fails
    late: ClassVar[int] = 0  # so often a new name is not found
    cut: ClassVar[int] = 0  # of so many uploads, one is cut short and says nothing
    silent: ClassVar[bool] = False  # nothing answers
    requests: ClassVar[int] = 0
    failed: ClassVar[int] = 0
    uploads: ClassVar[int] = 0
    hidden: ClassVar[dict[str, int]] = {}

    @classmethod
    def reset(cls, **faults: Any) -> None:
        cls.store.clear()
        cls.hidden.clear()
        cls.pseudo_dirs[:] = [""]
        for name in ("every", "late", "cut", "silent", "requests", "failed", "uploads"):
            setattr(cls, name, faults.get(name, 0))

    def _request(self, path: str = "") -> None:
        cls = type(self)
        cls.requests += 1
        if cls.silent or (cls.every and cls.requests % cls.every == 0):
            cls.failed += 1
            raise (TimeoutError if cls.failed % 2 else OSError)("the service is unavailable")
        path = self._strip_protocol(path)
        if cls.hidden.get(path, 0) > 0:
            cls.hidden[path] -= 1
            raise FileNotFoundError(path)

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> list[Any]:
        self._request()
        found: list[Any] = super().ls(path, detail=detail, **kwargs)
        return found

    def info(self, path: str, **kwargs: Any) -> dict[str, Any]:
        self._request(path)
        found: dict[str, Any] = super().info(path, **kwargs)
        return found

    def cat_file(self, path: str, *args: Any, **kwargs: Any) -> bytes:
        self._request(path)
        content: bytes = super().cat_file(path, *args, **kwargs)
        return content

    def rm_file(self, path: str) -> None:
        self._request()
        super().rm_file(path)

    def put_file(self, lpath: str, rpath: str, *args: Any, **kwargs: Any) -> None:
        self._request()
        cls, path = type(self), self._strip_protocol(rpath)
        cls.uploads += 1
        content = Path(lpath).read_bytes()
        if cls.cut and cls.uploads % cls.cut == 0:
            content = content[: len(content) // 2]
        new = path not in cls.store
        for _ in range(2):
            self.pipe_file(path, content)
        if new:
            cls.hidden[path] = cls.late

    def mv(self, path1: str, path2: str, **kwargs: Any) -> None:
        self._request()
        self.pipe_file(path2, super().cat_file(path1))
        super().rm_file(path1)
        if type(self).requests % 7 == 0:
            raise TimeoutError("it was moved, and the answer was lost")


class FaultyObjects(FaultyFileSystem):
    """The same, where a put is whole by itself, as in S3."""

    protocol = ("faultys3", "s3")


for kind in (FaultyFileSystem, FaultyObjects):
    names = (kind.protocol,) if isinstance(kind.protocol, str) else kind.protocol[:1]
    fsspec.register_implementation(names[0], kind, clobber=True)
