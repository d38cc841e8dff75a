"""Store: a folder of whole files, on a local disk or at any fsspec address.

A file appears under its name whole, or not at all: on a disk by a new name at the end, in object
storage by one put. Each part says what it was made from and what it holds, so that a reader can
tell a stale, foreign or damaged part from a good one.
"""

from __future__ import annotations

import json
import os
import secrets
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
from pyarrow import parquet

from sameplayer.errors import ConfigError, DataError, MissingFile
from sameplayer.scale.tables import Arrays, Digest, digest_of, from_table, to_table

KEY = b"sameplayer"
WHOLE_PUTS = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oci", "memory"}
PARTIAL = ".partial"

T = TypeVar("T")


@dataclass(frozen=True)
class Facts:
    """What a part says of itself.

    made_from    digest of the stage, its settings, and the content of its inputs
    digest       of its content
    rows         how many
    """

    made_from: str
    digest: str
    rows: int


@dataclass(frozen=True)
class Patience:
    """How storage that answers late is waited for."""

    attempts: int = 5
    """How often a request that fails is made again."""
    first_s: float = 0.2
    """Seconds before the second attempt; each further one waits twice as long."""


class Store:
    """A folder by its address: a path, or what fsspec knows, such as s3://bucket/folder."""

    def __init__(self, address: str | Path, patience: Patience = Patience()) -> None:
        self.address = str(address)
        self._patience = patience
        self._fs, self._root = _open(self.address)
        self.local = self._root if _is_local(self._fs) else None

    def __reduce__(self) -> tuple[Any, ...]:
        return Store, (self.address, self._patience)

    def exists(self, name: str) -> bool:
        return bool(self._patiently(lambda: self._fs.exists(self._path(name)), name))

    def names(self, folder: str) -> list[str]:
        """Return the names of the files in a folder of this one, sorted; none where it is not."""
        try:
            found = self._patiently(lambda: self._fs.ls(self._path(folder), detail=False), folder)
        except MissingFile:
            return []
        return sorted(f"{folder}/{Path(path).name}".removeprefix("./") for path in found)

    def read_text(self, name: str) -> str | None:
        """Return a text file, or None where there is none."""
        try:
            content: bytes = self._patiently(lambda: self._fs.cat_file(self._path(name)), name)
            return content.decode("utf-8")
        except MissingFile:
            return None
        except UnicodeDecodeError as error:
            raise DataError(f"{self.place(name)}: no text ({error}).") from error

    def write_text(self, name: str, text: str) -> None:
        """Write a text file, whole or not at all."""
        with self.whole(name) as path:
            path.write_text(text, encoding="utf-8")

    def sweep(self, folder: str) -> None:
        """Remove what killed writers left half-written in a folder of this one."""
        for name in self.names(folder):
            if name.endswith(PARTIAL):
                self.remove(name)

    def remove(self, name: str) -> None:
        """Remove a file; nothing happens where there is none."""
        try:
            self._patiently(lambda: self._fs.rm_file(self._path(name)), name)
        except MissingFile:
            return

    @contextmanager
    def whole(self, name: str) -> Iterator[Path]:
        """Give a local path to write to; at the end it becomes the file of this name.

        Raises DataError where it cannot be written; nothing stays then.
        """
        path = self._path(name)
        beside = Path(path).parent if self.local is not None else None
        partial = None
        try:
            if beside is not None:
                beside.mkdir(parents=True, exist_ok=True)
            partial = _new_file(beside, Path(path).name)
            yield partial
            with open(partial, "rb") as written:
                os.fsync(written.fileno())
            if beside is not None:
                partial.replace(path)
            else:
                self._patiently(lambda: self._put(partial, path), name)
        except OSError as error:
            said = error.strerror or str(error)
            raise DataError(f"{self.place(name)}: cannot be written ({said}).") from error
        finally:
            if partial is not None:
                partial.unlink(missing_ok=True)

    @contextmanager
    def at_hand(self, name: str) -> Iterator[Path]:
        """Give a local path to read a file from; MissingFile where there is none."""
        if self.local is not None:
            if not self.exists(name):
                raise MissingFile(f"{self.place(name)}: no such file.")
            yield Path(self._path(name))
            return
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / Path(name).name
            copy.write_bytes(self._patiently(lambda: self._fs.cat_file(self._path(name)), name))
            yield copy

    def _put(self, partial: Path, path: str) -> None:
        """Copy a local file to where it belongs; a put that is made twice leaves the same."""
        protocols = (
            {self._fs.protocol} if isinstance(self._fs.protocol, str) else {*self._fs.protocol}
        )
        self._fs.makedirs(path.rpartition("/")[0], exist_ok=True)
        if protocols & WHOLE_PUTS:
            self._fs.put_file(str(partial), path)
            return
        moved = f"{path}.{secrets.token_hex(8)}{PARTIAL}"
        self._fs.put_file(str(partial), moved)
        self._fs.mv(moved, path)

    def write_part(self, name: str, arrays: Arrays, made_from: str) -> Facts:
        """Write arrays of equally many rows as a Parquet file; return what it says of itself."""
        return self.write_stream(name, [arrays], made_from)

    def write_result(self, name: str, groups: Iterable[Arrays], made_from: str) -> Facts:
        """Write groups of rows; what they were made from is told beside the file, not in it.

        So results that are equal are equal files, whatever the blocks that they were made from.
        """
        facts = self.write_stream(name, groups, "")
        self.write_text(f"{name}.from", json.dumps([made_from, facts.digest]))
        return facts

    def write_stream(self, name: str, groups: Iterable[Arrays], made_from: str) -> Facts:
        """Write groups of rows, one or more, as a Parquet file, each group when it comes."""
        digest, rows, writer = Digest(), 0, None
        with self.whole(name) as path:
            try:
                for arrays in groups:
                    digest.update(arrays)
                    table = to_table(arrays)
                    rows += table.num_rows
                    writer = writer or parquet.ParquetWriter(
                        path, table.schema, compression="none", use_dictionary=False,
                        write_statistics=False,
                    )  # fmt: skip
                    writer.write_table(table, row_group_size=max(table.num_rows, 1))
                facts = Facts(made_from, digest.hexdigest(), rows)
                words = json.dumps({"made_from": facts.made_from, "digest": facts.digest})
                if writer is not None:
                    writer.add_key_value_metadata({KEY: words.encode()})
            finally:
                if writer is not None:
                    writer.close()
        return facts

    def facts(self, name: str) -> Facts | None:
        """Return what a part says of itself; None where there is no whole one."""
        try:
            with self._opened(name) as file:
                facts = _facts(file)
            if facts.made_from:
                return facts
            made_from, digest = json.loads(self.read_text(f"{name}.from") or '["", ""]')
            return Facts(made_from if digest == facts.digest else "", facts.digest, facts.rows)
        except (MissingFile, DataError, ValueError):
            return None

    def expect(self, name: str) -> Facts:
        """Return what a part says of itself, which must be there: storage may show it late."""
        for attempt in range(self._patience.attempts):
            facts = self.facts(name)
            if facts is not None:
                return facts
            time.sleep(self._patience.first_s * 2**attempt if self.local is None else 0)
        with self._opened(name) as file:  # says what is wrong with it
            return _facts(file)

    def read_part(self, name: str, columns: list[str] | None = None) -> dict[str, Any]:
        """Return a part's arrays (np.ndarray or Ragged), or those of some columns.

        Raises MissingFile, and DataError for one that is cut short, damaged or foreign.
        """
        with self._opened(name) as file:
            facts, arrays = _facts(file), from_table(file.read(columns))
        if columns is None and digest_of(arrays) != facts.digest:
            raise DataError(
                f"{self.place(name)}: damaged: its content is not what was written. Remove this "
                "file and run the same command again."
            )
        return arrays

    @contextmanager
    def _opened(self, name: str) -> Iterator[parquet.ParquetFile]:
        def opened() -> Any:
            return self._fs.open(self._path(name), "rb")

        with self._patiently(opened, name) as raw:
            try:
                yield parquet.ParquetFile(pa.PythonFile(raw, mode="r"))
            except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
                raise DataError(
                    f"{self.place(name)}: cut short, damaged or not ours ({error}). Remove this "
                    "file and run the same command again."
                ) from error

    def place(self, name: str) -> str:
        """Return the full address of a name, for messages."""
        return f"{self.address.rstrip('/')}/{name}"

    def _path(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}"

    def _patiently(self, request: Callable[[], T], name: str) -> T:
        """Make a request, and again where storage elsewhere fails for a while."""
        attempts = 1 if self.local is not None else self._patience.attempts
        for attempt in range(attempts):
            try:
                return request()
            except FileNotFoundError:
                raise MissingFile(f"{self.place(name)}: no such file.") from None
            except Exception as error:  # each kind of storage has errors of its own
                if attempt + 1 == attempts:
                    raise DataError(
                        f"{self.place(name)}: the storage did not answer {attempts} times "
                        f"({type(error).__name__}: {error}). What is finished is kept; run the "
                        "same command again."
                    ) from error
                time.sleep(self._patience.first_s * 2**attempt)
        raise AssertionError("not reached")


def _facts(file: parquet.ParquetFile) -> Facts:
    words = json.loads((file.metadata.metadata or {})[KEY])
    return Facts(str(words["made_from"]), str(words["digest"]), file.metadata.num_rows)


def _new_file(folder: Path | None, name: str) -> Path:
    """Return a name that nobody else writes to, not even another attempt at the same file."""
    folder = Path(tempfile.gettempdir()) if folder is None else folder
    return folder / f"{name}.{secrets.token_hex(8)}{PARTIAL}"


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
