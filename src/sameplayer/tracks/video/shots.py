"""Cuts: where a video goes over to another view, found in its frames or read from a file."""

from __future__ import annotations

import csv
import logging
import re
from io import StringIO
from pathlib import Path

import numpy as np

from sameplayer.data.tabular.encodings import decoded
from sameplayer.data.tabular.read_table import BLANKS, read_table
from sameplayer.errors import DataError

LEAST = 0.30  # change of the view (0 to 1) below which there is no cut
TIMES = 3.0  # a cut stands out so many times against the usual change
FORGET = 0.9  # of the usual change that stays, a frame
SECONDS = (
    "seconds",
    "sec",
    "time_s",
    "time (s)",
    "time (seconds)",
    "start time (seconds)",
    "start (s)",
    "time",
    "cut",
    "cuts",
    "start",
    "timestamp",
)
"""What other tools call the column ``second``; of several the first counts."""

log = logging.getLogger(__name__)


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
    """Return the rising seconds at which new shots begin: a number a line, or a column of a table.

    Seconds count from the first frame of the video. A table, of text or of a spreadsheet, names its
    columns in the first row; that of the seconds is called second, or as in SECONDS. Raises
    MissingFile, DataError with the line that is not as expected.
    """
    path = Path(path)
    lines = _lines(path)
    if lines is None:
        read = read_table(
            path, {"second": SECONDS}, needed=("second",), numbers=("second",), what="list of cuts"
        )
        for note in read.notes:
            log.warning("%s: %s", path, note)
        if "camera" in read.table and read.table["camera"].nunique() > 1:
            names = ", ".join(map(str, read.table["camera"].dropna().unique()))[:200]
            raise DataError(f"{path}: cuts of several cameras ({names}); save a file for each.")
        cells = read.table["second"].dropna()
        lines = list(zip(read.rows[cells.index].tolist(), map(str, cells), strict=True))
    cuts: list[float] = []
    for number, cell in lines:
        try:
            second = float(cell)
        except ValueError:
            second = float("nan")
        if not 0 <= second < 1e7:
            raise DataError(
                f"{path}, line {number}: {cell[:40]!r}; expected a time in seconds, such as 65.2."
            )
        cuts.append(second)
    return np.unique(np.array(cuts, np.float64))


def _lines(path: Path) -> list[tuple[int, str]] | None:
    """Return the numbered first cells of a text that begins with a number; None for a table."""
    try:
        text, _ = decoded(path.read_bytes(), path)
    except (OSError, DataError):
        return None  # said by the one who reads tables
    if not text.strip(BLANKS):
        return []
    if not re.match(r"[\s\ufeff\"]*[+-]?[.,]?[0-9]", text):
        return None
    separator = next((one for one in (";", "\t") if one in text), ",")
    rows = csv.reader(StringIO(text.strip("\ufeff"), newline=""), delimiter=separator)
    found = []
    for number, row in enumerate(rows, start=1):
        cells = [cell.strip(BLANKS).replace(",", ".") for cell in row]
        numbers = [cell for cell in cells if re.fullmatch(r"[0-9.]+", cell)]
        if len(numbers) > 1:
            raise DataError(
                f"{path}, line {number}: {separator.join(row)[:40]!r}; expected one number, or a "
                "first line that names the columns: second, ... A decimal sign is a point."
            )
        if any(cells):
            found.append((number, cells[0]))
    return found
