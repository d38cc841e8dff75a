"""Looking through one video once: boxes, looks and cut signatures of its sampled frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any

import numpy as np

from sameplayer.data.video import Frame, Video
from sameplayer.tracks.boxes import Boxes
from sameplayer.tracks.cues import CUE, colour_cues
from sameplayer.tracks.detect import Detector, boxes_in, within
from sameplayer.tracks.parts import PART_S, PartFolder, Seen, joined
from sameplayer.tracks.shots import SIGNATURE, signature

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
    frames = groupby(video.pick(rest.tolist()), lambda frame: int(part_of[frame.number - 1]))
    waiting = next(frames, None)
    for number in range(len(parts), int(part_of[-1]) + 1):
        inside = np.flatnonzero(part_of == number) + 1
        decoded: Iterator[Frame] = iter(())
        if waiting is not None and waiting[0] == number:
            decoded = waiting[1]
        seen = _part(decoded, source, (int(inside[0]), int(inside[-1])), progress)
        if waiting is not None and waiting[0] == number:
            waiting = next(frames, None)
        folder.write(number, seen)
        parts.append(seen)
    progress(float(times[-1]))
    return joined(parts)


def _part(frames: Iterator[Frame], source: Any, span: tuple[int, int], progress: Progress) -> Seen:
    numbers, signatures, found, looks = [], [], [], {}
    for frame in frames:
        numbers.append(frame.number)
        signatures.append(signature(frame.picture))
        if isinstance(source, Boxes):
            rows = source.frame == frame.number
            looks[frame.number] = colour_cues(frame.picture, source.xywh[rows])
        else:
            height, width = frame.picture.shape[:2]
            xywh, score = within(*boxes_in(source(frame.picture)), width, height)
            found.append((np.full(len(xywh), frame.number), xywh, score))
            looks[frame.number] = colour_cues(frame.picture, xywh)
        progress(frame.time_s)
    boxes = _given(source, span) if isinstance(source, Boxes) else _stacked(found)
    cue = np.full((len(boxes), CUE), np.nan, np.float16)
    for number, look in looks.items():
        cue[boxes.frame == number] = look
    return Seen(
        np.array(numbers, np.int64),
        np.array(signatures, np.float32).reshape(-1, SIGNATURE),
        boxes.frame, boxes.xywh, boxes.score, boxes.track, cue,
    )  # fmt: skip


def _given(boxes: Boxes, span: tuple[int, int]) -> Boxes:
    rows = (boxes.frame >= span[0]) & (boxes.frame <= span[1])
    return Boxes(boxes.frame[rows], boxes.xywh[rows], boxes.score[rows], boxes.track[rows])


def _stacked(found: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Boxes:
    empty = (np.zeros(0, np.int64), np.zeros((0, 4)), np.zeros(0))
    frame, xywh, score = (np.concatenate(column) for column in zip(empty, *found, strict=True))
    return Boxes(frame.astype(np.int64), xywh, score, np.full(len(frame), -1, np.int64))
