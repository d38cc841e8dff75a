"""The real players and backgrounds that numbers are drawn on: volleyball, and a soccer camera.

Of the volleyball sample it is match one (clips 1 and 2), of the soccer video the left camera; what
the reader is scored on, match two and the right camera, is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from number_drawing import Base, Materials
from number_fonts import load_fonts

from sameplayer.numbers.network.crop_canvas import HIGH, WIDE

LEAST = 60  # pixels: lower players are not drawn on


def load_materials(
    shared: Path, fonts: Path, labels: Path, seed: int = 0, kept_back: bool = False
) -> Materials:
    """Return what pictures are drawn from.

    shared       folder of the data: volleyball/clips, soccer_two_cameras/left_camera.mp4
    fonts        folder that ``number_fonts.py`` filled
    labels       folder of volleyball_numbers.csv and soccer_two_cameras.csv (benchmarks/real)
    kept_back    draw with the fonts that training does not see
    """
    rng = np.random.default_rng(seed)
    bases: list[Base] = []
    backgrounds: list[np.ndarray] = []
    clips, video = shared / "volleyball/clips", shared / "soccer_two_cameras/left_camera.mp4"
    indoors = _volleyball(rng, clips, _read(labels / "volleyball_numbers.csv"))
    outdoors = _soccer(rng, video, _read(labels / "soccer_two_cameras.csv"))
    for part in (indoors, outdoors):
        for some, others in part:
            bases += some
            backgrounds += others
    return Materials(load_fonts(fonts, 64, kept_back), bases, backgrounds)


def _volleyball(
    rng: np.random.Generator, clips: Path, table: pd.DataFrame
) -> Iterator[tuple[list[Base], list[np.ndarray]]]:
    """Yield players and backgrounds of every third frame of the first two clips."""
    empty = {Path(row.image).stem: not row.number and not row.note for row in table.itertuples()}
    for clip in (1, 2):
        folder = clips / f"clip{clip}"
        truth = np.loadtxt(folder / "gt" / "gt.txt", delimiter=",")
        for place, path in enumerate(sorted((folder / "img1").iterdir())):
            if place % 3:
                continue
            frame = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
            bases = []
            for _, person, *box in truth[truth[:, 0] == place + 1][:, :6]:
                name = f"{int(person):04d}_{clip:04d}_{place:02d}"
                shown = "none" if empty[name] else "some"
                bases.append(_cut(frame, tuple(box), 0.25, shown))
            yield bases, _backgrounds(rng, frame, 12)


def _soccer(
    rng: np.random.Generator, path: Path, table: pd.DataFrame
) -> Iterator[tuple[list[Base], list[np.ndarray]]]:
    """Yield players and backgrounds of every other labelled frame of the left camera."""
    table = table[table["camera"] == "left"]
    frames = sorted(table["frame"].astype(int).unique())[::2]
    video = cv2.VideoCapture(str(path))
    for number in range(1, frames[-1] + 1):
        frame = video.read()[1]
        if number not in frames:
            continue
        frame = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        bases = []
        for row in table[table["frame"] == str(number)].itertuples():
            box = tuple(float(one) for one in (row.left, row.top, row.width, row.height))
            if box[3] >= LEAST:
                bases.append(_cut(frame, box, 0.2, "some" if row.number or row.note else "none"))
        yield bases, _backgrounds(rng, frame, 12)


def _read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def _cut(frame: np.ndarray, box: tuple[float, ...], room: float, shown: str) -> Base:
    x, y, w, h = box
    left, top = int(max(x - 0.5 * w, 0)), int(max(y - room * h, 0))
    patch = frame[top : int(y + (1 + room) * h), left : int(x + 1.5 * w)].copy()
    return Base(patch, (x - left, y - top, w, h), shown)


def _backgrounds(rng: np.random.Generator, frame: np.ndarray, count: int) -> list[np.ndarray]:
    parts = []
    for _ in range(count):
        high = int(rng.integers(120, 320))
        wide = int(high * WIDE / HIGH)
        top, left = rng.integers(frame.shape[0] - high), rng.integers(frame.shape[1] - wide)
        part = frame[top : top + high, left : left + wide]
        parts.append(cv2.resize(part, (WIDE, HIGH), interpolation=cv2.INTER_AREA))
    return parts
