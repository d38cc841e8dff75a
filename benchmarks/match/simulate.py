"""Drawn evidence of a match whose truth is known, for tests and benchmarks.

The evidence is drawn, not read from pictures: it shows what a rule does, not how good an encoder
is. A pair's appearance comes from vectors with noise that all pairs of a tracklet share, as real
ones do, and is calibrated as in a match: by a logistic curve over pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from sameplayer.encoder.calibration import fit_calibration
from sameplayer.identity.evidence.evidence import Evidence
from sameplayer.numbers.reader import NUMBERS


@dataclass(frozen=True)
class Drawn:
    """A drawn match.

    readable, right     shares of tracklets that show a number, and of those that read it rightly
    unsure_team         share of tracklets whose team is a guess
    noise               of a tracklet's embedding; 1 is as far as persons are from each other
    boast               1: evidence says how sure it is; 2: log-odds of all kinds twice too high
    """

    count: int = 1000
    persons: int = 26
    readable: float = 0.35
    right: float = 0.85
    unsure_team: float = 0.1
    noise: float = 1.0
    boast: float = 1.0
    cameras: int = 2


@dataclass(frozen=True)
class DrawnMatch:
    """Evidence with its truth: person, and the persons' teams and numbers; spans a tracklet."""

    evidence: Evidence
    person: np.ndarray
    teams: np.ndarray
    numbers: tuple[str, ...]
    spans: pd.DataFrame


