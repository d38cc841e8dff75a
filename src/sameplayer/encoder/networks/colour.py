"""What a picture's colours say: a histogram for each horizontal stripe, without a network.

Shirt, shorts and socks lie in stripes of their own. Each stripe counts its pixels in bins of light
and of two opponent colours, red against green and yellow against blue; the square roots of the
shares are the feature (Hellinger's distance). Opponent colours change less from camera to camera
than hue and saturation do (docs/results.md). What lies beside the player counts too, so it profits
from the floor and the light of one place: the region "middle" leaves out the outer quarters.

The same arithmetic runs on NumPy arrays, where torch is never imported, and on torch's tensors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sameplayer.data.images.picture import Picture, stretch_to
from sameplayer.errors import SettingError

STRIPES = 3
BINS = (8, 6, 6)
COLOURS = STRIPES * BINS[0] * BINS[1] * BINS[2]
HEIGHT, WIDTH = 256, 128
REGIONS = {"box": (0.0, 1.0), "middle": (0.25, 0.75)}  # from where to where across the picture
EDGE = 1e-4  # keeps a value on a border, such as grey, in the upper bin, whatever is rounded


def colour_features(pictures: Sequence[Picture], region: str = "box") -> np.ndarray:
    """Return unit rows (n, 864) float32 of uint8 RGB pictures (h, w, 3).

    region    "box": the whole picture; "middle": its middle half, mostly the player

    Raises SettingError for another region.
    """
    first, end = columns_of(region, WIDTH)
    rows = np.zeros((len(pictures), COLOURS), np.float32)
    for row, picture in zip(rows, pictures, strict=True):
        small = stretch_to(picture, HEIGHT, WIDTH)[:, first:end].astype(np.float32) / 255
        bins = bins_of(small[:, :, 0], small[:, :, 1], small[:, :, 2], np)
        counts = np.bincount((bins + offsets(HEIGHT)).astype(np.int64).ravel(), minlength=COLOURS)
        row[:] = np.sqrt(counts / counts.sum())
    return rows


def columns_of(region: str, width: int) -> tuple[int, int]:
    """Return the first column of a region, and the one after its last."""
    if region not in REGIONS:
        raise SettingError("region", repr(region), f"one of {', '.join(REGIONS)}")
    low, high = REGIONS[region]
    return round(low * width), max(round(high * width), round(low * width) + 1)


def offsets(height: int) -> np.ndarray:
    """Return (height, 1) float32: where the bins of each row's stripe begin."""
    stripes = np.arange(height) * STRIPES // height
    return (stripes[:, None] * (COLOURS // STRIPES)).astype(np.float32)


def bins_of(red: Any, green: Any, blue: Any, xp: Any) -> Any:
    """Return the number of each pixel's bin, as whole floats.

    red, green, blue    arrays or tensors of one shape, values in [0, 1]
    xp                  the module they are of: numpy or torch
    """
    light = (red + green + blue) / 3
    against = (red - green + 0.5, (red + green) / 2 - blue + 0.5)  # 0.5 is grey; beyond: clipped
    place = xp.zeros_like(red)
    for share, count in zip((light, *against), BINS, strict=True):
        place = place * count + xp.clip(xp.floor(share * count + EDGE), 0, count - 1)
    return place
