"""One new query against a prepared gallery: gallery rows 0...n - 1, and the query as row n.

Only the rows that the query can change are looked at: those whose list it enters, and those from
which its neighbourhood is seen. What is known of a row is written down with the number of the query
for which it holds, so that nothing has to be cleared between two queries.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from sameplayer.ranking.kernels import Sets
from sameplayer.ranking.kernels.sets import expand, widest
from sameplayer.ranking.kernels.sparse import LANES, product


class Fixed(NamedTuple):
    """A prepared gallery of n rows; distances are squared twice, and not divided.

    rows, scale         (n, d) float32 features and (n,) what makes them unit rows
    lengths             (n,) squared lengths of those unit rows: 1, or 0 for rows of zeros
    lists, values       (n, K) nearest gallery rows and their distances
    last, farthest      (n,) distance of the last listed and of the farthest gallery row
    starts, listed_by   rows listed_by[starts[i] : starts[i + 1]] list i among their first k2
    """

    rows: np.ndarray
    scale: np.ndarray
    lengths: np.ndarray
    lists: np.ndarray
    values: np.ndarray
    last: np.ndarray
    farthest: np.ndarray
    starts: np.ndarray
    listed_by: np.ndarray


class Room(NamedTuple):
    """What is known of n + 1 rows under the query at hand; kept, so that no answer has to ask for
    memory. A number in ``known...`` is that of the query for which the row was looked at.

    raw                 (n,) the query's distances
    entered             (n + 1,) rows whose lists hold the query; place: (n + 1,) where, else -1
    near, half          Sets, with known_near and known_half
    slot                (n + 1,) where a column of the query stands, or -1
    sharing             (n + 1,) rows that may share a column, and their places with known_sharing
    reached             (n,) the last query that reached this gallery row
    """

    raw: np.ndarray
    entered: np.ndarray
    place: np.ndarray
    near: Sets
    known_near: np.ndarray
    half: Sets
    known_half: np.ndarray
    slot: np.ndarray
    sharing: np.ndarray
    sharing_place: np.ndarray
    known_sharing: np.ndarray
    reached: np.ndarray


class Asked(NamedTuple):
    """One query: its number from 1, its unit row (d,), the farthest gallery row, and the lists
    that it changed.

    lists, values    (e + 1, K) of the rows that it entered, and last its own
    k2               rows that are averaged
    """

    number: int
    query: np.ndarray
    length: np.float32
    top: np.float32
    lists: np.ndarray
    values: np.ndarray
    k2: int


@njit(cache=True)
def one_query_jaccard(fixed, room, asked, share, result):
    """Write share * Jaccard distance + (1 - share) * direct distance where the query is in reach.

    result    (n,), which holds that of all other rows: their Jaccard distance is 1
    """
    most = widest(room.near, room.half)
    columns, weights = _query_row(fixed, room, asked, most)
    shared = _shared_weights(columns, fixed, room, asked, most)
    mean = np.empty(len(columns), np.float32)
    for p in range(len(asked.lists) - 1):
        _rank(room.entered[p], weights, shared, mean, fixed, room, asked, share, result)
    for s in range(len(shared)):
        j = room.sharing[s]
        if j < len(result):
            for p in range(fixed.starts[j], fixed.starts[j + 1]):
                g = fixed.listed_by[p]
                _rank(g, weights, shared, mean, fixed, room, asked, share, result)
    for c in columns:
        room.slot[c] = -1


@njit(cache=True)
def _list_of(i, fixed, room, asked):
    place = room.place[i]
    return asked.lists[place] if place >= 0 else fixed.lists[i]


@njit(cache=True)
def _averaged(i, b, fixed, room, asked):
    """Return the row that stands in place b among those over which row i is averaged."""
    return _list_of(i, fixed, room, asked)[b] if asked.k2 > 1 else i


@njit(cache=True)
def _know(i, sets, known, fixed, room, asked):
    """Find the reciprocal neighbours of row i, unless they are known."""
    if known[i] == asked.number:
        return
    known[i] = asked.number
    mine, count = _list_of(i, fixed, room, asked), 0
    k = min(sets.members.shape[1], len(mine))
    for a in range(k):
        other = _list_of(mine[a], fixed, room, asked)
        for b in range(k):
            if other[b] == i:
                sets.members[i, count] = mine[a]
                count += 1
                break
    sets.counts[i] = count


@njit(cache=True)
def _expanded(i, fixed, room, asked, out):
    _know(i, room.near, room.known_near, fixed, room, asked)
    for a in range(room.near.counts[i]):
        _know(room.near.members[i, a], room.half, room.known_half, fixed, room, asked)
    return expand(i, room.near, room.half, out)


@njit(cache=True)
def _distance(i, j, fixed, asked, lanes):
    """Return the distance of two rows, of which one may be the query."""
    n = len(fixed.lists)
    if i == j:
        return np.float32(0)
    if i == n or j == n:
        g = min(i, j)
        length = asked.length
        similar = product(fixed.rows[g], asked.query, lanes) * fixed.scale[g]
    else:
        g, length = i, fixed.lengths[j]
        similar = product(fixed.rows[i], fixed.rows[j], lanes) * fixed.scale[i] * fixed.scale[j]
    value = max(fixed.lengths[g] + length - np.float32(2) * similar, np.float32(0))
    return value * value


@njit(cache=True)
def _weigh(i, members, count, fixed, room, asked, out):
    """Write exp(-distance) from row i to the members, divided by their sum."""
    n, place = len(room.raw), room.place[i]
    numbers = _list_of(i, fixed, room, asked)
    values = asked.values[place] if place >= 0 else fixed.values[i]
    top = asked.top if i == n else max(fixed.farthest[i], room.raw[i])
    total, lanes = np.float32(0), np.empty(LANES, np.float32)
    for a in range(count):
        j, value = members[a], np.float32(-1)
        for b in range(len(numbers)):
            if numbers[b] == j:
                value = values[b]
                break
        if value < 0:
            value = _distance(i, j, fixed, asked, lanes)
        out[a] = np.exp(-value / top)
        total += out[a]
    for a in range(count):
        out[a] /= total


@njit(cache=True)
def _query_row(fixed, room, asked, most):
    """Return the query's columns and weights; ``room.slot`` says where each column stands."""
    scratch, part = np.empty(most, np.int32), np.empty(most, np.float32)
    columns = np.empty(min(len(room.slot), most * asked.k2), np.int32)
    weights = np.zeros(len(columns), np.float32)
    held = 0
    for b in range(asked.k2):
        j = _averaged(len(room.raw), b, fixed, room, asked)
        count = _expanded(j, fixed, room, asked, scratch)
        _weigh(j, scratch, count, fixed, room, asked, part)
        for a in range(count):
            c = scratch[a]
            if room.slot[c] < 0:
                room.slot[c] = held
                columns[held] = c
                held += 1
            weights[room.slot[c]] += part[a] / np.float32(asked.k2)
    return columns[:held], weights[:held]


