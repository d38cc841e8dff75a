"""Whether stated probabilities and likelihood ratios can be taken at their word.

Every function takes weights, by which the share of known persons is set and persons are resampled.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import isotonic_regression

from sameplayer.errors import RankingError

SMALLEST = 1e-9  # a probability of 0 or 1 that was wrong costs no more than this says


def cllr(
    same: np.ndarray,
    others: np.ndarray,
    same_weight: np.ndarray | None = None,
    others_weight: np.ndarray | None = None,
) -> float:
    """Return the cost of log likelihood ratios, in bits (Brümmer and du Preez, 2006).

    same, others    (n,) and (m,) natural log ratios, where the two are one person, and not

    0 is perfect, 1 as good as no ratio at all. Raises RankingError where a side is empty.
    """
    _refuse_empty(same, others)
    genuine = np.average(np.logaddexp(0, -np.asarray(same)), weights=same_weight)
    impostor = np.average(np.logaddexp(0, np.asarray(others)), weights=others_weight)
    return float((genuine + impostor) / 2 / np.log(2))


def min_cllr(
    same: np.ndarray,
    others: np.ndarray,
    same_weight: np.ndarray | None = None,
    others_weight: np.ndarray | None = None,
) -> float:
    """Return ``cllr`` after the best rising map of the ratios: what ratios of this order could do.

    The map is isotonic regression (pool adjacent violators) on the very pairs that are scored, so
    the rest, ``cllr`` less this, is what calibration loses.
    """
    _refuse_empty(same, others)
    ratio = np.concatenate([same, others])
    is_same = np.arange(len(ratio)) < len(same)
    weight = np.concatenate([_even(same, same_weight), _even(others, others_weight)])
    levels, level = np.unique(ratio, return_inverse=True)
    total = np.bincount(level, weight, len(levels))
    share = np.bincount(level, weight * is_same, len(levels)) / np.maximum(total, 1e-300)
    found = np.clip(isotonic_regression(share, weights=np.maximum(total, 1e-300)).x, 0, 1)
    with np.errstate(divide="ignore"):
        cost = -np.where(is_same, np.log2(found[level]), np.log2(1 - found[level]))
    return float(weight[weight > 0] @ cost[weight > 0] / 2)


def log_loss(probability: np.ndarray, right: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Return the mean of -log of the probability given to what was true, in nats."""
    kept = np.clip(probability, SMALLEST, 1 - SMALLEST)
    return float(np.average(-np.log(np.where(right, kept, 1 - kept)), weights=weight))


def brier(probability: np.ndarray, right: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Return the mean squared difference of probability and truth."""
    return float(np.average((probability - np.asarray(right, float)) ** 2, weights=weight))


def bias(probability: np.ndarray, right: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Return the mean probability less the share that was right."""
    return float(np.average(probability - np.asarray(right, float), weights=weight))


def _even(values: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
    own = np.ones(len(values)) if weight is None else np.asarray(weight, float)
    return np.asarray(own / own.sum())


def _refuse_empty(same: np.ndarray, others: np.ndarray) -> None:
    if len(same) == 0 or len(others) == 0:
        raise RankingError(
            f"{len(same)} ratios of one person and {len(others)} of two; expected some of each."
        )
