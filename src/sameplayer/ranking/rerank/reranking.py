"""RERANKERS: k-reciprocal (Zhong et al., 2017, as run in 2022) and hard weights (2023).

Both work on neighbour lists and sparse rows: time is that of the similarities (2 N^2 d
operations for N = queries + gallery), memory that of one block of them and of the result.

The compiled loops load inside the functions, so that the names are known without them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable

import numpy as np

from sameplayer.errors import RankingError, SettingError, refuse_other_types
from sameplayer.ranking.config import (
    K1,
    K2,
    LAMBDAS,
    NeighbourSearch,
    Progress,
    RankConfig,
    check_settings,
)
from sameplayer.ranking.distance import squared_euclidean
from sameplayer.ranking.kernels import Sparse
from sameplayer.ranking.rerank.blocks import joined

Reranker = Callable[..., np.ndarray]


def k_reciprocal(
    query: np.ndarray,
    gallery: np.ndarray,
    k1: int = K1,
    k2: int = K2,
    lambda_: float = LAMBDAS["k-reciprocal"],
    *,
    search: NeighbourSearch | None = None,
    progress: Progress | None = None,
) -> np.ndarray:
    """Return (m, n) float32 re-ranked distances of features (m, d) and (n, d); smaller is closer.

    k1, k2     neighbours in the reciprocal sets, and in the local expansion
    lambda_    weight of the direct distance beside the Jaccard distance
    search     how neighbours are looked for; None: exactly, on the CPU
    progress   called with (rows done, all rows)

    As the published code runs it, unlike the paper: distances are squared twice, each column is
    divided by its maximum, and neighbour lists hold k + 1 entries, the row itself included.

    Raises SettingError for a setting out of range, RankingError for features that are not finite
    or do not fit each other.

    >>> rows = np.array([[1, 0], [0.8, 0.6], [0.6, 0.8], [0, 1]])
    >>> k_reciprocal(rows[:1], rows[1:], k1=1, k2=1).astype(float).round(2).tolist()
    [[0.71, 0.75, 1.0]]
    """
    from numba import get_num_threads

    from sameplayer.ranking.kernels import sets, sparse
    from sameplayer.ranking.neighbours.search import find_neighbours

    check_settings(k1, k2, lambda_)
    found = find_neighbours(query, gallery, max(k1 + 1, k2), search, progress=progress)
    if search is not None and search.device != "cpu":
        from sameplayer.ranking.rerank.sparse_gpu import jaccard_on_device

        jaccard_on_device(found, k1, k2, 1 - lambda_, search.device)
        return found.direct
    m, total = found.direct.shape[0], len(found.all.rows)
    near = sets.reciprocal(found.all.lists, k1 + 1)
    half = sets.reciprocal(found.all.lists, round(k1 / 2) + 1)
    weights = sparse.neighbour_weights(found.all, near, half)
    if k2 > 1:
        weights = sparse.mean_rows(found.all.lists, k2, weights, get_num_threads())
    by_column = sparse.transpose(weights, m, total)
    ones = np.ones(total, np.float32)
    share = np.float32(1 - lambda_)
    sparse.jaccard_into(found.direct, share, weights, ones[:m], by_column, ones[m:])
    return found.direct


def hard_weights(
    query: np.ndarray,
    gallery: np.ndarray,
    k1: int = K1,
    k2: int = K2,
    lambda_: float = LAMBDAS["hard"],
    *,
    faithful: bool = True,
    search: NeighbourSearch | None = None,
    progress: Progress | None = None,
) -> np.ndarray:
    """Return (m, n) re-ranked distances with binary ("hard") neighbour vectors, as run in 2023.

    lambda_     weight of the Jaccard distance (the other way round than in ``k_reciprocal``)
    faithful    True: equal to the published code, which expands in place: the walk over a query's
                set also visits what its first merge appended, a gallery row's own entry is left
                out, and later rows meet the already averaged vectors of earlier ones. False: as
                the paper defines it: every set is walked once, and all rows are averaged at the
                same time over their first k2 neighbours, themselves included

    Everything else as in ``k_reciprocal``.

    >>> rows = np.array([[1, 0], [0.8, 0.6], [0.6, 0.8], [0, 1]])
    >>> hard_weights(rows[:1], rows[1:], k1=2, k2=1).astype(float).round(2).tolist()
    [[0.59, 0.68, 0.96]]
    """
    from sameplayer.ranking.kernels import sets, sparse
    from sameplayer.ranking.neighbours.search import find_neighbours

    check_settings(k1, k2, lambda_)
    count, own = max(k1, k2), max(k1, k2 + 1)
    found = find_neighbours(query, gallery, count, search, own=own, progress=progress)
    (m, n), lists, of_gallery = found.direct.shape, found.all.lists, found.own
    half = sets.reciprocal(of_gallery, k1 // 2)
    of_query = sparse.binary_rows(sets.query_members(lists, m, k1), half, 0, faithful)
    of_item = sparse.binary_rows(sets.reciprocal(of_gallery, k1), half, int(faithful), False)
    if k2 > 1:
        average = _averaged_in_place if faithful else _averaged
        of_query, of_item = average(of_query, of_item, lists, of_gallery, k2)
    by_column = sparse.transpose(of_item, 0, n)
    lengths = np.linalg.norm(found.direct, axis=1, keepdims=True)
    direct = found.direct / np.maximum(lengths, 1e-12)
    sums = _row_sums(of_query), _row_sums(of_item)
    sparse.jaccard_into(direct, np.float32(lambda_), of_query, sums[0], by_column, sums[1])
    return direct


def _none(query: np.ndarray, gallery: np.ndarray, config: RankConfig) -> np.ndarray:
    return squared_euclidean(query, gallery, config.memory_gb)


def _configured(method: Reranker, default: float) -> Reranker:
    """Return a published method as RERANKERS holds it; ``default``: its own lambda."""

    def configured(
        query: np.ndarray, gallery: np.ndarray, config: RankConfig, progress: Progress | None = None
    ) -> np.ndarray:
        lambda_ = default if config.lambda_ is None else config.lambda_
        settings = config.k1, config.k2, lambda_
        return method(query, gallery, *settings, search=config.search, progress=progress)

    return configured


RERANKERS: dict[str, Reranker] = {
    "none": _none,
    "k-reciprocal": _configured(k_reciprocal, LAMBDAS["k-reciprocal"]),
    "hard": _configured(hard_weights, LAMBDAS["hard"]),
}
"""Name -> f(query (m, d), gallery (n, d), config: RankConfig) -> (m, n), smaller is closer.

