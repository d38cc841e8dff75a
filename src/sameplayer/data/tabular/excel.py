"""Excel files (.xlsx): the values of one sheet, as text."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime, time
from io import BytesIO
from pathlib import Path
from typing import Any, NoReturn
from zipfile import BadZipFile, LargeZipFile, ZipFile

from sameplayer.data.tabular.column_names import ABOVE, KnownColumns
from sameplayer.errors import DataError, SameplayerError, import_extra

UNPACKED = 100_000_000  # bytes that all parts of a file may have
ROWS = 1_048_576  # as Excel has at most
CELLS = 10_000_000
SHEETS = 100  # that are looked at
SAVE = "Save it as .xlsx or as CSV in UTF-8."
MERGED = re.compile(rb'<(?:\w+:)?mergeCell\s+ref="([A-Z]{1,3})([0-9]{1,7}):[A-Z]{1,3}([0-9]{1,7})"')
CELL = re.compile(
    rb"<(?:\w+:)?c\s([^>]*[^>/])>\s*<(?:\w+:)?f\b[^>]*(?:/>|>[^<]*</(?:\w+:)?f>)\s*"
    rb"(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)
"""A cell with a formula and no value, as programs save that do not calculate."""


def refuse_old_excel(content: bytes, path: Path, known: KnownColumns) -> NoReturn:
    """Raise DataError for a file that begins as .xls does, or an .xlsx with a password."""
    raise DataError(f"{path}: is an old Excel file (.xls), or one with a password. {SAVE}")


def sheet_rows(
    content: bytes, path: Path, known: KnownColumns
) -> tuple[list[tuple[int, list[str]]], tuple[str, ...]]:
    """Return the numbered rows of a sheet, from 1, and notes on what is not read.

    Of several sheets the first that names the needed columns, else the first that holds anything.
    Values stand for formulas; whole numbers have no point, dates are ISO, and a number that is
    shown as 007 is "007". A value of cells that are merged downwards stands in each of them. Rows
    without cells are left out. Raises MissingExtra without openpyxl, and DataError for another
    file and for one that unpacks to over 100 MB.
    """
    _refuse_others(content, path)
    openpyxl = import_extra("openpyxl", "excel", f"{path}: an Excel file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(
                BytesIO(content), read_only=True, data_only=True, keep_links=False
            )
            with closing(book):
                sheets = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
                if not sheets:
                    return [], ()
                sheet = max(sheets[:SHEETS], key=lambda candidate: _fits(candidate, known))
                rows = _rows(sheet, path)
                with ZipFile(BytesIO(content)) as archive:
                    notes = [*_filled(rows, archive.read(sheet._worksheet_path), path)]
                return rows, (*notes, *_of_others(sheet, sheets, book.worksheets))
    except SameplayerError:
        raise
    except Exception as error:  # a damaged file: openpyxl raises many kinds
        raise _damaged(path, error) from error


def _fits(sheet: Any, known: KnownColumns) -> tuple[bool, bool]:
    """Tell whether one of a sheet's first rows names the needed columns, and holds anything."""
    sheet.reset_dimensions()  # what the file says of its size is not believed
    rows = [list(map(_text, row)) for row in sheet.iter_rows(max_row=ABOVE)]
    filled = [row for row in rows if any(row)]
    return any(map(known.is_header, filled)), bool(filled)


def _of_others(sheet: Any, visible: Sequence[Any], sheets: Sequence[Any]) -> Iterator[str]:
    others = [other.title for other in sheets if other is not sheet]
    if others:
        unread = f"The sheet{'s' * (len(others) > 1)} {', '.join(others)[:200]}"
        only = "the first" if sheet is visible[0] else sheet.title
        yield f"{unread} {'are' if len(others) > 1 else 'is'} not read: only {only}."


def _filled(rows: list[tuple[int, list[str]]], xml: bytes, path: Path) -> Iterator[str]:
    """Copy values into cells that are merged downwards; yield notes."""
    merged, cells, at = [], 0, dict(rows)
    for match in MERGED.finditer(xml):
        letters, first, last = match[1].decode(), int(match[2]), int(match[3])
        column = 0
        for letter in letters:
            column = 26 * column + ord(letter) - ord("A") + 1
        value = at.get(first, [])[column - 1 : column]
        below = range(first + 1, min(last, ROWS) + 1) if value and value[0] else ()
        for row in (at[number] for number in below if number in at):
            cells += max(1, column - len(row))
            if cells > CELLS:
                raise DataError(f"{path}: over {CELLS} merged cells. {SAVE}")
            row += [""] * (column - len(row))
            row[column - 1] = value[0]
            merged.append(f"{letters}{first}")
    if merged:
        yield f"Merged cells, such as {merged[0]}, have their value in each row that they span."
    empty = [match[1] for match in CELL.finditer(xml) if b't="str"' not in match[1]]
    if empty:
        name = re.search(rb'r="([A-Z]+[0-9]+)"', empty[0])
        example = f", such as {name[1].decode()}" if name else ""
        yield (
            f"Cells with formulas ({len(empty)}{example}) hold no value in the file and are read "
            "as empty. Open it in a spreadsheet program, and save it there."
        )


def _refuse_others(content: bytes, path: Path) -> None:
    try:
        with ZipFile(BytesIO(content)) as archive:
            parts = {part.filename: part.file_size for part in archive.infolist()}
    except (BadZipFile, LargeZipFile, OSError, ValueError, NotImplementedError) as error:
        raise _damaged(path, error) from error
    if "content.xml" in parts:
        raise DataError(f"{path}: is a table of LibreOffice (.ods). {SAVE}")
    if any(name.endswith(".iwa") or name == "Index.zip" for name in parts):
        raise DataError(f"{path}: is a table of Apple's Numbers. Export it as CSV.")
    if "xl/workbook.bin" in parts:
        raise DataError(f"{path}: is a binary Excel file (.xlsb). {SAVE}")
    if "[Content_Types].xml" not in parts:
        raise DataError(f"{path}: is a zip archive; expected a table. Unpack it first.")
    if sum(parts.values()) > UNPACKED:
        raise DataError(
            f"{path}: unpacks to {sum(parts.values()) / 1e6:.0f} MB; expected at most "
            f"{UNPACKED // 1_000_000} MB. Save it as CSV in UTF-8."
        )


def _rows(sheet: Any, path: Path) -> list[tuple[int, list[str]]]:
    sheet.reset_dimensions()  # what the file says of its size is not believed
    rows, cells = [], 0
    for number, row in enumerate(sheet.iter_rows(), start=1):
        cells += len(row)
        if number > ROWS or cells > CELLS:
            raise DataError(
                f"{path}: over {ROWS} rows or {CELLS} cells. Save it as CSV in UTF-8, without "
                "columns that are empty."
            )
        texts = [_text(cell) for cell in row]
        if any(texts):
            rows.append((number, texts))
    return rows


def _text(cell: Any) -> str:
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    if type(value) is int and re.fullmatch("0+", cell.number_format or ""):
        return str(value).zfill(len(cell.number_format))
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ")
    return str(value)


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(f"{path}: cannot be read as an Excel file ({error}). {SAVE}")
