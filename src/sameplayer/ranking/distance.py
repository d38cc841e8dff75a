"""Squared Euclidean distances of unit rows, in blocks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from threadpoolctl import threadpool_limits

from sameplayer.errors import RankingError
from sameplayer.ranking.config import NeighbourSearch


def squared_euclidean(
    query: np.ndarray, gallery: np.ndarray, memory_gb: float = NeighbourSearch.memory_gb
) -> np.ndarray:
    """Return (m, n) float32 squared Euclidean distances in [0, 4] of L2-normalised rows.

    query, gallery    (m, d) and (n, d) features; rows of zeros stay zero
    memory_gb         bound of what is held beside the result

    >>> squared_euclidean(np.array([[1, 0]]), np.array([[2, 0], [0, 1]])).tolist()
    [[0.0, 2.0]]
    """
    query, gallery = unit_pair(query, gallery)
    distance = np.empty((len(query), len(gallery)), np.float32)
    lengths = (gallery**2).sum(axis=1)
    rows = max(1, int(memory_gb * 1e9 / (8 * len(gallery))))
    for start in range(0, len(query), rows):
        part = query[start : start + rows]
        block = (part**2).sum(axis=1)[:, None] + lengths
        block -= 2 * (part @ gallery.T)
        np.maximum(block, 0, out=distance[start : start + rows])
    return distance


def unit_pair(query: np.ndarray, gallery: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both as ``unit_rows``; RankingError where their numbers of columns differ."""
    rows = unit_stack(query, gallery)
    return rows[: len(query)], rows[len(query) :]


def unit_stack(query: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """Return the ``unit_rows`` of both as one array (m + n, d), the queries first."""
    query, gallery = _matrix(query, "query"), _matrix(gallery, "gallery")
    if query.shape[1] != gallery.shape[1]:
        for part, what in ((query, "query"), (gallery, "gallery")):
            unit_rows(part, what)  # NaN is the first thing to say
        raise RankingError(
            f"Query features have {query.shape[1]} columns, gallery features {gallery.shape[1]}; "
            "expected the same number. Embed both with the same encoder."
        )
    rows = np.empty((len(query) + len(gallery), query.shape[1]), np.float32)
    _unit_into(query, rows[: len(query)], "query")
    _unit_into(gallery, rows[len(query) :], "gallery")
    return rows


def unit_rows(features: np.ndarray, what: str, first: int = 0) -> np.ndarray:
    """Return float32 rows of length 1; rows of zeros stay zero.

    features    (n, d) numbers of any kind, with at least one row
    what        the word for them in the RankingError for NaN, infinite, too large, empty or
                misshaped ones
    first       the number of the first row, as an error names it
    """
    features = _matrix(features, what)
    rows = np.empty(features.shape, np.float32)
    _unit_into(features, rows, what, first)
    return rows


def squared_lengths(rows: np.ndarray) -> np.ndarray:
    """Return (n,) float32 squared lengths of rows (n, d), without a second array of their size."""
    lengths: np.ndarray = np.einsum("nd,nd->n", rows, rows)
    return lengths


@contextmanager
def one_thread_a_product() -> Iterator[None]:
    """Let NumPy multiply on one thread, so that a product has equal bits on any machine of a kind.

    It holds for the whole process until the end of the context.
    """
    with threadpool_limits(1, user_api="blas"):
        yield


def _matrix(features: np.ndarray, what: str) -> np.ndarray:
    try:
        features = np.asarray(features)
        if features.dtype.kind not in "fiub":
            features = np.asarray(features, np.float32)
    except (TypeError, ValueError) as error:
        raise RankingError(f"The {what} features are no array of numbers ({error}).") from error
    if features.ndim != 2 or len(features) == 0:
        raise RankingError(
            f"The {what} features have shape {features.shape}; expected (rows, columns) with at "
            "least one row."
        )
    return features


_BLOCK = 256  # rows that stay in the cache while they are looked at, measured and divided


def _unit_into(features: np.ndarray, out: np.ndarray, what: str, first: int = 0) -> None:
    for start in range(0, len(features), _BLOCK):
        part = out[start : start + _BLOCK]
        with np.errstate(over="ignore", invalid="ignore"):
            part[:] = features[start : start + _BLOCK]
            lengths = np.sqrt(np.einsum("nd,nd->n", part, part))
        if not np.isfinite(lengths).all():
            _refuse(features[start:], lengths, what, first + start)
        part /= np.maximum(lengths, 1e-12)[:, None]


def _refuse(features: np.ndarray, lengths: np.ndarray, what: str, first: int) -> None:
    """Raise RankingError; ``first`` is the number of the first of these features."""
    bad = []
    for start in range(0, len(features), _BLOCK):
        part = np.asarray(features[start : start + _BLOCK], np.float32)
        bad += (first + start + np.flatnonzero(~np.isfinite(part).all(axis=1))).tolist()
        if len(bad) >= 10:
            break
    if bad:
        raise RankingError(f"The {what} features hold NaN or infinite values in rows {bad[:10]}.")
    row = first + int(np.flatnonzero(~np.isfinite(lengths))[0])
    raise RankingError(
        f"The {what} features in row {row} are too large for 32 bits; scale them down."
    )
