"""Column names: aliases of other tools, the header row, and the separator of cells."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from io import StringIO
from itertools import islice
from pathlib import Path

from sameplayer.errors import DataError

SEPARATORS = (",", ";", "\t", "|")
ABOVE = 10
"""Rows that are looked through for the one that names the columns; titles may stand above it."""


def plain(name: str) -> str:
    """Return a column name for comparison: lower case, without dots, dashes and blanks."""
    return re.sub(r"[\s._\-\u200b\ufeff]+", "", name).lower()


class KnownColumns:
    """The known and the required columns of a reader, under all of their names."""

    def __init__(self, columns: Mapping[str, Sequence[str]], needed: Sequence[str] = ()) -> None:
        self._known = {
            plain(alias) for name, others in columns.items() for alias in (name, *others)
        }
        self._needed = [
            {plain(alias) for alias in (name, *columns.get(name, ()))} for name in needed
        ]

    def count(self, row: Sequence[str]) -> int:
        """Return how many known columns a row names."""
        return len(self._known.intersection(map(plain, row)))

    def is_header(self, row: Sequence[str]) -> bool:
        """Tell whether a row names all needed columns."""
        given = set(map(plain, row))
        return all(given & names for names in self._needed)

    def header(self, rows: Sequence[Sequence[str]]) -> int:
        """Return the place of the row that names the columns: the first, where none fits."""
        return next((at for at, row in enumerate(rows[:ABOVE]) if self.is_header(row)), 0)


def find_separator(text: str, known: KnownColumns) -> str:
    """Return the separator that gives the most known columns, then the most columns.

    Where the header names one column only, and commas stand within numbers, none is a separator.
    """
    scores, head = {}, text[: 1 << 16]
    rows: list[list[str]] = []
    for separator in reversed(SEPARATORS):
        lines = csv.reader(StringIO(head, newline=""), delimiter=separator, skipinitialspace=True)
        try:
            rows = list(islice((row for row in lines if any(map(str.strip, row))), ABOVE))
        except csv.Error:
            rows = []
        header = rows[known.header(rows)] if rows else []
        scores[separator] = known.count(header), len(header)
    best = max(SEPARATORS, key=lambda separator: scores[separator])
    decimals = [row for row in rows if len(row) > 1]
    single = scores[best][1] == 1 and all(
        re.fullmatch(r"-?\d+,\d+", ",".join(row)) for row in decimals
    )
    return ";" if decimals and single else best


def rename_columns(
    path: Path,
    header: list[str],
    columns: Mapping[str, Sequence[str]],
    needed: Sequence[str],
    what: str,
) -> tuple[list[str], list[str]]:
    """Return the header with aliases replaced by standard names, and notes on what was renamed.

    Of a name's other names the first that is there counts. Raises DataError for two columns of one
    name and for a needed one that is not there.
    """
    names, notes = list(header), []
    compared = [plain(name) for name in header]
    for name, others in columns.items():
        ways = [[at for at, column in enumerate(header) if column == name]]
        ways += [
            [
                at
                for at, column in enumerate(compared)
                if column == plain(other) and (header[at] not in columns or header[at] == name)
            ]
            for other in (name, *others)
        ]
        places = next((way for way in ways if way), [])
        if len(places) > 1:
            first, second = (f"{header[at]!r} (column {at + 1})" for at in places[:2])
            raise DataError(
                f"{path}: the columns {first} and {second} are both {name!r}; expected it once. "
                "Rename or delete one."
            )
        for at in places:
            names[at] = name
            if compared[at] != plain(name):
                notes.append(f"The column {header[at]!r} is read as {name!r}.")
    missing = [name for name in needed if name not in names]
    if missing:
        raise DataError(
            f"{path}: a {what} needs the column{'s' * (len(missing) > 1)} {', '.join(missing)}; "
            f"found the columns {', '.join(header)[:300]}.{_hint(header)}"
        )
    return _different(names), notes


def _hint(header: list[str]) -> str:
    """Return advice on missing columns."""
    if any(
        re.fullmatch(r"[+-]?[0-9]+([.,][0-9]+)?|.*\.(png|jpe?g|bmp|webp)", name, re.IGNORECASE)
        for name in header
    ):
        return " Is the header missing? The first row has to name the columns."
    return " Rename the columns."


def _different(names: list[str]) -> list[str]:
    """Return the names, each once: the second "note" is "note.1", one without a name "column 3"."""
    given = [name or f"column {at}" for at, name in enumerate(names, start=1)]
    unique: list[str] = []
    for at, name in enumerate(given):
        number, candidate = 0, name
        while candidate in unique or (number and candidate in given[at:]):
            number += 1
            candidate = f"{name}.{number}"
        unique.append(candidate)
    return unique
