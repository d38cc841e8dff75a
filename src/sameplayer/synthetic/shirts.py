"""Drawn players with a shirt number in a chosen font, size and pose.

For trying number readers: everything but what is asked for is decided by a seed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sameplayer.data.corruption.corruptions import compress
from sameplayer.data.images.picture import Picture
from sameplayer.errors import SettingError, did_you_mean
from sameplayer.synthetic.league import make_person
from sameplayer.synthetic.players import FigureView, draw_figure, draw_ground

Font = Callable[[str], np.ndarray]
HIGH, WIDE, BODY = 640, 320, 576  # the canvas, and the player on it, in pixels
LARGE = 92  # height of the digits on the canvas: a sixth of the body
MIDDLE = 0.66  # of the number, in body heights above the feet
BROAD = 0.19  # the most of the body's height that a number is wide


@dataclass(frozen=True)
class ShirtView:
    """How a shirt is seen.

    font      a name of ``shirt_fonts()``
    digits    height of the digits in the picture, in pixels; it decides the picture's size
    lean      how far the player leans, in degrees in the picture
    turn      how far the player is turned away, in degrees: 90 is from the side
    """

    font: str = "DejaVu Sans Bold"
    digits: float = 40.0
    lean: float = 0.0
    turn: float = 0.0

    def __post_init__(self) -> None:
        """Raise SettingError for a value out of range."""
        for name, low, high in (("digits", 1, LARGE), ("lean", -180, 180), ("turn", -85, 85)):
            value = getattr(self, name)
            if not low <= value <= high:
                raise SettingError(name, value, f"from {low} to {high}")


def draw_shirt(number: str, view: ShirtView = ShirtView(), seed: int = 0) -> Picture:
    """Draw a player, uint8 RGB (h, w, 3), with a number on the shirt; "": none.

    seed    decides kit, person, pose and what is behind: the same for every number and view

    Raises SettingError for an unknown font.
    """
    rng = np.random.default_rng((seed, 11))
    canvas = draw_ground(HIGH, WIDE, rng)
    player = int(rng.integers(11))  # not the referee, whose shirt has stripes
    person = replace(make_person(player, seed), number="", girth=float(rng.uniform(1, 1.25)))
    side, step = (1 if rng.random() < 0.5 else -1), float(rng.uniform(-0.4, 0.4))
    turn = np.deg2rad(view.turn) * side
    pose = FigureView(WIDE / 2, HIGH * 0.97, BODY, float(0.8 * np.sin(turn)), step)
    draw_figure(canvas, person, pose)
    if number:
        light = sum(person.kit) < 380
        _print(canvas, _mask(number, view.font), float(turn), (250,) * 3 if light else (15,) * 3)
    if view.lean:
        middle = (WIDE / 2, HIGH * 0.97 - MIDDLE * BODY)
        turned = cv2.getRotationMatrix2D(middle, -side * view.lean, 1)
        canvas = cv2.warpAffine(
            canvas, turned, (WIDE, HIGH), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
        ).astype(np.uint8)
    scale = view.digits / LARGE
    size = max(1, round(WIDE * scale)), max(1, round(HIGH * scale))
    return _photographed(cv2.resize(canvas, size, interpolation=cv2.INTER_AREA), rng)


def shirt_fonts(*, system: bool = False) -> dict[str, Font]:
    """Return name -> f(text) -> (h, w) uint8, 255 where there is ink, without margins.

    Those that are there wherever the package is: OpenCV's and matplotlib's, and with ``system``
    the bold ones of this machine that have digits.
    """
    fonts = dict(_HERSHEY)
    from matplotlib import get_data_path

    folder = Path(get_data_path()) / "fonts" / "ttf"
    fonts |= {
        name: partial(_type_text, str(folder / file))
        for name, file in _MATPLOTLIB.items()
        if (folder / file).is_file()
    }
    return {**_system_fonts(), **fonts} if system else fonts


@cache
def _system_fonts() -> dict[str, Font]:
    from matplotlib.font_manager import findSystemFonts

    fonts: dict[str, Font] = {}
    for path in sorted(findSystemFonts(), key=lambda path: (Path(path).name, path)):
        try:
            name = " ".join(map(str, ImageFont.truetype(path, 20).getname()))
            digits = [_type_text(path, digit).tobytes() for digit in "0123456789"]
        except (OSError, ValueError):  # no font that FreeType knows, or one without these digits
            continue
        bold = "bold" in name.lower() or "black" in name.lower()
        if bold and len(set(digits)) == 10:
            fonts.setdefault(name, partial(_type_text, path))
    return fonts


def _mask(text: str, font: str) -> np.ndarray:
    fonts = shirt_fonts()
    if font not in fonts:
        fonts = shirt_fonts(system=True)
    if font not in fonts:
        raise SettingError(
            "font", repr(font), f"one of {', '.join(fonts)}{did_you_mean(font, fonts)}"
        )
    return fonts[font](text)


def _print(canvas: Picture, mask: np.ndarray, turn: float, colour: tuple[int, int, int]) -> None:
    """Print a mask on the shirt's middle, narrower and aside as the player turns."""
    wide = min(mask.shape[1] * LARGE / mask.shape[0], BROAD * BODY)
    size = max(1, round(wide * np.cos(turn))), LARGE
    ink = cv2.resize(mask, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    top = round(HIGH * 0.97 - MIDDLE * BODY - LARGE / 2)
    left = round(WIDE / 2 + 0.05 * BODY * np.sin(turn) - size[0] / 2)
    part = canvas[top : top + LARGE, left : left + size[0]]
    part[:] = part * (1 - ink[..., None]) + np.array(colour, np.float32) * ink[..., None]


def _photographed(picture: np.ndarray, rng: np.random.Generator) -> Picture:
    """Add what a camera adds: a little blur, noise and compression."""
    blurred = cv2.GaussianBlur(picture, (3, 3), 0.6).astype(np.float32)
    noisy = np.clip(blurred + rng.normal(0, 4, blurred.shape), 0, 255).astype(np.uint8)
    return compress(noisy, 80, rng)


def _hershey(face: int, text: str) -> np.ndarray:
    scale, thick = 5.0, 22
    (wide, high), base = cv2.getTextSize(text, face, scale, thick)
    page = np.zeros((high + base + 4 * thick, wide + 4 * thick), np.uint8)
    cv2.putText(page, text, (2 * thick, high + 2 * thick), face, scale, 255, thick, cv2.LINE_AA)
    return _inked(page)


def _type_text(path: str, text: str) -> np.ndarray:
    font = ImageFont.truetype(path, 160)
    left, top, right, bottom = (int(edge) for edge in font.getbbox(text))
    page = Image.new("L", (max(right - left, 1) + 40, max(bottom - top, 1) + 40))
    ImageDraw.Draw(page).text((20 - left, 20 - top), text, fill=255, font=font)
    return _inked(np.asarray(page))


def _inked(page: np.ndarray) -> np.ndarray:
    rows, columns = np.flatnonzero(page.any(axis=1)), np.flatnonzero(page.any(axis=0))
    if not len(rows):
        raise ValueError("the font has no such digit")
    return page[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


_HERSHEY: dict[str, Font] = {
    "Hershey Simplex": partial(_hershey, cv2.FONT_HERSHEY_SIMPLEX),
    "Hershey Complex": partial(_hershey, cv2.FONT_HERSHEY_COMPLEX),
    "Hershey Plain": partial(_hershey, cv2.FONT_HERSHEY_PLAIN),
}
_MATPLOTLIB = {
    "DejaVu Sans Bold": "DejaVuSans-Bold.ttf",
    "DejaVu Sans": "DejaVuSans.ttf",
    "DejaVu Serif Bold": "DejaVuSerif-Bold.ttf",
    "DejaVu Sans Mono Bold": "DejaVuSansMono-Bold.ttf",
    "STIX Bold": "STIXGeneralBol.ttf",
    "Computer Modern Bold": "cmb10.ttf",
    "Computer Modern Sans": "cmss10.ttf",
}
