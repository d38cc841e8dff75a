"""Arrays as Parquet tables and back: matrices, columns, and rows of different lengths."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

WORD = "U8"  # of columns that hold text


class Ragged(NamedTuple):
    """Rows of different lengths: row i is ``values[starts[i] : starts[i + 1]]``.

    starts    (n + 1,) int64, from 0
    values    (nnz,)
    """

    starts: np.ndarray
    values: np.ndarray


Arrays = Mapping[str, np.ndarray | Ragged]  # (n,), (n, k) or Ragged of n rows


def to_table(arrays: Arrays) -> pa.Table:
    """Return a table with a column an array: numbers, lists of k numbers, or lists."""
    return pa.table({name: _column(array) for name, array in arrays.items()})


def _column(array: np.ndarray | Ragged) -> Any:
    if isinstance(array, Ragged):
        starts, values = (pa.array(np.ascontiguousarray(part)) for part in array)
        return pa.LargeListArray.from_arrays(starts, values)
    if array.ndim == 1:
        return pa.array(np.ascontiguousarray(array))
    flat = pa.array(np.ascontiguousarray(array).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, array.shape[1])


def from_table(table: pa.Table) -> dict[str, np.ndarray | Ragged]:
    """Return the arrays of ``to_table``."""
    return {name: _array(table.column(name).combine_chunks()) for name in table.column_names}


def _array(column: Any) -> np.ndarray | Ragged:
    if isinstance(column, pa.ChunkedArray):  # of no chunk
        column = pa.concat_arrays(column.chunks or [pa.array([], column.type)])
    if pa.types.is_fixed_size_list(column.type):
        flat: np.ndarray = column.flatten().to_numpy(zero_copy_only=False)
        return flat.reshape(len(column), column.type.list_size)
    if pa.types.is_large_list(column.type):
        starts = column.offsets.to_numpy()
        return Ragged(starts - starts[0], column.flatten().to_numpy(zero_copy_only=False))
    values: np.ndarray = column.to_numpy(zero_copy_only=False)
    return values.astype(WORD) if values.dtype == object else values


class Digest:
    """Fingerprint of columns, 32 hex digits; pieces of any size give the same."""

    def __init__(self) -> None:
        self._columns: dict[str, Any] = {}

    def update(self, arrays: Arrays) -> None:
        """Take further rows."""
        for name, array in arrays.items():
            parts = (
                {f"{name} length": np.diff(array.starts), name: array.values}
                if isinstance(array, Ragged)
                else {name: array}
            )
            for key, part in parts.items():
                kind = f"{key} {part.dtype.str} {part.shape[1:]}"
                column = self._columns.setdefault(kind, hashlib.blake2b(digest_size=16))
                column.update(np.ascontiguousarray(part).reshape(-1).view(np.uint8).data)

    def columns(self) -> dict[str, str]:
        """Return the fingerprint of each column for all rows so far, by its name and type."""
        return {kind: column.hexdigest() for kind, column in self._columns.items()}

    def hexdigest(self) -> str:
        """Return the fingerprint of all rows so far."""
        return digest_of_columns(self.columns())


def digest_of(arrays: Arrays) -> str:
    """Return the fingerprint of columns as 32 hex digits."""
    digest = Digest()
    digest.update(arrays)
    return digest.hexdigest()


def digest_of_columns(columns: Mapping[str, str]) -> str:
    """Return the fingerprint of all columns from that of each."""
    return digest_of_words(*(f"{kind} {digits}" for kind, digits in columns.items()))


def digest_of_words(*words: str) -> str:
    """Return the fingerprint of texts as 32 hex digits."""
    digest = hashlib.blake2b(digest_size=16)
    for word in words:
        digest.update(f"{len(word)} {word}".encode())
    return digest.hexdigest()
