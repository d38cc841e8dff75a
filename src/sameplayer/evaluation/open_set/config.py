"""OpenSetConfig: what is asked of a crop table, stated once."""

from __future__ import annotations

from dataclasses import dataclass

from sameplayer.encoder.calibration import is_number
from sameplayer.errors import SettingError


@dataclass(frozen=True)
class OpenSetConfig:
    """What is asked of a crop table."""

    enrolled: tuple[int, ...] | None = None
    """Persons in a gallery, one or more sizes; None: half of the scored persons of each scope."""
    pictures: int = 3
    """Enrolled pictures of a person, at most."""
    asked: tuple[int, ...] = (1, 5)
    """Pictures that ask, at most: 1 is a crop, more are a track."""
    known: float = 0.5
    """Share of the questions that are about an enrolled person."""
    fit: float = 0.5
    """Share of the persons, drawn anew each time, to whom the likelihood ratio is fitted and who
    are not scored; 0: no probabilities."""
    draws: int = 10
    """Galleries of each kind."""
    seed: int = 0
    """Decides who is enrolled, with which pictures."""
    resamples: int = 500
    """Times that persons are drawn anew for an interval."""

    def __post_init__(self) -> None:
        """Raise SettingError for what is out of range."""
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
