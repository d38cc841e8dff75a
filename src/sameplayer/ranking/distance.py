"""Squared Euclidean distances of unit rows, in blocks."""

from __future__ import annotations

import numpy as np

from sameplayer.errors import RankingError
from sameplayer.ranking.config import Search


def squared_euclidean(
    query: np.ndarray, gallery: np.ndarray, memory_gb: float = Search.memory_gb
) -> np.ndarray:
    """Return (m, n) float32 squared Euclidean distances in [0, 4] of L2-normalised rows.

    query, gallery    (m, d) and (n, d) features; rows of zeros stay zero
    memory_gb         bound of what is held beside the result
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
    query, gallery = unit_rows(query, "query"), unit_rows(gallery, "gallery")
    if query.shape[1] != gallery.shape[1]:
        raise RankingError(
            f"Query features have {query.shape[1]} columns, gallery features {gallery.shape[1]}; "
            "expected the same number. Embed both with the same encoder."
        )
    return query, gallery


def unit_rows(features: np.ndarray, what: str) -> np.ndarray:
    """Return float32 rows of length 1; rows of zeros stay zero.

    features    (n, d) numbers of any kind, with at least one row
    what        the word for them in the RankingError for NaN, infinite, too large, empty or
                misshaped ones
    """
    try:
        features = np.asarray(features, np.float32)
    except (TypeError, ValueError) as error:
        raise RankingError(f"The {what} features are no array of numbers ({error}).") from error
    if features.ndim != 2 or len(features) == 0:
        raise RankingError(
            f"The {what} features have shape {features.shape}; expected (rows, columns) with at "
            "least one row."
        )
    bad = np.flatnonzero(~np.isfinite(features).all(axis=1))
    if len(bad):
        raise RankingError(f"The {what} features hold NaN or infinite values in rows {bad[:10]}.")
    with np.errstate(over="ignore"):
        lengths = np.linalg.norm(features, axis=1, keepdims=True)
    if not np.isfinite(lengths).all():
        row = int(np.flatnonzero(~np.isfinite(lengths))[0])
        raise RankingError(
            f"The {what} features in row {row} are too large for 32 bits; scale them down."
        )
    return features / np.maximum(lengths, 1e-12)
