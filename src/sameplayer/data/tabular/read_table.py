"""Reading tables of other programs: delimited text, Parquet and Excel."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO, StringIO
from itertools import chain, islice
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from sameplayer.common.cells import unguarded_table
from sameplayer.data.columns import with_decimal_points
from sameplayer.data.tabular.column_names import (
    ABOVE,
    KnownColumns,
    find_separator,
    plain,
    rename_columns,
)
from sameplayer.data.tabular.encodings import decoded
from sameplayer.data.tabular.excel import refuse_old_excel, sheet_rows
from sameplayer.errors import DataError, MissingFile

NAMED = re.compile(r"[\r\n]*\"?sep=(.)\"?[,;\t]*(\r\n|\r|\n)", re.IGNORECASE)
"""A first line that names the separator for spreadsheets, "sep=;"."""
LARGEST = 1 << 30  # bytes of a file
ERRORS = ("#REF!", "#NAME?", "#VALUE!", "#DIV/0!", "#N/A", "#NUM!", "#NULL!")
WIDEST = 1 << 14  # columns, as a spreadsheet has at most
PADDING = 1_000_000  # cells that rows may be shorter than the header, all together
CHUNK = 50_000
BLANKS = " \t\r\n\xa0\u200b\ufeff"
AS_TEXT = r'="([^"]*)"'  # ="007", by which programs keep the zeros in a spreadsheet


@dataclass(frozen=True, eq=False)
class Table:
    """A table as read from a file.

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
    source: str | Path | pd.DataFrame,
    columns: Mapping[str, Sequence[str]],
    *,
    needed: Sequence[str] = (),
    numbers: Collection[str] = (),
    what: str = "table",
    where: Path = Path(),
) -> Table:
    """Read a table: text with separators, Excel or Parquet; the content decides, not the ending.

    source     path of a file; or a DataFrame, of which only the columns are renamed
    columns    name -> other usual names; letters' case, dots, dashes, underscores and blanks do
               not count
    needed     names that must be there, each once
    numbers    names of columns of numbers, known or not: a decimal comma in them becomes a point
    what       what the table is, for messages: "roster"
    where      where a DataFrame is from, for messages

    Text has commas, semicolons, tabs or bars between its cells, or what a first line such as
    "sep=:" names. The header is the first row, or where that lacks a needed column, the first of
    the next ones that names all. Rows without any cell are left out; the apostrophes of
    ``cells.guarded`` are taken back.
    Raises MissingFile, and DataError, with file and row, for an invalid table.
    """
    if isinstance(source, pd.DataFrame):
        path, raw = where, _of_frame(source)
    else:
        path = Path(source)
        raw = _read_file(path, KnownColumns(columns, needed), what)
    names, notes = rename_columns(path, raw.header, columns, needed, what)
    table = raw.table.set_axis(names, axis=1)
    counted = {plain(name) for name in numbers}
    for name in names:
        if plain(name) in counted:
            table[name] = with_decimal_points(table[name], raw.commas)
    return Table(table, raw.rows, (*raw.notes, *notes))


def _read_file(path: Path, known: KnownColumns, what: str) -> _Raw:
    if not path.is_file():
        raise MissingFile(f"{path}: no such file; expected a {what} as .csv, .xlsx or .parquet.")
    try:
        if path.stat().st_size > LARGEST:
            raise DataError(f"{path}: over {LARGEST >> 30} GB; expected a {what}. Use Parquet.")
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}).") from error
    read = next((kind for start, kind in KINDS.items() if content.startswith(start)), _text)
    return read(content, path, known)


def _text(content: bytes, path: Path, known: KnownColumns) -> _Raw:
    text, notes = decoded(content, path)
    named = NAMED.match(text)
    text = text[named.end() :] if named else text
    separator = named[1] if named else find_separator(text, known)
    try:
        raw = _regular(text, separator, path, known) or _rows(
            text, separator, path, known, strict=True
        )
    except csv.Error as error:
        if "unexpected end" in str(error):
            raise DataError(f"{path}: a cell begins with a quote that is never closed.") from error
        if "expected after" not in str(error):  # a quote within a cell does not end it
            raise DataError(f"{path}: cannot be read as a table ({error}).") from error
        raw = _rows(text, separator, path, known, strict=False)
    raw.notes, raw.commas = (*notes, *raw.notes), separator == ","
    return raw


def _regular(text: str, separator: str, path: Path, known: KnownColumns) -> _Raw | None:
    """Return the result of ``_rows`` in a third of the time; None where rows differ in length."""
    begin = len(text) - len(text.lstrip("\r\n"))
    blank = len(text[:begin].splitlines())
    try:
        first = next(_reader(text[begin:][: 1 << 16], separator, strict=True))
        lines = text.count("\n") + text.count("\r")
        if not known.is_header(first) or not any(map(str.strip, first)):
            return None
        if lines * len(first) > len(text) + PADDING:
            return None
        table = pd.read_csv(
            StringIO(text[begin:]),
            sep=separator,
            header=None,
            names=range(len(first)),
            dtype=str,
            keep_default_na=False,
            na_values=[""],
            skipinitialspace=True,
            skip_blank_lines=False,
        )
    except (csv.Error, StopIteration, ValueError, OverflowError):
        return None
    header = _header(first, path)
    if table.iloc[1:, len(header) :].notna().any(axis=None):
        return None
    numbers = np.arange(blank + 2, blank + 1 + len(table))
    return _cleaned(header, table.iloc[1:, : len(header)].reset_index(drop=True), numbers)


