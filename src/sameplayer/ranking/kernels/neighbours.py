"""From similarities to distances, and the nearest of each row."""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

import numpy as np
from numba import get_num_threads, njit, prange

_CHUNK = 32  # values that are looked at one by one only where one of them is near enough
_STRIP = 256  # columns whose limits and maxima stay in the first cache


class Nearest(NamedTuple):
    """The nearest so far of rows first...; row i has its place at i - first.

    first      the first row that takes part, as a neighbour too
    lists      (n, K) int32 numbers less ``first``, nearest first
    values     (n, K) float32 squared distances; infinite where nothing was found yet
    """

    first: int
    lists: np.ndarray
    values: np.ndarray


def start_threads() -> None:
    """Start Numba's threads and keep the number of torch's, where torch is loaded.

    Both share one OpenMP, so that the first compiled loop would change torch's number, and with it
    the last bits of whatever is computed after it.
    """
    torch: Any = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch else 0
    get_num_threads()
    if torch:
        torch.set_num_threads(threads)


@njit(cache=True)
def insert(numbers, values, number, value):
    """Put one in among the nearest; behind those that are as near."""
    slot = len(values) - 1
    while slot > 0 and values[slot - 1] > value:
        values[slot] = values[slot - 1]
        numbers[slot] = numbers[slot - 1]
        slot -= 1
    values[slot] = value
    numbers[slot] = number


@njit(cache=True)
def _any_new(row, others, length, limit, top):
    """Return whether one of these distances is nearer than limit or farther than top."""
    found = False
    for a in range(len(row)):
        value = (length + others[a]) - np.float32(2) * row[a]
        found |= (value < limit) | (value > top)
    return found


@njit(cache=True)
def _any_new_of_columns(row, others, length, limits, tops):
    """Do the same with a limit and a top for each column."""
    found = False
    for a in range(len(row)):
        value = (length + others[a]) - np.float32(2) * row[a]
        found |= (value < limits[a]) | (value > tops[a])
    return found


@njit(cache=True, parallel=True)
def along_rows(tile, start, begin, lengths, held, farthest):
    """Offer rows start... the rows begin... as neighbours, in rising order.

    tile        (b, w) similarities of the two
    lengths     (N,) squared lengths of all rows
    held        Nearest, changed in place; farthest: (N,) largest squared distance so far, too
    """
    skip = max(held.first - begin, 0)
    for r in prange(max(held.first - start, 0), tile.shape[0]):
        i = start + r
        numbers, values = held.lists[i - held.first], held.values[i - held.first]
        limit, top, length = values[-1], farthest[i], lengths[i]
        for c in range(skip, tile.shape[1], _CHUNK):
            row = tile[r, c : c + _CHUNK]
            others = lengths[begin + c : begin + c + len(row)]
            if _any_new(row, others, length, limit, top):
                for a in range(len(row)):
                    value = max((length + others[a]) - np.float32(2) * row[a], np.float32(0))
                    top = max(top, value)
                    if value < limit:
                        insert(numbers, values, begin + c + a - held.first, value)
                        limit = values[-1]
        farthest[i] = top


@njit(cache=True, parallel=True)
def along_columns(tile, start, begin, lengths, held, farthest):
    """Offer rows begin... the rows start... as neighbours; otherwise as ``along_rows``."""
    skip, above = max(held.first - begin, 0), max(held.first - start, 0)
    width = tile.shape[1] - skip
    for s in prange(max(0, -(-width // _STRIP))):
        c = skip + s * _STRIP
        j = begin + c
        size = min(_STRIP, tile.shape[1] - c)
        limits = held.values[j - held.first : j - held.first + size, -1].copy()
        tops = farthest[j : j + size].copy()
        for r in range(above, tile.shape[0]):
            length = lengths[start + r]
            for b in range(0, size, _CHUNK):
                row = tile[r, c + b : min(c + b + _CHUNK, c + size)]
                others = lengths[j + b : j + b + len(row)]
                limit, top = limits[b : b + len(row)], tops[b : b + len(row)]
                if _any_new_of_columns(row, others, length, limit, top):
                    for a in range(len(row)):
                        value = max((length + others[a]) - np.float32(2) * row[a], np.float32(0))
                        top[a] = max(top[a], value)
                        if value < limit[a]:
                            place = j + b + a - held.first
                            number = start + r - held.first
                            insert(held.lists[place], held.values[place], number, value)
                            limit[a] = held.values[place, -1]
        farthest[j : j + size] = tops


@njit(cache=True, parallel=True)
def copy_distances(tile, start, begin, lengths, first, direct):
    """Write the squared distances of rows start... to rows begin... into direct.

    direct    (m, n): row i of it is row i, column c of it row first + c
    """
    for r in prange(min(tile.shape[0], len(direct) - start)):
        length = lengths[start + r]
        for c in range(max(first - begin, 0), tile.shape[1]):
            value = (length + lengths[begin + c]) - np.float32(2) * tile[r, c]
            direct[start + r, begin + c - first] = max(value, np.float32(0))


@njit(cache=True, parallel=True)
def finish_rows(values, farthest, power, divide):
    """Raise squared distances (n, K) to ``power``, then divide each row by its farthest one.

    farthest    (n,) as raised already; used where ``divide``
    """
    for i in prange(len(values)):
        for a in range(values.shape[1]):
            value = values[i, a]
            if power == 2:
                value *= value
            if divide:
                value /= farthest[i]
            values[i, a] = value


@njit(cache=True)
def nearest(row, count, out, out_values):
    """Write the numbers and values of the ``count`` smallest entries of a row, smallest first;
    of equal ones the one that stands first."""
    held = 0
    for j in range(len(row)):
        value = row[j]
        if held == count and value >= out_values[count - 1]:
            continue
        slot = held if held < count else count - 1
        held = min(held + 1, count)
        while slot > 0 and out_values[slot - 1] > value:
            out_values[slot] = out_values[slot - 1]
            out[slot] = out[slot - 1]
            slot -= 1
        out_values[slot] = value
        out[slot] = j


@njit(cache=True, parallel=True)
def smallest_columns(matrix, count):
    """Return (m, count) numbers of the smallest entries of each row, smallest first.

    count    from 1 to the number of columns
    """
    columns = np.empty((matrix.shape[0], count), np.int32)
    for i in prange(matrix.shape[0]):
        nearest(matrix[i], count, columns[i], np.empty(count, matrix.dtype))
    return columns
