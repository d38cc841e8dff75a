"""Means of resampled values, in blocks, so that memory does not grow with draws x values."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

BLOCK = 2_000_000  # values held at a time


def bootstrap_interval(
    values: np.ndarray, draws: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Return the 95 % interval of the mean of values (n,), drawn ``draws`` times with repeats."""

    def drawn(count: int) -> np.ndarray:
        return values[rng.integers(0, len(values), (count, len(values)))]

    low, high = np.percentile(_means(drawn, draws, len(values)), [2.5, 97.5])
    return float(low), float(high)


def sign_change_p_value(gain: np.ndarray, draws: int, rng: np.random.Generator) -> float:
    """Return the share of random sign changes of (n,) differences whose mean is as large.

    The differences as they are count as one of the changes, so that the share is never 0.
    """

    def changed(count: int) -> np.ndarray:
        return rng.choice((-1.0, 1.0), (count, len(gain))) * gain

    as_large = np.abs(_means(changed, draws, len(gain))) >= abs(gain.mean()) - 1e-12
    return float((as_large.sum() + 1) / (draws + 1))


def _means(sample: Callable[[int], np.ndarray], draws: int, width: int) -> np.ndarray:
    """Return (draws,) means of the rows that ``sample(count)`` returns."""
    count = max(1, BLOCK // max(width, 1))
    starts = range(0, draws, count)
    return np.concatenate([sample(min(count, draws - start)).mean(axis=1) for start in starts])
