"""Splitting: where a tracklet switches from one person to another.

Cuts follow time: a tracklet is cut into runs, never into clusters that interleave, because a
tracker that swaps does so at a moment.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from sameplayer.errors import DataError
from sameplayer.numbers.reader import NUMBERS

THRESHOLD = 2.0  # log-odds, two persons against one, from which appearance alone splits
SURE_NUMBER = 0.9  # probability from which a reading counts
SHORTEST = 2  # pictures that each part keeps
PARTS = 3  # most parts of a tracklet
Curve = Callable[[np.ndarray], np.ndarray]


def find_splits(
    rows: np.ndarray, numbers: np.ndarray | None, calibration: Curve, parts: int = PARTS
) -> list[int]:
    """Return the positions where a tracklet is to be split, rising; each begins a new part.

    rows           (k, d) unit embeddings of its pictures in order of time
    numbers        (k, 102) log-probabilities of NUMBERS and of none seen, or None
    calibration    cosine similarities -> log-likelihood ratios, one person against two, such as
                   the match's own curve
    parts          most parts

    Raises DataError for arrays that do not fit each other.
    """
    if rows.ndim != 2 or (numbers is not None and numbers.shape != (len(rows), len(NUMBERS) + 1)):
        shape = None if numbers is None else numbers.shape
        raise DataError(
            f"Rows {rows.shape} and numbers {shape}; expected (k, d) and (k, {len(NUMBERS) + 1})."
        )
    odds = np.asarray(calibration(rows @ rows.T), float)
    read = _read(numbers, len(rows), SURE_NUMBER)
    cuts: list[int] = []
    found = [(0, len(rows))]
    while len(found) < parts:
        best = [_best(odds, read, start, end) for start, end in found]
        gain, cut, at = max((*one, at) for at, one in enumerate(best))
        if gain <= 0:
            break
        start, end = found[at]
        found[at : at + 1] = [(start, cut), (cut, end)]
        cuts.append(cut)
    return sorted(cuts)


def _read(numbers: np.ndarray | None, count: int, sure: float) -> np.ndarray:
    """Return (count,) the number that each picture surely shows, -1: none."""
    if numbers is None:
        return np.full(count, -1)
    best = numbers[:, :-1].argmax(axis=1)
    return np.where(numbers[np.arange(count), best] > np.log(sure), best, -1)


def _best(odds: np.ndarray, read: np.ndarray, start: int, end: int) -> tuple[float, int]:
    """Return how far the best cut of a part is over the threshold, and where; 0: none is."""
    cuts = range(start + SHORTEST, end - SHORTEST + 1)
    if not len(cuts):
        return 0.0, -1
    scores = np.array([split_odds(odds[start:end, start:end], cut - start) for cut in cuts])
    best = int(scores.argmax())
    by_look = float(scores[best]) - THRESHOLD
    window = _between_numbers(read[start:end])
    if window is not None:
        inside = [at for at, cut in enumerate(cuts) if window[0] < cut - start <= window[1]]
        if inside:
            weakest = max(inside, key=lambda at: scores[at])
            return max(by_look, 1e-6), cuts[weakest]
    return (by_look, cuts[best]) if by_look > 0 else (0.0, -1)


def split_odds(odds: np.ndarray, cut: int) -> float:
    """Return the log-odds that two persons, not one, are seen before and after a cut.

    odds    (k, k) log-likelihood ratios of pairs of pictures, one person against two

    The mean over the pairs across the cut, times the root of how many pictures the shorter part
    has: pictures of a track err together, so they count less than pairs. What the parts do not
    have within themselves either is taken off: a tracklet whose pictures are all unlike each other
    is blurred, not two persons.
    """
    across = odds[:cut, cut:].mean()
    within = min(_within(odds[:cut, :cut]), _within(odds[cut:, cut:]), 0.0)
    shorter = min(cut, len(odds) - cut)
    return float((within - across) * np.sqrt(shorter))


def _within(odds: np.ndarray) -> float:
    count = len(odds)
    if count < 2:
        return 0.0
    return float((odds.sum() - np.trace(odds)) / (count * (count - 1)))


def _between_numbers(read: np.ndarray) -> tuple[int, int] | None:
    """Return (last, first) pictures between which one sure number gives way to another, or None.

    Each must have been read twice at least, all of the one before all of the other.
    """
    seen = [number for number in np.unique(read[read >= 0]) if (read == number).sum() >= 2]
    spans = sorted(np.flatnonzero(read == one)[[0, -1]].tolist() for one in seen)
    for (_, last), (first, _) in pairwise(spans):
        if last < first:
            return last, first
    return None
