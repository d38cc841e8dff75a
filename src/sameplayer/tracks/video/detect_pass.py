"""Looking through one video once: boxes, looks and cut signatures of its sampled frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import groupby
from typing import Protocol

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


@dataclass(frozen=True, eq=False)
class View:
    """One frame that was looked at, its boxes, and what the tracker goes by.

    boxes     of this frame alone
    cue       (n, CUE) float16 colours of the boxes
    change    how much of the view is another than in the frame before, 0 to 1
    moved     (2,) pixels across and down by which things moved with the camera since the part began
    """

    number: int
    time_s: float
    picture: Picture = field(repr=False)
    boxes: Boxes
    cue: np.ndarray
    change: float
    moved: np.ndarray


class Watcher(Protocol):
    """Somebody who sees each frame of a video while it is decoded, in parts of a minute."""

    def holds(self, part: int) -> bool:
        """Tell whether this part was watched to its end before, and need not be shown again."""

    def see(self, view: View) -> None:
        """Look at one frame of the part that is shown."""

    def finish(self, part: int) -> None:
        """Keep what was seen of the part, which ends."""


def scan(
    video: Video,
    numbers: np.ndarray,
    source: Detector | Boxes,
    folder: PartFolder,
    progress: Progress,
    watcher: Watcher | None = None,
) -> Seen:
    """Return what the frames of these numbers show; parts that the folder holds are not redone.

    source      a detector, or the boxes of the video
    progress    called with the seconds of video that are done
    watcher     sees the frames of the parts that it does not hold
    """
    times = video.times
    part_of = (times / PART_S).astype(np.int64)
    known: list[Seen] = []
    while len(known) <= part_of[-1] and (kept := folder.read(len(known))) is not None:
        known.append(kept)
    done = 0
    while done < len(known) and (watcher is None or watcher.holds(done)):
        done += 1
    if done:
        progress(min(done * PART_S, float(times[-1])))
    parts = known[:done]
    rest = numbers[part_of[numbers - 1] >= done]
    groups = groupby(video.pick(rest.tolist()), lambda frame: int(part_of[frame.number - 1]))
    waiting = next(groups, None)
    for number in range(done, int(part_of[-1]) + 1):
        inside = np.flatnonzero(part_of == number) + 1
        own = known[number].boxes() if number < len(known) else source
        notes = _Notes(own, parts[-1].last if parts else NOTHING.last)
        if waiting is not None and waiting[0] == number:
            for frame in waiting[1]:
                view = notes.look(frame)
                if watcher is not None:
                    watcher.see(view)
                progress(frame.time_s)
            waiting = next(groups, None)
        if number < len(known):
            seen = known[number]
        else:
            seen = notes.seen((int(inside[0]), int(inside[-1])) if len(inside) else (1, 0))
            folder.write(number, seen)
        if watcher is not None:
            watcher.finish(number)
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
        self._moved = np.zeros(2)

    def look(self, frame: Frame) -> View:
        """Note the view, the boxes and the looks of one frame."""
        small, size = thumbnail(frame.picture), frame.picture.shape
        view = compare(self._last, small) if self._last.size else (0.0, 0.0, 0.0)
        self._frames.append((frame.number, view[0], view[1] * max(size), view[2] * max(size)))
        self._moved = self._moved + np.array(view[1:]) * max(size)
        self._last = small
        if isinstance(self._source, Boxes):
            boxes = _given(self._source, (frame.number, frame.number))
        else:
            xywh, score = within(*boxes_in(self._source(frame.picture)), size[1], size[0])
            found = (np.full(len(xywh), frame.number), xywh, score)
            self._found.append(found)
            boxes = _stacked([found])
        cue = colour_cues(frame.picture, boxes.xywh)
        self._looks[frame.number] = cue
        return View(
            frame.number, frame.time_s, frame.picture, boxes, cue, float(view[0]), self._moved
        )

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
