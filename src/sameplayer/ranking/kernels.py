"""Compiled loops over neighbour lists and sparse rows; called by rerank.py and prepared.py.

Names: ``lists`` (N, K) row numbers, nearest first, the row itself included; ``values`` (N, K) their
distances; a sparse matrix is (starts (N + 1,), columns (nnz,), weights (nnz,)), row by row.
Rows of lists shorter than K are filled with -1.
"""

from __future__ import annotations

import numpy as np
import torch
from numba import get_num_threads, njit, prange

_MAX = {"nnan", "ninf", "nsz"}  # distances are finite: lets the search for the largest use SIMD


def start_threads() -> None:
    """Start Numba's threads and keep the number of torch's.

    Both share one OpenMP, so that the first compiled loop would change torch's number, and with it
    the last bits of whatever is computed after it.
    """
    threads = torch.get_num_threads()
    get_num_threads()
    torch.set_num_threads(threads)


@njit(cache=True, fastmath=_MAX)
def _normalise(row, own, lengths, power, divide):
    """Turn similarities into distances in place; power 2: squared again; ``divide``:
    then divided by the largest. Return that largest value."""
    top = np.float32(0)
    for j in range(len(row)):
        value = max(own + lengths[j] - np.float32(2) * row[j], np.float32(0))
        if power == 2:
            value *= value
        row[j] = value
        top = max(top, value)
    if power == 2:
        top = max(top, np.float32(1e-12))
    if divide:
        for j in range(len(row)):
            row[j] /= top
    return top


@njit(cache=True)
def nearest(row, first, count, out, out_values):
    """Write the numbers (less ``first``) and values of the ``count`` smallest entries of
    row[first:], smallest first; of equal ones the one that stands first."""
    held = 0
    for j in range(first, len(row)):
        value = row[j]
        if held == count and value >= out_values[count - 1]:
            continue
        place = held if held < count else count - 1
        held = min(held + 1, count)
        while place > 0 and out_values[place - 1] > value:
            out_values[place] = out_values[place - 1]
            out[place] = out[place - 1]
            place -= 1
        out_values[place] = value
        out[place] = j - first
    return held


@njit(cache=True, parallel=True)
def block_neighbours(block, start, lengths, power, divide, lists, values, farthest, first, own):
    """Fill the rows start... of lists, values, farthest from a block (b, N) of similarities.

    The block becomes distances in place. ``own`` (N, k) gets the neighbours among rows first...
    """
    for r in prange(block.shape[0]):
        i = start + r
        row = block[r]
        farthest[i] = _normalise(row, lengths[i], lengths, power, divide)
        nearest(row, 0, lists.shape[1], lists[i], values[i])
        if i >= first and own.shape[1]:
            spare = np.empty(own.shape[1], np.float32)
            nearest(row, first, own.shape[1], own[i - first], spare)


@njit(cache=True, parallel=True)
def reciprocal(lists, k):
    """Return (N, k) the members of lists[i, :k] that list i among their first k, and counts."""
    k = min(k, lists.shape[1])
    members = np.full((len(lists), k), -1, np.int32)
    counts = np.zeros(len(lists), np.int32)
    for i in prange(len(lists)):
        found = 0
        for a in range(k):
            j = lists[i, a]
            for b in range(k):
                if lists[j, b] == i:
                    members[i, found] = j
                    found += 1
                    break
        counts[i] = found
    return members, counts


@njit(cache=True)
def _expand(i, members, counts, half, half_counts, out):
    """Write the sorted distinct reciprocal members of i, grown by the halves that overlap."""
    found = counts[i]
    for a in range(counts[i]):
        out[a] = members[i, a]
    for a in range(counts[i]):
        j = members[i, a]
        shared = 0
        for b in range(half_counts[j]):
            for c in range(counts[i]):
                if half[j, b] == members[i, c]:
                    shared += 1
                    break
        if shared > 2 / 3 * half_counts[j]:
            for b in range(half_counts[j]):
                out[found] = half[j, b]
                found += 1
    return _distinct(out, found)


@njit(cache=True)
def _distinct(out, found):
    if found == 0:
        return 0
    part = np.sort(out[:found])
    kept = 1
    out[0] = part[0]
    for a in range(1, found):
        if part[a] != part[a - 1]:
            out[kept] = part[a]
            kept += 1
    return kept