def draw(asked: Drawn, seed: int) -> DrawnMatch:
    """Draw a match: in each camera a person has one tracklet at a time, with gaps between them."""
    rng = np.random.default_rng(seed)
    teams = np.repeat([0, 1, 2], [(asked.persons - 2) // 2, (asked.persons - 1) // 2, 2])
    teams = (
        teams[: asked.persons] if len(teams) >= asked.persons else np.resize(teams, asked.persons)
    )
    numbers = _line_ups(teams, rng)
    person, spans = _spans(asked, rng)
    apart = _apart(person, spans)
    weight = rng.integers(2, 17, asked.count).astype(float)
    evidence = Evidence(
        _appearance(asked, person, teams, weight, rng),
        None,
        apart,
        _numbers(asked, person, numbers, rng),
        _teams(asked, teams[person], rng),
        weight,
    )
    return DrawnMatch(evidence, person, teams, numbers, spans)


def _line_ups(teams: np.ndarray, rng: np.random.Generator) -> tuple[str, ...]:
    """Numbers by person: no number twice in a team; "" for those of none."""
    worn = [""] * len(teams)
    for team in (0, 1):
        own = np.flatnonzero(teams == team)
        low = rng.permutation(np.arange(1, 26))
        high = rng.permutation(np.arange(26, 100))
        pool = np.where(rng.random(len(own)) < 0.75, low[: len(own)], high[: len(own)])
        for one, number in zip(own, pool, strict=True):
            worn[one] = str(number)
    return tuple(worn)


def _spans(asked: Drawn, rng: np.random.Generator) -> tuple[np.ndarray, pd.DataFrame]:
    """Each (person, camera) in turn gets tracklets of about 10 s with gaps of about 5 s."""
    owners = rng.integers(0, asked.persons * asked.cameras, asked.count)
    person, camera = owners // asked.cameras, owners % asked.cameras
    start, end = np.zeros(asked.count), np.zeros(asked.count)
    for owner in np.unique(owners):
        own = np.flatnonzero(owners == owner)
        lengths, gaps = rng.exponential(10, len(own)) + 1, rng.exponential(5, len(own)) + 0.2
        ends = np.cumsum(lengths + gaps)
        start[own], end[own] = ends - lengths, ends
    names = np.array([f"camera {number}" for number in range(asked.cameras)])
    return person, pd.DataFrame({"camera": names[camera], "start_s": start, "end_s": end})


def _apart(person: np.ndarray, spans: pd.DataFrame) -> np.ndarray:
    camera = spans["camera"].to_numpy()
    start, end = spans["start_s"].to_numpy(), spans["end_s"].to_numpy()
    apart = np.empty((len(person), len(person)), bool)
    for row in range(len(person)):
        apart[row] = (camera == camera[row]) & (start < end[row]) & (end > start[row])
    np.fill_diagonal(apart, False)
    return apart


def _appearance(
    asked: Drawn,
    person: np.ndarray,
    teams: np.ndarray,
    weight: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Calibrated cosine: persons of a team look alike, noise falls with the pictures."""
    width = 32
    kit = rng.normal(size=(3, width))
    centre = kit[teams] + rng.normal(size=(len(teams), width))
    noise = (
        asked.noise * np.sqrt(0.6 + 3.2 / weight)[:, None] * rng.normal(size=(len(person), width))
    )
    rows = (centre[person] + noise).astype(np.float32)
    rows -= rows.mean(axis=0)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    cosine = rows @ rows.T
    slope, offset = _calibrated(cosine, person, rng)
    cosine *= np.float32(asked.boast * slope)
    cosine += np.float32(asked.boast * offset)
    return cosine


def _calibrated(
    cosine: np.ndarray, person: np.ndarray, rng: np.random.Generator
) -> tuple[float, float]:
    """Slope and offset of log-odds at even odds, from 4,000 pairs of each kind."""
    pairs = rng.integers(0, len(person), (400_000, 2))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    same = person[pairs[:, 0]] == person[pairs[:, 1]]
    kept = np.concatenate([np.flatnonzero(same)[:4000], np.flatnonzero(~same)[:4000]])
    values = cosine[pairs[kept, 0], pairs[kept, 1]]
    found = fit_calibration(values, same[kept])
    return found.slope, found.offset


def _numbers(
    asked: Drawn, person: np.ndarray, worn: tuple[str, ...], rng: np.random.Generator
) -> np.ndarray:
    """Readings as sure as they are right: of those with share s, s are right."""
    shares = np.full((len(person), len(NUMBERS) + 1), 0.0)
    for row, one in enumerate(person):
        seen = worn[one] != "" and rng.random() < asked.readable
        shares[row, -1] = 0.1 if seen else 0.97
        sure = np.clip(rng.beta(8 * asked.right, 8 * (1 - asked.right)), 0.3, 0.995)
        read = NUMBERS.index(worn[one]) if seen and rng.random() < sure else rng.integers(1, 100)
        spread = np.full(len(NUMBERS), (1 - sure) / (len(NUMBERS) - 1))
        spread[read] = sure
        shares[row, :-1] = (1 - shares[row, -1]) * spread
    logs = np.log(shares)
    within = asked.boast * logs[:, :-1]
    within -= np.log(np.exp(within).sum(axis=1, keepdims=True))
    logs[:, :-1] = within + np.log1p(-shares[:, -1:])
    return logs


def _teams(asked: Drawn, team: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Posteriors: sure ones are right 99 times of 100, unsure ones 7 times of 10."""
    sure = np.where(rng.random(len(team)) < asked.unsure_team, 0.7, 0.99)
    right = rng.random(len(team)) < sure
    said = np.where(right, team, (team + rng.integers(1, 3, len(team))) % 3)
    shares = np.repeat(((1 - sure) / 2)[:, None], 3, axis=1)
    shares[np.arange(len(team)), said] = sure
    shares = shares**asked.boast
    return shares / shares.sum(axis=1, keepdims=True)


def pair_scores(labels: np.ndarray, person: np.ndarray) -> tuple[float, float, int]:
    """Return adjusted Rand index, purity and the number of clusters."""
    table = np.zeros((labels.max() + 1, person.max() + 1), np.int64)
    np.add.at(table, (labels, person), 1)
    pairs = lambda counts: (counts * (counts - 1) / 2).sum()  # noqa: E731
    both, one, other = pairs(table), pairs(table.sum(1)), pairs(table.sum(0))
    expected = one * other / pairs(np.array([len(labels)]))
    index = (both - expected) / ((one + other) / 2 - expected)
    return float(index), float(table.max(1).sum() / len(labels)), len(table)


def majority(labels: np.ndarray, person: np.ndarray) -> np.ndarray:
    """Return (k,) the person whom most tracklets of each cluster show."""
    table = np.zeros((labels.max() + 1, person.max() + 1), np.int64)
    np.add.at(table, (labels, person), 1)
    return table.argmax(axis=1)
