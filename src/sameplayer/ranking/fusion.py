"""Fusion of several models' distances, as in the 2023 ensemble; results have five decimals.

``similarity``, ``dissimilarity`` and ``combined`` are the published ones. ``fuse`` adds weights for
the models and normalisation, without which a model of larger distances outvotes the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sameplayer.errors import ConfigError, RankingError
from sameplayer.ranking import kernels
from sameplayer.ranking.ranking import Ranking

NORMALISATIONS = ("none", "score", "rank")


def similarity(distances: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean (m, n) of the models' distance matrices."""
    return _mean(_matrices(distances), None)


def dissimilarity(distances: Sequence[np.ndarray], top: int = 15) -> np.ndarray:
    """Return the (m, n) mean weighted by disagreement, for each query.

    A model whose ``top`` nearest agree less with the majority's weighs more, as published.
    """
    return _by_disagreement(_matrices(distances), top, None)


def combined(distances: Sequence[np.ndarray], top: int = 15) -> np.ndarray:
    """Return the mean of ``similarity`` and ``dissimilarity``."""
    return similarity([similarity(distances), dissimilarity(distances, top)])


def fuse(
    distances: Sequence[np.ndarray],
    method: str = "similarity",
    *,
    weights: Sequence[float] | None = None,
    normalise: str = "none",
    top: int = 15,
) -> np.ndarray:
    """Fuse distance matrices (m, n) of several models into one; one matrix stays as it is.

    method       "similarity", "dissimilarity" or "combined"
    weights      one number over 0 a model; None: all alike
    normalise    "none"; "score": each row less its smallest, divided by its span; "rank": each
                 distance becomes its place in the row, from 0 to 1
    top          length of the lists that "dissimilarity" compares

    Raises RankingError for matrices that do not fit each other, are not finite, or run the other
    way round (similarities by mistake), ConfigError for an unknown method.
    """
    if method not in ("similarity", "dissimilarity", "combined"):
        raise ConfigError(
            f"Fusion {method!r} is unknown; expected similarity, dissimilarity or combined."
        )
    matrices = _matrices(distances)
    if weights is not None and (len(weights) != len(matrices) or min(weights) <= 0):
        raise ConfigError(
            f"{len(weights)} weights {list(weights)} for {len(matrices)} models; expected one over "
            "0 for each."
        )
    _refuse_similarities(matrices)
    matrices = [_normalised(matrix, normalise) for matrix in matrices]
    if len(matrices) == 1:
        return matrices[0]
    if method == "similarity":
        return _mean(matrices, weights)
    other = _by_disagreement(matrices, top, weights)
    return other if method == "dissimilarity" else _mean([_mean(matrices, weights), other], None)


def fuse_rankings(
    rankings: Sequence[Ranking],
    method: str = "similarity",
    *,
    weights: Sequence[float] | None = None,
    normalise: str = "none",
) -> Ranking:
    """Fuse rankings of the same queries and gallery; other pictures in one are a RankingError.

    Pairs of different identity scopes stay at infinity.
    """
    first = rankings[0]
    for number, other in enumerate(rankings[1:], start=2):
        for what, a, b in (
            ("queries", first.query, other.query),
            ("gallery", first.gallery, other.gallery),
        ):
            if not a.table["image"].equals(b.table["image"]):
                raise RankingError(
                    f"Ranking {number} has other {what} than ranking 1, or another order; rank the "
                    "same table with every model."
                )
    far = ~np.isfinite(first.distance)
    finite = [np.where(far, np.float32(0), one.distance) for one in rankings]
    fused = fuse(finite, method, weights=weights, normalise=normalise).astype(np.float32)
    fused[far] = np.inf
    names = " + ".join(one.fingerprint for one in rankings)
    facts = {**first.facts, "fusion": method, "normalise": normalise}
    facts |= {} if weights is None else {"weights": list(weights)}
    return replace(first, distance=fused, fingerprint=names, facts=facts)


def _matrices(distances: Sequence[np.ndarray]) -> list[np.ndarray]:
    matrices = [np.asarray(matrix) for matrix in distances]
    shapes = {matrix.shape for matrix in matrices}
    if len(shapes) != 1 or len(next(iter(shapes))) != 2:
        raise RankingError(
            f"Matrices of shapes {sorted(shapes)} cannot be fused; expected one shape (m, n)."
        )
    for number, matrix in enumerate(matrices, start=1):
        bad = np.argwhere(~np.isfinite(matrix))
        if len(bad):
            raise RankingError(
                f"Matrix {number}: the distance in row {bad[0][0]}, column {bad[0][1]} is not "
                "finite."
            )
    return matrices


def _mean(matrices: list[np.ndarray], weights: Sequence[float] | None) -> np.ndarray:
    shares = np.ones(len(matrices)) if weights is None else np.asarray(weights, float)
    total = np.zeros(matrices[0].shape)
    for matrix, share in zip(matrices, shares, strict=True):
        total += matrix if share == 1 else share * matrix
    total /= shares.sum()
    return np.round(total, 5, out=total)


def _by_disagreement(
    matrices: list[np.ndarray], top: int, weights: Sequence[float] | None
) -> np.ndarray:
    kernels.start_threads()
    models, (queries, gallery) = len(matrices), matrices[0].shape
    lists = [kernels.smallest_columns(matrix, min(top, gallery)) for matrix in matrices]
    votes = np.zeros((queries, gallery), np.int16)
    for listed in lists:
        np.put_along_axis(
            votes, listed.astype(np.int64), np.take_along_axis(votes, listed, 1) + 1, 1
        )
    agreed = votes >= models // 2 + 1
    count = np.array([np.take_along_axis(agreed, listed, 1).sum(axis=1) for listed in lists], float)
    total = count.sum(axis=0)
    share = count / np.where(total == 0, 1, total)
    weight = np.where(total == 0, 1 / models, np.where(count == 0, 0.1, share))
    inverse = 1 / weight
    if weights is not None:
        inverse *= np.asarray(weights, float)[:, None]
    inverse /= inverse.sum(axis=0)
    fused = np.zeros((queries, gallery))
    for matrix, factor in zip(matrices, inverse, strict=True):
        fused += factor[:, None] * matrix
    return np.round(fused, 5, out=fused)


def _normalised(matrix: np.ndarray, how: str) -> np.ndarray:
    if how == "none":
        return matrix
    if how == "score":
        low, high = matrix.min(axis=1, keepdims=True), matrix.max(axis=1, keepdims=True)
        return (matrix - low) / np.maximum(high - low, 1e-12)
    if how == "rank":
        places = np.argsort(np.argsort(matrix, axis=1, kind="stable"), axis=1)
        return places / max(matrix.shape[1] - 1, 1)
    raise ConfigError(f"Normalisation {how!r} is unknown; expected {', '.join(NORMALISATIONS)}.")


def _refuse_similarities(matrices: list[np.ndarray]) -> None:
    """Refuse a matrix that ranks the gallery the other way round than the others do."""
    if len(matrices) < 2 or matrices[0].size < 100:
        return
    every = max(1, matrices[0].size // 100_000)
    sample = np.corrcoef([matrix.ravel()[::every] for matrix in matrices])
    for number, row in enumerate(sample, start=1):
        if np.nanmean(np.delete(row, number - 1)) < -0.5:
            raise RankingError(
                f"Matrix {number} runs against the others (correlation {np.nanmin(row):.2f}): it "
                "seems to hold similarities. Distances are smaller for more alike pictures; pass "
                "1 - similarity."
            )
