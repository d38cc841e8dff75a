"""COCO with tracks: of CVAT, of mmtracking (CocoVID), of trackers, of pycocotools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sameplayer.data.layouts.sources import read_source
from sameplayer.errors import DataError
from tests.data.annotations.read_back import boxes, read, texts, written

PEOPLE = [{"id": 1, "name": "player", "supercategory": ""}, {"id": 2, "name": "ball"}]


def images(*numbers: int, name: str = "frame_{:06d}.PNG", **more: Any) -> list[dict[str, Any]]:
    return [
        {"id": at, "width": 160, "height": 120, "file_name": name.format(number), **more}
        for at, number in enumerate(numbers, start=1)
    ]


def annotation(number: int, image: int, left: float, **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "image_id": image,
        "category_id": 1,
        "segmentation": [],
        "area": 810.0,
        "bbox": [left, 10.25, 20, 40.5],
        "iscrowd": 0,
        **more,
    }


def coco(path: Path, images: list[dict[str, Any]], annotations: list[Any], **more: Any) -> Path:
    whole = {"images": images, "annotations": annotations, "categories": PEOPLE, **more}
    return written(path / "instances_default.json", json.dumps(whole))


def test_cvats_export_has_tracks_and_who_it_is_in_attributes(tmp_path: Path) -> None:
    said = {"occluded": False, "rotation": 0.0, "track_id": 4, "keyframe": True, "number": "10"}
    path = coco(
        tmp_path,
        images(0, 1, 2),
        [
            annotation(1, 1, 1.5, attributes=said),
            annotation(2, 3, 3.125, attributes=said),
            annotation(3, 3, 50, category_id=2, attributes={"track_id": 5}),
        ],
    )
    found, values = read(path)
    assert values == [
        (0, 4, 1.5, 10.25, 20, 40.5),
        (2, 4, 3.125, 10.25, 20, 40.5),
        (2, 5, 50, 10.25, 20, 40.5),
    ]
    assert (found.first, found.notes) == (0, ())
    assert texts(found, "label") == ["player", "player", "ball"]
    assert texts(found, "number") == ["10", "10", None]
    seen, values = boxes(path, frames=3, size=(160, 120))
    assert [value[:3] for value in values] == [(1, 4, 1.5), (3, 4, 3.125)]
    assert any("1 of 'ball'" in note for note in seen.notes)


@pytest.mark.parametrize(
    ("frames", "names", "first", "read_as"),
    [
        ((0, 1, 2), "{:06d}.jpg", 0, (1, 3)),  # mmtracking: frame_id from 0
        ((12, 13, 14), "left/{:06d}.jpg", 0, (13, 15)),  # no image is frame 0, but names tell
        ((1, 2, 3), "img1/{:06d}.jpg", None, (1, 3)),  # ByteTrack: frame_id from 1
    ],
)
def test_frames_of_cocovid_count_from_where_the_images_tell(
    frames: tuple[int, ...], names: str, first: int | None, read_as: tuple[int, int], tmp_path: Path
) -> None:
    shown = [
        {
            **one,
            "frame_id": frame,
            "video_id": 1,
            "file_name": names.format(frame + (first is not None and frames[0] > 0)),
        }
        for one, frame in zip(images(0, 0, 0), frames, strict=True)
    ]
    path = coco(
        tmp_path,
        shown,
        [annotation(1, 1, 5, instance_id=9), annotation(2, 3, 6, instance_id=9)],
        videos=[{"id": 1, "name": "left"}],
    )
    assert read(path)[0].first == first
    assert [value[:2] for value in boxes(path)[1]] == [(read_as[0], 9), (read_as[1], 9)]


def test_videos_are_sequences_and_folders_too(tmp_path: Path) -> None:
    shown = [
        {"id": 1, "file_name": "a/000001.jpg", "frame_id": 0, "video_id": 1},
        {"id": 2, "file_name": "b/000001.jpg", "frame_id": 0, "video_id": 2},
    ]
    kept = [annotation(1, 1, 5, track_id=1), annotation(2, 2, 6, track_id=1)]
    path = coco(tmp_path, shown, kept, videos=[{"id": 1, "name": "left"}, {"id": 2, "name": "b"}])
    assert texts(read(path)[0], "sequence") == ["left", "b"]
    assert [value[:3] for value in boxes(path, camera="b")[1]] == [(1, 1, 6)]
    loose = [{"id": at, "file_name": one["file_name"]} for at, one in enumerate(shown, start=1)]
    assert texts(read(coco(tmp_path, loose, kept))[0], "sequence") == ["a", "b"]


def test_images_without_numbers_are_frames_in_their_order_and_that_is_said(tmp_path: Path) -> None:
    shown = [{"id": 7, "file_name": "x.jpg"}, {"id": 3, "file_name": "y.jpg"}]
    found, values = read(coco(tmp_path, shown, [annotation(1, 3, 5)]))
    assert values[0][0] == 2
    assert "images are read as frames 1, 2, ..." in found.notes[0]
    exported = "match_000012_jpg.rf.0123456789abcdef.jpg"  # as Roboflow does
    found, values = read(coco(tmp_path, [{"id": 3, "file_name": exported}], [annotation(1, 3, 5)]))
    assert (values[0][0], found.notes) == (12, ())


def test_what_is_not_read_is_counted(tmp_path: Path) -> None:
    path = coco(
        tmp_path,
        images(1, 2),
        [
            annotation(1, 1, 5, track_id="p7"),
            annotation(2, 2, 6, track_id="p9"),
            annotation(3, 2, 6, iscrowd=1),
            annotation(4, 9, 6),
            annotation(5, 8, 6),
            annotation(6, 2, 6, bbox=[]),
            annotation(7, 2, 6, category_id=5, track_id="p9"),
        ],
    )
    found, values = read(path)
    assert [value[:2] for value in values] == [(1, 1), (2, 2), (2, 2)]
    assert texts(found, "label") == ["player", "player", "category 5"]
    assert found.notes == (
        "1 box of a crowd (iscrowd 1), annotation 3, is left out.",
        "2 boxes of images that are not in the file, such as annotation 4, are left out.",
        "1 box without a bbox, annotation 6, is left out.",
        "Tracks are names, such as 'p7', and are numbered from 1 as they come.",
    )


def test_results_of_pycocotools_are_read_by_their_image_ids(tmp_path: Path) -> None:
    from pycocotools.coco import COCO

    whole = coco(tmp_path, images(1, 2), [annotation(1, 1, 5), annotation(2, 2, 6)])
    results = [
        {"image_id": image, "category_id": kind, "bbox": [left, 1, 2, 3], "score": score}
        for image, kind, left, score in ((1, 1, 5.5, 0.25), (2, 37, 6.5, 0.75))
    ]
    path = written(tmp_path / "results.json", json.dumps(results))
    assert len(COCO(str(whole)).loadRes(str(path)).anns) == 2  # it is such a file
    found, values = read(path)
    assert [value[0] for value in values] == [1, 2]
    assert found.table["score"].tolist() == [0.25, 0.75]
    assert texts(found, "label") == ["person", "class 37"]
    assert "are read as COCO's, in which 1 is person" in found.notes[0]
    assert [value[2] for value in boxes(path)[1]] == [5.5]


def test_boxes_for_pictures_of_another_size_are_told(tmp_path: Path) -> None:
    path = coco(tmp_path, images(1), [annotation(1, 1, 5)])
    assert boxes(path, size=(160, 120))[0].notes == ()
    assert boxes(path, size=(80, 60))[0].notes == (
        "The file was made for pictures of 160 x 120, these are 80 x 60; boxes are not rescaled.",
    )


def test_cvats_folder_of_annotations_beside_images_is_a_source(tmp_path: Path) -> None:
    coco(tmp_path / "annotations", images(0, 1), [annotation(1, 2, 5, attributes={"track_id": 3})])
    (tmp_path / "images").mkdir()
    for frame in (0, 1):
        Image.new("RGB", (160, 120)).save(tmp_path / "images" / f"frame_{frame:06d}.png")
    crops = read_source(tmp_path)
    assert crops.table[["image", "person", "left"]].to_numpy().tolist() == [
        ["images/frame_000001.png", "3", 5]
    ]


@pytest.mark.parametrize(
    ("shown", "kept", "said"),
    [
        (images(1), [annotation(1, 1, 5, bbox=[1, 2, 3])], "annotation 1: bbox is a list of 3"),
        (images(1), [annotation(1, 1, 5, bbox=[1, 2, 3, "x"])], "annotation 1: bbox is 'x'; exp"),
        (images(1), [annotation(1, 1, 5, bbox={"x": 1})], "annotation 1: bbox is an object"),
        (images(1), ["box"], "annotation 1: expected an object; found 'box'"),
        (images(1), [annotation(1, 1, 5, track_id=[3])], "annotation 1: track is a list of 1"),
        (images(1), [annotation(1, 1, 5, score="high")], "annotation 1: score is 'high'"),
        ([*images(1), *images(2)], [], "image 2: a second image has the id 1"),
        ([{"id": 1, "frame_id": 0.5}], [], "image 1: frame_id is 0.5; expected a whole number"),
        ({"a": 1}, [], "expected a list of images; found an object"),
    ],
)
def test_what_is_wrong_is_named_with_its_entry(
    shown: Any, kept: Any, said: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=said):
        read(coco(tmp_path, shown, kept))
