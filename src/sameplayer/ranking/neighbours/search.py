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
    query: np.ndarray | None,
    gallery: np.ndarray,
    count: int,
    search: NeighbourSearch | None = None,
    *,
    own: int = 0,
    progress: Progress | None = None,
) -> Neighbours:
    """Find the ``count`` nearest rows of every row, as a re-ranking takes them.

    query, gallery    (m, d) and (n, d) features; None: no queries, as for a prepared gallery
    own               for hard weights: how many neighbours within the gallery alone, too
    progress          called with (rows done, all rows)

    Distances are squared Euclidean ones. But where ``own`` is 0 they are squared again and, where
    there are queries, divided by the largest of their row.
    """
    m = 0 if query is None else len(query)
    rows = unit_rows(gallery, "gallery") if query is None else unit_stack(query, gallery)
    found = empty_neighbours(rows, m, count, own, 1 if own else 2, query is not None and not own)
    return _fill(found, search or NeighbourSearch(), progress)


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
