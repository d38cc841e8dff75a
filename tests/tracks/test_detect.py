"""Detectors: real people found by the shipped one, nobody twice or cut, and others in its place."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from sameplayer.common.boxes import overlaps
from sameplayer.data.images.picture import Picture
from sameplayer.data.video.frames import open_video
from sameplayer.errors import DataError, MissingExtra, SettingError
from sameplayer.tracks.detection import rtmdet
from sameplayer.tracks.detection.detectors import boxes_in, detector_of
from sameplayer.tracks.detection.rtmdet import RtmDet, choose_tile, tall_people
from sameplayer.tracks.detection.tiles import find_in_tiles, tile_places, tile_sizes, within

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("SAMEPLAYER_SHARED", ROOT / "shared")) / "data"


@pytest.fixture(scope="module")
def soccer() -> tuple[Picture, np.ndarray]:
    """The near half of a real frame, and the hand-made boxes that are wholly in it."""
    video = SHARED / "soccer_two_cameras" / "left_camera.mp4"
    if not video.is_file():
        pytest.skip(f"the soccer videos are not at {video.parent}")
    table = pd.read_csv(ROOT / "benchmarks" / "real" / "soccer_two_cameras.csv")
    table = table[(table["camera"] == "left") & (table["frame"] == 1)]
    boxes = table[["left", "top", "width", "height"]].to_numpy(float) - [1472, 704, 0, 0]
    inside = (boxes[:, :2] > 0).all(axis=1)
    return np.ascontiguousarray(open_video(video).read(1)[704:, 1472:]), boxes[inside]


def test_real_players_are_found_each_once(soccer: tuple[Picture, np.ndarray]) -> None:
    picture, people = soccer
    xywh, score = RtmDet(1024)(picture)
    assert xywh.dtype == score.dtype == np.float64
    share, _ = overlaps(people, xywh)
    assert len(people) >= 10
    assert ((share > 0.5).sum(axis=1) == 1).mean() >= 0.9
    assert (score >= 0.3).all()
    assert (score <= 1).all()


def test_smaller_tiles_find_who_is_too_small_for_the_whole(
    soccer: tuple[Picture, np.ndarray],
) -> None:
    part, people = soccer
    picture = np.full((1024, 3200, 3), 114, np.uint8)
    picture[:, : part.shape[1]] = part
    found = {
        tile: (overlaps(people, RtmDet(tile)(picture)[0])[0] > 0.5).any(axis=1).mean()
        for tile in (None, 1024)
    }
    assert found[None] < 0.8 < 0.95 <= found[1024]


def test_the_tile_is_chosen_by_the_size_of_the_people(soccer: tuple[Picture, np.ndarray]) -> None:
    picture = soccer[0]
    detector = RtmDet("auto")
    assert detector.fit([picture]) == detector.tile
    assert detector.tile in (800, 1024, 1280)
    assert detector.smallest is not None
    assert 18 < detector.smallest < 40
    near = np.ascontiguousarray(picture[500:, 800:])
    closer = np.repeat(np.repeat(near, 2, axis=0), 2, axis=1)
    assert RtmDet("auto").fit([closer]) in (1664, None)


def test_a_picture_too_large_to_be_looked_at_at_once_is_cut_and_nobody_is_lost(
    soccer: tuple[Picture, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    picture, people = soccer
    whole, _ = RtmDet(1024)(picture)
    monkeypatch.setattr(rtmdet, "MOST", 640 * 640)
    parts, _ = RtmDet(1024)(picture)
    for found in (whole, parts):
        assert (overlaps(people, found)[0] > 0.5).any(axis=1).all()
    assert ((overlaps(whole, parts)[0] > 0.5).sum(axis=1) <= 1).mean() > 0.9


def test_people_as_tall_as_the_frame_are_found(soccer: tuple[Picture, np.ndarray]) -> None:
    picture, people = soccer
    left, top, width, height = people[people[:, 3].argmax()].astype(int)
    near = picture[max(0, top - 20) : top + height + 20, max(0, left - 80) : left + width + 80]
    tall = np.repeat(np.repeat(near, 7, axis=0), 7, axis=1)  # 1,300 pixels from head to foot
    xywh, _ = RtmDet(512)(tall)
    assert (xywh[:, 3] > 900).any()
    assert not len(RtmDet(512)._find(tall, 640 / 512)[1]), "at that scale alone he is too large"


@pytest.mark.parametrize(
    ("height", "tile"), [(10, 320), (16, 400), (41, 1024), (60, 1280), (90, None)]
)
def test_the_tile_grows_with_the_people(height: int, tile: int | None) -> None:
    tall = np.array([float(height)])
    expected = 512 if tile in (320, 400) else tile  # the smallest that is affordable at this size
    assert choose_tile(tall, [(1080, 1920)]) == expected
    assert choose_tile(tall, [(300, 700)]) == (tile if (tile or 999) < 700 else None)


def test_a_crowd_far_away_does_not_make_tiles_small_and_no_people_are_the_middle() -> None:
    picture = np.zeros((400, 400, 3), np.uint8)

    def find(_: Picture, __: float) -> tuple[np.ndarray, np.ndarray]:
        heights = np.r_[np.full(20, 8.0), np.full(10, 60.0)]
        columns = np.arange(30) * 10.0
        xywh = np.stack([columns, columns, np.full(30, 4.0), heights], axis=1)
        return xywh, np.full(30, 0.8)

    assert tall_people(find, [picture]).tolist() == [60.0] * 10
    nobody = tall_people(lambda _, __: (np.zeros((0, 4)), np.zeros(0)), [picture])
    assert choose_tile(nobody, [(400, 400)]) == 640


@pytest.mark.parametrize(("length", "tile"), [(1728, 416), (3072, 1024), (1000, 999), (300, 300)])
def test_tiles_cover_a_side_and_overlap(length: int, tile: int) -> None:
    places = tile_places(length, tile)
    assert places[0] == 0
    assert places[-1] == max(0, length - tile)
    assert all(step <= 0.8 * tile + 1 for step in np.diff(places))


def test_a_second_layer_of_tiles_is_coarser() -> None:
    assert tile_sizes(None, 1920, 1080) == tile_sizes(4000, 1920, 1080) == [1920]
    assert tile_sizes(416, 3072, 1728) == [416, 1040]
    assert tile_sizes(1024, 1920, 1080) == [1024, 1920]


def dark_block(picture: Picture) -> tuple[np.ndarray, np.ndarray]:
    """Find the one dark block of a picture, or the part of it that shows."""
    rows, columns = np.nonzero(picture[:, :, 0] < 100)
    if not len(rows):
        return np.zeros((0, 4)), np.zeros(0)
    left, top = columns.min(), rows.min()
    box = [left, top, columns.max() + 1 - left, rows.max() + 1 - top]
    return np.array([box], float), np.array([0.5 + len(rows) / picture.size])


@pytest.mark.parametrize("left", range(0, 900, 37))
def test_somebody_cut_by_a_tile_s_edge_is_found_once_and_whole(left: int) -> None:
    picture = np.full((600, 1000, 3), 255, np.uint8)
    picture[200:340, left : left + 60] = 0
    xywh, score = find_in_tiles(picture, 200, dark_block)
    assert xywh.tolist() == [[left, 200, 60, 140]]
    assert score.shape == (1,)


def test_boxes_are_cut_to_the_frame() -> None:
    xywh = np.array([[-10.0, 5, 30, 20], [95, 5, 30, 20], [100, 0, 5, 5], [-50, -50, 50.5, 60]])
    boxes, score = within(xywh, np.arange(4.0), 100, 50)
    assert boxes.tolist() == [[0, 5, 20, 20], [95, 5, 5, 20]]
    assert score.tolist() == [0, 1]


def test_a_callable_may_give_arrays_or_an_object_with_xyxy() -> None:
    found = SimpleNamespace(xyxy=[[1, 2, 11, 22]], confidence=np.array([0.25]))
    for given in (found, ([[1, 2, 10, 20]], [0.25]), (np.array([[1, 2, 10, 20]]), (0.25,))):
        xywh, score = boxes_in(given)
        assert xywh.tolist() == [[1, 2, 10, 20]]
        assert score.tolist() == [0.25]
    assert boxes_in(SimpleNamespace(xyxy=np.zeros((0, 4)), confidence=None))[0].shape == (0, 4)
    assert boxes_in(SimpleNamespace(xyxy=[[0, 0, 1, 1]]))[1].tolist() == [1]


@pytest.mark.parametrize(
    "given",
    [
        7,
        [[1, 2, 3, 4]],
        ([[1, 2, 3]], [1]),
        ([[1, 2, 3, 4]], [0.5, 0.5]),
        ([[1, 2, 3, np.nan]], [0.5]),
        (["a"], [0.5]),
        SimpleNamespace(xyxy="x"),
    ],
)
def test_what_no_detector_should_give_is_refused(given: object) -> None:
    with pytest.raises(DataError, match="detector gave"):
        boxes_in(given)


class FakeDetr:
    """RF-DETR's face: a person, a ball without a class name, by number."""

    def predict(self, picture: Picture, threshold: float, include_source_image: bool) -> object:
        assert picture.dtype == np.uint8
        assert (threshold, include_source_image) == (0.3, False)
        return SimpleNamespace(
            xyxy=np.array([[10, 10, 30, 60], [50, 50, 55, 55]], float),
            confidence=np.array([0.8, 0.9]),
            class_id=np.array([1, 37]),
            data={},
        )


def test_rf_detr_gives_its_people_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rfdetr", SimpleNamespace(RFDETRMedium=FakeDetr))
    detector = detector_of("rf-detr", "auto")
    xywh, score = detector(np.zeros((100, 200, 3), np.uint8))
    assert xywh.tolist() == [[10, 10, 20, 50]]
    assert score.tolist() == [0.8]


def test_a_detector_that_is_not_installed_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rfdetr", None)
    with pytest.raises(MissingExtra, match=r"sameplayer\[detect\]"):
        detector_of("rf-detr", None)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtra, match=r"sameplayer\[video\]"):
        detector_of("rtmdet", None)


def test_detectors_are_chosen_by_name_or_given() -> None:
    assert detector_of(dark_block, "auto") is dark_block
    with pytest.raises(SettingError, match="expected one of rtmdet, rf-detr"):
        detector_of("yolo", "auto")
    for tile in (10, "small", 3.5):
        with pytest.raises(SettingError, match="tile"):
            RtmDet(tile)  # type: ignore[arg-type]
    with pytest.raises(SettingError, match="threshold"):
        RtmDet(threshold=0)
    assert RtmDet(None).fingerprint != RtmDet(None, 0.4).fingerprint
