"""Boxes of people from a file (MOT text, CSV, Parquet), or from objects with ``.xyxy``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sameplayer.data.mot import mot_rows
from sameplayer.errors import DataError, MissingFile
from sameplayer.tracks.boxes import Boxes
from sameplayer.tracks.detect import boxes_in

XYWH = ("left", "top", "width", "height")
XYXY = ("left", "top", "right", "bottom")
CORNERS = ("x1", "y1", "x2", "y2")


def read_boxes(
    path: str | Path,
    frames: int | None = None,
    size: tuple[int, int] | None = None,
    camera: str | None = None,
) -> Boxes:
    """Return the boxes in a file, of one camera, in order of frames.

    path      MOT text (.txt: frame, track, left, top, width, height, score; track -1: none), or a
              CSV or Parquet with the columns frame, and left, top, width, height (or right and
              bottom in place of the sizes, or x1, y1, x2, y2), and where known score, track and
              camera. Frames count from 1
    frames    of the video: boxes in later ones are refused; None: any
    size      width and height of the video: boxes wholly outside are refused; others are cut to
              the frame. None: any
    camera    its rows where the file has a column camera; a file without one has one camera

    A track number in two cameras is two tracks. Raises MissingFile; DataError, with the row, for
    what is not so, and for a track with two boxes in one frame.
    """
    table = _read(Path(path))
    if "camera" in table.columns:
        table = _of_camera(table, camera, Path(path))
    return _checked(table, Path(path), frames, size)


def refuse_one_camera(path: str | Path, cameras: int) -> None:
    """Raise DataError for a file without a column camera: whose boxes are they?"""
    if "camera" not in _read(Path(path)).columns:
        raise DataError(
            f"{path}: has no column camera; expected one, for boxes of {cameras} cameras in one "
            "file. Or give a file for each camera."
        )


def boxes_of(detections: Iterable[Any], first: int = 1) -> Boxes:
    """Return the boxes of detections, one object a frame.

    detections    for each frame an object with ``.xyxy`` (n, 4) and where known ``.confidence`` and
                  ``.tracker_id``, as supervision's Detections; or None for a frame without boxes
    first         number of the first frame

    Raises DataError for boxes that are not finite.
    """
    parts = []
    for frame, found in enumerate(detections, start=first):
        if found is None:
            continue
        xywh, score = boxes_in(found)
        track = getattr(found, "tracker_id", None)
        numbers = np.full(len(xywh), -1) if track is None else np.asarray(track)
        parts.append((np.full(len(xywh), frame), xywh, score, numbers.astype(np.int64)))
    if not parts:
        return no_boxes()
    frames, xywh, score, track = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Boxes(frames.astype(np.int64), xywh, score, track)


def no_boxes() -> Boxes:
    nothing = np.zeros(0, np.int64)
    return Boxes(nothing, np.zeros((0, 4)), np.zeros(0), nothing)


def _read(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise MissingFile(f"{path}: no such file; expected boxes as MOT text, CSV or Parquet.")
    return _mot_table(path) if path.suffix.lower() == ".txt" else _table(path)


def _mot_table(path: Path) -> pd.DataFrame:
    rows = [
        (line, frame, track, *box, score if score is not None and 0 <= score <= 1 else 1.0)
        for line, frame, track, box, score in mot_rows(path)
    ]
    return pd.DataFrame(rows, columns=["line", "frame", "track", *XYWH, "score"])


def _table(path: Path) -> pd.DataFrame:
    try:
        if path.suffix.lower() == ".parquet":
            table = pd.read_parquet(path)
        else:
            table = pd.read_csv(path, encoding="utf-8-sig", dtype=str, keep_default_na=False)
    except Exception as error:  # pyarrow and pandas have a dozen kinds
        raise DataError(f"{path}: not a table of boxes that can be read ({error}).") from error
    table.columns = pd.Index([str(name).strip() for name in table.columns])
    named = {
        old: new
        for old, new in zip(CORNERS, XYXY, strict=True)
        if old in table.columns and new not in table.columns
    }
    table = table.rename(columns=named)
    shape = XYWH if {"width", "height"} <= set(table.columns) else XYXY
    missing = [name for name in ("frame", *shape) if name not in table.columns]
    if missing or table.columns.duplicated().any():
        raise DataError(
            f"{path}: boxes need the columns frame, left, top, width, height, each once; found "
            f"{', '.join(table.columns)}."
        )
    columns = ["frame", *shape, *(c for c in ("score", "track", "camera") if c in table.columns)]
    table = table[columns].copy()
    first = 1 if path.suffix.lower() == ".parquet" else 2
    table.insert(0, "line", np.arange(len(table)) + first)
    if shape == XYXY:
        sides = table[list(XYXY)].apply(pd.to_numeric, errors="coerce")
        table["width"], table["height"] = (
            sides["right"] - sides["left"], sides["bottom"] - sides["top"],
        )  # fmt: skip
    return table


def _of_camera(table: pd.DataFrame, camera: str | None, path: Path) -> pd.DataFrame:
    names = table["camera"].astype(str)
    if camera is None:
        if names.nunique() > 1:
            raise DataError(
                f"{path}: holds boxes of the cameras {', '.join(sorted(set(names)))}; name one."
            )
        return table
    if camera not in set(names):
        raise DataError(
            f"{path}: holds no box of the camera {camera!r}; it has those of "
            f"{', '.join(sorted(set(names))) or 'none'}."
        )
    return table[names == camera]


def _checked(
    table: pd.DataFrame, path: Path, frames: int | None, size: tuple[int, int] | None
) -> Boxes:
    """Turn columns into checked arrays, or say which row is wrong."""
    numbers = {name: _numbers(table, name) for name in ("frame", *XYWH, "score", "track")}
    xywh = np.stack([numbers[name] for name in XYWH], axis=1).reshape(-1, 4)
    frame, score, track = numbers["frame"], numbers["score"], numbers["track"]
    whole = (frame == np.floor(frame)) & (frame >= 1)
    checks = [
        (np.isfinite(xywh).all(axis=1) & (np.abs(xywh) < 1e6).all(axis=1),
         "a box of four finite numbers in pixels"),
        ((xywh[:, 2:] > 0).all(axis=1), "a width and a height over 0"),
        (whole, "a whole frame number from 1"),
        (frame <= (frames or np.inf), f"a frame of the video, which has {frames}"),
        ((score >= 0) & (score <= 1), "a score from 0 to 1"),
        ((track == np.floor(track)) & (np.abs(track) < 2**53), "a whole track number"),
    ]  # fmt: skip
    if size is not None:
        low, high = np.clip(xywh[:, :2], 0, size), np.clip(xywh[:, :2] + xywh[:, 2:], 0, size)
        inside = (high > low).all(axis=1)
        checks.append((inside, f"a box that reaches into the frame of {size[0]} x {size[1]}"))
    for good, expected in checks:
        if not good.all():
            row = int(np.flatnonzero(~good)[0])
            found = ", ".join(f"{name} {values[row]:g}" for name, values in numbers.items())
            line = int(table["line"].iloc[row])
            raise DataError(f"{path}, row {line}: expected {expected}; found {found}.")
    if size is not None:
        xywh = np.concatenate([low, high - low], axis=1)
    order = np.argsort(frame, kind="stable")
    track = np.where(track < 0, -1, track)
    _refuse_twice(frame, track, table["line"].to_numpy(), path)
    columns = (frame.astype(np.int64), xywh, score, track.astype(np.int64))
    return Boxes(*(column[order] for column in columns))


def _refuse_twice(frame: np.ndarray, track: np.ndarray, line: np.ndarray, path: Path) -> None:
    order = np.lexsort((line, frame, track))
    again = (np.diff(frame[order]) == 0) & (np.diff(track[order]) == 0) & (track[order][1:] >= 0)
    if again.any():
        row = order[1:][again][0]
        raise DataError(
            f"{path}, row {int(line[row])}: track {int(track[row])} has a second box in frame "
            f"{int(frame[row])}; expected one. Where the file holds several cameras, add a column "
            "camera."
        )


def _numbers(table: pd.DataFrame, name: str) -> np.ndarray:
    """Return a column as float64; nan where it holds no number; where it lacks: 1, or -1."""
    if name not in table.columns:
        return np.full(len(table), 1.0 if name == "score" else -1.0)
    values = table[name]
    if name == "track":
        values = values.replace("", "-1").fillna(-1)
    return pd.to_numeric(values, errors="coerce").to_numpy(np.float64, na_value=np.nan)
