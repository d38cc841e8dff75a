"""Preparing a gallery whose rows lie in a file, which may be larger than memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib import format as npy
from safetensors import SafetensorError, safe_open

from sameplayer.common.files import whole_file
from sameplayer.errors import DataError, MissingFile, SettingError
from sameplayer.ranking.config import K1, K2, LAMBDAS, Progress, Search, check_settings
from sameplayer.ranking.distance import squared_lengths, unit_rows
from sameplayer.ranking.kernels import Lists
from sameplayer.ranking.neighbours.search import Neighbours
from sameplayer.ranking.neighbours.tiles import fill_by_tiles
from sameplayer.ranking.prepared.file import ROOM, create_lists, digest_of, header_of

_FLOATS = {"F16": "<f2", "F32": "<f4", "F64": "<f8"}


@dataclass(frozen=True)
class FileRows:
    """Rows (n, d) of numbers in a file, read where they are asked for and held by nobody."""

    path: Path
    offset: int
    shape: tuple[int, ...]
    kind: np.dtype

    def read(self, start: int, stop: int) -> np.ndarray:
        """Return float32 rows from a number up to another; DataError where the file ends early."""
        stop, width = min(stop, self.shape[0]), self.shape[1]
        place = self.offset + start * width * self.kind.itemsize
        count = (stop - start) * width
        rows = np.fromfile(self.path, self.kind, count, offset=place)
        if len(rows) != count:
            raise DataError(f"{self.path}: ends within row {start + len(rows) // width}.")
        return rows.reshape(-1, width).astype(np.float32, copy=False)

    def blocks(self) -> Iterator[np.ndarray]:
        """Return the rows, some at a time."""
        return (self.read(start, start + ROOM) for start in range(0, self.shape[0], ROOM))


def prepare_file(
    vectors: str | Path,
    out: str | Path,
    k1: int = K1,
    k2: int = K2,
    lambda_: float = LAMBDAS["k-reciprocal"],
    *,
    search: Search | None = None,
    progress: Progress | None = None,
) -> None:
    """Prepare a gallery from rows in a file, as ``PreparedGallery`` does from memory.

    vectors    .npy, or safetensors with an array "vectors" as ``Embeddings.save`` writes it
    out        becomes what ``PreparedGallery.load`` reads; it is there whole or not at all

    The rows are read in blocks, and lists are written into the file as they are found. Memory holds
    two blocks of rows, one of similarities and a number a row; everything else as in
    ``PreparedGallery``.

    Raises MissingFile, DataError for no file of rows, RankingError for rows that are not finite,
    SettingError for an approximate search or one on a device.
    """
    check_settings(k1, k2, lambda_)
    search = search or Search()
    if search.approximate or search.device != "cpu":
        raise SettingError("search", search, "an exact one on the CPU, which reads rows in blocks")
    source = open_rows(vectors)
    n, count = source.shape[0], min(max(k1 + 1, k2), source.shape[0])
    lengths = np.empty(n, np.float32)
    digest = digest_of(_measured(source, lengths))
    with whole_file(out) as partial:
        parts = create_lists(partial, n, count, header_of(digest, (k1, k2, lambda_)))
        nothing = np.empty((0, source.shape[1]), np.float32)
        lists = Lists(nothing, lengths, *parts)
        empty = np.empty((n, 0), np.int32), np.empty((0, n), np.float32)
        found = Neighbours(lists, *empty, 2, False)

        def unit(start: int, stop: int) -> np.ndarray:
            return unit_rows(source.read(start, stop), "gallery", start)

        fill_by_tiles(found, search.memory_gb, progress, unit)


def _measured(source: FileRows, lengths: np.ndarray) -> Iterator[np.ndarray]:
    """Give the blocks of rows on, and write down the squared lengths of their unit rows."""
    start = 0
    for block in source.blocks():
        stop = start + len(block)
        lengths[start:stop] = squared_lengths(unit_rows(block, "gallery", start))
        yield block
        start = stop


def open_rows(path: str | Path) -> FileRows:
    """Return the rows of a .npy file, or of "vectors" in a safetensors file.

    Raises MissingFile, or DataError for another file.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingFile(f"{path}: no such file.")
    try:
        found = _open_npy(path) if path.suffix == ".npy" else _open_safetensors(path)
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path}: no rows of numbers ({error}); expected .npy, or safetensors with vectors."
        ) from error
    if len(found.shape) != 2 or min(found.shape) < 1 or found.kind.kind != "f":
        raise DataError(
            f"{path}: {found.kind} of shape {found.shape}; expected floats (rows, columns)."
        )
    needed = found.offset + found.shape[0] * found.shape[1] * found.kind.itemsize
    if path.stat().st_size < needed:
        raise DataError(f"{path}: {path.stat().st_size} bytes; its header speaks of {needed}.")
    return found


def _open_npy(path: Path) -> FileRows:
    with open(path, "rb") as file:
        version = npy.read_magic(file)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, by_column, kind = read(file)
        if by_column:
            raise ValueError("stored by columns; save it in C order")
        return FileRows(path, file.tell(), tuple(shape), np.dtype(kind))


def _open_safetensors(path: Path) -> FileRows:
    with safe_open(path, framework="numpy"):  # checks that the file is whole
        pass
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        entry = json.loads(file.read(size))["vectors"]
    kind = np.dtype(_FLOATS[entry["dtype"]])
    return FileRows(path, 8 + size + entry["data_offsets"][0], tuple(entry["shape"]), kind)
