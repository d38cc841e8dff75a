"""What the steps of a re-ranking keep, as the columns of a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sameplayer.ranking.kernels import Sparse
from sameplayer.ranking.rerank.blocks import Nearest, joined_starts
from sameplayer.scale.tables import Arrays, Ragged


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
