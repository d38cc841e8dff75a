"""Cells of tables for people: text that no spreadsheet runs as a formula."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from sameplayer.common.files import whole_file

FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
"""Start of a text that a spreadsheet takes for a formula, guarded any number of times."""
NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")


def guarded(text: str) -> str:
    """Return a text as a cell: with an apostrophe in front where a spreadsheet would run it."""
    return f"'{text}" if FORMULA.match(text) and not NUMBER.fullmatch(text) else text


def unguarded(cell: str) -> str:
    """Return the text of a cell that ``guarded`` made; other cells stay as they are."""
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell


def write_csv(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table as CSV, its texts ``guarded``, whole or not at all; DataError where it fails.

    ``data.tabular.read_table`` removes the apostrophes.
    """
    with whole_file(path) as partial:
        guarded_table(table).to_csv(partial, index=False)


def guarded_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with its texts ``guarded``."""
    return _mapped(table, FORMULA, guarded)


def unguarded_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table that ``guarded_table`` was given."""
    return _mapped(table, re.compile("'"), unguarded)


def _mapped(
    table: pd.DataFrame, begin: re.Pattern[str], change: Callable[[str], str]
) -> pd.DataFrame:
    """Return the table with ``change`` applied to cells that match ``begin``; others are shared."""
    table = table.copy(deep=False)
    for place, name in enumerate(table.columns):
        column = table.iloc[:, place]
        if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
            continue
        if isinstance(column.dtype, pd.StringDtype):
            hits = np.flatnonzero(column.str.match(begin, na=False)).tolist()
        else:
            hits = [
                row
                for row, cell in enumerate(column.tolist())
                if isinstance(cell, str) and begin.match(cell)
            ]
        if hits:
            values = column.astype(object)
            values.iloc[hits] = [change(values.iloc[row]) for row in hits]
            table[name] = values.astype(column.dtype)
    return table
