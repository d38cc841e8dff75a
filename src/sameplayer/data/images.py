"""Pictures: decoding, crops by box, letterbox and tall resize, training transforms.

Convention everywhere: uint8 arrays of shape (height, width, 3) in RGB order.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from sameplayer.errors import DataError

MAX_PIXELS = 100_000_000
PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
VIDEO_SUFFIXES = (".mp4", ".mkv", ".avi", ".mov", ".webm", ".m4v")

Picture = NDArray[np.uint8]


def picture_size(path: Path) -> tuple[int, int]:
    """Return (width, height) from the file's header, without decoding the pixels.

    Raises DataError when the file is missing, empty or of no known picture format.
    """
    head = _read_bytes(path, 64 * 1024)
    size = _size_from_header(head)
    if size is None:
        picture = decode(path)
        return picture.shape[1], picture.shape[0]
    return size


def decode(path: Path) -> Picture:
    """Decode one picture file to RGB; the content decides the format, never the file's ending.

    Grey pictures are repeated over three channels, transparency is dropped, CMYK is converted,
    16-bit samples are scaled to 8 bits. EXIF orientation is applied. Pictures over
    ``MAX_PIXELS`` pixels are refused before they are decoded.
    """
    content = _read_bytes(path)
    size = _size_from_header(content)
    if size is not None and size[0] * size[1] > MAX_PIXELS:
        raise DataError(
            f"{path}: {size[0]} x {size[1]} pixels; at most {MAX_PIXELS:,} pixels are decoded. "
            "Scale the picture down first."
        )
    if content[:2] == b"\xff\xd8" and b"\xff\xd9" not in content[-64:]:
        raise DataError(f"{path}: truncated JPEG (no end marker); copy or export the file again.")
    if content[:4] == b"\x89PNG" and b"IEND" not in content[-64:]:
        raise DataError(f"{path}: truncated PNG (no end chunk); copy or export the file again.")
    try:
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise DataError(f"{path}: cannot be decoded ({error.err}).") from error
    if pixels is None:
        raise DataError(f"{path}: not a picture that OpenCV can decode (expected {_formats()}).")
    return np.ascontiguousarray(pixels[:, :, ::-1])


def read_crop(path: Path, box: tuple[float, float, float, float] | None = None) -> Picture:
    """Read a picture and cut ``box`` = (left, top, width, height) in pixels; no box: the whole.

    ``path`` may name a frame of a video as ``video.mp4#12`` (frames count from 1). A box that
    reaches over the edge is clipped; a box wholly outside is a DataError.
    """
    name = str(path)
    if "#" in name and Path(name.rsplit("#", 1)[0]).suffix.lower() in VIDEO_SUFFIXES:
        video, number = name.rsplit("#", 1)
        picture = _video_frame(video, int(number))
    elif box is not None:
        picture = _shared_frame(path)
    else:
        return decode(path)
    if box is None:
        return picture
    left, top, width, height = (round(value) for value in box)
    high, wide = picture.shape[:2]
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + width, wide), min(top + height, high)
    if x1 <= x0 or y1 <= y0:
        raise DataError(f"{path}: box {box} lies outside the picture of {wide} x {high} pixels.")
    return picture[y0:y1, x0:x1]


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


def _formats() -> str:
    return "JPEG, PNG, BMP, WebP or TIFF"


def _read_bytes(path: Path, limit: int = -1) -> bytes:
    try:
        with open(path, "rb") as file:
            content = file.read(limit)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file.") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from error
    if not content:
        raise DataError(f"{path}: the file is empty (0 bytes).")
    return content


def _size_from_header(content: bytes) -> tuple[int, int] | None:
    if content[:8] == b"\x89PNG\r\n\x1a\n" and len(content) >= 24:
        width, height = struct.unpack(">II", content[16:24])
        return width, height
    if content[:2] == b"\xff\xd8":
        return _jpeg_size(content)
    return None


def _jpeg_size(content: bytes) -> tuple[int, int] | None:
    position = 2
    while position + 9 < len(content):
        if content[position] != 0xFF:
            return None
        marker = content[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", content[position + 5 : position + 9])
            return width, height
        position += 2 + struct.unpack(">H", content[position + 2 : position + 4])[0]
    return None


@lru_cache(maxsize=4)
def _shared_frame(path: Path) -> Picture:
    """Keep the last few frames: crops of one frame are read one after the other."""
    return decode(path)


@lru_cache(maxsize=4)
def _video_frame(video: str, number: int) -> Picture:
    if not Path(video).is_file():
        raise DataError(f"{video}: no such video file.")
    capture = _open_video(video)
    if int(capture.get(cv2.CAP_PROP_POS_FRAMES)) != number - 1:
        capture.set(cv2.CAP_PROP_POS_FRAMES, number - 1)
    found, frame = capture.read()
    if not found:
        raise DataError(f"{video}: frame {number} cannot be decoded.")
    return np.ascontiguousarray(frame[:, :, ::-1])


@lru_cache(maxsize=2)
def _open_video(video: str) -> cv2.VideoCapture:
    capture = cv2.VideoCapture(video)
    if not capture.isOpened():
        raise DataError(f"{video}: not a video that OpenCV can decode.")
    return capture