def _rows(text: str, separator: str, path: Path, known: KnownColumns, *, strict: bool) -> _Raw:
    rows = _reader(text, separator, strict=strict)
    return _under_header(enumerate(rows, start=1), path, len(text), known)


def _reader(text: str, separator: str, *, strict: bool) -> Iterator[list[str]]:
    return csv.reader(
        StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=strict
    )


def _excel(content: bytes, path: Path, known: KnownColumns) -> _Raw:
    rows, notes = sheet_rows(content, path, known)
    raw = _under_header(iter(rows), path, sum(len(row) for _, row in rows), known)
    raw.notes += notes
    return raw


def _under_header(
    lines: Iterator[tuple[int, list[str]]], path: Path, cells: int, known: KnownColumns
) -> _Raw:
    """Return the table below the header of numbered rows of at most ``cells`` cells."""
    head = list(islice((line for line in lines if any(map(str.strip, line[1]))), ABOVE))
    at = known.header([row for _, row in head])
    header = _header(head[at][1] if head else [], path)
    raw = _table(header, chain(head[at + 1 :], lines), path, cells + PADDING)
    if at:
        title = next(cell.strip() for cell in head[0][1] if cell.strip())
        rows = "The row above the header is" if at == 1 else f"{at} rows above the header are"
        raw.notes += (f"{rows} not read: {title[:60]!r}.",)
    return raw


def _header(row: list[str], path: Path) -> list[str]:
    header = [name.strip(BLANKS) for name in row]
    while header and not header[-1]:  # separators at the end of each row
        header.pop()
    if not header:
        raise DataError(f"{path}: is empty; expected a first row that names the columns.")
    if len(header) > WIDEST:
        raise DataError(f"{path}: {len(header)} columns; expected at most {WIDEST}.")
    return header


def _table(
    header: list[str], lines: Iterator[tuple[int, list[str]]], path: Path, most: int
) -> _Raw:
    """Return the rows that hold anything. Raises DataError for one that is longer than the header.

    lines    numbered rows below the header
    most     cells of the table, all together: what a short text may be padded to
    """
    wide, parts = len(header), []
    numbers: list[int] = []
    lines = ((number, row) for number, row in lines if row)
    while chunk := list(islice(lines, CHUNK)):
        places, rows = map(list, zip(*chunk, strict=True))
        for at, row in enumerate(rows):
            if len(row) != wide:
                rows[at] = _of_width(row, wide, path, places[at])
        numbers += places
        if len(numbers) * wide > most:
            raise DataError(f"{path}: most of its rows are far shorter than its first row.")
        parts.append(
            pd.DataFrame(
                {
                    name: pd.array(pa.array(cells, pa.string()), dtype="str")
                    for name, cells in enumerate(zip(*rows, strict=True))
                }
            )
        )
    table = pd.concat(parts or [pd.DataFrame(columns=range(wide), dtype=str)], ignore_index=True)
    return _cleaned(header, table, np.array(numbers, np.int64))


def _cleaned(header: list[str], table: pd.DataFrame, numbers: np.ndarray) -> _Raw:
    """Return rows that hold anything, without blanks around cells and errors of spreadsheets."""
    notes = []
    for place in range(len(header)):
        column = table[place].str.strip()
        if column.str.startswith('="').any():
            column = column.str.replace(f"^{AS_TEXT}$", r"\1", regex=True).str.strip()
        wrong = np.flatnonzero(column.isin(ERRORS))
        if len(wrong):
            notes.append(
                f"Cells of the column {header[place]!r} ({len(wrong)}) hold an error of a "
                f"spreadsheet, such as {column.iat[wrong[0]]} in row {numbers[wrong[0]]}; they "
                "count as empty."
            )
        table[place] = column.mask(column.isin(("", *ERRORS)))
    kept = table.notna().any(axis=1).to_numpy(dtype=bool)
    table = table[kept].reset_index(drop=True)
    return _Raw(header, unguarded_table(table), numbers[kept], (*notes,))


def _of_width(row: list[str], wide: int, path: Path, number: int) -> list[str]:
    if any(cell and cell.strip(BLANKS) for cell in row[wide:]):
        raise DataError(
            f"{path}, row {number}: {len(row)} cells; columns in the header: {wide}. Is a "
            "separator in a cell without quotes, does the header lack a name, or is it none?"
        )
    return [*row[:wide], *[""] * (wide - len(row))]


def _parquet(content: bytes, path: Path, known: KnownColumns) -> _Raw:
    from pyarrow.parquet import read_table as read_arrow

    try:
        arrow = read_arrow(BytesIO(content))
        arrow.validate(full=True)  # else damage is met later, anywhere
        table = arrow.to_pandas()
    except Exception as error:  # a damaged file: Arrow and pandas raise many kinds
        raise DataError(f"{path}: cannot be read as a Parquet table ({error}).") from error
    return _of_frame(table)


def _of_frame(table: pd.DataFrame) -> _Raw:
    """Return a DataFrame with its named index levels as columns."""
    levels = [name for name in table.index.names if name not in (None, *table.columns)]
    table = table.reset_index(levels) if levels else table
    header = [str(name).strip(BLANKS) for name in table.columns]
    return _Raw(header, table, np.arange(1, len(table) + 1), ())


KINDS: dict[bytes, Callable[[bytes, Path, KnownColumns], _Raw]] = {
    b"PAR1": _parquet,
    b"PK\x03\x04": _excel,
    b"\xd0\xcf\x11\xe0": refuse_old_excel,
}
