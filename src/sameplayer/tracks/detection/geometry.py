"""Boxes against boxes: overlaps, and which of several boxes on one thing is kept."""

from __future__ import annotations

import numpy as np


def overlaps(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (n, m) intersection over union, and over the smaller box, of boxes xywh."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum((first[:, :2] + first[:, 2:])[:, None], (second[:, :2] + second[:, 2:])[None])
    both = np.clip(high - low, 0, None).prod(axis=2)
    areas, others = first[:, 2:].prod(axis=1), second[:, 2:].prod(axis=1)
    union = areas[:, None] + others[None] - both
    smaller = np.minimum(areas[:, None], others[None])
    return both / np.maximum(union, 1e-9), both / np.maximum(smaller, 1e-9)


def suppress(order: np.ndarray, rivals: np.ndarray) -> np.ndarray:
    """Return (n,) bool: which stay when each in ``order`` that stays removes its later rivals.

    order     (n,) int: the best first
    rivals    (n, n) bool, symmetric: pairs of which one must go
    """
    kept = np.ones(len(order), bool)
    rivals = rivals.copy()
    np.fill_diagonal(rivals, False)
    for place in order:
        if kept[place]:
            kept &= ~rivals[place]
    return kept
