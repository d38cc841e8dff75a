"""What is given of a match beside its videos: boxes and cuts, by camera, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sameplayer.data.video.frames import open_video
from sameplayer.errors import SettingError
from sameplayer.tracks.boxes import Boxes
from sameplayer.tracks.camera import Camera
from sameplayer.tracks.detection.box_files import boxes_within, read_boxes, refuse_one_camera
from sameplayer.tracks.field import boxes_in_field, field_of
from sameplayer.tracks.video.shots import read_cuts

GivenBoxes = str | Path | Boxes
GivenCuts = str | Path | Sequence[float] | np.ndarray


def given_of(
    camera: Camera, cameras: Sequence[Camera], boxes: Any, cuts: Any, field: Any, first: int | None
) -> tuple[Boxes | None, np.ndarray | None, np.ndarray | None]:
    """Return boxes, seconds of cuts, and corners of the region of one camera, None each where it is
    to be found.

    boxes, cuts, field    as ``find_tracklets`` takes them; ``first``: its ``first_frame``
    """
    size = None if boxes is None and field is None else _size_of(camera)
    region = field_of(field, camera, cameras, size)
    found = _boxes_for(boxes, camera, cameras, first, size)
    if found is not None and region is not None:
        found = boxes_in_field(found, region)
    return found, _cuts_for(cuts, camera), region


def _size_of(camera: Camera) -> tuple[int, int] | None:
    """Return width and height of a camera's video; None where its first frame is damaged."""
    frame = next(open_video(camera.video).pick([1]), None)
    return None if frame is None else (frame.picture.shape[1], frame.picture.shape[0])


def _boxes_for(
    boxes: Any,
    camera: Camera,
    cameras: Sequence[Camera],
    first_frame: int | None,
    size: tuple[int, int] | None,
) -> Boxes | None:
    if isinstance(boxes, Mapping):
        strange = sorted(set(boxes) - {one.name for one in cameras})
        missing = [one.name for one in cameras if one.name not in boxes]
        if strange or missing:
            raise SettingError(
                "boxes",
                f"given for {', '.join(map(str, boxes))}",
                f"boxes for each camera: {', '.join(one.name for one in cameras)}",
            )
        boxes = boxes[camera.name]
    elif isinstance(boxes, Boxes) and len(cameras) > 1:
        raise SettingError("boxes", "of one camera", f"boxes for each of {len(cameras)} cameras")
    if boxes is None:
        return None
    if not isinstance(boxes, str | Path | Boxes):
        raise SettingError(
            "boxes",
            f"of type {type(boxes).__name__}",
            "a file, Boxes, or either by camera; boxes_of makes Boxes of objects with .xyxy",
        )
    frames = len(open_video(camera.video))
    if isinstance(boxes, Boxes):
        return boxes_within(boxes, camera.name, frames, size)
    return read_boxes(boxes, frames, size, camera.name, first_frame=first_frame)


def refuse_strange(boxes: Any, cuts: Any, cameras: Sequence[Camera]) -> tuple[str, ...]:
    """Refuse a file of boxes, and cuts, that do not say of which of several cameras they are.

    Returns notes on boxes of other cameras.
    """
    names = [camera.name for camera in cameras]
    several = isinstance(boxes, str | Path) and len(cameras) > 1
    notes = refuse_one_camera(boxes, names) if several else ()
    if isinstance(cuts, Mapping):
        strange = [name for name in cuts if name not in names]
        if strange:
            raise SettingError("cuts", f"given for {strange[0]!r}", f"some of {', '.join(names)}")
    elif cuts is not None and len(cameras) > 1:
        raise SettingError("cuts", "one list", f"a list for each camera: {', '.join(names)}")
    return notes


def _cuts_for(cuts: Any, camera: Camera) -> np.ndarray | None:
    """Return the seconds of one camera's cuts, or None where they are to be found."""
    own = cuts.get(camera.name) if isinstance(cuts, Mapping) else cuts
    if own is None or isinstance(own, str | Path):
        return None if own is None else read_cuts(own)
    seconds = np.asarray(own, np.float64)
    if seconds.ndim != 1 or not np.isfinite(seconds).all():
        raise SettingError("cuts", repr(own), "seconds, each a finite number")
    return seconds
