"""The tracker: one person a tracklet, at few frames a second too; it ends rather than swaps."""

from __future__ import annotations

import numpy as np
import pytest

from sameplayer.errors import DataError, SettingError
from sameplayer.tracks.boxes import Boxes
from sameplayer.tracks.tracking.registry import TRACKERS, tracker_of
from sameplayer.tracks.tracking.tracker import TrackerConfig, assign, duplicates, track
from tests.tracks.drawn import boxes_at

TIMES = np.arange(100) / 5
ONE_SHOT = np.zeros(100, np.int64)
RED, BLUE = np.eye(2)


def test_a_runner_who_moves_two_widths_a_frame_is_one_tracklet() -> None:
    boxes = boxes_at({frame: [(100 + 40 * frame, 200)] for frame in range(1, 12)})
    assert track(boxes, TIMES, ONE_SHOT).tolist() == [0] * 11


def test_two_who_walk_apart_are_two_tracklets() -> None:
    boxes = boxes_at({frame: [(100 + 10 * frame, 200), (500, 200)] for frame in range(1, 12)})
    assert track(boxes, TIMES, ONE_SHOT).tolist() == [0, 1] * 11


def test_no_tracklet_goes_on_behind_a_cut() -> None:
    boxes = boxes_at({frame: [(100, 200)] for frame in range(1, 9)})
    shots = (np.arange(100) >= 4).astype(np.int64)
    assert track(boxes, TIMES, shots).tolist() == [0] * 4 + [1] * 4


def met_and_parted() -> dict[int, list[tuple[float, float]]]:
    """Two come together to one place, stand there, and go back apart."""
    offset = [60, 45, 30, 15, 6, 2, 0, 0, 2, 6, 15, 30, 45, 60]
    return {n: [(300 - x, 200), (300 + x + 1, 203)] for n, x in enumerate(offset, start=1)}


def test_people_who_cannot_be_told_apart_end_rather_than_swap() -> None:
    ids = track(boxes_at(met_and_parted()), TIMES, ONE_SHOT).reshape(-1, 2)
    assert not set(ids[0]) & set(ids[-1])


