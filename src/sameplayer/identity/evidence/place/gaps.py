"""Where and when one tracklet ends and another begins in one camera, as evidence of one person.

How far people get in how many seconds is learnt from the match itself, without labels: boxes of one
tracklet are one person, boxes of tracklets that are seen at the same time are two. The way of the
feet, less what the speeds before and after foretell, in spreads of that way in one tracklet, has
another histogram for the one than for the other; the logarithm of their ratio is the evidence. A
camera that turns faster than is known spreads both, so that the evidence says less by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import coo_array, csr_array

from sameplayer.identity.evidence.place.walks import Walks, walks_of, without_common_way

GAPS = np.array([0.0, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 4.0])  # seconds, edges
AWAY = np.concatenate([[0.0], np.geomspace(0.5, 16, 11), [np.inf]])  # spreads, edges
MIDDLES = np.concatenate([[0.25], np.sqrt(AWAY[1:-2] * AWAY[2:-1]), [22.0]])
WEIGHT = 0.3  # chosen on half of SportsMOT's videos (benchmarks/match/gaps.py)
OTHERS = 0.1  # how much others who may be it as well take away; chosen there
MOST_ODDS = 3.0
PAIRS = 60_000  # of boxes, at most, that are learnt from
FEWEST = 300  # pairs of either kind without which nothing is said
FEWEST_IN_GAP = 30  # pairs of one tracklet for a spread of a gap's own
KNOWN, KNOWN_APART = 50.0, 20.0  # pairs as which the histogram of all gaps counts in each
NARROWEST = 0.05  # heights
NEAR_S = 0.12  # seconds by which a box may be off the moment that is drawn


@dataclass(frozen=True, eq=False)
class Movement:
    """How people of one camera move, by the length of the gap (g of them).

    share     (g, 2) of the way that speeds foretell, across and down, that is to be believed
    spread    (g, 2) deviation of the rest, heights
    odds      (g, a) log-likelihood ratios of one person, by how many spreads are left
    gain      how much of it a pair of one person has on average
    """

    share: np.ndarray
    spread: np.ndarray
    odds: np.ndarray
    gain: float

    def of(self, walks: Walks, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return (k,) log-likelihood ratios of pairs of rows, the second one later."""
        gap, away = _away(walks, first, second, self.share, self.spread)
        found = np.zeros(len(first))
        for at, odds in enumerate(self.odds):
            own = gap == at
            found[own] = np.interp(np.log(away[own] + 1e-3), np.log(MIDDLES), odds)
        return found


def gap_odds(table: pd.DataFrame, apart: np.ndarray, seed: int = 0) -> csr_array:
    """Return (n, n) sparse float32, symmetric: log-odds of one person by place and time.

    table    of ``Tracklets``; with CAMERA_COLUMNS the camera's turning is taken off
    apart    (n, n) bool: pairs that are seen at the same time

    Of tracklets of one camera and shot of which one begins up to 4 s after the other ends; nothing
    for a camera with too little to learn from. Somebody else who begins and may be the first one as
    well takes from what speaks for a pair; and the more tracklets lie between two, the less the
    pair says: then others of this person do.
    """
    count = len(apart)
    rows, columns = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    values = [np.zeros(0, np.float32)]
    for _, own in table.groupby("camera", sort=False):
        walks = walks_of(own)
        movement, walks = _best_frame(walks, apart, seed)
        if movement is None:
            continue
        first, second, odds = _pairs(walks, movement, own["shot"].to_numpy(), apart)
        rows, columns = [*rows, first, second], [*columns, second, first]
        values = [*values, odds, odds]
    at = np.concatenate(rows), np.concatenate(columns)
    found = coo_array((np.concatenate(values).astype(np.float32), at), (count, count))
    return csr_array(found)


def _best_frame(walks: Walks, apart: np.ndarray, seed: int) -> tuple[Movement | None, Walks]:
    """Return how people move, and their walks: on the ground, or against all others' movement.

    Whichever tells more: where a camera's turning is known not or badly, it is the others.
    """
    found = []
    for one in (walks, without_common_way(walks)):
        movement = learn_movement(one, apart, seed)
        if movement is None:
            return None, walks
        found.append((movement, one))
    ground, others = found
    return others if others[0].gain > ground[0].gain else ground


def learn_movement(walks: Walks, apart: np.ndarray, seed: int = 0) -> Movement | None:
    """Return how the people of one camera move, or None where there is too little of them."""
    rng = np.random.default_rng(seed)
    same, other = _one_person(walks, rng), _two_persons(walks, apart, rng)
    if min(len(same[0]), len(other[0])) < FEWEST:
        return None
    share, spread = _foretold(walks, *same)
    one = _histogram(*_away(walks, *same, share, spread))
    two = _histogram(*_away(walks, *other, share, spread))
    one = (one + KNOWN * one.sum(axis=0) / one.sum()) / (one.sum(axis=1, keepdims=True) + KNOWN)
    two = two + KNOWN_APART * two.sum(axis=0) / two.sum() + 0.5
    two /= two.sum(axis=1, keepdims=True)
    odds = np.minimum.accumulate(np.log((one + 1e-4) / two), axis=1)
    return Movement(share, spread, odds, float((one * odds).sum(axis=1).mean()))


