"""Positions of people seen by two static cameras: evidence independent of appearance.

Two views of one pitch differ by a homography of the ground. Nobody has to say which: pairs of
tracklets that look alike propose it (RANSAC, Fischler and Bolles, 1981), and the right one puts
everybody else, at every moment, where the other camera sees somebody. It is only believed where it
does that for many people; otherwise place says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import pandas as pd
from scipy.optimize import least_squares

from sameplayer.identity.evidence.place.foot_points import (
    FootTracks,
    clear_of_edges,
    distances,
    feet_at,
    map_points,
    near_moments,
)

STEP_S = 0.2  # between the moments at which places are compared
MOST_MOMENTS = 60  # of a pair of views while one is sought
WINDOW_S = 15.0  # of a long shot that is looked at at once
LOOKS = 4  # parts of a long shot in which a view is sought
PROPOSING = 40  # tracklets of a view, the longest, that propose and are counted
PROPOSALS = 1000
TRIES = 5  # of so many proposals
ROUNDS = 4  # of choosing who agrees, and fitting to them
NEAR = 0.5  # of a player's height: nearer is the same place while proposals are counted
MOSTLY = 0.6  # of the common moments two tracklets must be near to agree
FEWEST_PAIRS = 6  # of tracklets that agree: four would fit any homography
EXPLAINED = 0.5  # share of places where the second view should see somebody, and does
SHIFTS_S = np.arange(-15, 16) * 0.04  # between clocks that were started by hand
FAR = 4.0  # heights between two people who happen to be near each other
LOST = 0.05  # share of moments at which a box has lost its feet
FEET = 0.08  # heights by which the lower edge of a box misses the feet, at the best
LIMIT = 8.0  # the most that place may say of a pair
DOUBT = 2  # moments that few moments are thinned by: people cross
WORTH_S = 1.0  # moments within so long a time say the same thing


@dataclass(frozen=True, eq=False)
class ViewMapping:
    """How one view's ground lies in another's.

    matrix      (3, 3) homography from the first view's feet to the second's
    shift_s     what is added to a moment of the first to get that of the second
    error       usual distance of one person's two places, in heights of the second view
    pairs       (k, 2) tracklets of the first and the second that agree
    """

    matrix: np.ndarray
    shift_s: float
    error: float
    pairs: np.ndarray


def find_view_mapping(
    table: pd.DataFrame,
    first: np.ndarray,
    second: np.ndarray,
    appearance: np.ndarray,
    seed: int = 0,
    known: Sequence[ViewMapping] = (),
    *,
    propose: bool = True,
) -> ViewMapping | None:
    """Find how the ground of one view lies in another's, or None where they do not show it.

    table            of ``Tracklets``
    first, second    (n,), (m,) tracklets of the two views
    appearance       (n, m) log-likelihood ratio of one person against two, by appearance
    known            views that two cameras had of each other before; tried first
    propose          whether to look for others, which takes seconds
    """
    rng = np.random.default_rng(seed)
    clear = clear_of_edges(table)
    for start, end in _windows(table, first, second):
        moments = np.linspace(start, end, min(MOST_MOMENTS, int((end - start) / STEP_S) + 1))
        here, there = _among(table, first, start, end), _among(table, second, start, end)
        if len(moments) < 4 or min(len(here), len(there)) < FEWEST_PAIRS:
            continue
        near = near_moments(clear, start, end)
        longest = here[_longest(table, first[here])], there[_longest(table, second[there])]
        proposed = _proposals(
            near, first[longest[0]], second[longest[1]], appearance[np.ix_(*longest)], moments, rng
        )
        for view in (*known, *(proposed if propose else ())):
            found: ViewMapping | None = view
            for _ in range(ROUNDS):
                found = found and _fitted(found, near, first[here], second[there], moments)
            if found is not None:
                return found
    return None


def _proposals(
    table: pd.DataFrame,
    first: np.ndarray,
    second: np.ndarray,
    appearance: np.ndarray,
    moments: np.ndarray,
    rng: np.random.Generator,
) -> Iterator[ViewMapping]:
    """Yield views that these tracklets propose, the best of each try."""
    feet = feet_at(table, first, moments), feet_at(table, second, moments)
    for _ in range(TRIES):
        view = _propose(*feet, appearance, rng)
        if view is not None:
            yield view


def place_odds(
    view: ViewMapping, table: pd.DataFrame, first: np.ndarray, second: np.ndarray
) -> np.ndarray:
    """Return (n, m) log-likelihood ratios of one person against two, by place; 0 says nothing.

    One person's two places differ by the view's error, save where a box has lost its feet; those
    of two people by anything up to FAR. Where a third stands as near, it may as well be him. A
    second of moments counts once, since they follow from each other, and a few moments count less.
    """
    odds = np.zeros((len(first), len(second)))
    count = np.zeros(odds.shape)
    start, end = _common(table, first, second)
    clear = clear_of_edges(table)
    for begin in np.arange(start, end + 1e-6, WINDOW_S):
        moments = np.arange(begin, min(begin + WINDOW_S, end + 1e-6), STEP_S)
        rows = _among(table, first, begin, begin + WINDOW_S)
        columns = _among(table, second, begin, begin + WINDOW_S)
        near_it = near_moments(clear, begin, begin + WINDOW_S)
        here = feet_at(near_it, first[rows], moments)
        there = feet_at(near_it, second[columns], moments + view.shift_s)
        away = distances(view.matrix, here, there)
        known = np.isfinite(away)
        near = (FAR / view.error) ** 2 / 2 * np.exp(-((away / view.error) ** 2) / 2)
        near = np.where(known, near, 0)
        rivals = np.maximum(near.sum(axis=1)[:, None], near.sum(axis=0)[None]) - near
        near = (1 - LOST) * near / (1 + rivals) + LOST
        odds[np.ix_(rows, columns)] += np.where(known, np.log(near), 0).sum(axis=2)
        count[np.ix_(rows, columns)] += known.sum(axis=2)
    odds *= np.maximum(STEP_S / WORTH_S, 1 / (count + DOUBT))
    return np.clip(odds, -LIMIT, LIMIT).astype(np.float32)


def _windows(
    table: pd.DataFrame, first: np.ndarray, second: np.ndarray
) -> list[tuple[float, float]]:
    """Return the common time of two views, or a few parts of it where it is long."""
    start, end = _common(table, first, second)
    if end - start <= 2 * WINDOW_S:
        return [(start, end)] if end > start else []
    begins = np.linspace(start, end - WINDOW_S, LOOKS + 2)[1:-1]
    return [(float(begin), float(begin + WINDOW_S)) for begin in begins]


def _common(table: pd.DataFrame, first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    ids, time = table["tracklet"].to_numpy(), table["time_s"].to_numpy(float)
    seen = [time[np.isin(ids, one)] for one in (first, second)]
    if min(map(len, seen)) == 0:
        return 0.0, -1.0
    return max(one.min() for one in seen), min(one.max() for one in seen)


def _among(table: pd.DataFrame, tracklets: np.ndarray, start: float, end: float) -> np.ndarray:
    """Return the positions of those who are seen between two moments."""
    ids, time = table["tracklet"].to_numpy(), table["time_s"].to_numpy(float)
    there = np.unique(ids[(time >= start) & (time <= end)])
    return np.flatnonzero(np.isin(tracklets, there))


def _longest(table: pd.DataFrame, tracklets: np.ndarray) -> np.ndarray:
    ids = table["tracklet"].to_numpy()
    boxes = np.searchsorted(ids, tracklets + 1) - np.searchsorted(ids, tracklets)
    return np.sort(np.argsort(-boxes, kind="stable")[:PROPOSING])


def _propose(
    here: FootTracks, there: FootTracks, appearance: np.ndarray, rng: np.random.Generator
) -> ViewMapping | None:
    """Return the homography of four pairs that agrees with most, of PROPOSALS drawn by looks."""
    both = np.isfinite(here.height)[:, None] & np.isfinite(there.height)[None]
    pairs = np.argwhere(
        both.any(axis=2) & (appearance > np.sort(appearance, axis=1)[:, [-4]].clip(max=0))
    )
    if len(pairs) < 4:
        return None
    weight = np.exp(np.clip(appearance[tuple(pairs.T)], -6, 6))
    best, found = 0.0, None
    for four in rng.choice(len(pairs), (PROPOSALS, 4), p=weight / weight.sum()):
        chosen = pairs[four]
        if min(len(set(chosen[:, 0])), len(set(chosen[:, 1]))) < 4:
            continue
        at = [int(rng.choice(np.flatnonzero(both[i, j]))) for i, j in chosen]
        matrix = _through(here.feet[chosen[:, 0], at], there.feet[chosen[:, 1], at])
        if matrix is not None:
            score = _agreeing(distances(matrix, here, there))[1]
            if score > best:
                best, found = score, matrix
    return None if found is None else ViewMapping(found, 0.0, NEAR, np.zeros((0, 2), np.int64))


def _through(source: np.ndarray, target: np.ndarray) -> np.ndarray | None:
    """Return the homography of four points; None where it is none of two views of one ground."""
    matrix = cv2.getPerspectiveTransform(source.astype(np.float32), target.astype(np.float32))
    return _upright(matrix, source)


def _upright(matrix: np.ndarray, source: np.ndarray) -> np.ndarray | None:
    """Return the homography with all points before it, or None where it cannot be.

    Both views look at the ground from above, so it mirrors nothing.
    """
    depth = source @ matrix[2, :2] + matrix[2, 2]
    matrix = matrix * np.sign(depth[0])
    good = np.isfinite(matrix).all() and (depth * depth[0] > 0).all()
    return matrix if good and np.linalg.det(matrix) > 1e-9 else None


def _agreeing(away: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the pairs (k, 2) that choose each other and are mostly near, and how many moments."""
    known = np.isfinite(away)
    near = ((away < NEAR) & known).sum(axis=2)
    share = np.where(known.any(axis=2), near / np.maximum(known.sum(axis=2), 1), 0)
    votes = share * near
    first, second = votes.argmax(axis=1), votes.argmax(axis=0)
    rows = np.flatnonzero(second[first] == np.arange(len(first)))
    rows = rows[share[rows, first[rows]] >= MOSTLY]
    return np.column_stack([rows, first[rows]]), float(votes[rows, first[rows]].sum())


