"""Trackers by name, and those of other packages in place of the own one."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from sameplayer.errors import DataError, SettingError, did_you_mean, import_extra
from sameplayer.tracks.boxes import Boxes
from sameplayer.tracks.tracking.tracker import keep_given, renumbered, runs_of, track

Tracker = Callable[[Boxes, np.ndarray, np.ndarray, np.ndarray | None], np.ndarray]
TRACKERS: dict[str, Tracker] = {"own": track}


def tracker_of(tracker: Any) -> Tracker:
    """Return the tracker of this name in TRACKERS, the callable given, or one with ``update``.

    Raises SettingError for anything else.
    """
    if hasattr(tracker, "update"):
        return UpdatedTracker(tracker)
    if callable(tracker):
        return tracker
    if not isinstance(tracker, str) or tracker not in TRACKERS:
        near = did_you_mean(tracker, TRACKERS) if isinstance(tracker, str) else ""
        raise SettingError(
            "tracker",
            repr(tracker),
            f"one of {', '.join(TRACKERS)}, a callable, or an object with update.{near}",
        )
    return TRACKERS[tracker]


class UpdatedTracker:
    """A tracker of another package as a callable such as ``track``.

    tracker    an object with ``update(detections)`` or ``update(detections, frame)``, such as
               ``trackers.ByteTrackTracker()``, which gives detections back with ``tracker_id``; -1
               there: none. ``reset()``, where there is one, is called at each cut

    It is given boxes frame by frame as supervision's Detections, and no picture (None).
    """

    def __init__(self, tracker: Any) -> None:
        self._tracker = tracker
        self._detections = import_extra("supervision", "trackers", "A tracker of another package")

    def __call__(
        self, boxes: Boxes, times: np.ndarray, shots: np.ndarray, cues: np.ndarray | None = None
    ) -> np.ndarray:
        """Return (n,) int64: the tracklet of each box as ``track`` does; -1 for those left out."""
        ids, free = keep_given(boxes, shots)
        pairs = np.full((len(boxes), 2), -1, np.int64)
        shot = -1
        for rows in runs_of(free, boxes.frame):
            if shots[boxes.frame[rows[0]] - 1] != shot:
                shot = int(shots[boxes.frame[rows[0]] - 1])
                if hasattr(self._tracker, "reset"):
                    self._tracker.reset()
            pairs[rows, 0] = shot
            self._step(boxes, rows, pairs)
        tracked = np.flatnonzero(pairs[:, 1] >= 0)
        _, places = np.unique(pairs[tracked], axis=0, return_inverse=True)
        ids[tracked] = places + ids.max(initial=-1) + 1
        return renumbered(ids)

    def _step(self, boxes: Boxes, rows: np.ndarray, pairs: np.ndarray) -> None:
        xywh = boxes.xywh[rows]
        given = self._detections.Detections(
            xyxy=np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1),
            confidence=boxes.score[rows],
            class_id=np.zeros(len(rows), int),
            data={"sameplayer_row": rows},
        )
        takes_frame = "frame" in inspect.signature(self._tracker.update).parameters
        back = self._tracker.update(given, None) if takes_frame else self._tracker.update(given)
        found = getattr(back, "tracker_id", None)
        if found is None:
            return
        places = (getattr(back, "data", None) or {}).get("sameplayer_row")
        if places is None and len(found) != len(rows):
            raise DataError(
                f"The tracker gave {len(found)} boxes for {len(rows)} without their data; expected "
                "the detections that it was given."
            )
        pairs[rows if places is None else np.asarray(places), 1] = np.asarray(found)
