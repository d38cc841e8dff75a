"""Numbers of frames: files count from 0 or from 1, videos and pictures too."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd

from sameplayer.errors import DataError


def from_one(
    table: pd.DataFrame, path: Path, frames: int | Collection[int] | None, first: int | None
) -> tuple[np.ndarray, list[str]]:
    """Return (n,) int64 numbers as the video or the pictures count, and what to say of them.

    table     with ``frame`` and ``row``
    frames    how many frames a video has, which count from 1; or the numbers of pictures
    first     number that the file gives to the first frame; None: the numbers have to tell

    Raises DataError, with the row, for what is no frame, and where neither counting from 0 nor from
    1 fits.
    """
    number = table["frame"].to_numpy()
    _refuse(number, np.isfinite(number) & (number == np.floor(number)), table, path)
    _refuse(number, (number >= 0) & (number < 2**53), table, path)
    whole = number.astype(np.int64)
    pictures = None if frames is None or isinstance(frames, int) else frames
    begin = min(pictures, default=1) if pictures is not None else 1
    end = max(pictures, default=0) if pictures is not None else frames
    lowest, highest = int(whole.min(initial=1)), int(whole.max(initial=0))
    if first is not None:
        shift = min(begin, 1) - first if pictures is not None else 1 - first
        if lowest < first:
            raise DataError(
                f"{path}, {table['row'].iloc[int(np.argmin(whole))]}: a box in frame {lowest}; "
                f"expected frames from {first}."
            )
    elif lowest == 0 and begin > 0:
        shift = 1
    elif begin == 0 and lowest > 0 and end is not None and highest == end + 1:
        shift = -1
    else:
        shift = 0
    if end is not None and highest + shift > end and (pictures is None or (lowest == 0 < shift)):
        row = table["row"].iloc[int(np.argmax(whole))]
        of = f"pictures {begin} to {end}" if pictures is not None else f"the video, which has {end}"
        counted = ", in which frames count from 0" if shift else ""
        raise DataError(
            f"{path}, {row}: a box in frame {highest}{counted}; expected a frame of {of}."
        )
    if shift == 0 or not len(whole):
        return whole, []
    counts = (
        ("0 in this file, from 1", "one more")
        if shift > 0
        else ("1 in this file, from 0", "one less")
    )
    of = "the pictures" if pictures is not None else "videos"
    return whole + shift, [f"Frames count from {counts[0]} in {of}: each is read as {counts[1]}."]


def _refuse(number: np.ndarray, good: np.ndarray, table: pd.DataFrame, path: Path) -> None:
    if not good.all():
        row = int(np.argmin(good))
        raise DataError(
            f"{path}, {table['row'].iloc[row]}: expected a whole frame number from 0 or 1; found "
            f"{number[row]:g}."
        )
