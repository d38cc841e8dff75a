"""Boxes that are in one frame together, all pairs of a match in a few steps."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from sameplayer.common.boxes import shared_area
from sameplayer.data.columns import BOX


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


def covered_shares(table: pd.DataFrame) -> np.ndarray:
    """Return (n,) the share of each box that the box of its frame covering it most takes, 0 to 1.

    table    with camera, frame, left, top, width and height
    """
    boxes = table[list(BOX)].to_numpy(float)
    area, covered = boxes[:, 2:].prod(axis=1), np.zeros(len(table))
    for pair in frame_pairs(table):
        shared = shared_area(*(boxes[rows] for rows in pair))
        for rows in pair:
            covered[rows] = np.maximum(covered[rows], shared / area[rows])
    return np.minimum(covered, 1)
