"""Training pictures for the number reader: drawn numbers on drawn or real players.

A picture is what the reader's network sees (HIGH x WIDE). With it come its number, NONE where
nobody can read one, UNSURE where that is in doubt (no loss), and the number's place.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from number_photo import photograph
from number_shirts import HIGH as FLAT_HIGH
from number_shirts import NUMBERS, ROUND, Flat, draw_flat, random_colour, text_mask
from number_shirts import WIDE as FLAT_WIDE

from sameplayer.numbers.network.crop_canvas import HIGH, PAD, WIDE, fit

NONE, UNSURE = -1, -2
TWICE = 2  # drawn at twice the size, so that edges are smooth
SKIN = np.array([[236, 200, 175], [214, 165, 130], [170, 115, 80], [110, 72, 50], [75, 48, 36]])


@dataclass(frozen=True)
class Base:
    """A real player, with room around.

    patch    (h, w, 3) uint8 RGB
    box      x, y, w, h of the player in it
    shown    "none": no number to be read; "some": there is, or may be, one
    """

    patch: np.ndarray
    box: tuple[float, float, float, float]
    shown: str = "some"


@dataclass
class Scene:
    """What is being drawn, at TWICE the size: picture, the torso's place, what hides it.

    torso    centre x, top y, half width, height, lean in radians
    inside   left, top, right, bottom of the part that is a picture; the rest is PAD
    """

    picture: np.ndarray
    torso: tuple[float, float, float, float, float]
    inside: tuple[int, int, int, int]
    shown: str = "none"
    real: bool = False
    hidden: np.ndarray = field(
        default_factory=lambda: np.zeros((HIGH * TWICE, WIDE * TWICE), np.float32)
    )


def noise(rng: np.random.Generator, rows: int, columns: int, size: tuple[int, int]) -> np.ndarray:
    """Return smooth noise (h, w), about -2 to 2; size is (w, h)."""
    few = rng.standard_normal((rows, columns)).astype(np.float32)
    return cv2.resize(few, size, interpolation=cv2.INTER_CUBIC)


def _frame(rng: np.random.Generator, box: tuple[float, ...]) -> tuple[float, float, float, float]:
    """Return a crop x, y, w, h about a player: tight, loose, shifted, cut, or the torso alone."""
    x, y, w, h = box
    kind = rng.random()
    if kind < 0.14:  # the torso, or the upper body
        top, bottom = rng.uniform(-0.05, 0.14), rng.uniform(0.48, 0.68)
        middle, half = x + w / 2, rng.uniform(0.13, 0.28) * h
        return middle - half, y + top * h, 2 * half, (bottom - top) * h
    if kind < 0.2:
        bottom = rng.uniform(0.55, 0.9)
        return x, y, w, h * bottom
    loose = rng.uniform(-0.06, 0.16, 4) if kind < 0.75 else rng.uniform(-0.15, 0.45, 4)
    left, right, top, bottom = loose * [w, w, h * 0.5, h * 0.5]
    return x - left, y - top, w + left + right, h + top + bottom


def _from_real(rng: np.random.Generator, base: Base) -> Scene:
    x, y, w, h = base.box
    cx, cy, cw, ch = _frame(rng, base.box)
    scale, left, top, kept, wide = fit(ch, cw)
    matrix = TWICE * np.float32([[scale, 0, left - cx * scale], [0, scale, top - cy * scale]])
    size = (WIDE * TWICE, HIGH * TWICE)
    flip = rng.random() < 0.5 and base.shown == "none"
    picture = cv2.warpAffine(
        base.patch, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    inside = tuple(round(TWICE * one) for one in (left, top, left + wide, top + kept))
    middle = x + w / 2 + rng.normal(0, 0.05) * w
    shoulder = y + h * rng.uniform(0.15, 0.22)
    half = h * rng.uniform(0.085, 0.13)
    high = h * rng.uniform(0.26, 0.34)
    at = matrix @ np.float32([middle, shoulder, 1])
    torso = (at[0], at[1], half * scale * TWICE, high * scale * TWICE, rng.normal(0, 0.12))
    if flip:
        picture = np.ascontiguousarray(picture[:, ::-1])
        inside = (size[0] - inside[2], inside[1], size[0] - inside[0], inside[3])
        torso = (size[0] - torso[0], *torso[1:])
    return Scene(picture.astype(np.float32), torso, inside, base.shown, True)


def _drawn_player(rng: np.random.Generator, background: np.ndarray) -> Scene:
    """Draw a simple player on a background: head, shorts, legs; the shirt comes later."""
    size = (WIDE * TWICE, HIGH * TWICE)
    person = rng.uniform(300, 520) if rng.random() < 0.8 else rng.uniform(500, 1000)
    wide = person * rng.uniform(0.32, 0.6)
    cx, cy, cw, ch = _frame(rng, (0, 0, wide, person))
    scale, left, top, kept, across = fit(ch, cw)
    zoom = TWICE * scale
    middle, crown = TWICE * left + (wide / 2 - cx) * zoom, TWICE * top - cy * zoom
    tall = person * zoom
    picture = cv2.resize(background, size, interpolation=cv2.INTER_LINEAR).astype(np.float32)
    half, high = tall * rng.uniform(0.085, 0.125), tall * rng.uniform(0.26, 0.34)
    shoulder, lean = crown + tall * rng.uniform(0.15, 0.2), rng.normal(0, 0.14)
    skin = SKIN[rng.integers(len(SKIN))] * rng.uniform(0.8, 1.1)
    hip = (middle - np.sin(lean) * high, shoulder + high)
    for side in (-1, 1):
        knee = (int(hip[0] + side * half * rng.uniform(0.3, 1.2)), int(hip[1] + tall * 0.2))
        cv2.line(
            picture,
            (int(hip[0] + side * half * 0.5), int(hip[1])),
            knee,
            random_colour(rng).tolist(),
            max(int(half * 0.9), 1),
        )
        foot = (knee[0], int(knee[1] + tall * 0.3))
        cv2.line(picture, knee, foot, skin.tolist(), max(int(half * 0.6), 1))
    head = (int(middle + np.sin(lean) * tall * 0.05), int(crown + tall * 0.085))
    axes = (max(int(tall * 0.05), 1), max(int(tall * 0.075), 1))
    cv2.ellipse(picture, head, axes, 0, 0, 360, skin.tolist(), -1)
    hair = rng.uniform(10, 90, 3).tolist()
    cv2.ellipse(picture, head, axes, 0, 180, 360, hair, -1)
    inside = tuple(round(TWICE * one) for one in (left, top, left + across, top + kept))
    return Scene(picture, (middle, shoulder, half, high, lean), inside)


def _wear(rng: np.random.Generator, scene: Scene, flat: Flat, print_only: bool) -> tuple:
    """Put a flat shirt on the torso; return a mask a digit, and what each would cover in front."""
    cx, top, half, high, lean = scene.torso
    reach = (1.9 if not print_only else 1.1) * half + 0.5 * high * abs(np.sin(lean)) + 4
    x0, x1 = (
        int(np.clip(cx + s * (reach + high * abs(np.sin(lean))), 0, WIDE * TWICE)) for s in (-1, 1)
    )
    ends = top - 0.2 * high, top + 1.1 * high + half * abs(np.sin(lean))
    y0, y1 = (int(np.clip(one, 0, HIGH * TWICE)) for one in ends)
    masks = [np.zeros((HIGH * TWICE, WIDE * TWICE), np.float32) for _ in flat.digits]
    if x1 - x0 < 4 or y1 - y0 < 4:
        return masks, [1.0] * len(masks)
    size = (x1 - x0, y1 - y0)
    dx = np.arange(x0, x1, dtype=np.float32)[None] - cx
    dy = np.arange(y0, y1, dtype=np.float32)[:, None] - top
    across = ((np.cos(lean) * dx + np.sin(lean) * dy) / half).astype(np.float32)
    down = ((-np.sin(lean) * dx + np.cos(lean) * dy) / high).astype(np.float32)
    across /= np.maximum(1 + np.float32(rng.uniform(-0.12, 0.12)) * (down - 0.5), 0.3)
    curve = np.float32(rng.uniform(0.2, 1))
    angle = curve * np.arcsin(np.clip(across, -1, 1)) + (1 - curve) * across * np.float32(np.pi / 2)
    yaw = rng.normal(0, 0.4) if rng.random() < 0.75 else rng.uniform(-1.6, 1.6)
    yaw = np.float32(yaw * (0.6 if print_only else 1))
    deep = np.float32(rng.uniform(0, 7) if rng.random() < 0.7 else 0)
    folds = noise(rng, 7, 5, size)
    u = FLAT_WIDE / 2 + (angle + yaw) * np.float32(FLAT_WIDE / ROUND) + deep * folds
    v = (down + np.float32(rng.uniform(-0.06, 0.06)) * across) * FLAT_HIGH
    v += deep * noise(rng, 7, 5, size)
    worn = cv2.remap(flat.cloth, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    place = np.s_[y0:y1, x0:x1]
    behind = scene.picture[place]
    shape = _torso_mask(rng, across, down, scene, (x0, y0))
    if print_only:
        shape = shape * cv2.remap(flat.printed, u, v, cv2.INTER_LINEAR)
        light = behind.mean(axis=2)
        even = cv2.blur(light, (int(half / 3) * 2 + 3,) * 2)
        worn *= np.clip((light + 25) / (even + 25), 0.6, 1.3)[:, :, None]
    else:
        shade = 1 + np.float32(rng.uniform(0, 0.16)) * folds
        shade -= np.float32(rng.uniform(0, 0.35)) * across**2
        shade += np.float32(rng.uniform(0, 0.12)) * noise(rng, 14, 9, size)
        if scene.real and scene.shown == "none" and rng.random() < 0.6:
            light = behind.mean(axis=2)
            even = cv2.blur(light, (int(half / 2) * 2 + 3,) * 2)
            shade = shade * ((light + 30) / (even + 30))
        worn *= np.clip(shade, 0.45, 1.3)[:, :, None]
    behind += shape[:, :, None] * (worn - behind)
    for mask, one in zip(masks, flat.digits, strict=True):
        mask[place] = cv2.remap(one, u, v, cv2.INTER_LINEAR) * (np.abs(across) < 1)
    slope = 1 / (curve + (1 - curve) * np.pi / 2)
    area = half * slope * ROUND / FLAT_WIDE * high / FLAT_HIGH
    return masks, [float(one.sum()) * area for one in flat.digits]


def _torso_mask(
    rng: np.random.Generator,
    across: np.ndarray,
    down: np.ndarray,
    scene: Scene,
    corner: tuple[int, int],
) -> np.ndarray:
    """Return where the shirt is, 0 to 1: a barrel with sloping shoulders, and sleeves."""
    slope = rng.uniform(0, 0.14)
    body = (np.abs(across) < 1) & (down > slope * np.abs(across) ** 2 - 0.04) & (down < 1)
    mask = body.astype(np.float32)
    cx, top, half, high, lean = scene.torso
    cx, top = cx - corner[0], top - corner[1]
    if rng.random() < 0.75:
        for side in (-1, 1):
            start = (
                int(cx + side * half * 0.8 * np.cos(lean)),
                int(top + high * 0.12 + side * half * 0.8 * np.sin(lean)),
            )
            reach = high * rng.uniform(0.25, 0.5)
            turn = side * rng.uniform(0.1, 1.2)
            end = (int(start[0] + np.sin(turn) * reach), int(start[1] + np.cos(turn) * reach))
            cv2.line(mask, start, end, 1.0, max(int(half * rng.uniform(0.4, 0.6)), 1))
    return cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.8, 2))


def _cover(rng: np.random.Generator, scene: Scene, bases: list[Base]) -> None:
    """Lay things in front: arms, a ball, a pole, another player's edge."""
    cx, top, half, high, _ = scene.torso
    size = (WIDE * TWICE, HIGH * TWICE)
    skin = SKIN[rng.integers(len(SKIN))] * rng.uniform(0.75, 1.1)
    count = rng.choice([0, 1, 2], p=[0.45, 0.35, 0.2])
    for _ in range(count):
        layer = np.zeros((size[1], size[0]), np.float32)
        colour: np.ndarray = skin if rng.random() < 0.7 else random_colour(rng)
        kind = rng.random()
        if kind < 0.7:
            side = rng.choice([-1, 1])
            points = np.array(
                [
                    [cx + side * half, top + high * 0.1],
                    [cx + side * half * rng.uniform(0.7, 1.5), top + high * 0.6],
                    [cx + half * rng.uniform(-1.3, 1.3) * side, top + high * rng.uniform(0.3, 1.2)],
                ]
            )
            cv2.polylines(
                layer,
                [points.astype(np.int32)],
                False,
                1.0,
                max(int(half * rng.uniform(0.25, 0.45)), 1),
            )
        elif kind < 0.82:
            centre = (int(cx + rng.normal(0, half)), int(top + high * rng.uniform(0, 1.2)))
            cv2.circle(layer, centre, max(int(half * rng.uniform(0.3, 0.7)), 1), 1.0, -1)
        elif kind < 0.9:
            far = [
                (int(rng.uniform(0, one)), int(rng.uniform(0, size[1]))) for one in (size[0],) * 2
            ]
            cv2.line(layer, far[0], far[1], 1.0, int(rng.integers(2, 9)))
        else:
            _cover_by_player(rng, scene, bases)
            continue
        layer = cv2.GaussianBlur(layer, (0, 0), 1)
        left, high_up, wide, tall = cv2.boundingRect((layer > 0).astype(np.uint8))
        part = np.s_[high_up : high_up + tall, left : left + wide]
        if wide and tall:
            shade = 1 + 0.15 * noise(rng, 8, 6, (wide, tall))[:, :, None]
            behind = scene.picture[part]
            behind += layer[part][:, :, None] * (colour.astype(np.float32) * shade - behind)
        np.maximum(scene.hidden, layer, out=scene.hidden)


