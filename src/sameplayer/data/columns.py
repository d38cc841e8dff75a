"""The columns of a crop table: names, types and checks.

Text stays text: "NA" and "null" are names. Only an empty or blank cell is missing, and a number in
a column of names (7, 7.0) is "7".
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from sameplayer.common.names import composed
from sameplayer.errors import DataError

COLUMNS = ("image", "person", "role", "sequence", "frame", "camera", "game", "team")
BOX = ("left", "top", "width", "height")
NUMBERS = ("frame", *BOX)
TEXT = (*(name for name in COLUMNS if name != "frame"), "split", "id", "number", "read_number")
ROLES = ("train", "query", "gallery", "distractor")
SCOPES = ("sequence", "game")
LONGEST_NUMBER = 60  # characters
THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}(,[0-9]{3})+")
DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+(?:[eE][+-]?[0-9]+)?")
MISSING_NUMBERS = ("", "na", "n/a", "nan", "null", "none", "<na>", "-")


def normalised(table: pd.DataFrame, root: Path) -> pd.DataFrame:
    """Return a copy with all columns in order, of their types, and rows numbered from 0.

    Raises DataError, naming root, column and row, for what cannot be such a table.
    """
    table = table.copy().reset_index(drop=True)
    table.columns = pd.Index([str(name) for name in table.columns])
    names = list(table.columns)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{root}: the column {twice!r} occurs twice; expected once.")
    for name in (*COLUMNS, *BOX):
        if name not in names:
            table[name] = np.nan if name in NUMBERS else pd.Series(pd.NA, table.index, "string")
    for name in TEXT:
        if name in table:
            table[name] = as_text(table[name], root)
    table["person"] = compose_names(table["person"])
    for name in NUMBERS:
        table[name] = parse_numbers(table[name], range(len(table)), root)
    table["role"] = table["role"].fillna("gallery")
    unknown = sorted(set(table["role"].unique()) - set(ROLES))
    if unknown:
        raise DataError(f"{root}: column 'role' holds {unknown}; expected one of {ROLES}.")
    _refuse_boxes(table, root)
    rest = [name for name in table.columns if name not in COLUMNS + BOX]
    return frozen(table[[*COLUMNS, *BOX, *rest]])


def frozen(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with read-only arrays of numbers.

    Text and other columns need nothing: pandas hands out read-only arrays of them, or copies.
    """
    table = table.copy(deep=False)
    for name in NUMBERS:
        missing = table[name].isna().to_numpy(dtype=bool, copy=True)
        values = table[name].to_numpy(dtype=float, na_value=0, copy=True)
        missing.flags.writeable = values.flags.writeable = False
        table[name] = pd.Series(pd.arrays.FloatingArray(values, missing), table.index, copy=False)
    return table


def compose_names(names: pd.Series) -> pd.Series:
    """Return names in Unicode's composed form, so that macOS folder names match tables."""
    others = {name: composed(name) for name in names.dropna().unique() if composed(name) != name}
    if not others:
        return names
    return names.map(lambda name: others.get(name, name), na_action="ignore").astype(names.dtype)


def refuse_gaps(table: pd.DataFrame, scope: str, root: Path) -> None:
    """Raise DataError where a row has a person and no scope: its identity would be undefined."""
    gaps = np.flatnonzero((table[scope].isna() & table["person"].notna()).to_numpy())
    if len(gaps):
        raise DataError(
            f"{root}: identities hold within a {scope}, but column {scope!r} is empty in "
            f"{len(gaps)} of {len(table)} rows, such as row {gaps[0]}, "
            f"{table['image'].iat[gaps[0]]}. Fill the column, or choose the scope in which persons "
            "are told apart: set, game or sequence."
        )


def as_text(column: pd.Series, root: Path) -> pd.Series:
    """Return a column as text: whole numbers without a decimal point, blank cells as missing."""
    if not isinstance(column.dtype, pd.StringDtype):
        if pd.api.types.is_float_dtype(column):
            column = column.astype(object)
        if column.dtype == object:
            column = column.map(_whole, na_action="ignore")
    try:
        text = column.astype("string")
    except ValueError as error:
        raise DataError(
            f"{root}: column {column.name!r} holds text that is not UTF-8: {error}."
        ) from error
    blank = text.str.strip() == ""
    return text.mask(blank) if blank.any() else text


