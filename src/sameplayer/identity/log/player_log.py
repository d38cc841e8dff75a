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

    appearances    one row per appearance (tracklet), columns APPEARANCES: its number from 0; the
                   identity ("white 7", "white unknown 3", or the roster's name); name, team and
                   number, missing where unknown; camera, shot; start and end in seconds of match
                   time, a single frame lasting until the next analysed one; first and last frame
                   of the video; number of boxes; the probability that the identity is right;
                   whether that is over the threshold (sure); the second best identity and its
                   probability (the two sum to 1 at most); for an identity without a name or number
                   the most likely player and the probability of that; what the identity is based
                   on, SAID where a correction gives it
    boxes          one row per box, columns BOXES, sorted by appearance, then frame; in pixels
    links          one row per pair of appearances, columns LINKS: log-odds of being one person,
                   the part of each kind of evidence, and whether they were joined. Only the
                   strongest and weakest joined pairs, and the closest that were not joined
    cameras        of the match
    pictures       of a log just made, else None: one row per small picture of a box: camera,
                   frame, left, top, and ``picture``, a JPEG file
    facts          settings, versions, fingerprints, calibration, contradictions (sentences); JSON

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

    def _repr_html_(self) -> str:
        return f"<p>{self!r}</p>{self.players().round(1).to_html(index=False, max_rows=20)}"

    def __len__(self) -> int:
        """Return how many appearances there are."""
        return len(self.appearances)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per box: BOXES, then identity, name, team, number, probability, sure."""
        columns = ["appearance", "identity", "name", "team", "number", "probability", "sure"]
        return self.boxes.merge(
            self.appearances[columns], on="appearance", how="left", validate="many_to_one"
        )

    def players(self) -> pd.DataFrame:
        """Return one row per identity, columns PLAYERS, the longest on screen first.

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
