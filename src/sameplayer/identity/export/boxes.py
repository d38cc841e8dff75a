"""Shared by the exports: boxes by camera, ids of identities, file names, facts of videos."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unicodedata import normalize

import numpy as np
import pandas as pd

from sameplayer.common.files import write_text
from sameplayer.data.video.frames import open_video
from sameplayer.errors import SameplayerError
from sameplayer.identity.log.player_log import PlayerLog
from sameplayer.tracks.camera import Camera

LONGEST = 200  # bytes of a file's name, without its ending
DEVICES = {"CON", "PRN", "AUX", "NUL", *(f"{one}{n}" for one in ("COM", "LPT") for n in range(10))}
LARGEST = 10**9  # pixels a side, and frames, that a log is believed to have
SIDES = ["left", "top", "width", "height"]

logger = logging.getLogger(__name__)


def identity_ids(log: PlayerLog) -> dict[str, int]:
    """Return a number from 1 for each identity, in the order of ``PlayerLog.players``."""
    return {str(name): place for place, name in enumerate(log.players()["identity"], start=1)}


def camera_files(log: PlayerLog, ending: str) -> dict[str, str]:
    """Return camera -> the name of its file, another for each, also where letters' case is ignored.

    What no file name can hold becomes "_". Cameras whose names can be kept keep them; of others
    that would have a name twice the second is "name (2)".
    """
    names = [camera.name for camera in log.cameras]
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in sorted(names, key=lambda one: _file_stem(one) != one):
        stem = file = _file_stem(name)
        number = 1
        while _folded(file) in taken:
            number += 1
            file = f"{stem} ({number})"
        taken.add(_folded(file))
        found[name] = f"{file}{ending}"
    return found


def _file_stem(name: str) -> str:
    safe = "".join("_" if one in '/\\:*?"<>|' or not one.isprintable() else one for one in name)
    short = safe.encode("utf-8", "replace")[:LONGEST].decode("utf-8", "ignore").strip(". ")
    return f"{short}_" if short.split(".")[0].upper() in DEVICES else short or "_"


def _folded(file: str) -> str:
    """Return what two names that a file system may take for one have in common."""
    return normalize("NFC", file).casefold()


def boxes_with_identity(log: PlayerLog) -> pd.DataFrame:
    """Return the boxes with the columns identity, name, team, number, sure of their appearances.

    And with the column ``ends``: whether the person is gone after this box, since it is the last
    of its appearance or since the next frame that was looked at has none of it. Between a box that
    does not end and the next of its appearance no frame was looked at. A missing score is 1.
    """
    boxes = log.to_frame()
    boxes["score"] = boxes["score"].fillna(1.0)
    ends = np.ones(len(boxes), bool)
    for camera in log.cameras:
        own = np.flatnonzero(boxes["camera"] == camera.name)
        own = own[np.lexsort((boxes["frame"].to_numpy()[own], boxes["appearance"].to_numpy()[own]))]
        rows = boxes.iloc[own]
        on = rows["appearance"].to_numpy()[1:] == rows["appearance"].to_numpy()[:-1]
        seconds = rows["time_s"].to_numpy(float) - camera.offset_s
        ends[own[:-1]] = ~(on & _follows(rows["frame"].to_numpy(), seconds, _rate(log)))
    return boxes.assign(ends=ends)


def boxes_by_camera(log: PlayerLog, *order: str) -> Iterator[tuple[Camera, str, pd.DataFrame]]:
    """Yield each camera, its file name without ending, and its boxes, sorted by these columns.

    The boxes are those of ``boxes_with_identity``, with the column id, a number per identity.
    """
    boxes, files = boxes_with_identity(log), camera_files(log, "")
    boxes["id"] = boxes["identity"].map(identity_ids(log))
    for camera in log.cameras:
        own = boxes[boxes["camera"] == camera.name]
        yield camera, files[camera.name], own.sort_values(list(order), kind="stable")


def write_json(path: Path, content: Any) -> Path:
    """Write JSON on one line, whole or not at all, and return the path."""
    write_text(path, json.dumps(content, ensure_ascii=False) + "\n")
    return path


def _rate(log: PlayerLog) -> float | None:
    """Return how many frames a second were looked at, as far as the log says so."""
    settings = log.facts.get("settings")
    rate = settings.get("fps") if isinstance(settings, dict) else None
    return float(rate) if isinstance(rate, int | float) and 0 < rate <= 1000 else None


def _follows(frame: np.ndarray, seconds: np.ndarray, rate: float | None) -> np.ndarray:
    """Return (n - 1,) whether no frame was looked at between two boxes that follow each other.

    frame, seconds    (n,) of one camera's boxes
    rate              frames a second that were looked at, at most; None: unknown

    Frames in which any person has a box were looked at. Where nobody has one, the usual step
    between two of them tells: counted in parts of 1 / rate seconds where each part has one frame,
    as where frames were sampled, else in frames.
    """
    seen, first, place = np.unique(frame, return_index=True, return_inverse=True)
    unit = seen
    if rate is not None:
        parts = np.floor(seconds[first] * rate + 1e-6)
        unit = parts if (np.diff(parts) > 0).all() else seen
    steps = np.diff(unit)
    step = np.quantile(steps, 0.5, method="lower") if len(steps) else 0
    usual = (np.diff(unit[place]) <= step) | (np.diff(frame) == 1)
    return np.asarray((np.diff(place) == 1) & usual, bool)


def rounded_sizes(
    boxes: pd.DataFrame, digits: int = 2, picture: tuple[float, float] | None = None
) -> np.ndarray:
    """Return (n, 4) float64 left, top, width, height of so many digits, none without size.

    picture    width and height of which they are percents; None: they are pixels
    """
    sides = boxes[SIDES].to_numpy(float)
    found = (sides if picture is None else 100 * sides / (*picture, *picture)).round(digits)
    found[:, 2:] = np.maximum(found[:, 2:], 10.0**-digits)
    return found


def rounded_corners(boxes: pd.DataFrame, digits: int = 2) -> np.ndarray:
    """Return (n, 4) float64 left, top, right, bottom of so many digits, none without size."""
    sides = boxes[SIDES].to_numpy(float)
    low = sides[:, :2].round(digits)
    high = (sides[:, :2] + sides[:, 2:]).round(digits)
    return np.hstack([low, np.maximum(high, (low + 10.0**-digits).round(digits))])


@dataclass(frozen=True)
class VideoFacts:
    """What a file of annotations says of its video: pixels of a picture, frames, seconds."""

    width: int
    height: int
    frames: int
    seconds: float


def read_video_facts(camera: Camera) -> VideoFacts | None:
    """Read the facts of a camera's video, its last frame as long as usual; None: it is gone."""
    try:
        video = open_video(camera.video)
        first = next(video.frames(), None)
    except (SameplayerError, OSError):  # a name that is too long, say
        return None
    if first is None:
        return None
    times = video.times
    step = float(np.median(np.diff(times))) if len(times) > 1 else 0.04
    high, wide = first.picture.shape[:2]
    return VideoFacts(wide, high, len(times), round(float(times[-1]) + step, 6))


