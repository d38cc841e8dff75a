"""Store: a folder of whole files, on a local disk or at any fsspec address.

A file appears under its name whole, or not at all: on a disk by a new name at the end, in object
storage by one put. Each part says what it was made from and what it holds, so that a reader can
tell a stale, foreign or damaged part from a good one.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from sameplayer.errors import DataError, MissingFile, SameplayerError
from sameplayer.scale.storage.backend import PARTIAL, RetryPolicy, Storage, StorageUnavailable
from sameplayer.scale.storage.tables import Arrays, Digest, digest_of_columns, from_table, to_table

KEY = b"sameplayer"
HOST = socket.gethostname()
OLD_S = 3600.0
"""Seconds after which a partial file counts as abandoned."""


@dataclass(frozen=True)
class Facts:
    """The metadata of a part.

    made_from    digest of the stage, its settings, and the content of its inputs
    digest       of its content
    rows         how many
    """

    made_from: str
    digest: str
    rows: int


class Part(dict[str, Any]):
    """The arrays of a part, np.ndarray or Ragged, by name; DataError for a missing one.

    place    the address of its file
    """

    def __init__(self, arrays: Arrays, place: str) -> None:
        super().__init__(arrays)
        self.place = place

    def __missing__(self, name: str) -> Any:
        raise DataError(
            f"{self.place}: holds {', '.join(self)}; expected {name}. It is the file of another "
            "stage: remove it and run the same command again."
        )


class Store:
    """A folder by its address: a path, or an fsspec address such as s3://bucket/folder."""

    def __init__(self, address: str | Path, retry: RetryPolicy | None = None) -> None:
        self.address = str(address)
        self._storage = Storage(self.address, retry)
        self.local = self._storage.local

    def __reduce__(self) -> tuple[Any, ...]:
        return Store, (self.address, self._storage.retry)

    def place(self, name: str) -> str:
        """Return the full address of a name, for messages."""
        return self._storage.place(name)

    def names(self, folder: str) -> list[str]:
        """Return the sorted names of the files in a sub-folder; none where it is missing."""
        return self._storage.names(folder)

    def read_text(self, name: str) -> str | None:
        """Return a text file, or None where there is none."""
        try:
            return self._storage.read(name).decode("utf-8")
        except MissingFile:
            return None
        except UnicodeDecodeError as error:
            raise DataError(f"{self.place(name)}: not text in UTF-8 ({error}).") from error

    def write_text(self, name: str, text: str) -> None:
        """Write a text file, whole or not at all."""
        with self.whole(name) as path:
            path.write_text(text, encoding="utf-8")

    def sweep(self, folder: str) -> None:
        """Remove partial files of killed processes of this machine, and partial files of old."""
        for name in self.names(folder):
            if name.endswith(PARTIAL) and (
                _writer_is_gone(name) or self._storage.age(name) > OLD_S
            ):
                self.remove(name)

    def remove(self, name: str) -> None:
        """Remove a file; nothing happens where there is none."""
        with suppress(MissingFile):
            self._storage.remove(name)

    @contextmanager
    def whole(self, name: str) -> Iterator[Path]:
        """Yield a local path to write to; at the end it becomes the file of this name.

        Raises DataError where it cannot be written, and leaves nothing then.
        """
        path = self._storage.path(name)
        beside = Path(path).parent if self.local is not None else None
        partial = None
        try:
            if beside is not None:
                beside.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.gettempdir()) if beside is None else beside
            partial = folder / partial_name(Path(path).name)
            yield partial
            with open(partial, "rb") as written:
                os.fsync(written.fileno())
            if beside is not None:
                partial.replace(path)
            else:
                self._storage.write(partial, name)
        except OSError as error:
            said = error.strerror or str(error)
            raise DataError(f"{self.place(name)}: cannot be written ({said}).") from error
        finally:
            if partial is not None:
                partial.unlink(missing_ok=True)

    @contextmanager
    def local_copy(self, name: str) -> Iterator[Path]:
        """Yield a local path to read a file from; MissingFile where there is none."""
        if self.local is not None:
            path = Path(self._storage.path(name))
            if not path.exists():
                raise MissingFile(f"{self.place(name)}: no such file.")
            yield path
            return
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / Path(name).name
            copy.write_bytes(self._storage.read(name, sure=True))
            yield copy

    def write_part(self, name: str, arrays: Arrays, made_from: str) -> Facts:
        """Write arrays of equally many rows as a Parquet file; return its facts."""
        return self.write_stream(name, [arrays], made_from)

    def write_result(self, name: str, groups: Iterable[Arrays], made_from: str) -> Facts:
        """Write groups of rows, with what they were made from in a file beside them.

        So equal results are equal files, whatever blocks they were made from.
        """
        facts = self.write_stream(name, groups, "")
        self.write_text(f"{name}.from", json.dumps([made_from, facts.digest]))
        return facts

    def write_stream(self, name: str, groups: Iterable[Arrays], made_from: str) -> Facts:
        """Write groups of rows, one or more, as a Parquet file, each as it comes."""
        digest, rows, writer = Digest(), 0, None
        with self.whole(name) as path:
            try:
                for arrays in groups:
                    digest.update(arrays)
                    table = to_table(arrays)
                    rows += table.num_rows
                    writer = writer or parquet.ParquetWriter(
                        path,
                        table.schema,
                        compression="none",
                        use_dictionary=False,
                        write_statistics=False,
                    )
                    writer.write_table(table, row_group_size=max(table.num_rows, 1))
                facts = Facts(made_from, digest.hexdigest(), rows)
                words = json.dumps({"made_from": made_from, "columns": digest.columns()})
                if writer is not None:
                    writer.add_key_value_metadata({KEY: words.encode()})
            finally:
                if writer is not None:
                    writer.close()
        return facts

    def facts(self, name: str) -> Facts | None:
        """Return the facts of a part; None where it is missing or not whole."""
        try:
            with self._opened(name) as file:
                facts = _facts(file)
            if facts.made_from:
                return facts
            made_from, digest = json.loads(self.read_text(f"{name}.from") or '["", ""]')
            return Facts(made_from if digest == facts.digest else "", facts.digest, facts.rows)
        except StorageUnavailable:
            raise
        except (DataError, ValueError):
            return None

    def expect(self, name: str, made_from: str | None = None) -> Facts:
        """Return the facts of a part that must exist: remote storage may show it late.

        made_from    the digest that it must have been made from; None: any

        Raises MissingFile, and DataError for what is cut short, foreign, or made from other inputs.
        """
        for seconds in self._storage.pauses():
            facts = self.facts(name)
            if facts is not None and made_from in (None, facts.made_from):
                return facts
            time.sleep(seconds)
        with self._opened(name) as file:  # says what is wrong with it
            facts = _facts(file)
        if made_from is None:
            return facts
        raise DataError(
            f"{self.place(name)}: was made from other inputs than those of this run. Run the same "
            "command again, with all shards."
        )

    def read_part(self, name: str, columns: list[str] | None = None) -> Part:
        """Return a part's arrays, or those of some columns. Storage may show it late.

        Raises MissingFile, and DataError for one that is cut short, damaged or foreign.
        """
        with self._opened(name, sure=True) as file:
            arrays = from_table(file.read(columns))
            same = _same(_words(file)["columns"], arrays, whole=columns is None)
        if not same:
            raise DataError(
                f"{self.place(name)}: damaged: its content is not what was written. Remove this "
                "file and run the same command again."
            )
        return Part(arrays, self.place(name))

    @contextmanager
    def _opened(self, name: str, *, sure: bool = False) -> Iterator[parquet.ParquetFile]:
        try:
            with ExitStack() as open_files:
                source: Any = self._storage.path(name)
                if self.local is None:
                    raw = self._storage.open(name, sure=sure)
                    source = open_files.enter_context(pa.PythonFile(raw, mode="r"))
                file = parquet.ParquetFile(source)
                yield open_files.enter_context(file)
        except FileNotFoundError:
            raise MissingFile(f"{self.place(name)}: no such file.") from None
        except SameplayerError:
            raise
        except Exception as error:  # a damaged file fails in many ways
            raise DataError(
                f"{self.place(name)}: cut short, damaged or not ours ({error}). Remove this "
                "file and run the same command again."
            ) from error


def _facts(file: parquet.ParquetFile) -> Facts:
    words = _words(file)
    digest = digest_of_columns(words["columns"])
    return Facts(str(words["made_from"]), digest, file.metadata.num_rows)


def _words(file: parquet.ParquetFile) -> dict[str, Any]:
    return dict(json.loads((file.metadata.metadata or {})[KEY]))


def _same(columns: dict[str, str], arrays: Arrays, *, whole: bool) -> bool:
    """Tell whether arrays are the columns that were written, or some of them (not ``whole``)."""
    digest = Digest()
    digest.update(arrays)
    found = digest.columns()
    return found == columns if whole else found.items() <= columns.items()


def partial_name(name: str) -> str:
    """Return a name of its own for a partial file, unique to this attempt."""
    return f"{name}.{HOST}-{os.getpid()}-{secrets.token_hex(8)}{PARTIAL}"


def _writer_is_gone(name: str) -> bool:
    """Tell whether a file was being written by a process of this machine that is gone."""
    host, _, process = name.removesuffix(PARTIAL).rpartition("-")[0].rpartition("-")
    if not host.endswith(f".{HOST}") or not process.isdecimal():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except OSError:  # it is another user's
        return False
    return False
