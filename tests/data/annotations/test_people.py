"""Boxes of any format become people in frames that count from 1, in pixels of the picture."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sameplayer.data.annotations.people import people, select_view
from sameplayer.data.annotations.rows import Annotations
from sameplayer.errors import DataError

SIZE = (160, 120)


def given(*boxes: dict[str, Any], **facts: Any) -> Annotations:
    usual = {"frame": 1, "left": 10, "top": 20, "width": 30, "height": 40}
    rows = [{"row": f"line {at}", **usual, **box} for at, box in enumerate(boxes, start=1)]
    return Annotations(pd.DataFrame(rows), **facts)


def frames_of(
    frames: list[int], there: int | Collection[int] | None, **facts: Any
) -> tuple[list[int], tuple[str, ...]]:
    chosen = facts.pop("first_frame", None)
    found = people(
        given(*({"frame": frame} for frame in frames), **facts),
        "b",
        frames=there,
        first_frame=chosen,
    )
    return found.table["frame"].tolist(), found.notes


@pytest.mark.parametrize(
    ("frames", "there", "shift"),
    [
        ([0, 5], 6, 1),
        ([1, 6], 6, 0),
        ([5], 6, 0),
        ([5], None, 0),
        ([0, 5], None, 1),
        ([0, 5], range(6), 0),
        ([1, 6], range(6), -1),
        ([1, 5], range(6), 0),
        ([2, 6], range(6), -1),
        ([0, 5], range(1, 7), 1),
        ([1, 6], range(1, 7), 0),
        ([100, 102], range(100, 103), 0),
        ([1, 9], range(1, 7), 0),
        ([], 6, 0),
        ([], range(6), 0),
    ],
)
def test_frames_count_as_the_numbers_tell(
    frames: list[int], there: int | Collection[int] | None, shift: int
) -> None:
    found, notes = frames_of(frames, there)
    assert found == [frame + shift for frame in frames]
    assert ("count from 0 in the boxes" in str(notes)) == (shift == 1)
    assert ("count from 1 in the boxes" in str(notes)) == (shift == -1)


def test_frames_count_as_the_format_or_the_user_says() -> None:
    assert frames_of([1, 2], 6, first=0)[0] == [2, 3]
    assert frames_of([1, 2], 6, first=0, first_frame=1)[0] == [1, 2]
    assert frames_of([1, 2], 6, first_frame=0)[0] == [2, 3]
    assert frames_of([1, 2], range(6), first=0) == ([1, 2], ())
    assert frames_of([1, 2], range(6), first=1)[0] == [0, 1]
    assert frames_of([0, 2], range(100, 103), first=0)[0] == [100, 102]


@pytest.mark.parametrize(
    ("frames", "there", "facts", "words"),
    [
        ([1, 7], 6, {}, "line 2: a box in frame 7; expected a frame of the video, which has 6"),
        ([0, 6], 6, {}, "line 2: a box in frame 6, counted from 0; expected a frame of the video"),
        (
            [0, 6],
            range(1, 7),
            {},
            "line 2: a box in frame 6, counted from 0; expected a frame of the p",
        ),
        ([1, 0], 6, {"first": 1}, "line 2: expected a whole frame number from 1, which"),
        ([1, -1], None, {}, "line 2: expected a whole frame number from 0 or 1; found -1"),
        ([1, 1.5], None, {}, "line 2: expected a whole frame number from 0 or 1; found 1.5"),
        ([1, np.nan], None, {}, "line 2: expected a whole frame number from 0 or 1; found nan"),
    ],
)
def test_frames_that_fit_neither_way_are_refused_with_their_row(
    frames: list[int], there: Any, facts: dict[str, int], words: str
) -> None:
    with pytest.raises(DataError, match=f"b, {words}"):
        frames_of(frames, there, **facts)


def test_only_people_are_read_and_the_others_are_counted() -> None:
    labels = ["Player_1", "ball", None, "GOALKEEPER", "ball", "goal"]
    found = people(given(*({"label": label} for label in labels)), "b")
    assert found.table["label"].fillna("-").tolist() == ["Player_1", "-", "GOALKEEPER"]
    assert found.notes == ("Boxes that show no people are left out: 2 of 'ball', 1 of 'goal'.",)


def test_labels_that_nobody_knows_are_kept_and_said() -> None:
    found = people(given({"label": "reds"}, {"label": "blues"}, {"label": "ball"}), "b")
    assert found.table["label"].tolist() == ["reds", "blues"]
    assert "boxes of 'reds', 'blues' are read as people" in found.notes[1]


def test_boxes_are_cut_to_the_picture_and_left_out_where_they_are_none() -> None:
    boxes: list[dict[str, Any]] = [
        {"left": -10.0, "top": 100.5},
        {"left": 200},
        {"width": 0},
        {"height": -3},
        {"top": np.nan},
        {"left": 1e9},
        {"left": 0.1, "width": 0.7},
    ]
    table, notes = (found := people(given(*boxes), "b", size=SIZE)).table, found.notes
    assert table["row"].tolist() == ["line 1", "line 7"]
    assert table[["left", "top", "width", "height"]].to_numpy().tolist() == [
        [0, 100.5, 20, 19.5],
        [0.1, 20, 0.7, 40],
    ]
    assert notes == (
        "2 boxes without four numbers in pixels, such as line 5, are left out.",
        "2 boxes without a width and a height over 0, such as line 3, are left out.",
        "1 box outside the picture of 160 x 120, line 2, is left out.",
    )
    assert people(given(*boxes[:2]), "b").table["left"].tolist() == [-10, 200]


def test_shares_become_pixels() -> None:
    box = {"left": 0.5, "top": 0.25, "width": 0.25, "height": 0.5}
    for found in (given(box, shares=True), given(box)):
        table = people(found, "b", size=SIZE).table
        assert table[["left", "top", "width", "height"]].to_numpy().tolist() == [[80, 30, 40, 60]]
    assert "shares of the picture" in people(given(box), "b", size=SIZE).notes[0]
    unsized = people(given(box, shares=True), "b")
    assert unsized.table["left"].tolist() == [0.5]
    assert unsized.notes == (
        "Boxes are shares of the picture, from 0 to 1, since its size is not given.",
    )


@pytest.mark.parametrize(
    ("scores", "read", "words"),
    [
        ([0.5, 0, 1], [0.5, 0, 1], ""),
        ([-1, np.nan, 0.25], [1, 1, 0.25], ""),
        ([87.5, 12, -1], [0.875, 0.12, 1], "from 12 to 87.5 are read as percent"),
        ([-0.5, 3, 0], [1 / 3, 0.875, 0.5], "from -0.5 to 3 are mapped to 0 to 1"),
        ([1, 1000, 200], [0.75, 0.99950049950, 0.9975124378], "from 1 to 1000 are mapped"),
    ],
)
def test_scores_of_any_scale_keep_their_order(
    scores: list[float], read: list[float], words: str
) -> None:
    boxes = [{"score": score, "frame": frame} for frame, score in enumerate(scores, start=1)]
    found = people(given(*boxes), "b")
    assert found.table["score"].tolist() == pytest.approx(read)
    assert words in str(found.notes)
    assert bool(words) == bool(found.notes)


def test_a_track_is_in_one_place_at_a_time() -> None:
    found = people(given({"track": 3}, {"track": 3}, {"track": -5}, {"track": None}), "b")
    assert found.table["track"].tolist() == [3, -1, -1]
    assert found.notes == ("1 box equal to another of its track, line 2, is left out.",)
    with pytest.raises(DataError, match="b, line 2: track 3 has a second box in frame 1"):
        people(given({"track": 3}, {"track": 3, "left": 11}), "b")
    people(given({"track": 3, "camera": "a"}, {"track": 3, "left": 11, "camera": "b"}), "b")
    with pytest.raises(DataError, match=r"b, line 1: expected a whole track number; found 2\.5"):
        people(given({"track": 2.5}), "b")


def test_the_boxes_of_one_camera_or_sequence_are_taken() -> None:
    both = given({"camera": "a", "frame": 0}, {"camera": "b", "frame": 4}, {"camera": "b"})
    assert select_view(both, "b", "f").table["frame"].tolist() == [4, 1]
    assert people(select_view(both, "b", "f"), "f").table["frame"].tolist() == [5, 2]
    with pytest.raises(DataError, match="f: holds boxes of the cameras a, b; name one"):
        select_view(both, None, "f")
    with pytest.raises(DataError, match="f: holds no box of the camera 'c'; it has those of a, b"):
        select_view(both, "c", "f")
    one = given({"sequence": "clip"})
    assert len(select_view(one, "match", "f").table) == 1
    assert select_view(given({}), "any", "f").table["row"].tolist() == ["line 1"]


@pytest.mark.parametrize("label", ["team-1", "Spieler", "Árbitro", "home", "jugador 7"])
def test_labels_beside_a_referee_are_people(label: str) -> None:
    found = people(given({"label": label}, {"label": "referee"}, {"label": "ball"}), "b")
    assert found.table["label"].tolist() == [label, "referee"]


def test_boxes_that_look_like_others_are_told() -> None:
    boxes = [
        {"frame": frame, "left": 90, "top": 70, "width": 99, "height": 99} for frame in range(1, 31)
    ]
    found = people(given(*boxes), "b", size=(100, 100))
    assert "right and bottom, name the columns" in found.notes[0]
    assert "30 of 30 boxes reach over the edge" in found.notes[1]
    assert people(given(*boxes[:5]), "b", size=(100, 100)).notes == ()


@pytest.mark.parametrize("name", ["Cam1", " cam1.mp4 ", "C:\\clips\\cam1.MP4", "clips/cam1.mov"])
def test_a_camera_is_known_by_its_file_and_whatever_its_case(name: str) -> None:
    found = given({"camera": name}, {"camera": "cam2"})
    assert len(select_view(found, "cam1", "b").table) == 1
    with pytest.raises(DataError, match="no box of the camera 'cam'"):
        select_view(found, "cam", "b")
