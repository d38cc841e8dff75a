"""Tracks that were given are cut where their person is away."""

from __future__ import annotations

import numpy as np
import pytest

from sameplayer.tracks.boxes import Boxes
from sameplayer.tracks.tracking.gaps import cut_at_gaps

TIMES = np.arange(200) / 25


def boxes_of(*tracks: tuple[int, list[int]]) -> Boxes:
    """Boxes of tracks (number, frames), in order of frames."""
    rows = np.array(sorted((frame, number) for number, frames in tracks for frame in frames))
    xywh = np.tile([0.0, 0.0, 10.0, 30.0], (len(rows), 1))
    return Boxes(rows[:, 0], xywh, np.ones(len(rows)), rows[:, 1])


def frames(*spans: tuple[int, int], step: int = 1) -> list[int]:
    return [frame for start, end in spans for frame in range(start, end + 1, step)]


def cut(boxes: Boxes) -> tuple[list[tuple[int, int, int]], list[list[int]]]:
    """Return (track, first frame, last frame) of each tracklet, and the pairs."""
    ids, pairs = cut_at_gaps(boxes, np.unique(boxes.track, return_inverse=True)[1], TIMES)
    own = [np.flatnonzero(ids == one) for one in range(ids.max() + 1)]
    spans = [(int(boxes.track[o[0]]), int(boxes.frame[o[0]]), int(boxes.frame[o[-1]])) for o in own]
    return spans, pairs.tolist()


def test_somebody_who_is_away_and_comes_back_has_two_tracklets() -> None:
    boxes = boxes_of((1, frames((1, 40), (121, 200))), (2, frames((1, 200))))
    assert cut(boxes) == ([(1, 1, 40), (2, 1, 200), (1, 121, 200)], [[0, 2]])


def test_a_few_frames_that_were_missed_are_no_absence() -> None:
    assert cut(boxes_of((1, frames((1, 40), (52, 90))))) == ([(1, 1, 90)], [])


@pytest.mark.parametrize("step", [5, 25])
def test_boxes_in_few_frames_are_no_absences(step: int) -> None:
    spans, pairs = cut(boxes_of((1, frames((1, 200), step=step))))
    assert (len(spans), pairs) == (1, [])


def test_tracklets_that_were_tracked_here_stay_whole() -> None:
    boxes = boxes_of((-1, frames((1, 40), (60, 90))), (4, frames((1, 20), (60, 90))))
    ids, pairs = cut_at_gaps(boxes, np.where(boxes.track < 0, 0, 1), TIMES)
    assert len(set(ids[boxes.track < 0])) == 1
    assert len(set(ids[boxes.track >= 0])) == 2
    assert len(pairs) == 1
    nobody = cut_at_gaps(boxes, np.full(len(boxes), -1), TIMES)
    assert (set(nobody[0]), len(nobody[1])) == ({-1}, 0)
