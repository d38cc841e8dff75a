"""Boxes against boxes: how much two overlap, and which of several on one thing is kept.

Boxes are (n, 4) arrays of left, top, width and height.
"""

from __future__ import annotations

import numpy as np

LEAST = 1e-9  # area: two boxes without any do not overlap


def shared_area(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return (...) the area that boxes (..., 4) have in common, 0 where they do not touch."""
    low = np.maximum(boxes[..., :2], others[..., :2])
    high = np.minimum(boxes[..., :2] + boxes[..., 2:], others[..., :2] + others[..., 2:])
    area: np.ndarray = np.clip(high - low, 0, None).prod(axis=-1)
    return area


def overlaps(boxes: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (n, m) intersection over union, and (n, m) intersection over the smaller box.

    >>> iou, inside = overlaps(np.array([[0, 0, 4, 4]]), np.array([[2, 0, 4, 4], [9, 9, 1, 1]]))
    >>> iou.round(3).tolist(), inside.tolist()
    ([[0.333, 0.0]], [[0.5, 0.0]])
    """
    return row_overlaps(boxes[:, None], others[None])


def row_overlaps(boxes: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (...) what ``overlaps`` returns for each box and the other box of its row."""
    shared = shared_area(boxes, others)
    area, other = boxes[..., 2:].prod(axis=-1), others[..., 2:].prod(axis=-1)
    union, smaller = area + other - shared, np.minimum(area, other)
    return shared / np.maximum(union, LEAST), shared / np.maximum(smaller, LEAST)


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
