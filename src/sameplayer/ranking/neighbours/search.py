"""Neighbour lists over queries and gallery together: exact in blocks on CPU or GPU, or approximate.

The similarities of all N = m + n rows take 2 N^2 d operations, or half of them where each pair is
multiplied once; that is the floor of every re-ranking that follows. The N x N matrix itself is
never held.
"""

from __future__ import annotations

import numpy as np

from sameplayer.ranking.config import NeighbourSearch, Progress
from sameplayer.ranking.distance import unit_rows, unit_stack
from sameplayer.ranking.kernels.neighbours import start_threads
from sameplayer.ranking.neighbours.gpu_hnsw import approximate_filler, device_filler
from sameplayer.ranking.neighbours.lists import Neighbours, empty_neighbours, fill_by_tiles


def find_neighbours(
    query: np.ndarray,
    gallery: np.ndarray,
    count: int,
    search: NeighbourSearch | None = None,
    *,
    progress: Progress | None = None,
) -> Neighbours:
    """Find the ``count`` nearest rows of every row, as the k-reciprocal re-ranking takes them.

    query, gallery    (m, d) and (n, d) features
    progress          called with (rows done, all rows)

    Distances are squared Euclidean ones, squared again and divided by the largest of their row.
    """
    rows = unit_stack(query, gallery)
    return _fill(
        empty_neighbours(rows, len(query), count, 0, 2, True), search or NeighbourSearch(), progress
    )


def find_neighbours_of_both(
    query: np.ndarray,
    gallery: np.ndarray,
    counts: tuple[int, int],
    search: NeighbourSearch | None = None,
    *,
    progress: Progress | None = None,
) -> Neighbours:
    """Find neighbours among all rows and, for gallery rows, among the gallery: for hard weights.

    counts    how many among all rows, how many within the gallery alone

    Distances are squared Euclidean ones. Otherwise as ``find_neighbours``.
    """
    rows = unit_stack(query, gallery)
    return _fill(
        empty_neighbours(rows, len(query), *counts, 1, False), search or NeighbourSearch(), progress
    )


def find_gallery_neighbours(
    gallery: np.ndarray,
    count: int,
    search: NeighbourSearch | None = None,
    *,
    progress: Progress | None = None,
) -> Neighbours:
    """Find the ``count`` nearest gallery rows of every gallery row, for a prepared gallery.

    Distances are squared twice, not divided. Otherwise as ``find_neighbours``.
    """
    rows = unit_rows(gallery, "gallery")
    return _fill(
        empty_neighbours(rows, 0, count, 0, 2, False), search or NeighbourSearch(), progress
    )


def _fill(found: Neighbours, search: NeighbourSearch, progress: Progress | None) -> Neighbours:
    start_threads()
    if search.device == "cpu" and not search.approximate:
        fill_by_tiles(found, search.memory_gb, progress)
        return found
    total = len(found.all.rows)
    size = max(1, min(total, int(search.memory_gb * 1e9 / (4 * total))))
    if search.approximate:
        fill = approximate_filler(found, search.effort)
    else:
        fill = device_filler(found, search.device)
    for start in range(0, total, size):
        stop = min(start + size, total)
        fill(start, stop)
        if progress is not None:
            progress(stop, total)
    return found
