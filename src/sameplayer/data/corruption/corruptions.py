"""CORRUPTIONS: degradations of a picture, each at graded levels from mild to severe.

Register your own as a further entry:

    CORRUPTIONS["noise"] = Corruption((5, 10, 20), add_noise, "grey levels", "noise of the sensor")
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from sameplayer.data.images.picture import Picture, encode_picture
from sameplayer.data.reading import Box, pixels_of
from sameplayer.errors import ConfigError, SettingError

CorruptPicture = Callable[[Picture, float, np.random.Generator], Picture]
CorruptBox = Callable[[Box, float, np.random.Generator], Box]


@dataclass(frozen=True)
class Corruption:
    """One degradation of a picture.

    levels        from mild to severe
    apply         f(picture, level, rng) -> picture, uint8 RGB (h, w, 3) both. The random state
                  is the same at every level of a picture, so that its levels belong together
    unit          of the levels
    about         the condition that it simulates, in a few words
    least, most   range of its levels
    move          for a corruption of the box: f((left, top, width, height), level, rng) -> box,
                  which is cut from the picture that the row's box lies in
    """

    levels: tuple[float, ...]
    apply: CorruptPicture
    unit: str = ""
    about: str = ""
    least: float = -math.inf
    most: float = math.inf
    move: CorruptBox | None = None

    def ordered(self, levels: tuple[float, ...]) -> tuple[float, ...]:
        """Return unique levels from mild to severe, in the direction of the corruption's own."""
        return tuple(sorted(set(levels), reverse=self.levels[0] > self.levels[-1]))


def lower(picture: Picture, level: float, rng: np.random.Generator) -> Picture:
    """Make a picture at most ``level`` pixels high, as a crop of a player farther away would be."""
    high, wide = picture.shape[:2]
    if high <= level:
        return picture
    size = max(1, round(wide * level / high)), max(1, round(level))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.uint8)


