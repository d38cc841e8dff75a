"""Teams and numbers that came with boxes count as if they had been seen surely."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sameplayer.identity.evidence.attributes import with_given_numbers, with_given_teams
from sameplayer.numbers.reader import NUMBERS
from sameplayer.tracks.camera import Camera
from sameplayer.tracks.tracklets import TRACKLET_COLUMNS, Tracklets
from tests.identity.drawn import numbers, teams


def tracklets(**told: list[str | None]) -> Tracklets:
    count = len(next(iter(told.values())))
    table = pd.DataFrame({name: np.ones(count) for name in TRACKLET_COLUMNS})
    table = table.assign(tracklet=np.arange(count), camera="a", **told)
    return Tracklets(table, (Camera("a", None, 0.0),))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("told", "read"), [("10", "10"), ("07", "7"), ("0", "0"), ("00", "00"), ("000", "0")]
)
def test_a_number_that_was_told_is_surely_read(told: str, read: str) -> None:
    seen = numbers(["3", "3"])
    found = with_given_numbers(seen, tracklets(number=[told, None]))
    assert found[0].argmax() == NUMBERS.index(read)
    assert np.sort(found[0])[-2] <= -12
    assert (found[1] == seen[1]).all()


@pytest.mark.parametrize("told", ["x", "100", "Ana", "-1"])
def test_what_is_no_number_of_a_shirt_says_nothing(told: str) -> None:
    seen = numbers(["3"])
    assert (with_given_numbers(seen, tracklets(number=[told])) == seen).all()


def test_teams_that_were_told_get_the_kits_that_they_wear() -> None:
    told = tracklets(team=["Reds", "Reds", "Blues", "Blues", "judges", None])
    seen = teams([1, 1, 0, None, 0, 1])
    found, words = with_given_teams(seen, told, ("white", "blue"))
    assert words == ("Blues", "Reds")
    assert found.argmax(axis=1).tolist() == [1, 1, 0, 0, 2, 1]
    assert found.sum(axis=1) == pytest.approx(1)
    assert found[3, 0] > 0.9
    assert (found[5] == seen[5]).all()


@pytest.mark.parametrize("told", [["Reds", "Reds"], [None, None]])
def test_fewer_than_two_teams_change_nothing(told: list[str | None]) -> None:
    seen = teams([0, 1])
    found, words = with_given_teams(seen, tracklets(team=told), ("white", "blue"))
    assert (found == seen).all()
    assert words == ("white", "blue")
    assert with_given_teams(seen, tracklets(team=told), None)[1] is None
