"""PilotConfig: every setting of a pilot, stated once."""

from __future__ import annotations

from dataclasses import dataclass

from sameplayer.errors import SettingError


@dataclass(frozen=True)
class PilotConfig:
    """How a pilot is made. Raises SettingError for a value that is out of range."""

    encoder: str = "person"
    """How people look: a run folder, saved encoder, ONNX file, preset, or name of a timm model."""
    pairs: int = 300
    """Questions to ask, at most."""
    false_matches: float = 0.01
    """Share of pairs of two persons that may be taken for one: the wanted rate."""
    within: float = 0.05
    """How far the share of missed matches may lie from what is reported: half of the wanted 95 %
    interval."""
    pictures: int = 2000
    """Pictures that are compared, at most; of more, so many are drawn."""
    each_track: int = 4
    """Pictures of a track, at most."""
    track: str = "track"
    """Column that names a track within a game, camera and sequence. Without one each picture stands
    for itself."""
    fps: float = 5.0
    """Frames of a video looked at a second."""
    detector: str = "yolox"
    """What finds people in a video: yolox (in the package) or rf-detr."""
    device: str = "auto"
    """Where networks run: auto, cpu, cuda, cuda:N or mps."""
    seed: int = 0
    """Decides which pictures and pairs are drawn."""

    def __post_init__(self) -> None:
        for name, least in (("pairs", 1), ("pictures", 2), ("each_track", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise SettingError(name, getattr(self, name), f"{least} or more")
        for name in ("false_matches", "within"):
            if not 0 < getattr(self, name) < 1:
                raise SettingError(name, getattr(self, name), "a share over 0 and below 1")
        if not 0 < self.fps <= 1000:
            raise SettingError("fps", self.fps, "more than 0, at most 1000")
