"""Statistics that several stages need: logistic fits, calibration errors, intervals, p-values."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import expit

BINS = 10
BLOCK = 2_000_000  # resampled values held in memory at a time
Z95 = 1.959964  # normal quantile of a two-sided 95 % interval


def fit_logistic(
    features: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray | None = None,
    penalty: np.ndarray | float = 0.0,
) -> np.ndarray:
    """Fit a logistic regression by Newton's method and return its coefficients (k,).

    features    (n, k); a column of ones gives an intercept
    target      (n,) from 0 to 1: labels, or smoothed ones as ``platt_targets`` returns
    weight      (n,) of each row, 0 or more; None: 1 each
    penalty     (k,) or one number: half of it times the squared coefficient is added to the loss

    The minimised loss is the weighted sum of -log probability. Without a penalty, targets of 0 and
    1 must not be separable by the features.
    """
    features = np.asarray(features, float)
    weight = np.ones(len(features)) if weight is None else np.asarray(weight, float)
    penalty = np.broadcast_to(np.asarray(penalty, float), features.shape[1:])

    def loss(at: np.ndarray) -> float:
        score = features @ at
        return float(weight @ (np.logaddexp(0, score) - target * score) + penalty @ at**2 / 2)

    ridge = np.diag(penalty + 1e-9)
    best = np.zeros(features.shape[1])
    lowest = loss(best)
    for _ in range(100):
        guess = expit(features @ best)
        gradient = features.T @ (weight * (guess - target)) + penalty * best
        curvature = (features.T * (weight * guess * (1 - guess))) @ features + ridge
        step = np.linalg.solve(curvature, gradient)
        while (lower := loss(best - step)) > lowest and np.abs(step).max() > 1e-9:
            step = step / 2
        if not lower < lowest:
            break
        best, lowest = best - step, lower
    return best


def platt_targets(positive: np.ndarray) -> np.ndarray:
    """Return smoothed targets (n,) of labels (n,) bool, so that separable ones fit finitely.

    (p + 1) / (p + 2) for the p positives and 1 / (q + 2) for the q negatives (Platt, 1999).
    """
    positives = int(positive.sum())
    negatives = len(positive) - positives
    return np.where(positive, (positives + 1) / (positives + 2), 1 / (negatives + 2))


def reliability_table(
    probability: np.ndarray,
    correct: np.ndarray,
    weight: np.ndarray | None = None,
    bins: int = BINS,
    *,
    equal_mass: bool = False,
) -> np.ndarray:
    """Return a row (mean probability, share correct, share of the weight) per non-empty bin.

    probability    (n,) from 0 to 1
    correct        (n,) bool
    weight         (n,) 0 or more; None: 1 each
    equal_mass     bins of as many values each, lowest first; else bins of equal width
    """
    weight = np.ones(len(probability)) if weight is None else np.asarray(weight, float)
    probability = np.asarray(probability, float)
    if equal_mass:
        order = np.argsort(probability, kind="stable")
        code = np.empty(len(order), int)
        sizes = [len(part) for part in np.array_split(order, bins)]
        code[order] = np.repeat(np.arange(bins), sizes)
    else:
        code = np.minimum((probability * bins).astype(int), bins - 1)
    mass = np.bincount(code, weight, bins)
    full = mass > 0
    stated = np.bincount(code, weight * probability, bins)[full] / mass[full]
    right = np.bincount(code, weight * np.asarray(correct, float), bins)[full] / mass[full]
    return np.column_stack([stated, right, mass[full] / max(mass.sum(), 1e-300)])


def expected_calibration_error(
    probability: np.ndarray,
    correct: np.ndarray,
    weight: np.ndarray | None = None,
    bins: int = BINS,
    *,
    equal_mass: bool = False,
) -> float:
    """Return the mean gap between probability and share correct over bins (Guo et al., 2017).

    Arguments as of ``reliability_table``. NaN where there are no values.
    """
    if not len(probability):
        return float("nan")
    table = reliability_table(probability, correct, weight, bins, equal_mass=equal_mass)
    stated, right, share = table.T
    return float(share @ np.abs(stated - right))


def wilson_interval(share: float, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share of ``count`` independent trials (Wilson, 1927).

    As ``scipy.stats.binomtest(hits, count).proportion_ci(method="wilson")``, which takes whole hits
    only; with correlated trials, ``count`` may be the number of independent groups.
    """
    scale = 1 + Z95**2 / count
    middle = (share + Z95**2 / (2 * count)) / scale
    half = Z95 * np.sqrt(share * (1 - share) / count + (Z95 / (2 * count)) ** 2) / scale
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def bootstrap_interval(
    values: np.ndarray, draws: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Return the 95 % percentile interval of the mean of values (n,), resampled ``draws`` times."""

    def sample(count: int) -> np.ndarray:
        return values[rng.integers(0, len(values), (count, len(values)))]

    low, high = np.percentile(_means(sample, draws, len(values)), [2.5, 97.5])
    return float(low), float(high)


def cluster_bootstrap_interval(
    values: np.ndarray, clusters: np.ndarray, draws: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Return the 95 % percentile interval of the mean of values (n,), whole clusters resampled.

    clusters    (n,) equal for values that depend on each other, such as the queries of one person
    """
    code = np.unique(clusters, return_inverse=True)[1].ravel()
    summed, counts = np.bincount(code, values), np.bincount(code)
    shares = np.full(len(counts), 1 / len(counts))
    block = max(1, BLOCK // len(counts))
    means = []
    for start in range(0, draws, block):
        drawn = rng.multinomial(len(counts), shares, min(block, draws - start))
        means.append((drawn * summed).sum(axis=1) / (drawn @ counts))  # the same in any block
    low, high = np.percentile(np.concatenate(means), [2.5, 97.5])
    return float(low), float(high)


def sign_flip_p_value(difference: np.ndarray, draws: int, rng: np.random.Generator) -> float:
    """Return the two-sided p-value of paired differences (n,) under random changes of sign.

    The observed signs count as one of the changes, so the p-value is never 0.
    """

    def sample(count: int) -> np.ndarray:
        return rng.choice((-1.0, 1.0), (count, len(difference))) * difference

    as_large = np.abs(_means(sample, draws, len(difference))) >= abs(difference.mean()) - 1e-12
    return float((as_large.sum() + 1) / (draws + 1))


def permutation_p_value(
    summed: np.ndarray, counts: np.ndarray, inside: np.ndarray, draws: int, rng: np.random.Generator
) -> float:
    """Return the two-sided p-value of the difference of two groups' means under permutation.

    summed, counts    (n,) of each unit: the sum of its values, and how many they are
    inside            (n,) bool: units of the first group; every permutation has as many

    The observed groups count as one of the permutations, so the p-value is never 0.
    """

    def gap(chosen: np.ndarray) -> np.ndarray:
        total, number = chosen @ summed, chosen @ counts
        return np.abs(total / number - (summed.sum() - total) / (counts.sum() - number))

    size = int(inside.sum())
    observed = gap(inside[None].astype(float))[0]
    as_large, block = 0, max(1, BLOCK // len(summed))
    for start in range(0, draws, block):
        keys = rng.random((min(block, draws - start), len(summed)))
        members = np.argpartition(keys, size - 1, axis=1)[:, :size]
        chosen = np.zeros(keys.shape)
        np.put_along_axis(chosen, members, 1.0, axis=1)
        as_large += int((gap(chosen) >= observed - 1e-12).sum())
    return (as_large + 1) / (draws + 1)


def _means(sample: Callable[[int], np.ndarray], draws: int, width: int) -> np.ndarray:
    """Return the means (draws,) of rows that ``sample(count)`` returns, made in blocks."""
    count = max(1, BLOCK // max(width, 1))
    starts = range(0, draws, count)
    return np.concatenate([sample(min(count, draws - start)).mean(axis=1) for start in starts])