def test_looks_keep_people_apart_who_meet() -> None:
    boxes = boxes_at({n: two for n, two in met_and_parted().items() if n not in (6, 7, 8, 9)})
    looks = np.tile([RED, BLUE], (len(boxes) // 2, 1))
    ids = track(boxes, TIMES, ONE_SHOT, looks).reshape(-1, 2)
    assert (ids == ids[0]).all()
    assert not set(ids[:, 0]) & set(ids[:, 1])


def test_somebody_hidden_for_a_moment_is_waited_for_and_not_for_ever() -> None:
    walk = {frame: [(100 + 5 * frame, 200)] for frame in (1, 2, 3, 4, 5, 8, 9, 20, 21)}
    ids = track(boxes_at(walk), TIMES, ONE_SHOT)
    assert ids.tolist() == [0] * 7 + [1] * 2


def test_ids_that_come_with_boxes_are_kept_and_split_at_cuts() -> None:
    boxes = boxes_at({frame: [(30 * frame**2, 200)] for frame in range(1, 7)}, track=7)
    shots = (np.arange(100) >= 3).astype(np.int64)
    assert track(boxes, TIMES, ONE_SHOT).tolist() == [0] * 6
    assert track(boxes, TIMES, shots).tolist() == [0] * 3 + [1] * 3


def test_the_less_sure_of_two_boxes_on_one_player_is_left_out() -> None:
    twice = boxes_at({frame: [(100, 200), (102, 201), (160, 200)] for frame in (1, 2, 3)})
    boxes = Boxes(twice.frame, twice.xywh, np.tile([0.6, 0.9, 0.5], 3), twice.track)
    assert duplicates(boxes).tolist() == [True, False, False] * 3
    assert track(boxes, TIMES, ONE_SHOT).tolist() == [-1, 0, 1] * 3


def test_a_box_within_a_surer_one_is_left_out_unless_it_has_a_track() -> None:
    frame, score = np.array([1, 1]), np.array([0.9, 0.6])
    xywh = np.array([[100, 100, 40, 120], [105, 101, 30, 60]], float)
    for number, gone in ((-1, [False, True]), (4, [False, False])):
        boxes = Boxes(frame, xywh, score, np.array([number, -1]))
        assert duplicates(boxes).tolist() == gone


def test_short_tracklets_of_unsure_boxes_are_left_out() -> None:
    sure = boxes_at({1: [(100, 200)], 2: [(100, 200)], 3: [(400, 200)]})
    boxes = Boxes(sure.frame, sure.xywh, np.array([0.4, 0.4, 0.8]), sure.track)
    assert track(boxes, TIMES, ONE_SHOT).tolist() == [-1, -1, 0]


def test_uneven_times_count_and_not_frame_numbers() -> None:
    """The same frames, but half a second is missing in which a runner went on."""
    times = np.cumsum(np.r_[0, np.full(5, 0.2), 0.6, np.full(5, 0.2)])
    middles = {frame: [(100 + 200 * times[frame - 1], 200)] for frame in range(1, 13)}
    assert track(boxes_at(middles), times, np.zeros(12, np.int64)).tolist() == [0] * 12


def test_nothing_in_nothing_out_and_boxes_behind_the_video_are_refused() -> None:
    assert track(boxes_at({}), TIMES, ONE_SHOT).shape == (0,)
    with pytest.raises(DataError, match="Boxes up to frame 101, 100 times"):
        track(boxes_at({101: [(5, 5)]}), TIMES, ONE_SHOT)


def test_a_wider_margin_ends_more() -> None:
    cost = np.array([[0.0, 2.5], [2.5, 0.0]])
    pairs, doubtful = assign(cost, margin=4.0)
    assert pairs.tolist() == [[0, 0], [1, 1]]
    assert not len(doubtful)
    pairs, doubtful = assign(cost, margin=6.0)
    assert not len(pairs)
    assert doubtful.tolist() == [0, 1]


class Nearest:
    """A tracker as other packages have them: gives detections back, in another order."""

    def __init__(self) -> None:
        self.resets = 0

    def reset(self) -> None:
        self.resets += 1

    def update(self, detections: object, frame: object = None) -> object:
        back = detections[::-1]  # type: ignore[index]
        back.tracker_id = (back.xyxy[:, 0] // 100).astype(int)
        back.tracker_id[back.xyxy[:, 0] > 900] = -1
        return back


def test_a_tracker_of_another_package_fits_in_its_place() -> None:
    pytest.importorskip("supervision")
    nearest = Nearest()
    boxes = boxes_at({frame: [(150, 90), (650, 90), (950, 90)] for frame in (1, 2, 3, 4)})
    shots = (np.arange(100) >= 2).astype(np.int64)
    ids = tracker_of(nearest)(boxes, TIMES, shots, None)
    assert ids.tolist() == [0, 1, -1, 0, 1, -1, 2, 3, -1, 2, 3, -1]
    assert nearest.resets == 2


def test_a_tracker_is_a_name_a_callable_or_has_update() -> None:
    assert tracker_of("own") is TRACKERS["own"]
    assert tracker_of(track) is track
    with pytest.raises(SettingError, match="Did you mean 'own'"):
        tracker_of("owm")
    with pytest.raises(SettingError, match="tracker is 7"):
        tracker_of(7)


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(SettingError, match="gap"):
        TrackerConfig(gap=-1)
    with pytest.raises(SettingError, match="margin"):
        TrackerConfig(margin=float("nan"))


def test_boxes_with_and_without_a_track_may_stand_together() -> None:
    mixed = boxes_at({frame: [(100, 200), (400, 200)] for frame in (1, 2, 3)})
    boxes = Boxes(mixed.frame, mixed.xywh, mixed.score, np.tile([5, -1], 3))
    assert track(boxes, TIMES, ONE_SHOT).tolist() == [0, 1] * 3
