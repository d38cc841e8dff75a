"""Pictures to the bytes of a file."""

from __future__ import annotations

import cv2
import numpy as np

from sameplayer.data.images.picture import Picture
from sameplayer.errors import DataError


def encode_picture(picture: Picture, kind: str = ".png", quality: int = 90) -> bytes:
    """Return a picture, uint8 RGB (h, w, 3), as the bytes of a file.

    kind       ".png", ".jpg", or another ending that OpenCV can write
    quality    of a JPEG, 0 to 100

    Raises DataError for a picture that has no pixels or is too large for its kind.
    """
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if kind in (".jpg", ".jpeg") else []
    try:
        good, content = cv2.imencode(kind, np.ascontiguousarray(picture[:, :, ::-1]), options)
    except cv2.error as error:
        raise DataError(
            f"A picture of shape {picture.shape} cannot be written as {kind}."
        ) from error
    if not good:
        raise DataError(f"A picture of shape {picture.shape} cannot be written as {kind}.")
    return content.tobytes()
