"""The steps of the k-reciprocal re-ranking over blocks of rows, with the top M kept.

``k_reciprocal_top`` calls them in memory, ``sameplayer.scale`` from files. They are pure: arrays
in, arrays out, and the bits do not depend on how the rows are cut into blocks.

It stays exact because a row that shares no neighbour with the query has the Jaccard distance 1:
among those the direct distance decides, so the overlapping rows and the M nearest are all that can
be among the first M.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sameplayer.errors import RankingError
from sameplayer.ranking.config import TILE, TopConfig
from sameplayer.ranking.distance import squared_lengths
from sameplayer.ranking.kernels import Sparse


@dataclass(frozen=True, eq=False)
class Block:
    """Some rows that follow each other.

    first      number of the first among all rows
    rows       (b, d) float32 unit rows
    asked      (b,) bool: which are queries
    offered    (b,) bool: which may be answers; a row is never an answer to itself
    """

    first: int
    rows: np.ndarray
    asked: np.ndarray
    offered: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def slots(self) -> np.ndarray:
        """(b,) int32: the number of each query among the block's queries, -1 for other rows."""
        return np.where(self.asked, np.cumsum(self.asked) - 1, -1).astype(np.int32)


class Nearest(NamedTuple):
    """What is known of the neighbours of b rows; lists not full yet end in -1 and infinity.

    near, near_values        (b, K) int32 and float32: the nearest of all rows, the row itself
                             included, and their distances
    direct, direct_values    (q, M) the nearest that may be answers, of the q rows that are asked
    farthest                 (b,) float32 largest distance

    Distances are squared Euclidean ones; ``merge_top_k`` squares and divides them.
    """

    near: np.ndarray
    near_values: np.ndarray
    direct: np.ndarray
    direct_values: np.ndarray
    farthest: np.ndarray


class Answers(NamedTuple):
    """The first M of b queries: row numbers, re-ranked distances, and direct distances; (b, M).

    Smallest distance first; of equal ones the smaller direct distance, then the lower number.
    Where there are fewer answers, -1 and infinity follow.
    """

    ids: np.ndarray
    distances: np.ndarray
    directs: np.ndarray


class Measured(NamedTuple):
    """A block's rows with what it takes to know any distance of theirs; ``first`` as in Block."""

    rows: np.ndarray
    lengths: np.ndarray
    farthest: np.ndarray
    first: int


def pair_neighbours(block: Block, other: Block, config: TopConfig) -> tuple[Nearest, ...]:
    """Return the neighbours of a block's rows among those of another, and the other way round.

    Each similarity is computed once. For a block with itself there is one result. ``other`` is the
    block itself or a later one.
    """
    from sameplayer.ranking.kernels.top import take_columns, take_rows

    itself = block.first == other.first
    found = [_room(block, config)] + ([] if itself else [_room(other, config)])
    lengths = [squared_lengths(part.rows) for part in (block, other)]
    slots = block.slots, other.slots
    for s in range(0, len(block), TILE):
        for t in range(s if itself else 0, len(other), TILE):
            rows, columns = slice(s, s + TILE), slice(t, t + TILE)
            tile = block.rows[rows] @ other.rows[columns].T
            of_tile = lengths[0][rows], lengths[1][columns], block.first + s, other.first + t
            own, theirs = _of_rows(found[0], rows), _of_rows(found[-1], columns)
            take_rows(tile, *of_tile, own, slots[0][rows], other.offered[columns])
            if not (itself and s == t):
                take_columns(tile, *of_tile, theirs, slots[1][columns], block.offered[rows])
    return tuple(found)


def _room(block: Block, config: TopConfig) -> Nearest:
    near, direct = (len(block), config.count), (int(block.asked.sum()), config.top)
    return Nearest(
        np.full(near, -1, np.int32),
        np.full(near, np.inf, np.float32),
        np.full(direct, -1, np.int32),
        np.full(direct, np.inf, np.float32),
        np.zeros(len(block), np.float32),
    )


def _of_rows(found: Nearest, rows: slice) -> Nearest:
    """Return what is known of some rows; the lists of queries stay whole."""
    near, values = found.near[rows], found.near_values[rows]
    return Nearest(near, values, found.direct, found.direct_values, found.farthest[rows])


