"""Scores of a log's names: by hand where the answer is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sameplayer.errors import RankingError, SettingError
from sameplayer.evaluation.logs.naming_scores import score_log, score_names
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
