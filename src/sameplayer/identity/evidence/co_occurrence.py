"""Boxes that are in one frame together, all pairs of a match in a few steps."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd


def frame_pairs(table: pd.DataFrame) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield rows (k,), (k,) of the table: two boxes of one frame of one camera, each pair once.

    table    of ``Tracklets``

    The first row of a pair is the earlier one. Of one step, a row is first once at most, and second
    once.
    """
    camera = pd.factorize(table["camera"])[0].astype(np.int64)
    frame = table["frame"].to_numpy(np.int64)
    order = np.lexsort((frame, camera))
    key = (camera * (frame.max(initial=0) + 1) + frame)[order]
    step = 1
    while len(here := np.flatnonzero(key[step:] == key[:-step])):
        yield order[here], order[here + step]
        step += 1


def shared_areas(boxes: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return (k,) how much of their area boxes xywh (n, 4) of these rows have in common."""
    one, other = boxes[first], boxes[second]
    low = np.maximum(one[:, :2], other[:, :2])
    high = np.minimum(one[:, :2] + one[:, 2:], other[:, :2] + other[:, 2:])
    area: np.ndarray = np.clip(high - low, 0, None).prod(axis=1)
    return area
