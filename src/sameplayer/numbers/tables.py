"""Shirt numbers and crop tables: reading every picture or track, rosters, what a table holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from sameplayer.data.crops import Crops
from sameplayer.errors import ConfigError, DataError
from sameplayer.numbers.readers import NUMBERS, NumberReader
from sameplayer.numbers.reading import NumberReading, read_jersey_number, read_track_number


def read_numbers(
    crops: Crops,
    reader: NumberReader,
    by: Sequence[str] = (),
    *,
    threshold: float = 0.5,
    temperature: float = 1.0,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[NumberReading], list[list[int]]]:
    """Read every picture, or every track; return the readings and the rows that each is of.

    by    columns that together name a track; empty: each picture alone
    """
    columns = [str(name) for name in crops.table.columns]
    missing = [name for name in by if name not in columns]
    if missing:
        raise ConfigError(f"--by {missing[0]}: no such column; found {', '.join(columns)}.")
    if by:
        keys = crops.table[list(by)].astype("string").fillna("").agg("\x1f".join, axis=1)
        rows = [
            list(map(int, places)) for places in keys.groupby(keys, sort=False).indices.values()
        ]
    else:
        rows = [[row] for row in range(len(crops))]
    readings: list[NumberReading] = []
    for done, places in enumerate(rows, start=1):
        pictures = [crops.read(row) for row in places]
        settings = {"threshold": threshold, "temperature": temperature}
        if by:
            readings.append(read_track_number(pictures, reader, **settings))
        else:
            readings += read_jersey_number(pictures, reader, **settings)
        if progress is not None:
            progress(done, len(rows))
    return readings, rows


def table_probabilities(table: pd.DataFrame) -> np.ndarray:
    """Return probabilities (n, c + 1) over NUMBERS from what ``sameplayer jersey`` wrote.

    What is not on the read number lies on "none visible", so that an unsure reading says little.
    """
    names = ("read_number", "read_number_probability")
    if not set(names) <= set(table.columns):
        raise DataError(
            "No column read_number; read numbers first: sameplayer jersey ocr DATA --out TABLE."
        )
    shares = np.zeros((len(table), len(NUMBERS) + 1))
    shares[:, -1] = 1
    places = {number: place for place, number in enumerate(NUMBERS)}
    for row, (number, likely) in enumerate(zip(*(table[name] for name in names), strict=True)):
        if not pd.isna(number) and str(number) in places:
            shares[row, [places[str(number)], -1]] = float(likely), 1 - float(likely)
    return shares


def check_roster(numbers: Sequence[str]) -> tuple[str, ...]:
    """Return the numbers of a roster, each once; DataError names the row that is none."""
    for row, number in enumerate(numbers):
        if str(number).strip() not in NUMBERS:
            raise DataError(
                f"Roster, row {row}: {number!r} is no shirt number; expected 0 to 99, or 00."
            )
    kept = tuple(dict.fromkeys(str(number).strip() for number in numbers))
    if not kept:
        raise DataError("The roster is empty; expected at least one number.")
    return kept


def read_roster(path: Path) -> tuple[str, ...]:
    """Read the column ``number`` of a table (csv), or the lines of a text file."""
    try:
        if path.suffix == ".csv":
            return check_roster(pd.read_csv(path, dtype=str)["number"].fillna("").tolist())
        return check_roster([line for line in path.read_text().splitlines() if line.strip()])
    except KeyError:
        raise DataError(f"{path}: no column 'number'.") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as a roster ({error}).") from error
