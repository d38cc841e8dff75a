"""LogConfig: every setting of a log of players, stated once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from sameplayer.errors import SettingError


@dataclass(frozen=True)
class LogConfig:
    """How a log is made. Raises SettingError for a value that is out of range."""

    fps: float = 5.0
    """Frames looked at a second."""
    first_frame: int | None = None
    """Number that files of boxes give to a video's first frame, 0 or 1. None: found out."""
    detector: str = "rtmdet"
    """What finds people where no boxes are given: rtmdet (in the package) or rf-detr."""
    tile: str = "auto"
    """Pixels of the squares into which a frame is cut for the detector; auto: by the size of the
    people; none: the whole frame at once."""
    tracker: str = "own"
    """What follows people through a shot: own, or the name of another."""
    encoder: str = "person"
    """How people look: a preset, or a run of one's own."""
    reader: str = "shirt"
    """What reads shirt numbers."""
    players: int = 11
    """Players of one team on the field at a time, at most."""
    threshold: float = 0.8
    """Probability from which an appearance counts as sure, and a name is given."""
    prior: float = 1.0
    """Log-odds added to every pair of appearances: over 0 joins more, under 0 less."""
    device: str = "auto"
    """Where networks run: auto, cpu, cuda, cuda:N or mps."""
    seed: int = 0
    """Decides the draws of clustering and of places."""

    def __post_init__(self) -> None:
        if not 0 < self.fps <= 1000:
            raise SettingError("fps", self.fps, "more than 0, at most 1000")
        if self.first_frame not in (None, 0, 1):
            raise SettingError("first_frame", self.first_frame, "0 or 1, or None: found out")
        if not 0 < self.threshold < 1:
            raise SettingError("threshold", self.threshold, "a probability over 0 and below 1")
        if self.players < 1:
            raise SettingError("players", self.players, "1 or more")
        if not math.isfinite(self.prior):
            raise SettingError("prior", self.prior, "a finite number")
        if self.seed < 0:
            raise SettingError("seed", self.seed, "0 or more")
        self.tile_size()

    def tile_size(self) -> int | Literal["auto"] | None:
        """Return what the detectors take: pixels, "auto", or None for the whole frame."""
        if self.tile == "none":
            return None
        if self.tile == "auto":
            return "auto"
        if not self.tile.isdecimal() or int(self.tile) < 64:
            raise SettingError("tile", self.tile, "auto, none, or 64 pixels or more")
        return int(self.tile)
