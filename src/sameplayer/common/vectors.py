"""Mean directions of unit vectors."""

from __future__ import annotations

import numpy as np

SMALLEST_NORM = 1e-12


def unit_mean(rows: np.ndarray) -> np.ndarray:
    """Return the mean direction (d,) of rows (n, d), float32 of length 1; zeros if they cancel."""
    return _normalised(rows.mean(axis=0, dtype=np.float64))


def unit_means(
    rows: np.ndarray, group: np.ndarray, count: int, weight: np.ndarray | None = None
) -> np.ndarray:
    """Return the mean direction of each group of rows, float32 unit rows (count, d).

    rows      (n, d)
    group     (n,) int from 0 to count - 1: the group of each row
    weight    (n,) over 0; None: 1 each

    A group without rows, or whose rows cancel, gets zeros.
    """
    order = np.argsort(group, kind="stable")
    present, starts = np.unique(group[order], return_index=True)
    sums = np.zeros((count, rows.shape[1]))
    if len(present):
        ordered = rows[order] if weight is None else rows[order] * weight[order][:, None]
        sums[present] = np.add.reduceat(ordered, starts, axis=0, dtype=np.float64)
    return _normalised(sums)


def _normalised(rows: np.ndarray) -> np.ndarray:
    norm = np.linalg.norm(rows, axis=-1, keepdims=True)
    return (rows / np.maximum(norm, SMALLEST_NORM)).astype(np.float32)