def _fitted(
    view: ViewMapping,
    table: pd.DataFrame,
    first: np.ndarray,
    second: np.ndarray,
    moments: np.ndarray,
) -> ViewMapping | None:
    """Return the view fitted to all pairs that agree; None where too few do to believe it."""
    here = feet_at(table, first, moments)
    there = feet_at(table, second, moments + view.shift_s)
    pairs = _agreeing(distances(view.matrix, here, there))[0]
    if len(pairs) < FEWEST_PAIRS or not _explains(view.matrix, here, there):
        return None
    source, to = here.of(pairs[:, 0]), second[pairs[:, 1]]
    shift = min(
        SHIFTS_S, key=lambda one: _error(view.matrix, source, feet_at(table, to, moments + one))
    )
    target = feet_at(table, to, moments + shift)
    known = np.isfinite(source.height) & np.isfinite(target.height)
    if known.sum() < 8:
        return None
    matrix = _fit(view.matrix, source.feet[known], target.feet[known], target.height[known])
    if matrix is None:
        return None
    agreeing = np.column_stack([first[pairs[:, 0]], to])
    return ViewMapping(matrix, float(shift), _error(matrix, source, target), agreeing)


def _error(matrix: np.ndarray, source: FootTracks, target: FootTracks) -> float:
    """Return the usual distance of pairs in heights: the scale of Rayleigh's distribution."""
    away = np.linalg.norm(map_points(matrix, source.feet) - target.feet, axis=-1) / target.height
    known = away[np.isfinite(away)]
    return float(np.quantile(known, 0.75)) / 1.67 + FEET if len(known) else np.inf


