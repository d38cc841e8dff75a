"""What the exports share: where a person is gone, rounding, and videos that are not there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sameplayer.identity.export.boxes import (
    boxes_with_identity,
    facts_of_videos,
    rounded_corners,
    rounded_sizes,
    video_facts,
)
from sameplayer.identity.log.player_log import PlayerLog
from tests.identity.logs import ENDS, SIZE, make_log, make_strange_log


def ends(log: PlayerLog) -> dict[int, set[int]]:
    boxes = boxes_with_identity(log)
    gone = boxes[boxes["ends"]]
    return {number: set(frames) for number, frames in gone.groupby("appearance")["frame"]}


def log_of(tmp_path: Path, frames: dict[int, list[int]], fps: float | None) -> PlayerLog:
    """Return a log of one camera, 25 frames a second, with boxes of appearances in these frames."""
    log = make_strange_log(tmp_path)
    rows = [(number, frame) for number, own in frames.items() for frame in own]
    boxes = pd.DataFrame(rows, columns=["appearance", "frame"])
    boxes = boxes.assign(camera="Main camera", time_s=(boxes["frame"] - 1) / 25, score=1.0)
    boxes = boxes.assign(left=1.0, top=1.0, width=9.0, height=9.0)
    return replace(log, boxes=boxes, facts={"settings": {"fps": fps}})


def test_a_person_is_gone_where_a_frame_that_was_looked_at_has_none_of_it(tmp_path: Path) -> None:
    assert ends(make_strange_log(tmp_path)) == ENDS


@pytest.mark.parametrize(
    ("frames", "fps", "gone"),
    [
        ({0: [*range(1, 41), *range(121, 131)]}, 5.0, {0: {40, 130}}),  # own boxes, each frame
        ({0: [1, 2, 4, 5], 1: [1, 2, 3, 4]}, 5.0, {0: {2, 5}, 1: {4}}),
        ({0: [1, 2, 3, 4, 6, 7]}, 25.0, {0: {4, 7}}),
        ({0: [1, 6, 11, 16, 26]}, 5.0, {0: {16, 26}}),
        (
            {0: [1, 3, 4, 5, 6, 8]},
            20.0,
            {0: {8}},
        ),  # four of five frames: 2 and 7 were not looked at
        ({0: [1, 6, 11, 21]}, None, {0: {11, 21}}),  # a log that does not say its rate
        ({0: [1, 26, 51, 76]}, 5.0, {0: {76}}),  # own boxes, one a second
        ({0: [7]}, 5.0, {0: {7}}),
    ],
)
def test_gaps_are_told_from_frames_that_were_not_looked_at(
    frames: dict[int, list[int]], fps: float | None, gone: dict[int, set[int]], tmp_path: Path
) -> None:
    log = log_of(tmp_path, frames, fps)
    assert ends(log) == gone
    mixed = replace(log, boxes=log.boxes.sample(frac=1, random_state=1, ignore_index=True))
    assert ends(mixed) == gone


def test_rounded_boxes_are_half_a_unit_off_at_most_and_have_a_size(tmp_path: Path) -> None:
    boxes = make_strange_log(tmp_path).boxes
    sides = boxes[["left", "top", "width", "height"]].to_numpy()
    corners = np.hstack([sides[:, :2], sides[:, :2] + sides[:, 2:]])
    wide = sides[:, 2] > 0.01
    for found, exact in ((rounded_sizes(boxes), sides), (rounded_corners(boxes), corners)):
        assert (np.abs(found - exact)[wide] <= 0.005 + 1e-9).all()
        np.testing.assert_allclose(found, found.round(2), atol=1e-12)
    assert (rounded_sizes(boxes)[:, 2:] >= 0.01).all()
    found = rounded_corners(boxes)
    assert (found[:, 2:] - found[:, :2] > 0.009).all()
    percent = rounded_sizes(boxes, 4, (640, 360))
    np.testing.assert_allclose(percent, sides / [6.4, 3.6, 6.4, 3.6], atol=0.00006)


def test_the_log_keeps_the_facts_of_its_videos(tmp_path: Path) -> None:
    log = make_log(tmp_path)
    kept = facts_of_videos(log.cameras)
    facts = {"width": SIZE[0], "height": SIZE[1], "frames": 30, "seconds": 3.0}
    assert kept == {"left": facts, "right": facts}
    gone = replace(make_log(tmp_path / "gone", video=False), facts={"videos": kept})
    assert video_facts(gone, gone.cameras[1]) == video_facts(log, log.cameras[1])


@pytest.mark.parametrize(
    "videos",
    [
        None,
        [],
        {"right": {"width": 9, "height": 9, "frames": 9, "seconds": 9}},
        {"left": 7},
        *(
            {"left": {"width": 9, "height": 9, "frames": 9, "seconds": 9, name: value}}
            for name, value in (
                ("width", 0),
                ("height", "9"),
                ("frames", True),
                ("seconds", -1),
                ("width", 1e9),
                ("seconds", float("nan")),
                ("frames", None),
            )
        ),
    ],
)
def test_a_size_that_nothing_tells_is_taken_from_the_boxes_and_that_is_said(
    videos: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = replace(make_log(tmp_path, video=False), facts={"videos": videos})
    facts = video_facts(log, log.cameras[0])
    assert (facts.width, facts.height, facts.frames) == (143, 80, 30)
    (said,) = caplog.messages
    assert "left.mp4: cannot be read" in said
    assert "143 x 80" in said


def test_a_log_is_as_long_as_its_boxes_go(tmp_path: Path) -> None:
    log = make_strange_log(tmp_path)
    log.facts["videos"]["Main camera"]["frames"] = 20
    assert video_facts(log, log.cameras[0]).frames == 101
