"""Neighbour lists over queries and gallery together: exact in blocks on CPU or GPU, or approximate.

The similarities of all N = m + n rows take 2 N^2 d operations, or half of them where each pair is
multiplied once; that is the floor of every re-ranking that follows. The N x N matrix itself is
never held.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sameplayer.ranking.config import Progress, Search
from sameplayer.ranking.distance import squared_lengths, unit_rows, unit_stack
from sameplayer.ranking.kernels import Lists
from sameplayer.ranking.kernels.neighbours import start_threads


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The neighbours of N = m + n rows: queries first, then the gallery.

    all       the Lists of all rows
    own       (n, K) int32 the nearest within the gallery alone, gallery numbers
    direct    (m, n) float32 distances of queries to gallery rows
    power     1: distances are squared Euclidean ones; 2: those squared again
    divide    whether each row's distances are divided by its largest
    """

    all: Lists
    own: np.ndarray
    direct: np.ndarray
    power: int
    divide: bool


def find_neighbours(
    query: np.ndarray,
    gallery: np.ndarray,
    count: int,
    search: Search | None = None,
    *,
    progress: Progress | None = None,
) -> Neighbours:
    """Find the ``count`` nearest rows of every row, as the k-reciprocal re-ranking takes them.

    query, gallery    (m, d) and (n, d) features
    progress          called with (rows done, all rows)

    Distances are squared Euclidean ones, squared again and divided by the largest of their row.
    """
    rows = unit_stack(query, gallery)
    return _fill(_room(rows, len(query), count, 0, 2, True), search or Search(), progress)


def find_neighbours_of_both(
    query: np.ndarray,
    gallery: np.ndarray,
    counts: tuple[int, int],
    search: Search | None = None,
    *,
    progress: Progress | None = None,
) -> Neighbours:
    """Find neighbours among all rows and, for gallery rows, among the gallery: for hard weights.

    counts    how many among all rows, how many within the gallery alone

    Distances are squared Euclidean ones. Otherwise as ``find_neighbours``.
    """
    rows = unit_stack(query, gallery)
    return _fill(_room(rows, len(query), *counts, 1, False), search or Search(), progress)


def find_gallery_neighbours(
    gallery: np.ndarray,
    count: int,
    search: Search | None = None,
    *,
    progress: Progress | None = None,
) -> Neighbours:
    """Find the ``count`` nearest gallery rows of every gallery row, for a prepared gallery.

    Distances are squared twice, not divided. Otherwise as ``find_neighbours``.
    """
    rows = unit_rows(gallery, "gallery")
    return _fill(_room(rows, 0, count, 0, 2, False), search or Search(), progress)


def _room(rows: np.ndarray, m: int, count: int, own: int, power: int, divide: bool) -> Neighbours:
    """Return Neighbours of m queries and the gallery with room for lists, not yet filled."""
    total = len(rows)
    count, own = min(count, total), min(own, total - m)
    lists = Lists(
        rows,
        squared_lengths(rows),
        np.empty((total, count), np.int32),
        np.empty((total, count), np.float32),
        np.empty(total, np.float32),
    )
    of_gallery = np.empty((total - m, own), np.int32)
    return Neighbours(lists, of_gallery, np.empty((m, total - m), np.float32), power, divide)


def _fill(found: Neighbours, search: Search, progress: Progress | None) -> Neighbours:
    start_threads()
    if search.device == "cpu" and not search.approximate:
        from sameplayer.ranking.neighbours.tiles import fill_by_tiles

        fill_by_tiles(found, search.memory_gb, progress)
        return found
    total = len(found.all.rows)
    size = max(1, min(total, int(search.memory_gb * 1e9 / (4 * total))))
    fill = _filler(found, search)
    for start in range(0, total, size):
        stop = min(start + size, total)
        fill(start, stop)
        if progress is not None:
            progress(stop, total)
    return found


Filler = Callable[[int, int], None]  # fills the rows from the first number up to the second


def _filler(found: Neighbours, search: Search) -> Filler:
    if search.approximate:
        from sameplayer.ranking.neighbours.hnsw import approximate_filler

        return approximate_filler(found, search.effort)
    from sameplayer.ranking.neighbours.gpu import device_filler

    return device_filler(found, search.device)
