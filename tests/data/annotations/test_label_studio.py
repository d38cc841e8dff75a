"""Label Studio's exports of videos, and predictions of models for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sameplayer.errors import DataError
from tests.data.annotations.read_back import boxes, read, texts, written


def key(frame: int, x: float, enabled: bool = True, **more: Any) -> dict[str, Any]:
    return {
        "frame": frame,
        "enabled": enabled,
        "rotation": 0,
        "x": x,
        "y": 25,
        "width": 12.5,
        "height": 50,
        "time": frame / 25,
        **more,
    }


def region(*keys: Any, label: str = "player", frames: int = 20, **more: Any) -> dict[str, Any]:
    return {
        "id": "tJhYZLMC9G",
        "type": "videorectangle",
        "from_name": "box",
        "to_name": "video",
        "origin": "manual",
        "value": {
            "framesCount": frames,
            "duration": frames / 25,
            "labels": [label],
            "sequence": list(keys),
        },
        **more,
    }


def task(*regions: Any, video: str = "/data/upload/1/abc-left.mp4", **more: Any) -> dict[str, Any]:
    made = {
        "id": 1,
        "was_cancelled": False,
        "result": list(regions),
        "updated_at": "2024-01-02T03:04:05Z",
    }
    return {"id": 5, "annotations": [made], "predictions": [], "data": {"video": video}, **more}


def file(path: Path, *tasks: Any) -> Path:
    return written(path / "project-1-at-2024.json", json.dumps(list(tasks)))


def test_keyframes_become_boxes_in_shares_with_those_between_them(tmp_path: Path) -> None:
    path = file(
        tmp_path,
        task(
            region(key(10, 40, enabled=False), key(1, 10), key(4, 25, enabled=False), key(8, 30)),
            region(key(19, 5), label="ball"),
        ),
    )
    found, values = read(path)
    of_first = sorted(value for value in values if value[1] == 1)
    assert [value[:3] for value in of_first] == [
        (1, 1, 0.1),
        (2, 1, pytest.approx(0.15)),
        (3, 1, pytest.approx(0.2)),
        (4, 1, 0.25),
        (8, 1, 0.3),
        (9, 1, pytest.approx(0.35)),
        (10, 1, 0.4),
    ]
    assert of_first[0][3:] == (0.25, 0.125, 0.5)
    assert [value[:3] for value in values if value[1] == 2] == [(19, 2, 0.05), (20, 2, 0.05)]
    assert (found.first, found.shares) == (1, True)
    assert found.notes == ("4 boxes between keyframes are added, as Label Studio shows them.",)
    seen, values = boxes(path, frames=20, size=(160, 80))
    assert values[0] == (1, 1, 16, 20, 20, 40)
    assert {value[1] for value in values} == {1}
    assert any("2 of 'ball'" in note for note in seen.notes)


def test_frames_that_were_counted_at_another_rate_are_told(tmp_path: Path) -> None:
    path = file(tmp_path, task(region(key(1, 10, enabled=False), frames=24)))
    assert boxes(path, frames=24, size=(160, 80))[0].notes == ()
    assert "a video of 24 frames, this one has 25" not in str(boxes(path, frames=25)[0].notes)
    assert "a video of 24 frames, this one has 60" in str(boxes(path, frames=60)[0].notes)


def test_the_latest_annotation_counts_and_predictions_only_without_one(tmp_path: Path) -> None:
    early, late = (region(key(1, x, enabled=False)) for x in (10, 20))
    made = [
        {"result": [late], "updated_at": "2024-02-01"},
        {"result": [early], "updated_at": "2024"},
        {"result": [], "updated_at": "2025", "was_cancelled": True},
    ]
    found, values = read(file(tmp_path, task(annotations=made)))
    assert [value[2] for value in values] == [0.2]
    assert found.notes == ("The task 1 has 2 annotations; the latest is read.",)
    guessed = [{"model_version": "a-model", "result": [region(key(1, 30), key(3, 30), frames=3)]}]
    found, values = read(file(tmp_path, task(annotations=[], predictions=guessed)))
    assert [value[0] for value in values] == [1, 2, 3]


def test_our_predictions_list_every_box_and_say_who_it_is(tmp_path: Path) -> None:
    who = {"meta": {"text": ["identity: red 7", "team: red", "number: 7", "sure: yes"]}}
    mended = region(key(5, 1, enabled=False), label="Bo", **who)
    ours = region(key(1, 10), key(4, 11), key(7, 12, enabled=False), label="red 7", **who)
    given = [{"model_version": "sameplayer", "result": [ours, mended]}]
    path = file(tmp_path, {"data": {"video": "left.mp4", "camera": "left"}, "predictions": given})
    found, values = read(path)
    assert [value[:2] for value in values] == [(1, 1), (4, 1), (7, 1), (5, 2)]
    assert found.notes == ()
    assert texts(found, "name") == ["red 7"] * 3 + ["Bo"]
    assert texts(found, "number") == ["7"] * 3 + [None]
    assert texts(found, "label") == ["player"] * 4


def test_several_tasks_are_cameras(tmp_path: Path) -> None:
    one = region(key(1, 10, enabled=False))
    path = file(tmp_path, task(one), task(one, video="https://x/right.mp4?token=1"))
    assert texts(read(path)[0], "camera") == ["abc-left", "right"]
    assert len(boxes(path, camera="right", size=(10, 10))[1]) == 1
    with pytest.raises(DataError, match="cameras abc-left, right; name one"):
        boxes(path)


def test_the_short_export_is_read_too(tmp_path: Path) -> None:
    value = {**region(key(2, 10, enabled=False))["value"]}
    path = file(tmp_path, {"video": "left.mp4", "id": 5, "box": [value], "annotator": 1})
    assert [entry[:3] for entry in read(path)[1]] == [(2, 1, 0.1)]


def test_turned_boxes_and_other_regions_are_counted(tmp_path: Path) -> None:
    turned = region(key(1, 10), key(3, 10, rotation=15), key(5, 10, enabled=False), frames=5)
    cut = {"type": "timelinelabels", "value": {"ranges": [{"start": 1, "end": 2}]}}
    found, values = read(file(tmp_path, task(turned, cut)))
    assert [value[0] for value in values] == [1, 5]
    assert found.notes == (
        "1 box with a rotation, task 1, region 1, frame 3, is left out.",
        "1 box of other regions than videorectangle, task 1, region 2, is left out.",
    )
    with pytest.raises(DataError, match="holds no box that can be read"):
        read(file(tmp_path, task(cut)))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (region(key(1, "left")), "region 1, keyframe 1: x is 'left'; expected a number"),
        (region(key(1.5, 1)), r"keyframe 1: frame is 1\.5; expected a whole number"),
        (region({"x": 1}), "keyframe 1: frame is None"),
        (region(7), "keyframe 1: expected an object; found 7"),
        ({"type": "videorectangle", "value": 3}, "region 1: value is 3; expected an object"),
        (region(key(1, 1), frames=10**12), "more than 1,000 boxes"),
    ],
)
def test_what_is_wrong_is_named_with_its_task(
    wrong: Any, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sameplayer.data.annotations.rows.MOST", 1000)
    with pytest.raises(DataError, match=said):
        read(file(tmp_path, task(wrong)))
