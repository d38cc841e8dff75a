"""Boxes of people in the frames of one video."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from sameplayer.errors import DataError


@dataclass(frozen=True, eq=False)
class Boxes:
    """Boxes of people in the frames of one video, in order of frames.

    frame    (n,) int64, from 1, never falling
    xywh     (n, 4) float64 pixels: left, top, width, height; both sizes over 0
    score    (n,) float64 from 0 to 1: how sure a detector was; 1 where nobody says
    track    (n,) int64: the track that came with a box; -1: none
    notes    what was read as what, what was left out or not used; one sentence each
    teams, numbers    track -> team, and shirt number, where they came with the boxes

    Raises DataError for arrays that do not fit each other or are out of range.
    """

    frame: np.ndarray
    xywh: np.ndarray
    score: np.ndarray
    track: np.ndarray
    notes: tuple[str, ...] = ()
    teams: Mapping[int, str] = field(default_factory=dict)
    numbers: Mapping[int, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        frames = len(np.unique(self.frame))
        return f"Boxes({len(self.frame)} boxes in {frames} frames)"

    def __post_init__(self) -> None:
        count = len(self.frame)
        shapes = [self.frame.shape, self.xywh.shape, self.score.shape, self.track.shape]
        if shapes != [(count,), (count, 4), (count,), (count,)]:
            raise DataError(f"Boxes of shapes {shapes}; expected (n,), (n, 4), (n,), (n,).")
        good = np.isfinite(self.xywh).all(axis=1) & (self.xywh[:, 2:] > 0).all(axis=1)
        good &= (self.frame >= 1) & (self.score >= 0) & (self.score <= 1)
        good[1:] &= np.diff(self.frame) >= 0
        if not good.all():
            row = int(np.flatnonzero(~good)[0])
            raise DataError(
                f"Box {row}: frame {self.frame[row]}, {self.xywh[row].tolist()}, score "
                f"{self.score[row]}; expected finite numbers, sizes over 0, a score from 0 to 1, "
                "and frames from 1 in rising order."
            )

    def __len__(self) -> int:
        return len(self.frame)
