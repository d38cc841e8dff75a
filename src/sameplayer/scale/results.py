"""Files of a re-ranking: its intermediate lists and sparse rows, and the answers of each query."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sameplayer.errors import MissingFile
from sameplayer.ranking.kernels import Sparse
from sameplayer.ranking.rerank.blocks import Nearest, joined_starts
from sameplayer.scale.blocks import part_name
from sameplayer.scale.storage.store import Store
from sameplayer.scale.storage.tables import Arrays, Ragged

RANKED = "ranked"
GROUP = 65536  # queries that are written at a time, however the rows were cut into blocks


@dataclass(frozen=True, eq=False)
class Ranked:
    """The answers of q queries, nearest first.

    row           (q,) int64 row number of each query in the crop table
    neighbours    (q, M) int32 row numbers of its answers; -1 where there are fewer
    distances     (q, M) float32 re-ranked distances; infinity where there are fewer
    """

    row: np.ndarray
    neighbours: np.ndarray
    distances: np.ndarray

    def __len__(self) -> int:
        return len(self.row)


def read_ranked(folder: str | Path | Store) -> Ranked:
    """Read the result of a finished run.

    Raises MissingFile where there is none, DataError for a damaged one.
    """
    store = folder if isinstance(folder, Store) else Store(folder)
    name = part_name(RANKED)
    try:
        part = store.read_part(name)
        return Ranked(part["row"], part["neighbours"], part["distances"])
    except MissingFile:
        raise MissingFile(
            f"{store.place(name)}: no such file; make it with: sameplayer scale rerank EMBEDDINGS "
            "--out FOLDER"
        ) from None


def write_ranked(store: Store, parts: Iterable[dict[str, Any]], made_from: str) -> None:
    """Write the answers of all blocks, in groups that do not depend on the blocks."""
    store.write_result(part_name(RANKED), _groups(parts), made_from)


def _groups(parts: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    held: dict[str, Any] | None = None
    for part in parts:
        held = part if held is None else {n: np.concatenate([held[n], part[n]]) for n in part}
        while len(held["row"]) > GROUP:
            yield {name: array[:GROUP] for name, array in held.items()}
            held = {name: array[GROUP:] for name, array in held.items()}
    if held is not None:
        yield held


def nearest_columns(found: Nearest, asked: np.ndarray) -> dict[str, Any]:
    """Return columns of b rows; the lists of queries are empty in rows that are none.

    asked    (b,) bool: which rows are queries
    """
    starts = np.concatenate([[0], np.cumsum(asked * found.direct.shape[1])]).astype(np.int64)
    return {
        "near": found.near,
        "near_values": found.near_values,
        "direct": Ragged(starts, found.direct.reshape(-1)),
        "direct_values": Ragged(starts, found.direct_values.reshape(-1)),
        "farthest": found.farthest,
    }


def nearest_of(part: dict[str, Any], rows: slice = slice(None)) -> Nearest:
    """Return some rows of what ``nearest_columns`` gave."""
    direct, values = (_lists(part[name], rows) for name in ("direct", "direct_values"))
    return Nearest(
        part["near"][rows], part["near_values"][rows], direct, values, part["farthest"][rows]
    )


def _lists(lists: Ragged, rows: slice) -> np.ndarray:
    """Return the lists that are not empty, all of one length, as (q, M)."""
    first, stop, _ = rows.indices(len(lists.starts) - 1)
    lengths = np.diff(lists.starts)
    width = int(lengths.max(initial=0))
    return lists.values[lists.starts[first] : lists.starts[stop]].reshape(-1, max(width, 1))


def sparse_columns(sparse: Sparse) -> dict[str, Any]:
    """Return the columns of a Sparse."""
    return {
        "columns": Ragged(sparse.starts, sparse.columns),
        "weights": Ragged(sparse.starts, sparse.weights),
    }


def sparse_of(part: dict[str, Any]) -> Sparse:
    """Return what ``sparse_columns`` gave."""
    columns = part["columns"]
    return Sparse(columns.starts.astype(np.int64), columns.values, part["weights"].values)


def stacked(parts: Sequence[dict[str, Any]]) -> Arrays:
    """Return the rows of several parts, one after the other."""
    return {name: _stacked([part[name] for part in parts]) for name in parts[0]}


def _stacked(arrays: Sequence[Any]) -> Any:
    if not isinstance(arrays[0], Ragged):
        return np.concatenate(arrays)
    starts = joined_starts([array.starts for array in arrays])
    return Ragged(starts, np.concatenate([array.values for array in arrays]))
