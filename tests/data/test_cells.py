"""Cells of tables that people open: nothing that a spreadsheet runs, and all of it read back."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from sameplayer.data.cells import (
    guarded,
    read_text_table,
    unguarded,
    unguarded_table,
    write_csv,
)
from sameplayer.data.crops import Crops, read_crops, write_crops
from sameplayer.errors import DataError

NAMES = ["=1+1", "+1+1", "-cam", "@SUM(A1)", "\t=1", "'=1", "''@x", "'Ana", "-1", "+7", "3.5", "Bo"]


@pytest.mark.parametrize("text", NAMES)
def test_a_cell_is_no_formula_and_is_taken_back(text: str) -> None:
    cell = guarded(text)
    assert unguarded(cell) == text
    number = text.lstrip("+-").replace(".", "").isdigit()
    assert number or cell[0] not in "=+-@\t\r\n"
    assert (cell == text) == (number or text in ("'Ana", "Bo"))


def test_a_table_is_written_guarded_and_read_back(tmp_path: Path) -> None:
    table = pd.DataFrame({"name": [*NAMES, None], "score": range(len(NAMES) + 1)})
    write_csv(table, tmp_path / "a.csv")
    raw = pd.read_csv(tmp_path / "a.csv", dtype=str)
    assert raw["name"].iloc[0] == "'=1+1"
    assert unguarded_table(raw)["name"].iloc[:-1].tolist() == NAMES
    back = read_text_table(tmp_path / "a.csv", ("name",))
    assert back["name"].iloc[:-1].tolist() == NAMES
    assert back["name"].isna().iloc[-1]
    assert table["name"].iloc[0] == "=1+1"


def test_a_crop_table_holds_no_formula_and_is_read_back(tmp_path: Path) -> None:
    people = ["=1+1", "@Ana", "-1"]
    table = pd.DataFrame({"image": ["=a.jpg", "b.jpg", "c.jpg"], "person": people, "role": "train"})
    write_crops(Crops(table, tmp_path, None, "table"), tmp_path / "crops.csv")
    assert "'=a.jpg,'=1+1" in (tmp_path / "crops.csv").read_text()
    back = read_crops(tmp_path / "crops.csv").table
    assert back["person"].tolist() == people
    assert back["image"].tolist() == ["=a.jpg", "b.jpg", "c.jpg"]


def test_tables_are_read_as_spreadsheets_save_them(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    for content in (
        "name,nr\nGrün,07\n".encode(), "name;nr\r\nGrün;07\r\n".encode("utf-8-sig"),
        "name\tnr\nGrün\t07\n".encode("utf-16"), "name;nr\nGrün;07\n".encode("cp1252"),
    ):  # fmt: skip
        path.write_bytes(content)
        assert read_text_table(path, ("name",)).to_dict("list") == {"name": ["Grün"], "nr": ["07"]}


@pytest.mark.parametrize("content", [b"PK\x03\x04rest", b"\xd0\xcf\x11\xe0rest"])
def test_an_excel_file_is_called_one(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "r.xlsx"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"is an Excel file\. Save .* the columns a, b\."):
        read_text_table(path, ("a", "b"))
