"""How a player's crop is laid on the number reader's canvas, and a number cut out of it."""

from __future__ import annotations

import cv2
import numpy as np

from sameplayer.data.images.picture import Picture

HIGH, WIDE, CELL = 160, 112, 8
UNIT = 2.0 * CELL  # pixels: the finder tells sizes as logarithms of so many
PAD = (127, 127, 127)
LEGS = 0.28  # share of a standing player's crop, at its foot, that is not looked at
CUT = (48, 56)  # height and width of a number that was cut out
ROOM = 1.5  # height of what is cut out, in heights of the number
BROAD = 0.75  # a number is taken to be at least this share of its width high


def fit(high: float, wide: float) -> tuple[float, float, float, float, float]:
    """Return scale, left, top, height and width of a crop of a size on the canvas.

    Of a standing player's crop, taller than wide, the legs are left out.
    """
    tall = min(max((high / wide - 1) / 0.8, 0.0), 1.0)
    kept = high * (1 - LEGS * tall)
    scale = min(HIGH / kept, WIDE / wide)
    return scale, (WIDE - wide * scale) / 2, (HIGH - kept * scale) / 2, kept * scale, wide * scale


def lay(picture: Picture) -> Picture:
    """Return a crop, uint8 RGB (h, w, 3) of any size, on the canvas (HIGH, WIDE, 3)."""
    scale, left, top, tall, across = fit(*picture.shape[:2])
    x0, y0 = round(left), round(top)
    size = (max(round(across), 1), max(round(tall), 1))
    kept = np.ascontiguousarray(picture[: max(round(tall / scale), 1)])
    out = np.empty((HIGH, WIDE, 3), np.uint8)
    out[:] = PAD
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    part = out[y0 : y0 + size[1], x0 : x0 + size[0]]
    part[:] = cv2.resize(kept, size, interpolation=way)[: part.shape[0], : part.shape[1]]
    return out


def cut_matrix(
    box: np.ndarray,
    *,
    zoom: float = 1.0,
    shift: tuple[float, float] = (0.0, 0.0),
    turn: float = 0.0,
    stretch: float = 0.0,
) -> np.ndarray:
    """Return the affine matrix (2, 3) from a canvas to a number that is cut out of it.

    box        centre x, centre y, width, height of the number on the canvas
    zoom       over 1: more around it
    shift      of the cut, in its heights
    turn       radians
    stretch    logarithm of how much wider the cut is
    """
    x, y, wide, high = box
    side = ROOM * max(high, BROAD * wide) * zoom
    across = CUT[1] / (side * CUT[1] / CUT[0] * np.exp(stretch))
    down = CUT[0] / side
    c, s = np.cos(turn), np.sin(turn)
    matrix = np.array([[across * c, -across * s], [down * s, down * c]])
    middle = np.array([CUT[1], CUT[0]]) / 2
    moved = middle - matrix @ np.array([x + shift[0] * side, y + shift[1] * side])
    return np.column_stack([matrix, moved]).astype(np.float32)


def cut(canvas: Picture, matrix: np.ndarray) -> Picture:
    """Return what a matrix of ``cut_matrix`` cuts out of a canvas: uint8 RGB (48, 56, 3)."""
    part = cv2.warpAffine(
        canvas, matrix, (CUT[1], CUT[0]), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return part.astype(np.uint8, copy=False)