@njit(cache=True, fastmath={"reassoc", "contract", "nnan", "ninf", "nsz"})
def _distance(rows, lengths, i, j):
    total = np.float32(0)
    for c in range(rows.shape[1]):
        total += rows[i, c] * rows[j, c]
    return max(lengths[i] + lengths[j] - np.float32(2) * total, np.float32(0))


@njit(cache=True)
def _weigh(i, members, found, rows, lengths, lists, values, top, out):
    """Write exp(-distance) of the members, divided by their sum."""
    total = np.float32(0)
    for a in range(found):
        j = members[a]
        value = np.float32(-1)
        for b in range(lists.shape[1]):
            if lists[i, b] == j:
                value = values[i, b]
                break
        if value < 0:
            value = _distance(rows, lengths, i, j) ** 2 / top
        out[a] = np.exp(-value)
        total += out[a]
    for a in range(found):
        out[a] /= total


@njit(cache=True, parallel=True)
def neighbour_weights(rows, lengths, lists, values, farthest, members, counts, half, half_counts):
    """Return the sparse matrix of expanded reciprocal neighbours, each row summing to 1."""
    n, widest = len(lists), members.shape[1] * (half.shape[1] + 1)
    starts = np.zeros(n + 1, np.int64)
    for i in prange(n):
        scratch = np.empty(widest, np.int32)
        starts[i + 1] = _expand(i, members, counts, half, half_counts, scratch)
    starts = np.cumsum(starts)
    columns = np.empty(starts[n], np.int32)
    weights = np.empty(starts[n], np.float32)
    for i in prange(n):
        scratch = np.empty(widest, np.int32)
        found = _expand(i, members, counts, half, half_counts, scratch)
        begin = starts[i]
        columns[begin : begin + found] = scratch[:found]
        part = weights[begin : begin + found]
        _weigh(i, scratch, found, rows, lengths, lists, values, farthest[i], part)
    return starts, columns, weights


@njit(cache=True)
def _add_rows(chosen, starts, columns, weights, total, seen, mark, touched):
    """Add the chosen sparse rows into ``total``; return how many columns were touched."""
    found = 0
    for j in chosen:
        for p in range(starts[j], starts[j + 1]):
            c = columns[p]
            if seen[c] != mark:
                seen[c] = mark
                total[c] = weights[p]
                touched[found] = c
                found += 1
            else:
                total[c] += weights[p]
    return found


