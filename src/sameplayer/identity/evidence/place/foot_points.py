"""Where the feet of tracklets are in the picture, at given moments, and in another view."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

LONGEST_GAP_S = 1.0  # between two boxes for somebody to be between them
EDGE = 3.0  # pixels
AROUND_S = 5.0  # of a part of a match that is cut out to be looked at


@dataclass(frozen=True, eq=False)
class FootTracks:
    """Feet of n tracklets of one view at m moments.

    feet      (n, m, 2) float64 pixels, NaN where a tracklet is not seen
    height    (n, m) float64 pixels
    """

    feet: np.ndarray
    height: np.ndarray

    def of(self, rows: np.ndarray) -> FootTracks:
        return FootTracks(self.feet[rows], self.height[rows])


def feet_at(table: pd.DataFrame, tracklets: np.ndarray, moments: np.ndarray) -> FootTracks:
    """Return where the tracklets stand at these seconds, between the frames that were seen.

    table    of ``Tracklets``, ``clear_of_edges``, or the part of it around the moments
    """
    feet = np.full((len(tracklets), len(moments), 2), np.nan)
    height = np.full((len(tracklets), len(moments)), np.nan)
    ids = table["tracklet"].to_numpy()
    time, left, top, width, high = (
        table[name].to_numpy(float) for name in ("time_s", "left", "top", "width", "height")
    )
    for row, tracklet in enumerate(tracklets):
        own = slice(*np.searchsorted(ids, (tracklet, tracklet + 1)))
        if own.start == own.stop:
            continue
        after = np.searchsorted(time[own], moments - 1e-6).clip(max=own.stop - own.start - 1)
        gap = time[own][after] - time[own][np.maximum(after - 1, 0)]
        seen = (moments >= time[own][0] - 1e-6) & (moments <= time[own][-1] + 1e-6)
        seen &= (gap <= LONGEST_GAP_S) | (np.abs(time[own][after] - moments) < 1e-6)
        for place, values in enumerate((left[own] + width[own] / 2, top[own] + high[own])):
            feet[row, seen, place] = np.interp(moments[seen], time[own], values)
        height[row, seen] = np.interp(moments[seen], time[own], high[own])
    return FootTracks(feet, height)


def distances(matrix: np.ndarray, here: FootTracks, there: FootTracks) -> np.ndarray:
    """Return (n, m, moments) distances of places, in heights of the second view; NaN: not seen."""
    there_too = map_points(matrix, here.feet)
    gap = np.linalg.norm(there_too[:, None] - there.feet[None], axis=-1)
    return gap / there.height[None]


def map_points(matrix: np.ndarray, feet: np.ndarray) -> np.ndarray:
    """Return feet in the other view; NaN for what lies behind its horizon."""
    points = feet @ matrix[:, :2].T + matrix[:, 2]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(points[..., 2:] > 0, points[..., :2] / points[..., 2:], np.nan)


def clear_of_edges(table: pd.DataFrame) -> pd.DataFrame:
    """Return the boxes that do not touch the edge of the picture: else feet may lie beyond it."""
    right, bottom = table["left"] + table["width"], table["top"] + table["height"]
    most = [side.groupby(table["camera"]).transform("max") for side in (right, bottom)]
    edge = (table["left"] <= EDGE) | (right >= most[0] - EDGE) | (bottom >= most[1] - EDGE)
    return table[~edge.to_numpy()]


def near_moments(table: pd.DataFrame, start: float, end: float) -> pd.DataFrame:
    """Return the boxes of these seconds, with enough before and after to go on between boxes."""
    time = table["time_s"].to_numpy(float)
    return table[(time >= start - AROUND_S) & (time <= end + AROUND_S)]
