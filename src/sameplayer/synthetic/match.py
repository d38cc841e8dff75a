"""A match drawn from a seed: videos, ground truth, and boxes of an imperfect detector.

All that makes the identities of real footage hard is in it: two kits and a referee, numbers that
both teams have, cuts, replays, exits and returns, substitutions, cameras that begin at different
times and see colours differently, missed, loose and false boxes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sameplayer.common.files import whole_folder
from sameplayer.errors import SettingError, import_extra
from sameplayer.synthetic.match_play import (
    SURNAMES,
    UNUSED,
    Movement,
    Squads,
    draw_squads,
    simulate_match,
)
from sameplayer.synthetic.match_views import CameraRenderer, Pose, Shot, VisiblePerson, shots_of

_TRUTH = "camera frame time_s left top width height person team number shot replay visible"
TRUTH = tuple(_TRUTH.split())
BOXES = ("camera", "frame", "left", "top", "width", "height", "score")
FALSE = 0.25  # false boxes a frame
MOST = (len(SURNAMES) - 2 * UNUSED) // 2 - 2  # players a team for whom there are surnames


def draw_match(
    out: str | Path,
    seed: int = 0,
    *,
    seconds: float = 60.0,
    cameras: int = 2,
    fps: float = 10.0,
    size: tuple[int, int] = (1280, 720),
    players: int = 7,
) -> Path:
    """Draw a match into the folder ``out``, new or empty, and return it.

    seconds    length of each video
    cameras    number of cameras, side by side with overlapping views; the first cuts to close views
               and replays
    size       (width, height) of the pictures, even; at 1280 x 720 people are 60 to 200 pixels
               tall, and more in close views
    players    players per team on the pitch; two substitutes and two who never play are added

    camera1.mp4, camera2.mp4 ...    H.264
    truth.csv     TRUTH: one row per person and frame, if a tenth is visible. frame counts
                  in the video, from 1; time_s in the match; the box is of the whole person within
                  the picture, in pixels; number is empty for the referee; replay is 1 in a replay;
                  visible is the visible share of the person
    boxes.csv     BOXES: what a detector might give, without ids; score from 0 to 1
    roster.csv    team, number, name, colour; a team is called by the colour of its kit
    cuts.csv      camera, time_s: the first moment of each shot but the first, in seconds of the
                  video
    facts.json    seed, fps, size, offset_s of each camera (of its first frame, in seconds of the
                  match), substitutions (time_s of the match, out, in)

    The same arguments give the same tables and pictures. Raises SettingError, DataError when
    ``out`` holds files, MissingExtra where PyAV is not installed.
    """
    out = Path(out)
    _refuse(seconds, cameras, fps, size, players)
    av = import_extra("av", "video", "Writing a video")
    settings = _Settings(seed, max(2, round(seconds * fps)), cameras, fps, size, players)
    with whole_folder(out) as partial:
        _write_match(av, partial, settings)
    return out


@dataclass(frozen=True)
class _Settings:
    seed: int
    frames: int
    cameras: int
    fps: float
    size: tuple[int, int]
    players: int


def _write_match(av: Any, folder: Path, settings: _Settings) -> None:
    seed, frames, fps = settings.seed, settings.frames, settings.fps
    squads = draw_squads(seed, settings.players)
    movement = simulate_match(seed, settings.players, frames / fps + 1)
    offsets = np.random.default_rng((seed, 27)).uniform(0.1, 0.45, settings.cameras).round(2)
    offsets[0] = 0.0
    truth, cuts = [], []
    for camera, offset in enumerate(offsets.tolist()):
        shots = shots_of(movement, camera, settings.cameras, frames, fps)
        stage = CameraRenderer(squads, movement, camera, seed=seed, size=settings.size)
        name = f"camera{camera + 1}"
        times = offset + np.arange(frames) / fps
        rows = _film(av, folder / f"{name}.mp4", stage, (shots, times, fps))
        truth += [(name, *row) for row in _tell(rows, squads, shots, times)]
        cuts += [(name, round((shot.first_frame - 1) / fps, 6)) for shot in shots[1:]]
    table = pd.DataFrame(truth, columns=list(TRUTH))
    _write_tables(folder, table, squads, cuts, _detect(table, frames, seed, settings.size))
    facts = _facts(squads, movement, offsets.tolist())
    facts |= {"seed": seed, "fps": fps, "size": list(settings.size), "frames": frames}
    (folder / "facts.json").write_text(json.dumps(facts, indent=1) + "\n")


def _refuse(seconds: float, cameras: int, fps: float, size: tuple[int, int], players: int) -> None:
    for name, value, low, high in (
        ("seconds", seconds, 1, 36_000),
        ("cameras", cameras, 1, 16),
        ("fps", fps, 1, 60),
        ("players", players, 2, MOST),
    ):
        if not low <= value <= high:
            raise SettingError(name, value, f"from {low} to {high}")
    if any(side % 2 or not 64 <= side <= 4096 for side in size):
        raise SettingError("size", size, "even numbers from 64 to 4096: width, height")


def _film(
    av: Any, path: Path, stage: CameraRenderer, script: tuple[tuple[Shot, ...], np.ndarray, float]
) -> list[list[VisiblePerson]]:
    """Write a camera's video; return who is in each frame."""
    shots, times, fps = script
    rows: list[list[VisiblePerson]] = []
    with av.open(str(path), "w") as container:
        rate = Fraction(fps).limit_denominator(1001)
        stream = container.add_stream("libx264", rate=rate)
        stream.options = {"preset": "ultrafast", "crf": "21"}
        stream.width, stream.height = stage.size
        stream.pix_fmt, stream.thread_count = "yuv420p", 1
        for place, (pose, time_s) in enumerate(_moments(shots, times)):
            picture, seen = stage.draw(pose, time_s)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = place, 1 / rate
            container.mux(stream.encode(frame))
            rows.append(seen)
        container.mux(stream.encode())
    return rows


