"""PilotConfig: all settings of a pilot."""

from __future__ import annotations

from dataclasses import dataclass

from sameplayer.errors import SettingError


@dataclass(frozen=True)
class PilotConfig:
    """Settings of a pilot. Raises SettingError for a value out of range."""

    encoder: str = "person"
    """Model that compares players: a preset, run folder, saved encoder, ONNX file or timm name."""
    pairs: int = 300
    """Maximum number of questions."""
    false_matches: float = 0.01
    """Wanted false match rate: share of pairs of different players that count as the same."""
    within: float = 0.05
    """Wanted half width of the 95 % interval of the share of missed matches."""
    pictures: int = 2000
    """Maximum number of pictures to compare; larger footage is sampled."""
    each_track: int = 4
    """Maximum number of pictures per track."""
    track: str = "track"
    """Column with the track within a game, camera and sequence; without it each picture is a track
    by itself."""
    fps: float = 5.0
    """Frames per second of video to analyse."""
    detector: str = "rtmdet"
    """Person detector for videos: rtmdet (included) or rf-detr."""
    device: str = "auto"
    """Device: auto, cpu, cuda, cuda:N or mps."""
    seed: int = 0
    """Random seed of the drawn pictures and pairs."""

    def __post_init__(self) -> None:
        for name, least in (("pairs", 1), ("pictures", 2), ("each_track", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise SettingError(name, getattr(self, name), f"{least} or more")
        for name in ("false_matches", "within"):
            if not 0 < getattr(self, name) < 1:
                raise SettingError(name, getattr(self, name), "a share over 0 and below 1")
        if not 0 < self.fps <= 1000:
            raise SettingError("fps", self.fps, "more than 0, at most 1000")
