"""Problems of a crop table: pictures, boxes, and persons who cannot be scored or trained on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from threading import Lock

import numpy as np
import pandas as pd

from sameplayer.data.columns import BOX
from sameplayer.data.crops import Crops
from sameplayer.data.images.picture import decode
from sameplayer.data.layouts.sources import as_crops
from sameplayer.data.reading import Box, pixels_of, read_shared
from sameplayer.data.video.frames import frame_name
from sameplayer.errors import DataError, MissingFile, refuse_other_types


@dataclass(frozen=True)
class Problem:
    """One problem: its kind, the row's position in the table (or None), the file, and a text."""

    kind: str
    row: int | None
    file: str
    text: str

    def __str__(self) -> str:
        place = self.file if self.row is None else f"row {self.row}, {self.file}"
        return f"{self.kind}: {place}: {self.text}"


Rows = list[tuple[str, np.ndarray]]  # images, each with its rows


def check_crops(
    crops: Crops | str | Path, progress: Callable[[int, int], None] | None = None
) -> list[Problem]:
    """Return all problems of a crop table, in the order of its rows.

    crops    Crops, or what ``read_source`` takes

    Every picture is decoded once, on all cores; the frames of one video in order. ``progress`` is
    called with (done, all) pictures and frames.
    """
    refuse_other_types("check_crops", crops=(crops, (Crops, str, Path)))
    crops = as_crops(crops)
    problems = [*_file_problems(crops, progress), *_table_problems(crops)]
    return sorted(problems, key=lambda problem: (problem.row is None, problem.row or 0))


def _file_problems(crops: Crops, progress: Callable[[int, int], None] | None) -> list[Problem]:
    jobs = _jobs(crops)
    total, done, lock = sum(map(len, jobs)), count(1), Lock()

    def check(job: Rows) -> list[Problem]:
        problems: list[Problem] = []
        for image, rows in job:
            problems += _check_file(crops, image, rows)
            with lock:
                if progress is not None:
                    progress(next(done), total)
        return problems

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return [problem for problems in pool.map(check, jobs) for problem in problems]


def _jobs(crops: Crops) -> list[Rows]:
    """Return the units of work: each picture alone, the frames of a video in order."""
    images = crops.table["image"].fillna("")
    pictures: list[Rows] = []
    videos: dict[str, list[tuple[int, str, np.ndarray]]] = {}
    for image, rows in images.groupby(images, sort=False).indices.items():
        places = np.asarray(rows)
        try:
            frame = frame_name(str(image))
        except DataError:  # reported where the file is read
            frame = None
        if frame is None:
            pictures.append([(str(image), places)])
        else:
            videos.setdefault(str(frame[0]), []).append((frame[1], str(image), places))
    frames = [sorted(job, key=lambda item: item[:2]) for job in videos.values()]
    return [[(image, rows) for _, image, rows in job] for job in frames] + pictures


def _check_file(crops: Crops, image: str, rows: np.ndarray) -> list[Problem]:
    path = crops.root / image
    try:
        picture = decode(path) if frame_name(path) is None else read_shared(path)
    except DataError as error:
        kind = "missing file" if isinstance(error, MissingFile) else "unreadable picture"
        text = str(error).removeprefix(f"{path}: ")
        return [Problem(kind, int(row), image, text) for row in rows]
    high, wide = picture.shape[:2]
    checked = (_check_box(crops.box(int(row)), int(row), image, wide, high) for row in rows)
    return [problem for problem in checked if problem is not None]


def _check_box(box: Box | None, row: int, image: str, wide: int, high: int) -> Problem | None:
    if box is None:
        return None
    left, top, width, height = box
    shown = f"box left {left:g}, top {top:g}, width {width:g}, height {height:g}"
    if round(width) <= 0 or round(height) <= 0:
        text = f"{shown}; expected a width and a height of at least one pixel."
        return Problem("zero-size box", row, image, text)
    if pixels_of(box, wide, high) is None:
        text = f"{shown} lies outside the picture of {wide} x {high} pixels."
        return Problem("box outside the picture", row, image, text)
    if left < -1 or top < -1 or left + width > wide + 1 or top + height > high + 1:
        text = f"{shown} reaches over the edge of the picture of {wide} x {high} pixels."
        return Problem("box over the edge", row, image, text)
    return None


def _table_problems(crops: Crops) -> list[Problem]:
    table = crops.table
    images = table["image"].fillna("").to_numpy(dtype=object)
    repeated = table.duplicated(["image", *BOX, "role"], keep="first").to_numpy()
    text = "repeats the picture, box and role of an earlier row."
    return [
        *_query_problems(crops, images),
        *_train_problems(crops, images),
        *(Problem("duplicate row", int(r), images[r], text) for r in np.flatnonzero(repeated)),
    ]


def _query_problems(crops: Crops, images: np.ndarray) -> Iterator[Problem]:
    """Yield the queries that scoring skips: no match in the gallery, or none in another camera."""
    table, persons = crops.table, crops.persons()
    role = table["role"].to_numpy(dtype=object)
    in_gallery = (role == "gallery") & (persons >= 0)
    camera = pd.factorize(table["camera"])[0]
    camera[(camera < 0) & (role != "query")] = -2  # an unknown camera never equals a query's own
    split = pd.factorize(crops.splits())[0]
    person = pd.factorize(pd.MultiIndex.from_arrays([split, persons]))[0]
    seen = pd.factorize(pd.MultiIndex.from_arrays([person, camera]))[0]
    matches = np.bincount(person[in_gallery], minlength=len(person) + 1)[person]
    same_camera = np.bincount(seen[in_gallery], minlength=len(seen) + 1)[seen]
    alone = (role == "query") & (persons >= 0) & (matches == same_camera)
    for row in map(int, np.flatnonzero(alone)):
        text = f"person {table['person'].iat[row]} has no gallery picture"
        if matches[row]:
            text += f" of another camera than {table['camera'].iat[row]}, the query's own"
        text += "; the query is left out of the scores."
        yield Problem("query without a match", row, images[row], text)


def _train_problems(crops: Crops, images: np.ndarray) -> Iterator[Problem]:
    """Yield persons in both training and test, and persons without a training pair."""
    table, persons = crops.table, crops.persons()
    role = table["role"].to_numpy(dtype=object)
    tested = persons[(role == "query") | (role == "gallery")]
    trained = (role == "train") & (persons >= 0)
    pictures = np.bincount(persons[trained], minlength=persons.max(initial=0) + 1)
    both, single = np.isin(persons, tested), pictures[persons] == 1
    for row in map(int, np.flatnonzero(trained & (both | single))):
        person = table["person"].iat[row]
        if both[row]:
            text = f"person {person} is also in query or gallery: scores will be too high."
            yield Problem("person in train and test", row, images[row], text)
        if single[row]:
            text = f"person {person} has a single picture; training needs pairs and skips it."
            yield Problem("single picture in train", row, images[row], text)
