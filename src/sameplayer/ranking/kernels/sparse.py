"""Sparse rows of neighbour sets: weights, means, transposition, Jaccard distances."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from sameplayer.ranking.kernels import Sparse
from sameplayer.ranking.kernels.sets import expand, expand_hard, widest, widest_hard

# Sums that run beside each other, for speed. Their order is written down here and not left to the
# compiler, which chooses anew wherever the loop is used, so that first and later runs would differ.
LANES = 32


@njit(cache=True)
def product(a, b, lanes):
    """Return the product of two rows; ``lanes`` (LANES,) is scratch."""
    width = len(a)
    whole = width - width % LANES
    lanes[:] = 0
    for start in range(0, whole, LANES):
        for lane in range(LANES):
            lanes[lane] += a[start + lane] * b[start + lane]
    total = np.float32(0)
    for lane in range(LANES):
        total += lanes[lane]
    for c in range(whole, width):
        total += a[c] * b[c]
    return total


@njit(cache=True)
def squared_distance(rows, lengths, i, others, other_lengths, j, lanes):
    """Return the squared distance of rows[i] and others[j]; ``lanes`` (LANES,) is scratch."""
    alike = product(rows[i], others[j], lanes)
    return max(lengths[i] + other_lengths[j] - np.float32(2) * alike, np.float32(0))


@njit(cache=True)
def weigh(i, members, count, found, out):
    """Write exp(-distance) from row i to the members, divided by their sum.

    found    Lists, whose values are divided by ``farthest``
    """
    total, lanes = np.float32(0), np.empty(LANES, np.float32)
    for a in range(count):
        j = members[a]
        value = np.float32(-1)
        for b in range(found.lists.shape[1]):
            if found.lists[i, b] == j:
                value = found.values[i, b]
                break
        if value < 0:
            rows, lengths = found.rows, found.lengths
            squared = squared_distance(rows, lengths, i, rows, lengths, j, lanes)
            value = squared**2 / found.farthest[i]
        out[a] = np.exp(-value)
        total += out[a]
    for a in range(count):
        out[a] /= total


@njit(cache=True, parallel=True)
def neighbour_weights(found, near, half):
    """Return the Sparse of expanded reciprocal neighbours, each row summing to 1.

    found         Lists, whose values are divided by ``farthest``
    near, half    Sets of reciprocal neighbours
    """
    n, most = len(found.lists), widest(near, half)
    starts = np.zeros(n + 1, np.int64)
    for i in prange(n):
        scratch = np.empty(most, np.int32)
        starts[i + 1] = expand(i, near, half, scratch)
    starts = np.cumsum(starts)
    columns = np.empty(starts[n], np.int32)
    weights = np.empty(starts[n], np.float32)
    for i in prange(n):
        scratch = np.empty(most, np.int32)
        count = expand(i, near, half, scratch)
        begin = starts[i]
        columns[begin : begin + count] = scratch[:count]
        weigh(i, scratch, count, found, weights[begin : begin + count])
    return Sparse(starts, columns, weights)


@njit(cache=True, parallel=True)
def binary_rows(near, half, skip, follow):
    """Return the Sparse with 1 at the members of each row's set, see ``expand_hard``."""
    n, most = len(near.members), widest_hard(near, half)
    starts = np.zeros(n + 1, np.int64)
    for i in prange(n):
        scratch = np.empty(most, np.int32)
        starts[i + 1] = expand_hard(i, near, half, skip, follow, scratch)
    starts = np.cumsum(starts)
    columns = np.empty(starts[n], np.int32)
    for i in prange(n):
        scratch = np.empty(most, np.int32)
        count = expand_hard(i, near, half, skip, follow, scratch)
        columns[starts[i] : starts[i + 1]] = scratch[:count]
    return Sparse(starts, columns, np.ones(starts[n], np.float32))


@njit(cache=True)
def _add_rows(chosen, sparse, total, seen, mark, touched):
    """Add the chosen rows into ``total``; return how many columns were touched."""
    count = 0
    for j in chosen:
        for p in range(sparse.starts[j], sparse.starts[j + 1]):
            c = sparse.columns[p]
            if seen[c] != mark:
                seen[c] = mark
                total[c] = sparse.weights[p]
                touched[count] = c
                count += 1
            else:
                total[c] += sparse.weights[p]
    return count