@njit(cache=True, parallel=True)
def mean_rows(lists, k, starts, columns, weights, threads):
    """Return the sparse matrix whose row i is the mean of the rows lists[i, :k].

    threads    how many parts the work is cut into; each holds one row of full width
    """
    n, k = len(lists), min(k, lists.shape[1])
    width = max(len(starts) - 1, n)
    new_starts = np.zeros(n + 1, np.int64)
    for t in prange(threads):
        total, touched = np.empty(width, np.float32), np.empty(width, np.int32)
        seen = np.zeros(width, np.int64)
        for i in range(t * n // threads, (t + 1) * n // threads):
            new_starts[i + 1] = _add_rows(
                lists[i, :k], starts, columns, weights, total, seen, i + 1, touched
            )
    new_starts = np.cumsum(new_starts)
    new_columns = np.empty(new_starts[n], np.int32)
    new_weights = np.empty(new_starts[n], np.float32)
    for t in prange(threads):
        total, touched = np.empty(width, np.float32), np.empty(width, np.int32)
        seen = np.zeros(width, np.int64)
        for i in range(t * n // threads, (t + 1) * n // threads):
            found = _add_rows(lists[i, :k], starts, columns, weights, total, seen, i + 1, touched)
            for a in range(found):
                new_columns[new_starts[i] + a] = touched[a]
                new_weights[new_starts[i] + a] = total[touched[a]] / np.float32(k)
    return new_starts, new_columns, new_weights


@njit(cache=True)
def transpose(starts, columns, weights, first, width):
    """Return rows first... by columns: (starts, rows less ``first``, weights)."""
    n = len(starts) - 1
    new_starts = np.zeros(width + 1, np.int64)
    for p in range(starts[first], starts[n]):
        new_starts[columns[p] + 1] += 1
    new_starts = np.cumsum(new_starts)
    place = new_starts[:-1].copy()
    rows = np.empty(new_starts[width], np.int32)
    new_weights = np.empty(new_starts[width], np.float32)
    for i in range(first, n):
        for p in range(starts[i], starts[i + 1]):
            at = place[columns[p]]
            rows[at] = i - first
            new_weights[at] = weights[p]
            place[columns[p]] += 1
    return new_starts, rows, new_weights


@njit(cache=True, parallel=True)
def jaccard_into(
    result, share, starts, columns, weights, sums, by_column, rows, row_weights, row_sums
):
    """Turn result (m, n), holding distances, into (1 - share) * distance + share * Jaccard.

    Query i is sparse row i; gallery rows come by column. The Jaccard distance of two rows is
    1 - sum(min) / sum(max), and sum(max) is both sums less sum(min); sums of 0 count as 1e-12.
    """
    m, n = result.shape
    for i in prange(m):
        shared = np.zeros(n, np.float32)
        for p in range(starts[i], starts[i + 1]):
            c = columns[p]
            for q in range(by_column[c], by_column[c + 1]):
                shared[rows[q]] += min(weights[p], row_weights[q])
        for g in range(n):
            union = max(sums[i] + row_sums[g] - shared[g], np.float32(1e-12))
            jaccard = np.float32(1) - shared[g] / union
            result[i, g] = (np.float32(1) - share) * result[i, g] + share * jaccard


@njit(cache=True, parallel=True)
def query_members(lists, m, k):
    """Return (m, k) gallery numbers g among query p's first k that list p among theirs; counts."""
    k = min(k, lists.shape[1])
    members = np.full((m, k), -1, np.int32)
    counts = np.zeros(m, np.int32)
    for p in prange(m):
        for a in range(k):
            g = lists[p, a]
            if g < m:
                continue
            for b in range(k):
                if lists[g, b] == p:
                    members[p, counts[p]] = g - m
                    counts[p] += 1
                    break
    return members, counts


@njit(cache=True)
def _overlaps(members, first, count, half, half_count):
    shared = 0
    for a in range(half_count):
        for b in range(first, count):
            if half[a] == members[b]:
                shared += 1
                break
    return shared >= 2 / 3 * half_count


@njit(cache=True)
def _expand_hard(members, count, half, half_counts, skip, follow, out):
    """Write the distinct members grown by overlapping halves; return how many.

    skip      leave the first member out of the walk and of the test
    follow    walk on through what the first merge appended
    """
    walk = np.empty(count + half.shape[1], np.int32)
    walk[:count] = members[:count]
    out[:count] = members[:count]
    found, steps, merged, place = count, count, False, skip
    while place < steps:
        g = walk[place]
        if _overlaps(members, skip, count, half[g], half_counts[g]):
            for b in range(half_counts[g]):
                out[found] = half[g, b]
                found += 1
                if follow and not merged:
                    walk[steps] = half[g, b]
                    steps += 1
            merged = True
        place += 1
    return _distinct(out, found)


@njit(cache=True, parallel=True)
def binary_rows(members, counts, half, half_counts, skip, follow):
    """Return the sparse matrix with 1 at the expanded members of each row."""
    n = len(members)
    k, h = members.shape[1], half.shape[1]
    widest = k + (k + h) * h
    starts = np.zeros(n + 1, np.int64)
    for i in prange(n):
        scratch = np.empty(widest, np.int32)
        starts[i + 1] = _expand_hard(
            members[i], counts[i], half, half_counts, skip, follow, scratch
        )
    starts = np.cumsum(starts)
    columns = np.empty(starts[n], np.int32)
    for i in prange(n):
        scratch = np.empty(widest, np.int32)
        found = _expand_hard(members[i], counts[i], half, half_counts, skip, follow, scratch)
        columns[starts[i] : starts[i + 1]] = scratch[:found]
    return starts, columns, np.ones(starts[n], np.float32)


@njit(cache=True)
def mean_in_place(lists, first, k, starts, columns, weights, count, width):
    """Return rows 0...count as means of the rows lists[i, first : first + k], one after the other.

    A row that comes earlier is met as its mean, one that comes later as it was.
    """
    total, touched = np.empty(width, np.float32), np.empty(width, np.int32)
    seen = np.zeros(width, np.int64)
    new_starts = np.zeros(count + 1, np.int64)
    new_columns = np.empty(max(1024, 2 * len(columns)), np.int32)
    new_weights = np.empty(len(new_columns), np.float32)
    for i in range(count):
        chosen = lists[i, first : first + k]
        if len(chosen) == 0:
            chosen = lists[i, :1]
        found = 0
        for j in chosen:
            if j < i:
                s, c, w = new_starts, new_columns, new_weights
            else:
                s, c, w = starts, columns, weights
            for p in range(s[j], s[j + 1]):
                if seen[c[p]] != i + 1:
                    seen[c[p]] = i + 1
                    total[c[p]] = w[p]
                    touched[found] = c[p]
                    found += 1
                else:
                    total[c[p]] += w[p]
        begin = new_starts[i]
        new_starts[i + 1] = begin + found
        if begin + found > len(new_columns):
            grown = np.empty(2 * (begin + found), np.int32)
            grown[:begin] = new_columns[:begin]
            new_columns = grown
            heavier = np.empty(len(grown), np.float32)
            heavier[:begin] = new_weights[:begin]
            new_weights = heavier
        for a in range(found):
            new_columns[begin + a] = touched[a]
            new_weights[begin + a] = total[touched[a]] / np.float32(len(chosen))
    end = new_starts[count]
    return new_starts, new_columns[:end], new_weights[:end]


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
        place = k
        while place > 0 and values[g, place - 1] >= raw[g]:
            place -= 1
        for a in range(grown):
            if a < place:
                new_lists[g, a], new_values[g, a] = lists[g, a] + 1, values[g, a] / top
            elif a == place:
                new_lists[g, a], new_values[g, a] = 0, raw[g] / top
            else:
                new_lists[g, a], new_values[g, a] = lists[g, a - 1] + 1, values[g, a - 1] / top
    return new_lists, new_values, new_farthest


@njit(cache=True, parallel=True)
def one_query_jaccard(
    rows, lengths, lists, values, farthest, members, counts, half, half_counts, averaged
):
    """Return (n,) Jaccard distances of row 0 to rows 1...; row i is the mean of averaged[i] (k2,).

    Only rows that can share a column with the query's are weighed: being reciprocal goes both
    ways, so they are found from the query's columns outwards.
    """
    total, k2 = len(lists), averaged.shape[1]
    widest = members.shape[1] * (half.shape[1] + 1)
    scratch, part = np.empty(widest, np.int32), np.empty(widest, np.float32)
    place = np.full(total, -1, np.int32)
    columns = np.empty(min(total, widest * k2), np.int32)
    asked = np.zeros(len(columns), np.float32)
    held = 0
    for b in range(k2):
        j = averaged[0, b]
        found = _expand(j, members, counts, half, half_counts, scratch)
        _weigh(j, scratch, found, rows, lengths, lists, values, farthest[j], part)
        for a in range(found):
            c = scratch[a]
            if place[c] < 0:
                place[c] = held
                columns[held] = c
                held += 1
            asked[place[c]] += part[a] / np.float32(k2)
    near = np.zeros(total, np.bool_)
    for p in range(held):
        c = columns[p]
        near[members[c, : counts[c]]] = True
        for b in range(half_counts[c]):
            y = half[c, b]
            near[members[y, : counts[y]]] = True
    sharing = np.flatnonzero(near)
    slot = np.full(total, -1, np.int32)
    slot[sharing] = np.arange(len(sharing))
    shared = np.zeros((len(sharing), held), np.float32)
    for s in prange(len(sharing)):
        j = sharing[s]
        inner, weight = np.empty(widest, np.int32), np.empty(widest, np.float32)
        found = _expand(j, members, counts, half, half_counts, inner)
        _weigh(j, inner, found, rows, lengths, lists, values, farthest[j], weight)
        for a in range(found):
            if place[inner[a]] >= 0:
                shared[s, place[inner[a]]] = weight[a]
    result = np.ones(total - 1, np.float32)
    for g in prange(1, total):
        mean = np.zeros(held, np.float32)
        touched = False
        for b in range(k2):
            s = slot[averaged[g, b]]
            if s >= 0:
                touched = True
                mean += shared[s]
        if touched:
            common = np.float32(0)
            for p in range(held):
                common += min(asked[p], mean[p] / np.float32(k2))
            result[g - 1] = np.float32(1) - common / (np.float32(2) - common)
    return result


@njit(cache=True, parallel=True)
def smallest_columns(matrix, count):
    """Return (m, count) numbers of the smallest entries of each row, smallest first."""
    columns = np.empty((matrix.shape[0], count), np.int32)
    for i in prange(matrix.shape[0]):
        nearest(matrix[i], 0, count, columns[i], np.empty(count, matrix.dtype))
    return columns
