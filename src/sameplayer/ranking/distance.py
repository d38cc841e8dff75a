"""Squared Euclidean distances of unit rows, whole or in blocks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sameplayer.errors import RankingError


def squared_euclidean(query: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """Return (m, n) float32 squared Euclidean distances in [0, 4] of L2-normalised rows.

    query, gallery    (m, d) and (n, d) features; rows of zeros stay zero
    """
    blocks = [block for _, block in distance_blocks(query, gallery)]
    return np.concatenate(blocks)


def distance_blocks(
    query: np.ndarray, gallery: np.ndarray, rows: int = 2048
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield (slice of query rows, (rows, n) distances), so that m x n need not fit in memory."""
    query, gallery = unit_rows(query, "query"), unit_rows(gallery, "gallery")
    if query.shape[1] != gallery.shape[1]:
        raise RankingError(
            f"Query features have {query.shape[1]} columns, gallery features {gallery.shape[1]}; "
            "expected the same number. Embed both with the same encoder."
        )
    gallery_lengths = (gallery**2).sum(axis=1)
    for start in range(0, len(query), rows):
        part = query[start : start + rows]
        lengths = (part**2).sum(axis=1)
        block = lengths[:, None] + gallery_lengths - 2 * (part @ gallery.T)
        yield slice(start, start + len(part)), np.maximum(block, 0, dtype=np.float32)


def unit_rows(features: np.ndarray, what: str) -> np.ndarray:
    """Return float32 rows of length 1; RankingError for NaN, infinite, empty or misshaped ones."""
    features = np.asarray(features, np.float32)
    if features.ndim != 2 or len(features) == 0:
        raise RankingError(
            f"The {what} features have shape {features.shape}; expected (rows, columns) with at "
            "least one row."
        )
    bad = np.flatnonzero(~np.isfinite(features).all(axis=1))
    if len(bad):
        raise RankingError(f"The {what} features hold NaN or infinite values in rows {bad[:10]}.")
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
