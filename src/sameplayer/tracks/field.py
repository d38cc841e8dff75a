"""The part of a picture in which people count: a region given by its corners."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from sameplayer.common.hashing import array_fingerprint, part_fingerprint
from sameplayer.data.images.picture import Picture
from sameplayer.data.tabular.read_table import read_table
from sameplayer.errors import DataError, SettingError
from sameplayer.tracks.boxes import Boxes
from sameplayer.tracks.camera import Camera
from sameplayer.tracks.detection.detectors import Detector, boxes_in
from sameplayer.tracks.detection.tiles import Found

GivenField = str | Path | Sequence[Sequence[float]] | np.ndarray
ABOVE = 0.2  # of the picture's height over the region's top: there stand those at its far edge
AROUND = 0.02  # of the picture's longer side, to the other sides
FEWEST = 4


def field_of(
    field: GivenField | Mapping[str, GivenField] | None,
    camera: Camera,
    cameras: Sequence[Camera],
    size: tuple[int, int] | None,
) -> np.ndarray | None:
    """Return the corners (k, 2) of one camera's region, or None: the whole picture.

    field    as ``find_tracklets`` takes it
    size     width and height of the video; None: not known

    Raises SettingError and DataError for what is no region of the picture.
    """
    if isinstance(field, Mapping):
        strange = sorted(set(field) - {one.name for one in cameras})
        if strange:
            names = ", ".join(one.name for one in cameras)
            raise SettingError("field", f"given for {strange[0]!r}", f"some of {names}")
        field = field.get(camera.name)
    elif field is not None and len(cameras) > 1:
        names = ", ".join(one.name for one in cameras)
        raise SettingError("field", "one region", f"a region for each camera: {names}")
    if field is None:
        return None
    name, corners = "field", field
    if isinstance(field, str | Path):
        table = read_table(
            Path(field), {"x": (), "y": ()}, needed=("x", "y"), numbers=("x", "y"), what="region"
        ).table
        name, corners = f"{field}", table[["x", "y"]].to_numpy(float)
    return _checked(name, corners, size)


def _checked(name: str, corners: Any, size: tuple[int, int] | None) -> np.ndarray:
    try:
        found = np.asarray(corners, np.float64)
    except (TypeError, ValueError):
        found = np.zeros(0)
    if found.ndim != 2 or found.shape[1] != 2 or len(found) < FEWEST:
        raise DataError(
            f"{name}: {np.shape(corners) or corners!r} is no region; expected {FEWEST} corners or "
            "more, each x and y in pixels of the video."
        )
    if not np.isfinite(found).all():
        raise DataError(f"{name}: a corner is no number; expected x and y in pixels of the video.")
    cut = found if size is None else np.clip(found, 0, size)
    if cv2.contourArea(cut.astype(np.float32)) < 1:
        of = "the picture" if size is None else f"a picture of {size[0]} x {size[1]} pixels"
        raise DataError(
            f"{name}: the corners {found.round().tolist()} enclose nothing of {of}; expected them "
            "in order around the region."
        )
    return found


def stands_in(xywh: np.ndarray, field: np.ndarray) -> np.ndarray:
    """Return (n,) bool: boxes (n, 4) whose lower middle, where the feet are, is in the region."""
    outline = field.astype(np.float32)
    feet = np.stack([xywh[:, 0] + xywh[:, 2] / 2, xywh[:, 1] + xywh[:, 3]], axis=1)
    return np.array(
        [cv2.pointPolygonTest(outline, (x, y), False) >= 0 for x, y in feet.tolist()], bool
    )


def boxes_in_field(boxes: Boxes, field: np.ndarray) -> Boxes:
    """Return the boxes of those who stand in the region; a note counts the others."""
    kept = stands_in(boxes.xywh, field)
    gone = int((~kept).sum())
    notes = (*boxes.notes, f"{gone} boxes outside the field are left out.") if gone else boxes.notes
    return replace(
        boxes,
        frame=boxes.frame[kept],
        xywh=boxes.xywh[kept],
        score=boxes.score[kept],
        track=boxes.track[kept],
        notes=notes,
    )


class FieldDetector:
    """Looks for people with a detector in a region alone: less to look at, and no spectators.

    detector    any; it gets the part of the picture in which people of the region can be
    field       (k, 2) corners in pixels of the picture
    """

    def __init__(self, detector: Detector, field: np.ndarray) -> None:
        self.detector, self.field = detector, field
        self.tile = getattr(detector, "tile", None)
        known = part_fingerprint(detector)
        self.fingerprint = None if known is None else f"{known} {array_fingerprint(field)}"

    def part(self, picture: Picture) -> tuple[int, int, Picture]:
        """Return left and top of the part that is looked at, and the part."""
        height, width = picture.shape[:2]
        more = AROUND * max(width, height)
        low, high = self.field.min(axis=0), self.field.max(axis=0)
        left, right = (int(np.clip(x, 0, width)) for x in (low[0] - more, high[0] + more))
        top = int(np.clip(low[1] - ABOVE * height, 0, height))
        bottom = int(np.clip(high[1] + more, 0, height))
        return left, top, np.ascontiguousarray(picture[top:bottom, left:right])

    def fit(self, pictures: Sequence[Picture]) -> None:
        """Choose the tile by the people of the region in these pictures."""
        self.detector.fit([self.part(picture)[2] for picture in pictures])  # type: ignore[attr-defined]
        self.tile = getattr(self.detector, "tile", None)

    @property
    def smallest(self) -> float | None:
        """Pixels for the detector that the small players are tall, where it knows."""
        return getattr(self.detector, "smallest", None)

    def __call__(self, picture: Picture) -> Found:
        left, top, part = self.part(picture)
        xywh, score = boxes_in(self.detector(part))
        xywh = xywh + np.array([left, top, 0, 0])
        kept = stands_in(xywh, self.field)
        return xywh[kept], score[kept]
