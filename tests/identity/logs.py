"""Small logs with a drawn video, for the tests of what is made of a log."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pandas as pd

from sameplayer.identity.log.player_log import APPEARANCES, BOXES, LINKS, SAID, PlayerLog
from sameplayer.tracks.camera import Camera

SIZE = (160, 96)
FPS = 10
HUES = ((220, 40, 40), (40, 60, 220), (40, 190, 60), (230, 210, 40))
ODD = "Ana <b>\"&\u00d8degård'"


def box_of(person: int, frame: int) -> tuple[float, float, float, float]:
    """Return where a person stands in a frame: each in a lane of its own, walking."""
    return 8.0 + 36 * person + frame % 10, 24.0, 20.0, 56.0


def draw_video(path: Path, frames: int = 30, people: int = 4) -> Path:
    """Write a small video in which people of HUES walk."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"crf": "12"})
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        for number in range(1, frames + 1):
            picture = np.full((SIZE[1], SIZE[0], 3), 120, np.uint8)
            for person in range(people):
                left, top, width, height = map(int, box_of(person, number))
                picture[top : top + height, left : left + width] = HUES[person]
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number - 1, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


PEOPLE: tuple[tuple[str, str | None, str | None, str | None], ...] = (
    (ODD, ODD, "red", "7"),
    ("blue 00", None, "blue", "00"),
    ("blue unknown 1", None, "blue", None),
    ("unknown 2", None, None, None),
)


def make_log(folder: Path, frames: int = 30, video: bool = True) -> PlayerLog:
    """Return a log of two cameras, four people and eight appearances, two of which are not sure.

    Each person is seen in the first half of both videos and in the second half of the first; every
    third frame has a box. A person said who appearance 5 is.
    """
    cameras = (Camera("left", folder / "left.mp4"), Camera("right", folder / "right.mp4", 0.5))
    if video:
        folder.mkdir(parents=True, exist_ok=True)
        for camera in cameras:
            draw_video(camera.video, frames)
    spans = [(cameras[0], 1, frames // 2), (cameras[0], frames // 2 + 3, frames)]
    spans.append((cameras[1], 1, frames // 2))
    appearances: list[tuple[Any, ...]] = []
    boxes: list[tuple[Any, ...]] = []
    for person, who in enumerate(PEOPLE):
        for camera, first, last in spans[: 3 if person < 2 else 1]:
            number = len(appearances)
            shown = list(range(first, last + 1, 3))
            seconds = [camera.offset_s + (frame - 1) / FPS for frame in shown]
            boxes += [
                (number, camera.name, frame, second, *box_of(person, frame), 0.9)
                for frame, second in zip(shown, seconds, strict=True)
            ]
            sure = person < 3 and number != 4
            second = None if person == 3 else PEOPLE[(person + 1) % 3][0]
            appearances.append(
                (
                    number,
                    *who,
                    camera.name,
                    0,
                    seconds[0],
                    seconds[-1],
                    shown[0],
                    shown[-1],
                    len(shown),
                    0.97 if sure else 0.55,
                    sure,
                    second,
                    None if second is None else 0.3,
                    *(("red 7", 0.6) if number == 7 else (None, None)),
                    SAID if number == 5 else "appearance, number" if who[3] else "appearance",
                )
            )
    links = [
        (0, 1, 6.5, 3.0, 3.0, 0.5, 0.0, True),
        (1, 2, 1.25, 0.5, 0.25, 0.5, 0.0, True),
        (3, 4, 0.4, -0.1, 0.0, 0.5, 0.0, True),
        (0, 6, -2.0, 1.0, -3.0, 0.0, 0.0, False),
    ]
    return PlayerLog(
        pd.DataFrame(appearances, columns=list(APPEARANCES)),
        pd.DataFrame(boxes, columns=list(BOXES)),
        pd.DataFrame(links, columns=list(LINKS)),
        cameras,
        {"fps": 10 / 3, "threshold": 0.8, "contradictions": ["Appearance 4: <two> numbers."]},
    )


def empty_log(folder: Path) -> PlayerLog:
    """Return a log of one camera in which nobody is."""
    folder.mkdir(parents=True, exist_ok=True)
    camera = Camera("left", draw_video(folder / "left.mp4", 10))
    tables = [pd.DataFrame(columns=list(names)) for names in (APPEARANCES, BOXES, LINKS)]
    return PlayerLog(*tables, (camera,), {})  # type: ignore[call-arg]


STRANGE = 'Ana "Nan", O\'Neil & <S\u00f8nn>\nJr. \u26bd'
SAMPLED = (1, 14, 26, 39, 51, 64, 76, 89, 101)  # of 25 a second, looked at twice a second
SEEN = {  # appearance -> camera, person, the places in SAMPLED at which there is a box
    0: (0, 0, (0, 1, 2, 4, 5, 7)),  # away in 39, where others are seen, and in 76, where nobody is
    1: (0, 1, (0, 1, 2, 3, 4, 5, 7, 8)),
    2: (0, 2, (2, 3)),
    3: (0, 0, (8,)),
    4: (1, 1, (1, 2, 3)),
    5: (1, 3, (2,)),
}
ENDS = {0: {26, 64, 89}, 1: {64, 101}, 2: {39}, 3: {101}, 4: {39}, 5: {26}}
"""Frames after whose box the person of an appearance is gone."""
STRANGERS = (
    (STRANGE, STRANGE, "red", "7"),
    ("\u0645\u062d\u0645\u062f \u0635\u0644\u0627\u062d", None, "blue", "00"),
    ("blue unknown 1", None, "blue", None),
    ("other unknown 2", None, "other", None),
)


def make_strange_log(folder: Path) -> PlayerLog:
    """Return a log of two cameras with strange names whose videos are gone, as a log keeps it.

    What is strange: names, gaps (ENDS), a person without a number, one of neither team, a moment in
    which nobody is seen, a box of no width to speak of, and coordinates of many digits.
    """
    cameras = (
        Camera("Main camera", folder / "m.mp4"),
        Camera("S\u00fcd, 'b'", folder / "s.mp4", 2),
    )
    random = np.random.default_rng(3)
    appearances: list[tuple[Any, ...]] = []
    boxes: list[tuple[Any, ...]] = []
    for number, (place, person, shown) in SEEN.items():
        camera, frames = cameras[place], [SAMPLED[one] for one in shown]
        seconds = [camera.offset_s + (frame - 1) / 25 for frame in frames]
        for frame, second in zip(frames, seconds, strict=True):
            left, top = random.uniform(0, 500), random.uniform(0, 200)
            width = 0.0031 if (number, frame) == (1, 14) else 40 + left / 100
            boxes.append(
                (number, camera.name, frame, second, left, top, width, 90.5 + top / 9, left / 500)
            )
        appearances.append(
            (
                number,
                *STRANGERS[person],
                camera.name,
                0,
                seconds[0],
                seconds[-1] + 0.5,
                frames[0],
                frames[-1],
                len(frames),
                0.9 - person / 4,
                person < 2,
                None,
                None,
                None,
                None,
                "appearance",
            )
        )
    video = {"width": 640, "height": 360, "frames": 110, "seconds": 4.4}
    return PlayerLog(
        pd.DataFrame(appearances, columns=list(APPEARANCES)),
        pd.DataFrame(boxes, columns=list(BOXES)),
        pd.DataFrame(columns=list(LINKS)),
        cameras,
        {"settings": {"fps": 2.0}, "videos": {camera.name: video for camera in cameras}},
    )
