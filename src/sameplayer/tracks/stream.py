"""From the videos of a match to its tracklets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sameplayer.common.hashing import array_fingerprint, file_fingerprint, part_fingerprint
from sameplayer.data.video.frames import Video, open_video
from sameplayer.data.video.stream import open_source, stream_notes
from sameplayer.errors import DataError, MissingExtra, SettingError
from sameplayer.tracks.boxes import Boxes
from sameplayer.tracks.camera import Camera
from sameplayer.tracks.detection.detectors import Detector, detector_of
from sameplayer.tracks.detection.rtmdet import RtmDet, Tile
from sameplayer.tracks.field import FieldDetector, GivenField
from sameplayer.tracks.given import GivenBoxes, GivenCuts, given_of, refuse_strange
from sameplayer.tracks.tracking.gaps import cut_at_gaps
from sameplayer.tracks.tracking.registry import Tracker, tracker_of
from sameplayer.tracks.tracklets import TRACKLET_COLUMNS, Tracklets
from sameplayer.tracks.video.camera_motion import compare, thumbnail
from sameplayer.tracks.video.checkpoint import PartFolder, Seen
from sameplayer.tracks.video.detect_pass import Watcher, sampled_frames, scan
from sameplayer.tracks.video.shots import find_cuts, shot_numbers

LONGEST_CUT, PROBED = 250, 3  # frames searched for a cut; frames by which a tile is chosen
SMALL = 18  # pixels of the detector's input under which fewer than four of five are found
EARLY_S, EARLY_SHARE = 2.0, 0.02  # that a video lacks: sound may last a little longer


def find_tracklets(
    cameras: Sequence[Camera],
    boxes: GivenBoxes | Mapping[str, GivenBoxes] | None = None,
    *,
    fps: float = 5.0,
    detector: str | Detector = "rtmdet",
    tile: Tile = "auto",
    cuts: GivenCuts | Mapping[str, GivenCuts] | None = None,
    tracker: str | Tracker = "own",
    folder: str | Path | None = None,
    progress: Callable[[float, float], None] | None = None,
    first_frame: int | None = None,
    field: GivenField | Mapping[str, GivenField] | None = None,
    watch: Callable[[Camera, PartFolder], Watcher] | None = None,
) -> Tracklets:
    """Return the tracklets of a match: short tracks of one person each, in one camera and shot.

    cameras     as ``cameras_of`` gives them; the videos are streamed, not kept
    boxes       of the people: a file (``read_boxes``) or Boxes; of several cameras, a file with a
                column camera, or one for each by its name. None: the detector finds them
    fps         frames looked at a second
    detector    a name in DETECTORS, or a callable: uint8 RGB (h, w, 3) to (xywh, score) or an
                object with ``.xyxy`` and where known ``.confidence``
    tile        for the detectors of DETECTORS: as in RtmDet
    cuts        seconds at which a video goes over to another view, or a file of them; by camera
                where there are more than one. None: they are found
    tracker     a name in TRACKERS, a callable as ``track``, or a tracker of the package trackers
    folder      where parts of a minute are kept, with which a stopped run goes on; of a callable
                without a text ``fingerprint`` that tells it from others nothing is kept
    progress    called with seconds of video that are done, and with how many there are
    first_frame    of files of boxes, as in ``read_boxes``
    field       corners (k, 2) in pixels, in order, of the part of the picture in which people
                count, or a file with columns x and y; by camera where there are more than one
    watch       makes, for a camera and the folder of its parts, somebody who sees each frame that
                is looked at, so that it is decoded once

    Raises DataError for a video without frames and for boxes that do not fit, SettingError,
    MissingExtra where neither boxes are given nor the detector is installed.
    """
    if not fps > 0:
        raise SettingError("fps", fps, "more than 0")
    finder, follow = None if boxes is not None else _finder(detector, tile), tracker_of(tracker)
    notes = [*refuse_strange(boxes, cuts, cameras)]
    lengths = [_length(camera) for camera in cameras]
    given = [given_of(one, cameras, boxes, cuts, field, first_frame) for one in cameras]
    tables, pairs, done = list[pd.DataFrame](), list[np.ndarray](), 0.0
    for camera, length, (own, own_cuts, region) in zip(cameras, lengths, given, strict=True):
        video = open_video(camera.video)
        tell = partial(_tell, progress, done, sum(lengths))
        numbers = sampled_frames(video.times, fps, own)
        looking = (finder, detector, tile, region, video, numbers)
        source = own if own is not None else _fitted(*looking)
        parts = _parts(folder, camera, fps, source)
        seen = scan(video, numbers, source, parts, tell, watch and watch(camera, parts))
        notes += _notes(camera, video, numbers, seen, own) + _about_size(camera, source)
        shots = _shots(video, seen, own_cuts)
        table, follow_on = _followed(camera, video, seen, shots, follow, own)
        tables, pairs, done = [*tables, table], [*pairs, follow_on], done + length
    return Tracklets(_joined(tables, pairs), tuple(cameras), tuple(notes), np.concatenate(pairs))


def _tell(
    progress: Callable[[float, float], None] | None, before: float, whole: float, seconds: float
) -> None:
    if progress is not None:
        progress(before + seconds, whole)


def _finder(detector: str | Detector, tile: Tile) -> Detector:
    try:
        return detector_of(detector, tile)
    except MissingExtra as error:
        raise MissingExtra(
            f"No boxes of people are given, and the detector is not installed. {error} Or give "
            "boxes."
        ) from error


def _fitted(
    finder: Detector | None,
    detector: str | Detector,
    tile: Tile,
    region: np.ndarray | None,
    video: Video,
    numbers: np.ndarray,
) -> Any:
    """Return the detector for a region of this video, its tile chosen where that is wanted."""
    choose = tile == "auto" and isinstance(detector, str)
    found: Any = detector_of(detector, tile) if choose else finder
    fits = choose and isinstance(found, RtmDet)
    found = found if region is None else FieldDetector(found, region)
    if fits:
        places = np.linspace(0, len(numbers) - 1, PROBED + 2)[1:-1].round().astype(int)
        chosen = numbers[np.unique(places)].tolist()
        found.fit([frame.picture for number in chosen for frame in video.pick([number])])
    return found


def _length(camera: Camera) -> float:
    times = open_video(camera.video).times
    if not len(times):
        raise DataError(f"{camera.video}: holds no frame; expected a video.")
    return float(times[-1])


def _parts(folder: str | Path | None, camera: Camera, fps: float, source: Any) -> PartFolder:
    """Return where a camera's parts are kept: nowhere for a detector without a fingerprint."""
    facts: dict[str, object] = {"version": 2, "fps": fps}
    if isinstance(source, Boxes):
        facts["boxes"] = array_fingerprint(source.frame, source.xywh, source.score, source.track)
    else:
        facts["detector"] = part_fingerprint(source)
        facts["tile"] = getattr(source, "tile", None)
        folder = None if facts["detector"] is None else folder
    if folder is None:
        return PartFolder(None, camera.name, facts)
    facts["video"] = file_fingerprint(camera.video)
    return PartFolder(Path(folder), camera.name, facts)


