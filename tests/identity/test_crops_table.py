"""Crops of each player: a table which read_crops takes, check finds whole, and train can use."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sameplayer.data.check import check_crops
from sameplayer.data.crops import read_crops
from sameplayer.errors import DataError, SettingError
from sameplayer.gallery.gallery import create_gallery
from sameplayer.gallery.people.enrolment import enrol
from sameplayer.identity.export.crops_table import player_crops
from sameplayer.identity.log.player_log import PlayerLog
from tests.identity.logs import HUES, ODD, empty_log, make_log


def test_the_table_is_read_back_without_a_problem(log: PlayerLog, tmp_path: Path) -> None:
    player_crops(log, tmp_path / "deep" / "players.csv")
    crops = read_crops(tmp_path / "deep" / "players.csv")
    assert crops.scope is None
    assert check_crops(crops) == []
    table = crops.table
    assert set(table["person"]) == {ODD, f"blue 00 of {log.cameras[0].video.parent.name}/left"}
    assert table["number"].dropna().unique().tolist() == ["7", "00"]
    assert table["sequence"].nunique() == 5
    assert set(table["role"]) == {"train"}
    assert table["camera"].nunique() == 2


def test_each_crop_shows_its_player(log: PlayerLog, tmp_path: Path) -> None:
    crops = player_crops(log, tmp_path / "players.parquet")
    hues = dict(zip(("7", "00"), HUES, strict=False))
    for row in range(0, len(crops), 4):
        picture = crops.read(row)
        assert picture.shape == (56, 20, 3)
        middle = np.median(picture.reshape(-1, 3), axis=0)
        assert np.abs(middle - hues[crops.table["number"].iat[row]]).max() < 40


def test_few_crops_are_spread_over_an_appearance(log: PlayerLog, tmp_path: Path) -> None:
    table = player_crops(log, tmp_path / "players.csv", sure_only=False, most=2).table
    assert len(table) == 12
    assert table[table["sequence"] == "0"]["frame"].tolist() == [1, 13]
    assert set(table["number"]) == {"7", "00"}


def test_two_logs_share_named_people_alone(tmp_path: Path) -> None:
    gallery = create_gallery(tmp_path / "club", "colour", purpose="analysis")
    people = []
    for week in ("week1", "week2"):
        path = tmp_path / week / "crops.csv"
        player_crops(make_log(tmp_path / week), path, sure_only=False, most=1)
        people.append(set(read_crops(path).table["person"]))
        enrol(gallery, read_crops(path), actor="test")
    assert people == [{ODD, "blue 00 of week1/left"}, {ODD, "blue 00 of week2/left"}]
    assert {one.name for one in gallery.persons()} == people[0]  # the pictures are the same


def test_nothing_to_take_and_no_crops_are_refused(log: PlayerLog, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no appearance that is sure"):
        player_crops(empty_log(tmp_path / "e"), tmp_path / "x.csv")
    with pytest.raises(SettingError, match="most is 0"):
        player_crops(log, tmp_path / "x.csv", most=0)
    unknown = log.appearances.assign(name=None, number=None)
    with pytest.raises(DataError, match="Nobody in the log has a name or a number"):
        player_crops(replace(log, appearances=unknown), tmp_path / "x.csv")
    assert not (tmp_path / "x.csv").exists()
