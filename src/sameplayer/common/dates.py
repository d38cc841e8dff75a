"""ISO 8601 dates in one form, so that sorting them as text sorts them by time."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

from sameplayer.errors import SettingError

DAY = "a day such as 2026-12-31"
MOMENT = "a day such as 2026-12-31, or with a time, such as 2026-12-31T15:30"
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:?\d\d)?", re.ASCII
)


def iso_day(text: str) -> str | None:
    """Return a day (2026-12-31) as it is; None for anything else."""
    try:
        return date.fromisoformat(text).isoformat() if _DAY.fullmatch(text) else None
    except ValueError:
        return None


def iso_moment(text: str) -> str | None:
    """Return a day, or a day and time, in the one form that sorts by time; None for anything else.

    A time becomes 2026-12-31T15:30:00. One with an offset is taken to UTC; one without counts as
    UTC already.
    """
    if _DAY.fullmatch(text):
        return iso_day(text)
    if not _MOMENT.fullmatch(text):
        return None
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is not None:
            found = found.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None
    return found.isoformat()


def check_day(name: str, day: str | None) -> str | None:
    """Return an ISO day as it is; SettingError for anything else."""
    if day is not None and iso_day(day) is None:
        raise SettingError(name, repr(day), DAY)
    return day


def check_moment(name: str, moment: str | None) -> str | None:
    """Return an ISO day, or day and time, as ``iso_moment`` writes it; SettingError for others."""
    found = None if moment is None else iso_moment(moment)
    if moment is not None and found is None:
        raise SettingError(name, repr(moment), MOMENT)
    return found
