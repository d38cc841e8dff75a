"""Drawing one player, and the court and crowd behind, with OpenCV."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from sameplayer.data.images.picture import Picture

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class DrawnPerson:
    """What stays the same about a person; colours are RGB, lengths are shares."""

    kit: Colour
    trim: Colour
    skin: Colour
    hair: Colour
    hair_style: int
    shoes: Colour
    socks: Colour
    socks_height: float
    sleeve: Colour | None
    headband: Colour | None
    number: str
    girth: float
    referee: bool


@dataclass(frozen=True)
class FigureView:
    """Where and how a person stands: feet in pixels, body height in pixels, turn and step."""

    foot_x: float
    foot_y: float
    height: float
    turn: float
    step: float


def draw_figure(
    canvas: Picture, person: DrawnPerson, view: FigureView
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a person onto the canvas in place; return (h, w) bool masks of body and number."""
    before = canvas.copy()
    body = _Body(canvas, person, view)
    body.leg(-1)
    body.arm(-1, None)
    body.leg(1)
    body.trunk()
    shirt = canvas.copy()
    body.number()
    number = (canvas != shirt).any(axis=2)
    body.head()
    body.arm(1, person.sleeve)
    return (canvas != before).any(axis=2), number


def draw_ground(high: int, wide: int, rng: np.random.Generator) -> Picture:
    """Return a court floor with lines, and a crowd above it."""
    floor = rng.integers((120, 80, 40), (230, 190, 140))
    canvas = np.empty((high, wide, 3), np.uint8)
    canvas[:] = floor
    horizon = int(high * rng.uniform(0.1, 0.7))
    seats = rng.integers(20, 235, (max(1, horizon // 6 + 1), wide // 6 + 1, 3), dtype=np.uint8)
    crowd = cv2.resize(seats, (wide, max(1, horizon)), interpolation=cv2.INTER_NEAREST)
    canvas[:horizon] = cv2.GaussianBlur(crowd, (5, 5), 0)[:horizon]
    for _ in range(int(rng.integers(1, 4))):
        ends = rng.integers((-wide, horizon), (2 * wide, high + 1), (2, 2))
        colour = rng.integers(0, 256, 3).tolist()
        start, stop = ends[0].tolist(), ends[1].tolist()
        cv2.line(canvas, start, stop, colour, int(rng.integers(1, 5)), cv2.LINE_AA)
    return canvas


class _Body:
    """Parts of one figure; coordinates are shares of the body's height above the feet."""

    def __init__(self, canvas: Picture, person: DrawnPerson, view: FigureView) -> None:
        self.canvas, self.person, self.view = canvas, person, view

    def at(self, x: float, y: float) -> tuple[int, int]:
        """x: to the right in body heights, y: 0 feet to 1 crown; to pixels."""
        view = self.view
        return round(view.foot_x + x * view.height), round(view.foot_y - y * view.height)

    def limb(self, colour: Colour, width: float, *points: tuple[float, float]) -> None:
        thick = max(1, round(width * self.view.height * self.person.girth))
        corners = np.array([self.at(*point) for point in points], np.int32)
        cv2.polylines(self.canvas, [corners], False, colour, thick, cv2.LINE_AA)

    def leg(self, side: int) -> None:
        person, step = self.person, self.view.step
        hip = (side * 0.045, 0.5)
        knee = (side * 0.05 + side * step * 0.12, 0.28)
        foot = (side * 0.06 + side * step * 0.2, 0.03 + max(0.0, side * step) * 0.06)
        self.limb(person.skin, 0.06, hip, knee, foot)
        share = person.socks_height
        top = tuple(f + share * (k - f) for f, k in zip(foot, knee, strict=True))
        self.limb(person.socks, 0.062, (top[0], top[1]), foot)
        shorts = (30, 30, 30) if person.referee else person.kit
        middle = ((hip[0] + knee[0]) / 2, (hip[1] + knee[1]) / 2 - 0.01)
        self.limb(shorts, 0.1, hip, middle)
        self.limb(person.trim, 0.02, (middle[0] - 0.03, middle[1]), (middle[0] + 0.03, middle[1]))
        toe = (foot[0] + 0.05 * (1 if self.view.turn > 0 else -1), foot[1] - 0.005)
        self.limb(person.shoes, 0.055, foot, toe)

    def arm(self, side: int, sleeve: Colour | None) -> None:
        person, step = self.person, self.view.step
        shoulder = (side * 0.1 * self.shrink(), 0.8)
        elbow = (side * 0.14 * self.shrink() - side * step * 0.06, 0.66)
        hand = (side * 0.12 - side * step * 0.16, 0.54 + abs(step) * 0.12)
        self.limb(person.skin, 0.045, shoulder, elbow, hand)
        if sleeve is not None:
            self.limb(sleeve, 0.05, shoulder, elbow, hand)

    def shrink(self) -> float:
        return 1 - 0.35 * abs(self.view.turn)

    def trunk(self) -> None:
        person, half = self.person, 0.1 * self.shrink() * self.person.girth
        corners = [(-half, 0.82), (half, 0.82), (half * 0.9, 0.48), (-half * 0.9, 0.48)]
        shape = np.array([self.at(*corner) for corner in corners], np.int32)
        cv2.fillPoly(self.canvas, [shape], person.kit, cv2.LINE_AA)
        self.limb(person.trim, 0.02, (-half, 0.82), (-half, 0.5))
        self.limb(person.trim, 0.02, (half, 0.82), (half, 0.5))
        if person.referee:
            for place in (-0.5, 0.0, 0.5):
                self.limb((20, 20, 20), 0.02, (half * place, 0.81), (half * place, 0.5))

    def number(self) -> None:
        person, high = self.person, self.view.height
        if not person.number:
            return
        light = sum(person.kit) < 380
        colour = (250, 250, 250) if light else (15, 15, 15)
        scale = high * 0.0062
        thick = max(1, round(high * 0.018))
        (wide, tall), _ = cv2.getTextSize(person.number, cv2.FONT_HERSHEY_SIMPLEX, scale, thick)
        limit = 0.17 * self.shrink() * high
        scale *= min(1.0, limit / wide)
        x, y = self.at(-min(wide, limit) / 2 / high, 0.66)
        spot = (x, y + tall // 2)
        font = cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(self.canvas, person.number, spot, font, scale, colour, thick, cv2.LINE_AA)

    def head(self) -> None:
        person, high = self.person, self.view.height
        x = 0.02 * self.view.turn
        self.limb(person.skin, 0.05, (x, 0.84), (x, 0.88))
        radius = max(2, round(0.055 * high))
        cv2.circle(self.canvas, self.at(x, 0.92), radius, person.skin, -1, cv2.LINE_AA)
        if person.hair_style > 0:
            axes = (radius, round(radius * (0.5 + 0.2 * person.hair_style)))
            centre = self.at(x, 0.945)
            cv2.ellipse(self.canvas, centre, axes, 0, 170, 370, person.hair, -1, cv2.LINE_AA)
        if person.hair_style == 3:
            self.limb(person.hair, 0.04, (x - 0.05, 0.94), (x - 0.06, 0.84))
        if person.headband is not None:
            self.limb(person.headband, 0.018, (x - 0.05, 0.945), (x + 0.05, 0.945))
