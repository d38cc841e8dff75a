"""The one door for tables that users have: text, Parquet and Excel, read as they save them."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO, StringIO
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from sameplayer.data.cells import unguarded_table
from sameplayer.data.decoding import decoded
from sameplayer.errors import DataError, MissingFile

SEPARATORS = (",", ";", "\t")
NAMED = re.compile(r"[\r\n]*\"?sep=(.)\"?[,;\t]*(\r\n|\r|\n)", re.IGNORECASE)
"""A first line that names the separator for spreadsheets, "sep=;"."""
LARGEST = 1 << 30  # bytes of a file
WIDEST = 1 << 14  # columns, as a spreadsheet has at most
PADDING = 1_000_000  # cells that rows may be shorter than the header, all together
CHUNK = 50_000
BLANKS = " \t\r\n\xa0\u200b\ufeff"
THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}(,[0-9]{3})+")
DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+")


@dataclass(frozen=True, eq=False)
class Table:
    """A table as it stands in a file.

    table    cells as text, without blanks around, empty ones missing; of Parquet with its types.
             Known columns under their own name, others as the file calls them
    rows     (n,) int64: where each row stands, as a spreadsheet counts; the header is row 1. In
             Parquet, which has no header, the first row is 1
    notes    what was read as what, and what was left out; one sentence each
    """

    table: pd.DataFrame
    rows: np.ndarray
    notes: tuple[str, ...] = ()


@dataclass
class _Raw:
    """A header with the rows below it; ``rows`` count as in ``Table``."""

    header: list[str]
    table: pd.DataFrame
    rows: np.ndarray
    notes: tuple[str, ...]
    commas: bool = False  # whether a comma separates cells


def read_table(
    path: str | Path,
    columns: Mapping[str, Sequence[str]],
    *,
    needed: Sequence[str] = (),
    numbers: Sequence[str] = (),
    what: str = "table",
) -> Table:
    """Read a table: text with separators, or Parquet; the content decides, not the ending.

    columns    name -> other usual names; letters' case, dots, dashes, underscores and blanks do
               not count
    needed     names that must be there, each once
    numbers    names of columns of numbers: a decimal comma in them becomes a point
    what       what the table is, for messages: "roster"

    Text has commas, semicolons or tabs between its cells, or what a first line such as "sep=|"
    names. Rows without any cell are left out; the apostrophes of ``cells.guarded`` are taken back.
    Raises MissingFile, and DataError for what is no such table, naming file and row.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingFile(f"{path}: no such {what}; expected a .csv or .parquet file.")
    try:
        if path.stat().st_size > LARGEST:
            raise DataError(f"{path}: over {LARGEST >> 30} GB; expected a {what}. Use Parquet.")
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}).") from error
    read = next((kind for start, kind in KINDS.items() if content.startswith(start)), _text)
    raw = read(content, path, columns)
    names, notes = _names(path, raw.header, columns, needed, what)
    table = raw.table.set_axis(names, axis=1)
    for name in numbers:
        if name in names:
            table[name] = _with_points(table[name], raw.commas)
    return Table(table, raw.rows, (*raw.notes, *notes))


def plain(name: str) -> str:
    """Return a column's name as it is compared: without case, dots, dashes and blanks."""
    return re.sub(r"[\s._\-\u200b\ufeff]+", "", name).lower()


