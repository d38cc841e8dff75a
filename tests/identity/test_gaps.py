"""Where one tracklet ends and another begins: near enough for one person, or not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sameplayer.identity.evidence.collect import seen_together
from sameplayer.identity.evidence.place.gaps import MOST_ODDS, gap_odds
from sameplayer.identity.evidence.place.walks import walks_of, without_common_way
from sameplayer.tracks.camera import Camera
from sameplayer.tracks.tracklets import CAMERA_COLUMNS, TRACKLET_COLUMNS, Tracklets

PEOPLE, STEPS = 12, 150
HIGH = 100.0


def walks(seed: int = 0, people: int = PEOPLE) -> np.ndarray:
    """(people, STEPS, 2) pixels of feet, five a second: people of 100 pixels who run about."""
    rng = np.random.default_rng(seed)
    home = rng.uniform((100, 200), (1800, 900), (people, 2))
    feet, speed = home.copy(), np.zeros((people, 2))
    found = np.zeros((people, STEPS, 2))
    for step in range(STEPS):
        speed = 0.9 * speed + 0.05 * (home - feet) + rng.normal(0, (9, 4), (people, 2))
        feet = feet + speed
        found[:, step] = feet
    return found


def tracklets(
    feet: np.ndarray, pieces: list[tuple[int, int, int]], camera: object = 0
) -> Tracklets:
    """Tracklets (person, first, last step) of feet; camera: pixels that it turned, by step."""
    rng = np.random.default_rng(1)
    turned = np.zeros((STEPS, 2)) + camera
    rows = []
    for number, (person, first, last) in enumerate(pieces):
        for step in range(first, last + 1):
            across, down = feet[person, step] + turned[step] + rng.normal(0, 3, 2)
            box = (across - 20, down - HIGH, 40.0, HIGH)
            rows.append((number, "a", 0, step + 1, step / 5, *box, 0.9))
    table = pd.DataFrame(rows, columns=list(TRACKLET_COLUMNS))
    return Tracklets(table, (Camera("a", Path("a.mp4")),))


def with_gaps(feet: np.ndarray, camera: object = 0) -> Tracklets:
    """Everybody is lost for 0.6 s, at a time of his own; then two follow each other."""
    return tracklets(
        feet,
        [
            piece
            for person in range(len(feet))
            for end in [40 + 5 * person]
            for piece in ((person, 0, end), (person, end + 3, STEPS - 1))
        ],
        camera,
    )


def odds_of(found: Tracklets) -> np.ndarray:
    odds = gap_odds(found.table, seen_together(found)).toarray()
    assert (odds == odds.T).all()
    assert np.abs(odds).max() <= MOST_ODDS
    return odds


def successors(odds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the odds of those who are one person, and of the others of which there are any."""
    first, second = np.arange(0, 2 * PEOPLE, 2), np.arange(1, 2 * PEOPLE, 2)
    between = odds[np.ix_(first, second)]
    others = between[~np.eye(PEOPLE, dtype=bool)]
    return between.diagonal(), others[others != 0]


def test_who_goes_on_where_somebody_was_lost_is_he() -> None:
    same, others = successors(odds_of(with_gaps(walks())))
    assert (same > 0).all()
    assert same.mean() > 0.5
    assert len(others) > PEOPLE
    assert np.mean(others < 0) > 0.9
    assert same.min() > np.quantile(others, 0.9)


def test_nothing_is_said_of_long_gaps_other_cameras_and_those_seen_together() -> None:
    feet = walks()
    pieces = [(0, 0, 40), (0, 70, 149)] + [(person, 0, 149) for person in range(1, PEOPLE)]
    assert not odds_of(tracklets(feet, pieces)).any()
    found = with_gaps(feet)
    table = found.table.copy()
    table.loc[table["tracklet"] % 2 == 1, "shot"] = 1
    odds = odds_of(Tracklets(table, found.cameras))
    assert not odds.any(), "a shot shows another part of the ground"


def test_too_little_to_learn_from_says_nothing() -> None:
    short = tracklets(walks(), [(0, 0, 5), (1, 0, 9), (0, 8, 12)])
    assert not odds_of(short).any()
    nobody = Tracklets(short.table.iloc[:0], short.cameras)
    assert gap_odds(nobody.table, np.zeros((0, 0), bool)).shape == (0, 0)


def turning() -> np.ndarray:
    """A camera that goes left and right, faster than people run."""
    return np.stack([600 * np.sin(np.arange(STEPS) / 8), np.zeros(STEPS)], axis=1)


def test_a_camera_that_turns_is_taken_off_where_it_is_known() -> None:
    feet, camera = walks(), turning()
    still = odds_of(with_gaps(feet))
    found = with_gaps(feet, camera)
    table = found.table.copy()
    table[list(CAMERA_COLUMNS)] = camera[table["frame"].to_numpy() - 1]
    np.testing.assert_allclose(odds_of(Tracklets(table, found.cameras)), still, atol=0.05)


def test_a_camera_that_turns_unknown_is_told_from_the_people() -> None:
    feet = walks()
    same, others = successors(odds_of(with_gaps(feet, turning())))
    assert (same > 0).mean() > 0.9
    assert np.median(others) < 0


def test_the_common_way_of_all_is_the_camera_s() -> None:
    found = with_gaps(np.full((PEOPLE, STEPS, 2), 500.0), turning())
    found = without_common_way(walks_of(found.table))
    assert np.ptp(found.feet[:, 0]) < 60, "of 1200 pixels that the camera turned"


def test_two_who_meet_where_both_are_lost_are_left_to_their_looks() -> None:
    feet = walks()
    feet[1] = feet[0] + np.where(np.arange(STEPS) < 60, -1, 1)[:, None] * [60.0, 0]
    rest = [(person, 0, 149) for person in range(2, PEOPLE)]
    alone = odds_of(tracklets(feet, [(0, 0, 58), (0, 62, 149), *rest]))[0, 1]
    feet[1] = feet[0] + [25.0, 0]
    pieces = [(0, 0, 58), (0, 62, 149), (1, 0, 58), (1, 62, 149), *rest]
    met = odds_of(tracklets(feet, pieces))
    assert alone > 0.3
    assert 0 <= met[0, 1] < 0.75 * alone
    assert met[0, 3] == pytest.approx(met[0, 1], abs=0.35), "place does not tell who is who"


def test_a_fast_one_is_expected_where_he_runs_to() -> None:
    feet = walks(people=40)
    feet += (
        np.linspace(0, 1, STEPS)[None, :, None] * [9000.0, 0] * (np.arange(40) % 2)[:, None, None]
    )
    rest = [(person, 0, 149) for person in range(2, 40)]
    odds = odds_of(tracklets(feet, [(1, 0, 70), (1, 75, 149), *rest]))
    back = feet.copy()
    back[1, 71:] += 2 * (feet[1, 70] - feet[1, 75])
    against = odds_of(tracklets(back, [(1, 0, 70), (1, 75, 149), *rest]))
    assert odds[0, 1] > against[0, 1] + 0.3
