"""One new query against a prepared gallery: row 0 is the query, row g + 1 gallery row g."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from sameplayer.ranking.kernels.sets import expand, widest
from sameplayer.ranking.kernels.sparse import weigh


@njit(cache=True, parallel=True)
def insert_query(lists, values, farthest, raw, grown):
    """Return lists, values and farthest of n gallery rows with one query put in as row 0.

    raw      (n,) the query's distances; gallery row g becomes row g + 1. Of equal distances the
             query's stands first, as the lower number
    grown    how many neighbours to keep: k, or k + 1 where a list holds the whole gallery
    """
    n, k = lists.shape
    new_lists = np.empty((n, grown), np.int32)
    new_values = np.empty((n, grown), np.float32)
    new_farthest = np.empty(n, np.float32)
    for g in prange(n):
        top = max(farthest[g], raw[g])
        new_farthest[g] = top
        slot = k
        while slot > 0 and values[g, slot - 1] >= raw[g]:
            slot -= 1
        for a in range(grown):
            if a < slot:
                new_lists[g, a], new_values[g, a] = lists[g, a] + 1, values[g, a] / top
            elif a == slot:
                new_lists[g, a], new_values[g, a] = 0, raw[g] / top
            else:
                new_lists[g, a], new_values[g, a] = lists[g, a - 1] + 1, values[g, a - 1] / top
    return new_lists, new_values, new_farthest


@njit(cache=True)
def one_query_jaccard(found, near, half, averaged):
    """Return (n,) Jaccard distances of row 0 to rows 1...; row i is the mean of averaged[i] (k2,).

    found         Lists of the query and the gallery, whose values are divided by ``farthest``
    near, half    Sets of reciprocal neighbours

    Only rows that can share a column with the query's are weighed: being reciprocal goes both
    ways, so they are found from the query's columns outwards.
    """
    columns, weights, slot = _query_row(found, near, half, averaged[0])
    sharing = _sharing_rows(columns, near, half, len(found.lists))
    shared = _shared_weights(sharing, slot, len(columns), found, near, half)
    return _distances(weights, shared, sharing, averaged)


@njit(cache=True)
def _query_row(found, near, half, averaged):
    """Return the query's columns and weights, and (N,) where each column stands, or -1."""
    total, k2 = len(found.lists), len(averaged)
    most = widest(near, half)
    scratch, part = np.empty(most, np.int32), np.empty(most, np.float32)
    slot = np.full(total, -1, np.int32)
    columns = np.empty(min(total, most * k2), np.int32)
    weights = np.zeros(len(columns), np.float32)
    held = 0
    for j in averaged:
        count = expand(j, near, half, scratch)
        weigh(j, scratch, count, found, part)
        for a in range(count):
            c = scratch[a]
            if slot[c] < 0:
                slot[c] = held
                columns[held] = c
                held += 1
            weights[slot[c]] += part[a] / np.float32(k2)
    return columns[:held], weights[:held], slot


@njit(cache=True)
def _sharing_rows(columns, near, half, total):
    """Return the numbers of the rows whose expanded sets can hold one of the columns."""
    sharing = np.zeros(total, np.bool_)
    for c in columns:
        sharing[near.members[c, : near.counts[c]]] = True
        for b in range(half.counts[c]):
            y = half.members[c, b]
            sharing[near.members[y, : near.counts[y]]] = True
    return np.flatnonzero(sharing)


@njit(cache=True, parallel=True)
def _shared_weights(sharing, slot, held, found, near, half):
    """Return (s, held) the weights of the sharing rows in the query's columns."""
    most = widest(near, half)
    shared = np.zeros((len(sharing), held), np.float32)
    for s in prange(len(sharing)):
        j = sharing[s]
        inner, weight = np.empty(most, np.int32), np.empty(most, np.float32)
        count = expand(j, near, half, inner)
        weigh(j, inner, count, found, weight)
        for a in range(count):
            if slot[inner[a]] >= 0:
                shared[s, slot[inner[a]]] = weight[a]
    return shared


@njit(cache=True, parallel=True)
def _distances(weights, shared, sharing, averaged):
    """Return (n,) Jaccard distances of the query's row to the means of the others' rows."""
    total, k2 = averaged.shape
    held = len(weights)
    row_of = np.full(total, -1, np.int32)
    row_of[sharing] = np.arange(len(sharing))
    result = np.ones(total - 1, np.float32)
    for g in prange(1, total):
        mean = np.zeros(held, np.float32)
        touched = False
        for b in range(k2):
            s = row_of[averaged[g, b]]
            if s >= 0:
                touched = True
                mean += shared[s]
        if touched:
            common = np.float32(0)
            for p in range(held):
                common += min(weights[p], mean[p] / np.float32(k2))
            result[g - 1] = np.float32(1) - common / (np.float32(2) - common)
    return result
