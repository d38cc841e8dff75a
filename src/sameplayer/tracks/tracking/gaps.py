"""Gaps in tracks that were given: somebody who is away and comes back was not on screen between."""

from __future__ import annotations

import numpy as np

from sameplayer.tracks.boxes import Boxes
from sameplayer.tracks.tracking.tracker import renumbered

ABSENT_S = 0.5  # seconds without a box from which somebody is away
ABSENT_STEPS = 2.5  # the same in usual steps between two frames with boxes, where those are rarer


def cut_at_gaps(boxes: Boxes, ids: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (n,) ids with the tracks that came with the boxes cut where they are away for long.

    ids      (n,) the tracklet of each box, -1: none
    times    (frames,) seconds of the video's frames, frame number 1 first

    And (m, 2) int64, pairs of tracklets that follow each other under one given track. Ids count
    from 0 without gaps in order of their first box. Tracklets that were tracked here stay whole:
    their tracker decides how long it waits for somebody.
    """
    given = np.flatnonzero((boxes.track >= 0) & (ids >= 0))
    rows = given[np.lexsort((boxes.frame[given], ids[given]))]
    if not len(rows):
        return ids, np.zeros((0, 2), np.int64)
    seconds = times[boxes.frame[rows] - 1]
    steps = np.diff(times[np.unique(boxes.frame[rows]) - 1])
    longest = max(ABSENT_S, ABSENT_STEPS * float(np.median(steps))) if len(steps) else ABSENT_S
    same = np.diff(ids[rows]) == 0
    away = same & (np.diff(seconds) > longest)
    begins = np.concatenate([[True], ~same | away])
    pieces = np.cumsum(begins) - 1
    cut = np.where(ids >= 0, ids + pieces[-1] + 1, -1)
    cut[rows] = pieces
    numbered = renumbered(cut)
    after = np.flatnonzero(away) + 1
    return numbered, numbered[np.stack([rows[after - 1], rows[after]], axis=1)]
