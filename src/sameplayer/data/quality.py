"""How much a picture shows of its person: a weight over 0."""

from __future__ import annotations

import cv2
import numpy as np

from sameplayer.data.crops import Crops
from sameplayer.data.images.picture import Picture


def picture_quality(crops: Crops) -> np.ndarray:
    """Return (n,) weights over 0: height in pixels times sharpness, a track's best picture most.

    Sharpness is the logarithm of the variance of the Laplacian at a height of 128 pixels.
    """
    return np.array([quality(crops.read(row)) for row in range(len(crops))])


def quality(picture: Picture) -> float:
    """Return a weight over 0 of one picture (h, w, 3): height times sharpness."""
    height = picture.shape[0]
    width = max(1, round(128 * picture.shape[1] / height))
    grey = cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (width, 128), interpolation=cv2.INTER_AREA)
    return height * float(np.log1p(cv2.Laplacian(small, cv2.CV_64F).var()) + 0.01)
