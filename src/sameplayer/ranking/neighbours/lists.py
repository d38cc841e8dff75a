"""Neighbour lists over queries and gallery, and filling them exactly on the CPU.

Each pair of rows is multiplied once: the matrix of similarities is symmetric, so only the tiles on
and right of its diagonal are computed, half of the 2 N^2 d operations. A tile right of the diagonal
is read twice while it lies in the cache: along its rows for the rows above, and along its columns
for the rows beside it. Every row meets the others in rising order, so that of equal distances the
lower number comes first, whatever the size of a tile and the number of threads.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sameplayer.ranking.config import Progress
from sameplayer.ranking.distance import squared_lengths
from sameplayer.ranking.kernels import Lists
from sameplayer.ranking.kernels import neighbours as kernels
from sameplayer.ranking.kernels.neighbours import Nearest

TILE = 2048  # rows and columns of a tile: 16 MB, which a last cache holds


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


def empty_neighbours(
    rows: np.ndarray, m: int, count: int, own: int, power: int, divide: bool
) -> Neighbours:
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


def fill_by_tiles(found: Neighbours, memory_gb: float, progress: Progress | None) -> None:
    """Fill lists, values, farthest, own and direct; a tile takes ``memory_gb`` at most."""
    lists, m = found.all, len(found.direct)
    total = len(lists.lists)
    size = max(1, min(total, TILE, int((memory_gb * 1e9 / 4) ** 0.5)))
    lists.values[:], lists.farthest[:] = np.inf, 0
    held = [(Nearest(0, lists.lists, lists.values), lists.farthest)]
    if found.own.shape[1]:
        values = np.full(found.own.shape, np.inf, np.float32)
        held.append((Nearest(m, found.own, values), np.zeros(total, np.float32)))
    buffer = np.empty(size * size, np.float32)
    for start in range(0, total, size):
        stop = min(start + size, total)
        upper = lists.rows[start:stop]
        for begin in range(start, total, size):
            beside = lists.rows[begin : begin + size]
            tile = buffer[: len(upper) * len(beside)].reshape(len(upper), -1)
            np.matmul(upper, beside.T, out=tile)
            _look_at(tile, start, begin, found, held)
        _finish(found, start, stop)
        if progress is not None:
            progress(stop, total)


def _look_at(
    tile: np.ndarray,
    start: int,
    begin: int,
    found: Neighbours,
    held: list[tuple[Nearest, np.ndarray]],
) -> None:
    lengths, m = found.all.lengths, len(found.direct)
    for nearest, farthest in held:
        kernels.along_rows(tile, start, begin, lengths, nearest, farthest)
        if begin > start:
            kernels.along_columns(tile, start, begin, lengths, nearest, farthest)
    if start < m:
        kernels.copy_distances(tile, start, begin, lengths, m, found.direct)


def _finish(found: Neighbours, start: int, stop: int) -> None:
    """Raise and divide the distances of rows that have met all others."""
    part, m = slice(start, stop), len(found.direct)
    farthest = found.all.farthest[part]
    if found.power == 2:
        np.maximum(farthest**2, 1e-12, out=farthest)
    kernels.finish_rows(found.all.values[part], farthest, found.power, found.divide)
    if start < m:
        direct = found.direct[part]
        kernels.finish_rows(direct, farthest[: len(direct)], found.power, found.divide)
