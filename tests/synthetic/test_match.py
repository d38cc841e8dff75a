"""A drawn match: what its files hold agrees with each other and with the pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sameplayer.data.video.frames import open_video
from sameplayer.errors import DataError, SettingError
from sameplayer.synthetic.league import KITS
from sameplayer.synthetic.match import BOXES, TRUTH, draw_match
from sameplayer.synthetic.match_play import (
    BREADTH,
    LENGTH,
    SUBSTITUTES,
    draw_squads,
    simulate_match,
)
from sameplayer.synthetic.match_views import shots_of, wide_pose

SMALL = {"seconds": 3.0, "size": (320, 180), "players": 4}


@pytest.fixture(scope="module")
def match(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_match(tmp_path_factory.mktemp("drawn") / "match", 3, **SMALL)


@pytest.fixture(scope="module")
def truth(match: Path) -> pd.DataFrame:
    return pd.read_csv(match / "truth.csv", dtype={"number": str}, keep_default_na=False)


def test_each_camera_is_a_video_of_the_length_and_size_asked_for(match: Path) -> None:
    for camera in ("camera1", "camera2"):
        video = open_video(match / f"{camera}.mp4")
        assert len(video) == 30
        assert np.allclose(np.diff(video.times), 0.1)
        assert video.read(30).shape == (180, 320, 3)


def test_the_same_seed_gives_the_same_files_and_another_seed_others(
    match: Path, tmp_path: Path
) -> None:
    again, other = draw_match(tmp_path / "a", 3, **SMALL), draw_match(tmp_path / "b", 4, **SMALL)
    names = sorted(path.name for path in match.iterdir())
    assert names == sorted(path.name for path in again.iterdir())
    for name in names:
        assert (match / name).read_bytes() == (again / name).read_bytes(), name
    assert (match / "truth.csv").read_bytes() != (other / "truth.csv").read_bytes()


def test_the_truth_has_a_person_once_a_frame_inside_the_picture(truth: pd.DataFrame) -> None:
    assert tuple(truth.columns) == TRUTH
    assert not truth.duplicated(["camera", "frame", "person"]).any()
    assert (truth[["left", "top"]] >= 0).all(axis=None)
    assert (truth["left"] + truth["width"] <= 320).all()
    assert (truth["top"] + truth["height"] <= 180).all()
    assert truth["visible"].between(0.1, 1).all()
    assert (truth["visible"] < 0.8).any(), "nobody hides anybody"


def test_a_box_holds_the_pixels_of_its_kit(match: Path, truth: pd.DataFrame) -> None:
    """The chest is nearer to the person's own kit than to the other team's."""
    cast = draw_squads(3, 4)
    kits = {team: person.kit for team, person in zip(cast.teams, cast.people, strict=True)}
    full = truth[(truth["visible"] > 0.99) & (truth["height"] > 30) & (truth["team"] != "referee")]
    right = []
    for row in full.iloc[::7].itertuples():
        picture = open_video(match / f"{row.camera}.mp4").read(row.frame).astype(float)
        x, y = row.left + row.width // 2, row.top + round(0.4 * row.height)
        chest = picture[y - 1 : y + 2, x - 1 : x + 2].mean(axis=(0, 1))
        away = {team: np.abs(chest - kits[team]).sum() for team in set(full["team"])}
        right.append(min(away, key=away.__getitem__) == row.team)
    assert len(right) > 10
    assert np.mean(right) > 0.8


def test_a_number_is_unique_in_a_team_and_two_are_in_both() -> None:
    for seed in range(5):
        cast = draw_squads(seed, 7)
        pairs = [(team, number) for team, number, _ in cast.roster]
        assert len(set(pairs)) == len(pairs)
        by_team: dict[str, set[str]] = {}
        for person, team in zip(cast.people, cast.teams, strict=True):
            if team != "referee":
                assert person.kit in KITS
                assert (team, person.number) in pairs
                by_team.setdefault(team, set()).add(person.number)
        first, second = by_team.values()
        assert len(first & second) >= 2


def test_the_roster_has_players_who_never_play(match: Path, truth: pd.DataFrame) -> None:
    roster = pd.read_csv(match / "roster.csv", dtype=str)
    listed = set(roster["team"] + "-" + roster["number"])
    assert len(listed) == 2 * (4 + SUBSTITUTES + 2)
    players = set(truth.loc[truth["team"] != "referee", "person"])
    assert players < listed
    assert roster["name"].is_unique
    assert (truth.loc[truth["team"] == "referee", "number"] == "").all()


def test_the_boxes_are_loose_some_missing_and_some_false(match: Path, truth: pd.DataFrame) -> None:
    boxes = pd.read_csv(match / "boxes.csv")
    assert tuple(boxes.columns) == BOXES
    assert boxes["score"].between(0, 1).all()
    assert (boxes[["left", "top"]] >= 0).all(axis=None)
    assert (boxes["left"] + boxes["width"] <= 320.1).all()
    assert (boxes[["width", "height"]] > 1).all(axis=None)
    both = boxes.merge(truth, on=["camera", "frame"], suffixes=("", "_true"))
    sides = ("left", "top", "width", "height")
    gap = sum((both[side] - both[f"{side}_true"]).abs() for side in sides)
    near = both[gap < 0.4 * both["height_true"]]
    found = near.groupby(["camera", "frame", "person"]).ngroups / len(truth)
    assert 0.8 < found < 0.99
    assert (gap[near.index] > 0).any()
    assert len(boxes) > near.groupby(["camera", "frame", "left", "top"]).ngroups


def test_a_replay_shows_the_pixels_of_the_earlier_stretch(match: Path, truth: pd.DataFrame) -> None:
    own = truth[(truth["camera"] == "camera1")]
    replayed = own.loc[own["replay"] == 1, "frame"]
    shot = own.loc[own["replay"] == 1, "shot"].unique()
    assert len(shot) == 1
    first = int(replayed.min())
    delay = round(next(s for s in _shots() if s.number == shot[0]).delay_s * 10)
    video = open_video(match / "camera1.mp4")
    again, before = video.read(first).astype(int), video.read(first - delay).astype(int)
    assert np.abs(again - before).mean() < 3
    assert np.abs(again - video.read(first - 1).astype(int)).mean() > 10
    sides = ["person", "left", "top", "width", "height"]
    one, two = own[own["frame"] == first][sides], own[own["frame"] == first - delay][sides]
    assert one.reset_index(drop=True).equals(two.reset_index(drop=True))


def _shots() -> tuple:
    return shots_of(simulate_match(3, 4, 4.0), 0, 2, 30, 10.0)


def test_the_cuts_are_where_the_shots_change(match: Path, truth: pd.DataFrame) -> None:
    cuts = pd.read_csv(match / "cuts.csv")
    assert set(cuts["camera"]) == {"camera1"}
    first = truth[truth["camera"] == "camera1"].groupby("shot")["frame"].min()
    assert np.allclose((first.to_numpy()[1:] - 1) / 10, cuts["time_s"])
    assert set(truth.loc[truth["camera"] == "camera2", "shot"]) == {0}


def test_the_second_camera_begins_later_and_its_times_say_so(
    match: Path, truth: pd.DataFrame
) -> None:
    offsets = json.loads((match / "facts.json").read_text())["offset_s"]
    assert offsets["camera1"] == 0 < offsets["camera2"] < 0.5
    for camera, own in truth.groupby("camera"):
        assert np.allclose(own["time_s"], offsets[camera] + (own["frame"] - 1) / 10)


def test_two_cameras_see_a_place_of_the_pitch_by_two_homographies_that_agree() -> None:
    spot = np.array((LENGTH / 2, BREADTH / 2, 0, 1.0))
    pixels = []
    for camera in (0, 1):
        seen = wide_pose(camera, 2).matrix((1280, 720)) @ spot
        pixels.append(seen[:2] / seen[2])
    for x, y in pixels:
        assert 0 < x < 1280
        assert 0 < y < 720
    assert pixels[0][0] > 640 > pixels[1][0]


def test_players_come_and_go_and_cross_in_a_longer_match() -> None:
    play = simulate_match(1, 7, 60)
    assert len(play.changes) == 6
    for time_s, out, into in play.changes:
        moment = min(round((time_s + 8) * 10), len(play.places) - 1)
        assert play.places[moment, out, 1] < -3, "still on the pitch"
        assert play.places[moment, into, 1] > -1, "not on the pitch"
    players = play.places[:, :7]
    assert (np.linalg.norm(np.diff(players, axis=0), axis=2) * 10).max() < 7
    order = np.argsort(players[::10, :, 0], axis=1)
    assert (np.diff(order, axis=0) != 0).any(axis=1).mean() > 0.3


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"seconds": 0.0}, "seconds"),
        ({"cameras": 0}, "cameras"),
        ({"fps": 0.5}, "fps"),
        ({"size": (321, 180)}, "size"),
        ({"players": 99}, "players"),
        ({"seconds": float("nan")}, "seconds"),
    ],
)
def test_a_setting_out_of_range_is_named_and_nothing_is_written(
    wrong: dict, name: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingError, match=name):
        draw_match(tmp_path / "match", **wrong)
    assert not list(tmp_path.iterdir())


def test_a_folder_with_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match="already holds files"):
        draw_match(tmp_path, **SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