def _names(
    path: Path,
    header: list[str],
    columns: Mapping[str, Sequence[str]],
    needed: Sequence[str],
    what: str,
) -> tuple[list[str], list[str]]:
    """Return the header with known columns under their own names, and notes on what was renamed.

    Of a name's other names the first that is there counts. Raises DataError for two columns of one
    name and for a needed one that is not there.
    """
    names, notes = list(header), []
    compared = [plain(name) for name in header]
    for name, others in columns.items():
        ways = [[at for at, found in enumerate(header) if found == name]]
        ways += [
            [at for at, found in enumerate(compared) if found == plain(other) and
             (header[at] not in columns or header[at] == name)]
            for other in (name, *others)
        ]  # fmt: skip
        places = next((way for way in ways if way), [])
        if len(places) > 1:
            one, two = (f"{header[at]!r} (column {at + 1})" for at in places[:2])
            raise DataError(
                f"{path}: the columns {one} and {two} are both {name!r}; expected it once. Rename "
                "or delete one."
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
    """Return what is to be done where the first row of a table holds no names."""
    if any(re.fullmatch(r"[+-]?[0-9]+([.,][0-9]+)?|.*\.(png|jpe?g|bmp|webp)", name, re.IGNORECASE)
           for name in header):  # fmt: skip
        return " Is the header missing? The first row has to name the columns."
    return " Rename the columns."


def _different(names: list[str]) -> list[str]:
    """Return the names, each once: the second "note" is "note.1", one without a name "column 3"."""
    given = [name or f"column {at}" for at, name in enumerate(names, start=1)]
    found: list[str] = []
    for at, name in enumerate(given):
        number, one = 0, name
        while one in found or (number and one in given[at:]):
            number += 1
            one = f"{name}.{number}"
        found.append(one)
    return found


def _text(content: bytes, path: Path, columns: Mapping[str, Sequence[str]]) -> _Raw:
    text, notes = decoded(content, path)
    del content
    named = NAMED.match(text)
    text = text[named.end() :] if named else text
    separator = named[1] if named else _separator(text, columns)
    try:
        raw = _rows(text, separator, path, strict=True)
    except csv.Error as error:
        if "unexpected end" in str(error):
            raise DataError(f"{path}: a cell begins with a quote that nothing closes.") from error
        if "expected after" not in str(error):  # a quote within a cell does not end it
            raise DataError(f"{path}: cannot be read as a table ({error}).") from error
        raw = _rows(text, separator, path, strict=False)
    raw.notes, raw.commas = notes, separator == ","
    return raw


def _separator(text: str, columns: Mapping[str, Sequence[str]]) -> str:
    """Return the one that gives the most known columns, then the most columns."""
    known = {plain(one) for name, others in columns.items() for one in (name, *others)}
    found = {}
    for separator in SEPARATORS:
        rows = csv.reader(StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
        try:
            header = next((row for row in rows if any(map(str.strip, row))), [])
        except csv.Error:
            header = []
        found[separator] = sum(plain(name) in known for name in header), len(header)
    return max(SEPARATORS, key=lambda separator: found[separator])


def _rows(text: str, separator: str, path: Path, *, strict: bool) -> _Raw:
    file = StringIO(text, newline="")
    lines = enumerate(
        csv.reader(file, delimiter=separator, skipinitialspace=True, strict=strict), start=1
    )
    header = next(
        ([name.strip(BLANKS) for name in row] for _, row in lines if any(map(str.strip, row))), []
    )
    while header and not header[-1]:  # separators at the end of each row
        header.pop()
    if not header:
        raise DataError(f"{path}: is empty; expected a first row that names the columns.")
    if len(header) > WIDEST:
        raise DataError(f"{path}: {len(header)} columns; expected at most {WIDEST}.")
    return _table(header, lines, path, len(text) + PADDING)


def _table(
    header: list[str], lines: Iterator[tuple[int, Sequence[str | None]]], path: Path, most: int
) -> _Raw:
    """Return the rows that hold anything. Raises DataError for one that is longer than the header.

    lines    numbered rows below the header
    most     cells of the table, all together: what a short text may be padded to
    """
    wide, parts = len(header), []
    numbers: list[int] = []
    while chunk := list(islice(lines, CHUNK)):
        rows: list[Sequence[str | None]] = []
        for number, row in chunk:
            if len(row) > wide and any(cell and cell.strip(BLANKS) for cell in row[wide:]):
                raise DataError(
                    f"{path}, row {number}: {len(row)} cells; the first row names {wide} columns. "
                    "Is a separator in a cell without quotes, or does the header lack a name?"
                )
            if any(row):
                rows.append([*row[:wide], *[None] * (wide - len(row))])
                numbers.append(number)
        if len(numbers) * wide > most:
            raise DataError(f"{path}: most of its rows are far shorter than its first row.")
        parts.append(pd.DataFrame(rows, columns=range(wide), dtype=str))
    if not parts:
        parts = [pd.DataFrame(columns=range(wide), dtype=str)]
    table = pd.concat(parts, ignore_index=True)
    for name in table.columns:
        column = table[name].str.strip()
        table[name] = column.mask(column == "")
    kept = table.notna().any(axis=1).to_numpy(dtype=bool)
    table = table[kept].reset_index(drop=True)
    return _Raw(header, unguarded_table(table), np.array(numbers, np.int64)[kept], ())


def _parquet(content: bytes, path: Path, columns: Mapping[str, Sequence[str]]) -> _Raw:
    from pyarrow.parquet import read_table as read_arrow

    del columns
    try:
        read_arrow(BytesIO(content)).validate(full=True)  # else damage is met later, anywhere
        table = pd.read_parquet(BytesIO(content))
    except Exception as error:  # a damaged file: Arrow and pandas raise many kinds
        raise DataError(f"{path}: cannot be read as a Parquet table ({error}).") from error
    header = [str(name).strip(BLANKS) for name in table.columns]
    return _Raw(header, table, np.arange(1, len(table) + 1), ())


def _with_points(column: pd.Series, commas: bool) -> pd.Series:
    """Return numbers with a decimal point.

    commas    whether a comma separates the table's cells: then 1,234 may be a thousand, unless
              another number of the column shows that a comma is its decimal point
    """
    if not isinstance(column.dtype, pd.StringDtype) or not column.str.contains(",").any():
        return column
    found = column.str.fullmatch(DECIMAL_COMMA.pattern, na=False)
    if commas and column[found].str.fullmatch(THOUSANDS.pattern).all():
        return column
    return column.mask(found, column.str.replace(",", "."))


KINDS: dict[bytes, Callable[[bytes, Path, Mapping[str, Sequence[str]]], _Raw]] = {
    b"PAR1": _parquet,
}