def _notes(
    camera: Camera, video: Video, numbers: np.ndarray, seen: Seen, given: Boxes | None
) -> list[str]:
    missing = np.setdiff1d(numbers, seen.frame)
    if len(missing) == len(numbers):
        raise DataError(f"{camera.video}: no frame of it can be decoded; expected a whole video.")
    notes = [f"Boxes of {camera.name}: {note}" for note in (() if given is None else given.notes)]
    notes += _about_file(camera, float(video.times[-1]))
    if not len(missing):
        return notes
    times = video.times[missing - 1]
    notes.append(
        f"{camera.video}: {len(missing)} of {len(numbers)} frames cannot be decoded, between "
        f"{times[0]:.1f} and {times[-1]:.1f} s; the others are used."
    )
    return notes


def _about_size(camera: Camera, source: Any) -> list[str]:
    smallest = getattr(source, "smallest", None)
    if smallest is None or smallest >= SMALL:
        return []
    return [
        f"{camera.video}: the small players are {smallest:.0f} pixels tall for the detector; of "
        f"people under {SMALL} many are not found. A field (--field) lets it look closer; a "
        "smaller --tile takes longer."
    ]


def _about_file(camera: Camera, last: float) -> list[str]:
    """Return what to say of its streams, and of a file that is shorter than it claims to be."""
    with open_source(camera.video) as source:
        claimed, notes = (source.duration or 0) / 1e6, stream_notes(camera.video, source)
    if claimed - last >= max(EARLY_S, EARLY_SHARE * claimed):
        notes.append(
            f"{camera.video}: claims to be {claimed:.1f} s long and ends at {last:.1f} s; what "
            "there is of it is used."
        )
    return notes


