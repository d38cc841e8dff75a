"""Shirt numbers and crop tables: reading every picture or track, rosters, what a table holds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sameplayer.data.columns import compose_names, unmatched_names, without_decimal_points
from sameplayer.data.crop_files import CROP_ALIASES
from sameplayer.data.crops import Crops
from sameplayer.data.tabular.encodings import decoded
from sameplayer.data.tabular.read_table import read_table
from sameplayer.data.tracks import track_keys
from sameplayer.errors import DataError, MissingFile, SettingError
from sameplayer.numbers.reader import NUMBER_ALIASES, NUMBERS, NumberReader, shirt_number
from sameplayer.numbers.reading import NumberReading, read_jersey_number, read_track_number

log = logging.getLogger(__name__)

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

    truth    table with the columns person and number; None: the crops' column number
    """
    if truth is None:
        if "number" not in crops.table.columns:
            raise DataError(f"{crops.root}: no column 'number' that holds the true numbers.")
        return [shirt_number(one) for one in crops.table["number"].astype("string").fillna("")]
    read = read_table(
        Path(truth),
        {"person": CROP_ALIASES["person"], "number": NUMBER_ALIASES},
        needed=("person", "number"),
        numbers=("number",),
        what="table of true numbers",
    )
    person, more = without_decimal_points(compose_names(read.table["person"].astype("string")))
    number = read.table["number"].astype("string").fillna("").map(shirt_number)
    wrong = np.flatnonzero(~number.isin(("", *NUMBERS)))
    if len(wrong):
        cell = str(number.iat[wrong[0]])[:40]
        raise DataError(
            f"{truth}, row {read.rows[wrong[0]]}: {cell!r} is no shirt number; expected 0 "
            "to 99, or 00, or an empty cell where none is to be seen."
        )
    repeated = person[person.duplicated() & person.notna()]
    if len(repeated):
        raise DataError(f"{truth}: person {repeated.iat[0]!r} stands in it twice.")
    told = person.notna()
    numbers = dict(zip(person[told], number[told], strict=True))
    shown = crops.table["person"].dropna().unique().tolist()
    lost = unmatched_names(list(numbers), shown, "the table", "the pictures")
    if lost and not set(numbers) & set(shown):
        raise DataError(f"{truth}: {lost} Expected the persons of {crops.root}.")
    for note in (*read.notes, *more, lost):
        if note:
            log.warning("%s: %s", truth, note)
    return [numbers.get(name, "") for name in crops.table["person"].astype("string").fillna("")]


def check_roster(numbers: Sequence[str], rows: Sequence[int] = ()) -> tuple[str, ...]:
    """Return the numbers of a roster, each once; 07 and 7.0 are 7.

    rows    where each stands, for the words of an error; (): from 0

    Raises DataError naming the row that is no number.
    """
    found = [shirt_number(str(number).strip()) for number in numbers]
    for row, number, one in zip(rows or range(len(found)), numbers, found, strict=True):
        if one not in NUMBERS:
            raise DataError(
                f"Roster, row {row}: {number!r} is no shirt number; expected 0 to 99, or 00."
            )
    if not found:
        raise DataError("The roster is empty; expected at least one number.")
    return tuple(dict.fromkeys(found))


def read_roster_numbers(path: str | Path) -> tuple[str, ...]:
    """Read the column ``number`` of a table, or the lines of a text file (.txt) without a header.

    Rows without a number, such as a coach's, are left out. Raises DataError naming the file, and
    the row that is no shirt number, as a spreadsheet counts: the header is row 1.
    """
    path = Path(path)
    lines = _lines(path) if path.suffix.lower() == ".txt" else []
    if lines and shirt_number(lines[0][1]) in NUMBERS:
        numbered = lines
    else:
        read = read_table(path, {"number": NUMBER_ALIASES}, needed=("number",), what="roster")
        for note in read.notes:
            log.warning("%s: %s", path, note)
        cells = read.table["number"].astype("string")
        numbered = [
            (int(row), str(cell))
            for row, cell in zip(read.rows, cells, strict=True)
            if not pd.isna(cell)
        ]
    try:
        return check_roster([cell for _, cell in numbered], [row for row, _ in numbered])
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _lines(path: Path) -> list[tuple[int, str]]:
    try:
        text, _ = decoded(path.read_bytes(), path)
    except FileNotFoundError:
        raise MissingFile(f"{path}: no such file.") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}).") from error
    lines = enumerate(text.splitlines(), start=1)
    return [(number, line.strip()) for number, line in lines if line.strip()]
