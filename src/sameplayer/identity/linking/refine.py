"""Moving single tracklets to the cluster that they fit better, while that helps all together."""

from __future__ import annotations

import numpy as np

from sameplayer.identity.linking.cluster_fit import NEVER, ClusterFit

ROUNDS = 10
MARGIN = 0.1


def refine_clusters(fit: ClusterFit, prior: float, held: np.ndarray) -> bool:
    """Move single tracklets to the cluster that they fit better, or alone; tell whether any moved.

    held    (n,) bool: these stay where they are

    The objective is the sum of what every tracklet has for being in its cluster. In a round each
    cluster takes part in one move at most, so that every gain is as computed; a round that does
    not raise the objective is taken back and is the last.
    """
    changed = False
    odds = fit.support() + np.float32(prior)
    value = _objective(odds, fit.labels)
    for _ in range(ROUNDS):
        moves = _wanted(odds, fit.labels, held)
        if not moves:
            break
        before = fit.labels.copy()
        fit.grow(max(0, max(to for _, to in moves) + 1 - len(fit)))
        for row, to in moves:
            fit.move(row, to)
        odds = fit.support() + np.float32(prior)
        raised = _objective(odds, fit.labels)
        if raised <= value:
            for row, _ in moves:
                fit.move(row, int(before[row]))
            break
        value, changed = raised, True
    return changed


def _wanted(odds: np.ndarray, labels: np.ndarray, held: np.ndarray) -> list[tuple[int, int]]:
    """Return (tracklet, cluster) of the moves that gain most; a new cluster counts on from k."""
    rows, count = np.arange(len(labels)), odds.shape[1]
    alone = np.bincount(labels, minlength=count)[labels] == 1
    now = np.where(alone, 0, odds[rows, labels])
    others = odds.copy()
    others[rows, labels] = NEVER
    target, best = others.argmax(axis=1), others.max(axis=1)
    gain = np.maximum(best, 0) - now
    gain[held] = NEVER
    touched: set[int] = set()
    moves, new = [], count
    for row in np.argsort(-gain, kind="stable"):
        if gain[row] <= MARGIN:
            break
        to = int(target[row]) if best[row] > 0 else new
        if touched & {int(labels[row]), to}:
            continue
        touched |= {int(labels[row]), to}
        moves.append((int(row), to))
        new += to == new
    return moves


def _objective(odds: np.ndarray, labels: np.ndarray) -> float:
    own = odds[np.arange(len(labels)), labels].astype(np.float64)
    own[np.bincount(labels)[labels] == 1] = 0
    return float(own.sum())