def _one_person(walks: Walks, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return (k,), (k,) rows of two boxes of one tracklet."""
    first, second = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for step in range(1, len(walks.tracklet)):
        own = np.flatnonzero(walks.tracklet[:-step] == walks.tracklet[step:])
        own = own[walks.time[own + step] - walks.time[own] < GAPS[-1]]
        if not len(own):
            break
        first, second = [*first, own], [*second, own + step]
    pairs = np.stack([np.concatenate(first), np.concatenate(second)])
    if pairs.shape[1] > PAIRS:
        pairs = pairs[:, rng.choice(pairs.shape[1], PAIRS, replace=False)]
    return pairs[0], pairs[1]


def _two_persons(
    walks: Walks, apart: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return (k,), (k,) rows of boxes of tracklets that are seen together, at other moments."""
    order = np.argsort(walks.time, kind="stable")
    time = walks.time[order]
    first = rng.integers(0, max(len(time), 1), 2 * PAIRS if len(time) else 0)
    later = walks.time[first] + rng.uniform(0, GAPS[-1], len(first))
    low, high = (np.searchsorted(time, later + off) for off in (-NEAR_S, NEAR_S))
    first, low, high = (values[high > low] for values in (first, low, high))
    second = order[low + (rng.random(len(low)) * (high - low)).astype(int)]
    gap = walks.time[second] - walks.time[first]
    kept = apart[walks.tracklet[first], walks.tracklet[second]] & (gap > 0) & (gap < GAPS[-1])
    return first[kept], second[kept]


def _foretold(walks: Walks, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of Movement by least squares, and the spread of what is left."""
    gap, way, told = walks.steps(first, second)
    of = np.digitize(gap, GAPS) - 1
    share, spread = np.zeros((len(GAPS) - 1, 2)), np.full((len(GAPS) - 1, 2), 4 * NARROWEST)
    for at in range(len(share)):
        own = of == at
        if own.sum() < FEWEST_IN_GAP:
            if at:
                share[at], spread[at] = share[at - 1], spread[at - 1] * 1.3
            continue
        squares = np.maximum((told[own] ** 2).sum(axis=0), 1e-9)
        share[at] = ((way[own] * told[own]).sum(axis=0) / squares).clip(0, 1)
        left = np.abs(way[own] - share[at] * told[own])
        spread[at] = np.maximum(1.48 * np.median(left, axis=0), NARROWEST)
    return share, spread


def _away(
    walks: Walks, first: np.ndarray, second: np.ndarray, share: np.ndarray, spread: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return (k,) which gap it is, and how many spreads are left of the way."""
    gap, way, told = walks.steps(first, second)
    of = (np.digitize(gap, GAPS) - 1).clip(0, len(share) - 1)
    return of, np.linalg.norm((way - share[of] * told) / spread[of], axis=1)


def _histogram(gap: np.ndarray, away: np.ndarray) -> np.ndarray:
    shape = len(GAPS) - 1, len(AWAY) - 1
    places = np.ravel_multi_index((gap, np.digitize(away, AWAY) - 1), shape)
    return np.bincount(places, minlength=shape[0] * shape[1]).reshape(shape).astype(float)


def _pairs(
    walks: Walks, movement: Movement, shots: np.ndarray, apart: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (k,), (k,) tracklets, the second one later, and (k,) log-odds."""
    ids, begin = np.unique(walks.tracklet, return_index=True)
    end = np.append(begin[1:], len(walks.tracklet)) - 1
    starts, ends, shot = walks.time[begin], walks.time[end], shots[begin]
    order = np.argsort(starts, kind="stable")
    low = np.searchsorted(starts[order], ends + 1e-6, side="right")
    high = np.searchsorted(starts[order], ends + GAPS[-1] - 1e-6)
    first = np.repeat(np.arange(len(ids)), high - low)
    second = order[np.concatenate([np.zeros(0, int), *map(np.arange, low, high)]).astype(int)]
    kept = shot[first] == shot[second]
    first, second = first[kept], second[kept]
    odds = movement.of(walks, end[first], begin[second])
    rivals = _rivals(first, ids[second], odds, apart) + _rivals(second, ids[first], odds, apart)
    less = np.maximum(odds - np.log1p(OTHERS * rivals), 0)
    people = len(walks.frame) / len(np.unique(walks.frame))
    odds = (
        WEIGHT
        * np.where(odds > 0, less, odds)
        / (1 + _between(first, second, starts, ends) / people)
    )
    return ids[first], ids[second], odds.clip(-MOST_ODDS, MOST_ODDS)


def _rivals(of: np.ndarray, others: np.ndarray, odds: np.ndarray, apart: np.ndarray) -> np.ndarray:
    """Return (k,) the summed likelihood ratios of others of the same tracklet ``of``.

    Those that are seen at the same time as this one: only one of them can be it.
    """
    found, ratio = np.zeros(len(of)), np.exp(np.minimum(odds, 2 * MOST_ODDS))
    order = np.argsort(of, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(of[order])) + 1):
        found[rows] = ratio[rows] @ apart[np.ix_(others[rows], others[rows])]
    return found


def _between(
    first: np.ndarray, second: np.ndarray, starts: np.ndarray, ends: np.ndarray
) -> np.ndarray:
    """Return (k,) how many tracklets begin after the first and end before the second."""
    found = np.zeros(len(first))
    order = np.argsort(first, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(first[order])) + 1):
        found[rows] = np.searchsorted(np.sort(ends[second[rows]]), starts[second[rows]] - 1e-6)
    return found
