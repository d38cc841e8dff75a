"""Boxes from files and from objects: read as they are, or refused with the row."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from sameplayer.errors import DataError, MissingFile
from sameplayer.tracks.box_files import boxes_of, read_boxes

ROWS = pd.DataFrame(
    {
        "frame": [3, 1, 1], "left": [5.0, 10, 60], "top": [6.0, 20, 20], "width": [10.0, 12, 12],
        "height": [30.0, 36, 36], "score": [0.5, 0.75, 1.0], "track": [4, 4, 9],
    }
)  # fmt: skip


def written(path: Path, table: pd.DataFrame) -> Path:
    if path.suffix == ".parquet":
        table.to_parquet(path)
    elif path.suffix == ".csv":
        table.to_csv(path, index=False)
    else:
        columns = ["frame", "track", "left", "top", "width", "height", "score"]
        table[columns].to_csv(path, index=False, header=False)
    return path


@pytest.mark.parametrize("name", ["b.csv", "b.parquet", "b.txt"])
def test_boxes_are_read_in_order_of_frames(tmp_path: Path, name: str) -> None:
    boxes = read_boxes(written(tmp_path / name, ROWS), 3, (100, 100))
    assert boxes.frame.tolist() == [1, 1, 3]
    assert boxes.xywh.tolist() == [[10, 20, 12, 36], [60, 20, 12, 36], [5, 6, 10, 30]]
    assert boxes.score.tolist() == [0.75, 1.0, 0.5]
    assert boxes.track.tolist() == [4, 9, 4]


def test_corners_do_as_well_and_scores_and_tracks_may_lack(tmp_path: Path) -> None:
    corners = pd.DataFrame({"frame": [1], "x1": [2], "y1": [3], "x2": [12], "y2": [23]})
    named = corners.set_axis(["frame", "left", "top", "right", "bottom"], axis=1)
    for number, table in enumerate((corners, named)):
        boxes = read_boxes(written(tmp_path / f"{number}.csv", table))
        assert boxes.xywh.tolist() == [[2, 3, 10, 20]]
        assert (boxes.score.tolist(), boxes.track.tolist()) == ([1], [-1])


def test_a_track_without_a_number_is_none(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text(
        "frame,left,top,width,height,track\n1,1,1,5,5,\n1,20,1,5,5,-1\n1,40,1,5,5,3\n"
    )
    assert read_boxes(tmp_path / "b.csv").track.tolist() == [-1, -1, 3]


def test_the_rows_of_a_camera_are_taken_and_one_id_in_two_cameras_is_fine(tmp_path: Path) -> None:
    table = pd.concat([ROWS.assign(camera="left"), ROWS.assign(camera="right", left=1)])
    path = written(tmp_path / "b.csv", table)
    assert read_boxes(path, camera="left").xywh[0, 0] == 10
    assert read_boxes(path, camera="right").xywh[0, 0] == 1
    assert len(read_boxes(path, camera="right")) == 3
    with pytest.raises(DataError, match="cameras left, right; name one"):
        read_boxes(path)
    with pytest.raises(DataError, match="no box of the camera 'middle'; it has those of left, rig"):
        read_boxes(path, camera="middle")


def test_boxes_over_the_edge_are_cut_to_the_frame(tmp_path: Path) -> None:
    path = written(tmp_path / "b.csv", ROWS.assign(left=-4, top=-10))
    assert read_boxes(path, None, (100, 100)).xywh[2].tolist() == [0, 0, 6, 20]
    assert read_boxes(path).xywh[2].tolist() == [-4, -10, 10, 30]


BAD: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], str]] = {
    "outside": (lambda t: t.assign(left=[5, 300, 60]), "row 3: expected a box that reaches into"),
    "beyond the video": (lambda t: t.assign(frame=[9, 1, 1]), "row 2: expected a frame of the vid"),
    "frame 0": (lambda t: t.assign(frame=[3, 0, 1]), "row 3: expected a whole frame number from 1"),
    "half a frame": (lambda t: t.assign(frame=[3, 1.5, 1]), "row 3: expected a whole frame"),
    "infinite": (lambda t: t.assign(top=[5, np.inf, 2]), "row 3: expected a box of four finite"),
    "no number": (lambda t: t.assign(width=["x", "1", "2"]), "row 2: expected a box of four fini"),
    "empty cell": (lambda t: t.assign(width=[1, None, 2]), "row 3: expected a box of four finite"),
    "no size": (lambda t: t.assign(height=[30, 36, 0]), "row 4: expected a width and a height"),
    "score": (lambda t: t.assign(score=[0.5, 1, 7]), "row 4: expected a score from 0 to 1"),
    "half a track": (lambda t: t.assign(track=[1, 2.5, 3]), "row 3: expected a whole track number"),
    "twice": (lambda t: t.assign(track=9), "row 4: track 9 has a second box in frame 1"),
    "no column": (lambda t: t.drop(columns="top"), "need the columns frame, left, top"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_boxes_is_refused_with_its_row(tmp_path: Path, case: str) -> None:
    change, expected = BAD[case]
    path = written(tmp_path / "b.csv", change(ROWS))
    with pytest.raises(DataError, match=f"b.csv.*{expected}"):
        read_boxes(path, 5, (100, 100))


def test_a_bad_line_of_mot_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("1,1,5,5,9,9,1\n2,1,5,5,inf,9,1\n")
    with pytest.raises(DataError, match=r"b\.txt, line 2: expected frame,track"):
        read_boxes(tmp_path / "b.txt")
    (tmp_path / "b.txt").write_text("1,1,5,5,9,9,1\n\n2,1,500,5,9,9,1\n")
    with pytest.raises(DataError, match=r"b\.txt, row 3: expected a box that reaches"):
        read_boxes(tmp_path / "b.txt", None, (100, 100))


@pytest.mark.parametrize("name", ["b.csv", "b.parquet", "b.txt"])
def test_a_file_that_is_not_there_or_nothing_of_the_kind_is_refused(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(MissingFile, match="no such file"):
        read_boxes(tmp_path / name)
    (tmp_path / name).write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(DataError, match=name):
        read_boxes(tmp_path / name)


def test_no_boxes_are_no_boxes(tmp_path: Path) -> None:
    for name in ("b.csv", "b.parquet", "b.txt"):
        assert len(read_boxes(written(tmp_path / name, ROWS[:0]), 3, (9, 9))) == 0
    assert len(boxes_of([])) == 0


def test_detections_a_frame_become_boxes() -> None:
    one = SimpleNamespace(xyxy=np.array([[1, 2, 11, 22]]), confidence=None, tracker_id=None)
    two = SimpleNamespace(
        xyxy=np.array([[1, 2, 11, 22], [5, 5, 9, 9]]), confidence=np.array([0.5, 0.25]),
        tracker_id=np.array([3, -1]),
    )  # fmt: skip
    boxes = boxes_of(iter([one, None, two]), first=5)
    assert boxes.frame.tolist() == [5, 7, 7]
    assert boxes.xywh.tolist() == [[1, 2, 10, 20], [1, 2, 10, 20], [5, 5, 4, 4]]
    assert boxes.score.tolist() == [1, 0.5, 0.25]
    assert boxes.track.tolist() == [-1, 3, -1]


def test_detections_of_supervision_are_read() -> None:
    supervision = pytest.importorskip("supervision")
    found = supervision.Detections(
        xyxy=np.array([[1, 2, 11, 22]], float), confidence=np.array([0.5]),
        tracker_id=np.array([8]),
    )  # fmt: skip
    boxes = boxes_of([found, supervision.Detections.empty()])
    assert (boxes.frame.tolist(), boxes.track.tolist()) == ([1], [8])


def test_detections_without_size_are_refused_with_their_frame() -> None:
    flat = SimpleNamespace(xyxy=np.array([[5, 5, 5, 9]]))
    with pytest.raises(DataError, match="Box 0: frame 2"):
        boxes_of([None, flat])
