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
from PIL import Image

from sameplayer.data.images.headers import SIZES, boxed_kind, damaged, no_picture, refuse_jpeg2000
from sameplayer.data.images.pixels import PIXELS, Unread, by_opencv, open_heic, quiet
from sameplayer.data.images.pixels import Picture as Picture
from sameplayer.data.images.tiff import tiff_size
from sameplayer.errors import DataError, MissingFile, of_windows

MAX_PIXELS = 100_000_000
_PICTURE_SUFFIXES = (
    "jpg jpeg jpe jfif png bmp webp tif tiff gif avif heic heif hif jp2 j2k mpo ppm pgm pbm pnm"
)
PICTURE_SUFFIXES = tuple(f".{ending}" for ending in _PICTURE_SUFFIXES.split())
# Formats as Pillow calls them, beside HEIC.
FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "GIF", "PPM", "JPEG2000", "AVIF")


def decode(path: Path) -> Picture:
    """Decode one picture file to RGB; the content decides the format, never the file's ending.

    Grey pictures are repeated over three channels, transparency is dropped and changes no colour,
    CMYK is converted, 16-bit samples are scaled to 8 bits. Orientation is applied, of EXIF and of
    AVIF's and HEIC's own properties; of several pictures in one file the first or the primary one
    counts, and data after the end marker is ignored. Raises MissingFile, or DataError for a file
    that is truncated, not a picture, or of an unsupported kind, which it names; and, before
    anything is decoded, for more than ``MAX_PIXELS`` pixels and impossible counts and lengths.
    """
    return decode_content(str(path), _read_bytes(path))


def decode_content(name: str, content: bytes) -> Picture:
    """Decode the bytes of a picture file like ``decode``; errors call it ``name``."""
    kind, width, height = _header(name, content)
    refuse_pixels(name, width, height)
    try:
        return PIXELS.get(kind, by_opencv)(content)
    except Unread as error:
        raise DataError(
            f"{name}: is {error}, which is not read; save it as an ordinary JPEG or PNG."
        ) from error
    except MemoryError:
        raise
    except Exception as error:  # every decoder has errors of its own
        raise damaged(name) from error


def letterbox(image: Picture, size: int) -> Picture:
    """Fit a picture into a (size, size, 3) square: aspect kept, zeros on both sides.

    The longer side becomes ``size``; the resized picture is centred with offset
    ``(size - new) // 2``; interpolation is OpenCV's bit-exact ``INTER_LINEAR_EXACT``.

    >>> letterbox(np.full((40, 20, 3), 255, np.uint8), 8)[0, :, 0].tolist()
    [0, 0, 255, 255, 255, 255, 0, 0]
    """
    return letterbox_to(image, size, size)


def letterbox_to(image: Picture, height: int, width: int) -> Picture:
    """Letterbox into any (height, width): 224 x 112 suits a standing player and wastes less.

    >>> letterbox_to(np.zeros((40, 20, 3), np.uint8), 224, 112).shape
    (224, 112, 3)
    """
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
        raise DataError(f"{str(path)!r}: not a valid file name ({error}).") from error
    if not content:
        raise DataError(f"{path}: the file is empty (0 bytes).")
    return content


def header_size(name: str, content: bytes) -> tuple[int, int]:
    """Return (width, height) as the header says; nothing is decoded, and no length believed.

    Raises DataError where it is not a picture, its header is truncated, or it states lengths
    and counts that the file cannot hold. Pillow's readers are asked one by one, since
    ``Image.open`` has a bound of its own that would have to be changed for the whole process.
    """
    return _header(name, content)[1:]


def _header(name: str, content: bytes) -> tuple[str, int, int]:
    """Return (kind, width, height), as ``header_size`` says."""
    if content[12:16] == b"CgBI":  # a PNG in all but its pixels
        raise no_picture(name, content)
    boxed = boxed_kind(content)
    if boxed == "HEIC":
        return _stated(name, boxed, *open_heic(name, content).size)
    Image.init()
    for kind in FORMATS:
        reader, accepts = Image.OPEN.get(kind, (None, None))
        if reader is None or accepts is None or accepts(content[:16]) is not True:
            continue
        if kind in SIZES:
            return _stated(name, kind, *SIZES[kind](name, content))
        if kind == "TIFF":
            return _stated(name, kind, *tiff_size(name, content))
        if kind == "JPEG2000":
            refuse_jpeg2000(name, content)
        return _stated(name, kind, *_size_by_pillow(name, reader, content))
    raise no_picture(name, content)


def _stated(name: str, kind: str, width: int, height: int) -> tuple[str, int, int]:
    if not width or not height:
        raise damaged(name, f"it states {width} x {height} pixels")
    return kind, width, height


def _size_by_pillow(name: str, reader: Any, content: bytes) -> tuple[int, int]:
    try:
        with quiet(), reader(BytesIO(content), "") as picture:
            width, height = picture.size
    except Image.DecompressionBombError as error:
        raise DataError(f"{name}: {error} At most {MAX_PIXELS:,} are decoded.") from error
    except Exception as error:  # every reader has errors of its own
        raise damaged(name) from error
    return width, height


def encode_picture(picture: Picture, kind: str = ".png", quality: int = 90) -> bytes:
    """Return a picture, uint8 RGB (h, w, 3), as the bytes of a file.

    kind       ".png", ".jpg", or another ending that OpenCV can write
    quality    of a JPEG, 0 to 100

    Raises DataError for a picture that has no pixels or is too large for its kind.
    """
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if kind in (".jpg", ".jpeg") else []
    try:
        good, content = cv2.imencode(kind, np.ascontiguousarray(picture[:, :, ::-1]), options)
    except cv2.error:
        good = False
    if not good:
        raise DataError(f"A picture of shape {picture.shape} cannot be written as {kind}.")
    return content.tobytes()


def quality(picture: Picture) -> float:
    """Return a weight above 0 of one picture (h, w, 3): height times sharpness."""
    height = picture.shape[0]
    width = max(1, round(128 * picture.shape[1] / height))
    grey = cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (width, 128), interpolation=cv2.INTER_AREA)
    return height * float(np.log1p(cv2.Laplacian(small, cv2.CV_64F).var()) + 0.01)
