"""Tracklets: the boxes of a match, each box in one short track of one camera and shot."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from sameplayer.errors import DataError
from sameplayer.tracks.camera import Camera

TRACKLET_COLUMNS = (
    "tracklet",
    "camera",
    "shot",
    "frame",
    "time_s",
    "left",
    "top",
    "width",
    "height",
    "score",
)
CAMERA_COLUMNS = ("camera_x", "camera_y")


@dataclass(frozen=True, eq=False)
class Tracklets:
    """The boxes of a match, each in one tracklet.

    table      a row a box, TRACKLET_COLUMNS, sorted by tracklet, then frame: tracklets count from
               0 without gaps; frames from 1, of the camera's video; time_s is of the match; the
               box is in pixels; a tracklet is in one camera and one shot, with one box a frame.
               Columns team and number, where they are there, hold what came with given boxes;
               CAMERA_COLUMNS the pixels by which the camera's turning moved things since the
               first frame
    cameras    of the match
    notes      sentences on what was left out, such as a video that ends early
    follow     (m, 2) int64: tracklets that follow each other under one track that was given

    Raises DataError for a table that is not so.
    """

    table: pd.DataFrame
    cameras: tuple[Camera, ...]
    notes: tuple[str, ...] = ()
    follow: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), np.int64))

    def __post_init__(self) -> None:
        missing = [name for name in TRACKLET_COLUMNS if name not in self.table.columns]
        if missing:
            raise DataError(f"Tracklets lack the columns {', '.join(missing)}.")
        ids, frames = self.table["tracklet"].to_numpy(), self.table["frame"].to_numpy()
        steps = np.diff(ids, prepend=-1)
        if len(ids) and (not np.isin(steps, (0, 1)).all() or ids[0] != 0):
            raise DataError("Tracklets are not numbered from 0 without gaps, in order.")
        if ((steps[1:] == 0) & (np.diff(frames) <= 0)).any():
            raise DataError("A tracklet has two boxes in a frame, or its frames are not in order.")
        strange = set(self.table["camera"]) - {camera.name for camera in self.cameras}
        if strange:
            raise DataError(f"Tracklets name the camera {min(strange)!r}, which the match has not.")

    def __len__(self) -> int:
        """Return how many tracklets there are."""
        return int(self.table["tracklet"].iloc[-1]) + 1 if len(self.table) else 0

    @property
    def starts(self) -> np.ndarray:
        """(tracklets + 1,) int64: where each tracklet's rows begin, and where the last ends."""
        ids = self.table["tracklet"].to_numpy()
        return np.searchsorted(ids, np.arange(len(self) + 1))

    def spans(self) -> pd.DataFrame:
        """Return a row a tracklet: camera, shot, first_frame, last_frame, start_s, end_s, boxes."""
        rows = self.table.groupby("tracklet", sort=True)
        return rows.agg(
            camera=("camera", "first"),
            shot=("shot", "first"),
            first_frame=("frame", "first"),
            last_frame=("frame", "last"),
            start_s=("time_s", "first"),
            end_s=("time_s", "last"),
            boxes=("frame", "size"),
        )
