"""Pictures as a caller holds them, made our own: uint8 RGB arrays of shape (h, w, 3)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from PIL import Image

from sameplayer.data.images.picture import Picture
from sameplayer.data.images.pixels import rgb_of
from sameplayer.data.reading import read_crop
from sameplayer.errors import ConfigError, SettingError

# What stands for a picture; Any: a torch tensor, which this module need not import
Shown: TypeAlias = str | Path | Picture | Image.Image | Any
ORDERS = ("rgb", "bgr")
TAKEN = "a path, uint8 (h, w, 3), a PIL picture, or a torch tensor (3, h, w) or (h, w, 3)"


def as_picture(shown: Shown, order: str = "rgb") -> Picture:
    """Return a picture as uint8 RGB (h, w, 3).

    shown    a path; a uint8 array (h, w, 3); a PIL picture; or a torch tensor (3, h, w) or
             (h, w, 3), uint8 or floats from 0 to 1, on any device
    order    of the channels of an array or tensor, which its values do not tell: "rgb"; "bgr", as
             OpenCV reads. Files and PIL pictures say their own

    Raises DataError for a file that cannot be read, ConfigError for what is no picture,
    SettingError for another order.
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
        raise ConfigError(f"A picture must be {TAKEN}; found {type(shown).__name__}.")
    if picture.ndim != 3 or picture.shape[2] != 3 or not picture.size or picture.dtype != np.uint8:
        raise ConfigError(
            f"A picture must be uint8 of shape (h, w, 3); found {picture.dtype} of shape "
            f"{picture.shape}."
        )
    return picture if order == "rgb" else np.ascontiguousarray(picture[:, :, ::-1])


def as_pictures(shown: Sequence[Shown], order: str = "rgb") -> list[Picture]:
    """Return several pictures as uint8 RGB arrays (h, w, 3); errors as in ``as_picture``."""
    refuse_one_picture(shown)
    return [as_picture(one, order) for one in shown]


def check_order(order: str) -> None:
    """Raise SettingError for an unknown order of channels."""
    if order not in ORDERS:
        raise SettingError("order", repr(order), f"one of {', '.join(ORDERS)}")


def is_one_picture(shown: object) -> bool:
    """Whether this stands for one picture, and not for several."""
    if isinstance(shown, (str, Path, Image.Image)):
        return True
    return (isinstance(shown, np.ndarray) or _is_tensor(shown)) and shown.ndim < 4  # type: ignore[attr-defined]


def refuse_one_picture(shown: object) -> None:
    """Raise ConfigError for one picture where a list of pictures is expected, or for no list."""
    if is_one_picture(shown):
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
        one.__module__ == "torch" and one.__name__ == "Tensor" for one in type(shown).__mro__
    )


def _of_tensor(tensor: Any) -> np.ndarray:
    """Return a tensor of one picture as an array (h, w, 3) uint8; ConfigError for another."""
    values: np.ndarray = tensor.detach().cpu().float().numpy()
    shape, floats = tuple(tensor.shape), bool(tensor.is_floating_point())
    if len(shape) != 3 or (shape[0] == 3) == (shape[2] == 3):
        raise ConfigError(
            f"A tensor of a picture must be (3, h, w) or (h, w, 3); found {shape}."
            + (" Both fit: give a NumPy array, which is (h, w, 3)." if len(shape) == 3 else "")
        )
    if floats:
        if not np.all((values >= 0) & (values <= 1)):
            raise ConfigError(
                f"A tensor of floats must hold 0 to 1; found {values.min():g} to "
                f"{values.max():g}. Give the picture as it was before it was normalised."
            )
        values = (values * 255).round()
    elif str(tensor.dtype) != "torch.uint8":
        raise ConfigError(f"A tensor of a picture must be uint8 or float; found {tensor.dtype}.")
    picture = values.astype(np.uint8)
    return np.ascontiguousarray(picture.transpose(1, 2, 0) if shape[0] == 3 else picture)
