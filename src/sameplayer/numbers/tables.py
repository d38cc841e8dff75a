"""Shirt numbers and crop tables: reading every picture or track, rosters, what a table holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sameplayer.data.cells import read_text_table
from sameplayer.data.crops import Crops
from sameplayer.data.tracks import track_keys
from sameplayer.errors import DataError, MissingFile, SettingError
from sameplayer.numbers.reader import NUMBERS, NumberReader
from sameplayer.numbers.reading import NumberReading, read_jersey_number, read_track_number

READ = ("read_number", "read_number_probability", "read_number_frames")


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

    by          columns that together name a track, rows without one stay alone; empty: each
                picture alone
    progress    called with (done, all)

    Raises SettingError for a column that the table has not, DataError for a picture that cannot
    be read.
    """
    columns = [str(name) for name in crops.table.columns]
    missing = [name for name in by if name not in columns]
    if missing:
        raise SettingError("by", missing[0], f"columns of the table: {', '.join(columns)}")
    if by:
        keys = track_keys(crops.table, by)
        groups = pd.Series(keys).groupby(keys).indices
        rows = [[int(row) for row in members] for members in groups.values()]
    else:
        rows = [[row] for row in range(len(crops))]
    readings: list[NumberReading] = []
    settings: dict[str, Any] = {"threshold": threshold, "temperature": temperature}
    for done, members in enumerate(rows, start=1):
        pictures = [crops.read(row) for row in members]
        if by:
            readings.append(read_track_number(pictures, reader, **settings))
        else:
            readings += read_jersey_number(pictures, reader, **settings)
        if progress is not None:
            progress(done, len(rows))
    return readings, rows


def add_readings(
    crops: Crops, readings: Sequence[NumberReading], rows: Sequence[Sequence[int]]
) -> Crops:
    """Return the crops with the columns of READ, as ``read_numbers`` gave them."""
    table = crops.table.copy()
    columns: dict[str, list[Any]] = {name: [None] * len(table) for name in READ}
    for reading, members in zip(readings, rows, strict=True):
        values = reading.number, round(reading.probability, 4), reading.frames
        for name, value in zip(READ, values, strict=True):
            for row in members:
                columns[name][row] = value
    return replace(crops, table=table.assign(**columns))


def table_probabilities(table: pd.DataFrame) -> np.ndarray:
    """Return probabilities (n, c + 1) over NUMBERS from what ``sameplayer jersey`` wrote.

    What is not on the read number lies on "none visible", so that an unsure reading says little.
    Raises DataError where the columns are missing, or a probability is none.
    """
    if not set(READ[:2]) <= set(table.columns):
        raise DataError(
            "No column read_number; read numbers first: sameplayer jersey DATA --out TABLE."
        )
    likely = pd.to_numeric(table[READ[1]], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    places = {number: place for place, number in enumerate(NUMBERS)}
    place = table[READ[0]].astype("string").map(places).to_numpy(dtype=float, na_value=np.nan)
    read = np.flatnonzero(~np.isnan(place))
    bad = read[~((likely[read] >= 0) & (likely[read] <= 1))]
    if len(bad):
        raise DataError(
            f"Row {bad[0]}: {READ[1]} is {table[READ[1]].iat[bad[0]]}; expected 0 to 1 beside a "
            "read number."
        )
    shares = np.zeros((len(table), len(NUMBERS) + 1))
    shares[:, -1] = 1
    shares[read, -1] = 1 - likely[read]
    shares[read, place[read].astype(int)] = likely[read]
    return shares


def known_numbers(crops: Crops, truth: str | Path | None = None) -> list[str]:
    """Return the true number of every row, "" where none is to be seen.

    truth    table (.csv) with the columns person and number; None: the crops' column number
    """
    if truth is None:
        if "number" not in crops.table.columns:
            raise DataError(f"{crops.root}: no column 'number' that holds the true numbers.")
        return crops.table["number"].astype("string").fillna("").tolist()
    table = _text_table(Path(truth), ("person", "number"))
    if not {"person", "number"} <= set(table.columns):
        raise DataError(
            f"{truth}: expected the columns person and number, found {', '.join(table.columns)}."
        )
    repeated = table["person"][table["person"].duplicated()]
    if len(repeated):
        raise DataError(f"{truth}: person {repeated.iat[0]!r} stands in it twice.")
    numbers = dict(zip(table["person"], table["number"].fillna(""), strict=True))
    return [numbers.get(person, "") for person in crops.table["person"].astype("string").fillna("")]


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


def read_roster(path: str | Path) -> tuple[str, ...]:
    """Read the column ``number`` of a table (.csv), or the lines of a text file.

    Raises DataError naming the file, and the row that is no shirt number.
    """
    path = Path(path)
    if path.suffix == ".csv":
        table = _text_table(path, ("number",))
        if "number" not in table.columns:
            raise DataError(f"{path}: no column 'number'; found {', '.join(table.columns)}.")
        numbers = table["number"].fillna("").tolist()
    else:
        numbers = [line for line in _read_text(path).splitlines() if line.strip()]
    try:
        return check_roster(numbers)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise MissingFile(f"{path}: no such file.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text in UTF-8 ({error}).") from error


def _text_table(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    if not path.is_file():
        raise MissingFile(f"{path}: no such file.")
    return read_text_table(path, columns)
