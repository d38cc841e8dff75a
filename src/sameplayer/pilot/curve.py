"""The share of matches by similarity: a smooth, rising curve drawn from its posterior.

On the log-odds scale the slope of the curve is a random walk (the smoothing spline of Wahba, 1978,
for a binomial) whose roughness is estimated. So a band of similarity without an observed match
borrows from the bands above, and is not taken for empty.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import expit

ROUGHEST = 1.5  # scale of the half-normal prior of the roughness, in log-odds
STEEP = 4.0  # standard deviation of the slope, log-odds per standard deviation of similarity
WIDE = 5.0  # standard deviation of the level
CHAINS = 128
STEPS = 500


@dataclass(frozen=True, eq=False)
class Counts:
    """Answers at H rising similarities.

    place       (H,) similarity in standard deviations
    answered    (H,) number of answered pairs
    matches     (H,) number of those that are matches
    """

    place: np.ndarray
    answered: np.ndarray
    matches: np.ndarray

    @cached_property
    def parts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Operators that give the bends (H - 2, H), the level (H,) and the slope (H,) of a curve.

        A bend is a change of slope over the square root of its distance.
        """
        size = len(self.place)
        gaps = np.maximum(np.diff(self.place), 1e-3)
        slopes = (np.eye(size)[1:] - np.eye(size)[:-1]) / gaps[:, None]
        bends = np.diff(slopes, axis=0) / np.sqrt((gaps[1:] + gaps[:-1]) / 2)[:, None]
        slope = slopes.mean(axis=0) if size > 1 else np.zeros(size)
        return bends, np.full(size, 1 / size), slope


def likeliest(counts: Counts, roughness: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Return the log-odds (H,) of the mode for one roughness, and their covariance (H, H)."""
    precision = _precision(counts, roughness)
    odds = np.zeros(len(counts.place))
    for _ in range(50):
        share = expit(odds)
        slope = counts.matches - counts.answered * share - precision @ odds
        curvature = np.diag(counts.answered * share * (1 - share)) + precision
        step = np.linalg.solve(curvature, slope)
        odds = odds + step * min(1.0, 2 / max(np.abs(step).max(), 1e-9))
        if np.abs(step).max() < 1e-6:
            break
    return odds, np.linalg.inv(curvature)


def draw_odds(counts: Counts, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Return draws (draws, H) of the rising log-odds, by Metropolis in many chains at once."""
    mode, spread = likeliest(counts, 1.0)
    size = len(mode)
    root = np.linalg.cholesky(spread + 1e-9 * np.eye(size))
    odds = np.maximum.accumulate(mode + rng.normal(size=(CHAINS, size)) @ root.T, axis=1)
    rough = np.full(CHAINS, 0.5)
    now = _log_density(counts, odds, rough)
    keep, each = [], max(1, -(-draws // CHAINS))
    kept_at = set(np.linspace(STEPS // 2, STEPS - 1, each).astype(int).tolist())
    for step in range(max(STEPS, each * 2)):
        moved = odds + (rng.choice((0.3, 0.8, 1.6), (CHAINS, 1)) / np.sqrt(size)) * (
            rng.normal(size=(CHAINS, size)) @ root.T
        )
        odds, now = _choose(odds, moved, now, _log_density(counts, moved, rough), rng)
        other = rough * np.exp(rng.normal(0, 0.7, CHAINS))
        then = _log_density(counts, odds, other)
        taken = np.log(rng.random(CHAINS)) < then - now + np.log(other / rough)
        rough, now = np.where(taken, other, rough), np.where(taken, then, now)
        if step in kept_at:
            keep.append(odds)
    return np.concatenate(keep)[:draws]


def _choose(
    odds: np.ndarray, moved: np.ndarray, now: np.ndarray, then: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    taken = np.log(rng.random(len(now))) < then - now
    return np.where(taken[:, None], moved, odds), np.where(taken, then, now)


def _log_density(counts: Counts, odds: np.ndarray, rough: np.ndarray) -> np.ndarray:
    """Return (C,) the log posterior density of curves (C, H) and their roughness (C,)."""
    bends, level, slope = counts.parts
    count = len(bends)
    likelihood = odds @ counts.matches - np.logaddexp(0, odds) @ counts.answered
    bent = ((odds @ bends.T) ** 2).sum(axis=1) / rough**2 / 2 + count * np.log(rough)
    line = ((odds @ level) / WIDE) ** 2 / 2 + ((odds @ slope) / STEEP) ** 2 / 2
    falls = (odds[:, 1:] < odds[:, :-1]).any(axis=1)
    density: np.ndarray = likelihood - bent - line - (rough / ROUGHEST) ** 2 / 2
    return np.where(falls, -np.inf, density)


def _precision(counts: Counts, roughness: float) -> np.ndarray:
    bends, level, slope = counts.parts
    found: np.ndarray = (
        bends.T @ bends / roughness**2
        + np.outer(level, level) / WIDE**2
        + np.outer(slope, slope) / STEEP**2
    )
    return found + 1e-9 * np.eye(len(counts.place))
