"""Boxes from files and from objects: read, left out with a note, or refused with the row."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sameplayer.errors import DataError, MissingFile, SettingError
from sameplayer.tracks.detection.box_files import boxes_of, read_boxes, refuse_one_camera

ROWS = pd.DataFrame(
    {
        "frame": [3, 1, 1],
        "left": [5.0, 10, 60],
        "top": [6.0, 20, 20],
        "width": [10.0, 12, 12],
        "height": [30.0, 36, 36],
        "score": [0.5, 0.75, 1.0],
        "track": [4, 4, 9],
    }
)


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
    "beyond the video": (lambda t: t.assign(frame=[9, 1, 1]), "row 2: a box in frame 9; expected"),
    "half a frame": (lambda t: t.assign(frame=[3, 1.5, 1]), "row 3: expected a whole frame"),
    "no number": (lambda t: t.assign(width=["x", "1", "2"]), "row 2: column 'width' is 'x'"),
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


LEFT_OUT: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], str]] = {
    "outside": (lambda t: t.assign(left=[5, 300, 60]), "1 box outside the picture of 100 x 100"),
    "infinite": (lambda t: t.assign(top=[6, np.inf, 20]), "1 box without four numbers in pi"),
    "empty cell": (lambda t: t.assign(width=[10, None, 12]), "1 box without four numbers"),
    "no size": (lambda t: t.assign(height=[30, 0, 36]), "1 box without a width and a height over"),
    "no person": (lambda t: t.assign(label=["gk", "ball", "gk"]), "are left out: 1 of 'ball'."),
}


@pytest.mark.parametrize("case", LEFT_OUT)
def test_boxes_that_show_nobody_are_left_out_with_a_note(tmp_path: Path, case: str) -> None:
    change, note = LEFT_OUT[case]
    boxes = read_boxes(written(tmp_path / "b.csv", change(ROWS)), 5, (100, 100))
    assert boxes.track.tolist() == [9, 4]
    assert boxes.frame.tolist() == [1, 3]
    assert note in boxes.notes[0]


def test_the_first_frame_is_found_out_or_said(tmp_path: Path) -> None:
    path = written(tmp_path / "b.csv", ROWS.assign(frame=[3, 0, 1]))
    assert read_boxes(path, 4).frame.tolist() == [1, 2, 4]
    assert "count from 0" in read_boxes(path, 4).notes[0]
    with pytest.raises(DataError, match="row 3: expected a whole frame number"):
        read_boxes(path, 4, first_frame=1)
    path = written(tmp_path / "b.csv", ROWS)
    assert read_boxes(path, 4, first_frame=0).frame.tolist() == [2, 2, 4]
    with pytest.raises(SettingError, match="first_frame is 2; expected 0 or 1"):
        read_boxes(path, 4, first_frame=2)


def test_boxes_of_several_cameras_count_their_frames_alike(tmp_path: Path) -> None:
    left = ROWS.assign(camera="left", frame=[2, 0, 1])
    path = written(tmp_path / "b.csv", pd.concat([left, ROWS.assign(camera="right")]))
    assert read_boxes(path, camera="right").frame.tolist() == [2, 2, 4]


def test_a_bad_line_of_mot_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("1,1,5,5,9,9,1\n2,1.5,5,5,9,9,1\n")
    with pytest.raises(DataError, match=r"b\.txt, line 2: expected frame,track"):
        read_boxes(tmp_path / "b.txt")
    (tmp_path / "b.txt").write_text("1,1,5,5,9,9,1\n\n7,1,50,5,9,9,1\n")
    with pytest.raises(DataError, match=r"b\.txt, line 3: a box in frame 7; expected a frame of"):
        read_boxes(tmp_path / "b.txt", 6, (100, 100))


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
        xyxy=np.array([[1, 2, 11, 22], [5, 5, 9, 9]]),
        confidence=np.array([0.5, 0.25]),
        tracker_id=np.array([3, -1]),
    )
    boxes = boxes_of(iter([one, None, two]), first=5)
    assert boxes.frame.tolist() == [5, 7, 7]
    assert boxes.xywh.tolist() == [[1, 2, 10, 20], [1, 2, 10, 20], [5, 5, 4, 4]]
    assert boxes.score.tolist() == [1, 0.5, 0.25]
    assert boxes.track.tolist() == [-1, 3, -1]


def test_detections_of_supervision_are_read() -> None:
    supervision = pytest.importorskip("supervision")
    found = supervision.Detections(
        xyxy=np.array([[1, 2, 11, 22]], float), confidence=np.array([0.5]), tracker_id=np.array([8])
    )
    boxes = boxes_of([found, supervision.Detections.empty()])
    assert (boxes.frame.tolist(), boxes.track.tolist()) == ([1], [8])


def found(*xyxy: list[float], **facts: Any) -> SimpleNamespace:
    return SimpleNamespace(xyxy=np.array(xyxy, float).reshape(-1, 4), **facts)


TWO = [[1.0, 2, 11, 22], [5.0, 5, 9, 9]]


@pytest.mark.parametrize("ids", [None, [], [None, None], [np.nan, -1], [-1, -7]])
def test_detections_without_tracks_have_none(ids: list[Any] | None) -> None:
    given = None if ids is None else np.array(ids, object)
    assert boxes_of([found(*TWO, tracker_id=given)]).track.tolist() == [-1, -1]


def test_tracks_of_detections_may_lack_and_be_floats() -> None:
    ids = np.array([3.0, None], object)
    assert boxes_of([found(*TWO, tracker_id=ids)]).track.tolist() == [3, -1]


def test_detections_of_no_people_or_no_size_are_left_out_and_said() -> None:
    names = {"class_name": np.array(["player", "ball"])}
    boxes = boxes_of([found(*TWO, data=names)], first=4)
    assert (boxes.frame.tolist(), len(boxes.notes)) == ([4], 1)
    assert "1 of 'ball'" in boxes.notes[0]
    boxes = boxes_of([found(*TWO, class_id=np.array([0, 2]))])
    assert (len(boxes), "class_id, 0, 2, have no names" in boxes.notes[0]) == (2, True)
    boxes = boxes_of([found(*TWO, class_id=np.array([0, 32]))])
    assert (len(boxes), "read as COCO's" in boxes.notes[0]) == (1, True)
    boxes = boxes_of([None, found([5, 5, 5, 9], [np.nan, 1, 2, 3], *TWO, [-9, 1, 0, 9])], 1, (8, 9))
    assert boxes.xywh.tolist() == [[1, 2, 7, 7], [5, 5, 3, 4]]
    assert [note.split(" ", 2)[2].split(",")[0] for note in boxes.notes] == [
        "without four numbers in pixels",
        "without a width and a height over 0",
        "outside the picture of 8 x 9",
    ]
    assert "frame 2, box 0" in boxes.notes[1]


def test_scores_of_detections_may_be_percent() -> None:
    boxes = boxes_of([found(*TWO, confidence=np.array([90.0, 35]))])
    assert boxes.score.tolist() == [0.9, 0.35]


def test_results_of_ultralytics_are_read() -> None:
    inner = found(*TWO, conf=np.array([0.5, 0.25]), id=np.array([8.0, 9]), cls=np.array([0.0, 32]))
    boxes = boxes_of([SimpleNamespace(boxes=inner, names={0: "person", 32: "sports ball"})])
    assert (boxes.track.tolist(), boxes.score.tolist()) == ([8], [0.5])
    nobody = SimpleNamespace(boxes=found(id=None, conf=np.zeros(0), cls=np.zeros(0)), names={})
    assert len(boxes_of([nobody])) == 0


def test_tensors_are_read() -> None:
    torch = pytest.importorskip("torch")
    given = SimpleNamespace(
        xyxy=torch.tensor(TWO, requires_grad=True), tracker_id=torch.tensor([1, 2])
    )
    assert boxes_of([given]).xywh.tolist() == [[1, 2, 10, 20], [5, 5, 4, 4]]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (found(*TWO, tracker_id=np.array([1, 1])), ", frame 2, box 1: track 1 has a second box"),
        (found(*TWO, tracker_id=np.array([1.5, 1])), "frame 2, box 0: expected a whole track"),
        (found(*TWO, tracker_id=np.array([1])), r"of frame 2: tracker_id of shape \(1,\); expect"),
        (found(*TWO, tracker_id=np.array(["a", "b"])), "of frame 2: tracker_id is no array of num"),
        (found(*TWO, confidence=np.array([1.0])), r"of frame 2: confidence of shape \(1,\); exp"),
        (found(*TWO, data={"class_name": ["a"]}), "of frame 2: data.*class_name.* of shape"),
        (SimpleNamespace(xyxy=np.zeros((2, 5))), r"of frame 2: xyxy of shape \(2, 5\); expected"),
        ("boxes", "of frame 2: a str; expected an object with .xyxy"),
    ],
)
def test_detections_that_do_not_fit_are_refused_with_their_frame(given: Any, words: str) -> None:
    with pytest.raises(DataError, match=f"Detections.*{words}"):
        boxes_of([None, given])


@pytest.mark.parametrize("given", [found(*TWO), None])
def test_detections_of_one_frame_are_no_list_of_them(given: Any) -> None:
    with pytest.raises(DataError, match="expected a list of them, one a frame"):
        boxes_of(given)


def test_boxes_of_cameras_that_have_no_video_are_told(tmp_path: Path) -> None:
    path = tmp_path / "b.csv"
    rows = "".join(f"{camera},1,1,2,3,4\n" for camera in ("A.mp4", "b", "c"))
    path.write_text(f"camera,frame,left,top,width,height\n{rows}")
    assert refuse_one_camera(path, ["a", "b", "c"]) == ()
    assert "are not used: c." in refuse_one_camera(path, ["a", "b"])[0]


def test_frames_of_detections_count_from_1() -> None:
    with pytest.raises(SettingError, match="first is 0; expected 1 or more"):
        boxes_of([found(*TWO)], first=0)
