"""A drawn match from its videos to the log: who is who, again after a stop, and as corrected."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sameplayer.encoder.encoder import Encoder
from sameplayer.errors import DataError, SettingError
from sameplayer.evaluation.logs.naming_scores import score_log
from sameplayer.identity.inputs.corrections import Correction, FramePoint
from sameplayer.identity.inputs.log_config import LogConfig
from sameplayer.identity.log.player_log import PlayerLog
from sameplayer.identity.pipeline import identify_players
from sameplayer.synthetic.match import draw_match

SECONDS = 5.0


@pytest.fixture(scope="module")
def match(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn") / "match"
    draw_match(folder, 5, seconds=SECONDS, size=(800, 450), players=4, fps=5)
    return folder


@pytest.fixture(scope="module")
def given(match: Path) -> dict[str, Any]:
    """What is known of the match; work is kept beside it."""
    cuts = pd.read_csv(match / "cuts.csv")
    names = ("camera1", "camera2")
    return {
        "videos": [match / f"{name}.mp4" for name in names],
        "boxes": match / "boxes.csv",
        "cuts": {name: cuts.loc[cuts["camera"] == name, "time_s"].to_numpy() for name in names},
        "roster": match / "roster.csv",
        "folder": match / "work",
    }


@pytest.fixture(scope="module")
def log(given: dict[str, Any]) -> PlayerLog:
    return identify_players(**given)


@pytest.fixture(scope="module")
def truth(match: Path) -> pd.DataFrame:
    return pd.read_csv(match / "truth.csv", dtype={"number": str}, keep_default_na=False)


def test_people_are_linked_across_cuts_and_cameras(log: PlayerLog, truth: pd.DataFrame) -> None:
    scores = score_log(log, truth)
    assert scores.tracking.purity > 0.95
    assert scores.tracking.idf1 > 0.7
    assert scores.tracking.twice == 0
    assert log.players()["cameras"].max() == 2


def test_names_of_the_roster_are_right_and_nobody_gets_one_for_being_left_over(
    log: PlayerLog, truth: pd.DataFrame
) -> None:
    scores = score_log(log, truth).appearances
    assert scores.named > 0.3 * scores.nameable
    assert scores.precision > 0.9
    named = log.appearances[log.appearances["name"].notna() & log.appearances["sure"]]
    assert named["rests_on"].str.contains("named by").all()


def test_a_row_says_when_where_how_sure_and_why(log: PlayerLog) -> None:
    table = log.appearances
    assert (table["end_s"] >= table["start_s"]).all()
    assert table["end_s"].max() <= SECONDS + 1e-9
    assert table["probability"].between(0, 1).all()
    assert table["second"].notna().all()
    assert table["rests_on"].str.len().min() > 0
    assert log.facts["kits"] is not None
    boxes = log.boxes.merge(table[["appearance", "identity"]], on="appearance")
    assert not boxes.duplicated(["camera", "frame", "identity"]).any()


def test_a_second_run_looks_at_no_picture_again(
    given: dict[str, Any], log: PlayerLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*args: object, **kwargs: object) -> np.ndarray:
        raise AssertionError("a picture is looked at again")

    monkeypatch.setattr(Encoder, "embed", never)
    again = identify_players(**given)
    pd.testing.assert_frame_equal(again.appearances, log.appearances)


def _place(log: PlayerLog, appearance: int) -> FramePoint:
    box = log.boxes[log.boxes["appearance"] == appearance].iloc[0]
    return FramePoint(
        box["camera"],
        int(box["frame"]),
        box["left"] + box["width"] / 2,
        box["top"] + box["height"] / 2,
    )


def test_a_run_obeys_corrections(given: dict[str, Any], log: PlayerLog) -> None:
    table = log.appearances
    joined = table[table.duplicated("identity", keep=False)].sort_values("identity")
    a, b = joined["appearance"].iloc[:2]
    other = table.loc[table["identity"] != joined["identity"].iloc[0], "appearance"].iloc[0]
    rows = [Correction("different", _place(log, a), _place(log, b))]
    again = identify_players(**given, corrections=rows).appearances.set_index("appearance")
    assert again.loc[a, "identity"] != again.loc[b, "identity"]
    roster = pd.read_csv(given["roster"])
    name = roster["name"].iloc[-1]
    rows = [Correction("is", _place(log, int(other)), player=name)]
    again = identify_players(**given, corrections=rows).appearances.set_index("appearance")
    assert again.loc[other, "identity"] == name
    assert "correction" in again.loc[other, "rests_on"]


def test_corrections_that_contradict_each_other_name_their_rows(
    given: dict[str, Any], log: PlayerLog
) -> None:
    a, b = (_place(log, int(one)) for one in log.appearances["appearance"].iloc[[0, -1]])
    rows = [Correction("same", a, b), Correction("different", a, b)]
    with pytest.raises(DataError, match="rows 2, 3"):
        identify_players(**given, corrections=rows)


def test_settings_out_of_range_are_refused_before_anything_is_read(given: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match="fps"):
        replace(LogConfig(), fps=0)
    with pytest.raises(SettingError, match="tile"):
        replace(LogConfig(), tile="huge")
    with pytest.raises(DataError, match="no such"):
        identify_players([given["videos"][0], "absent.mp4"])


@pytest.mark.parametrize("name", ["boxes", "roster", "corrections", "config", "encoder", "reader"])
def test_an_argument_of_another_type_is_refused_by_its_name(
    given: dict[str, Any], name: str
) -> None:
    with pytest.raises(SettingError, match=f"{name} is of type int; expected"):
        identify_players(given["videos"][0], **{name: 5})
