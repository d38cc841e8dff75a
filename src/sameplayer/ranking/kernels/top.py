"""The nearest of each row kept while blocks of rows come and go, and the top M of a re-ranking.

A list that is not full yet ends in -1 with the value infinity. Of equal values the lower row number
stands first, whatever the blocks, as long as they come in ascending order.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from sameplayer.ranking.kernels import Sparse
from sameplayer.ranking.kernels.neighbours import insert
from sameplayer.ranking.kernels.sets import expand, widest
from sameplayer.ranking.kernels.sparse import LANES, squared_distance

_MAX = {"nnan", "ninf", "nsz"}  # similarities are finite: lets minima and maxima use SIMD
_CHUNK = 64  # values that are looked at one by one only where one of them is near enough
_EMPTY = np.float32(3e38)  # more than any distance, for a list that is not full


@njit(cache=True)
def _offer(number, value, i, q, kept, itself):
    """Offer a neighbour to row i of ``kept``, and as an answer to query q where that is 0 or more.

    itself    whether neighbour and row are one
    """
    if value < kept.near_values[i, -1]:
        insert(kept.near[i], kept.near_values[i], number, value)
    if q >= 0 and not itself and value < kept.direct_values[q, -1]:
        insert(kept.direct[q], kept.direct_values[q], number, value)


@njit(cache=True)
def _limit(i, q, kept):
    """Return the distance from which on nothing enters a list of row i."""
    limit = kept.near_values[i, -1]
    return min(_EMPTY, limit if q < 0 else max(limit, kept.direct_values[q, -1]))


@njit(cache=True, nogil=True, fastmath=_MAX)
def take_rows(tile, lengths, others, row, column, kept, asked, offered):
    """Take a tile (a, b) of similarities into the lists of its rows.

    lengths, others    (a,) and (b,) squared lengths of its rows and columns
    row, column        numbers of the first row and the first column among all rows
    kept               Nearest of its rows, with squared distances
    asked              (a,) where a row's list ``direct`` stands, or -1; offered: (b,) bool: what
                       may stand in there
    """
    for r in range(tile.shape[0]):
        q, length, top = asked[r], lengths[r], kept.farthest[r]
        limit = _limit(r, q, kept)
        for c in range(0, tile.shape[1], _CHUNK):
            part = tile[r, c : c + _CHUNK]
            theirs = others[c : c + len(part)]
            low, high = _EMPTY, np.float32(0)
            for a in range(len(part)):
                value = (length + theirs[a]) - np.float32(2) * part[a]
                low, high = min(low, value), max(high, value)
            top = max(top, high)
            if low < limit:
                for a in range(len(part)):
                    value = max((length + theirs[a]) - np.float32(2) * part[a], np.float32(0))
                    if value < limit:
                        of_query = q if offered[c + a] else -1
                        number = column + c + a
                        _offer(number, value, r, of_query, kept, number == row + r)
                        limit = _limit(r, q, kept)
        kept.farthest[r] = top


@njit(cache=True, nogil=True, fastmath=_MAX)
def take_columns(tile, lengths, others, row, column, kept, asked, offered):
    """Take a tile (a, b) of similarities into the lists of its columns, as ``take_rows``.

    kept, asked    of the columns; offered: (a,) bool, of the rows
    """
    width = tile.shape[1]
    limits = np.empty(width, np.float32)
    for c in range(width):
        limits[c] = _limit(c, asked[c], kept)
    for r in range(tile.shape[0]):
        for c in range(width):  # a pass of its own, which is faster than both in one
            value = (lengths[r] + others[c]) - np.float32(2) * tile[r, c]
            kept.farthest[c] = max(kept.farthest[c], value)
    for r in range(tile.shape[0]):
        for c in range(0, width, _CHUNK):
            part = tile[r, c : c + _CHUNK]
            theirs, limit = others[c : c + len(part)], limits[c : c + len(part)]
            below = np.float32(0)
            for a in range(len(part)):
                value = (lengths[r] + theirs[a]) - np.float32(2) * part[a]
                below = min(below, value - limit[a])
            if below < 0:
                for a in range(len(part)):
                    value = max((lengths[r] + theirs[a]) - np.float32(2) * part[a], np.float32(0))
                    if value < limit[a]:
                        of_query = asked[c + a] if offered[r] else -1
                        itself = row + r == column + c + a
                        _offer(row + r, value, c + a, of_query, kept, itself)
                        limit[a] = _limit(c + a, asked[c + a], kept)


@njit(cache=True, parallel=True)
def merge_into(near, values, more, more_values):
    """Merge lists (b, K) of later blocks into those of earlier ones, in place."""
    for r in prange(len(near)):
        for a in range(more.shape[1]):
            if more_values[r, a] >= values[r, -1]:
                break
            insert(near[r], values[r], more[r, a], more_values[r, a])


@njit(cache=True, parallel=True)
def expanded(near, half):
    """Return starts (b + 1,) and columns of the expanded sets of a block.

    near    Sets of the block's rows; half: Sets of all rows
    """
    b, most = len(near.members), widest(near, half)
    starts = np.zeros(b + 1, np.int64)
    for r in prange(b):
        starts[r + 1] = expand(r, near, half, np.empty(most, np.int32))
    starts = np.cumsum(starts)
    columns = np.empty(starts[b], np.int32)
    for r in prange(b):
        scratch = np.empty(most, np.int32)
        count = expand(r, near, half, scratch)
        columns[starts[r] : starts[r] + count] = scratch[:count]
    return starts, columns


@njit(cache=True, parallel=True)
def listed_values(starts, columns, lists, values):
    """Return (nnz,) the columns' values as the rows' lists (b, K) hold them, or -1."""
    found = np.full(len(columns), -1, np.float32)
    for r in prange(len(starts) - 1):
        for p in range(starts[r], starts[r + 1]):
            for a in range(lists.shape[1]):
                if lists[r, a] == columns[p]:
                    found[p] = values[r, a]
                    break
    return found


@njit(cache=True, parallel=True)
def measure_missing(found, starts, columns, farthest, block, lengths, others, other_lengths, first):
    """Fill the values below 0 of columns first... with distances of block (b, d) and others.

    As ``sparse.weigh`` does: squared twice, divided by the row's farthest.
    """
    last = first + len(others)
    for r in prange(len(starts) - 1):
        lanes = np.empty(LANES, np.float32)
        for p in range(starts[r], starts[r + 1]):
            if found[p] < 0 and first <= columns[p] < last:
                j = columns[p] - first
                squared = squared_distance(block, lengths, r, others, other_lengths, j, lanes)
                found[p] = squared**2 / farthest[r]


@njit(cache=True, parallel=True)
def softened(starts, columns, found):
    """Return the Sparse of exp(-value), each row divided by its sum."""
    weights = np.empty(len(found), np.float32)
    for r in prange(len(starts) - 1):
        total = np.float32(0)
        for p in range(starts[r], starts[r + 1]):
            weights[p] = np.exp(-found[p])
            total += weights[p]
        for p in range(starts[r], starts[r + 1]):
            weights[p] /= total
    return Sparse(starts, columns, weights)


@njit(cache=True)
def _put_answer(number, distance, direct, ids, distances, directs):
    """Put an answer at its place by distance, of equal ones by direct distance, then by number."""
    slot = len(ids) - 1
    if not _before(distance, direct, number, distances[slot], directs[slot], ids[slot]):
        return
    while slot > 0 and _before(
        distance, direct, number, distances[slot - 1], directs[slot - 1], ids[slot - 1]
    ):
        distances[slot], directs[slot] = distances[slot - 1], directs[slot - 1]
        ids[slot] = ids[slot - 1]
        slot -= 1
    distances[slot], directs[slot], ids[slot] = distance, direct, number


@njit(cache=True)
def _before(distance, direct, number, other, other_direct, other_number):
    if distance != other:
        return distance < other
    if direct != other_direct:
        return direct < other_direct
    return number < other_number


@njit(cache=True, parallel=True)
def take_block(share, block, of_block, other, by_column, asked, offered, nearest, answers, threads):
    """Take what a block of gallery rows can add to the top M of a block of queries.

    share        weight of the Jaccard distance
    block        Measured of the queries; of_block: Sparse of their expanded rows
    other        Measured of the gallery's block; by_column: Sparse of its rows, transposed
    asked        (q,) which rows of the block are queries; offered: (n,) bool: which are gallery
    nearest      (q, M) row numbers of the nearest by direct distance, of all blocks; -1: none
    answers      Answers of the queries, in place
    threads      how many parts the work is cut into; each holds one line of n values

    Whoever shares no column has the Jaccard distance 1, so that among those the direct distance
    decides: overlapping rows and the M nearest hold every row of the top M.
    """
    count_asked, n = len(asked), len(other.rows)
    for t in prange(threads):
        shared, touched = np.zeros(n, np.float32), np.empty(n, np.int32)
        seen, lanes = np.full(n, -1, np.int64), np.empty(LANES, np.float32)
        for i in range(t * count_asked // threads, (t + 1) * count_asked // threads):
            r, count = asked[i], 0
            for p in range(of_block.starts[r], of_block.starts[r + 1]):
                c = of_block.columns[p]
                for q in range(by_column.starts[c], by_column.starts[c + 1]):
                    g = by_column.columns[q]
                    if seen[g] != r:
                        seen[g], shared[g], touched[count] = r, np.float32(0), g
                        count += 1
                    shared[g] += min(of_block.weights[p], by_column.weights[q])
            for number in nearest[i]:
                g = number - other.first
                if number >= 0 and 0 <= g < n and seen[g] != r:
                    seen[g], shared[g], touched[count] = r, np.float32(0), g
                    count += 1
            for a in range(count):
                g = touched[a]
                if offered[g] and other.first + g != block.first + r:
                    squared = squared_distance(
                        block.rows, block.lengths, r, other.rows, other.lengths, g, lanes
                    )
                    direct = squared**2 / block.farthest[r]
                    jaccard = np.float32(1) - shared[g] / (np.float32(2) - shared[g])
                    distance = (np.float32(1) - share) * direct + share * jaccard
                    _put_answer(
                        other.first + g,
                        distance,
                        direct,
                        answers.ids[i],
                        answers.distances[i],
                        answers.directs[i],
                    )
