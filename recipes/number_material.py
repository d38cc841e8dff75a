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

from sameplayer.numbers.network import HIGH, WIDE

LEFT = (  # players of the left camera, as YOLOX-nano finds them: frame, x, y, w, h, and whether a
    # number is to be seen, or may be
    (5, 2688, 1013, 63, 131, False),
    (5, 2168, 1156, 71, 153, True),
    (5, 164, 1275, 51, 122, False),
    (5, 2581, 812, 28, 75, True),
    (5, 2972, 777, 27, 79, False),
    (5, 2496, 952, 49, 95, False),
    (5, 2835, 953, 42, 110, True),
    (5, 2404, 788, 27, 71, False),
    (5, 2728, 816, 26, 85, False),
    (5, 2043, 874, 48, 93, True),
    (5, 1677, 1021, 62, 108, True),
    (5, 114, 1296, 52, 78, False),
    (5, 2036, 839, 36, 77, False),
    (5, 1678, 975, 37, 73, False),
    (45, 2431, 1193, 59, 170, True),
    (45, 2567, 1241, 77, 180, True),
    (45, 1643, 1004, 61, 116, False),
    (45, 1284, 1155, 61, 138, True),
    (45, 164, 1274, 52, 124, False),
    (45, 2022, 911, 42, 105, False),
    (45, 2476, 839, 33, 76, False),
    (45, 2270, 808, 27, 74, False),
    (45, 1985, 873, 38, 91, False),
    (45, 2882, 787, 31, 95, True),
    (45, 2636, 826, 41, 89, False),
    (45, 2727, 990, 71, 119, False),
    (45, 2654, 1042, 101, 146, True),
    (45, 112, 1295, 50, 76, False),
    (85, 2308, 1134, 61, 151, True),
    (85, 1489, 1245, 72, 166, True),
    (85, 163, 1275, 53, 124, False),
    (85, 2983, 844, 31, 89, False),
    (85, 1970, 971, 46, 118, True),
    (85, 2851, 799, 29, 85, False),
    (85, 2569, 847, 40, 95, False),
    (85, 2283, 818, 28, 80, False),
    (85, 2162, 884, 54, 134, True),
    (85, 2553, 838, 33, 93, False),
    (85, 113, 1294, 54, 78, False),
    (85, 114, 1293, 27, 73, False),
    (125, 1930, 1169, 61, 157, True),
    (125, 2035, 1098, 50, 143, True),
    (125, 2194, 936, 47, 115, True),
    (125, 161, 1276, 54, 123, False),
    (125, 2522, 844, 31, 91, False),
    (125, 2678, 843, 30, 90, True),
    (125, 2120, 1308, 53, 139, True),
    (125, 2256, 866, 43, 135, True),
    (125, 2359, 788, 30, 97, True),
    (125, 113, 1294, 45, 74, False),
    (125, 2896, 793, 27, 76, True),
    (165, 2143, 1019, 59, 118, True),
    (165, 2027, 1035, 53, 118, True),
    (165, 2286, 843, 48, 136, True),
    (165, 2183, 914, 45, 101, True),
    (165, 2710, 831, 34, 85, True),
    (165, 156, 1278, 52, 115, False),
    (165, 2518, 850, 28, 98, False),
    (165, 2902, 775, 21, 73, False),
    (165, 112, 1295, 59, 86, False),
    (165, 2296, 844, 37, 80, True),
    (205, 1803, 1216, 121, 153, True),
    (205, 152, 1276, 54, 116, False),
    (205, 1932, 957, 54, 99, True),
    (205, 2840, 771, 30, 70, False),
    (205, 2137, 865, 35, 91, True),
    (205, 1832, 967, 43, 95, True),
    (205, 1977, 896, 37, 83, False),
    (205, 2736, 1001, 47, 118, False),
    (205, 2488, 843, 36, 89, False),
    (205, 2073, 800, 45, 91, False),
    (205, 3032, 818, 31, 84, False),
    (205, 2990, 850, 45, 85, False),
    (205, 113, 1293, 50, 84, False),
    (245, 1263, 1143, 95, 142, True),
    (245, 2088, 1041, 61, 127, False),
    (245, 1575, 975, 67, 81, False),
    (245, 1456, 1015, 71, 95, False),
    (245, 2741, 854, 40, 87, False),
    (245, 158, 1275, 51, 120, False),
    (245, 1823, 828, 42, 73, False),
    (245, 1940, 870, 28, 81, False),
    (245, 1608, 925, 49, 84, False),
    (245, 2798, 815, 36, 80, False),
    (245, 112, 1295, 61, 83, False),
    (245, 2431, 818, 43, 74, False),
    (245, 2395, 845, 29, 84, False),
)  # fmt: skip


def load_materials(
    shared: Path, fonts: Path, labels: Path, seed: int = 0, kept_back: bool = False
) -> Materials:
    """Return what pictures are drawn from.

    shared       folder of the data: volleyball/clips, soccer_two_cameras/left_camera.mp4
    fonts        folder that ``number_fonts.py`` filled
    labels       table of readable numbers in the volleyball crops (image, number, note)
    kept_back    draw with the fonts that training does not see
    """
    rng = np.random.default_rng(seed)
    bases: list[Base] = []
    backgrounds: list[np.ndarray] = []
    for part in (_volleyball(rng, shared / "volleyball" / "clips", labels),
                 _soccer(rng, shared / "soccer_two_cameras" / "left_camera.mp4")):  # fmt: skip
        for some, others in part:
            bases += some
            backgrounds += others
    return Materials(load_fonts(fonts, 64, kept_back), bases, backgrounds)


def _volleyball(
    rng: np.random.Generator, clips: Path, labels: Path
) -> Iterator[tuple[list[Base], list[np.ndarray]]]:
    """Yield players and backgrounds of every third frame of the first two clips."""
    table = pd.read_csv(labels, dtype=str, keep_default_na=False)
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


def _soccer(rng: np.random.Generator, path: Path) -> Iterator[tuple[list[Base], list[np.ndarray]]]:
    video = cv2.VideoCapture(str(path))
    for number in range(max(row[0] for row in LEFT) + 1):
        frame = video.read()[1]
        rows = [row for row in LEFT if row[0] == number]
        if rows:
            frame = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
            bases = [_cut(frame, row[1:5], 0.2, "some" if row[5] else "none") for row in rows]
            yield bases, _backgrounds(rng, frame, 12)


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
