"""OpenSetConfig: how galleries and queries are drawn from a crop table."""

from __future__ import annotations

from dataclasses import dataclass

from sameplayer.encoder.calibration import is_number
from sameplayer.errors import SettingError


@dataclass(frozen=True)
class OpenSetConfig:
    """How galleries and queries are drawn from a crop table, and scored."""

    enrolled: tuple[int, ...] | None = None
    """Enrolled persons per gallery, one size or more; None: half of the scored persons of each
    identity scope."""
    pictures: int = 3
    """Enrolled pictures per person, at most."""
    asked: tuple[int, ...] = (1, 5)
    """Pictures per query, at most: 1 is a crop, more are a track."""
    known: float = 0.5
    """Share of the queries that are of an enrolled person, over 0 and below 1."""
    fit: float = 0.5
    """Share of the persons, drawn for each gallery, to whom the likelihood ratio is fitted and who
    are not scored; 0: no probabilities."""
    draws: int = 10
    """Galleries per size and kind of query."""
    seed: int = 0
    """Seed of the draws."""
    resamples: int = 500
    """Bootstrap resamples of the persons for each 95 % interval."""

    def __post_init__(self) -> None:
        """Raise SettingError for a value out of range."""
        if not is_number(self.known) or not 0 < self.known < 1:
            raise SettingError("known", self.known, "a share over 0 and below 1")
        for name in ("pictures", "draws", "resamples"):
            if getattr(self, name) < 1:
                raise SettingError(name, getattr(self, name), "1 or more")
        for name in ("enrolled", "asked"):
            counts = getattr(self, name)
            if counts is not None and (not counts or min(counts) < 1):
                raise SettingError(name, counts, "one or more numbers from 1 on")
        if not 0 <= self.fit < 1:
            raise SettingError("fit", self.fit, "a share from 0 to below 1")
