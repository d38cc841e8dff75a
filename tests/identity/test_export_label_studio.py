"""Label Studio: regions with lifespans, and the interface that the file needs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Tree

import pytest

from sameplayer.identity.export.registry import export_log
from sameplayer.identity.log.player_log import PlayerLog
from tests.identity.logs import ENDS, ODD, SIZE, make_log, make_strange_log


def regions_of(log: PlayerLog, folder: Path) -> tuple[list[dict[str, Any]], Tree.Element]:
    tasks, view = export_log(log, "label-studio", folder)
    read = json.loads(tasks.read_text(encoding="utf-8"))
    assert [task["data"]["camera"] for task in read] == [camera.name for camera in log.cameras]
    found = [one for task in read for one in task["predictions"][0]["result"]]
    text = view.read_text(encoding="utf-8")
    assert text.startswith("<View>")  # it is pasted as text, which may not declare an encoding
    return found, Tree.fromstring(text)


def test_a_region_an_appearance_in_percent(tmp_path: Path) -> None:
    log = make_log(tmp_path)
    regions, _ = regions_of(log, tmp_path)
    tasks = json.loads((tmp_path / "label-studio.json").read_text())
    assert [task["data"]["video"] for task in tasks] == ["left.mp4", "right.mp4"]
    assert [region["id"] for region in regions[-2:]] == ["appearance-2", "appearance-5"]
    value = regions[-2]["value"]
    assert value["labels"] == [ODD]
    assert (value["framesCount"], value["duration"]) == (30, pytest.approx(3.0))
    sequence = value["sequence"]
    assert [one["frame"] for one in sequence] == [1, 4, 7, 10, 13]
    assert [one["time"] for one in sequence] == pytest.approx([0, 0.3, 0.6, 0.9, 1.2])
    assert [one["enabled"] for one in sequence] == [True] * 4 + [False]
    assert sequence[0]["x"] == pytest.approx(100 * 9 / SIZE[0], abs=5e-5)
    assert sequence[0]["height"] == pytest.approx(100 * 56 / SIZE[1], abs=5e-5)


def test_a_region_is_not_drawn_on_through_a_gap_and_holds_the_boxes_of_the_log(
    tmp_path: Path,
) -> None:
    log = make_strange_log(tmp_path)
    for region in regions_of(log, tmp_path)[0]:
        number = int(region["id"].rpartition("-")[2])
        own = log.boxes[log.boxes["appearance"] == number]
        sequence = region["value"]["sequence"]
        assert [one["frame"] for one in sequence] == own["frame"].tolist()
        assert {one["frame"] for one in sequence if not one["enabled"]} == ENDS[number]
        for one, box in zip(sequence, own.itertuples(), strict=True):
            found = [one["x"] * 6.4, one["y"] * 3.6, one["width"] * 6.4, one["height"] * 3.6]
            exact = [box.left, box.top, max(box.width, 0.00064), box.height]
            assert found == pytest.approx(exact, abs=0.00033)
            assert one["width"] > 0
            assert max(one["x"] + one["width"], one["y"] + one["height"]) <= 100


@pytest.mark.parametrize("make", [make_log, make_strange_log])
def test_the_interface_has_the_video_the_boxes_and_each_label(make: Any, tmp_path: Path) -> None:
    log = make(tmp_path)
    regions, view = regions_of(log, tmp_path)
    video, boxes, labels = (view.find(tag) for tag in ("Video", "VideoRectangle", "Labels"))
    assert video is not None
    assert boxes is not None
    assert labels is not None
    assert video.attrib == {"name": "video", "value": "$video"}
    assert boxes.get("toName") == labels.get("toName") == "video"
    assert {(one["from_name"], one["to_name"]) for one in regions} == {(boxes.get("name"), "video")}
    known = [label.get("value") for label in labels]
    assert known == log.players()["identity"].tolist()
    assert {one for region in regions for one in region["value"]["labels"]} <= set(known)
    colours = {label.get("background", "") for label in labels}
    assert len(colours) == len(known)
    assert all(len(one) == 7 and int(one[1:], 16) >= 0 for one in colours)
