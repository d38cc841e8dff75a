"""Boxes in relation to others: which share a frame, how far they overlap, which hold two people.

A detector that sees one player in front of another often draws one box around both. Where a camera
looks down on flat ground, the height of a person in the picture grows linearly with the line of the
feet, so such a box is too high for its position.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

FEWEST = 60  # boxes of a view for its line to be fitted
REGULAR = 0.15  # the usual deviation, as a share, up to which heights follow a line at all
TOO_HIGH = 1.35  # times the height of its place
ROUNDS = 15


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


def covered_shares(table: pd.DataFrame) -> np.ndarray:
    """Return (n,) the share of each box that the box overlapping it most covers, 0 to 1."""
    boxes = table[["left", "top", "width", "height"]].to_numpy(float)
    covered = np.zeros(len(table))
    for pair in frame_pairs(table):
        shared = shared_areas(boxes, *pair)
        for rows in pair:
            covered[rows] = np.maximum(covered[rows], shared / boxes[rows, 2:].prod(axis=1))
    return np.minimum(covered, 1)


def find_merged_boxes(table: pd.DataFrame) -> np.ndarray:
    """Return (n,) bool: boxes much higher than people at their place are.

    table    of ``Tracklets``

    In a view whose heights follow no line, since it turns or zooms, nobody is too high.
    """
    found = np.zeros(len(table), bool)
    bottom = (table["top"] + table["height"]).to_numpy(float)
    height = table["height"].to_numpy(float)
    for rows in table.groupby(["camera", "shot"], sort=False).indices.values():
        if len(rows) < FEWEST:
            continue
        expected = _line(bottom[rows], height[rows])
        share = height[rows] / expected
        usual = np.median(np.abs(share - 1))
        if (expected > 0).all() and usual <= REGULAR:
            found[rows] = share > TOO_HIGH
    return found


def _line(bottom: np.ndarray, height: np.ndarray) -> np.ndarray:
    """Return the height that people have at each line, by weighted least squares that forget
    outliers (Tukey's biweight, on shares)."""
    inputs = np.column_stack([np.ones(len(bottom)), bottom])
    weight = 1 / height**2
    expected = height
    for _ in range(ROUNDS):
        root = np.sqrt(weight)[:, None]
        line = np.linalg.lstsq(inputs * root, height * root[:, 0], rcond=None)[0]
        expected = np.maximum(inputs @ line, 1e-3 * height)
        off = height / expected - 1
        scale = 4.7 * max(float(np.median(np.abs(off))) * 1.48, 0.02)
        weight = np.clip(1 - (off / scale) ** 2, 0, None) ** 2 / expected**2
    return expected
