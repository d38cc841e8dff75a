"""The cameras of a drawn match: poses, shots, and the rendering of ground and people."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from sameplayer.data.images.picture import Picture
from sameplayer.synthetic.match_play import BREADTH, LENGTH, Movement, Squads
from sameplayer.synthetic.players import FigureView, draw_figure

CYCLE = 30.0  # seconds after which the shots of the first camera come again
PARTS = (("wide", 0.6), ("tight", 0.14), ("replay", 0.13), ("goal", 0.13))  # of a cycle
REPLAYED = 0.25  # of a cycle: how far into it the stretch begins that its replay shows
TEXELS = 24  # of the ground's picture, a metre
AROUND = 12.0  # metres of ground about the pitch
SEEN = 0.1  # visible share of a person from which a box is drawn


@dataclass(frozen=True)
class Pose:
    """A camera's place in metres (x, y, height), what it looks at, and its focal length.

    focal is in widths of the picture.
    """

    place: tuple[float, float, float]
    aim: tuple[float, float, float]
    focal: float

    def matrix(self, size: tuple[int, int]) -> np.ndarray:
        """Return (3, 4): metres (x, y, height, 1) to homogeneous pixels; the third is the depth."""
        ahead = np.subtract(self.aim, self.place)
        ahead = ahead / np.linalg.norm(ahead)
        right = np.cross(ahead, (0.0, 0.0, 1.0))
        right /= np.linalg.norm(right)
        turn = np.stack([right, np.cross(ahead, right), ahead])
        focal = self.focal * size[0]
        lens = np.array([[focal, 0, size[0] / 2], [0, focal, size[1] / 2], [0, 0, 1.0]])
        return lens @ np.column_stack([turn, -turn @ np.asarray(self.place)])


@dataclass(frozen=True)
class Shot:
    """One shot of a camera: its first frame (from 1), its pose, and what time it shows.

    delay_s is how much earlier than now the stretch was that a replay shows; 0: live.
    """

    number: int
    first_frame: int
    pose: Pose
    delay_s: float


@dataclass(frozen=True)
class VisiblePerson:
    """A person in a frame: index, box (left, top, width, height) in pixels, visible share."""

    person: int
    box: tuple[int, int, int, int]
    visible: float


def wide_pose(camera: int, cameras: int) -> Pose:
    """Return the pose of a camera that stays: side by side along the near touchline."""
    along = LENGTH * (camera + 0.5) / cameras
    inward = 2.0 * (np.sign(LENGTH / 2 - along))
    back = 12.0 + 1.5 * (camera % 2)
    return Pose((along, -back, 8.5 + camera % 2), (along + inward, BREADTH * 0.45, 0.0), 1.05)


def shots_of(
    movement: Movement, camera: int, cameras: int, frames: int, fps: float
) -> tuple[Shot, ...]:
    """Return the shots of a camera; only the first one cuts away, to close views and replays."""
    wide = wide_pose(camera, cameras)
    if camera:
        return (Shot(0, 1, wide, 0.0),)
    seconds = frames / fps
    cycle = seconds / max(1, round(seconds / CYCLE))
    shots: list[Shot] = []
    for turn in range(round(seconds / cycle)):
        start = turn * cycle
        for kind, share in PARTS:
            first = round(start * fps) + 1
            ball = movement.ball[min(int(start * 10), len(movement.ball) - 1)]
            aim = (float(np.clip(ball[0], 5, 18)), float(np.clip(ball[1], 5, 14)), 0.6)
            poses = {"tight": Pose(wide.place, aim, 1.7), "goal": _goal_pose(aim)}
            delay = start - (turn + REPLAYED) * cycle if kind == "replay" else 0.0
            delay = round(delay * fps) / fps  # whole frames: the same pixels
            if first <= frames:
                shots.append(Shot(len(shots), first, poses.get(kind, wide), delay))
            start += share * cycle
    return tuple(shots)


def _goal_pose(aim: tuple[float, float, float]) -> Pose:
    return Pose((-9.0, BREADTH * 0.4, 5.0), (12.0, aim[1], 0.0), 1.1)


class CameraRenderer:
    """Draws the frames of one camera: the same arguments give the same pixels."""

    def __init__(
        self, squads: Squads, movement: Movement, camera: int, *, seed: int, size: tuple[int, int]
    ) -> None:
        rng = np.random.default_rng((seed, 23, camera))
        self._squads, self._movement, self.size = squads, movement, size
        self._hidden = tuple(replace(person, number="") for person in squads.people)
        self._ground = _draw_pitch(np.random.default_rng((seed, 24)))
        self._stand = _draw_stand(np.random.default_rng((seed, 25)), size)
        self._light = _light(rng)
        self._noise = rng.normal(0, 2, (size[1] * 2, size[0] * 2, 3)).astype(np.int8)
        self._behind: dict[Pose, Picture] = {}

    def draw(self, pose: Pose, time_s: float) -> tuple[Picture, list[VisiblePerson]]:
        """Return the picture, uint8 RGB, of a moment of the match, and the people in it."""
        (wide, high), pad = self.size, self.size[1] // 2
        canvas = self._background(pose).copy()
        owner = np.full(canvas.shape[:2], -1, np.int16)
        areas, boxes = {}, {}
        for person, view, number in self._views(pose, time_s):
            x, y, size = round(view.foot_x) + pad, round(view.foot_y) + pad, view.height
            left, right = round(x - 0.5 * size), round(x + 0.5 * size)
            top, bottom = round(y - 1.1 * size), round(y + 0.1 * size)
            if right <= pad or left >= pad + wide or bottom <= pad or top >= pad + high:
                continue
            left, top = max(left, 0), max(top, 0)
            part = canvas[top:bottom, left:right]
            near = replace(view, foot_x=view.foot_x + pad - left, foot_y=view.foot_y + pad - top)
            looks = (self._squads.people if number else self._hidden)[person]
            mask, _ = draw_figure(part, looks, near)
            owner[top:bottom, left:right][mask] = person
            areas[person] = int(mask.sum())
            boxes[person] = (left - pad, top - pad, mask)
        canvas = canvas[pad : pad + high, pad : pad + wide]
        owner = owner[pad : pad + high, pad : pad + wide]
        seen = [
            VisiblePerson(person, box, share)
            for person in sorted(boxes)
            if (box := _box(*boxes[person], self.size)) is not None
            and (share := _share(owner, box, person) / areas[person]) >= SEEN
        ]
        return self._photograph(canvas, time_s), seen

    def _views(self, pose: Pose, time_s: float) -> list[tuple[int, FigureView, bool]]:
        """Return (person, view, whether the number can be seen), the farthest first."""
        places, facing, stride = self._movement.at(time_s)
        matrix = pose.matrix(self.size)
        count = len(places)
        feet = np.column_stack([places, np.zeros(count), np.ones(count)]) @ matrix.T
        heads = np.column_stack([places, self._squads.heights, np.ones(count)]) @ matrix.T
        views = []
        for person in np.argsort(-feet[:, 2]).tolist():
            depth = feet[person, 2]
            if depth < 2:
                continue
            foot, head = feet[person, :2] / depth, heads[person, :2] / heads[person, 2]
            away = places[person] - pose.place[:2]
            turned = float(facing[person] - np.arctan2(away[1], away[0]))
            side, step = -np.sin(turned), 0.6 * float(np.sin(stride[person]))
            view = FigureView(
                float(foot[0]), float(foot[1]), float(foot[1] - head[1]), 0.85 * float(side), step
            )
            views.append((person, view, abs(np.cos(turned)) > 0.45))
        return views

    def _background(self, pose: Pose) -> Picture:
        """Return the ground and the stand of a pose, half a height wider on every side."""
        if pose not in self._behind:
            (wide, high), pad = self.size, self.size[1] // 2
            to_pixels = pose.matrix(self.size)[:, [0, 1, 3]]
            to_metres = np.array([[1 / TEXELS, 0, -AROUND], [0, 1 / TEXELS, -AROUND], [0, 0, 1]])
            shift = np.array([[1, 0, pad], [0, 1, pad], [0, 0, 1.0]])
            whole = (wide + 2 * pad, high + 2 * pad)
            back = np.linalg.inv(shift @ to_pixels @ to_metres)
            rows = np.arange(whole[1])
            ground = back[2, 2] + back[2, 1] * rows + back[2, 0] * whole[0] / 2
            picture = cv2.warpPerspective(
                self._ground,
                back,
                whole,
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_CONSTANT,
                borderValue=(0, 0, 0),
            )
            above = ground * np.sign(ground[-1]) <= 0  # rows over the horizon see no ground
            picture[above] = 0
            empty = ~picture.any(axis=2)
            picture[empty] = self._stand[empty]
            self._behind[pose] = picture.astype(np.uint8)
        return self._behind[pose]

    def _photograph(self, canvas: Picture, time_s: float) -> Picture:
        """Light, a little blur, and noise that the moment decides."""
        rng = np.random.default_rng((round(time_s * 1000), 26))
        lit = cv2.GaussianBlur(cv2.LUT(canvas, self._light), (3, 3), 0.6)
        x, y = int(rng.integers(self.size[0])), int(rng.integers(self.size[1]))
        noise = self._noise[y : y + self.size[1], x : x + self.size[0]]
        return cv2.add(lit, noise, dtype=cv2.CV_8U).astype(np.uint8)


def _box(
    left: int, top: int, mask: np.ndarray, size: tuple[int, int]
) -> tuple[int, int, int, int] | None:
    """Return the box about a mask, cut by the picture's edges; None where nothing is left."""
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        return None
    x0, x1 = max(0, left + int(columns[0])), min(size[0], left + int(columns[-1]) + 1)
    y0, y1 = max(0, top + int(rows[0])), min(size[1], top + int(rows[-1]) + 1)
    return (x0, y0, x1 - x0, y1 - y0) if x1 - x0 >= 2 and y1 - y0 >= 2 else None