def blur(picture: Picture, level: float, rng: np.random.Generator) -> Picture:
    """Blur along a line of ``level`` pixels in any direction: the player or the camera moves."""
    length = round(level)
    side = length | 1  # odd
    line = np.zeros((side, side), np.float32)
    start = (side - length) // 2
    line[side // 2, start : start + length] = 1
    middle = (side // 2, side // 2)
    turned = cv2.getRotationMatrix2D(middle, float(rng.uniform(0, 180)), 1)
    kernel = cv2.warpAffine(line, turned, (side, side))
    blurred = cv2.filter2D(picture, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)
    return blurred.astype(np.uint8)


def compress(picture: Picture, level: float, rng: np.random.Generator) -> Picture:
    """Store as a JPEG of quality ``level`` and decode again."""
    content = np.frombuffer(encode_picture(picture, ".jpg", round(level)), np.uint8)
    pixels = cv2.imdecode(content, cv2.IMREAD_COLOR)
    if pixels is None:  # OpenCV reads what it wrote, but for a lack of memory
        raise ConfigError(f"A picture of shape {picture.shape} could not be read back as JPEG.")
    return np.ascontiguousarray(pixels[:, :, ::-1]).astype(np.uint8)


def gain(picture: Picture, level: float, rng: np.random.Generator) -> Picture:
    """Multiply by ``level`` and clip at 255."""
    return _clipped(picture.astype(np.float32) * level)


def gamma(picture: Picture, level: float, rng: np.random.Generator) -> Picture:
    """Raise values, as shares of 255, to the power of ``level``: the middle tones get darker."""
    return _clipped(255 * (picture.astype(np.float32) / 255) ** level)


def tint(picture: Picture, level: float, rng: np.random.Generator) -> Picture:
    """Raise red and lower blue by ``level`` %, or the other way round: another white balance."""
    share = level / 100 * (1 if rng.random() < 0.5 else -1)
    return _clipped(picture.astype(np.float32) * np.array([1 + share, 1, 1 - share], np.float32))


def grey(picture: Picture, level: float, rng: np.random.Generator) -> Picture:
    """Take away ``level`` % of the colour; at 100 the picture is grey."""
    light = cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY)[..., None]
    share = level / 100
    return _clipped((1 - share) * picture.astype(np.float32) + share * light)


def hide_below(picture: Picture, level: float, rng: np.random.Generator) -> Picture:
    """Hide the lowest ``level`` % of the rows: a board, a net, other players."""
    rows = round(picture.shape[0] * level / 100)
    return _covered(picture, slice(picture.shape[0] - rows, None), slice(None), rng)


def hide_side(picture: Picture, level: float, rng: np.random.Generator) -> Picture:
    """Hide ``level`` % of the columns, from the left or from the right: another player."""
    wide = picture.shape[1]
    columns = round(wide * level / 100)
    at_left = rng.random() < 0.5
    part = slice(0, columns) if at_left else slice(wide - columns, None)
    return _covered(picture, slice(None), part, rng)


def hide_patch(picture: Picture, level: float, rng: np.random.Generator) -> Picture:
    """Hide a rectangle of ``level`` % of the picture's area, of any place and shape."""
    high, wide = picture.shape[:2]
    share = level / 100
    part = float(rng.uniform(0.3, 0.7))
    rows, columns = round(high * share**part), round(wide * share ** (1 - part))
    top = round(float(rng.random()) * (high - rows))
    left = round(float(rng.random()) * (wide - columns))
    return _covered(picture, slice(top, top + rows), slice(left, left + columns), rng)


def loosen(box: Box, level: float, rng: np.random.Generator) -> Box:
    """Make a box ``level`` % wider and higher about its middle."""
    left, top, width, height = box
    share = level / 100
    wider, higher = width * share, height * share
    return left - wider / 2, top - higher / 2, width + wider, height + higher


def tighten(box: Box, level: float, rng: np.random.Generator) -> Box:
    """Make a box ``level`` % narrower and lower about its middle."""
    return loosen(box, -level, rng)


def shift(box: Box, level: float, rng: np.random.Generator) -> Box:
    """Move a box by ``level`` % of its size, in any direction."""
    left, top, width, height = box
    angle = float(rng.uniform(0, 2 * math.pi))
    share = level / 100
    return left + share * width * math.cos(angle), top + share * height * math.sin(angle), *box[2:]


def cut(picture: Picture, box: Box) -> Picture:
    """Cut a box of at least one pixel out of a picture, which is mirrored beyond its edges."""
    left, top, width, height = (round(value) for value in box)
    width, height = max(width, 1), max(height, 1)
    high, wide = picture.shape[:2]
    above, below = max(-top, 0), max(top + height - high, 0)
    before, after = max(-left, 0), max(left + width - wide, 0)
    padded = cv2.copyMakeBorder(
        np.ascontiguousarray(picture), above, below, before, after, cv2.BORDER_REFLECT_101
    )
    rows = slice(top + above, top + above + height)
    return padded[rows, left + before : left + before + width].astype(np.uint8)


def cut_inside(picture: Picture, box: Box) -> Picture:
    """Cut the part of a box inside a picture; like ``cut`` where no part is inside."""
    inside = pixels_of(box, picture.shape[1], picture.shape[0])
    if inside is None:
        return cut(picture, box)
    left, top, right, bottom = inside
    return picture[top:bottom, left:right].copy()


def _of_whole(move: CorruptBox) -> CorruptPicture:
    """Return the corruption of a picture without surroundings."""

    def moved(picture: Picture, level: float, rng: np.random.Generator) -> Picture:
        high, wide = picture.shape[:2]
        return cut(picture, move((0.0, 0.0, float(wide), float(high)), level, rng))

    return moved


def _covered(picture: Picture, rows: slice, columns: slice, rng: np.random.Generator) -> Picture:
    """Cover a part with one random colour."""
    covered = picture.copy()
    covered[rows, columns] = rng.integers(0, 256, 3)
    return covered


def _clipped(values: np.ndarray) -> Picture:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


_BOX = (10.0, 20.0, 30.0, 40.0)
CORRUPTIONS: dict[str, Corruption] = {
    "height": Corruption(
        (256, 192, 128, 96, 64, 48, 32, 24), lower, "pixels", "far away", 1, 100_000
    ),
    "blur": Corruption((3, 5, 9, 15, 21, 31), blur, "pixels", "blurred by motion", 1, 999),
    "loose": Corruption(_BOX, _of_whole(loosen), "%", "a box that is too large", 0, 200, loosen),
    "tight": Corruption(_BOX, _of_whole(tighten), "%", "a box that is too small", 0, 90, tighten),
    "shift": Corruption(_BOX, _of_whole(shift), "%", "a box beside the player", 0, 90, shift),
    "jpeg": Corruption(
        (90, 70, 50, 30, 20, 10, 5), compress, "of 100", "stored as JPEG of low quality", 1, 100
    ),
    "dark": Corruption((0.8, 0.6, 0.4, 0.2), gain, "times", "less light", 0.01, 1),
    "bright": Corruption((1.25, 1.5, 2.0, 3.0), gain, "times", "too much light", 1, 100),
    "gamma": Corruption((1.5, 2.0, 3.0), gamma, "power", "darker middle tones", 1, 10),
    "tint": Corruption((5, 10, 20, 30), tint, "%", "another white balance", 0, 100),
    "grey": Corruption((50, 75, 100), grey, "%", "colour taken away", 0, 100),
    "hidden-below": Corruption((12, 25, 50), hide_below, "%", "lower part hidden", 0, 99),
    "hidden-side": Corruption((12, 25, 50), hide_side, "%", "one side hidden", 0, 99),
    "hidden-patch": Corruption((10, 20, 30, 50), hide_patch, "%", "a rectangle hidden", 0, 99),
}
"""Name -> ``Corruption``: its levels and the function of picture, level and random state."""


def checked(name: str, corrupted: object) -> Picture:
    """Return a corrupted picture. Raises ConfigError where it is not a picture."""
    picture = np.asarray(corrupted)
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
        raise ConfigError(
            f"The corruption {name!r} returned {picture.dtype} of shape {picture.shape}; expected "
            "a uint8 picture (h, w, 3)."
        )
    return picture


def check_levels(name: str, corruption: Corruption, levels: tuple[float, ...]) -> None:
    """Raise SettingError where levels are missing or out of range."""
    if not levels:
        raise SettingError("corruptions", f"{name!r} without a level", "one level or more")
    bad = [
        level for level in levels if not corruption.least <= level <= corruption.most
    ]  # NaN is one, too
    if bad:
        span = f"{corruption.least:g} to {corruption.most:g} {corruption.unit}".rstrip()
        raise SettingError("corruptions", f"{name}={bad[0]:g}", f"levels of {name} from {span}")
