"""How people move in the picture: feet, body heights and speeds of the boxes of one camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from sameplayer.tracks.tracklets import CAMERA_COLUMNS

AROUND = 5  # boxes before or after one from which its speed is taken
AROUND_S = 1.0  # seconds within which they are
OFF = np.array([0.08, 0.08])  # deviation of a box's feet across and down, in heights
USUAL = np.array([1.0, 0.4])  # deviation of speeds, heights a second
SMOOTHED = 2  # boxes before and after over which a height is averaged
FEWEST = 3  # people from whom a common movement is taken


@dataclass(frozen=True, eq=False)
class Walks:
    """The boxes of one camera, in order of tracklet and time.

    tracklet    (n,) int64
    frame       (n,) int64
    time        (n,) seconds
    feet        (n, 2) pixels, as if the camera had not turned as far as it is known
    height      (n,) pixels
    before, after    (n, 2) speeds by the boxes before and after, heights a second; 0: unknown
    """

    tracklet: np.ndarray
    frame: np.ndarray
    time: np.ndarray
    feet: np.ndarray
    height: np.ndarray
    before: np.ndarray
    after: np.ndarray

    def steps(self, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return (k,) seconds, (k, 2) ways and (k, 2) those that the speeds foretell, in heights.

        first, second    (k,) rows, the second one later
        """
        gap = self.time[second] - self.time[first]
        height = np.sqrt(self.height[first] * self.height[second])[:, None]
        way = (self.feet[second] - self.feet[first]) / height
        return gap, way, (self.before[first] + self.after[second]) / 2 * gap[:, None]


def walks_of(table: pd.DataFrame) -> Walks:
    """Return the walks of one camera's boxes; table as of ``Tracklets``."""
    left, top, width, height = (
        table[name].to_numpy(float) for name in ("left", "top", "width", "height")
    )
    feet = np.stack([left + width / 2, top + height], axis=1)
    if set(CAMERA_COLUMNS) <= set(table.columns):
        feet = feet - table[list(CAMERA_COLUMNS)].to_numpy(float)
    ids, frame = table["tracklet"].to_numpy(np.int64), table["frame"].to_numpy(np.int64)
    return _walks(ids, frame, table["time_s"].to_numpy(float), feet, _smooth(ids, height))


def _walks(
    ids: np.ndarray, frame: np.ndarray, time: np.ndarray, feet: np.ndarray, height: np.ndarray
) -> Walks:
    speeds = [_speeds(ids, time, feet, height, step) for step in (-1, 1)]
    return Walks(ids, frame, time, feet, height, *speeds)


def without_common_way(walks: Walks) -> Walks:
    """Return the walks without what all people move by together, as where a camera turns.

    From one frame with boxes to the next it is the median of the ways of those who are in both.
    """
    frames, at = np.unique(walks.frame, return_inverse=True)
    on = np.flatnonzero(np.diff(walks.tracklet) == 0)
    span = at[on + 1] - at[on]
    pace = (walks.feet[on + 1] - walks.feet[on]) / np.maximum(span, 1)[:, None]
    steps = [(at[on] + more, more < span) for more in range(int(span.max(initial=0)))]
    place = np.concatenate([np.zeros(0, np.int64), *(where[kept] for where, kept in steps)])
    paces = np.concatenate([np.zeros((0, 2)), *(pace[kept] for _, kept in steps)])
    found = pd.DataFrame({"at": place, "x": paces[:, 0], "y": paces[:, 1]}).groupby("at")
    middle, often = found[["x", "y"]].median(), found.size()
    middle = middle[often >= FEWEST]
    moved = np.zeros((len(frames), 2))
    moved[middle.index.to_numpy() + 1] = middle.to_numpy()
    feet = walks.feet - np.cumsum(moved, axis=0)[at]
    return _walks(walks.tracklet, walks.frame, walks.time, feet, walks.height)


def _smooth(ids: np.ndarray, height: np.ndarray) -> np.ndarray:
    total, count = np.zeros(len(ids)), np.zeros(len(ids))
    for step in range(-SMOOTHED, SMOOTHED + 1):
        other, same = _beside(ids, step)
        total += np.where(same, np.log(height[other]), 0)
        count += same
    smooth: np.ndarray = np.exp(total / count)
    return smooth


def _beside(ids: np.ndarray, step: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (n,) the row so many steps on, and whether it is of the same tracklet."""
    other = np.arange(len(ids)) + step
    inside = (other >= 0) & (other < len(ids))
    other = other.clip(0, len(ids) - 1)
    return other, inside & (ids[other] == ids)


def _speeds(
    ids: np.ndarray, time: np.ndarray, feet: np.ndarray, height: np.ndarray, step: int
) -> np.ndarray:
    """Return (n, 2) speeds by least squares, drawn to 0 as far as the boxes say little."""
    count, sums, squares = np.zeros(len(ids)), np.zeros(len(ids)), np.zeros(len(ids))
    ways, products = np.zeros((len(ids), 2)), np.zeros((len(ids), 2))
    for more in range(AROUND + 1):
        other, same = _beside(ids, step * more)
        same &= np.abs(time[other] - time) <= AROUND_S
        seconds = np.where(same, time[other] - time, 0)
        way = np.where(same[:, None], (feet[other] - feet) / height[:, None], 0)
        count += same
        sums += seconds
        squares += seconds**2
        ways += way
        products += seconds[:, None] * way
    spread = np.maximum(squares - sums**2 / count, 1e-9)[:, None]
    speed = (products - (sums / count)[:, None] * ways) / spread
    shrunk: np.ndarray = speed * USUAL**2 / (USUAL**2 + OFF**2 / spread)
    return shrunk
