"""Reading a crop: a picture file or a frame of a video, cut by its box.

Crops of one frame are read one after the other, so the latest frames are kept and each is decoded
once, whichever thread asks for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from PIL import Image

from sameplayer.common.cache import Latest, file_version
from sameplayer.data.images.picture import Picture, decode
from sameplayer.data.images.pixels import rgb_of
from sameplayer.data.video.frames import frame_name, open_video
from sameplayer.errors import ConfigError, DataError, SettingError

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


# Any: a torch tensor, which this module does not import
PictureLike: TypeAlias = str | Path | Picture | Image.Image | Any
ORDERS = ("rgb", "bgr")
ACCEPTED_PICTURES = (
    "a path, uint8 (h, w, 3), a PIL picture, or a torch tensor (3, h, w) or (h, w, 3)"
)


def as_picture(shown: PictureLike, order: str = "rgb") -> Picture:
    """Return a picture as uint8 RGB (h, w, 3).

    shown    a path; a uint8 array (h, w, 3); a PIL picture; or a torch tensor (3, h, w) or
             (h, w, 3), uint8 or floats from 0 to 1, on any device
    order    of the channels of an array or tensor: "rgb", or "bgr" as OpenCV reads pictures.
             Files and PIL pictures need none

    Raises DataError for a file that cannot be read, ConfigError for anything but a picture,
    SettingError for another order.

    >>> as_picture(np.array([[[255, 0, 0]]], np.uint8), order="bgr").tolist()
    [[[0, 0, 255]]]
    """
    check_order(order)
    if isinstance(shown, (str, Path)):
        return read_crop(Path(shown))
    if isinstance(shown, Image.Image):
        try:
            return rgb_of(shown)
        except ValueError as error:
            raise ConfigError(f"A PIL picture of mode {shown.mode}: {error}.") from error
    picture = _of_tensor(shown) if _is_tensor(shown) else shown
    if not isinstance(picture, np.ndarray):
        raise ConfigError(f"A picture must be {ACCEPTED_PICTURES}; found {type(shown).__name__}.")
    if picture.ndim != 3 or picture.shape[2] != 3 or not picture.size or picture.dtype != np.uint8:
        raise ConfigError(
            f"A picture must be uint8 of shape (h, w, 3); found {picture.dtype} of shape "
            f"{picture.shape}."
        )
    return picture if order == "rgb" else np.ascontiguousarray(picture[:, :, ::-1])


def as_pictures(shown: Sequence[PictureLike], order: str = "rgb") -> list[Picture]:
    """Return several pictures as uint8 RGB arrays (h, w, 3); errors as in ``as_picture``."""
    refuse_single_picture(shown)
    return [as_picture(item, order) for item in shown]


def cut_boxes(picture: Picture, boxes: np.ndarray) -> list[Picture]:
    """Return the parts of a picture in boxes (n, 4) of left, top, right, bottom in pixels.

    Boxes are clipped to the picture. Raises DataError for boxes of another shape, and for one that
    holds no pixel.
    """
    corners = np.asarray(boxes, float)
    corners = corners.reshape(-1, 4) if not corners.size else corners
    if corners.ndim != 2 or corners.shape[1] != 4 or not np.isfinite(corners).all():
        raise DataError(
            f"Boxes are of shape {corners.shape}; expected finite numbers (n, 4): left, top, "
            "right, bottom in pixels."
        )
    high, wide = picture.shape[:2]
    crops = []
    for row, (left, top, right, bottom) in enumerate(corners.tolist()):
        inside = pixels_of((left, top, right - left, bottom - top), wide, high)
        if inside is None:
            raise DataError(
                f"Box {row} ({left:g}, {top:g}, {right:g}, {bottom:g}) holds no pixel of the frame "
                f"of {wide} x {high} pixels."
            )
        crops.append(picture[inside[1] : inside[3], inside[0] : inside[2]])
    return crops


def check_order(order: str) -> None:
    """Raise SettingError for an unknown order of channels."""
    if order not in ORDERS:
        raise SettingError("order", repr(order), f"one of {', '.join(ORDERS)}")


def is_single_picture(shown: object) -> bool:
    """Return whether this is a single picture rather than several."""
    if isinstance(shown, (str, Path, Image.Image)):
        return True
    return (isinstance(shown, np.ndarray) or _is_tensor(shown)) and shown.ndim < 4  # type: ignore[attr-defined]


def refuse_single_picture(shown: object) -> None:
    """Raise ConfigError for one picture where a list of pictures is expected, or for no list."""
    if is_single_picture(shown):
        raise ConfigError(
            f"Expected a list of pictures; found {_named(shown)}. For one picture, write [picture]."
        )
    if not hasattr(shown, "__len__") or not hasattr(shown, "__getitem__"):
        raise ConfigError(f"Expected a list of pictures; found {type(shown).__name__}.")


def _named(shown: object) -> str:
    if isinstance(shown, np.ndarray) or _is_tensor(shown):
        return f"one of shape {tuple(shown.shape)}"  # type: ignore[attr-defined]
    return f"one, a {type(shown).__name__}"


def _is_tensor(shown: object) -> bool:
    return any(
        base.__module__ == "torch" and base.__name__ == "Tensor" for base in type(shown).__mro__
    )


def _of_tensor(tensor: Any) -> np.ndarray:
    """Return a tensor of one picture as an array (h, w, 3) uint8; ConfigError for another."""
    values: np.ndarray = tensor.detach().cpu().float().numpy()
    shape, floats = tuple(tensor.shape), bool(tensor.is_floating_point())
    if len(shape) != 3 or (shape[0] == 3) == (shape[2] == 3):
        raise ConfigError(
            f"A picture tensor must be (3, h, w) or (h, w, 3); found {shape}."
            + (" Both fit: give a NumPy array, which is (h, w, 3)." if len(shape) == 3 else "")
        )
    if floats:
        if not np.all((values >= 0) & (values <= 1)):
            raise ConfigError(
                f"A tensor of floats must hold values from 0 to 1; found {values.min():g} to "
                f"{values.max():g}. Give the picture as it was before it was normalised."
            )
        values = (values * 255).round()
    elif str(tensor.dtype) != "torch.uint8":
        raise ConfigError(f"A picture tensor must be uint8 or float; found {tensor.dtype}.")
    picture = values.astype(np.uint8)
    return np.ascontiguousarray(picture.transpose(1, 2, 0) if shape[0] == 3 else picture)
