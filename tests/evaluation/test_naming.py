"""Scores of a log's names: by hand where the answer is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sameplayer.cli import main
from sameplayer.errors import RankingError, SettingError
from sameplayer.evaluation.logs.naming_scores import score_log, score_names
from sameplayer.evaluation.logs.truth import read_truth
from sameplayer.identity.log.log_files import load_log, save_log
from sameplayer.identity.log.player_log import APPEARANCES, BOXES, LINKS, PlayerLog
from sameplayer.tracks.camera import Camera

FRAMES = 10


def _truth() -> pd.DataFrame:
    """Two players and a referee, each on a place of their own."""
    people = (("red-7", "red", "7"), ("blue-7", "blue", "7"), ("referee-1", "referee", ""))
    rows = [
        ("left", frame, 100.0 * place, 0.0, 40.0, 80.0, *who)
        for frame in range(1, FRAMES + 1)
        for place, who in enumerate(people)
    ]
    columns = ["camera", "frame", "left", "top", "width", "height", "person", "team", "number"]
    return pd.DataFrame(rows, columns=columns)


def _log(*said: tuple[str, str | None, float, bool]) -> PlayerLog:
    """A log with an appearance a place: (team, number, probability, sure)."""
    rows, boxes = [], []
    for place, (team, number, probability, sure) in enumerate(said):
        row = dict.fromkeys(APPEARANCES, None) | {
            "appearance": place,
            "identity": f"{team} {number or f'unknown {place}'}",
            "team": team,
            "number": number,
            "camera": "left",
            "frames": FRAMES,
            "probability": probability,
            "sure": sure,
        }
        rows.append(row)
        boxes += [
            (place, "left", frame, frame / 10, 100.0 * place, 0.0, 40.0, 80.0, 1.0)
            for frame in range(1, FRAMES + 1)
        ]
    return PlayerLog(
        pd.DataFrame(rows),
        pd.DataFrame(boxes, columns=list(BOXES)),
        pd.DataFrame(columns=list(LINKS)),
        (Camera("left", Path("left.mp4")),),
        {},
    )


def test_right_names_score_one_and_an_unnamed_referee_is_right() -> None:
    log = _log(("red", "7", 0.99, True), ("blue", "7", 0.98, True), ("referee", None, 0.9, True))
    scores = score_log(log, _truth())
    for names in (scores.appearances, scores.boxes):
        assert names.precision == names.coverage == names.at_95 == names.at_99 == 1
        assert names.error == pytest.approx(0.015)
    assert scores.appearances.nameable == 2
    assert scores.boxes.nameable == 2 * FRAMES
    assert scores.tracking.hota == pytest.approx(1)
    assert scores.tracklet_purity == 1


def test_the_right_number_in_the_wrong_team_is_wrong() -> None:
    log = _log(("red", "7", 0.9, True), ("red", "7", 0.8, True), ("referee", None, 0.9, True))
    scores = score_log(log, _truth()).appearances
    assert (scores.precision, scores.coverage, scores.at_95) == (0.5, 0.5, 0.5)


def test_a_referee_with_a_players_name_is_wrong() -> None:
    log = _log(("red", "7", 0.9, True), ("blue", "7", 0.9, True), ("red", "8", 0.9, True))
    assert score_log(log, _truth()).appearances.precision == pytest.approx(2 / 3)


def test_an_unsure_name_counts_for_calibration_and_not_for_precision() -> None:
    log = _log(("red", "7", 0.9, True), ("red", "9", 0.4, False), ("referee", None, 0.9, True))
    scores = score_log(log, _truth()).appearances
    assert (scores.named, scores.precision, scores.coverage) == (1, 1.0, 0.5)
    assert scores.error == pytest.approx((0.1 + 0.4) / 2)


def test_a_name_on_boxes_that_show_nobody_is_wrong() -> None:
    said = [("red", "7", 0.9, True), ("blue", "7", 0.9, True), ("referee", None, 0.9, True)]
    log = _log(*said, ("red", "8", 0.9, True))
    scores = score_log(log, _truth())
    assert scores.appearances.precision == scores.boxes.precision == pytest.approx(2 / 3)


def test_other_words_for_the_teams_are_put_to_the_truths() -> None:
    log = _log(("dark", "7", 0.9, True), ("light", "7", 0.9, True), ("neither", None, 0.9, True))
    assert score_log(log, _truth()).appearances.precision == 1
    swapped = _truth().replace({"number": {"": "3"}})
    assert score_log(log, swapped).appearances.coverage == pytest.approx(2 / 3)


def test_a_tracklet_that_goes_over_to_another_is_impure() -> None:
    log = _log(("red", "7", 0.9, True), ("blue", "7", 0.9, True))
    late = log.boxes["frame"] > 6
    log.boxes.loc[late, "left"] = 100 - log.boxes.loc[late, "left"]
    scores = score_log(log, _truth())
    assert scores.tracklet_purity == pytest.approx(0.6)
    assert scores.appearances.precision == 1, "by most of the boxes"
    assert scores.boxes.precision == pytest.approx(0.6)


def test_coverage_at_a_precision_is_the_most_that_a_threshold_gives() -> None:
    right = np.array([1, 1, 0, *[1] * 37, 0, 0], bool)
    probability = np.linspace(0.99, 0.5, len(right))
    scores = score_names(right, probability, probability > 0.9, 50)
    assert scores.at_95 == pytest.approx(39 / 50)  # 39 of the first 40 or 41
    assert scores.at_99 == pytest.approx(2 / 50)


def test_names_of_one_probability_are_taken_together() -> None:
    right = np.array([1, 1, 1, 0], bool)
    scores = score_names(right, np.full(4, 0.8), np.ones(4, bool), 4)
    assert scores.at_95 == 0
    assert scores.error == pytest.approx(abs(0.8 - right).mean())


def test_true_probabilities_have_a_small_error_and_boasts_a_large_one() -> None:
    rng = np.random.default_rng(0)
    probability = rng.uniform(0.3, 1, 20_000)
    right = rng.random(20_000) < probability
    sure = np.ones(20_000, bool)
    assert score_names(right, probability, sure, 20_000).error < 0.015
    boast = 1 - (1 - probability) / 4
    assert score_names(right, boast, sure, 20_000).error > 0.2
    table = score_names(right, probability, sure, 20_000).reliability
    assert table["count"].tolist() == [2000] * 10
    assert table["probability"].is_monotonic_increasing


def test_a_log_without_a_name_is_right_about_nothing() -> None:
    scores = score_log(_log(("red", None, 0.9, True)), _truth()).appearances
    assert (scores.named, scores.precision, scores.coverage, scores.error) == (0, 1.0, 0.0, 0.0)


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(RankingError, match="expected"):
        score_names(np.ones(2, bool), np.ones(3), np.ones(2, bool), 2)
    with pytest.raises(SettingError, match="probability"):
        score_names(np.ones(1, bool), np.array([1.5]), np.ones(1, bool), 1)


def _saved(tmp_path: Path) -> Path:
    """A log of two players and a referee in the frames 1, 3, 5 ..., in a folder."""
    log = _log(("red", "7", 0.9, True), ("blue", "7", 0.8, True), ("referee", None, 0.9, True))
    boxes = log.boxes[log.boxes["frame"] % 2 == 1].reset_index(drop=True)
    appearances = log.appearances.assign(
        shot=0, start_s=0.0, end_s=1.0, first_frame=1, last_frame=9, frames=5, rests_on=""
    )
    log = PlayerLog(appearances, boxes, log.links, log.cameras, {})
    return save_log(log, tmp_path / "LOG")


def _mot(path: Path) -> Path:
    """The true boxes as MOT text: tracks 1, 2 and 3."""
    people = {"red-7": 1, "blue-7": 2, "referee-1": 3}
    lines = [
        f"{row.frame},{people[row.person]},{row.left},{row.top},{row.width},{row.height},1,-1,-1,-1"
        for row in _truth().itertuples()
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_log_score_prints_and_writes_the_scores(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = tmp_path / "names.csv"
    names.write_text("track,team,number\n1,red,7\n2,blue,8\n")
    truth = str(_mot(tmp_path / "left.txt"))
    arguments = ["log-score", str(_saved(tmp_path)), truth, "--names", str(names)]
    assert main([*arguments, "--json", str(tmp_path / "scores.json")]) == 0
    printed = capsys.readouterr().out
    assert "HOTA" in printed
    assert "names of tracklets: 2 of 2 named" in printed
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert scores["hota"] == scores["idf1"] == scores["tracklet_purity"] == pytest.approx(1)
    assert scores["appearances_precision"] == 0.5
    assert scores["appearances_at_95"] == 0.5


def test_log_score_takes_names_from_the_boxes(tmp_path: Path) -> None:
    _truth().assign(track=_truth()["person"]).drop(columns="person").to_csv(
        tmp_path / "truth.csv", index=False
    )
    log = load_log(_saved(tmp_path))
    truth = read_truth([tmp_path / "truth.csv"], log)
    assert sorted(truth["frame"].unique()) == [1, 3, 5, 7, 9]
    assert score_log(log, truth).appearances.precision == 1


BAD_TRUTH = {
    "no track": ("1,-1,0,0,10,10,1,-1,-1,-1\n", "have no track id"),
    "no frame of the log": ("2,1,0,0,10,10,1,-1,-1,-1\n", "no box is in a frame"),
    "no boxes at all": ("nothing", ""),
}


@pytest.mark.parametrize("case", BAD_TRUTH)
def test_log_score_refuses_what_is_no_truth(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    content, message = BAD_TRUTH[case]
    (tmp_path / "left.txt").write_text(content)
    assert main(["log-score", str(_saved(tmp_path)), str(tmp_path / "left.txt")]) == 2
    assert message in capsys.readouterr().err


def test_log_score_refuses_a_wrong_number_of_files_and_track_ids_that_are_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, truth = str(_saved(tmp_path)), str(_mot(tmp_path / "left.txt"))
    assert main(["log-score", log, truth, truth]) == 2
    assert "2 files of true boxes for a log of 1 cameras" in capsys.readouterr().err
    (tmp_path / "names.csv").write_text("track,team,number\nred,red,7\n")
    assert main(["log-score", log, truth, "--names", str(tmp_path / "names.csv")]) == 2
    assert "row 2: expected a whole track id, found 'red'" in capsys.readouterr().err
