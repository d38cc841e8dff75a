"""Excel files (.xlsx): the values of the first sheet, as text."""

from __future__ import annotations

import re
import warnings
from contextlib import closing
from datetime import datetime, time
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, LargeZipFile, ZipFile

from sameplayer.errors import DataError, SameplayerError, import_extra

UNPACKED = 100_000_000  # bytes that all parts of a file may have
ROWS = 1_048_576  # as Excel has at most
CELLS = 10_000_000
SAVE = "Save it as .xlsx or as CSV in UTF-8."


def old_excel(path: Path) -> DataError:
    """Return the error for a file that begins as .xls does, or an .xlsx with a password."""
    return DataError(f"{path}: is an old Excel file (.xls), or one with a password. {SAVE}")


def sheet_rows(content: bytes, path: Path) -> tuple[list[tuple[int, list[str]]], list[str]]:
    """Return the numbered rows of the first sheet, from 1, and the names of the other sheets.

    Values stand for formulas; whole numbers have no point, dates are ISO, and a number that is
    shown as 007 is "007". Rows without cells are left out. Raises MissingExtra without openpyxl,
    and DataError for another file and for one that unpacks to over 100 MB.
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
                rows = _rows(sheets[0], path) if sheets else []
                return rows, [one.title for one in book.worksheets if one is not sheets[0]]
    except SameplayerError:
        raise
    except Exception as error:  # a damaged file: openpyxl raises many kinds
        raise _damaged(path, error) from error


def _refuse_others(content: bytes, path: Path) -> None:
    try:
        with ZipFile(BytesIO(content)) as archive:
            parts = {one.filename: one.file_size for one in archive.infolist()}
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
    found, cells = [], 0
    for number, row in enumerate(sheet.iter_rows(), start=1):
        cells += len(row)
        if number > ROWS or cells > CELLS:
            raise DataError(
                f"{path}: over {ROWS} rows or {CELLS} cells. Save it as CSV in UTF-8, without "
                "columns that are empty."
            )
        texts = [_text(cell) for cell in row]
        if any(texts):
            found.append((number, texts))
    return found


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
