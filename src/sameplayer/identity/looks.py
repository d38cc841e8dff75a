"""From how alike two tracklets look to a log-likelihood ratio, learnt from the match itself.

Nobody labels anything: parts of one tracklet that lie apart in time show one person, tracklets
that were seen at the same time in one camera show two. Two of one kit count as two, so that the
kit, which is evidence of its own, is not counted twice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sameplayer.encoder.calibration import fit_calibration
from sameplayer.errors import DataError

DROP = 0.03  # by which a person is less like himself in another camera than later in a tracklet
LIMIT = 6.0  # the most that the look of two tracklets may say
FEWEST = 15  # pairs of each kind; with less, the curve of other matches is taken
MOST_PAIRS = 20_000
APART_S = 1.0  # between the middles of two parts of a tracklet


@dataclass(frozen=True)
class LookCurve:
    """Cosine similarity of two tracklets' mean rows -> log-likelihood ratio, one person or two.

    slope, offset    of the line, which is cut to LIMIT both ways
    same, others     pairs that it was fitted to
    source           "this match", or which other data
    """

    slope: float
    offset: float
    same: int
    others: int
    source: str

    def __call__(self, similarity: np.ndarray) -> np.ndarray:
        odds = np.asarray(similarity, np.float32) * np.float32(self.slope)
        odds += np.float32(self.offset)
        return np.clip(odds, -LIMIT, LIMIT, out=odds)


DEFAULT = LookCurve(36.8, -30.4, 122, 1125, "soccer from two cameras, labelled by hand")


def tracklet_rows(rows: np.ndarray, clear: np.ndarray, of: np.ndarray, count: int) -> np.ndarray:
    """Return (count, d) float32 unit rows of tracklets: the mean of their pictures by clearness.

    of    (k,) rising: the tracklet of each picture
    """
    sums = np.zeros((count, rows.shape[1]), np.float32)
    weighted = rows.astype(np.float32) * clear[:, None].astype(np.float32)
    filled, first = np.unique(of, return_index=True)
    if len(filled):
        sums[filled] = np.add.reduceat(weighted, first, axis=0)
    return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)


def fit_looks(
    rows: np.ndarray,
    clear: np.ndarray,
    of: np.ndarray,
    time_s: np.ndarray,
    impostors: np.ndarray,
    seed: int = 0,
) -> LookCurve:
    """Fit the curve to a match.

    rows         (k, d) unit rows of pictures, those of a tracklet in order of time
    clear        (k,) how clear each is
    of           (k,) rising: the tracklet of each
    time_s       (k,) seconds
    impostors    (m, 2) pairs of tracklets that show two persons

    Parts are thirds of a tracklet, for one person and for two alike. With fewer than FEWEST pairs
    of a kind, DEFAULT is returned.
    """
    count = int(of[-1]) + 1 if len(of) else 0
    position = np.arange(len(of)) - np.searchsorted(of, of)
    size = np.bincount(of, minlength=count)[of] if count else position
    third = np.minimum(position * 3 // np.maximum(size, 1), 2)
    parts = [tracklet_rows(rows[third == k], clear[third == k], of[third == k], count)
             for k in (0, 2)]  # fmt: skip
    middle = [_middles(time_s[third == k], of[third == k], count) for k in (0, 2)]
    far = middle[1] - middle[0] >= APART_S
    same = (parts[0] * parts[1]).sum(axis=1)[far] - DROP
    rng = np.random.default_rng(seed)
    if len(impostors) > MOST_PAIRS:
        impostors = impostors[rng.choice(len(impostors), MOST_PAIRS, replace=False)]
    there = np.linalg.norm(parts[0], axis=1) > 0.5
    impostors = impostors[there[impostors].all(axis=1)]
    others = (parts[0][impostors[:, 0]] * parts[0][impostors[:, 1]]).sum(axis=1)
    if min(len(same), len(others)) < FEWEST:
        return DEFAULT
    try:
        curve = fit_calibration(
            np.concatenate([same, others]), np.arange(len(same) + len(others)) < len(same)
        )
    except DataError:  # one person is no more like himself than like others: looks say nothing
        return LookCurve(1e-6, 0.0, len(same), len(others), "this match: looks say nothing")
    return LookCurve(curve.slope, curve.offset, len(same), len(others), "this match")


def _middles(time_s: np.ndarray, of: np.ndarray, count: int) -> np.ndarray:
    """Return (count,) mean seconds; NaN for a tracklet without a picture in this part."""
    sizes = np.bincount(of, minlength=count)
    sums = np.bincount(of, time_s, minlength=count)
    return np.where(sizes, sums / np.maximum(sizes, 1), np.nan)
