"""Reading a crop: a picture file or a frame of a video, cut by its box.

Crops of one frame are read one after the other, so the latest frames are kept and each is decoded
once, whichever thread asks for it.
"""

from __future__ import annotations

from pathlib import Path

from sameplayer.common.cache import Latest, file_version
from sameplayer.data.images.picture import Picture, decode
from sameplayer.data.video.frames import frame_name, open_video
from sameplayer.errors import DataError

Box = tuple[float, float, float, float]

_PICTURES: Latest[Picture] = Latest(4)


def read_crop(path: Path, box: Box | None = None) -> Picture:
    """Read a picture and cut ``box`` = (left, top, width, height) in pixels; no box: the whole.

    ``path`` may name a frame of a video as ``video.mp4#12`` (frames count from 1). A box that
    reaches over the edge is clipped. The result is the caller's own. Raises MissingFile, or
    DataError for what cannot be decoded and for a box without a pixel inside the picture.
    """
    if box is None and frame_name(path) is None:
        return decode(path)
    picture = read_shared(path)
    if box is None:
        return picture.copy()
    high, wide = picture.shape[:2]
    inside = pixels_of(box, wide, high)
    if inside is None:
        raise DataError(f"{path}: box {box} lies outside the picture of {wide} x {high} pixels.")
    left, top, right, bottom = inside
    return picture[top:bottom, left:right].copy()


def read_shared(path: Path) -> Picture:
    """Return a whole picture or frame, read-only: the latest four are decoded once and shared."""
    frame = frame_name(path)
    if frame is None:
        return _PICTURES.get(file_version(path), lambda: _locked(decode(path)))
    video, number = frame
    key = (*file_version(video), number)
    return _PICTURES.get(key, lambda: _locked(open_video(video).read(number)))


def pixels_of(box: Box, wide: int, high: int) -> tuple[int, int, int, int] | None:
    """Return (left, top, right, bottom) of the pixels in a box, or None where there is none.

    Left, top, width and height are rounded each to whole pixels, then clipped to the picture.
    """
    left, top, width, height = (round(value) for value in box)
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + width, wide), min(top + height, high)
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def _locked(picture: Picture) -> Picture:
    picture.flags.writeable = False
    return picture
