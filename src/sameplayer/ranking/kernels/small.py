"""Products with rows of 16 and of 8 bits, and which of the rows have to be looked at again."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from sameplayer.ranking.kernels.entering import product
from sameplayer.ranking.kernels.neighbours import insert
from sameplayer.ranking.kernels.sparse import LANES

_MAX = {"nnan", "ninf", "nsz"}  # distances are finite: lets minima and maxima use SIMD
_CHUNK = 32
_SHIFT = np.float32(2.0**112)  # between the exponents of 16 and of 32 bits


@njit(cache=True)
def _wide(bits):
    """Return float16 numbers, given as their bits, as float32."""
    wide = (np.uint32(bits & np.uint16(0x8000)) << np.uint32(16)) | (
        np.uint32(bits & np.uint16(0x7FFF)) << np.uint32(13)
    )
    return np.uint32(wide).view(np.float32) * _SHIFT


@njit(cache=True, parallel=True)
def half_products(rows, query, out):
    """Write products of rows (n, d), float16 given as uint16, with a float32 query (d,)."""
    width = rows.shape[1]
    whole = width - width % LANES
    for g in prange(len(rows)):
        row, lanes = rows[g], np.zeros(LANES, np.float32)
        for start in range(0, whole, LANES):
            part, other = row[start : start + LANES], query[start : start + LANES]
            for lane in range(LANES):
                lanes[lane] += _wide(part[lane]) * other[lane]
        total = np.float32(0)
        for lane in range(LANES):
            total += lanes[lane]
        for c in range(whole, width):
            total += _wide(row[c]) * query[c]
        out[g] = total


@njit(cache=True, parallel=True)
def byte_products(rows, query, out):
    """Write products of int8 rows (n, d) with an int16 query (d,): whole numbers, so exact."""
    for g in prange(len(rows)):
        row, total = rows[g], np.int32(0)
        for c in range(len(query)):
            total += np.int32(row[c]) * np.int32(query[c])
        out[g] = total


@njit(cache=True, fastmath=_MAX)
def doubtful(similar, length, lengths, error, query_error, last, farthest, count, out):
    """Turn similarities into distances, squared twice, in place; write into ``out`` the rows which
    may be among the ``count`` nearest, the farthest, or nearer than the last or farther than the
    farthest of what they know.

    error, query_error    (n,) and one number: how far a row and the query may be from the true ones
    last, farthest        (n,) of each row, squared twice
    """
    nearest, spare = np.full(count, np.inf, np.float32), np.empty(count, np.int32)
    far = np.float32(0)
    for g in range(len(similar)):
        value = max(length + lengths[g] - np.float32(2) * similar[g], np.float32(0))
        similar[g] = value
        doubt = np.float32(2) * (error[g] + query_error)
        far = max(far, value - doubt)
        if value + doubt < nearest[-1]:
            insert(spare, nearest, g, value + doubt)
    size = 0
    for g in range(len(similar)):
        value, doubt = similar[g], np.float32(2) * (error[g] + query_error)
        low, high = max(value - doubt, np.float32(0)), value + doubt
        known = low * low > last[g] and high * high < farthest[g]
        if low <= nearest[-1] or high >= far or not known:
            out[size] = g
            size += 1
        similar[g] = value * value
    return size


@njit(cache=True)
def look_again(doubted, rows, scale, lengths, query, length, raw):
    """Write the distances of the doubted rows, from the exact ones, into raw."""
    lanes = np.empty(LANES, np.float32)
    for g in doubted:
        similar = product(rows[g], query, lanes) * scale[g]
        value = max(length + lengths[g] - np.float32(2) * similar, np.float32(0))
        raw[g] = value * value
