"""What a user of a gallery should know and can go on with: warnings, each given once."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

logger = logging.getLogger("sameplayer.gallery")
BEHIND = (
    "the last event is of a time to come: the clock was ahead then, or is behind now. Until then "
    "events get that time, and say what the clock says"
)


@lru_cache(maxsize=1024)
def warn_once(place: Path, words: str) -> None:
    """Log a warning about a folder or file, the first time only."""
    logger.warning("%s: %s.", place, words)


def warn_of_clock(folder: Path, detail: Mapping[str, Any] | None) -> None:
    """Warn where an event says that the clock was behind, see ``history.now_after``."""
    if detail is not None and "clock" in detail:
        warn_once(folder, BEHIND)
