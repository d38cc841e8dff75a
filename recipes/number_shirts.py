"""Shirts drawn flat: cloth with stripes, names and badges, and a number in one of many fonts."""

from __future__ import annotations

import string
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

WIDE, HIGH = 320, 256  # pixels of a flat shirt: three quarters round the body, shoulder to hip
ROUND = 1.5 * np.pi  # radians that WIDE stands for
NUMBERS = (*(str(one) for one in range(100)), "00")


@dataclass(frozen=True)
class Flat:
    """A flat shirt: colours, where it is opaque, and the digits on it.

    cloth      (HIGH, WIDE, 3) float32, 0 to 255
    print      (HIGH, WIDE) 0 to 1: 1 where something is printed
    digits     masks (HIGH, WIDE) 0 to 1, one a digit; empty: no number
    box        left, top, right, bottom of the number, or None
    """

    cloth: np.ndarray
    printed: np.ndarray
    digits: list[np.ndarray]
    box: tuple[int, int, int, int] | None


def random_colour(rng: np.random.Generator) -> np.ndarray:
    """Return a colour as kits have them: white, black, grey, or a strong one."""
    kind = rng.random()
    if kind < 0.24:
        return np.full(3, rng.uniform(215, 255)) + rng.normal(0, 5, 3)
    if kind < 0.4:
        return np.full(3, rng.uniform(5, 55)) + rng.normal(0, 5, 3)
    hue = rng.uniform(0, 180)
    pixel = np.uint8([[[hue, rng.uniform(110, 255), rng.uniform(60, 255)]]])
    return cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0].astype(np.float32)


def other_colour(rng: np.random.Generator, than: np.ndarray, least: float) -> np.ndarray:
    """Return a colour whose light differs from another's by at least so much."""
    weights = np.array([0.3, 0.59, 0.11])
    for _ in range(30):
        colour = random_colour(rng)
        light, gap = (colour - than) @ weights, np.abs(colour - than).max()
        if abs(light) > least and gap > least:
            return colour
    return np.full(3, 245.0 if than @ weights < 128 else 10.0)


def text_mask(
    text: str,
    font: ImageFont.FreeTypeFont,
    high: float,
    wide: float,
    slant: float = 0.0,
    gap: float = 0.0,
) -> list[np.ndarray]:
    """Return a mask a letter, all of one size, 0 to 255; the letters stand side by side.

    high, wide    height in pixels, and width as a share of the font's own
    slant, gap    shear to the right, and room between letters as a share of the height
    """
    boxes = [font.getbbox(one) for one in text]
    top, bottom = min(b[1] for b in boxes), max(b[3] for b in boxes)
    scale = high / max(bottom - top, 1)
    left, starts = 0.0, []
    for one, box in zip(text, boxes, strict=True):
        starts.append(left - box[0])
        left += max(font.getlength(one), box[2] - box[0]) + gap * (bottom - top)
    size = (int(left * scale * wide + slant * high) + 4, int(high) + 4)
    masks = []
    for one, start in zip(text, starts, strict=True):
        full = Image.new("L", (int(left) + 4, bottom - top + 2))
        ImageDraw.Draw(full).text((start, 1 - top), one, fill=255, font=font)
        matrix = np.float32([[scale * wide, -slant * scale, slant * high + 2], [0, scale, 2]])
        masks.append(cv2.warpAffine(np.asarray(full), matrix, size, flags=cv2.INTER_LINEAR))
    return masks


