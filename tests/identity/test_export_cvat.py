"""CVAT for video: the file keeps to CVAT's schema, and what CVAT shows of it is the log."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as Tree

import numpy as np
import pytest

from sameplayer.identity.export.annotation_tools import ATTRIBUTES
from sameplayer.identity.export.registry import export_log
from sameplayer.identity.log.log_files import text_or
from sameplayer.identity.log.player_log import PlayerLog
from tests.identity.logs import ENDS, ODD, SIZE, STRANGE, make_log, make_strange_log

BOX = {"frame", "keyframe", "outside", "occluded", "xtl", "ytl", "xbr", "ybr", "z_order"}


def read_cvat(path: Path) -> tuple[Tree.Element, list[Tree.Element]]:
    """Return the task and the tracks of a file that CVAT takes; fail where it would not."""
    root = Tree.parse(path).getroot()
    version, meta, *tracks = root
    assert (root.tag, version.tag, version.text, meta.tag) == (
        "annotations",
        "version",
        "1.1",
        "meta",
    )
    (task,) = meta
    assert task.tag == "task"
    frames = int(task.findtext("size", ""))
    labels = {
        label.findtext("name"): {one.findtext("name") for one in label.findall(".//attribute")}
        for label in task.findall("labels/label")
    }
    assert [track.get("id") for track in tracks] == [str(number) for number in range(len(tracks))]
    for track in tracks:
        assert track.tag == "track"
        assert set(track.attrib) == {"id", "label", "source"}
        last, hidden = -1, True
        for box in track:
            assert box.tag == "box"
            assert set(box.attrib) == BOX
            place = int(box.attrib["frame"])
            assert last < place < frames
            assert box.attrib["keyframe"] == "1"
            assert box.attrib["outside"] in ("0", "1")
            assert not (hidden and box.attrib["outside"] == "1")
            assert {one.get("name") for one in box} == labels[track.get("label")]
            last, hidden = place, box.attrib["outside"] == "1"
    return task, tracks


def corners(box: Tree.Element) -> np.ndarray:
    return np.array([float(box.attrib[side]) for side in ("xtl", "ytl", "xbr", "ybr")])


def shown(track: Tree.Element, frames: int) -> dict[int, np.ndarray]:
    """Return the boxes that CVAT shows of a track, by frame from 0: those between are drawn on."""
    found: dict[int, np.ndarray] = {}
    for box, after in zip(track, [*track[1:], None], strict=True):
        if box.attrib["outside"] == "1":
            continue
        first = int(box.attrib["frame"])
        last = frames if after is None else int(after.attrib["frame"])
        to = corners(box if after is None else after)
        for frame in range(first, last):
            share = (frame - first) / (last - first)
            found[frame] = corners(box) * (1 - share) + to * share
    return found


def test_tracks_count_from_frame_zero_and_end_outside(tmp_path: Path) -> None:
    left, right, _ = export_log(make_log(tmp_path), "cvat", tmp_path)
    task, tracks = read_cvat(left)
    assert (task.findtext("size"), task.findtext("stop_frame")) == ("30", "29")
    assert task.findtext("original_size/width") == str(SIZE[0])
    assert len(tracks) == 6
    boxes = tracks[0].findall("box")
    assert [box.get("frame") for box in boxes] == ["0", "3", "6", "9", "12", "13"]
    assert [box.get("outside") for box in boxes] == ["0"] * 5 + ["1"]
    assert corners(boxes[0]) == pytest.approx([9, 24, 29, 80])
    said = {one.get("name"): one.text for one in boxes[0]}
    assert said == {"identity": ODD, "team": "red", "number": "7", "sure": "yes"}
    # no frame follows the last one of the video, so nothing closes a track that ends there
    whole = next(track for track in tracks if track[-1].get("frame") == "29")
    assert whole[-1].get("outside") == "0"
    assert len(read_cvat(right)[1]) == 2


def all_shown(log: PlayerLog, folder: Path) -> list[tuple[dict[int, np.ndarray], dict[str, str]]]:
    tracks = [one for path in export_log(log, "cvat", folder)[:-1] for one in read_cvat(path)[1]]
    values = [{str(one.get("name")): one.text or "" for one in track[0]} for track in tracks]
    return list(zip([shown(track, 110) for track in tracks], values, strict=True))


def test_cvat_shows_each_box_of_the_log_and_nobody_in_a_gap(tmp_path: Path) -> None:
    log = make_strange_log(tmp_path)
    order = [*log.boxes.groupby("camera", sort=False)["appearance"].unique().explode()]
    for number, (found, values) in zip(order, all_shown(log, tmp_path), strict=True):
        own = log.boxes[log.boxes["appearance"] == number].set_index("frame")
        for frame, box in own.iterrows():
            exact = [box.left, box.top, box.left + max(box.width, 0.01), box.top + box.height]
            np.testing.assert_allclose(found[frame - 1], exact, atol=0.0051)
        between = zip(own.index, own.index[1:], strict=False)
        drawn = {place - 1 for a, b in between if a not in ENDS[number] for place in range(a, b)}
        assert set(found) == {frame - 1 for frame in own.index} | drawn
        who = log.appearances.loc[number]
        assert values["identity"] == who["identity"]
        assert values["number"] == text_or(who["number"])
        assert values["sure"] == ("yes" if who["sure"] else "no")
    assert any(values["identity"] == STRANGE for _, values in all_shown(log, tmp_path))


def test_the_labels_of_a_new_task_lie_beside_the_boxes(tmp_path: Path) -> None:
    path = export_log(make_log(tmp_path), "cvat", tmp_path)[-1]
    (label,) = json.loads(path.read_text())
    assert (path.name, label["name"]) == ("labels.json", "player")
    assert tuple(one["name"] for one in label["attributes"]) == ATTRIBUTES
    assert {one["input_type"] for one in label["attributes"]} == {"text"}


def test_a_name_that_is_markup_stays_a_name(tmp_path: Path) -> None:
    log = make_log(tmp_path, video=False)
    log.appearances["identity"] = "</box>"
    names = {path.name for path in export_log(log, "cvat", tmp_path)}
    assert names == {"left.xml", "right.xml", "labels.json"}
    assert read_cvat(tmp_path / "cvat" / "left.xml")[1][0][0][0].text == "</box>"
