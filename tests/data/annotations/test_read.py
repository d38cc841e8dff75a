"""The one door for boxes: the format is detect_format, or those that are read are named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import supervision as sv

from sameplayer.data.annotations.read import FORMATS, Format, has_boxes_json, read_annotations
from sameplayer.data.annotations.rows import Annotations
from sameplayer.errors import DataError, MissingFile
from tests.data.annotations.read_back import boxes, read, texts, written

NAMES = "frame,id,x1,y1,x2,y2\n1,7,10,20,30,60\n"


def test_the_names_of_columns_count_more_than_their_places(tmp_path: Path) -> None:
    for name in ("b.txt", "b.csv"):
        (tmp_path / name).write_text(NAMES)
        assert read_annotations(tmp_path / name).table["width"].tolist() == [20]
        (tmp_path / name).write_text("1,7,10,20,30,60\n")
        assert read_annotations(tmp_path / name).table["width"].tolist() == [30]


def test_what_is_no_boxes_is_told_with_the_formats_there_are(tmp_path: Path) -> None:
    path = tmp_path / "readme.txt"
    path.write_text("\n About this match\n")
    with pytest.raises(
        DataError, match=r"It begins with 'About this match'\. Expected one of:"
    ) as e:
        read_annotations(path)
    assert all(one.what in str(e.value) for one in FORMATS.values())
    with pytest.raises(MissingFile, match="no such file"):
        read_annotations(tmp_path / "none.txt")
    with pytest.raises(DataError, match="no known format of boxes"):
        read_annotations(tmp_path)


def test_a_format_of_ones_own_is_an_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = Format(
        "a text ending in .mine",
        lambda path: path.suffix == ".mine",
        lambda path: Annotations(pd.DataFrame({"frame": [int(path.read_text())]})),
    )
    monkeypatch.setitem(FORMATS, "mine", mine)
    (tmp_path / "b.mine").write_text("5")
    assert read_annotations(tmp_path / "b.mine").table["frame"].tolist() == [5]


XYXY = np.array([[10.1, 10, 30.2, 50], [1, 2, 3.5, 4]], np.float32)


def seen(classes: list[int] | None, tracks: list[int] | None) -> sv.Detections:
    return sv.Detections(
        xyxy=XYXY,
        confidence=np.array([0.9, 0.25], np.float32),
        class_id=None if classes is None else np.array(classes),
        tracker_id=None if tracks is None else np.array(tracks),
    )


@pytest.mark.parametrize(("sink", "ending"), [(sv.JSONSink, "json"), (sv.CSVSink, "csv")])
def test_supervisions_sinks_are_read_to_the_last_digit(
    sink: type[sv.JSONSink] | type[sv.CSVSink], ending: str, tmp_path: Path
) -> None:
    path = tmp_path / f"out.{ending}"
    with sink(str(path)) as file:
        for frame in (11, 12):
            file.append(seen([2, 2], [4, 5]), {"frame_index": frame})
    found, values = read(path)
    wide = XYXY[:, 2:].astype(float) - XYXY[:, :2].astype(float)
    exact = [(*one[:2], *size) for one, size in zip(XYXY.tolist(), wide.tolist(), strict=True)]
    got = [
        pytest.approx((frame, 4 + at, *exact[at]), abs=1e-6) for frame in (11, 12) for at in (0, 1)
    ]
    assert values == got
    if ending == "json":
        assert values[0][2:4] == exact[0][:2]
        assert found.table["score"].tolist()[:2] == seen(None, None).confidence.tolist()
    assert found.first == 0
    assert [value[0] for value in boxes(path)[1]] == [12, 12, 13, 13]


def test_a_sink_without_tracks_and_names_says_what_it_does_not_know(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    with sv.JSONSink(str(path)) as file:
        file.append(seen([0, 1], None), {"frame": 3, "note": [1, 2]})
    found, values = read(path)
    assert all(value[1] != value[1] for value in values)
    assert found.first is None
    assert "0, 1, have no names, so boxes of all of them are read" in found.notes[1]
    with sv.JSONSink(str(path)) as file:
        file.append(seen([0, 1], None), {"frame": 3, "class_name": ["ball", "player"]})
    assert texts(read(path)[0], "label") == ["ball", "player"]
    assert len(boxes(path)[1]) == 1


def test_numbers_may_be_texts_and_an_empty_sink_has_no_boxes(tmp_path: Path) -> None:
    row = {
        "x_min": "10.5",
        "y_min": "1",
        "x_max": "12",
        "y_max": "5",
        "frame": "2",
        "tracker_id": "7",
        "confidence": "",
        "class_id": "",
    }
    assert read(written(tmp_path / "a.json", json.dumps([row])))[1] == [(2, 7, 10.5, 1, 1.5, 4)]
    with pytest.raises(DataError, match=r"a\.json, row 1: column 'x_min' is 'x'; expected a"):
        read(written(tmp_path / "a.json", json.dumps([{**row, "x_min": "x"}])))
    assert read(written(tmp_path / "b.json", "[]"))[1] == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"annotations": [', "not a JSON file that can be read"),
        ('{"annotations": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deep"),
        ('{"annotations": {}, "images": 3}', "expected JSON .*COCO with track_id"),
        ('{"annotations": "x"}', r"It holds \['annotations'\]"),
        ('[1, {"bbox": 2}]', "expected JSON"),
        ('[{"bbox": [1, 2, 3, 4]}]', "boxes need the columns frame, left"),
        ('{"predictions": 1}', "expected a list of predictions; found 1"),
    ],
)
def test_json_that_holds_no_boxes_is_refused(text: str, said: str, tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", text)
    assert has_boxes_json(path)
    with pytest.raises(DataError, match=said):
        read(path)


def test_half_a_letter_is_replaced_and_a_whole_one_is_kept(tmp_path: Path) -> None:
    row = {"x_min": 1, "y_min": 2, "x_max": 3, "y_max": 4, "frame": 1}
    for name, kept in (("Ana \u26bd \U0001f3c0", "Ana \u26bd \U0001f3c0"), ("\ud83c Bo", "? Bo")):
        path = written(tmp_path / "a.json", json.dumps([{**row, "name": name}]))
        assert texts(read(path)[0], "name") == [kept]


def test_a_file_that_is_too_large_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sameplayer.data.annotations.rows.LARGEST", 1 << 20)
    path = written(tmp_path / "a.json", '{"annotations": []' + " " * (1 << 20) + "}")
    with pytest.raises(DataError, match="is 1 MB large; expected at most 1"):
        read(path)


def test_other_json_is_not_taken_for_boxes(tmp_path: Path) -> None:
    for text in ('{"scope": "set", "root": "."}', "3", "", "\ufeff{}", "\x00"):
        assert not has_boxes_json(written(tmp_path / "a.json", text))
    assert not has_boxes_json(written(tmp_path / "a.txt", '{"annotations": []}'))
    with pytest.raises(DataError, match="It is an archive: unpack it"):
        read(written(tmp_path / "job.zip", "PK\x03\x04"))
    with pytest.raises(DataError, match=r"It holds \['a'\]; expected JSON .* Or export MOT"):
        read(written(tmp_path / "b.json", '{"a": 1}'))


def test_a_list_of_boxes_has_the_names_that_tables_have(tmp_path: Path) -> None:
    rows = [
        {"Frame": 2, "id": "A", "left": 1, "top": 2, "width": 3, "height": 4},
        {"Frame": 3, "id": "B", "left": 1, "top": 2, "width": 3, "height": 4},
    ]
    found = read_annotations(written(tmp_path / "a.json", json.dumps(rows)))
    assert found.table[["frame", "track", "width"]].to_numpy().tolist() == [[2, 1, 3], [3, 2, 3]]
    row = {"frame": 2, "track_id": 7, "bbox_xyxy": [1, 2, 4, 6]}
    assert read(written(tmp_path / "a.json", json.dumps([row])))[1] == [(2, 7, 1, 2, 3, 4)]


def test_coco_is_known_behind_a_long_description(tmp_path: Path) -> None:
    image = {"id": 1, "file_name": "5.jpg"}
    box = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "track_id": 7}
    data = {"info": "x" * 70_000, "images": [image], "annotations": [box]}
    assert read(written(tmp_path / "a.json", json.dumps(data, indent=1)))[1] == [(5, 7, 1, 2, 3, 4)]
