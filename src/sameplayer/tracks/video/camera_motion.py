"""Two frames of a camera compared: how far it turned, and how much of the view is another."""

from __future__ import annotations

import cv2
import numpy as np

from sameplayer.data.images.picture import Picture

SIDE = 128  # pixels of the longer side at which frames are compared
CELLS = (4, 6)  # down and across
BINS = (9, 3, 4)  # hue, saturation, value
TURNED = 0.25  # answer of the phase correlation (0 to 1) from which on a shift is believed
STILL = 0.5  # pixels of a thumbnail: less is noise
RESTING = 0.45  # of the cells: a player close to the camera hides more than the rest seldom


def thumbnail(picture: Picture) -> Picture:
    """Return a small picture of a frame, uint8 RGB (h, w, 3)."""
    height, width = picture.shape[:2]
    scale = SIDE / max(height, width)
    size = max(CELLS[1], round(width * scale)), max(CELLS[0], round(height * scale))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def compare(before: Picture, after: Picture) -> tuple[float, float, float]:
    """Return how much of the view changed, from 0 to 1, and how far things moved.

    before, after    thumbnails of one size

    The change is of colours in cells of the part that both show after the camera's turn: that of
    the cells which changed less than most, so that somebody who passes close by does not count.
    The movement is across and down, as a share of the longer side; 0 where none can be told.
    """
    if before.shape != after.shape:
        return 1.0, 0.0, 0.0
    across, down = _shift(before, after)
    turned = _overlap(before, after, across, down)
    change = min(_change(before, after), _change(*turned))
    longer = max(before.shape)
    return change, across / longer, down / longer


def _shift(before: Picture, after: Picture) -> tuple[float, float]:
    grey = [
        cv2.GaussianBlur(cv2.cvtColor(one, cv2.COLOR_RGB2GRAY), (0, 0), 1).astype(np.float32)
        for one in (before, after)
    ]
    height, width = grey[0].shape
    window = cv2.createHanningWindow((width, height), cv2.CV_32F)
    (across, down), answer = cv2.phaseCorrelate(grey[0], grey[1], window)
    far = abs(across) > width / 2 or abs(down) > height / 2
    if far or not answer >= TURNED or max(abs(across), abs(down)) < STILL:
        return 0.0, 0.0
    return float(across), float(down)


def _overlap(
    before: Picture, after: Picture, across: float, down: float
) -> tuple[Picture, Picture]:
    height, width = before.shape[:2]
    x, y = round(across), round(down)
    return (
        before[max(0, -y) : height - max(0, y), max(0, -x) : width - max(0, x)],
        after[max(0, y) : height + min(0, y), max(0, x) : width + min(0, x)],
    )


def _change(before: Picture, after: Picture) -> float:
    pairs = zip(_cells(before), _cells(after), strict=True)
    apart = [0.5 * float(np.abs(one - other).sum()) for one, other in pairs]
    return float(np.quantile(apart, RESTING))


def _cells(picture: Picture) -> list[np.ndarray]:
    """Return shares of colours in each cell."""
    hsv = cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2HSV)
    shares = []
    for band in np.array_split(hsv, CELLS[0], axis=0):
        for cell in np.array_split(band, CELLS[1], axis=1):
            counts = cv2.calcHist(
                [np.ascontiguousarray(cell)], [0, 1, 2], None, list(BINS), [0, 180, 0, 256, 0, 256]
            )
            shares.append(counts.ravel() / max(counts.sum(), 1))
    return shares