def without_decimal_points(column: pd.Series) -> tuple[pd.Series, tuple[str, ...]]:
    """Return names without the ".0" of whole numbers, and notes.

    Where one cell of a column of whole numbers is empty, other programs write 7 as 7.0. A note
    tells of names such as 7.65E+16, of which a spreadsheet has kept the first digits only.
    """
    if not isinstance(column.dtype, pd.StringDtype):
        return column, ()
    known = column.dropna()
    short = known[known.str.contains("+", regex=False)]  # fast: few columns have any
    short = short[short.str.fullmatch(r"[0-9]+(?:[.,][0-9]+)?[eE]\+[0-9]+")]
    if len(short):
        return column, (
            f"The column {column.name!r} holds numbers such as {short.iat[0]}, which a spreadsheet "
            "has shortened: different ones may have become one. Export it again, as text.",
        )
    pointed = known[known.str.contains(".", regex=False)]
    if (
        not len(known)
        or len(pointed) < len(known)
        or not pointed.str.fullmatch(r"[0-9]+\.0+").all()
    ):
        return column, ()
    note = f"The column {column.name!r} holds numbers such as {known.iat[0]}; it is read without "
    return column.str.replace(r"\.0+$", "", regex=True), (note + "the point.",)


def _whole(value: object) -> object:
    if isinstance(value, float | np.floating):
        return str(int(value)) if float(value).is_integer() else str(value)
    return str(value)


def number_cells(column: pd.Series) -> pd.Series:
    """Return a numeric column unchanged; text stripped, with words such as NA as missing."""
    if pd.api.types.is_numeric_dtype(column):
        return column
    text = column.astype("string").str.strip()
    return text.mask(text.str.lower().isin(MISSING_NUMBERS))


def with_decimal_points(column: pd.Series, commas: bool) -> pd.Series:
    """Return numbers with a decimal point.

    commas    whether a comma separates the table's cells: then 1,234 may be a thousand, unless
              another number of the column shows that a comma is its decimal point
    """
    if not isinstance(column.dtype, pd.StringDtype) or not column.str.contains(",").any():
        return column
    with_comma = column.str.fullmatch(DECIMAL_COMMA.pattern, na=False)
    if commas and column[with_comma].str.fullmatch(THOUSANDS.pattern).all():
        return column
    return column.mask(with_comma, column.str.replace(",", "."))


def parse_numbers(
    column: pd.Series,
    rows: Sequence[int] | np.ndarray | range,
    where: str | Path,
    *,
    expected: str = "a number",
    infinite: bool = False,
) -> np.ndarray:
    """Return (n,) float64, NaN where a cell is empty.

    rows        (n,) numbers of the rows, for messages
    infinite    accept infinity

    Raises DataError, with row and column, for a cell that is not a number.
    """
    cells = given = number_cells(column)
    if isinstance(cells.dtype, pd.StringDtype):
        cells = cells.mask(cells.str.len() > LONGEST_NUMBER)
    numbers = _as_floats(cells)
    wrong = np.isnan(numbers) & given.notna().to_numpy(bool)
    wrong |= np.isinf(numbers) & (not infinite)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            f"{where}, row {rows[row]}: column {column.name!r} is {str(given.iat[row])[:60]!r}; "
            f"expected {expected}."
        )
    return numbers


def _as_floats(cells: pd.Series) -> np.ndarray:
    """Return (n,) float64, NaN where a cell is missing or not a number."""
    if isinstance(cells.dtype, pd.StringDtype):
        try:  # a tenth of the time of to_numeric, where all cells are plain numbers
            return pa.array(cells).cast(pa.float64()).to_numpy(zero_copy_only=False)
        except (pa.ArrowInvalid, AttributeError):
            pass
    numbers: np.ndarray = pd.to_numeric(cells, errors="coerce").to_numpy(float, na_value=np.nan)
    return numbers


def _refuse_boxes(table: pd.DataFrame, root: Path) -> None:
    """Raise DataError for a row with some of the box columns only."""
    given = table[list(BOX)].notna().to_numpy()
    half = np.flatnonzero(given.any(axis=1) & ~given.all(axis=1))
    if len(half):
        row = half[0]
        missing = ", ".join(name for name, has in zip(BOX, given[row], strict=True) if not has)
        raise DataError(
            f"{root}: row {row}, {table['image'].iat[row]}: half a box, {missing} missing; "
            f"expected all of {', '.join(BOX)}, or none for the whole picture ({len(half)} such "
            "rows)."
        )


def unmatched_names(named: Collection[str], known: Collection[str], here: str, there: str) -> str:
    """Return a note on names that are not known, or "" where all are.

    here, there    what names and what knows them, as in "persons.csv"

    Where only zeros in front keep names apart, the sentence says so: spreadsheets take 0007 for 7.
    """
    known = set(known)
    lost = [name for name in dict.fromkeys(named) if name not in known]
    if not lost:
        return ""
    count = f"{len(lost)} of {len(set(named))} persons of {here}"
    text = f"{count} {'is' if len(lost) == 1 else 'are'} not in {there}, such as {lost[0]!r}."
    plain = {name.lstrip("0"): name for name in known if name.isdigit()}
    near = [name for name in lost if name.isdigit() and name.lstrip("0") in plain]
    if near:
        text += (
            f" {len(near)} of them differ in leading zeros only: {near[0]!r} here is "
            f"{plain[near[0].lstrip('0')]!r} there. Spreadsheets do so; write such ids as text in "
            "both places."
        )
    return text
