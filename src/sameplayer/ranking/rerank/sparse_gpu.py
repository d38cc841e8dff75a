"""The sparse part of k-reciprocal re-ranking on torch: sets, weights, means, Jaccard distances.

The same steps as the compiled loops of ``kernels``, for many rows at a time: sets stand in padded
rows, whose free places hold the number N. Results are those of the loops but for rounding: sums
are taken in another order.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch

from sameplayer.encoder.runtime.device import pick_device
from sameplayer.ranking.neighbours.lists import Neighbours

_TERMS = 1 << 25  # numbers that a step holds at a time


class Ragged(NamedTuple):
    """Sparse rows: row i has columns and weights starts[i] : starts[i + 1]."""

    starts: torch.Tensor
    columns: torch.Tensor
    weights: torch.Tensor


@dataclass(frozen=True, eq=False)
class _OnDevice:
    """Lists on the device: numbers (N, K) int64, values (N, K), rows (N, d), lengths, farthest."""

    numbers: torch.Tensor
    values: torch.Tensor
    rows: torch.Tensor
    lengths: torch.Tensor
    farthest: torch.Tensor


def jaccard_on_device(found: Neighbours, k1: int, k2: int, share: float, device: str) -> None:
    """Turn found.direct into (1 - share) * direct + share * Jaccard distances.

    found    Neighbours of at least max(k1 + 1, k2) each, whose values are divided
    share    weight of the Jaccard distance
    """
    lists = _uploaded(found, pick_device(device))
    weights = _weights(lists, k1 + 1, round(k1 / 2) + 1)
    if k2 > 1:
        weights = _means(lists.numbers[:, :k2], weights)
    _jaccard(found.direct, share, weights)


def _uploaded(found: Neighbours, place: torch.device) -> _OnDevice:
    def sent(part: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(part).to(place)

    lists = found.all
    return _OnDevice(
        sent(lists.lists).long(),
        sent(lists.values),
        sent(lists.rows),
        sent(lists.lengths),
        sent(lists.farthest),
    )


def _blocks(count: int, terms: int) -> list[slice]:
    """Return slices of rows, each of which takes ``terms`` numbers."""
    size = max(1, _TERMS // max(1, terms))
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def _reciprocal(numbers: torch.Tensor, k: int) -> torch.Tensor:
    """Return (N, K) the first k of each list, N where they do not list the row among theirs."""
    numbers = numbers[:, :k]
    total, k = numbers.shape
    members = torch.full_like(numbers, total)
    for part in _blocks(total, k * k):
        own = torch.arange(part.start, part.stop, device=numbers.device)
        mutual = (numbers[numbers[part]] == own[:, None, None]).any(dim=2)
        members[part] = numbers[part].where(mutual, total)
    return members


def _weights(lists: _OnDevice, k: int, h: int) -> Ragged:
    """Return the expanded reciprocal neighbours of all rows, weighed, each row summing to 1."""
    near, half = _reciprocal(lists.numbers, k), _reciprocal(lists.numbers, h)
    total, width = len(near), near.shape[1]
    nobody = torch.full((1, half.shape[1]), total, device=half.device)
    half = torch.cat([half, nobody])  # the half of a free place is free
    parts = []
    for part in _blocks(total, width * width * half.shape[1]):
        members = _expanded(near[part], half, total)
        columns, _ = _distinct(members, torch.zeros(members.shape, device=near.device), total)
        parts.append((columns, _weighed(part, columns, lists)))
    return _packed(parts, total)


def _expanded(near: torch.Tensor, half: torch.Tensor, total: int) -> torch.Tensor:
    """Return the members (b, k) with those halves that lie in them by more than two thirds."""
    halves = half[near]
    held = halves != total
    within = (halves[..., None] == near[:, None, None, :]).any(dim=3) & held
    grown = within.sum(dim=2).double() > 2 / 3 * held.sum(dim=2).double()
    halves = halves.where(grown[..., None], total)
    return torch.cat([near, halves.flatten(1)], dim=1)


def _distinct(
    columns: torch.Tensor, weights: torch.Tensor, total: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return each row's distinct columns, sorted and then free places, and their summed weights."""
    columns, order = columns.sort(dim=1, stable=True)
    first = torch.ones_like(columns, dtype=torch.bool)
    first[:, 1:] = columns[:, 1:] != columns[:, :-1]
    place = first.cumsum(dim=1) - 1
    width = int((first & (columns != total)).sum(dim=1).max())
    # What repeats lands on its first; free places land behind, where nothing is kept.
    place = place.clamp(max=width)
    kept = torch.full((len(columns), width + 1), total, device=columns.device)
    kept.scatter_(1, place, columns)
    sums = torch.zeros(len(columns), width + 1, device=columns.device)
    sums.scatter_add_(1, place, weights.gather(1, order))
    return kept[:, :width], sums[:, :width]


