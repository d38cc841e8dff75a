"""PlayerLog: who was on screen when, under one identity, how sure, and what it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from sameplayer.errors import DataError
from sameplayer.tracks.camera import Camera

APPEARANCES = (
    "appearance",
    "identity",
    "name",
    "team",
    "number",
    "camera",
    "shot",
    "start_s",
    "end_s",
    "first_frame",
    "last_frame",
    "frames",
    "probability",
    "sure",
    "second",
    "second_probability",
    "could_be",
    "could_be_probability",
    "rests_on",
)
BOXES = ("appearance", "camera", "frame", "time_s", "left", "top", "width", "height", "score")
PLAYERS = (
    "identity",
    "name",
    "team",
    "number",
    "appearances",
    "cameras",
    "on_screen_s",
    "first_s",
    "last_s",
)
SAID = "correction"
"""``rests_on`` of an appearance whose identity a correction gives."""
LINKS = ("first", "second", "odds", "appearance", "number", "team", "place", "joined")


@dataclass(frozen=True, eq=False)
class PlayerLog:
    """Who was on screen when.

    appearances    a row an appearance, one tracklet, APPEARANCES: its number from 0; the identity
                   ("white 7", "white unknown 3", or the roster's name); name, team and number,
                   missing where unknown; camera, shot; first and last moment in seconds of the
                   match, a single frame lasting until the next that was looked at; first and last
                   frame of the video; how many boxes; the probability that the identity is right;
                   whether that is over the threshold (sure); the next best identity and its
                   probability, the two sum to 1 at most; for an identity without a name or number
                   the player whom it could be, and how probable that is for the whole identity;
                   what it rests on, in words, SAID where a person said it
    boxes          a row a box, BOXES, sorted by appearance, then frame; pixels of the video
    links          a row a pair of appearances, LINKS: their log-odds of being one person, what each
                   evidence adds, and whether they were joined. Not all pairs: the surest and the
                   least sure of those that were joined, and the likeliest that were not
    cameras        of the match
    pictures       of a log that was just made, else None: a row a small picture of a box: camera,
                   frame, left, top, and ``picture``, a JPEG file
    facts          settings, versions, fingerprints, calibration, contradictions found (a list of
                   sentences under "contradictions"); what JSON can hold

    Raises DataError for tables that lack a column.
    """

    appearances: pd.DataFrame
    boxes: pd.DataFrame
    links: pd.DataFrame
    cameras: tuple[Camera, ...]
    facts: dict[str, Any]
    pictures: pd.DataFrame | None = None

    def __repr__(self) -> str:
        table, cameras = self.appearances, len(self.cameras)
        players, sure = table["identity"].nunique(), int(table["sure"].sum())
        counts = f"{players} identities, {len(table)} appearances, {sure} of them sure"
        return f"PlayerLog({counts}, {cameras} cameras)"

    def __post_init__(self) -> None:
        for name, columns in (("appearances", APPEARANCES), ("boxes", BOXES), ("links", LINKS)):
            missing = [one for one in columns if one not in getattr(self, name).columns]
            if missing:
                raise DataError(f"A player log's {name} lack the columns {', '.join(missing)}.")

    def __len__(self) -> int:
        """Return how many appearances there are."""
        return len(self.appearances)

    def players(self) -> pd.DataFrame:
        """Return a row an identity, PLAYERS, the longest on screen first.

        Time that two cameras show at once counts once.
        """
        rows = []
        for identity, own in self.appearances.groupby("identity", sort=False):
            rows.append(
                {
                    "identity": identity,
                    "name": own["name"].iloc[0],
                    "team": own["team"].iloc[0],
                    "number": own["number"].iloc[0],
                    "appearances": len(own),
                    "cameras": own["camera"].nunique(),
                    "on_screen_s": _covered(own),
                    "first_s": own["start_s"].min(),
                    "last_s": own["end_s"].max(),
                }
            )
        table = pd.DataFrame(rows, columns=list(PLAYERS))
        return table.sort_values("on_screen_s", ascending=False, kind="stable", ignore_index=True)


def _covered(own: pd.DataFrame) -> float:
    """Return the seconds that the union of the appearances' spans takes."""
    total, until = 0.0, float("-inf")
    for start, end in sorted(zip(own["start_s"], own["end_s"], strict=True)):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total


def clock(seconds: float, digits: int = 1) -> str:
    """Return seconds as 0:07.5, 12:03.0 or 1:02:03.0; without tenths for no digits."""
    tenths = round(abs(seconds) * 10**digits)
    whole, part = divmod(tenths, 10**digits)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    front = f"{hours}:{minutes:02d}" if hours else str(minutes)
    sign = "-" if seconds < 0 and tenths else ""
    return f"{sign}{front}:{rest:02d}" + (f".{part}" if digits else "")
