"""Boxes that hold two people, told by their height: people who stand at one line are of one size.

A detector that sees two players before each other often draws one box around both. Where a camera
looks down on a flat ground, a person's height in the picture grows linearly with the line at which
he stands, so such a box is too high for its place.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

FEWEST = 60  # boxes of a view for its line to be fitted
REGULAR = 0.15  # the usual deviation, as a share, up to which heights follow a line at all
TOO_HIGH = 1.35  # times the height of its place
ROUNDS = 15


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