@njit(cache=True, parallel=True)
def mean_rows(lists, k, sparse, threads):
    """Return the Sparse whose row i is the mean of the rows lists[i, :k].

    threads    how many parts the work is cut into; each holds one row of full width
    """
    n, k = len(lists), min(k, lists.shape[1])
    width = max(len(sparse.starts) - 1, n)
    starts = np.zeros(n + 1, np.int64)
    for t in prange(threads):
        total, touched = np.empty(width, np.float32), np.empty(width, np.int32)
        seen = np.zeros(width, np.int64)
        for i in range(t * n // threads, (t + 1) * n // threads):
            starts[i + 1] = _add_rows(lists[i, :k], sparse, total, seen, i + 1, touched)
    starts = np.cumsum(starts)
    columns = np.empty(starts[n], np.int32)
    weights = np.empty(starts[n], np.float32)
    for t in prange(threads):
        total, touched = np.empty(width, np.float32), np.empty(width, np.int32)
        seen = np.zeros(width, np.int64)
        for i in range(t * n // threads, (t + 1) * n // threads):
            count = _add_rows(lists[i, :k], sparse, total, seen, i + 1, touched)
            for a in range(count):
                columns[starts[i] + a] = touched[a]
                weights[starts[i] + a] = total[touched[a]] / np.float32(k)
    return Sparse(starts, columns, weights)


@njit(cache=True)
def mean_in_place(lists, first, k, sparse, count, width):
    """Return rows 0...count as means of the rows lists[i, first : first + k], one after the other.

    A row that comes earlier is met as its mean, one that comes later as it was.
    """
    total, touched = np.empty(width, np.float32), np.empty(width, np.int32)
    seen = np.zeros(width, np.int64)
    starts = np.zeros(count + 1, np.int64)
    columns = np.empty(max(1024, 2 * len(sparse.columns)), np.int32)
    weights = np.empty(len(columns), np.float32)
    for i in range(count):
        chosen = lists[i, first : first + k]
        if len(chosen) == 0:
            chosen = lists[i, :1]
        size = 0
        for j in chosen:
            part = Sparse(starts, columns, weights) if j < i else sparse
            for p in range(part.starts[j], part.starts[j + 1]):
                c = part.columns[p]
                if seen[c] != i + 1:
                    seen[c] = i + 1
                    total[c] = part.weights[p]
                    touched[size] = c
                    size += 1
                else:
                    total[c] += part.weights[p]
        begin = starts[i]
        starts[i + 1] = begin + size
        if begin + size > len(columns):
            columns = _grown(columns, begin, 2 * (begin + size))
            weights = _grown(weights, begin, 2 * (begin + size))
        for a in range(size):
            columns[begin + a] = touched[a]
            weights[begin + a] = total[touched[a]] / np.float32(len(chosen))
    end = starts[count]
    return Sparse(starts, columns[:end], weights[:end])


@njit(cache=True)
def _grown(values, held, size):
    """Return room for ``size`` values, the first ``held`` of them as they were."""
    room = np.empty(size, values.dtype)
    room[:held] = values[:held]
    return room


@njit(cache=True)
def transpose(sparse, first, width):
    """Return rows first... by columns: a Sparse of ``width`` rows and columns less ``first``."""
    n = len(sparse.starts) - 1
    starts = np.zeros(width + 1, np.int64)
    for p in range(sparse.starts[first], sparse.starts[n]):
        starts[sparse.columns[p] + 1] += 1
    starts = np.cumsum(starts)
    free = starts[:-1].copy()
    rows = np.empty(starts[width], np.int32)
    weights = np.empty(starts[width], np.float32)
    for i in range(first, n):
        for p in range(sparse.starts[i], sparse.starts[i + 1]):
            at = free[sparse.columns[p]]
            rows[at] = i - first
            weights[at] = sparse.weights[p]
            free[sparse.columns[p]] += 1
    return Sparse(starts, rows, weights)


@njit(cache=True, parallel=True)
def jaccard_into(result, share, of_query, sums, by_column, item_sums):
    """Turn result (m, n), holding distances, into (1 - share) * distance + share * Jaccard.

    of_query     Sparse, row i is query i; sums: (m,) of its rows
    by_column    Sparse of the gallery, transposed; item_sums: (n,) of its columns

    The Jaccard distance of two rows is 1 - sum(min) / sum(max), and sum(max) is both sums less
    sum(min); sums of 0 count as 1e-12.
    """
    m, n = result.shape
    for i in prange(m):
        shared = np.zeros(n, np.float32)
        for p in range(of_query.starts[i], of_query.starts[i + 1]):
            c = of_query.columns[p]
            for q in range(by_column.starts[c], by_column.starts[c + 1]):
                shared[by_column.columns[q]] += min(of_query.weights[p], by_column.weights[q])
        for g in range(n):
            union = max(sums[i] + item_sums[g] - shared[g], np.float32(1e-12))
            jaccard = np.float32(1) - shared[g] / union
            result[i, g] = (np.float32(1) - share) * result[i, g] + share * jaccard
