"""Annotations: the boxes of one file or folder as they stand there, whatever its format."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

NUMBERS = ("frame", "track", "left", "top", "width", "height", "score")
TEXTS = ("camera", "sequence", "label", "role", "team", "number", "name")


@dataclass(frozen=True, eq=False)
class Annotations:
    """Boxes of one file or folder as they stand there; nothing is left out, shifted or clipped.

    table       one row per box, in the order of the file, with the columns

                row        where it stands, as messages say it: "line 7", "annotation 12"
                frame      number of the frame, counted as the file counts
                track      whole number of the track, missing: none
                left, top, width, height    in pixels, or shares of the picture, see ``shares``
                score      as the file has it, missing: none
                label      class, such as "player" or "ball", missing: none said
                camera, sequence, role, team, number, name    text, missing: none said

    first       number that the format gives to a video's first frame: 0 or 1; None: the format
                does not say, so the numbers have to tell
    shares      whether boxes are shares of the picture's width and height, from 0 to 1
    notes       what was read as what, and what the file holds that is not used; one sentence each
    size        width and height that the file gives to its pictures; None: none, or several
    frames      how many frames the file says that its video has; None or 0: it does not say
    """

    table: pd.DataFrame
    first: int | None = None
    shares: bool = False
    notes: tuple[str, ...] = ()
    size: tuple[int, int] | None = None
    frames: int | None = None


def left_out(count: int, what: str, example: str) -> str:
    """Return a note on boxes that are left out: "3 boxes ..., such as line 7, are left out."."""
    if count == 1:
        return f"1 box {what}, {example}, is left out."
    return f"{count} boxes {what}, such as {example}, are left out."
