"""Fusion of several models' distances, as in the 2023 ensemble; results have five decimals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sameplayer.errors import ConfigError, RankingError


def similarity(distances: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean (m, n) of the models' distance matrices."""
    return np.round(_stack(distances).mean(axis=0), 5)


def dissimilarity(distances: Sequence[np.ndarray], top: int = 15) -> np.ndarray:
    """Return the (m, n) mean weighted by disagreement, for each query.

    A model whose ``top`` nearest agree less with the majority's weighs more, as published.
    """
    stack = _stack(distances)
    models, queries, gallery = stack.shape
    nearest = np.argsort(stack, axis=2, kind="stable")[:, :, :top]
    listed = np.zeros((models, queries, gallery), bool)
    np.put_along_axis(listed, nearest, True, axis=2)
    agreed = listed.sum(axis=0) >= models // 2 + 1
    count = (listed & agreed).sum(axis=2).astype(float)
    total = count.sum(axis=0)
    share = count / np.where(total == 0, 1, total)
    weight = np.where(total == 0, 1 / models, np.where(count == 0, 0.1, share))
    inverse = 1 / weight
    inverse /= inverse.sum(axis=0)
    return np.round((inverse[:, :, None] * stack).sum(axis=0), 5)


def combined(distances: Sequence[np.ndarray], top: int = 15) -> np.ndarray:
    """Return the mean of ``similarity`` and ``dissimilarity``."""
    return similarity([similarity(distances), dissimilarity(distances, top)])


def fuse(distances: Sequence[np.ndarray], method: str = "similarity") -> np.ndarray:
    """Fuse by name: "similarity", "dissimilarity" or "combined"; one matrix stays as it is."""
    methods = {"similarity": similarity, "dissimilarity": dissimilarity, "combined": combined}
    if method not in methods:
        raise ConfigError(f"Fusion {method!r} is unknown; expected one of {', '.join(methods)}.")
    return np.asarray(distances[0]) if len(distances) == 1 else methods[method](distances)


def _stack(distances: Sequence[np.ndarray]) -> np.ndarray:
    shapes = {np.shape(matrix) for matrix in distances}
    if len(shapes) != 1:
        raise RankingError(f"Matrices of shapes {sorted(shapes)} cannot be fused; expected one.")
    return np.stack([np.asarray(matrix, np.float64) for matrix in distances])