@njit(cache=True)
def _sharing_rows(columns, fixed, room, asked):
    """Find the rows whose expanded sets can hold one of the columns; return how many.

    Being reciprocal goes both ways, so they are found from the query's columns outwards.
    """
    held = 0
    for c in columns:
        _know(c, room.half, room.known_half, fixed, room, asked)
        for b in range(-1, room.half.counts[c]):
            y = c if b < 0 else room.half.members[c, b]
            _know(y, room.near, room.known_near, fixed, room, asked)
            for a in range(room.near.counts[y]):
                j = room.near.members[y, a]
                if room.known_sharing[j] != asked.number:
                    room.known_sharing[j] = asked.number
                    room.sharing_place[j] = held
                    room.sharing[held] = j
                    held += 1
    return held


@njit(cache=True)
def _shared_weights(columns, fixed, room, asked, most):
    """Return (s, c) the weights of the sharing rows in the query's columns."""
    held = _sharing_rows(columns, fixed, room, asked)
    shared = np.zeros((held, len(columns)), np.float32)
    inner, weight = np.empty(most, np.int32), np.empty(most, np.float32)
    for s in range(held):
        j, common = room.sharing[s], 0
        count = _expanded(j, fixed, room, asked, inner)
        for a in range(count):
            common += room.slot[inner[a]] >= 0
        if common:
            _weigh(j, inner, count, fixed, room, asked, weight)
            for a in range(count):
                if room.slot[inner[a]] >= 0:
                    shared[s, room.slot[inner[a]]] = weight[a]
    return shared


@njit(cache=True)
def _rank(g, weights, shared, mean, fixed, room, asked, share, result):
    """Write the distance of gallery row g, unless it is written."""
    if room.reached[g] == asked.number:
        return
    room.reached[g] = asked.number
    mean[:] = 0
    for b in range(asked.k2):
        j = _averaged(g, b, fixed, room, asked)
        if room.known_sharing[j] == asked.number:
            mean += shared[room.sharing_place[j]]
    common = np.float32(0)
    for p in range(len(weights)):
        common += min(weights[p], mean[p] / np.float32(asked.k2))
    jaccard = np.float32(1) - common / (np.float32(2) - common)
    direct = room.raw[g] / asked.top
    result[g] = share * jaccard + (np.float32(1) - share) * direct
