"""Teams and shirt numbers that come with given boxes, as evidence."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sameplayer.numbers.reader import NUMBERS
from sameplayer.tracks.tracklets import Tracklets

SURE = 0.98
"""Probability of a team that came with boxes: labels have errors."""


def with_given_numbers(number: np.ndarray, tracklets: Tracklets) -> np.ndarray:
    """Return (n, 102) log-probabilities in which a given number is certain.

    number    (n, 102) as in Evidence
    """
    number = number.copy()
    numbers = _given(tracklets, "number")
    for tracklet, given in zip(numbers.index.to_numpy(np.int64), numbers, strict=True):
        worn = given if given == "00" else given.lstrip("0") or "0"
        if worn in NUMBERS:
            number[tracklet] = number.min(initial=-12.0)
            number[tracklet, NUMBERS.index(worn)] = 0
    return number


def with_given_teams(
    team: np.ndarray, tracklets: Tracklets, words: tuple[str, str] | None
) -> tuple[np.ndarray, tuple[str, str] | None]:
    """Return (n, 3) probabilities with the given teams, and the names of the two.

    team     (n, 3) as in Evidence, by the kits
    words    of the kits; None: there are no two kits

    The two most frequent given teams get the kits that they wear; other teams are neither. Nothing
    changes where fewer than two teams are given.
    """
    given = _given(tracklets, "team")
    names = given.value_counts().index[:2].tolist()
    if len(names) < 2:
        return team, words
    wears = [(team[given.index[given == name]] @ (1, -1, 0)).mean() for name in names]
    first, second = names if wears[0] >= wears[1] else names[::-1]
    team = team.copy()
    team[given.index] = (1 - SURE) / 2
    place = given.map({first: 0, second: 1}).fillna(2).to_numpy(np.int64)
    team[given.index, place] = SURE
    return team, (first, second)


def _given(tracklets: Tracklets, name: str) -> pd.Series:
    """Return the given labels of a column by tracklet, without missing ones."""
    if name not in tracklets.table.columns:
        return pd.Series(dtype=object)
    return tracklets.table.groupby("tracklet")[name].first().dropna()
