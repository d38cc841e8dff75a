"""From similarities to distances, and the nearest of each row."""

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
def _to_distances(row, length, lengths, power, divide):
    """Turn similarities into distances in place; power 2: squared again; ``divide``:
    then divided by the largest. Return that largest value."""
    top = np.float32(0)
    for j in range(len(row)):
        value = max(length + lengths[j] - np.float32(2) * row[j], np.float32(0))
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
        slot = held if held < count else count - 1
        held = min(held + 1, count)
        while slot > 0 and out_values[slot - 1] > value:
            out_values[slot] = out_values[slot - 1]
            out[slot] = out[slot - 1]
            slot -= 1
        out_values[slot] = value
        out[slot] = j - first
    return held


@njit(cache=True, parallel=True)
def block_neighbours(block, start, lengths, power, divide, lists, values, farthest, first, own):
    """Fill the rows start... of lists, values, farthest from a block (b, N) of similarities.

    The block becomes distances in place. ``own`` (N, k) gets the neighbours among rows first...
    """
    for r in prange(block.shape[0]):
        i = start + r
        row = block[r]
        farthest[i] = _to_distances(row, lengths[i], lengths, power, divide)
        nearest(row, 0, lists.shape[1], lists[i], values[i])
        if i >= first and own.shape[1]:
            spare = np.empty(own.shape[1], np.float32)
            nearest(row, first, own.shape[1], own[i - first], spare)


@njit(cache=True, parallel=True)
def smallest_columns(matrix, count):
    """Return (m, count) numbers of the smallest entries of each row, smallest first.

    count    from 1 to the number of columns
    """
    columns = np.empty((matrix.shape[0], count), np.int32)
    for i in prange(matrix.shape[0]):
        nearest(matrix[i], 0, count, columns[i], np.empty(count, matrix.dtype))
    return columns