def _shots(video: Video, seen: Seen, cuts: np.ndarray | None) -> np.ndarray:
    if cuts is None:
        places = find_cuts(seen.change)
        begins = [_begin(video, seen.frame[place - 1 : place + 1], seen) for place in places]
        cuts = video.times[np.array(begins, np.int64) - 1]
    return shot_numbers(video.times, cuts)


def _begin(video: Video, around: np.ndarray, seen: Seen) -> int:
    """Return the first frame of a shot that begins between two frames that were looked at.

    All between are looked at where there are boxes in them, else it is the later of the two.
    """
    between = (seen.box_frame > around[0]) & (seen.box_frame < around[1])
    if not between.any() or around[1] - around[0] > LONGEST_CUT:
        return int(around[1])
    frames = list(video.pick(range(int(around[0]), int(around[1]) + 1)))
    views = [thumbnail(frame.picture) for frame in frames]
    steps = [compare(before, after)[0] for before, after in pairwise(views)]
    return frames[int(np.argmax(steps)) + 1].number if steps else int(around[1])


def _at_rest(seen: Seen, times: np.ndarray) -> Boxes:
    """Return the boxes as if the camera had not turned since the first frame."""
    moved = np.cumsum(seen.shift, axis=0)
    when, known = times[seen.box_frame - 1], times[seen.frame - 1]
    turned = np.stack([np.interp(when, known, moved[:, axis]) for axis in (0, 1)], axis=1)
    xywh = seen.xywh.copy()
    xywh[:, :2] -= turned
    return Boxes(seen.box_frame, xywh, seen.score, seen.track)


def _followed(
    camera: Camera,
    video: Video,
    seen: Seen,
    shots: np.ndarray,
    follow: Tracker,
    given: Boxes | None,
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return a camera's table of tracklets, and its pairs as in ``Tracklets.follow``."""
    ids = follow(_at_rest(seen, video.times), video.times, shots, seen.cue)
    ids, pairs = cut_at_gaps(seen.boxes(), ids, video.times)
    kept = np.lexsort((seen.box_frame, ids))[np.count_nonzero(ids < 0) :]
    frame = seen.box_frame[kept]
    columns: list[Any] = [
        ids[kept],
        np.full(len(kept), camera.name, object),
        shots[frame - 1],
        frame,
        video.times[frame - 1] + camera.offset_s,
        *seen.xywh[kept].T,
        seen.score[kept],
    ]
    table = pd.DataFrame(dict(zip(TRACKLET_COLUMNS, columns, strict=True)))
    track = pd.Series(seen.track[kept])
    table["team"] = track.map(dict(given.teams if given else {})).astype(object)
    table["number"] = track.map(dict(given.numbers if given else {})).astype(object)
    return table, pairs


def _joined(tables: Sequence[pd.DataFrame], pairs: Sequence[np.ndarray]) -> pd.DataFrame:
    """Concatenate the cameras' tables; tracklets and pairs are numbered through from 0."""
    begin = 0
    for table, own in zip(tables, pairs, strict=True):
        table["tracklet"] += begin
        own += begin
        begin = int(table["tracklet"].max()) + 1 if len(table) else begin
    return pd.concat(tables, ignore_index=True)
