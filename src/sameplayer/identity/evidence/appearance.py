"""Calibrate cosine similarity of tracklets to log-likelihood ratios, on the match itself.

Nobody labels anything: parts of one tracklet that lie apart in time show one person, tracklets
that were seen at the same time in one camera show two. Two of one kit count as two, so that the
kit, which is evidence of its own, is not counted twice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sameplayer.common.statistics import fit_logistic
from sameplayer.common.vectors import unit_means

DROP = 0.03  # of similarity between cameras, compared with within a tracklet
LIMIT = 6.0  # largest absolute log-likelihood ratio of appearance
FEWEST = 15  # pairs of each kind; with fewer, the default curve is used
MOST_PAIRS = 20_000
APART_S = 1.0  # between the middles of two parts of a tracklet
SIZES = (1, 2, 4, 8)  # pictures of the parts that are compared
PULL = 1.0  # weight of the penalty on the slopes, in pairs


@dataclass(frozen=True)
class AppearanceCurve:
    """Cosine similarity of two tracklets -> log-likelihood ratio of one person against two.

    odds = slope * cosine + few * u + few_slope * u * cosine + offset, cut to LIMIT both ways, where
    u = 1 / pictures of the one + 1 / pictures of the other: means of few pictures are less alike,
    whoever they show.

    same, others    pairs that it was fitted to
    source          "this match", or which other data
    """

    slope: float
    few: float
    few_slope: float
    offset: float
    same: int
    others: int
    source: str

    def __call__(
        self, cosine: np.ndarray, first: np.ndarray | int, second: np.ndarray | int
    ) -> np.ndarray:
        """Return odds, float32, of cosines; first and second: pictures, as arrays that fit."""
        u = np.float32(1) / np.asarray(first, np.float32)
        u = u + np.float32(1) / np.asarray(second, np.float32)
        odds = np.asarray(cosine, np.float32) * (self.slope + np.float32(self.few_slope) * u)
        odds += np.float32(self.few) * u + np.float32(self.offset)
        return np.clip(odds, -LIMIT, LIMIT, out=odds)


DEFAULT = AppearanceCurve(
    25.76, 4.64, -4.41, -20.34, 1038, 3180, "soccer from two cameras, labelled"
)


def fit_appearance(
    rows: np.ndarray,
    clear: np.ndarray,
    of: np.ndarray,
    time_s: np.ndarray,
    impostors: np.ndarray,
    seed: int = 0,
) -> AppearanceCurve:
    """Fit the curve to a match.

    rows         (k, d) unit rows of pictures, those of a tracklet in order of time
    clear        (k,) how clear each is
    of           (k,) rising: the tracklet of each
    time_s       (k,) seconds
    impostors    (m, 2) pairs of tracklets that show two persons

    Parts are the first and the last pictures of a tracklet, SIZES of them, and as many of each of
    two persons. With fewer than FEWEST pairs of a kind, DEFAULT is returned.
    """
    count = max(int(of.max(initial=-1)), int(impostors.max(initial=-1))) + 1
    rng = np.random.default_rng(seed)
    if len(impostors) > MOST_PAIRS:
        impostors = impostors[rng.choice(len(impostors), MOST_PAIRS, replace=False)]
    same, others = [], []
    for size in SIZES:
        early, late = _ends(of, size)
        parts = [unit_means(rows[part], of[part], count, clear[part]) for part in (early, late)]
        middle = [_middles(time_s[part], of[part], count) for part in (early, late)]
        full = np.bincount(of, minlength=count) >= 2 * size
        chosen = full & (middle[1] - middle[0] >= APART_S)
        same.append(
            np.column_stack(
                [(parts[0] * parts[1]).sum(axis=1)[chosen] - DROP, np.full(chosen.sum(), 2 / size)]
            )
        )
        pairs = impostors[(full[impostors]).all(axis=1)]
        alike = (parts[0][pairs[:, 0]] * parts[0][pairs[:, 1]]).sum(axis=1)
        others.append(np.column_stack([alike, np.full(len(pairs), 2 / size)]))
    return _fit_to_pairs(np.concatenate(same), np.concatenate(others), "this match")


def _fit_to_pairs(same: np.ndarray, others: np.ndarray, source: str) -> AppearanceCurve:
    """Fit the curve to pairs of one person (k, 2) and of two (m, 2): cosines, and u as above.

    Least log loss, both kinds weighing the same, with a small pull towards no slope. With fewer
    than FEWEST pairs of a kind, DEFAULT is returned.
    """
    if min(len(same), len(others)) < FEWEST:
        return DEFAULT
    cosine, u = np.concatenate([same, others]).T
    inputs = np.column_stack([cosine, u, u * cosine, np.ones(len(u))])
    target = (np.arange(len(u)) < len(same)).astype(float)
    weight = np.where(target > 0, 0.5 / len(same), 0.5 / len(others)) * min(len(same), len(others))
    fitted = fit_logistic(inputs, target, weight, PULL * np.array([1e-3, 1e-3, 1e-3, 0]))
    slope, few, few_slope, offset = map(float, fitted)
    return AppearanceCurve(slope, few, few_slope, offset, len(same), len(others), source)


def _ends(of: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which pictures are among the first, and among the last, of their tracklets."""
    before = np.arange(len(of)) - np.searchsorted(of, of)
    after = np.searchsorted(of, of, side="right") - 1 - np.arange(len(of))
    return before < size, after < size


def _middles(time_s: np.ndarray, of: np.ndarray, count: int) -> np.ndarray:
    """Return (count,) mean seconds; NaN for a tracklet without a picture in this part."""
    sizes = np.bincount(of, minlength=count)
    sums = np.bincount(of, time_s, minlength=count)
    return np.where(sizes, sums / np.maximum(sizes, 1), np.nan)