def _moments(shots: tuple[Shot, ...], times: np.ndarray) -> list[tuple[Pose, float]]:
    """Return the pose and the match's time that each frame shows."""
    shown = [_shot_of(shots, frame) for frame in range(1, len(times) + 1)]
    return [
        (shot.pose, float(time_s) - shot.delay_s) for shot, time_s in zip(shown, times, strict=True)
    ]


def _shot_of(shots: tuple[Shot, ...], frame: int) -> Shot:
    return [shot for shot in shots if shot.first_frame <= frame][-1]


def _tell(
    rows: list[list[VisiblePerson]], squads: Squads, shots: tuple[Shot, ...], times: np.ndarray
) -> list[tuple[Any, ...]]:
    """Return the rows of TRUTH of one camera, without its name."""
    truth = []
    for frame, (seen, time_s) in enumerate(zip(rows, times, strict=True), start=1):
        shot = _shot_of(shots, frame)
        for visible in seen:
            who = (
                squads.names[visible.person],
                squads.teams[visible.person],
                squads.people[visible.person].number,
            )
            where = (frame, round(float(time_s), 4), *visible.box)
            truth.append(
                (*where, *who, shot.number, int(shot.delay_s > 0), round(visible.visible, 3))
            )
    return truth


def _detect(truth: pd.DataFrame, frames: int, seed: int, size: tuple[int, int]) -> pd.DataFrame:
    """Return BOXES: the truth as a detector might find it.

    Hidden people are missed more often, and anyone for some frames in a row; boxes are loose by 2
    to 5 % of their size; scores fall with what is hidden; FALSE boxes per frame show no person.
    """
    rng = np.random.default_rng((seed, 28))
    detections = []
    for (camera, _), own in truth.groupby(["camera", "person"], sort=True):
        lapse = _lapses(rng, frames)[own["frame"].to_numpy() - 1]
        visible = own["visible"].to_numpy()
        chance = np.interp(visible, (0.1, 0.3, 0.6, 0.9), (0.02, 0.35, 0.85, 0.985))
        kept = (rng.random(len(own)) < chance) & ~lapse
        boxes = own[["left", "top", "width", "height"]].to_numpy(float)
        scale = boxes[:, [2, 3, 2, 3]] * (0.03, 0.02, 0.05, 0.03)
        boxes = boxes + rng.normal(0, 1, boxes.shape) * scale
        score = np.clip(0.35 + 0.55 * visible + rng.normal(0, 0.06, len(own)), 0.1, 0.99)
        rows = np.column_stack([own["frame"].to_numpy(), boxes, score])[kept]
        detections += [(camera, *row) for row in rows.tolist()]
    for camera, own in truth.groupby("camera", sort=True):
        for row in _false_boxes(rng, own, frames, size):
            detections.append((camera, *row))
    table = _within(pd.DataFrame(detections, columns=list(BOXES)).astype({"frame": "int64"}), size)
    table[["left", "top", "width", "height"]] = table[["left", "top", "width", "height"]].round(1)
    table["score"] = table["score"].round(3)
    return table.sort_values(["camera", "frame", "left", "top"], ignore_index=True)


