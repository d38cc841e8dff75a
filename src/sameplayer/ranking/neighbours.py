"""Exact neighbour lists over queries and gallery together, in blocks, on the CPU or a GPU.

The similarities of all N = m + n rows take 2 N^2 d operations, which is the floor of every
re-ranking that follows; the N x N matrix itself is never held.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from sameplayer.errors import RankingError
from sameplayer.ranking import kernels
from sameplayer.ranking.distance import unit_rows

MEMORY_GB = 0.25

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Neighbours:
    """The neighbours of N = m + n rows: queries first, then the gallery.

    rows       (N, d) float32 unit features; lengths: their (N,) squared lengths
    lists      (N, K) int32 nearest rows, nearest first, the row itself included
    values     (N, K) float32 their distances
    farthest   (N,) float32 largest distance of each row, before any division
    own        (n, K) int32 the nearest within the gallery alone, gallery numbers
    direct     (m, n) float32 distances of queries to gallery rows
    """

    rows: np.ndarray
    lengths: np.ndarray
    lists: np.ndarray
    values: np.ndarray
    farthest: np.ndarray
    own: np.ndarray
    direct: np.ndarray


def find_neighbours(
    query: np.ndarray | None,
    gallery: np.ndarray,
    count: int,
    *,
    power: int = 2,
    divide: bool = False,
    own: int = 0,
    memory_gb: float = MEMORY_GB,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Neighbours:
    """Find the ``count`` nearest rows of every query and gallery row.

    query, gallery    (m, d) and (n, d) features; query None: m = 0
    power             1: squared Euclidean distances; 2: those squared again
    divide            divide each row of distances by its largest
    own               how many neighbours to find within the gallery alone
    memory_gb         bound of the block of similarities
    device            "cpu", or "cuda" for the products and the search
    """
    rows = unit_rows(gallery, "gallery") if query is None else _joined(query, gallery)
    m, total = 0 if query is None else len(query), len(rows)
    count, own = min(count, total), min(own, total - m)
    found = Neighbours(
        rows,
        (rows**2).sum(axis=1),
        np.empty((total, count), np.int32),
        np.empty((total, count), np.float32),
        np.empty(total, np.float32),
        np.empty((total - m, own), np.int32),
        np.empty((m, total - m), np.float32),
    )
    size = max(1, min(total, int(memory_gb * 1e9 / (4 * total))))
    fill = _fill_on_cpu if device == "cpu" else _fill_on_device
    fill(found, m, power, divide, size, device, progress)
    return found


def _joined(query: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    query, gallery = unit_rows(query, "query"), unit_rows(gallery, "gallery")
    if query.shape[1] != gallery.shape[1]:
        raise RankingError(
            f"Query features have {query.shape[1]} columns, gallery features {gallery.shape[1]}; "
            "expected the same number. Embed both with the same encoder."
        )
    return np.concatenate([query, gallery])


def _fill_on_cpu(
    found: Neighbours,
    m: int,
    power: int,
    divide: bool,
    size: int,
    device: str,
    progress: Progress | None,
) -> None:
    total = len(found.rows)
    buffer = np.empty((size, total), np.float32)
    for start in range(0, total, size):
        stop = min(start + size, total)
        block = np.matmul(found.rows[start:stop], found.rows.T, out=buffer[: stop - start])
        kernels.block_neighbours(
            block, start, found.lengths, power, divide, found.lists, found.values, found.farthest,
            m, found.own,
        )  # fmt: skip
        if start < m:
            found.direct[start:stop] = block[: m - start, m:]
        if progress is not None:
            progress(stop, total)


def _fill_on_device(
    found: Neighbours,
    m: int,
    power: int,
    divide: bool,
    size: int,
    device: str,
    progress: Progress | None,
) -> None:
    """The same with torch; of equal distances any may come first at the end of a list."""
    rows = torch.from_numpy(found.rows).to(device)
    lengths = torch.from_numpy(found.lengths).to(device)
    for start in range(0, len(rows), size):
        stop = min(start + size, len(rows))
        block = torch.addmm(lengths[None, :], rows[start:stop], rows.T, alpha=-2)
        block = (block + lengths[start:stop, None]).clamp_(min=0)
        top = block.amax(dim=1)
        if power == 2:
            block = block**2
            top = block.amax(dim=1).clamp_(min=1e-12)
        if divide:
            block /= top[:, None]
        values, lists = _smallest(block, found.lists.shape[1])
        found.values[start:stop], found.lists[start:stop] = values, lists
        found.farthest[start:stop] = top.cpu().numpy()
        if found.own.shape[1] and stop > m:
            first = max(start, m)
            part = block[first - start :, m:]
            found.own[first - m : stop - m] = _smallest(part, found.own.shape[1])[1]
        if start < m:
            found.direct[start:stop] = block[: m - start, m:].cpu().numpy()
        if progress is not None:
            progress(stop, len(rows))


def _smallest(block: torch.Tensor, count: int) -> tuple[np.ndarray, np.ndarray]:
    values, columns = torch.topk(block, count, dim=1, largest=False, sorted=True)
    found, order = values.cpu().numpy(), columns.cpu().numpy()
    by_column = np.lexsort((order, found), axis=1)
    return np.take_along_axis(found, by_column, 1), np.take_along_axis(order, by_column, 1)