def _fit(
    start: np.ndarray, source: np.ndarray, target: np.ndarray, height: np.ndarray
) -> np.ndarray | None:
    """Return the homography near ``start`` with the least distances, in heights; outliers count
    little.
    """
    scale = np.abs(start).clip(min=1e-9)

    def misses(values: np.ndarray) -> np.ndarray:
        mapped = map_points((values * scale.ravel()).reshape(3, 3), source)
        return np.nan_to_num((mapped - target) / height[:, None], nan=FAR).ravel()

    found = least_squares(misses, (start / scale).ravel(), loss="soft_l1", f_scale=0.1, max_nfev=50)
    return _upright((found.x * scale.ravel()).reshape(3, 3), source)


def _explains(matrix: np.ndarray, here: FootTracks, there: FootTracks) -> bool:
    """Tell whether most of those who should be seen by the second view are, moment by moment."""
    mapped, feet = map_points(matrix, here.feet), there.feet[np.isfinite(there.height)]
    low, high = np.quantile(feet, 0.02, axis=0), np.quantile(feet, 0.98, axis=0)
    inside = ((mapped > low) & (mapped < high)).all(axis=2)
    away = distances(matrix, here, there)
    nearest = np.where(np.isfinite(away), away, np.inf).min(axis=1)
    return bool((nearest[inside] < NEAR).mean() >= EXPLAINED) if inside.any() else False
