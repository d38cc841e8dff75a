"""A log of players in a folder: what is saved is read again, and what is damaged is refused."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sameplayer.errors import DataError, MissingFile
from sameplayer.identity.export.registry import export_log
from sameplayer.identity.log.log_files import load_log, plain, save_log
from sameplayer.identity.log.player_log import PlayerLog
from tests.identity.logs import ODD, empty_log, make_log


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> PlayerLog:
    return make_log(tmp_path_factory.mktemp("match"), video=False)


@pytest.fixture
def folder(log: PlayerLog, tmp_path: Path) -> Path:
    return save_log(log, tmp_path / "log")


def test_a_saved_log_is_read_again_as_it_was(log: PlayerLog, folder: Path) -> None:
    again = load_log(folder)
    for name in ("appearances", "boxes", "links"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(log, name), check_dtype=False)
    assert again.facts == log.facts
    assert [(one.name, one.offset_s) for one in again.cameras] == [("left", 0.0), ("right", 0.5)]
    assert [one.video.resolve() for one in again.cameras] == [one.video for one in log.cameras]
    pd.testing.assert_frame_equal(again.players(), log.players(), check_dtype=False)


def test_saving_again_changes_nothing_else_in_the_folder(log: PlayerLog, folder: Path) -> None:
    (folder / "corrections.csv").write_text("mine")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    save_log(load_log(folder), folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert set(before) == {
        "log.parquet",
        "log.csv",
        "boxes.parquet",
        "links.parquet",
        "players.csv",
        "log.json",
        "corrections.csv",
    }


def test_a_log_moves_together_with_its_videos(tmp_path: Path) -> None:
    log = make_log(tmp_path / "match")
    save_log(log, tmp_path / "match" / "log")
    shutil.move(tmp_path / "match", tmp_path / "elsewhere")
    again = load_log(tmp_path / "elsewhere" / "log")
    assert all(one.video.is_file() for one in again.cameras)


def test_the_csv_has_empty_cells_where_nothing_is_known(folder: Path) -> None:
    rows = list(csv.DictReader((folder / "log.csv").open(encoding="utf-8")))
    assert rows[0]["identity"] == ODD
    assert [row["number"] for row in rows] == ["7", "7", "7", "00", "00", "00", "", ""]
    assert rows[7]["team"] == rows[7]["second"] == rows[7]["second_probability"] == ""
    assert rows[0]["sure"] == "True"
    players = list(csv.DictReader((folder / "players.csv").open(encoding="utf-8")))
    assert len(players) == 4
    assert players[0]["on_screen_s"] == "2.9"


def test_a_log_in_which_nobody_is_is_read_again(tmp_path: Path) -> None:
    again = load_log(save_log(empty_log(tmp_path), tmp_path / "log"))
    assert len(again) == len(again.players()) == 0
    assert again.appearances["start_s"].dtype == float
    assert again.appearances["sure"].dtype == bool


def test_facts_of_numpy_and_endless_numbers_are_kept_as_json(
    tmp_path: Path, log: PlayerLog
) -> None:
    facts = {"a": np.float32(0.5), "b": float("nan"), "c": np.arange(2), "d": Path("x"), 1: (True,)}
    again = load_log(save_log(replace(log, facts=facts), tmp_path / "log"))
    assert again.facts == {"a": 0.5, "b": None, "c": [0, 1], "d": "x", "1": [True]}
    assert plain(np.bool_(True)) is True


def test_a_log_that_was_not_finished_is_none(
    log: PlayerLog, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_parquet", full)
    with pytest.raises(DataError, match=r"log\.parquet: cannot be written \(No space left"):
        save_log(log, folder)
    with pytest.raises(MissingFile, match=r"log\.json: no such file; expected the folder of a log"):
        load_log(folder)


def test_a_folder_without_a_table_is_refused(folder: Path) -> None:
    (folder / "links.parquet").unlink()
    with pytest.raises(MissingFile, match=r"links\.parquet"):
        load_log(folder)


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        ("log", {"probability": 1.5}, "column 'probability': expected numbers from 0 to 1"),
        ("log", {"start_s": np.nan}, "column 'start_s': expected finite numbers"),
        ("log", {"start_s": 99.0}, "ends before it starts"),
        ("log", {"identity": None}, "column 'identity': expected a text in every row"),
        ("log", {"team": 3}, "column 'team': found '3'; expected texts"),
        ("log", {"sure": "yes"}, "column 'sure': expected true and false"),
        ("log", {"appearance": 1}, "an appearance stands there twice"),
        ("log", {"appearance": 1.5}, "column 'appearance': expected whole numbers"),
        ("log", {"camera": "top"}, "names the camera 'top', unknown"),
        ("boxes", {"appearance": 70}, "names an appearance that the log"),
        ("boxes", {"width": 0.0}, "a box without size"),
        ("boxes", {"left": "far"}, "column 'left': expected numbers"),
        ("links", {"first": 70}, "names an appearance that the log has not"),
        ("links", {"odds": np.nan}, "column 'odds': expected log-odds in every row"),
    ],
)
def test_a_table_that_is_not_of_a_log_is_refused(
    folder: Path, file: str, change: dict[str, object], said: str
) -> None:
    path = folder / f"{file}.parquet"
    pd.read_parquet(path).assign(**change).to_parquet(path)
    with pytest.raises(DataError, match=said):
        load_log(folder)


def test_a_missing_column_and_what_is_no_parquet_are_refused(folder: Path) -> None:
    path = folder / "log.parquet"
    pd.read_parquet(path).drop(columns="team").to_parquet(path)
    with pytest.raises(DataError, match="expected the column 'team' once"):
        load_log(folder)
    path.write_bytes(b"PAR1")
    with pytest.raises(DataError, match="cannot be read as a Parquet table"):
        load_log(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 7}, "of format 1"),
        ({"facts": []}, "of format 1"),
        ({"cameras": [{"name": "../up", "video": "x.mp4", "offset_s": 0}]}, "a camera needs"),
        ({"cameras": [{"name": "left", "video": "x.mp4", "offset_s": "0"}]}, "a camera needs"),
        ({"cameras": [{"name": "a", "video": "x.mp4", "offset_s": 0}] * 2}, "two cameras of one"),
    ],
)
def test_a_damaged_record_is_refused(folder: Path, change: dict[str, object], said: str) -> None:
    path = folder / "log.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(DataError, match=said):
        load_log(folder)
    path.write_text("{")
    with pytest.raises(DataError, match="found what is no JSON"):
        load_log(folder)


def test_no_table_for_people_holds_a_formula_and_older_logs_are_read(
    log: PlayerLog, tmp_path: Path
) -> None:
    evil = '=HYPERLINK("http://example.org","x")'
    table = log.appearances.assign(identity=evil, name="@SUM(A1)", second="+1+1", team="-cmd")
    save_log(replace(log, appearances=table), tmp_path)
    export_log(load_log(tmp_path), "mot", tmp_path)
    for name in ("log.csv", "players.csv", "tracks/names.csv"):
        cells = [cell for row in csv.reader((tmp_path / name).open()) for cell in row]
        assert f"'{evil}" in cells
        assert not [one for one in cells if one[:1] in tuple("=+-@") and not one[1:].isdigit()]
    assert set(load_log(tmp_path).appearances["identity"]) == {evil}
    older = table.drop(columns=["could_be", "could_be_probability"])
    older.to_parquet(tmp_path / "log.parquet", index=False)
    assert load_log(tmp_path).appearances["could_be"].isna().all()