def merge_top_k(asked: np.ndarray, parts: Iterable[Nearest], total: int) -> Nearest:
    """Return a block's neighbours among all ``total`` rows, from parts in ascending order.

    asked    (b,) bool: which of its rows are queries

    Distances are squared again and divided by the row's largest; K becomes the number of rows
    where that is less.
    """
    from sameplayer.ranking.kernels.top import merge_into

    merged = None
    for part in parts:
        if merged is None:
            merged = Nearest(*(array.copy() for array in part))
            continue
        merge_into(merged.near, merged.near_values, part.near, part.near_values)
        merge_into(merged.direct, merged.direct_values, part.direct, part.direct_values)
        np.maximum(merged.farthest, part.farthest, out=merged.farthest)
    if merged is None:
        raise RankingError("No neighbours to merge; expected those of one block or more.")
    farthest = np.maximum(merged.farthest**2, np.float32(1e-12))
    near, values = merged.near[:, :total], merged.near_values[:, :total] ** 2 / farthest[:, None]
    direct_values = merged.direct_values**2 / farthest[asked, None]
    contiguous = map(np.ascontiguousarray, (near, values, merged.direct, direct_values, farthest))
    return Nearest(*contiguous)


def block_weights(
    block: Block, near: Nearest, lists: np.ndarray, others: Iterable[Block], config: TopConfig
) -> Sparse:
    """Return the Sparse of a block's expanded reciprocal neighbours.

    near      of the block, finished; lists: (N, K) the lists of all rows
    others    the blocks of all rows in any order, for distances that no list holds
    """
    from sameplayer.ranking.kernels.sets import reciprocal
    from sameplayer.ranking.kernels.top import expanded, listed_values, measure_missing, softened

    sets = reciprocal(lists, config.k1 + 1, block.first, block.first + len(block))
    half = reciprocal(lists, round(config.k1 / 2) + 1)
    starts, columns = expanded(sets, half)
    found = listed_values(starts, columns, near.near, near.near_values)
    own = block.rows, squared_lengths(block.rows)
    if (found < 0).any():
        for other in others:
            lengths = squared_lengths(other.rows)
            measure_missing(
                found, starts, columns, near.farthest, *own, other.rows, lengths, other.first
            )
    return softened(starts, columns, found)


def block_means(lists: np.ndarray, weights: Sparse, config: TopConfig) -> Sparse:
    """Return the Sparse of a block whose rows are means over their first k2 neighbours.

    lists    (b, K) the block's; weights: Sparse of all rows
    """
    from numba import get_num_threads

    from sameplayer.ranking.kernels.sparse import mean_rows

    return mean_rows(lists, config.k2, weights, get_num_threads())


def block_answers(
    block: Block,
    near: Nearest,
    expanded: Sparse,
    others: Iterable[tuple[Block, Sparse]],
    total: int,
    config: TopConfig,
) -> Answers:
    """Return the first M of a block's queries.

    near        of the block, finished; expanded: Sparse of the block's rows after ``block_means``
    others      all blocks with theirs, in any order
    total       number of all rows
    """
    from numba import get_num_threads

    from sameplayer.ranking.kernels.sparse import transpose
    from sameplayer.ranking.kernels.top import take_block

    asked = np.flatnonzero(block.asked)
    shape = len(asked), config.top
    answers = Answers(np.full(shape, -1, np.int32), *np.full((2, *shape), np.inf, np.float32))
    if not len(asked):
        return answers
    own = _measured(block, near.farthest)
    share = np.float32(1 - config.lambda_)
    for other, sparse in others:
        if not other.offered.any():
            continue
        by_column = transpose(sparse, 0, total)
        theirs = _measured(other, np.zeros(0, np.float32))
        take_block(
            share,
            own,
            expanded,
            theirs,
            by_column,
            asked,
            other.offered,
            near.direct,
            answers,
            get_num_threads(),
        )
    return answers


def _measured(block: Block, farthest: np.ndarray) -> Measured:
    return Measured(block.rows, squared_lengths(block.rows), farthest, block.first)


def joined(parts: Sequence[Sparse]) -> Sparse:
    """Return the rows of several Sparse, one after the other."""
    return Sparse(
        joined_starts([part.starts for part in parts]),
        np.concatenate([part.columns for part in parts]),
        np.concatenate([part.weights for part in parts]),
    )


def joined_starts(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Return the starts of rows that stand one after the other, from those of each part."""
    lengths = np.concatenate([np.diff(starts) for starts in parts])
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
