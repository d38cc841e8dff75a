"""Evidence of tracklets whose persons are known, for the tests of identity."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sameplayer.identity.evidence.evidence import Evidence
from sameplayer.numbers.reader import NUMBERS

WIDTH = len(NUMBERS) + 1


def numbers(read: list[str | None], sure: float = 0.999) -> np.ndarray:
    """Log-probabilities (n, 102): each number as sure as asked, None: none is seen."""
    shares = np.zeros((len(read), WIDTH))
    for row, number in enumerate(read):
        if number is None:
            shares[row], shares[row, -1] = 0.02 / (WIDTH - 1), 0.98
        else:
            shares[row] = (1 - sure) / (WIDTH - 1)
            shares[row, NUMBERS.index(number)] = sure
    return np.log(shares)


def teams(sides: list[int | None]) -> np.ndarray:
    """Probabilities (n, 3): of the side 0.999, None: says nothing beside the others' mean."""
    shares = np.full((len(sides), 3), 1 / 3)
    for row, side in enumerate(sides):
        if side is not None:
            shares[row] = 0.0005
            shares[row, side] = 0.999
    return shares


def evidence(
    appearance: np.ndarray,
    read: list[str | None] | None = None,
    sides: list[int | None] | None = None,
    apart: list[tuple[int, int]] = (),  # type: ignore[assignment]
    place: dict[tuple[int, int], float] | None = None,
) -> Evidence:
    """Evidence of what is given; nothing else says anything."""
    count = len(appearance)
    blocked = np.zeros((count, count), bool)
    for i, j in apart:
        blocked[i, j] = blocked[j, i] = True
    where = None
    if place is not None:
        where = np.zeros((count, count), np.float32)
        for (i, j), odds in place.items():
            where[i, j] = where[j, i] = odds
    return Evidence(
        appearance.astype(np.float32),
        where,
        blocked,
        numbers(read or [None] * count),
        teams(sides or [None] * count),
        np.ones(count),
    )


def looks(groups: list[list[int]], alike: float = 3.0, unlike: float = -3.0) -> np.ndarray:
    """(n, n) log-odds: tracklets of a group look alike, others do not."""
    count = sum(map(len, groups))
    odds = np.full((count, count), unlike)
    for group in groups:
        odds[np.ix_(group, group)] = alike
    return odds


def spans(rows: list[tuple[float, float]], cameras: list[str] | None = None) -> pd.DataFrame:
    """A row a tracklet: camera, start_s, end_s."""
    start, end = zip(*rows, strict=True)
    return pd.DataFrame({"camera": cameras or ["a"] * len(rows), "start_s": start, "end_s": end})
