"""Excel files: the first sheet as it is shown, and nothing that is larger than it says."""

from __future__ import annotations

import datetime
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from sameplayer.data.tabular import excel
from sameplayer.data.tabular.read_table import read_table
from sameplayer.errors import DataError, MissingExtra

openpyxl = pytest.importorskip("openpyxl")


def saved(path: Path, rows: list[list[Any]], *sheets: str) -> Path:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for name in sheets:
        book.create_sheet(name)
    book.save(path)
    return path


@pytest.mark.parametrize("name", ["a.xlsx", "a.csv", "a.txt"])
def test_cells_are_read_as_they_are_shown(tmp_path: Path, name: str) -> None:
    day, moment = datetime.date(2026, 2, 15), datetime.datetime(2026, 2, 15, 9, 30)
    rows = [["name", "number"], ["Ana", 7.0], [], ["Bo", 12.5], [day, moment], ["=1+1", "007"]]
    path = saved(tmp_path / name, rows, "2024", "old")
    book = openpyxl.load_workbook(BytesIO(path.read_bytes()))
    book.active["A8"], book.active["B8"] = "Cy", 7
    book.active["B8"].number_format = "000"
    book.save(path)
    found = read_table(path, {"name": (), "number": ()})
    assert found.table["number"].tolist() == ["7", "12.5", "2026-02-15 09:30:00", "007", "007"]
    assert found.table["name"].iloc[[0, 1, 2, 4]].tolist() == ["Ana", "Bo", "2026-02-15", "Cy"]
    assert found.rows.tolist() == [2, 4, 5, 6, 8]
    assert found.notes == (
        "Cells with formulas (1, such as A6) hold no value in the file and are read as empty. Open "
        "it in a spreadsheet program, and save it there.",
        "The sheets 2024, old are not read: only the first.",
    )


def test_a_text_is_read_as_text_whatever_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_text("name\nAna\n")
    assert read_table(tmp_path / "a.xlsx", {}).table["name"].tolist() == ["Ana"]


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("content.xml", r"LibreOffice \(\.ods\). Save it as \.xlsx"),
        ("Index/Document.iwa", "Apple's Numbers"),
        ("xl/workbook.bin", r"binary Excel file \(\.xlsb\)"),
        ("readme.txt", "is a zip archive; expected a table"),
        ("[Content_Types].xml", "cannot be read as an Excel file"),
    ],
)
def test_other_archives_are_called_what_they_are(tmp_path: Path, part: str, words: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as archive:
        archive.writestr(part, "x")
    with pytest.raises(DataError, match=words):
        read_table(tmp_path / "a.xlsx", {})


def test_a_file_that_unpacks_to_more_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path / "a.xlsx", [["name"], ["Ana"]])
    monkeypatch.setattr(excel, "UNPACKED", 5_000)
    with pytest.raises(DataError, match="unpacks to 0 MB; expected at most"):
        read_table(path, {})
    monkeypatch.setattr(excel, "UNPACKED", 1 << 20)
    wide = saved(tmp_path / "b.xlsx", [["name"]])
    book = openpyxl.load_workbook(wide)
    for row in range(2, 12):
        book.active.cell(row, 16_000, "x")
    book.save(wide)
    monkeypatch.setattr(excel, "CELLS", 100_000)
    with pytest.raises(DataError, match="or 100000 cells"):
        read_table(wide, {})


def test_without_the_extra_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path / "a.xlsx", [["name"], ["Ana"]])
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    with pytest.raises(MissingExtra, match=r"sameplayer\[excel\]"):
        read_table(path, {})


def test_the_sheet_with_the_needed_columns_is_read(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.xlsx", [["Season 2026/27"]], "squad", "old")
    book = openpyxl.load_workbook(path)
    for row in (["Squad"], [], ["name"], ["Ana"]):
        book["squad"].append(row)
    book.save(path)
    found = read_table(path, {"name": ()}, needed=("name",))
    assert (found.table["name"].tolist(), found.rows.tolist()) == (["Ana"], [4])
    assert found.notes == (
        "The row above the header is not read: 'Squad'.",
        "The sheets Sheet, old are not read: only squad.",
    )


def test_merged_cells_count_in_each_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [["team", "name"], ["Reds", "Ana"], [None, "Bo"], ["Blues", "Cy"], [None, "Di"]]
    path = saved(tmp_path / "a.xlsx", rows)
    book = openpyxl.load_workbook(path)
    for cells in ("A2:A3", "A4:A9", "D2:D3"):
        book.active.merge_cells(cells)
    book.save(path)
    found = read_table(path, {"name": ()})
    assert found.table["team"].tolist() == ["Reds", "Reds", "Blues", "Blues"]
    assert found.notes == (
        "Merged cells, such as A2, have their value in each row that they span.",
    )
    monkeypatch.setattr(excel, "CELLS", 2)
    with pytest.raises(DataError, match="over 2 merged cells"):
        list(excel._filled([(1, ["", "", "x"]), (2, [])], b'<mergeCell ref="C1:C2"/>', path))
