"""Pictures: decoding within a bound, letterbox and stretch.

Convention everywhere: uint8 arrays of shape (height, width, 3) in RGB order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sameplayer.data.headers import CHECKS, SIZES, damaged
from sameplayer.errors import DataError, MissingFile, of_windows

MAX_PIXELS = 100_000_000
PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
# Formats that both Pillow (the size) and OpenCV (the pixels) read, as Pillow calls them.
FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "GIF", "PPM", "JPEG2000", "AVIF")

Picture = NDArray[np.uint8]


def decode(path: Path) -> Picture:
    """Decode one picture file to RGB; the content decides the format, never the file's ending.

    Grey pictures are repeated over three channels, transparency is dropped, CMYK is converted,
    16-bit samples are scaled to 8 bits. EXIF orientation is applied; of several pictures in one
    file the first counts, and what follows the end marker is ignored. Raises MissingFile, or
    DataError for what is no picture or is cut short. Before anything is decoded it is raised for
    over ``MAX_PIXELS`` pixels by the header, and for counts and lengths that cannot be true.
    """
    return decode_content(str(path), _read_bytes(path))


def decode_content(name: str, content: bytes) -> Picture:
    """Decode the bytes of a picture file like ``decode``; errors call it ``name``."""
    refuse_pixels(name, *header_size(name, content))
    try:
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise damaged(name) from error
    if pixels is None:
        raise damaged(name)
    return np.ascontiguousarray(pixels[:, :, ::-1])


def letterbox(image: Picture, size: int) -> Picture:
    """Fit a picture into a (size, size, 3) square: aspect kept, zeros on both sides.

    The longer side becomes ``size``; the resized picture is centred with offset
    ``(size - new) // 2``; interpolation is OpenCV's bit-exact ``INTER_LINEAR_EXACT``.
    """
    return letterbox_to(image, size, size)


def letterbox_to(image: Picture, height: int, width: int) -> Picture:
    """Letterbox into any (height, width): 224 x 112 suits a standing player and wastes less."""
    top, left, new_high, new_wide = letterbox_place(image.shape[0], image.shape[1], height, width)
    resized = cv2.resize(image, (new_wide, new_high), interpolation=cv2.INTER_LINEAR_EXACT)
    canvas = np.zeros((height, width, 3), np.uint8)
    canvas[top : top + new_high, left : left + new_wide] = resized
    return canvas


def letterbox_place(high: int, wide: int, height: int, width: int) -> tuple[int, int, int, int]:
    """Return (top, left, height, width) of a picture (high, wide) in a canvas (height, width)."""
    scale = min(height / high, width / wide)
    new_high = min(height, max(1, int(high * scale)))
    new_wide = min(width, max(1, int(wide * scale)))
    return (height - new_high) // 2, (width - new_wide) // 2, new_high, new_wide


def stretch_to(image: Picture, height: int, width: int) -> Picture:
    """Scale a picture to (height, width, 3), its aspect given up, by ``INTER_LINEAR_EXACT``."""
    resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR_EXACT)
    return np.asarray(resized, np.uint8)


@dataclass(frozen=True)
class Fit:
    """A way to fit a picture into a network's input (height, width).

    apply    (picture, height, width) -> uint8 (height, width, 3)
    place    (high, wide, height, width) -> (top, left, height, width) of the picture in it
    """

    apply: Callable[[Picture, int, int], Picture]
    place: Callable[[int, int, int, int], tuple[int, int, int, int]]


FITS: dict[str, Fit] = {
    "letterbox": Fit(letterbox_to, letterbox_place),
    "stretch": Fit(stretch_to, lambda high, wide, height, width: (0, 0, height, width)),
}


def refuse_pixels(name: str, width: int, height: int) -> None:
    """Raise DataError where a picture or frame of this size is over ``MAX_PIXELS`` pixels."""
    if width * height > MAX_PIXELS:
        raise DataError(
            f"{name}: {width} x {height} pixels; at most {MAX_PIXELS:,} pixels are decoded. "
            "Scale it down first."
        )


def _read_bytes(path: Path) -> bytes:
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        raise MissingFile(f"{path}: no such file.{of_windows(path)}") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise DataError(f"{str(path)!r}: not a name that a file can have ({error}).") from error
    if not content:
        raise DataError(f"{path}: the file is empty (0 bytes).")
    return content


def header_size(name: str, content: bytes) -> tuple[int, int]:
    """Return (width, height) as the header says; nothing is decoded, and no length believed.

    Raises DataError for what is no picture, is cut short within its header, or states lengths
    and counts that the file cannot hold. Pillow's readers are asked one by one, since
    ``Image.open`` has a bound of its own that would have to be changed for the whole process.
    """
    Image.init()
    for kind in FORMATS:
        reader, accepts = Image.OPEN.get(kind, (None, None))
        if reader is None or accepts is None or accepts(content[:16]) is not True:
            continue
        if kind in SIZES:
            width, height = SIZES[kind](name, content)
        else:
            if kind in CHECKS:
                CHECKS[kind](name, content)
            width, height = _size_by_pillow(name, reader, content)
        if not width or not height:
            raise damaged(name, f"it states {width} x {height} pixels")
        return width, height
    expected = "JPEG, PNG, BMP, WebP or TIFF"
    raise DataError(f"{name}: not a picture that can be decoded (expected {expected}).")


def _size_by_pillow(name: str, reader: Any, content: bytes) -> tuple[int, int]:
    try:
        with reader(BytesIO(content), "") as picture:
            width, height = picture.size
    except Image.DecompressionBombError as error:
        raise DataError(f"{name}: {error} At most {MAX_PIXELS:,} are decoded.") from error
    except Exception as error:  # every reader has errors of its own
        raise damaged(name) from error
    return width, height
