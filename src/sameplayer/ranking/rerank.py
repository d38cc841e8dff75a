"""Re-ranking: k-reciprocal (Zhong et al., 2017, as run in 2022) and hard weights (2023).

Both work on neighbour lists and sparse rows: time is that of the similarities (2 N^2 d
operations for N = queries + gallery), memory that of one block of them and of the result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import get_num_threads

from sameplayer.errors import RankingError
from sameplayer.ranking import kernels
from sameplayer.ranking.distance import squared_euclidean
from sameplayer.ranking.neighbours import MEMORY_GB, find_neighbours


def k_reciprocal(
    query: np.ndarray,
    gallery: np.ndarray,
    k1: int = 20,
    k2: int = 6,
    lambda_: float = 0.3,
    **search: Any,
) -> np.ndarray:
    """Return (m, n) re-ranked distances of features (m, d) and (n, d); smaller is closer.

    k1, k2     neighbours in the reciprocal sets, and in the local expansion
    lambda_    weight of the direct distance beside the Jaccard distance
    search     memory_gb, device, progress: see ``find_neighbours``

    As the published code runs it, unlike the paper: distances are squared twice, each column is
    divided by its maximum, and neighbour lists hold k + 1 entries, the row itself included.
    """
    check_settings(k1, k2, lambda_)
    found = find_neighbours(query, gallery, max(k1 + 1, k2), divide=True, **search)
    m, total = len(query), len(found.rows)
    members, counts = kernels.reciprocal(found.lists, k1 + 1)
    half, half_counts = kernels.reciprocal(found.lists, round(k1 / 2) + 1)
    sparse = kernels.neighbour_weights(
        found.rows, found.lengths, found.lists, found.values, found.farthest,
        members, counts, half, half_counts,
    )  # fmt: skip
    if k2 > 1:
        sparse = kernels.mean_rows(found.lists, k2, *sparse, get_num_threads())
    by_column = kernels.transpose(*sparse, m, total)
    ones = np.ones(total, np.float32)
    share = np.float32(1 - lambda_)
    kernels.jaccard_into(found.direct, share, *sparse, ones[:m], *by_column, ones[m:])
    return found.direct


def hard_weights(
    query: np.ndarray,
    gallery: np.ndarray,
    k1: int = 20,
    k2: int = 6,
    lambda_: float = 0.5,
    *,
    faithful: bool = True,
    **search: Any,
) -> np.ndarray:
    """Return (m, n) re-ranked distances with binary ("hard") neighbour vectors, as run in 2023.

    lambda_     weight of the Jaccard distance (the other way round than in ``k_reciprocal``)
    faithful    True: equal to the published code, which expands in place: the walk over a query's
                set also visits what its first merge appended, a gallery row's own entry is left
                out, and later rows meet the already averaged vectors of earlier ones. False: as
                the paper defines it: every set is walked once, and all rows are averaged at the
                same time over their first k2 neighbours, themselves included
    search      memory_gb, device, progress: see ``find_neighbours``
    """
    check_settings(k1, k2, lambda_)
    m, n = len(query), len(gallery)
    found = find_neighbours(query, gallery, max(k1, k2), power=1, own=max(k1, k2 + 1), **search)
    half = kernels.reciprocal(found.own, k1 // 2)
    of_query = kernels.binary_rows(*kernels.query_members(found.lists, m, k1), *half, 0, faithful)
    of_item = kernels.binary_rows(*kernels.reciprocal(found.own, k1), *half, int(faithful), False)
    if k2 > 1:
        of_query, of_item = _averaged(of_query, of_item, found.lists, found.own, k2, n, faithful)
    by_column = kernels.transpose(*of_item, 0, n)
    lengths = np.linalg.norm(found.direct, axis=1, keepdims=True)
    direct = found.direct / np.maximum(lengths, 1e-12)
    share = np.float32(lambda_)
    sums = _row_sums(of_query, m), _row_sums(of_item, n)
    kernels.jaccard_into(direct, share, *of_query, sums[0], *by_column, sums[1])
    return direct


Reranker = Callable[..., np.ndarray]
RERANKERS: dict[str, Reranker] = {"k-reciprocal": k_reciprocal, "hard": hard_weights}


def rerank(
    query: np.ndarray,
    gallery: np.ndarray,
    method: str = "k-reciprocal",
    *,
    k1: int = 20,
    k2: int = 6,
    lambda_: float | None = None,
    **search: Any,
) -> np.ndarray:
    """Return (m, n) distances by "none", "k-reciprocal" or "hard"; lambda None: its own.

    search    memory_gb, device, approximate, progress: see ``find_neighbours``
    """
    if method == "none":
        return squared_euclidean(query, gallery, search.get("memory_gb", MEMORY_GB))
    if method not in RERANKERS:
        raise RankingError(
            f"Re-ranking {method!r} is unknown; expected none or one of {', '.join(RERANKERS)}."
        )
    settings = {} if lambda_ is None else {"lambda_": lambda_}
    return RERANKERS[method](query, gallery, k1, k2, **settings, **search)


def check_settings(k1: int, k2: int, lambda_: float) -> None:
    """Raise RankingError for neighbour counts below 1 and a weight outside 0 to 1."""
    if k1 < 1 or k2 < 1:
        raise RankingError(f"k1 is {k1} and k2 is {k2}; expected 1 or more.")
    if not 0 <= lambda_ <= 1:
        raise RankingError(f"lambda is {lambda_}; expected 0 to 1.")


Sparse = tuple[np.ndarray, np.ndarray, np.ndarray]


def _averaged(
    of_query: Sparse,
    of_item: Sparse,
    lists: np.ndarray,
    own: np.ndarray,
    k2: int,
    n: int,
    faithful: bool,
) -> tuple[Sparse, Sparse]:
    m = len(of_query[0]) - 1
    starts = np.concatenate([of_query[0], of_query[0][-1] + of_item[0][1:]])
    columns = np.concatenate([of_query[1], of_item[1]])
    stacked = starts, columns, np.ones(len(columns), np.float32)
    if faithful:
        queries = kernels.mean_in_place(lists, 0, k2, *stacked, m, n)
        return queries, kernels.mean_in_place(own, 1, k2, *of_item, n, n)
    queries = kernels.mean_rows(lists[:m], k2, *stacked, get_num_threads())
    return queries, kernels.mean_rows(own, k2, *of_item, get_num_threads())


def _row_sums(sparse: Sparse, rows: int) -> np.ndarray:
    starts, _, weights = sparse
    numbers = np.repeat(np.arange(rows), np.diff(starts))
    return np.bincount(numbers, weights, minlength=rows).astype(np.float32)
