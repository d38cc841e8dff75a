"""The top M of the k-reciprocal re-ranking: (k + M) numbers a row, and no dense row."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations_with_replacement

import numpy as np

from sameplayer.errors import RankingError
from sameplayer.ranking.config import TILE, Progress, TopConfig
from sameplayer.ranking.distance import one_thread_a_product, unit_rows
from sameplayer.ranking.rerank.blocks import (
    Block,
    Nearest,
    block_answers,
    block_means,
    block_weights,
    joined,
    merge_top_k,
    pair_neighbours,
)


def k_reciprocal_top(
    rows: np.ndarray,
    config: TopConfig = TopConfig(),
    *,
    asked: np.ndarray | None = None,
    offered: np.ndarray | None = None,
    progress: Progress | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Re-rank a whole data set against itself, or some rows against others; keep the first ones.

    rows        (N, d) features: each row is a neighbour of each, as in the joint ranking of
                ``k_reciprocal``
    asked       (N,) bool: which are queries; None: all
    offered     (N,) bool: which may be answers; None: all. No row is an answer to itself
    progress    called with (steps done, all steps)

    Returns ids (q, top) int32, the row numbers of the answers of the q queries, nearest first, and
    their distances (q, top) float32: those of ``k_reciprocal``, but for rounding. Of equal
    distances the smaller direct distance comes first, then the lower number. Where fewer rows may
    be answers, -1 and infinity follow.

    Raises SettingError for a setting out of range, RankingError for features that are not finite
    and for masks of another length.
    """
    rows = unit_rows(rows, "given")
    asked = checked_mask(asked, len(rows), "asked")
    offered = checked_mask(offered, len(rows), "offered")
    blocks = list(_cut(rows, asked, offered))
    near = _all_neighbours(blocks, config, progress)
    lists = np.concatenate([part.near for part in near])
    weights = [
        block_weights(block, part, lists, blocks, config)
        for block, part in zip(blocks, near, strict=True)
    ]
    if config.k2 > 1:
        all_weights = joined(weights)
        weights = [block_means(part.near, all_weights, config) for part in near]
    theirs = list(zip(blocks, weights, strict=True))
    answers = [
        block_answers(block, part, own, theirs, len(rows), config)
        for (block, own), part in zip(theirs, near, strict=True)
    ]
    ids = np.concatenate([part.ids for part in answers])
    return ids, np.concatenate([part.distances for part in answers])


def checked_mask(mask: np.ndarray | None, count: int, name: str) -> np.ndarray:
    """Return (count,) bool, all true for None; RankingError for anything else."""
    if mask is None:
        return np.ones(count, bool)
    mask = np.asarray(mask)
    if mask.shape != (count,) or mask.dtype != bool:
        raise RankingError(
            f"The mask {name} is {mask.dtype} of shape {mask.shape}; expected true or false for "
            f"each of {count} rows."
        )
    return mask


def _cut(rows: np.ndarray, asked: np.ndarray, offered: np.ndarray) -> Iterator[Block]:
    """Yield blocks of whole tiles, about eight."""
    size = TILE * max(1, -(-len(rows) // (8 * TILE)))
    for first in range(0, len(rows), size):
        part = slice(first, first + size)
        yield Block(first, rows[part], asked[part], offered[part])


def _all_neighbours(
    blocks: list[Block], config: TopConfig, progress: Progress | None
) -> list[Nearest]:
    """Return the finished neighbours of each block; threads share the pairs of blocks."""
    from numba import get_num_threads

    from sameplayer.ranking.kernels.neighbours import start_threads

    start_threads()
    pairs = list(combinations_with_replacement(range(len(blocks)), 2))

    def work(pair: tuple[int, int]) -> tuple[Nearest, ...]:
        return pair_neighbours(blocks[pair[0]], blocks[pair[1]], config)

    parts: dict[tuple[int, int], Nearest] = {}
    with one_thread_a_product(), ThreadPoolExecutor(get_num_threads()) as pool:
        for done, (pair, found) in enumerate(zip(pairs, pool.map(work, pairs), strict=True), 1):
            parts[pair] = found[0]
            parts[pair[::-1]] = found[-1]
            if progress is not None:
                progress(done, len(pairs))
    count, total = len(blocks), sum(map(len, blocks))
    return [
        merge_top_k(block.asked, (parts[i, j] for j in range(count)), total)
        for i, block in enumerate(blocks)
    ]