def _stripes(rng: np.random.Generator, cloth: np.ndarray, colour: np.ndarray) -> None:
    """Paint a pattern of a second colour over the cloth."""
    y, x = np.arange(HIGH, dtype=np.float32)[:, None], np.arange(WIDE, dtype=np.float32)[None]
    kind, wave = rng.integers(9), rng.uniform(8, 60)
    phase, middle = rng.uniform(0, 60), WIDE / 2 + rng.uniform(-8, 8)
    share = rng.uniform(0.1, 0.6)
    if kind == 0:
        where = ((x + phase) / wave) % 1 < share
    elif kind == 1:
        where = ((y + phase) / wave) % 1 < share
    elif kind == 2:
        where = x < middle
    elif kind == 3:
        where = np.abs(y - x * rng.uniform(-1, 1) - rng.uniform(-60, 200)) < rng.uniform(8, 40)
    elif kind == 4:
        where = np.abs(np.abs(x - middle) - WIDE / 3) < rng.uniform(8, 34)
    elif kind == 5:
        where = y < rng.uniform(20, 90)
    elif kind == 6:
        where = np.abs(y - rng.uniform(30, 220)) < rng.uniform(10, 50)
    elif kind == 7:
        where = (((x + phase) // wave).astype(int) + (y // wave).astype(int)) % 2 == 0
    else:
        where = np.abs(x - middle) < rng.uniform(10, 70)
    cloth[np.broadcast_to(where, (HIGH, WIDE))] = colour


def _word(rng: np.random.Generator, fonts: list, most: int = 10) -> np.ndarray:
    letters = string.ascii_uppercase if rng.random() < 0.75 else string.ascii_lowercase
    count = int(rng.integers(3, most))
    if rng.random() < 0.06:
        letters, count = string.digits, int(rng.integers(3, 6))  # a year, a telephone: no number
    word = "".join(rng.choice(list(letters), count))
    font = fonts[rng.integers(len(fonts))]
    high = rng.uniform(10, 34)
    full = Image.new("L", (int(font.getlength(word)) + 8, int(font.size * 1.3)))
    ImageDraw.Draw(full).text((4, 4), word, fill=255, font=font)
    mask = np.asarray(full)
    left, top, wide, tall = cv2.boundingRect(mask)
    size = (int(min(wide * high / max(tall, 1) * rng.uniform(0.6, 1.2), 150)) + 1, int(high))
    return cv2.resize(
        mask[top : top + max(tall, 1), left : left + max(wide, 1)],
        size,
        interpolation=cv2.INTER_AREA,
    )


def _place(canvas: np.ndarray, mask: np.ndarray, left: int, top: int) -> None:
    """Lay a mask on a canvas where they overlap, the brighter counting."""
    y0, x0 = max(top, 0), max(left, 0)
    y1, x1 = min(top + mask.shape[0], HIGH), min(left + mask.shape[1], WIDE)
    if y1 > y0 and x1 > x0:
        part = canvas[y0:y1, x0:x1]
        np.maximum(part, mask[y0 - top : y1 - top, x0 - left : x1 - left], out=part)


def _paint(cloth: np.ndarray, mask: np.ndarray, colour: np.ndarray) -> None:
    left, top, wide, high = cv2.boundingRect(mask)
    part = np.s_[top : top + high, left : left + wide]
    share = (mask[part].astype(np.float32) / 255)[:, :, None]
    cloth[part] += share * (colour.astype(np.float32) - cloth[part])


def _around(
    rng: np.random.Generator,
    cloth: np.ndarray,
    printed: np.ndarray,
    fonts: list,
    colour: np.ndarray,
    box: tuple[int, int, int, int] | None,
) -> None:
    """Print a name over the number, a sponsor under it, badges: where they leave it free."""
    top, bottom = (box[1], box[3]) if box else (rng.integers(60, 160),) * 2
    middle = (box[0] + box[2]) // 2 if box else WIDE // 2
    lines = [(rng.random() < (0.5 if box else 0.6), -1), (rng.random() < (0.25 if box else 0.5), 1)]
    for wanted, side in lines:
        if not wanted:
            continue
        mask = _word(rng, fonts)
        gap = int(rng.integers(3, 24))
        place = top - gap - mask.shape[0] if side < 0 else bottom + gap
        layer = np.zeros((HIGH, WIDE), np.uint8)
        _place(layer, mask, middle - mask.shape[1] // 2 + int(rng.integers(-6, 7)), int(place))
        _paint(cloth, layer, colour if rng.random() < 0.7 else random_colour(rng))
        np.maximum(printed, layer, out=printed)
    for _ in range(rng.integers(0, 3)):
        layer = np.zeros((HIGH, WIDE), np.uint8)
        centre = (int(middle + rng.choice([-1, 1]) * rng.uniform(25, 50)), int(rng.uniform(25, 75)))
        axes = (int(rng.uniform(4, 12)), int(rng.uniform(4, 14)))
        cv2.ellipse(layer, centre, axes, rng.uniform(0, 90), 0, 360, 255, -1)
        if box is None or centre[1] + axes[1] < box[1]:
            _paint(cloth, layer, random_colour(rng))
            np.maximum(printed, layer, out=printed)


def draw_flat(
    rng: np.random.Generator,
    fonts: list,
    number: str | None,
    cloth_colour: np.ndarray | None = None,
) -> Flat:
    """Draw a flat shirt with a number, None: without.

    cloth_colour    what the shirt is known to look like; None: a random one
    """
    base = random_colour(rng) if cloth_colour is None else cloth_colour
    cloth = np.empty((HIGH, WIDE, 3), np.float32)
    cloth[:] = base
    if rng.random() < 0.5:
        for _ in range(rng.integers(1, 3)):
            second = random_colour(rng)
            near = rng.uniform(0.1, 1) if rng.random() < 0.5 else 1.0
            _stripes(rng, cloth, base + near * (second - base))
    printed = np.zeros((HIGH, WIDE), np.uint8)
    if number is None:
        colour = other_colour(rng, base, 30)
        _around(rng, cloth, printed, fonts, colour, None)
        return Flat(cloth, printed.astype(np.float32) / 255, [], None)
    high = rng.uniform(60, 150) if rng.random() < 0.75 else rng.uniform(32, 70)
    font = fonts[rng.integers(len(fonts))]
    slant = rng.uniform(-0.05, 0.3) if rng.random() < 0.2 else 0.0
    masks = text_mask(number, font, high, rng.uniform(0.65, 1.25), slant, rng.uniform(0, 0.12))
    widest = rng.uniform(50, 140)
    if masks[0].shape[1] > widest:
        size = (int(widest), masks[0].shape[0])
        masks = [cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in masks]
    h, w = masks[0].shape
    aside = rng.uniform(-40, 40) if high < 70 and rng.random() < 0.5 else rng.uniform(-12, 12)
    left, top = int(WIDE / 2 - w / 2 + aside), int(rng.uniform(15, max(HIGH * 0.75 - h, 40)))
    box = (left, top, left + w, top + h)
    digits = []
    for one in masks:
        layer = np.zeros((HIGH, WIDE), np.uint8)
        _place(layer, one, left, top)
        digits.append(layer)
    ink = np.maximum.reduce(digits)
    behind = np.float32(cloth[ink > 0].mean(axis=0)) if (ink > 0).any() else base
    colour = other_colour(rng, behind, rng.uniform(25, 90))
    _decorate(rng, cloth, printed, ink, colour)
    _paint(cloth, ink, colour)
    np.maximum(printed, ink, out=printed)
    _around(rng, cloth, printed, fonts, colour, box)
    soft = printed.astype(np.float32) / 255
    return Flat(cloth, soft, [one.astype(np.float32) / 255 for one in digits], box)


def _decorate(
    rng: np.random.Generator,
    cloth: np.ndarray,
    printed: np.ndarray,
    ink: np.ndarray,
    colour: np.ndarray,
) -> None:
    """Paint what lies under a number: an outline, two, a shadow, a panel."""
    kind = rng.random()
    if kind < 0.08:
        y, x = np.nonzero(ink)
        panel = np.zeros_like(ink)
        edge = int(rng.integers(4, 22))
        if len(y):
            cv2.rectangle(
                panel,
                (int(x.min()) - edge, int(y.min()) - edge),
                (int(x.max()) + edge, int(y.max()) + edge),
                255,
                -1,
            )
        _paint(cloth, panel, other_colour(rng, colour, 70))
        np.maximum(printed, panel, out=printed)
    elif kind < 0.5:
        for least, most in ((5, 9), (2, 5)) if rng.random() < 0.3 else ((2, 6),):
            wide = int(rng.integers(least, most))
            disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * wide + 1,) * 2)
            rim = cv2.dilate(ink, disc)
            _paint(cloth, rim, other_colour(rng, colour, 40))
            np.maximum(printed, rim, out=printed)
    elif kind < 0.58:
        step = rng.integers(2, 7, 2) * rng.choice([-1, 1], 2)
        shade = np.roll(ink, tuple(int(one) for one in step), (0, 1))
        _paint(cloth, shade, other_colour(rng, colour, 40))
        np.maximum(printed, shade, out=printed)