def _within(boxes: pd.DataFrame, size: tuple[int, int]) -> pd.DataFrame:
    """Return the boxes cut by the picture's edges, without those of which nothing is left."""
    low = np.clip(boxes[["left", "top"]].to_numpy(), 0, size)
    ends = boxes[["left", "top"]].to_numpy() + boxes[["width", "height"]].to_numpy()
    sides = np.clip(ends, 0, size) - low
    boxes = boxes.assign(left=low[:, 0], top=low[:, 1], width=sides[:, 0], height=sides[:, 1])
    return boxes[(sides >= 2).all(axis=1)]


def _lapses(rng: np.random.Generator, frames: int) -> np.ndarray:
    """Return (frames,) bool: when a detector misses a person for some frames in a row."""
    lapse = np.zeros(frames, bool)
    for start in np.flatnonzero(rng.random(frames) < 0.006):
        lapse[start : start + int(rng.integers(2, 9))] = True
    return lapse


def _false_boxes(
    rng: np.random.Generator, own: pd.DataFrame, frames: int, size: tuple[int, int]
) -> list[tuple[float, ...]]:
    """Return (frame, left, top, width, height, score): half of them at one spot of the picture."""
    heights = own["height"].to_numpy()
    spot, high = rng.uniform(0.1, 0.8, 2) * size, float(np.median(heights))
    rows: list[tuple[float, ...]] = []
    for frame in range(1, frames + 1):
        for _ in range(int(rng.poisson(FALSE))):
            score = float(rng.uniform(0.2, 0.6))
            if rng.random() < 0.5:
                tall, (x, y) = high * rng.uniform(0.9, 1.1), spot + rng.normal(0, 2, 2)
            else:
                tall, (x, y) = float(rng.choice(heights)), rng.uniform(0, 0.8, 2) * size
            rows.append((frame, float(x), float(y), 0.4 * tall, tall, score))
    return rows


def _write_tables(
    folder: Path,
    truth: pd.DataFrame,
    squads: Squads,
    cuts: list[tuple[str, float]],
    boxes: pd.DataFrame,
) -> None:
    roster = pd.DataFrame(squads.roster, columns=["team", "number", "name"])
    roster["colour"] = roster["team"]
    tables = {
        "truth": truth,
        "boxes": boxes,
        "roster": roster,
        "cuts": pd.DataFrame(cuts, columns=["camera", "time_s"]),
    }
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)


def _facts(squads: Squads, movement: Movement, offsets: list[float]) -> dict[str, Any]:
    return {
        "offset_s": {f"camera{place + 1}": offset for place, offset in enumerate(offsets)},
        "substitutions": [
            {"time_s": time_s, "out": squads.names[out], "in": squads.names[into]}
            for time_s, out, into in movement.changes
        ],
    }
