"""Boxes of people from a file in any of the formats that are read, or from detections."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sameplayer.common.names import LONGEST
from sameplayer.data.annotations.people import XYWH, people, select_view, single_view
from sameplayer.data.annotations.read import read_annotations
from sameplayer.data.annotations.rows import Annotations
from sameplayer.errors import DataError, SettingError
from sameplayer.tracks.boxes import Boxes
from sameplayer.tracks.detection.third_party import detections_table


def read_boxes(
    path: str | Path,
    frames: int | None = None,
    size: tuple[int, int] | None = None,
    camera: str | None = None,
    *,
    first_frame: int | None = None,
) -> Boxes:
    """Return the boxes of people in a file, of one camera, in order of frames.

    path           in any of the formats of ``data.annotations.read.FORMATS``, such as MOT text, or
                   CSV with frame, left, top, width, height and where known score, track, camera
    frames         of the video: boxes in later ones are refused; None: any
    size           width and height of the video: boxes are cut to the frame, and left out where
                   they are wholly outside. None: any
    camera         its boxes where the file has several cameras or videos
    first_frame    number that the file gives to the first frame, 0 or 1; None: as its format says,
                   else 0 where a box is in frame 0

    ``Boxes.notes`` says what was read as what and what was left out: boxes of no people, such as
    the ball, and boxes without a size. Teams and shirt numbers come along by track. Raises
    MissingFile; DataError, with the row, for what is not so, and for a track with two boxes in one
    frame; SettingError for another first frame.
    """
    if first_frame not in (None, 0, 1):
        raise SettingError("first_frame", first_frame, "0 or 1, or None: as the file says")
    path = Path(path)
    found = select_view(read_annotations(path), camera, path)
    return _boxes(people(found, path, frames=frames, size=size, first_frame=first_frame))


def refuse_one_camera(path: str | Path, cameras: Sequence[str]) -> tuple[str, ...]:
    """Raise DataError for a file that does not say of which of several cameras its boxes are.

    Returns a note where it has boxes of others than these.
    """
    table = read_annotations(path).table
    by = next((by for by in ("camera", "sequence") if by in table and table[by].notna().any()), "")
    if not by:
        raise DataError(
            f"{path}: has no column camera; expected one, for boxes of {len(cameras)} cameras in "
            "one file. Or give a file for each camera."
        )
    others = sorted({*map(single_view, table[by].dropna())} - {*map(single_view, cameras)})
    told = f"Boxes of {by}s that are no video of these are not used: {', '.join(others)[:200]}."
    return (told,) if others else ()


def boxes_of(
    detections: Iterable[Any], first: int = 1, size: tuple[int, int] | None = None
) -> Boxes:
    """Return the boxes of people of detections, one object a frame.

    detections    for each frame, an object with ``.xyxy`` (n, 4) and where known ``.confidence``,
                  ``.class_id``, ``.tracker_id`` and ``.data["class_name"]``, as supervision's
                  Detections; or results of ultralytics; or None for a frame without boxes
    first         number of the first frame, counted from 1
    size          width and height of the video, as in ``read_boxes``; None: boxes are brought into
                  the video where they are used

    ``Boxes.notes`` says what was left out. Raises DataError, with the frame, for arrays that do not
    fit each other, and for a track with two boxes in one frame.
    """
    if first < 1:
        raise SettingError("first", first, "1 or more: the first frame of a video is 1")
    table, notes = detections_table(detections, first)
    given = Annotations(table, 1, notes=notes)
    return _boxes(people(given, "Detections", size=size))


def boxes_within(boxes: Boxes, name: str, frames: int, size: tuple[int, int] | None) -> Boxes:
    """Return boxes checked and cut to a video, called ``name``, as ``read_boxes`` does."""
    columns = {
        "row": [f"box {at}" for at in range(len(boxes))],
        "frame": boxes.frame,
        "track": boxes.track,
        "score": boxes.score,
        **dict(zip(XYWH, boxes.xywh.T, strict=True)),
    }
    given = Annotations(pd.DataFrame(columns), 1, notes=boxes.notes)
    checked = _boxes(people(given, f"Boxes of {name}", frames=frames, size=size))
    return replace(checked, teams=boxes.teams, numbers=boxes.numbers)


def _boxes(found: Annotations) -> Boxes:
    table = found.table.sort_values("frame", kind="stable")
    return Boxes(
        table["frame"].to_numpy(np.int64),
        table[XYWH].to_numpy(np.float64),
        table["score"].to_numpy(np.float64),
        table["track"].to_numpy(np.int64),
        found.notes,
        _by_track(table, "team"),
        _by_track(table, "number"),
    )


def _by_track(table: pd.DataFrame, name: str) -> dict[int, str]:
    """Return what most of a track's boxes say of it, for the tracks of which any says something."""
    known = table[table[name].notna() & (table["track"] >= 0)]
    counts = known.groupby("track")[name].agg(lambda said: said.value_counts().index[0])
    told = ((int(t), str(said).strip()) for t, said in zip(counts.index, counts, strict=True))
    return {track: said for track, said in told if said.isprintable() and 0 < len(said) <= LONGEST}