def _cover_by_player(rng: np.random.Generator, scene: Scene, bases: list[Base]) -> None:
    free = [one for one in bases[:: max(len(bases) // 40, 1)] if one.shown == "none"]
    if not free:
        return
    base = free[rng.integers(len(free))]
    x, y, w, h = (int(one) for one in base.box)
    other = base.patch[max(y, 0) : y + h, x + w // 4 : x + w]
    if min(other.shape[:2]) < 8:
        return
    high = int(scene.picture.shape[0] * rng.uniform(0.8, 1.6))
    wide = max(int(other.shape[1] * high / other.shape[0]), 2)
    other = cv2.resize(other, (wide, high), interpolation=cv2.INTER_LINEAR)
    left = int(scene.torso[0] + scene.torso[2] * rng.uniform(0.2, 1.6))
    top = int(rng.uniform(0, scene.picture.shape[0] * 0.6))
    part = scene.picture[top : top + high, max(left, 0) : left + wide]
    if part.size:
        part[:] = other[: part.shape[0], : part.shape[1]]
        scene.hidden[top : top + high, max(left, 0) : left + wide] = 1


def _board(rng: np.random.Generator, background: np.ndarray, fonts: list) -> np.ndarray:
    """Write words and numbers on the background, as on boards around a field."""
    out = background.astype(np.float32)
    for _ in range(rng.integers(1, 4)):
        text = "".join(rng.choice(list("ABCDEFGHKLMNPRSTUVW0123456789"), rng.integers(3, 8)))
        font = fonts[rng.integers(len(fonts))]
        mask = np.maximum.reduce(text_mask(text, font, rng.uniform(12, 60), 1.0))
        top, left = rng.integers(0, out.shape[0] - 5), rng.integers(-60, out.shape[1] - 5)
        part = mask[: out.shape[0] - top, max(-left, 0) : out.shape[1] - left]
        target = out[top : top + part.shape[0], max(left, 0) : max(left, 0) + part.shape[1]]
        share = part[: target.shape[0], : target.shape[1], None] / 255
        target += share * (random_colour(rng) - target)
    return out


@dataclass(frozen=True)
class Materials:
    """What pictures are drawn from: fonts, real players, backgrounds (h, w, 3) uint8 RGB."""

    fonts: list
    bases: list[Base]
    backgrounds: list[np.ndarray]


def draw_picture(rng: np.random.Generator, stuff: Materials) -> tuple[np.ndarray, int, np.ndarray]:
    """Return a picture (HIGH, WIDE, 3) uint8, its label, and its number's box x0, y0, x1, y1.

    The label is a place in NUMBERS, NONE or UNSURE; the box is of zeros where there is none.
    """
    scene = _scene(rng, stuff)
    shirt = rng.random()
    if scene.shown == "none" and scene.real and shirt < 0.24:
        masks, whole, label = [], [], NONE  # as it is
    else:
        label = int(rng.integers(len(NUMBERS))) if rng.random() < 0.84 else NONE
        if label != NONE and rng.random() < 0.12:
            label = int(rng.integers(1, 10))  # one digit is as common as two, or more so
        print_only = scene.shown == "none" and scene.real and rng.random() < 0.75
        number = None if label == NONE else NUMBERS[label]
        cloth = _cloth(scene) if print_only else None
        flat = draw_flat(rng, stuff.fonts, number, cloth)
        masks, whole = _wear(rng, scene, flat, print_only)
    _cover(rng, scene, stuff.bases)
    return _finish(rng, scene, label, masks, whole)


def _scene(rng: np.random.Generator, stuff: Materials) -> Scene:
    kind = rng.random()
    if kind < 0.6:
        chosen = rng.integers(len(stuff.bases), size=2)
        some = [stuff.bases[one] for one in chosen]
        return _from_real(rng, next((one for one in some if one.shown == "none"), some[0]))
    background = stuff.backgrounds[rng.integers(len(stuff.backgrounds))]
    if rng.random() < 0.25:
        background = _board(rng, background, stuff.fonts)
    return _drawn_player(rng, background)


def _cloth(scene: Scene) -> np.ndarray:
    cx, top, half, high, _ = scene.torso
    part = scene.picture[
        max(int(top + high * 0.2), 0) : max(int(top + high * 0.7), 1),
        max(int(cx - half / 2), 0) : max(int(cx + half / 2), 1),
    ]
    if not part.size:
        return np.full(3, 128, np.float32)
    return np.median(part.reshape(-1, 3), axis=0).astype(np.float32)


def _finish(
    rng: np.random.Generator, scene: Scene, label: int, masks: list[np.ndarray], whole: list[float]
) -> tuple[np.ndarray, int, np.ndarray]:
    """Judge what can be read, and make a photograph of the scene."""
    x0, y0, x1, y1 = scene.inside
    box, high = np.zeros(4, np.float32), 0.0
    if label != NONE:
        seen = np.zeros_like(scene.hidden)
        seen[max(y0, 0) : y1, max(x0, 0) : x1] = 1
        seen *= 1 - scene.hidden
        turned = min(float(m.sum()) / max(w, 1) for m, w in zip(masks, whole, strict=True))
        left = min(float((m * seen).sum()) / max(float(m.sum()), 1) for m in masks)
        all_of_it = np.maximum.reduce(masks) > 0.3
        rows, columns = np.flatnonzero(all_of_it.any(1)), np.flatnonzero(all_of_it.any(0))
        if not len(rows) or turned < 0.22 or left < 0.45:
            label = NONE
        else:
            box = np.float32([columns[0], rows[0], columns[-1], rows[-1]]) / TWICE
            high = float(box[3] - box[1])
            if turned < 0.4 or left < 0.75:
                label = UNSURE
    picture, clear = photograph(rng, scene.picture, high)
    if label >= 0:
        clear = min(clear, _contrast(picture, masks, (box[2] - box[0]) * 2 / len(masks)))
        if clear < 0.5:
            label = NONE if clear == 0 else UNSURE
    inside = [round(one / TWICE) for one in scene.inside]
    out = np.empty((HIGH, WIDE, 3), np.uint8)
    out[:] = PAD
    part = np.s_[max(inside[1], 0) : inside[3], max(inside[0], 0) : inside[2]]
    out[part] = picture[part]
    return out, label, box


def _contrast(picture: np.ndarray, masks: list[np.ndarray], thin: float) -> float:
    """Return 0, 0.4 or 1: how well the digits stand out from what is around them."""
    ink = np.maximum.reduce(masks)
    left, top, wide, high = cv2.boundingRect((ink > 0.3).astype(np.uint8))
    ink = cv2.resize(ink, (WIDE, HIGH), interpolation=cv2.INTER_AREA)
    edge = 2
    part = np.s_[
        max(top // 2 - edge, 0) : (top + high) // 2 + edge,
        max(left // 2 - edge, 0) : (left + wide) // 2 + edge,
    ]
    where, seen = ink[part] > 0.55, picture[part].astype(np.float32)
    if where.sum() < 3 or (~where).sum() < 3:
        return 0.4
    gap = np.abs(seen[where].mean(axis=0) - seen[~where].mean(axis=0)).max()
    return 0.0 if gap < 8 else 0.4 if gap < 16 or thin < 7 else 1.0
