"""A region of the picture: who stands in it counts, and only there people are looked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sameplayer.data.images.picture import Picture
from sameplayer.errors import DataError, SettingError
from sameplayer.identity.pipeline import identify_players
from sameplayer.tracks.boxes import Boxes
from sameplayer.tracks.camera import Camera, cameras_of
from sameplayer.tracks.field import FieldDetector, boxes_in_field, field_of, stands_in
from sameplayer.tracks.stream import find_tracklets
from tests.identity.logs import SIZE, box_of, draw_video

FIELD = np.array([[100.0, 300], [500, 300], [600, 700], [0, 700]])
LEFT, RIGHT = Camera("left", Path("left.mp4")), Camera("right", Path("right.mp4"))


def test_whose_feet_are_in_the_region_stands_in_it() -> None:
    feet = [(300, 500), (300, 299), (90, 320), (599, 700), (601, 700)]
    xywh = np.array([[x - 10.0, y - 80, 20, 80] for x, y in feet])
    assert stands_in(xywh, FIELD).tolist() == [True, False, False, True, False]
    assert stands_in(np.zeros((0, 4)), FIELD).shape == (0,)


def test_given_boxes_outside_are_left_out_and_counted() -> None:
    xywh = np.array([[290.0, 420, 20, 80], [290, 200, 20, 80], [10, 20, 20, 80]])
    boxes = Boxes(np.array([1, 1, 2]), xywh, np.ones(3), np.array([4, 5, 5]), ("first",))
    found = boxes_in_field(boxes, FIELD)
    assert found.track.tolist() == [4]
    assert found.notes == ("first", "2 boxes outside the field are left out.")


def test_only_the_part_where_people_of_the_region_can_be_is_looked_at() -> None:
    looked: list[Picture] = []

    def detector(picture: Picture) -> tuple[np.ndarray, np.ndarray]:
        looked.append(picture)
        rows, columns = np.nonzero(picture[:, :, 0] > 100)
        boxes = [[x, y, 1, 1] for x, y in zip(columns, rows, strict=True)]
        return np.array(boxes, float).reshape(-1, 4), np.full(len(boxes), 0.9)

    picture = np.zeros((1000, 2000, 3), np.uint8)
    for x, y in ((300, 500), (300, 150), (1500, 500)):
        picture[y, x] = 200
    xywh, score = FieldDetector(detector, FIELD)(picture)
    assert xywh.tolist() == [[300, 500, 1, 1]]
    assert score.tolist() == [0.9]
    assert looked[0].shape == (640, 640, 3), "20 % of the height above, 2 % of the width around"


def test_the_fingerprint_holds_the_region_and_is_none_without_the_detector_s() -> None:
    def bare(picture: Picture) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros((0, 4)), np.zeros(0)

    assert FieldDetector(bare, FIELD).fingerprint is None
    bare.fingerprint = "a"  # type: ignore[attr-defined]
    one, other = FieldDetector(bare, FIELD), FieldDetector(bare, FIELD + 1)
    assert one.fingerprint != other.fingerprint
    assert one.fingerprint == FieldDetector(bare, FIELD.copy()).fingerprint


def test_a_region_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "field.csv"
    path.write_text("x,y\n" + "".join(f"{x},{y}\n" for x, y in FIELD))
    found = field_of(path, LEFT, [LEFT], (1000, 800))
    assert found is not None
    assert found.tolist() == FIELD.tolist()
    assert field_of({"left": path}, RIGHT, [LEFT, RIGHT], (1000, 800)) is None
    assert field_of(None, LEFT, [LEFT], None) is None


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ([[0, 0], [10, 0], [10, 10]], "4 corners or more"),
        ([[0, 0], [10, 10], [20, 20], [30, 30]], "enclose nothing"),
        ([[5000, 0], [6000, 0], [6000, 900], [5000, 900]], "enclose nothing of a picture of 1000"),
        ([[0, 0], [10, 0], [10, np.nan], [0, 10]], "no number"),
        ([["a", "b"]] * 4, "no region"),
        (7, "no region"),
    ],
)
def test_what_is_no_region_is_refused(field: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        field_of(field, LEFT, [LEFT], (1000, 800))  # type: ignore[arg-type]


def test_several_cameras_need_a_region_each() -> None:
    with pytest.raises(SettingError, match="a region for each camera: left, right"):
        field_of(FIELD, LEFT, [LEFT, RIGHT], None)
    with pytest.raises(SettingError, match="some of left, right"):
        field_of({"middle": FIELD}, LEFT, [LEFT, RIGHT], None)


def test_a_log_leaves_out_who_stands_outside_and_says_when_nobody_is_left(tmp_path: Path) -> None:
    video = draw_video(tmp_path / "left.mp4")
    frame = np.repeat(np.arange(1, 31), 4)
    xywh = np.array([box_of(at % 4, int(f)) for at, f in enumerate(frame)])
    boxes = Boxes(frame, xywh, np.full(120, 0.9), np.full(120, -1))
    half = [[0, 0], [SIZE[0] / 2, 0], [SIZE[0] / 2, SIZE[1]], [0, SIZE[1]]]
    tracklets = find_tracklets(cameras_of([video]), boxes, cuts=[], field=half)
    table = tracklets.table
    assert len(table)
    assert (table["left"] + table["width"] / 2 <= SIZE[0] / 2).all()
    assert any("outside the field are left out" in note for note in tracklets.notes)
    sky = [[0, 0], [SIZE[0], 0], [SIZE[0], 10], [0, 10]]
    with pytest.raises(DataError, match="Nobody was found") as caught:
        identify_players([video], boxes, cuts=[], field=sky)
    assert "outside the field" in str(caught.value)
