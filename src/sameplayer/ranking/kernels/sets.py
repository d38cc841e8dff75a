"""Reciprocal neighbours, and the sets that they grow to."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from sameplayer.ranking.kernels import Sets


@njit(cache=True, parallel=True)
def reciprocal(lists, k, first=0, stop=-1):
    """Return the Sets of those of lists[i, :k] that list i among their first k.

    first, stop    the rows i; a negative stop: to the last
    """
    k, rows = min(k, lists.shape[1]), (len(lists) if stop < 0 else stop) - first
    members = np.full((rows, k), -1, np.int32)
    counts = np.zeros(rows, np.int32)
    for r in prange(rows):
        i, count = first + r, 0
        for a in range(k):
            j = lists[i, a]
            for b in range(k):
                if lists[j, b] == i:
                    members[r, count] = j
                    count += 1
                    break
        counts[r] = count
    return Sets(members, counts)


@njit(cache=True, parallel=True)
def query_members(lists, m, k):
    """Return the Sets of gallery numbers g among query p's first k that list p among theirs."""
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
    return Sets(members, counts)


@njit(cache=True)
def widest(near, half):
    """Return how many numbers ``expand`` writes at most, before it leaves out what repeats."""
    return near.members.shape[1] * (half.members.shape[1] + 1)


@njit(cache=True)
def expand(i, near, half, out):
    """Write the sorted distinct members of i's set in ``near``, grown by the halves that overlap.

    near, half    Sets of the whole and of half the neighbours
    out           scratch of ``widest`` numbers; returns how many hold
    """
    members, counts = near.members, near.counts
    size = counts[i]
    for a in range(counts[i]):
        out[a] = members[i, a]
    for a in range(counts[i]):
        j = members[i, a]
        shared = 0
        for b in range(half.counts[j]):
            for c in range(counts[i]):
                if half.members[j, b] == members[i, c]:
                    shared += 1
                    break
        if shared > 2 / 3 * half.counts[j]:
            for b in range(half.counts[j]):
                out[size] = half.members[j, b]
                size += 1
    return _distinct(out, size)


@njit(cache=True)
def _distinct(out, size):
    if size == 0:
        return 0
    part = np.sort(out[:size])
    kept = 1
    out[0] = part[0]
    for a in range(1, size):
        if part[a] != part[a - 1]:
            out[kept] = part[a]
            kept += 1
    return kept


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
def widest_hard(near, half):
    """Return how many numbers ``expand_hard`` writes at most."""
    k, h = near.members.shape[1], half.members.shape[1]
    return k + (k + h) * h


@njit(cache=True)
def expand_hard(i, near, half, skip, follow, out):
    """Write the distinct members of i's set in ``near`` grown by overlapping halves.

    skip      leave the first member out of the walk and of the test
    follow    walk on through what the first merge appended
    out       scratch of ``widest_hard`` numbers; returns how many hold
    """
    members, count = near.members[i], near.counts[i]
    walk = np.empty(count + half.members.shape[1], np.int32)
    walk[:count] = members[:count]
    out[:count] = members[:count]
    size, steps, merged, step = count, count, False, skip
    while step < steps:
        g = walk[step]
        if _overlaps(members, skip, count, half.members[g], half.counts[g]):
            for b in range(half.counts[g]):
                out[size] = half.members[g, b]
                size += 1
                if follow and not merged:
                    walk[steps] = half.members[g, b]
                    steps += 1
            merged = True
        step += 1
    return _distinct(out, size)
