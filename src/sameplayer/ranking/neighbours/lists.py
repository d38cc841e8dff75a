"""Neighbour lists over queries and gallery: what the ways of finding them fill."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sameplayer.ranking.distance import squared_lengths
from sameplayer.ranking.kernels import Lists


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