Put an own one in, or pass it to ``rank`` and ``rerank``. Features are float32 unit rows of one
identity scope. One that has an argument ``progress`` is handed that as well, or None.
"""


def rerank(
    query: np.ndarray,
    gallery: np.ndarray,
    method: str | RankConfig | Reranker = "k-reciprocal",
    *,
    progress: Progress | None = None,
) -> np.ndarray:
    """Return (m, n) float32 distances of features (m, d) and (n, d); smaller is closer.

    method      a name of RERANKERS, settings, or an own function like those of RERANKERS
    progress    called with (rows done, all rows)

    Raises SettingError for an unknown method or a setting out of range, RankingError for features
    that do not fit each other and for an own function that returns no distances of theirs.
    """
    refuse_other_types("rerank", query=(query, np.ndarray), gallery=(gallery, np.ndarray))
    reranker, config = choose(method)
    more = {"progress": progress} if _takes_progress(reranker) else {}
    distance = reranker(query, gallery, config, **more)
    return _checked(distance, (len(query), len(gallery)), config.method)


def choose(method: str | RankConfig | Reranker) -> tuple[Reranker, RankConfig]:
    """Return the function that re-ranks, and its settings; SettingError for an unknown name."""
    if callable(method):
        return method, RankConfig(getattr(method, "__name__", type(method).__name__))
    config = method if isinstance(method, RankConfig) else RankConfig(method)
    if config.method not in RERANKERS:
        raise SettingError("rerank", repr(config.method), f"one of {', '.join(RERANKERS)}")
    return RERANKERS[config.method], config


def _takes_progress(reranker: Reranker) -> bool:
    try:
        return "progress" in inspect.signature(reranker).parameters
    except (TypeError, ValueError):  # what is written in C may not say
        return False


def _checked(distance: np.ndarray, shape: tuple[int, int], name: str) -> np.ndarray:
    distance = np.asarray(distance)
    if distance.shape != shape or distance.dtype.kind not in "fiu":
        raise RankingError(
            f"Re-ranking {name} returned {distance.dtype} of shape {distance.shape}; expected "
            f"distances of shape {shape}, one row a query."
        )
    if np.isnan(distance).any():
        raise RankingError(f"Re-ranking {name} returned distances that are NaN.")
    return distance.astype(np.float32, copy=False)


def _averaged_in_place(
    of_query: Sparse, of_item: Sparse, lists: np.ndarray, own: np.ndarray, k2: int
) -> tuple[Sparse, Sparse]:
    from sameplayer.ranking.kernels.sparse import mean_in_place

    m, n = len(of_query.starts) - 1, len(own)
    queries = mean_in_place(lists, 0, k2, joined([of_query, of_item]), m, n)
    return queries, mean_in_place(own, 1, k2, of_item, n, n)


def _averaged(
    of_query: Sparse, of_item: Sparse, lists: np.ndarray, own: np.ndarray, k2: int
) -> tuple[Sparse, Sparse]:
    from numba import get_num_threads

    from sameplayer.ranking.kernels.sparse import mean_rows

    m, threads = len(of_query.starts) - 1, get_num_threads()
    queries = mean_rows(lists[:m], k2, joined([of_query, of_item]), threads)
    return queries, mean_rows(own, k2, of_item, threads)


def _row_sums(sparse: Sparse) -> np.ndarray:
    rows = len(sparse.starts) - 1
    numbers = np.repeat(np.arange(rows), np.diff(sparse.starts))
    return np.bincount(numbers, sparse.weights, minlength=rows).astype(np.float32)
