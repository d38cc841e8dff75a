"""Compiled loops over neighbour lists and sparse rows, called by the modules of ranking alone.

    neighbours.py    similarities to distances, the nearest of each row
    sets.py          reciprocal neighbours, and the sets that they grow to
    sparse.py        sparse rows of those sets: weights, means, transposition, Jaccard distances
    top.py           lists that grow block by block, and the top M of a re-ranking
    entering.py      what one new query changes in a prepared gallery
    one_query.py     its Jaccard distances

Nothing is checked in here: a row number out of range reads or writes foreign memory. The callers
check shape, kind and range of everything that comes from outside, once, at the door.

Names: ``lists`` (N, K) row numbers, nearest first, the row itself included; ``values`` (N, K) their
distances. ``k`` is how many entries of a list are looked at.

The compiled code is cached beside the files. After changing a function that another file of this
folder calls, delete ``__pycache__``: Numba looks at the calling file only.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Lists(NamedTuple):
    """Neighbour lists with what it takes to know any distance.

    rows       (N, d) float32 unit features; lengths: their (N,) squared lengths
    lists      (N, K) int32 nearest rows, nearest first, the row itself included
    values     (N, K) float32 their distances
    farthest   (N,) float32 largest distance of each row, before any division
    """

    rows: np.ndarray
    lengths: np.ndarray
    lists: np.ndarray
    values: np.ndarray
    farthest: np.ndarray


class Sets(NamedTuple):
    """Sets of row numbers: those of row i are ``members[i, :counts[i]]``; the rest is -1.

    members    (N, k) int32
    counts     (N,) int32
    """

    members: np.ndarray
    counts: np.ndarray


class Sparse(NamedTuple):
    """A sparse matrix, row by row: row i has ``columns`` and ``weights`` starts[i] : starts[i + 1].

    starts     (N + 1,) int64
    columns    (nnz,) int32
    weights    (nnz,) float32
    """

    starts: np.ndarray
    columns: np.ndarray
    weights: np.ndarray
