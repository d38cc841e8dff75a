"""Teams and shirt numbers that came with given boxes, as evidence beside what is seen."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sameplayer.numbers.reader import NUMBERS
from sameplayer.tracks.tracklets import Tracklets

SURE = 0.98
"""Probability of a team that came with boxes: whoever drew them may have erred."""


def with_told_numbers(number: np.ndarray, tracklets: Tracklets) -> np.ndarray:
    """Return (n, 102) log-probabilities in which a number that was told is surely read.

    number    (n, 102) as in Evidence
    """
    number = number.copy()
    numbers = _told(tracklets, "number")
    for tracklet, told in zip(numbers.index.to_numpy(np.int64), numbers, strict=True):
        worn = told if told == "00" else told.lstrip("0") or "0"
        if worn in NUMBERS:
            number[tracklet] = number.min(initial=-12.0)
            number[tracklet, NUMBERS.index(worn)] = 0
    return number


def with_told_teams(
    team: np.ndarray, tracklets: Tracklets, words: tuple[str, str] | None
) -> tuple[np.ndarray, tuple[str, str] | None]:
    """Return (n, 3) probabilities with the teams that were told, and what the two are called.

    team     (n, 3) as in Evidence, by the kits that are seen
    words    of the kits; None: there are no two kits

    The two teams that most tracklets are told to be of get the kits that they wear; those of other
    teams are of neither. Nothing changes where fewer than two teams are told.
    """
    told = _told(tracklets, "team")
    names = told.value_counts().index[:2].tolist()
    if len(names) < 2:
        return team, words
    wears = [(team[told.index[told == name]] @ (1, -1, 0)).mean() for name in names]
    first, second = names if wears[0] >= wears[1] else names[::-1]
    team = team.copy()
    team[told.index] = (1 - SURE) / 2
    place = told.map({first: 0, second: 1}).fillna(2).to_numpy(np.int64)
    team[told.index, place] = SURE
    return team, (first, second)


def _told(tracklets: Tracklets, name: str) -> pd.Series:
    """Return what was told of tracklets, by their number; none where it was not."""
    if name not in tracklets.table.columns:
        return pd.Series(dtype=object)
    return tracklets.table.groupby("tracklet")[name].first().dropna()
