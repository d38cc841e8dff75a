"""What one query changes in a prepared gallery: its distances, its list, the lists it enters."""

from __future__ import annotations

import numpy as np
from numba import njit

from sameplayer.ranking.kernels.neighbours import insert
from sameplayer.ranking.kernels.sparse import LANES, product

_MAX = {"nnan", "ninf", "nsz"}  # distances are finite: lets minima and maxima use SIMD
_CHUNK = 32


@njit(cache=True)
def products(rows, query, out):
    """Write the products of rows (n, d) with a query (d,), on one thread."""
    lanes = np.empty(LANES, np.float32)
    for g in range(len(rows)):
        out[g] = product(rows[g], query, lanes)


@njit(cache=True)
def listed_by(lists, k):
    """Return starts (n + 1,) and rows: those that list row i among their first k."""
    n, k = len(lists), min(k, lists.shape[1])
    starts = np.zeros(n + 1, np.int64)
    for g in range(n):
        for a in range(k):
            starts[lists[g, a] + 1] += 1
    starts = np.cumsum(starts)
    free = starts[:-1].copy()
    rows = np.empty(starts[n], np.int32)
    for g in range(n):
        for a in range(k):
            rows[free[lists[g, a]]] = g
            free[lists[g, a]] += 1
    return starts, rows


@njit(cache=True, fastmath=_MAX)
def to_raw(raw, length, lengths, scale):
    """Turn products with unscaled rows into distances, in place; length: the query's, squared."""
    for g in range(len(raw)):
        value = length + lengths[g] - np.float32(2) * (raw[g] * scale[g])
        value = max(value, np.float32(0))
        raw[g] = value * value


@njit(cache=True, fastmath=_MAX)
def look_over(raw, last, numbers, values, entered):
    """Find what the query changes: return its largest distance, and how many rows it enters.

    last               (n,) distance that a row has to lie within for its list to be entered
    numbers, values    (k,) get the nearest rows; values infinite at first
    entered            gets the rows whose lists it enters
    """
    top, size = np.float32(1e-12), 0
    limit = values[-1]
    for start in range(0, len(raw), _CHUNK):
        part, within = raw[start : start + _CHUNK], last[start : start + _CHUNK]
        low, enters = np.float32(np.inf), 0
        for a in range(len(part)):
            low, top = min(low, part[a]), max(top, part[a])
            enters += part[a] <= within[a]
        if enters or low < limit:
            for a in range(len(part)):
                if part[a] <= within[a]:
                    entered[size] = start + a
                    size += 1
                if part[a] < limit:
                    insert(numbers, values, start + a, part[a])
                    limit = values[-1]
    return top, size


@njit(cache=True)
def enter(entered, fixed, room, grown):
    """Return the lists and values (e + 1, grown) of the rows that the query enters; the last stays
    free for its own. Of equal distances the query's stands first, as the lower number."""
    n, k = fixed.lists.shape
    raw = room.raw
    lists = np.empty((len(entered) + 1, grown), np.int32)
    values = np.empty((len(entered) + 1, grown), np.float32)
    for e in range(len(entered)):
        g = entered[e]
        slot = k
        while slot > 0 and fixed.values[g, slot - 1] >= raw[g]:
            slot -= 1
        for a in range(grown):
            if a == slot:
                lists[e, a], values[e, a] = n, raw[g]
            else:
                b = a if a < slot else a - 1
                lists[e, a], values[e, a] = fixed.lists[g, b], fixed.values[g, b]
        room.place[g] = e
    room.place[n] = len(entered)
    return lists, values


@njit(cache=True)
def leave(entered, room):
    """Forget where the entered rows stand."""
    for g in entered:
        room.place[g] = -1