def facts_of_videos(cameras: tuple[Camera, ...]) -> dict[str, Any]:
    """Return camera -> VideoFacts as a log keeps them, for when its videos are gone."""
    found = {camera.name: read_video_facts(camera) for camera in cameras}
    return {name: asdict(one) for name, one in found.items() if one is not None}


def video_facts(log: PlayerLog, camera: Camera) -> VideoFacts:
    """Return the facts of a camera's video: as the log keeps them, else as the file has them.

    Where neither is there, the pictures are taken to be as large as the boxes reach; that is said.
    """
    own = log.boxes[log.boxes["camera"] == camera.name]
    last = int(own["frame"].max()) if len(own) else 0
    facts = _kept(log, camera) or read_video_facts(camera)
    if facts is not None:
        return VideoFacts(facts.width, facts.height, max(facts.frames, last), facts.seconds)
    sides = own[SIDES].to_numpy(float)
    ends = (sides[:, :2] + sides[:, 2:]).max(axis=0, initial=1.0)
    wide, high = (int(np.ceil(one)) for one in ends)
    logger.warning(
        "%s: cannot be read; the size of its pictures is taken from the boxes, %d x %d. Where they "
        "are larger, sizes and percents in the files are wrong.",
        camera.video,
        wide,
        high,
    )
    seconds = float(own["time_s"].max()) - camera.offset_s if len(own) else 0.0
    return VideoFacts(wide, high, last, seconds)


def _kept(log: PlayerLog, camera: Camera) -> VideoFacts | None:
    """Return the facts that the log keeps of a video, where they can be."""
    videos = log.facts.get("videos")
    kept = videos.get(camera.name) if isinstance(videos, dict) else None
    if not isinstance(kept, dict):
        return None
    *whole, seconds = (kept.get(name) for name in ("width", "height", "frames", "seconds"))
    good = all(type(one) is int and 0 < one < LARGEST for one in whole)
    if not good or not isinstance(seconds, int | float) or not 0 <= seconds < LARGEST:
        return None
    return VideoFacts(kept["width"], kept["height"], kept["frames"], float(seconds))
