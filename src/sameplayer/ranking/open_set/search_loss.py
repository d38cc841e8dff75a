"""The log loss of whole searches: who is it of those enrolled, or nobody of them?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

KNOWN = (0.2, 0.5, 0.8)  # priors for which the loss is meant at once


@dataclass(frozen=True, eq=False)
class SearchRows:
    """All pairs of a question and an enrolled person, search after search.

    features    (n, k) of each pair; the first column is 1
    search      (n,) int64, rising: the search that a pair belongs to
    size        (m,) int64: how many are enrolled
    mate        (m,) int64: the pair that is the right answer; -1: nobody
    weight      (m,) over 0: in each gallery the mated searches sum to 1, and so do the others
    """

    features: np.ndarray
    search: np.ndarray
    size: np.ndarray
    mate: np.ndarray
    weight: np.ndarray


def join_rows(parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> SearchRows:
    """Return the pairs of galleries, each given as features (m, N, k) and mates (m,), -1: nobody.

    Every gallery weighs the same, and in it the mated searches as much as the others.
    """
    features, size, mates, weights, before = [], [], [], [], 0
    for of_gallery, mate in parts:
        count, persons, width = of_gallery.shape
        features.append(of_gallery.reshape(count * persons, width))
        size.append(np.full(count, persons))
        mates.append(np.where(mate >= 0, before + np.arange(count) * persons + mate, -1))
        alike = np.bincount((mate >= 0).astype(int), minlength=2)
        weights.append(1 / alike[(mate >= 0).astype(int)] / len(parts))
        before += count * persons
    sizes = np.concatenate(size)
    return SearchRows(
        np.concatenate(features),
        np.repeat(np.arange(len(sizes)), sizes),
        sizes,
        np.concatenate(mates),
        np.concatenate(weights),
    )


def fit_weights(rows: SearchRows, pull: float) -> np.ndarray:
    """Return (k,) weights for which features @ weights are log likelihood ratios, by least loss.

    pull    times half the squared length of the weights (of features of unit spread, the first
            column apart) is added to the mean log loss
    """
    centre, spread = rows.features.mean(axis=0), rows.features.std(axis=0)
    centre[0], spread[0] = 0, 1
    spread = np.where(spread > 1e-9, spread, 1.0)
    scaled = (rows.features - centre) / spread
    start = np.zeros(scaled.shape[1])
    found = minimize(_loss, start, (rows, scaled, pull), jac=True, method="L-BFGS-B").x / spread
    found[0] -= centre @ found
    return np.asarray(found)


def _loss(
    weights: np.ndarray, rows: SearchRows, scaled: np.ndarray, pull: float
) -> tuple[float, np.ndarray]:
    """Return the mean log loss over KNOWN of the answers by Bayes' rule, and its gradient."""
    mated = rows.mate >= 0
    ratio = scaled @ weights
    starts = np.cumsum(rows.size) - rows.size
    highest = np.maximum(np.maximum.reduceat(ratio, starts), 0)  # exp does not overflow
    grown = np.exp(ratio - highest[rows.search])
    together = np.add.reduceat(grown, starts)
    total, slope = 0.0, np.zeros(len(ratio))
    for known in KNOWN:
        share = known / rows.size
        evidence = share * together + (1 - known) * np.exp(-highest)
        right = np.where(mated, np.log(share) + ratio[rows.mate], np.log(1 - known))
        weight = rows.weight * np.where(mated, known, 1 - known)
        total += float(weight @ (np.log(evidence) + highest - right))
        slope += (weight * share / evidence)[rows.search] * grown
        slope[rows.mate[mated]] -= weight[mated]  # every pair is the answer of one search at most
    pulled = pull * np.r_[0.0, weights[1:]]
    gradient = scaled.T @ slope / len(KNOWN) + pulled
    return total / len(KNOWN) + 0.5 * float(pulled @ weights), gradient
