"""Looking through one video once: boxes, looks and cut signatures of its sampled frames."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby

import numpy as np

from sameplayer.data.images.picture import Picture
from sameplayer.data.video.frames import Frame, Video
from sameplayer.tracks.boxes import Boxes
from sameplayer.tracks.detection.detectors import Detector, boxes_in
from sameplayer.tracks.detection.tiles import within
from sameplayer.tracks.tracking.appearance_cues import CUE, colour_cues
from sameplayer.tracks.video.camera_motion import compare, thumbnail
from sameplayer.tracks.video.checkpoint import NOTHING, PART_S, PartFolder, Seen, joined

Progress = Callable[[float], None]


def sampled_frames(times: np.ndarray, fps: float, boxes: Boxes | None) -> np.ndarray:
    """Return the rising numbers of the frames to look at: one in each part of 1 / fps seconds.

    It is the first one that has boxes, else the first.
    """
    parts = (times * fps + 1e-6).astype(np.int64)
    empty = np.ones(len(times), bool)
    if boxes is not None:
        empty[boxes.frame - 1] = False
    order = np.lexsort((np.arange(len(times)), empty, parts))
    _, first = np.unique(parts[order], return_index=True)
    return np.sort(order[first]) + 1


def scan(
    video: Video,
    numbers: np.ndarray,
    source: Detector | Boxes,
    folder: PartFolder,
    progress: Progress,
) -> Seen:
    """Return what the frames of these numbers show; parts that the folder holds are not redone.

    source      a detector, or the boxes of the video
    progress    called with the seconds of video that are done
    """
    times = video.times
    part_of = (times / PART_S).astype(np.int64)
    parts: list[Seen] = []
    while len(parts) <= part_of[-1] and (known := folder.read(len(parts))) is not None:
        parts.append(known)
    if parts:
        progress(min(len(parts) * PART_S, float(times[-1])))
    rest = numbers[part_of[numbers - 1] >= len(parts)]
    groups = groupby(video.pick(rest.tolist()), lambda frame: int(part_of[frame.number - 1]))
    waiting = next(groups, None)
    for number in range(len(parts), int(part_of[-1]) + 1):
        inside = np.flatnonzero(part_of == number) + 1
        notes = _Notes(source, parts[-1].last if parts else NOTHING.last)
        if waiting is not None and waiting[0] == number:
            for frame in waiting[1]:
                notes.look(frame)
                progress(frame.time_s)
            waiting = next(groups, None)
        seen = notes.seen((int(inside.min(initial=1)), int(inside.max(initial=0))))
        folder.write(number, seen)
        parts.append(seen)
    progress(float(times[-1]))
    return joined(parts)


class _Notes:
    """What is noted of the frames of one part while they come."""

    def __init__(self, source: Detector | Boxes, last: Picture) -> None:
        self._source, self._last = source, last
        self._frames: list[tuple[int, float, float, float]] = []
        self._found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._looks: dict[int, np.ndarray] = {}

    def look(self, frame: Frame) -> None:
        """Note the view, the boxes and the looks of one frame."""
        small, size = thumbnail(frame.picture), frame.picture.shape
        view = compare(self._last, small) if self._last.size else (0.0, 0.0, 0.0)
        self._frames.append((frame.number, view[0], view[1] * max(size), view[2] * max(size)))
        self._last = small
        if isinstance(self._source, Boxes):
            rows = np.searchsorted(self._source.frame, [frame.number, frame.number + 1])
            xywh = self._source.xywh[slice(*rows)]
        else:
            xywh, score = within(*boxes_in(self._source(frame.picture)), size[1], size[0])
            self._found.append((np.full(len(xywh), frame.number), xywh, score))
        self._looks[frame.number] = colour_cues(frame.picture, xywh)

    def seen(self, span: tuple[int, int]) -> Seen:
        """Return what was noted; given boxes are those from the first to the last of ``span``."""
        source = self._source
        boxes = _given(source, span) if isinstance(source, Boxes) else _stacked(self._found)
        cue = np.full((len(boxes), CUE), np.nan, np.float16)
        for number, look in self._looks.items():
            cue[slice(*np.searchsorted(boxes.frame, [number, number + 1]))] = look
        table = np.array(self._frames, np.float64).reshape(-1, 4)
        return Seen(
            table[:, 0].astype(np.int64),
            table[:, 1],
            table[:, 2:],
            self._last,
            boxes.frame,
            boxes.xywh,
            boxes.score,
            boxes.track,
            cue,
        )


def _given(boxes: Boxes, span: tuple[int, int]) -> Boxes:
    rows = slice(*np.searchsorted(boxes.frame, [span[0], span[1] + 1]))
    return Boxes(boxes.frame[rows], boxes.xywh[rows], boxes.score[rows], boxes.track[rows])


def _stacked(found: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Boxes:
    empty = (np.zeros(0, np.int64), np.zeros((0, 4)), np.zeros(0))
    frame, xywh, score = (np.concatenate(column) for column in zip(empty, *found, strict=True))
    return Boxes(frame.astype(np.int64), xywh, score, np.full(len(frame), -1, np.int64))
