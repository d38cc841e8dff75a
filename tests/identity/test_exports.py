"""Exports: the field's tools, or readers of their published schemas, find the log in them."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as Tree

import numpy as np
import pytest
from kloppy import sportscode

from sameplayer.errors import SettingError
from sameplayer.identity.export.boxes import camera_files, identity_ids
from sameplayer.identity.export.registry import EXPORTS, check_exports, export_log
from sameplayer.identity.log.player_log import PlayerLog
from sameplayer.tracks.detection.box_files import read_boxes
from tests.identity.logs import ODD, SIZE, empty_log, make_log, make_strange_log


def test_mot_text_is_read_back_with_one_id_for_each_identity(
    log: PlayerLog, tmp_path: Path
) -> None:
    paths = export_log(log, "mot", tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == [
        "tracks/left.txt",
        "tracks/right.txt",
        "tracks/names.csv",
    ]
    names = {int(row["id"]): row["identity"] for row in csv.DictReader(paths[2].open())}
    assert {names[number] for number in names} == set(log.players()["identity"])
    for camera, path in zip(log.cameras, paths, strict=False):
        found = read_boxes(path, 30, SIZE)
        own = log.boxes[log.boxes["camera"] == camera.name]
        who = own["appearance"].map(log.appearances["identity"])
        order = np.lexsort((who.map(identity_ids(log)), own["frame"]))
        assert found.frame.tolist() == own["frame"].to_numpy()[order].tolist()
        assert [names[track] for track in found.track] == who.to_numpy()[order].tolist()
        shown = own[["left", "top", "width", "height"]].to_numpy()[order]
        np.testing.assert_allclose(found.xywh, shown, atol=0.01)
        np.testing.assert_allclose(found.score, 0.9)
    assert paths[0].read_text().splitlines()[0].endswith(",0.9000,-1,-1,-1")


def test_kloppy_reads_a_row_a_player_out_of_sportscode(log: PlayerLog, tmp_path: Path) -> None:
    (path,) = export_log(log, "sportscode", tmp_path)
    records = sportscode.load(str(path)).records
    assert len(records) == 8
    first = [one for one in records if one.code == ODD]
    assert [one.timestamp.total_seconds() for one in first] == pytest.approx([0.0, 0.5, 1.7])
    assert [one.end_timestamp.total_seconds() for one in first] == pytest.approx([1.2, 1.7, 2.9])
    assert first[1].labels == {"team": "red", "number": 7, "camera": "right"}
    stranger = next(one for one in records if one.code == "unknown 2")
    assert stranger.labels == {"camera": "left", "unsure": True}
    unnumbered = next(one for one in records if one.code == "blue unknown 1")
    assert unnumbered.labels == {"team": "blue", "camera": "left"}
    root = Tree.parse(path).getroot()
    rows = root.findall("ROWS/row")
    assert [row.findtext("code") for row in rows] == log.players()["identity"].tolist()
    colours = {tuple(int(row.findtext(part, "-1")) for part in "RGB") for row in rows}
    assert len(colours) == 4
    assert all(0 <= part <= 65535 for colour in colours for part in colour)


def test_kloppy_reads_strange_names_and_each_appearance(tmp_path: Path) -> None:
    log = make_strange_log(tmp_path)
    (path,) = export_log(log, "sportscode", tmp_path)
    assert path.read_bytes().startswith(b'<?xml version="1.0" encoding="utf-8"?>\n<file>')
    rows = log.appearances.sort_values(["start_s", "appearance"])
    records = sportscode.load(str(path)).records
    assert [one.code for one in records] == rows["identity"].tolist()
    for one, row in zip(records, rows.itertuples(), strict=True):
        start, end = one.timestamp.total_seconds(), one.end_timestamp.total_seconds()
        assert (start, end) == pytest.approx((row.start_s, row.end_s), abs=0.0005)
        assert one.labels["camera"] == row.camera
        assert ("unsure" in one.labels) != row.sure
    assert "number" not in next(one for one in records if one.code == "blue unknown 1").labels


def test_game_state_names_sides_roles_and_shirts(log: PlayerLog, tmp_path: Path) -> None:
    left, right = export_log(log, "gsr", tmp_path)
    found = json.loads(left.read_text())["predictions"]
    assert len(found) == (log.boxes["camera"] == "left").sum()
    assert len({one["id"] for one in found}) == len(found)
    assert all(isinstance(one[key], str) for one in found for key in ("id", "image_id", "video_id"))
    assert {one["supercategory"] for one in found} == {"object"}
    first = next(one for one in found if one["image_id"] == "1001000004")
    assert first["attributes"] == {"role": "player", "jersey": "7", "team": "left"}
    assert first["bbox_image"]["x"] == 12.0
    assert first["bbox_image"]["h"] == 56.0
    assert first["bbox_pitch"] is None
    sides = {(one["attributes"]["team"], one["attributes"]["jersey"]) for one in found}
    assert sides == {("left", "7"), ("right", "00"), ("right", None), (None, None)}
    other = next(one for one in found if one["attributes"]["team"] is None)
    assert (other["attributes"]["role"], other["category_id"]) == ("other", 7)
    other_camera = json.loads(right.read_text())["predictions"]
    same = {one["track_id"] for one in other_camera} & {one["track_id"] for one in found}
    assert len(same) == 2


def test_those_in_neither_kit_are_no_team_however_many_they_are(tmp_path: Path) -> None:
    log = make_strange_log(tmp_path)
    log.appearances.loc[[0, 3], "team"] = "other"
    found = json.loads(export_log(log, "gsr", tmp_path)[0].read_text())["predictions"]
    assert sum(one["attributes"]["role"] == "other" for one in found) == 7
    assert {one["attributes"]["team"] for one in found} == {"left", None}


def test_game_state_holds_what_its_evaluator_takes(tmp_path: Path) -> None:
    log = make_strange_log(tmp_path)
    log.appearances.loc[1, "number"] = "7b"
    found = json.loads(export_log(log, "gsr", tmp_path)[0].read_text())["predictions"]
    assert len(found) == len({(one["image_id"], one["track_id"]) for one in found}) == 17
    shirts = {one["attributes"]["jersey"] for one in found}
    assert shirts == {"7", None}
    assert {one["attributes"]["role"] for one in found} <= {"player", "other"}
    assert {one["attributes"]["team"] for one in found} == {"left", "right"}
    assert all(one["bbox_image"]["w"] > 0 for one in found)
    assert all(0 <= one["confidence"] <= 1 for one in found)
    (referee,) = (
        one
        for one in json.loads((tmp_path / "gsr" / "S\u00fcd, 'b'.json").read_text())["predictions"]
        if one["category_id"] == 7
    )
    assert referee["attributes"] == {"role": "other", "jersey": None, "team": None}


@pytest.mark.parametrize("name", EXPORTS)
def test_nobody_on_screen_and_videos_that_are_gone_are_exported_all_the_same(
    name: str, tmp_path: Path
) -> None:
    for log in (empty_log(tmp_path / "empty"), make_log(tmp_path / "gone", video=False)):
        paths = export_log(log, name, tmp_path / f"out {len(log)}")
        assert paths
        assert all(path.is_file() for path in paths)
        for path in paths:
            if path.suffix == ".xml":
                assert len(Tree.parse(path).getroot())
            elif path.suffix == ".json":
                assert json.loads(path.read_text())


def test_letters_that_no_xml_holds_do_not_spoil_it(tmp_path: Path) -> None:
    log = make_log(tmp_path, video=False)
    log.appearances["identity"] = "bell \x07"
    for name in ("sportscode", "cvat", "label-studio"):
        for path in export_log(log, name, tmp_path):
            if path.suffix == ".xml":
                root = Tree.parse(path).getroot()
                values = [value for one in root.iter() for value in one.attrib.values()]
                assert "bell \ufffd" in "".join([*root.itertext(), *values])


def files_of(log: PlayerLog, *names: str) -> list[str]:
    cameras = tuple(replace(log.cameras[0], name=name) for name in names)
    return [camera_files(replace(log, cameras=cameras), ".txt")[name] for name in names]


def test_a_camera_is_no_way_out_of_the_folder(log: PlayerLog) -> None:
    assert files_of(log, "../../etc/passwd", "Süd 2", "..") == [
        "_.._etc_passwd.txt",
        "Süd 2.txt",
        "_.txt",
    ]


def test_no_two_cameras_write_one_file(log: PlayerLog) -> None:
    assert files_of(log, "a:b", "a?b", "a_b", "A_B") == [
        "a_b (3).txt",
        "a_b (4).txt",
        "a_b.txt",
        "A_B (2).txt",
    ]
    composed, loose = files_of(log, "S\u00fcd", "Su\u0308d")
    assert (composed, loose) == ("S\u00fcd.txt", "Su\u0308d (2).txt")
    assert files_of(log, "nul") == ["nul_.txt"]
    assert len(files_of(log, "\u00fc" * 300)[0].encode()) < 255


def test_an_unknown_export_is_refused_with_the_nearest(log: PlayerLog, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"to is 'sportcode'; .*Did you mean 'sportscode'"):
        export_log(log, "sportcode", tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_export_that_is_asked_for_twice_is_refused() -> None:
    check_exports(tuple(EXPORTS))
    with pytest.raises(SettingError, match="export is 'coco' twice; expected each once, of mot,"):
        check_exports(("coco", "mot", "coco"), "export")
