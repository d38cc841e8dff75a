"""Boxes against boxes: how much two overlap, and which of several on one thing is kept.

Boxes are (..., 4) arrays of left, top, width and height, and their leading dimensions broadcast:
two (n, 4) are compared row by row, ``boxes[:, None]`` and ``others[None]`` all with all.
"""

from __future__ import annotations

import numpy as np

LEAST = 1e-9  # area: two boxes without any do not overlap


def shared_area(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return (...) the area that two boxes have in common, 0 where they do not touch."""
    low = np.maximum(boxes[..., :2], others[..., :2])
    high = np.minimum(boxes[..., :2] + boxes[..., 2:], others[..., :2] + others[..., 2:])
    area: np.ndarray = np.clip(high - low, 0, None).prod(axis=-1)
    return area


def overlaps(boxes: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (...) intersection over union, and (...) intersection over the smaller box.

    >>> iou, inside = overlaps(np.array([0, 0, 4, 4]), np.array([2, 0, 4, 4]))
    >>> round(float(iou), 3), float(inside)
    (0.333, 0.5)
    """
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
