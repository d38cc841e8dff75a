"""Cells of tables that people open: nothing that a spreadsheet runs, and all of it read back."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from sameplayer.common.cells import guarded, unguarded, unguarded_table, write_csv
from sameplayer.data.crops import Crops, read_crops, write_crops
from sameplayer.data.tabular.read_table import read_table

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
    back = read_table(tmp_path / "a.csv", {}).table
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
