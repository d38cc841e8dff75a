"""Two cameras over one ground: the homography is found from who looks alike, or refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sameplayer.identity.evidence.place.calibrated_views import find_view_mapping, place_odds
from sameplayer.identity.evidence.place.foot_points import clear_of_edges, feet_at
from sameplayer.tracks.tracklets import TRACKLET_COLUMNS

PERSONS = 14


def _walks(seed: int) -> np.ndarray:
    """(persons, 60, 2) metres on a pitch, over 12 seconds."""
    rng = np.random.default_rng(seed)
    speed = np.cumsum(rng.normal(0, 0.12, (PERSONS, 60, 2)), axis=1)
    return rng.uniform((10, 5), (40, 30), (PERSONS, 2))[:, None] + np.cumsum(speed, axis=1) * 0.2


def _seen(
    places: np.ndarray, matrix: np.ndarray, camera: str, start: float, first: int
) -> pd.DataFrame:
    """Boxes of persons whose feet a camera sees at its own times, a fifth of a second apart."""
    rows = []
    for person, walk in enumerate(places):
        points = np.column_stack([walk, np.ones(len(walk))]) @ matrix.T
        feet = points[:, :2] / points[:, 2:]
        for step, (x, y) in enumerate(feet):
            high = 60 + 0.08 * y
            rows.append(
                (
                    first + person,
                    camera,
                    1,
                    step + 1,
                    start + step * 0.2,
                    x - 15,
                    y - high,
                    30,
                    high,
                    1.0,
                )
            )
    return pd.DataFrame(rows, columns=list(TRACKLET_COLUMNS))


LEFT = np.array([[24.0, -8, 300], [1, 18, 220], [0.0004, 0.004, 1]])
RIGHT = np.array([[22.0, 9, -100], [-1, 19, 240], [-0.0004, 0.004, 1]])


def _match(shift: float = 0.2, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    walks = _walks(seed)
    left = _seen(walks, LEFT, "left", 0.0, 0)
    right = _seen(walks, RIGHT, "right", -shift, PERSONS)
    table = pd.concat([left, right], ignore_index=True)
    return table, np.arange(PERSONS), np.arange(PERSONS, 2 * PERSONS)


def _looks(seed: int, right: float = 2.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(-1, 1.5, (PERSONS, PERSONS)) + np.eye(PERSONS) * right


def test_the_view_is_found_with_its_shift_and_names_everybody() -> None:
    table, first, second = _match()
    view = find_view_mapping(table, first, second, _looks(0))
    assert view is not None
    assert view.shift_s == pytest.approx(-0.2, abs=0.05)
    assert view.error < 0.2
    assert (view.pairs[:, 1] - view.pairs[:, 0] == PERSONS).all()
    odds = place_odds(view, table, first, second)
    same = np.eye(PERSONS, dtype=bool)
    assert odds[same].min() > 3
    assert (odds[~same] < 0).mean() > 0.97


def test_a_view_of_another_ground_is_refused() -> None:
    """The right camera sees other people elsewhere: no homography explains most of them."""
    table, first, second = _match()
    strangers, _, _ = _match(seed=9)
    rng = np.random.default_rng(3)
    moved = strangers[strangers["camera"] == "right"].copy()
    moved["left"] += rng.uniform(-400, 400, PERSONS)[moved["tracklet"] - PERSONS]
    moved["top"] += rng.uniform(-150, 150, PERSONS)[moved["tracklet"] - PERSONS]
    both = pd.concat([table[table["camera"] == "left"], moved], ignore_index=True)
    assert find_view_mapping(both, first, second, _looks(0)) is None


def test_too_few_people_give_no_view() -> None:
    table, first, second = _match()
    assert find_view_mapping(table, first[:5], second[:5], _looks(0)[:5, :5]) is None


def test_feet_are_not_guessed_across_a_gap_nor_where_the_picture_cuts_them() -> None:
    table, _, _ = _match()
    table = table.drop(index=table.index[20:30])  # two seconds of tracklet 0
    moments = np.array([1.0, 1.1, 5.0, 6.4])
    feet = feet_at(clear_of_edges(table), np.array([0]), moments).feet[0]
    assert np.isfinite(feet[[0, 1, 3]]).all()
    assert np.isnan(feet[2]).all()
    bottom = table["top"] + table["height"]
    lowest = table.loc[bottom[table["camera"] == "left"].idxmax()]
    cut = feet_at(
        clear_of_edges(table), np.array([int(lowest["tracklet"])]), np.array([lowest["time_s"]])
    )
    beside = table.drop(index=lowest.name)
    whole = feet_at(
        clear_of_edges(beside), np.array([int(lowest["tracklet"])]), np.array([lowest["time_s"]])
    )
    assert np.allclose(cut.feet, whole.feet, equal_nan=True), "the cut box says something"