def _share(owner: np.ndarray, box: tuple[int, int, int, int], person: int) -> int:
    x, y, wide, high = box
    return int((owner[y : y + high, x : x + wide] == person).sum())


def _light(rng: np.random.Generator) -> np.ndarray:
    """Return (1, 256, 3) uint8: a camera's exposure, white balance and gamma."""
    steps = np.linspace(0, 1, 256)[:, None] ** rng.uniform(0.85, 1.2)
    gains = rng.uniform(0.85, 1.1) * rng.uniform(0.92, 1.08, 3)
    return np.clip(255 * steps * gains + rng.uniform(0, 12), 0, 255).astype(np.uint8)[None]


def _draw_pitch(rng: np.random.Generator) -> Picture:
    """Return the ground from above: TEXELS pixels a metre, with AROUND metres about the pitch."""
    high, wide = (round((side + 2 * AROUND) * TEXELS) for side in (BREADTH, LENGTH))
    floor, rim = rng.integers((60, 90, 40), (190, 170, 120)), rng.integers(70, 150, 3)
    picture = np.empty((high, wide, 3), np.float32)
    picture[:] = rim
    edge = round(AROUND * TEXELS)
    for stripe in range(10):
        shade = floor * (1.0 if stripe % 2 else 0.9)
        left = edge + round(stripe * LENGTH / 10 * TEXELS)
        right = edge + round((stripe + 1) * LENGTH / 10 * TEXELS)
        picture[edge : high - edge, left:right] = shade
    spots = cv2.GaussianBlur(rng.normal(0, 30, (high, wide)).astype(np.float32), (9, 9), 2)
    canvas = np.clip(picture + spots[..., None], 1, 255).astype(np.uint8)
    white, thick = (235, 235, 235), 3
    cv2.rectangle(canvas, (edge, edge), (wide - edge, high - edge), white, thick, cv2.LINE_AA)
    cv2.line(canvas, (wide // 2, edge), (wide // 2, high - edge), white, thick, cv2.LINE_AA)
    middle = (wide // 2, high // 2)
    cv2.circle(canvas, middle, 3 * TEXELS, white, thick, cv2.LINE_AA)
    for x, ends in ((edge, (-90, 90)), (wide - edge, (90, 270))):
        axes = (6 * TEXELS, 6 * TEXELS)
        cv2.ellipse(canvas, (x, high // 2), axes, 0, *ends, white, thick, cv2.LINE_AA)
    return canvas


def _draw_stand(rng: np.random.Generator, size: tuple[int, int]) -> Picture:
    """Return a crowd, half a height wider than the picture on every side."""
    wide, high = size[0] + 2 * (size[1] // 2), size[1] + 2 * (size[1] // 2)
    seats = rng.integers(40, 150, (high // 7 + 1, wide // 7 + 1, 3), dtype=np.uint8)
    crowd = cv2.resize(seats, (wide, high), interpolation=cv2.INTER_NEAREST)
    return cv2.GaussianBlur(crowd, (5, 5), 0).astype(np.uint8)