def _weighed(part: slice, columns: torch.Tensor, lists: _OnDevice) -> torch.Tensor:
    """Return exp(-distance) of the rows of ``part`` to their columns, divided by the row's sum."""
    total = len(lists.numbers)
    value = torch.full(columns.shape, -1.0, device=columns.device)
    for a in range(lists.numbers.shape[1]):  # the lists hold most of the distances
        listed = columns == lists.numbers[part, a, None]
        value = torch.where(listed, lists.values[part, a, None], value)
    row, place = ((value < 0) & (columns != total)).nonzero(as_tuple=True)
    for few in _blocks(len(row), lists.rows.shape[1]):
        i, j = row[few] + part.start, columns[row[few], place[few]]
        product = (lists.rows[i] * lists.rows[j]).sum(dim=1)
        distance = (lists.lengths[i] + lists.lengths[j] - 2 * product).clamp_(min=0)
        value[row[few], place[few]] = distance**2 / lists.farthest[i]
    weights = torch.exp(-value).where(columns != total, 0.0)
    return weights / weights.sum(dim=1, keepdim=True)


def _packed(parts: list[tuple[torch.Tensor, torch.Tensor]], total: int) -> Ragged:
    held = [columns != total for columns, _ in parts]
    counts = torch.cat([mask.sum(dim=1) for mask in held])
    starts = torch.zeros(len(counts) + 1, dtype=torch.long, device=counts.device)
    torch.cumsum(counts, 0, out=starts[1:])
    columns = torch.cat([part[0][mask] for part, mask in zip(parts, held, strict=True)])
    weights = torch.cat([part[1][mask] for part, mask in zip(parts, held, strict=True)])
    return Ragged(starts, columns, weights)


def _padded(sparse: Ragged, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return columns and weights of rows (any shape), with one more dimension; N and 0 are free."""
    total = len(sparse.starts) - 1
    begin, count = sparse.starts[rows], sparse.starts[rows + 1] - sparse.starts[rows]
    steps = torch.arange(int(count.max()), device=rows.device)
    held = steps < count[..., None]
    place = (begin[..., None] + steps).clamp(max=len(sparse.columns) - 1)
    return sparse.columns[place].where(held, total), sparse.weights[place].where(held, 0.0)


def _means(numbers: torch.Tensor, sparse: Ragged) -> Ragged:
    """Return the rows that are means of the rows numbers[i]."""
    total, k = numbers.shape
    widest = int((sparse.starts[1:] - sparse.starts[:-1]).max())
    parts = []
    for part in _blocks(total, 4 * k * widest):
        columns, weights = (side.flatten(1) for side in _padded(sparse, numbers[part]))
        columns, sums = _distinct(columns, weights, total)
        parts.append((columns, sums / k))
    return _packed(parts, total)


def _jaccard(direct: np.ndarray, share: float, sparse: Ragged) -> None:
    """Turn direct (m, n) into (1 - share) * direct + share * Jaccard; each sparse row sums to 1."""
    m, n = direct.shape
    by_column = _transposed(sparse, m)
    for part in _blocks(m, n):
        shared = torch.zeros((part.stop - part.start) * n, device=sparse.columns.device)
        _add_shared(shared, n, sparse, part, by_column)
        shared = shared.reshape(-1, n)
        jaccard = 1 - shared / (2 - shared).clamp(min=1e-12)
        mixed = torch.from_numpy(direct[part]).to(shared.device) * (1 - share) + share * jaccard
        direct[part] = mixed.cpu().numpy()


def _transposed(sparse: Ragged, first: int) -> Ragged:
    """Return rows first... by columns: row c has the row numbers less ``first`` with column c."""
    begin, total = int(sparse.starts[first]), len(sparse.starts) - 1
    columns, order = sparse.columns[begin:].sort(stable=True)
    counts = (sparse.starts[1:] - sparse.starts[:-1])[first:]
    rows = torch.arange(total - first, device=order.device).repeat_interleave(counts)
    starts = torch.searchsorted(columns, torch.arange(total + 1, device=order.device))
    return Ragged(starts, rows[order], sparse.weights[begin:][order])


def _add_shared(
    shared: torch.Tensor, n: int, sparse: Ragged, part: slice, by_column: Ragged
) -> None:
    """Add to shared (b * n) the smaller weight of each query of ``part`` and each row it meets."""
    entries = slice(int(sparse.starts[part.start]), int(sparse.starts[part.stop]))
    column, weight = sparse.columns[entries], sparse.weights[entries]
    counts = (sparse.starts[1:] - sparse.starts[:-1])[part]
    row = torch.arange(len(counts), device=column.device).repeat_interleave(counts)
    begin = by_column.starts[column]
    meets = by_column.starts[column + 1] - begin
    before = meets.cumsum(0) - meets
    for first, last in _cut(before + meets):
        some = meets[first:last]
        entry = torch.arange(first, last, device=column.device).repeat_interleave(some)
        step = torch.arange(len(entry), device=column.device) + before[first] - before[entry]
        place = begin[entry] + step
        smaller = torch.minimum(weight[entry], by_column.weights[place])
        shared.index_add_(0, row[entry] * n + by_column.columns[place], smaller)


def _cut(ends: torch.Tensor) -> list[tuple[int, int]]:
    """Cut entries that end at these sums into pieces of about as many terms as a step holds."""
    count = len(ends)
    pieces = int(ends[-1]) // _TERMS + 1 if count else 0
    goals = torch.arange(1, pieces, device=ends.device) * _TERMS
    inner = torch.searchsorted(ends, goals).tolist()
    edges = [0, *inner, count]
    return [(a, b) for a, b in pairwise(edges) if b > a]
