"""Cells of tables that people open: one line of text each, and nothing that a spreadsheet runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd

from sameplayer.errors import DataError
from sameplayer.files import whole_file

FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
"""How a text begins that a spreadsheet takes for a formula, however often it was guarded."""
NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
SEPARATORS = (",", ";", "\t")
NAMED = re.compile(r"[\r\n]*\"?sep=(.)\"?[,;\t]*\r?\n", re.IGNORECASE)
"""A first line that names the separator for spreadsheets, "sep=;"."""
EXCEL = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # how .xlsx and .xls begin


def guarded(text: str) -> str:
    """Return a text as a cell: with an apostrophe before it where a spreadsheet would run it."""
    return f"'{text}" if FORMULA.match(text) and not NUMBER.fullmatch(text) else text


def unguarded(cell: str) -> str:
    """Return the text of a cell that ``guarded`` made; other cells stay as they are."""
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell


def write_csv(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table as CSV, its texts ``guarded``, whole or not at all; DataError where it fails.

    ``data.crops.read_csv`` takes the apostrophes back.
    """
    with whole_file(path) as partial:
        guarded_table(table).to_csv(partial, index=False)


def read_text_table(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Read a table (.csv) as spreadsheets save it: every cell a text, an empty one missing.

    columns    that are expected, for the words of an error

    Commas, semicolons or tabs between the cells, or what a first line such as "sep=|" names; UTF-8,
    UTF-16 or Windows-1252; the apostrophes of ``guarded`` are taken back. Raises DataError for an
    Excel file and for what is no table.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}).") from error
    if content.startswith(EXCEL):
        raise DataError(
            f"{path} is an Excel file. Save it as CSV with the columns {', '.join(columns)}."
        )
    try:
        text = _decoded(content)
        named = NAMED.match(text)
        text = text[named.end() :] if named else text
        head = text.lstrip("\r\n").partition("\n")[0]
        separator = named[1] if named else max(SEPARATORS, key=head.count)
        table = pd.read_csv(
            StringIO(text), sep=separator, dtype=str, keep_default_na=False, na_values=[""],
            skipinitialspace=True,
        )  # fmt: skip
    except (ValueError, OverflowError) as error:
        raise DataError(f"{path}: cannot be read as a table ({error}).") from error
    return unguarded_table(table)


def _decoded(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252")


def guarded_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with its texts ``guarded``."""
    return _mapped(table, FORMULA, guarded)


def unguarded_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table that ``guarded_table`` was given."""
    return _mapped(table, re.compile("'"), unguarded)


def _mapped(
    table: pd.DataFrame, begin: re.Pattern[str], change: Callable[[str], str]
) -> pd.DataFrame:
    """Return the table with the cells changed that begin so; other columns are not copied."""
    table = table.copy(deep=False)
    for place, name in enumerate(table.columns):
        column = table.iloc[:, place]
        if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
            continue
        if isinstance(column.dtype, pd.StringDtype):
            hits = np.flatnonzero(column.str.match(begin, na=False)).tolist()
        else:
            hits = [
                row for row, cell in enumerate(column.tolist())
                if isinstance(cell, str) and begin.match(cell)
            ]  # fmt: skip
        if hits:
            values = column.astype(object)
            values.iloc[hits] = [change(values.iloc[row]) for row in hits]
            table[name] = values.astype(column.dtype)
    return table
