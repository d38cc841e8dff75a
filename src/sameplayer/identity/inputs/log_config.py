"""LogConfig: all settings of a player log."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from sameplayer.errors import SettingError


@dataclass(frozen=True)
class LogConfig:
    """Settings of a player log. Raises SettingError for a value that is out of range."""

    fps: float = 5.0
    """Frames per second to analyse."""
    first_frame: int | None = None
    """Number of a video's first frame in the box files, 0 or 1. None: detected."""
    detector: str = "rtmdet"
    """Person detector where no boxes are given: rtmdet (built in) or rf-detr."""
    tile: str = "auto"
    """Pixels of a frame that the detector sees as 640: fewer find smaller people and take longer;
    auto: by the size of the people; none: the whole frame."""
    tracker: str = "own"
    """Tracker: own (built in), or the name of a registered one."""
    encoder: str = "person"
    """Model that compares players: a preset, or your own training run."""
    reader: str = "shirt"
    """Shirt number reader: shirt (built in), joined (with text recognition, extra numbers), ocr,
    or an exported file; auto: joined where the extra is installed, else shirt."""
    players: int = 11
    """Most players of one team on the field at a time."""
    threshold: float = 0.8
    """Probability from which an appearance is sure and gets a name."""
    prior: float = 1.0
    """Higher joins more appearances into one player, lower fewer (log-odds per pair)."""
    device: str = "auto"
    """Device for the networks: auto, cpu, cuda, cuda:N or mps."""
    seed: int = 0
    """Seed of the random draws."""

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
