"""Numbers of frames: files count from 0 or from 1, videos and pictures too."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd

from sameplayer.errors import DataError


def from_one(
    table: pd.DataFrame, path: str | Path, frames: int | Collection[int] | None, first: int | None
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
    _refuse(number, (number >= (first or 0)) & (number < 2**53), table, path, first)
    whole = number.astype(np.int64)
    lowest, highest = int(whole.min(initial=1)), int(whole.max(initial=0))
    video = frames is None or isinstance(frames, int)
    begin = 1 if isinstance(frames, int | None) else min(frames, default=1)
    end = frames if isinstance(frames, int | None) else max(frames, default=0)
    if first == 0:
        shift = begin
    elif begin == 0:
        shift = -1 if first == 1 or (lowest > 0 and highest - 1 == end) else 0
    else:
        shift = int(lowest == 0)
    too_far = end is not None and highest + shift > end
    if too_far and (video or (lowest == 0 and first is None)):
        row = table["row"].iloc[int(np.argmax(whole))]
        counted = ", counted from 0" if shift else ""
        of = f"the video, which has {end}" if video else f"the pictures {begin} to {end}"
        hint = "another one, or is first_frame another" if video else "another one"
        raise DataError(
            f"{path}, {row}: a box in frame {highest}{counted}; expected a frame of {of}. Are the "
            f"boxes those of {hint}?"
        )
    if shift == 0 or not len(whole):
        return whole, []
    file, other = (0, begin) if shift > 0 else (1, 0)
    read = f"each is read as {abs(shift)} {'more' if shift > 0 else 'less'}"
    shown = "video" if video else "pictures"
    note = f"Frames count from {file} in the boxes, from {other} in the {shown}: {read}."
    return whole + shift, [note]


def _refuse(
    number: np.ndarray,
    good: np.ndarray,
    table: pd.DataFrame,
    path: str | Path,
    first: int | None = None,
) -> None:
    if not good.all():
        row = int(np.argmin(good))
        least = "0 or 1" if first is None else f"{first}, which is the first frame"
        raise DataError(
            f"{path}, {table['row'].iloc[row]}: expected a whole frame number from {least}; found "
            f"{number[row]:g}."
        )
