"""Boxes in relation to others: which share a frame, how far they overlap, which hold two people.

A detector that sees one player in front of another often draws one box around both. Where a camera
looks down on flat ground, the height of a person in the picture grows linearly with the line of the
feet, so such a box is too high for its position.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from sameplayer.common.boxes import shared_area

FEWEST = 60  # boxes of a view for its line to be fitted
REGULAR = 0.15  # the usual deviation, as a share, up to which heights follow a line at all
TOO_HIGH = 1.35  # times the height of its place
ROUNDS = 15
MOST = 4000  # latest boxes of a view that its line is fitted to while they come in


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
    """Return (n,) the share of each box that the box covering it most takes, 0 to 1."""
    boxes = table[["left", "top", "width", "height"]].to_numpy(float)
    covered = np.zeros(len(table))
    for rows in table.groupby(["camera", "frame"], sort=False).indices.values():
        covered[rows] = covered_by_others(boxes[rows])
    return covered


def covered_by_others(xywh: np.ndarray) -> np.ndarray:
    """Return (n,) the share of each box (n, 4) of a frame that the one covering it most takes."""
    shared = shared_area(xywh[:, None], xywh[None])
    np.fill_diagonal(shared, 0)
    return np.minimum(shared.max(axis=1, initial=0) / xywh[:, 2:].prod(axis=1), 1)


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
        line = _line(bottom[rows], height[rows])
        if line is not None:
            found[rows] = height[rows] > TOO_HIGH * (line[0] + line[1] * bottom[rows])
    return found


class HeightLine:
    """The height of people by their place in one view, learnt while its boxes come in."""

    def __init__(self) -> None:
        self._boxes = np.zeros((0, 2))  # bottom, height
        self._seen, self._next = 0, FEWEST
        self._line: np.ndarray | None = None

    def merged(self, xywh: np.ndarray) -> np.ndarray:
        """Return (n,) bool: boxes (n, 4) of a frame much higher than people were so far."""
        own = np.column_stack([xywh[:, 1] + xywh[:, 3], xywh[:, 3]])
        self._boxes = np.concatenate([self._boxes, own])[-MOST:]
        self._seen += len(own)
        if self._seen >= self._next:
            self._line = _line(*self._boxes.T)
            self._next = self._seen + min(self._seen, MOST)
        if self._line is None:
            return np.zeros(len(xywh), bool)
        return own[:, 1] > TOO_HIGH * (self._line[0] + self._line[1] * own[:, 0])


def _line(bottom: np.ndarray, height: np.ndarray) -> np.ndarray | None:
    """Return (2,) the height that people have at line 0, and its growth a pixel down.

    By weighted least squares that forget outliers (Tukey's biweight, on shares). None where heights
    follow no line.
    """
    inputs = np.column_stack([np.ones(len(bottom)), bottom])
    weight = 1 / height**2
    expected = height
    line = np.zeros(2)
    for _ in range(ROUNDS):
        root = np.sqrt(weight)[:, None]
        line = np.linalg.lstsq(inputs * root, height * root[:, 0], rcond=None)[0]
        expected = np.maximum(inputs @ line, 1e-3 * height)
        off = height / expected - 1
        scale = 4.7 * max(float(np.median(np.abs(off))) * 1.48, 0.02)
        weight = np.clip(1 - (off / scale) ** 2, 0, None) ** 2 / expected**2
    regular = np.median(np.abs(height / expected - 1)) <= REGULAR
    return line if regular else None
