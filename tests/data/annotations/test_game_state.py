"""SoccerNet's game state: the data set's labels, and predictions in their form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sameplayer.data.layouts.sources import read_source
from sameplayer.errors import DataError
from tests.data.annotations.read_back import boxes, read, texts, written

ROLES = ("player", "goalkeeper", "referee", "ball", "pitch", "camera", "other")


def person(
    number: int, frame: int, track: int, role: str = "player", **said: Any
) -> dict[str, Any]:
    left = 10 * track + 0.5
    return {
        "id": f"1060{number:06d}",
        "image_id": f"3060{frame:06d}",
        "track_id": track,
        "supercategory": "object",
        "category_id": ROLES.index(role) + 1,
        "attributes": {"role": role, "jersey": None, "team": None, **said},
        "bbox_image": {"x": left, "y": 5, "x_center": left + 4, "y_center": 15, "w": 8, "h": 20.25},
        "bbox_pitch": {"x_bottom_left": -29.1, "y_bottom_left": -13.9},
    }


def labels(folder: Path, *annotations: Any, frames: int = 3) -> Path:
    pitch = {
        "id": "1",
        "image_id": "3060000001",
        "supercategory": "pitch",
        "category_id": 5,
        "lines": {"Circle central": [{"x": 0.1, "y": 0.2}]},
    }
    state = {
        "info": {"version": "1.3", "name": "SNGS-060", "im_dir": "img1", "seq_length": frames},
        "images": [
            {
                "is_labeled": True,
                "image_id": f"3060{frame:06d}",
                "file_name": f"{frame:06d}.jpg",
                "height": 90,
                "width": 160,
                "has_labeled_person": True,
                "ignore_regions_y": [],
            }
            for frame in range(1, frames + 1)
        ],
        "annotations": [*annotations, pitch],
        "categories": [{"id": at, "name": role} for at, role in enumerate(ROLES, start=1)],
    }
    return written(folder / "Labels-GameState.json", json.dumps(state))


PEOPLE = (
    person(1, 1, 1, jersey="10", team="left"),
    person(2, 3, 1, jersey="10", team="left"),
    person(3, 2, 2, "goalkeeper", team="right"),
    person(4, 2, 3, "ball"),
    person(5, 2, 4, "other"),
    person(6, 2, 5, "referee"),
)


def test_people_have_role_team_and_number_and_the_ball_is_none(tmp_path: Path) -> None:
    path = labels(tmp_path, *PEOPLE)
    found, values = read(path)
    assert values[:3] == [
        (1, 1, 10.5, 5, 8, 20.25),
        (3, 1, 10.5, 5, 8, 20.25),
        (2, 2, 20.5, 5, 8, 20.25),
    ]
    assert found.first == 1
    assert texts(found, "role") == ["player", "player", "goalkeeper", "ball", "other", "referee"]
    assert texts(found, "team")[:3] == ["left", "left", "right"]
    assert texts(found, "number")[:3] == ["10", "10", None]
    assert found.notes == ("Entries without bbox_image (the pitch, the camera) are not used: 1.",)
    seen, values = boxes(path, frames=3, size=(160, 90))
    assert [value[:2] for value in values] == [(1, 1), (2, 2), (2, 4), (2, 5), (3, 1)]
    assert any("1 of 'ball'" in note for note in seen.notes)


def test_a_sequence_is_a_source_of_crops(tmp_path: Path) -> None:
    folder = tmp_path / "SNGS-060"
    labels(folder, *PEOPLE)
    (folder / "img1").mkdir()
    for frame in (1, 2, 3):
        Image.new("RGB", (160, 90)).save(folder / "img1" / f"{frame:06d}.jpg")
    crops = read_source(folder)
    assert crops.source == "mot"
    assert sorted(crops.table["person"]) == ["1", "1", "2", "4", "5"]
    assert set(crops.table["image"]) == {f"img1/{frame:06d}.jpg" for frame in (1, 2, 3)}


def test_predictions_without_images_have_the_frame_in_six_digits(tmp_path: Path) -> None:
    given = [{**person(1, 12, 7), "image_id": "1001000012", "confidence": 0.5, "video_id": "001"}]
    path = written(tmp_path / "left.json", json.dumps({"predictions": given}))
    found, values = read(path)
    assert [value[:2] for value in values] == [(12, 7)]
    assert found.table["score"].tolist() == [0.5]
    two = [*given, {**given[0], "image_id": "1002000012", "video_id": "002"}]
    path = written(tmp_path / "both.json", json.dumps({"predictions": two}))
    assert texts(read(path)[0], "sequence") == ["001", "002"]
    assert read(written(tmp_path / "none.json", '{"predictions": []}'))[1] == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"bbox_image": [1, 2, 3, 4]}, "annotation 1: bbox_image is a list of 4; expected an obj"),
        ({"bbox_image": {"x": "left", "y": 1, "w": 2, "h": 3}}, "annotation 1: x is 'left'"),
        ({"track_id": {"a": 1}}, "annotation 1: track is an object; expected a number"),
    ],
)
def test_what_is_wrong_is_named_with_its_entry(wrong: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=said):
        read(labels(tmp_path, {**PEOPLE[0], **wrong}))


def test_boxes_of_other_images_are_counted(tmp_path: Path) -> None:
    found, values = read(labels(tmp_path, PEOPLE[0], person(9, 40, 1)))
    assert len(values) == 1
    assert found.notes[-1] == (
        "1 box of images that are not in the file, annotation 2, is left out."
    )
