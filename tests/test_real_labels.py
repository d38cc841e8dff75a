"""The hand-made labels of real pictures: what can be checked of them, with and without videos."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from real.crops import LOOSER, across, cut, soccer_labels, with_numbers, within

import sameplayer
from sameplayer.data.check import check_crops
from sameplayer.data.columns import BOX
from sameplayer.data.crops import Crops, read_crops
from sameplayer.data.layouts.sources import read_source
from sameplayer.data.tabular.read_table import read_table

HERE = Path(__file__).parent
REAL = HERE.parent / "benchmarks" / "real"
WIDE, HIGH, RATE = 3072, 1728, 25
LATER = 4.5  # frames by which the right video begins later than the left one
TEAMS = {"white", "blue", "referee", "keeper", "other"}


@pytest.fixture(scope="module")
def labels() -> pd.DataFrame:
    return soccer_labels()


def test_soccer_boxes_lie_inside_their_frames_and_have_the_size_of_people(
    labels: pd.DataFrame,
) -> None:
    assert labels[["left", "top", "width", "height"]].dtypes.eq("int64").all()
    assert (labels[["left", "top"]] >= 0).all(axis=None)
    assert (labels["left"] + labels["width"] <= WIDE).all()
    assert (labels["top"] + labels["height"] <= HIGH).all()
    assert labels["height"].between(35, 220).all()
    assert (labels["width"] / labels["height"]).between(0.2, 1.5).all()


def test_soccer_rows_have_no_gaps_and_known_values(labels: pd.DataFrame) -> None:
    assert labels.drop(columns=["number", "note"]).notna().all(axis=None)
    assert set(labels["camera"]) == {"left", "right"}
    assert set(labels["frame"]) == set(range(1, 250, 10))
    np.testing.assert_allclose(labels["time_s"], (labels["frame"] - 1) / RATE, atol=0.001)
    assert set(labels["team"]) == TEAMS
    assert set(labels["sure"]) <= {"yes", "no"}
    assert set(labels["note"].dropna()) == {"doubtful", "other"}
    assert labels.loc[labels["note"] == "doubtful", "number"].isna().all()


def test_nobody_stands_twice_in_one_frame_of_one_camera(labels: pd.DataFrame) -> None:
    assert not labels.duplicated(["camera", "frame", "person"]).any()
    assert not labels.duplicated(["camera", "frame", "left", "top", "width", "height"]).any()


def test_a_person_has_one_team_and_at_most_one_number(labels: pd.DataFrame) -> None:
    persons = labels.groupby("person")
    assert (persons["team"].nunique() == 1).all()
    assert (persons["number"].nunique() <= 1).all()
    numbered = labels.dropna(subset="number").drop_duplicates("person")
    assert not numbered.duplicated(["team", "number"]).any()
    assert numbered["number"].str.fullmatch("[0-9]{1,2}").all()


def test_boxes_move_no_faster_than_people_run(labels: pd.DataFrame) -> None:
    centre = labels.assign(x=labels["left"] + labels["width"] / 2).sort_values("frame")
    moves = centre.groupby(["camera", "person"])[["frame", "x"]].diff()
    steps = moves[moves["frame"] == 10]
    assert len(steps) > 700
    # A player is about 1.75 m high: 10 frames are 0.4 s, in which nobody runs more than 4 m.
    assert (steps["x"].abs() / labels["height"][steps.index] < 4 / 1.75).all()


def test_at_least_twelve_people_are_seen_by_both_cameras(labels: pd.DataFrame) -> None:
    assert (labels.groupby("person")["camera"].nunique() == 2).sum() >= 12


def test_who_is_who_agrees_with_where_people_stand_on_the_ground(labels: pd.DataFrame) -> None:
    assert _nearest_to_themselves(labels) > 0.97


def test_two_persons_swapped_in_one_camera_would_be_noticed(labels: pd.DataFrame) -> None:
    swap = {"white-28": "white-c", "white-c": "white-28"}
    right = labels["camera"] == "right"
    mixed = labels.assign(person=labels["person"].where(~right, labels["person"].replace(swap)))
    assert _nearest_to_themselves(mixed) < 0.9


def _nearest_to_themselves(labels: pd.DataFrame) -> float:
    """Return how often a person is the nearest one to where the others' positions put them.

    A plane maps to a plane: the homography between the views, fitted to the feet of everybody else
    in both cameras, takes the feet of one person from the left view to the right one.
    """
    left = labels[labels["camera"] == "left"]
    feet = {
        (row.person, row.frame): (row.left + row.width / 2, row.top + row.height)
        for row in left.itertuples()
        if row.left > 5 and row.left + row.width < WIDE - 5
    }
    right = {frame: _in_right(labels, frame) for frame in range(11, 250, 10)}
    seen = {key: right[key[1]] for key in feet if key[0] in right.get(key[1], ())}
    nearest = []
    for person in {person for person, _ in seen}:
        others = [key for key in seen if key[0] != person]
        here = np.array([feet[key] for key in others])
        there = np.array([seen[key][key[0]] for key in others])
        plane, _ = cv2.findHomography(here, there, cv2.RANSAC, 15)
        for key in (key for key in seen if key[0] == person):
            expected = cv2.perspectiveTransform(np.array([[feet[key]]]), plane)[0, 0]
            found = seen[key]
            away = {name: np.hypot(*(expected - found[name])) for name in found}
            nearest.append(min(away, key=away.__getitem__) == person)
    assert len(nearest) > 150
    return float(np.mean(nearest))


def _in_right(labels: pd.DataFrame, frame: int) -> dict[str, np.ndarray]:
    """Return the feet of all persons in the right view when the left one shows ``frame``."""
    at = labels[labels["camera"] == "right"].set_index(["frame", "person"])
    at = at[(at["left"] > 5) & (at["left"] + at["width"] < WIDE - 5)]
    points = np.c_[at["left"] + at["width"] / 2, at["top"] + at["height"]]
    place = dict(zip(at.index, points, strict=True))
    share = LATER / 10
    return {
        name: place[number, name] * (1 - share) + place[frame - 10, name] * share
        for number, name in place
        if number == frame and (frame - 10, name) in place
    }


def test_every_volleyball_crop_has_a_row_and_ten_belong_to_a_person() -> None:
    table = read_table(REAL / "volleyball_numbers.csv", {}).table
    assert list(table.columns) == ["image", "person", "number", "note"]
    assert len(table) == 480
    assert table["image"].is_unique
    assert (table["person"].value_counts() == 10).all()
    names = table["image"].str.extract(r"/([0-9]{4})_[0-9]{4}_([0-9]{2})\.jpeg$").astype(int)
    assert (names[0] == table["person"].astype(int)).all()
    assert set(table["note"].dropna()) == {"doubtful", "other"}
    assert table.loc[table["note"].notna(), "number"].isna().all()


def test_volleyball_numbers_agree_with_those_that_persons_wear() -> None:
    table = read_table(REAL / "volleyball_numbers.csv", {}).table
    worn = read_table(HERE / "data" / "volleyball_numbers.csv", {}).table
    worn = worn.set_index("person")["number"]
    read = table.dropna(subset="number").groupby("person")["number"].agg(set)
    for person in worn.index:
        expected = {worn[person]} if pd.notna(worn[person]) else None
        assert read.get(person) == expected


def test_volleyball_numbers_are_joined_to_the_crops_where_they_lie(volleyball: Path) -> None:
    crops = with_numbers(read_source(volleyball / "data_reid", scope="sequence"))
    table = crops.table
    assert len(crops) == 480
    assert table.loc[table["person"] == "44", "number"].eq("1").all()


def test_labelled_crops_are_cut_out_of_the_videos(labels: pd.DataFrame, tmp_path: Path) -> None:
    videos = _shared() / "data" / "soccer_two_cameras"
    if not videos.is_dir():
        pytest.skip(f"the soccer videos are not at {videos}")
    pytest.importorskip("av")
    few = labels[labels["frame"].isin([1, 11]) & (labels["height"] > 60)].reset_index(drop=True)
    crops = cut(few, videos, tmp_path)
    assert len(crops) == len(few)
    assert check_crops(replace(crops, table=crops.table.assign(role="gallery"))) == []
    for row, box in few.iterrows():
        expected = box["height"] * (1 + 2 * LOOSER)
        assert crops.read(int(row)).shape[0] == pytest.approx(expected, abs=2)
    whites = crops.table.query("team == 'white'").index
    blues = crops.table.query("team == 'blue'").index
    assert min(_brightness(crops, row) for row in whites) > 90
    assert np.mean([_blueness(crops, row) for row in blues]) > 20


def _torso(crops: Crops, row: int) -> np.ndarray:
    picture = crops.read(row).astype(float)
    high, wide = picture.shape[:2]
    return picture[high // 5 : high // 2, wide // 3 : 2 * wide // 3]


def _brightness(crops: Crops, row: int) -> float:
    return float(_torso(crops, row).mean())


def _blueness(crops: Crops, row: int) -> float:
    torso = _torso(crops, row)
    return float((torso[..., 2] - torso[..., 0]).mean())


@pytest.mark.parametrize("protocol", [across, within])
def test_both_protocols_ask_for_people_who_are_there_three_seconds_later(
    labels: pd.DataFrame, protocol: Callable[[Crops], Crops], tmp_path: Path
) -> None:
    name = labels["camera"] + labels["frame"].astype(str) + labels["person"]
    table = protocol(Crops(labels.drop(columns=[*BOX]).assign(image=name), tmp_path))
    kinds = {problem.kind for problem in check_crops(table)}
    assert kinds == {"missing file"}
    queries, gallery = table.select("query").table, table.select("gallery").table
    assert queries["time_s"].max() + 3 <= gallery["time_s"].min()
    assert gallery.groupby("sequence")["person"].nunique().min() >= 17
    assert queries["person"].nunique() >= 14


def test_no_query_asks_across_cameras_for_someone_whom_one_camera_sees(
    labels: pd.DataFrame, tmp_path: Path
) -> None:
    table = across(Crops(labels.drop(columns=[*BOX]).assign(image="crop.png"), tmp_path))
    assert "assistant" in set(table.table["person"])
    assert "assistant" not in set(table.select("query").table["person"])


def test_a_person_of_whom_it_is_not_sure_is_left_out_across_cameras(
    labels: pd.DataFrame, tmp_path: Path
) -> None:
    sure = labels["sure"].where(labels["person"] != "white-c", "no")
    crops = Crops(labels.drop(columns=[*BOX]).assign(image="crop.png", sure=sure), tmp_path)
    assert "white-c" not in set(across(crops).table["person"])
    assert "white-c" in set(within(crops).table["person"])


def test_the_shipped_crops_are_small_sound_and_licensed() -> None:
    folder = Path(sameplayer.__file__).parent / "data" / "real"
    crops = read_crops(folder / "crops.csv")
    assert check_crops(crops) == []
    assert crops.table["role"].value_counts().to_dict() == {"gallery": 8, "query": 4}
    assert crops.table["team"].nunique() == 1
    assert all(crops.read(row).shape[0] <= 128 for row in range(len(crops)))
    assert sum(path.stat().st_size for path in folder.iterdir()) < 100_000
    assert (folder / "LICENSE").read_text().strip().startswith("The MIT License")


def _shared() -> Path:
    return Path(os.environ.get("SAMEPLAYER_SHARED", HERE.parents[1] / "shared"))
