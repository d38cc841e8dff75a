"""Neighbour lists over queries and gallery together: exact in blocks on CPU or GPU, or approximate.

The similarities of all N = m + n rows take 2 N^2 d operations, which is the floor of every
re-ranking that follows; the N x N matrix itself is never held.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from sameplayer.errors import RankingError
from sameplayer.ranking import kernels
from sameplayer.ranking.distance import unit_pair, unit_rows

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
    approximate: bool = False,
    effort: int = 64,
    progress: Progress | None = None,
) -> Neighbours:
    """Find the ``count`` nearest rows of every query and gallery row.

    query, gallery    (m, d) and (n, d) features; query None: m = 0
    power             1: squared Euclidean distances; 2: those squared again
    divide            divide each row of distances by its largest
    own               how many neighbours to find within the gallery alone
    memory_gb         bound of the block of similarities
    device            "cpu", or "cuda" for the products and the search
    approximate       find the lists with a graph index (faiss's HNSW) instead of all products: for
                      galleries past a million. A list may then miss neighbours, and the largest
                      distance of a row is that to a sample of 2,048 rows
    effort            how far the index searches: more finds more of the true neighbours
    """
    if memory_gb <= 0:
        raise RankingError(f"--memory is {memory_gb}; expected more than 0 GB.")
    if query is None:
        m, rows = 0, unit_rows(gallery, "gallery")
    else:
        m, rows = len(query), np.concatenate(unit_pair(query, gallery))
    total = len(rows)
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
    kernels.start_threads()
    size = max(1, min(total, int(memory_gb * 1e9 / (4 * total))))
    if approximate:
        fill = _approximate_filler(found, power, divide, effort)
    elif device == "cpu":
        fill = _cpu_filler(found, power, divide, size)
    else:
        fill = _device_filler(found, power, divide, device)
    for start in range(0, total, size):
        stop = min(start + size, total)
        fill(start, stop)
        if progress is not None:
            progress(stop, total)
    return found


Fill = Callable[[int, int], None]  # fills the rows from the first number up to the second


def _cpu_filler(found: Neighbours, power: int, divide: bool, size: int) -> Fill:
    m, rows = len(found.direct), found.rows
    buffer = np.empty((size, len(rows)), np.float32)

    def fill(start: int, stop: int) -> None:
        block = np.matmul(rows[start:stop], rows.T, out=buffer[: stop - start])
        kernels.block_neighbours(
            block, start, found.lengths, power, divide, found.lists, found.values, found.farthest,
            m, found.own,
        )  # fmt: skip
        if start < m:
            found.direct[start:stop] = block[: m - start, m:]

    return fill


def _device_filler(found: Neighbours, power: int, divide: bool, device: str) -> Fill:
    """The same with torch; of equal distances any may come first at the end of a list."""
    m = len(found.direct)
    rows = torch.from_numpy(found.rows).to(device)
    lengths = torch.from_numpy(found.lengths).to(device)

    def fill(start: int, stop: int) -> None:
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

    return fill


def _smallest(block: torch.Tensor, count: int) -> tuple[np.ndarray, np.ndarray]:
    values, columns = torch.topk(block, count, dim=1, largest=False, sorted=True)
    found, order = values.cpu().numpy(), columns.cpu().numpy()
    by_column = np.lexsort((order, found), axis=1)
    return np.take_along_axis(found, by_column, 1), np.take_along_axis(order, by_column, 1)


def _approximate_filler(found: Neighbours, power: int, divide: bool, effort: int) -> Fill:
    m, rows = len(found.direct), found.rows
    sample = np.random.default_rng(0).permutation(len(rows))[:2048]
    index, own = _graph(rows, effort), _graph(rows[m:], effort) if found.own.shape[1] else None

    def fill(start: int, stop: int) -> None:
        part = slice(start, stop)
        found.lists[part] = _searched(index, rows[part], found.lists.shape[1], start)
        if own is not None and stop > m:
            first = max(start, m)
            found.own[first - m : stop - m] = _searched(
                own, rows[first:stop], found.own.shape[1], first - m
            )
        top = _powered(_products(found, part, sample), power).max(axis=1)
        near = rows[found.lists[part]]
        value = np.einsum("nd,nkd->nk", rows[part], near)
        value = found.lengths[part, None] + found.lengths[found.lists[part]] - 2 * value
        value = _powered(np.maximum(value, 0), power)
        order = np.argsort(value, axis=1, kind="stable")
        found.lists[part] = np.take_along_axis(found.lists[part], order, axis=1)
        found.values[part] = np.take_along_axis(value, order, axis=1)
        found.farthest[part] = np.maximum(np.maximum(top, found.values[part].max(axis=1)), 1e-12)
        if divide:
            found.values[part] /= found.farthest[part, None]
        if start < m:
            queries = slice(start, min(stop, m))
            direct = _powered(_products(found, queries, slice(m, None)), power)
            found.direct[queries] = direct / found.farthest[queries, None] if divide else direct

    return fill


def _graph(rows: np.ndarray, effort: int) -> Any:
    try:
        import faiss
    except ImportError as error:
        raise RankingError(
            "Approximate neighbours need faiss: pip install 'sameplayer[approximate]'."
        ) from error
    index = faiss.IndexHNSWFlat(rows.shape[1], 32, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = max(effort, 80)
    index.hnsw.efSearch = effort
    index.add(rows)
    return index


def _searched(index: Any, rows: np.ndarray, count: int, first: int) -> np.ndarray:
    """Return (b, count) neighbours of rows that stand in the index from ``first`` on."""
    found: np.ndarray = index.search(rows, count)[1]
    own = np.arange(first, first + len(rows))
    missing = ~(found == own[:, None]).any(axis=1)
    found[missing, -1] = own[missing]
    # A search that gave up early repeats the row itself, which changes no set.
    return np.where(found < 0, own[:, None], found)


def _products(found: Neighbours, part: slice, others: np.ndarray | slice) -> np.ndarray:
    rows, lengths = found.rows, found.lengths
    value = lengths[part, None] + lengths[others] - 2 * (rows[part] @ rows[others].T)
    return np.maximum(value, 0)


def _powered(value: np.ndarray, power: int) -> np.ndarray:
    return value**2 if power == 2 else value
