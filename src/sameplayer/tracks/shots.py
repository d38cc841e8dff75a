"""Cuts: where a video goes over to another view, found in its frames or read from a file."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from sameplayer.data.decoding import decoded
from sameplayer.errors import DataError, MissingFile

LEAST = 0.30  # change of the view (0 to 1) below which there is no cut
TIMES = 3.0  # a cut stands out so many times against the usual change
FORGET = 0.9  # of the usual change that stays, a frame


def find_cuts(change: np.ndarray) -> np.ndarray:
    """Return the places of the frames with which a new shot begins.

    change    (n,) from 0 to 1: of each frame's view against the frame before, as ``compare`` says
    """
    cuts, usual = [], 0.0
    for place, step in enumerate(np.asarray(change).tolist()):
        if step > max(LEAST, TIMES * usual):
            cuts.append(place)
        else:
            usual = FORGET * usual + (1 - FORGET) * step
    return np.array(cuts, np.int64)


def shot_numbers(times: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """Return (n,) int64: the shot of each time, from 0; a cut's time is the first of its shot."""
    return np.searchsorted(np.sort(cuts), np.asarray(times) + 1e-6, side="right")


def read_cuts(path: str | Path) -> np.ndarray:
    """Return the rising seconds at which new shots begin, one a line or the first cell of a CSV.

    Seconds count from the first frame of the video. A first line that is no number is a header. A
    decimal comma is a point, where semicolons or tabs are between cells or a header has one cell.
    Raises MissingFile, DataError with the line that is not as expected.
    """
    path = Path(path)
    try:
        text, _ = decoded(path.read_bytes(), path)
    except FileNotFoundError:
        raise MissingFile(
            f"{path}: no such file; expected a second of a cut on each line."
        ) from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}).") from error
    lines = text.splitlines()
    separator = next((one for one in (";", "\t") if one in text), ",")
    if separator == "," and _one_number(lines):
        separator = "\n"
    cuts: list[float] = []
    for number, line in enumerate(lines, start=1):
        cell = line.split(separator)[0].strip(' "').replace(",", ".")
        if not cell:
            continue
        try:
            second = float(cell)
        except ValueError:
            if number == 1:
                continue
            second = float("nan")
        if not 0 <= second < 1e7:
            raise DataError(f"{path}, line {number}: {cell[:40]!r}; expected a time in seconds.")
        cuts.append(second)
    return np.unique(np.array(cuts, np.float64))


def _one_number(lines: list[str]) -> bool:
    """Tell whether lines are single numbers with a decimal comma: a header without one says so."""
    first = next((line for line in lines if line.strip()), "")
    return "," not in first and not re.match("[ 0-9]", first)
