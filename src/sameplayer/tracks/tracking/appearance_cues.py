"""How people look at a glance: shares of colours on shirt and legs, for the tracker."""

from __future__ import annotations

import cv2
import numpy as np

from sameplayer.data.images.picture import Picture

HUES, GREYS = 12, 4
STRIPES = ((0.12, 0.50), (0.50, 0.90))  # of the box's height: shirt, legs
SIDES = (0.2, 0.8)  # of its width: the rest is mostly ground
CUE = len(STRIPES) * (HUES + GREYS)
SIZE = (12, 16)  # width and height to which a stripe is scaled


def colour_cues(picture: Picture, xywh: np.ndarray) -> np.ndarray:
    """Return (n, CUE) float16: shares of colours in boxes of a frame, uint8 RGB (h, w, 3).

    Rows sum to 1; rows of nan for boxes without a pixel in the frame.
    """
    cues = np.full((len(xywh), CUE), np.nan, np.float16)
    for row, box in enumerate(xywh):
        stripes = [_stripe(picture, box, part) for part in STRIPES]
        if all(stripe.size for stripe in stripes):
            cues[row] = np.concatenate([_shares(stripe) for stripe in stripes]) / len(STRIPES)
    return cues


def _stripe(picture: Picture, box: np.ndarray, part: tuple[float, float]) -> Picture:
    left, top, width, height = box
    columns = np.clip([left + SIDES[0] * width, left + SIDES[1] * width], 0, picture.shape[1])
    rows = np.clip([top + part[0] * height, top + part[1] * height], 0, picture.shape[0])
    low, high = np.floor([rows[0], columns[0]]), np.ceil([rows[1], columns[1]])
    return picture[int(low[0]) : int(high[0]), int(low[1]) : int(high[1])]


def _shares(stripe: Picture) -> np.ndarray:
    """Return (HUES + GREYS,) shares of the pixels: hues where there is colour, else greys."""
    small = cv2.resize(np.ascontiguousarray(stripe), SIZE, interpolation=cv2.INTER_AREA)
    hue, saturation, value = np.moveaxis(cv2.cvtColor(small, cv2.COLOR_RGB2HSV), 2, 0).astype(int)
    coloured = (saturation > 60) & (value > 40)
    kind = np.where(coloured, hue * HUES // 180, HUES + value * GREYS // 256)
    return np.bincount(kind.ravel(), minlength=HUES + GREYS) / kind.size
