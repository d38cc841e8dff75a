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


def clustered_interval(
    values: np.ndarray, clusters: np.ndarray, draws: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Return the 95 % interval of the mean of values (n,) when whole clusters are drawn anew.

    clusters    (n,) equal for values that belong together, such as the queries of one person
    """
    code = np.unique(clusters, return_inverse=True)[1].ravel()
    summed, counts = np.bincount(code, values), np.bincount(code)
    shares = np.full(len(counts), 1 / len(counts))
    block = max(1, BLOCK // len(counts))
    means = []
    for start in range(0, draws, block):
        drawn = rng.multinomial(len(counts), shares, min(block, draws - start))
        means.append((drawn @ summed) / (drawn @ counts))
    low, high = np.percentile(np.concatenate(means), [2.5, 97.5])
    return float(low), float(high)


def permuted_p_value(
    summed: np.ndarray,
    counts: np.ndarray,
    inside: np.ndarray,
    draws: int,
    rng: np.random.Generator,
) -> float:
    """Return the share of random exchanges whose two means differ as much as those of two groups.

    summed, counts    (n,) of each unit: the sum of its values, and how many they are
    inside            (n,) true for the units of one group; every exchange has as many

    The groups as they are count as one of the exchanges, so that the share is never 0.
    """

    def gap(chosen: np.ndarray) -> np.ndarray:
        total, number = chosen @ summed, chosen @ counts
        return np.abs(total / number - (summed.sum() - total) / (counts.sum() - number))

    size = int(inside.sum())
    found = gap(inside[None].astype(float))[0]
    as_large, block = 0, max(1, BLOCK // len(summed))
    for start in range(0, draws, block):
        keys = rng.random((min(block, draws - start), len(summed)))
        places = np.argpartition(keys, size - 1, axis=1)[:, :size]
        chosen = np.zeros(keys.shape)
        np.put_along_axis(chosen, places, 1.0, axis=1)
        as_large += int((gap(chosen) >= found - 1e-12).sum())
    return (as_large + 1) / (draws + 1)
